"""Images drawn from numbers, and how they are degraded, to train features without any photo.

Dead leaves, strokes on a plain ground, and noise of a natural spectrum, as in Baradad et al. 2021,
"Learning to see by looking at noise"; besides them eyes of `data.EyeRenderer` and, where
KERAS_SIMGAN_DATA names the folder, path-traced ones. Nothing here has a licence that restricts.
"""

import os
from pathlib import Path

import cv2
import numpy as np

from keras_simgan import data

SIDE = 96
DEGRADATIONS = ("blur", "noise", "gamma", "contrast", "saturation", "checkerboard")


def pool(count: int, seed: int) -> np.ndarray:
    """`count` drawn images and a third as many eyes, uint8 `(n, 96, 96, 3)`."""
    kinds = (_leaves, _leaves, _leaves, _strokes, _spectrum)
    images = [
        kinds[index % len(kinds)](np.random.default_rng((seed, index))) for index in range(count)
    ]
    return np.concatenate([np.stack(images), _eyes(count // 3, seed)])


def degradations(draw: np.random.Generator) -> np.ndarray:
    """How strong each of `DEGRADATIONS` is, 0 for not at all, from about -1 or 0 to 1."""
    blur, noise, checkerboard = draw.random(3) * (draw.random(3) < (0.7, 0.7, 0.25))
    gamma, contrast = np.clip(draw.normal(0, 0.5, 2), -1, 1)
    saturation = draw.choice([-1.0, 0.0, draw.uniform(-1, 0.5)])
    return np.array([blur, noise, gamma, contrast, saturation, checkerboard], "float32")


def degrade(image: np.ndarray, strength: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """The float image in [0, 1], degraded; the noise is new, its strength is the given one."""
    blur, noise, gamma, contrast, saturation, checkerboard = strength
    gray = image.mean(axis=-1, keepdims=True)
    image = np.clip(gray + (image - gray) * (1 + saturation), 0, 1)
    image = image ** np.exp(0.8 * gamma)
    image = np.clip(image.mean() + (image - image.mean()) * np.exp(0.7 * contrast), 0, 1)
    if blur:
        image = cv2.GaussianBlur(image, (0, 0), 0.3 * 8.0**blur, borderType=cv2.BORDER_REFLECT)
    if checkerboard:
        rows, columns = np.indices(image.shape[:2]) + draw.integers(0, 2, (2, 1, 1))
        image = image + (0.12 * checkerboard * (((rows + columns) % 2) * 2 - 1))[..., None]
    if noise:
        shape = image.shape if saturation > -1 else (*image.shape[:2], 1)
        image = image + draw.normal(0, 0.01 * 20.0**noise, shape)
    return np.clip(image, 0, 1).astype("float32")


def _palette(draw, count: int) -> np.ndarray:
    """Colours around a common one, as the objects of a scene share its light."""
    base, spread = draw.uniform(0, 1, 3), draw.uniform(0.05, 0.6)
    if draw.random() < 0.3:
        base[:] = base.mean()
    return np.clip(base + draw.normal(0, spread, (count, 3)), 0, 1)


def _noise(draw) -> np.ndarray:
    """Noise of spectrum 1 / frequency^exponent, `(96, 96)`, mean 0 and deviation 1."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.rfftfreq(SIDE), indexing="ij"))
    frequency[0, 0] = 1
    white = np.fft.rfft2(draw.normal(size=(SIDE, SIDE)))
    noise = np.fft.irfft2(white / frequency ** draw.uniform(0.3, 2.2), (SIDE, SIDE))
    return (noise - noise.mean()) / (noise.std() + 1e-6)


def _surface(draw, colour: np.ndarray) -> np.ndarray:
    """A colour, shaded, striped or noisy, `(96, 96, 3)`."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    angle, kind = draw.uniform(0, 2 * np.pi), draw.integers(4)
    along = np.cos(angle) * x + np.sin(angle) * y
    if kind == 0:
        pattern = np.zeros((SIDE, SIDE))
    elif kind == 1:
        pattern = 2 * along
    elif kind == 2:
        pattern = np.sin(2 * np.pi * along * draw.uniform(2, 24))
    else:
        pattern = _noise(draw)
    return colour + draw.uniform(0.03, 0.3) * pattern[..., None]


def _leaves(draw) -> np.ndarray:
    """Shapes that cover each other, sizes by a power law, half of them textured."""
    count = int(draw.integers(8, 90))
    colours = _palette(draw, count + 1)
    image = _surface(draw, colours[-1])
    smallest, largest = draw.uniform(2, 6), draw.uniform(20, 60)
    for colour in colours[:-1]:
        share = draw.random()
        radius = (smallest**-2 * (1 - share) + largest**-2 * share) ** -0.5
        mask = np.zeros((SIDE, SIDE), np.uint8)
        centre = draw.uniform(-5, SIDE + 5, 2)
        angle = draw.uniform(0, 2 * np.pi)
        corners = draw.integers(3, 9)
        turn = angle + np.sort(draw.uniform(0, 2 * np.pi, corners))
        if draw.random() < 0.5:
            axes = (radius * np.array([1, draw.uniform(0.3, 1)])).astype(int) + 1
            cv2.ellipse(
                mask, centre.astype(int), axes, np.degrees(angle), 0, 360, 255, -1, cv2.LINE_AA
            )
        else:
            points = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
            cv2.fillPoly(mask, [points.astype(np.int32)], 255, cv2.LINE_AA)
        cover = mask[..., None] / 255.0
        surface = _surface(draw, colour) if draw.random() < 0.5 else colour
        image = image * (1 - cover) + surface * cover
    return _to_bytes(image)


def _strokes(draw) -> np.ndarray:
    """A few curved strokes, as of a pen, on a ground that is plain more often than not."""
    colours = _palette(draw, 2)
    if draw.random() < 0.5:
        colours = np.repeat(draw.permutation([[0.0], [1.0]]), 3, axis=1)
    image = np.ones((SIDE, SIDE, 1)) * colours[0]
    if draw.random() < 0.3:
        image = _surface(draw, colours[0])
    for _ in range(draw.integers(1, 6)):
        steps = draw.normal(0, 1, (12, 2)).cumsum(axis=0) * draw.uniform(3, 9)
        path = draw.uniform(10, SIDE - 10, 2) + cv2.GaussianBlur(steps, (1, 5), 0)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        thick = int(draw.integers(2, 14))
        cv2.polylines(mask, [path.astype(np.int32)], False, 255, thick, cv2.LINE_AA)
        cover = mask[..., None] / 255.0
        image = image * (1 - cover) + colours[1] * cover
    return _to_bytes(image)


def _spectrum(draw) -> np.ndarray:
    """Coloured noise: channels that share a part of it."""
    shared, common = draw.random(), _noise(draw)
    channels = [shared * common + (1 - shared) * _noise(draw) for _ in range(3)]
    return _to_bytes(draw.uniform(0.2, 0.8) + draw.uniform(0.05, 0.3) * np.stack(channels, axis=-1))


def _eyes(count: int, seed: int) -> np.ndarray:
    """Rendered eyes, gray and in colour, and path-traced ones in colour."""
    half = count // 2
    colour, _ = data.EyeRenderer((SIDE, SIDE), 3, seed=seed + 1000).render(half)
    gray, _ = data.EyeRenderer((SIDE, SIDE), 1, seed=seed + 2000).render(count - half)
    eyes = [colour, np.repeat(gray, 3, axis=-1)]
    folder = os.environ.get("KERAS_SIMGAN_DATA")
    if folder:
        with np.load(Path(folder) / "eyes" / "path_traced_colour_128x160.npz") as file:
            traced = file["images"]
        draw = np.random.default_rng(seed)
        for top, left, image in zip(
            draw.integers(0, traced.shape[1] - SIDE, len(traced)),
            draw.integers(0, traced.shape[2] - SIDE, len(traced)),
            traced,
            strict=True,
        ):
            eyes.append(image[None, top : top + SIDE, left : left + SIDE])
    return np.concatenate(eyes)


def _to_bytes(image: np.ndarray) -> np.ndarray:
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
