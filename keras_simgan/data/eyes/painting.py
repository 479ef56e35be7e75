"""Paints one eye: skin with an opening, the eyeball in it, lashes and brow over both.

Works on one image's pixel grid in float32; lengths are millimetres.
"""

import numpy as np

from keras_simgan.data.eyes.geometry import LID_SAMPLES, EyeGeometry, normal
from keras_simgan.data.eyes.globe import GlobePainter
from keras_simgan.data.eyes.look import Grid, Look, mix, smooth_noise
from keras_simgan.data.eyes.skin import SkinPainter


def paint_eye(
    rng: np.random.Generator, geometry: EyeGeometry, channels: int, grid: Grid
) -> tuple[np.ndarray, np.ndarray]:
    """Paints the eye over a grid.

    Args:
        rng: The eye's own stream.
        geometry: Its shape and pose.
        channels: 1 paints luminance, 3 paints colour.
        grid: The pixels.

    Returns:
        Linear radiance (h, w, channels), and the shares (h, w, 3) of each pixel that show
        eyeball, iris and pupil.
    """
    look = Look(rng, channels)
    skin = SkinPainter(rng, geometry, look)
    a, b = geometry.to_head(grid.x, grid.y)
    t = a * np.float32(1.0 / geometry.width) + np.float32(0.5)
    place = np.clip(t * (LID_SAMPLES - 1), 0, LID_SAMPLES - 1).astype(np.int32)
    below_upper = b - geometry.upper.astype(np.float32)[place]
    above_lower = geometry.lower.astype(np.float32)[place] - b
    above_crease = geometry.crease.astype(np.float32)[place] - b
    beyond = np.maximum(np.maximum(-t, t - 1.0), 0.0) * np.float32(geometry.width)
    inside = np.minimum(below_upper, above_lower) - 3.0 * beyond - np.float32(0.06)
    opening = grid.cover(inside)
    shade = _large_shade(rng, grid)

    image = skin.paint(grid, a, b, below_upper, above_lower, above_crease, beyond, shade)
    shares = np.zeros((*opening.shape, 3), np.float32)
    rows, columns = np.flatnonzero(opening.any(1)), np.flatnonzero(opening.any(0))
    if len(rows):
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        ball, iris, pupil = GlobePainter(rng, geometry, look).paint(
            grid.crop(*box), t[box], below_upper[box], above_lower[box], shade[box]
        )
        image[box] = mix(image[box], ball, opening[box])
        shares[box] = np.stack([np.ones_like(iris), iris, pupil], -1) * opening[box][..., None]
    skin.draw_lashes(image, grid)
    skin.draw_brow(image, grid)
    return image, shares


def _large_shade(rng: np.random.Generator, grid: Grid) -> np.ndarray:
    """Slow falloff over the crop, and at times a soft shadow that darkens one side."""
    shade = 1.0 + 0.08 * smooth_noise(rng, grid.x.shape, 3, 4)
    shade += np.float32(normal(rng, 0.0, 0.011)) * grid.x
    shade += np.float32(normal(rng, 0.006, 0.011)) * grid.y
    angle, offset = rng.uniform(0, 2 * np.pi), normal(rng, 0.0, 7.0)
    if rng.random() < 0.4:
        across = grid.x * np.float32(np.cos(angle)) + grid.y * np.float32(0.6 * np.sin(angle))
        edge = np.tanh((across - np.float32(offset)) * np.float32(1.0 / rng.uniform(3.0, 12.0)))
        shade = shade * (1.0 - np.float32(rng.uniform(0.2, 0.42)) * (1.0 + edge))
    return np.maximum(shade, 0.08).astype(np.float32)
