"""What all parts of one painted eye share: pixels, colours and the light on them."""

from dataclasses import dataclass

import cv2
import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# Linear RGB albedos. The first irises are the common ones, see `_IRIS_WEIGHTS`.
_SKIN = np.array(
    [
        [0.68, 0.44, 0.33],
        [0.58, 0.35, 0.25],
        [0.47, 0.27, 0.18],
        [0.33, 0.18, 0.11],
        [0.17, 0.09, 0.06],
    ],
    np.float32,
)
_IRIS = np.array(
    [
        [0.050, 0.024, 0.012],
        [0.095, 0.045, 0.020],
        [0.150, 0.085, 0.035],
        [0.130, 0.120, 0.060],
        [0.110, 0.150, 0.190],
        [0.170, 0.190, 0.200],
    ],
    np.float32,
)
_IRIS_WEIGHTS = [0.44, 0.25, 0.11, 0.07, 0.08, 0.05]
_HAIR = np.array([[0.010, 0.008, 0.007], [0.035, 0.020, 0.012], [0.090, 0.055, 0.030]], np.float32)
PINK = np.array([0.55, 0.24, 0.20], np.float32)


@dataclass
class Grid:
    """The pixels of one image: camera `x`, `y` of each, and pixels to a millimetre."""

    x: np.ndarray
    y: np.ndarray
    scale: float

    def crop(self, rows: slice, columns: slice) -> "Grid":
        """The pixels of a rectangle."""
        return Grid(self.x[rows, columns], self.y[rows, columns], self.scale)

    def cover(self, distance: np.ndarray, softness: float = 0.0) -> np.ndarray:
        """Share of a pixel inside an edge, from the signed distance to it (inside positive).

        Args:
            distance: Signed distance.
            softness: Width of the edge beyond one pixel.
        """
        return np.clip(distance * np.float32(1.0 / (softness + 1.0 / self.scale)) + 0.5, 0.0, 1.0)


def mix(base: np.ndarray, over: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Blends colours (h, w, channels) by an amount (h, w)."""
    return base + (over - base) * amount[..., None]


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], rows: int, columns: int
) -> np.ndarray:
    """Smooth noise of about unit deviation on `rows x columns` cells, spread over `shape`.

    Linear interpolation and two box blurs one cell wide make a cubic spline: its slope, which the
    light shows, has no seams between cells.
    """
    cells = rng.standard_normal((rows, columns), dtype=np.float32)
    noise = cv2.resize(cells * np.float32(2.0), shape[::-1], interpolation=cv2.INTER_LINEAR)
    box = max(1, round(shape[1] / columns)), max(1, round(shape[0] / rows))
    return cv2.blur(cv2.blur(noise, box), box)


class Look:
    """The light on one eye, and the colours of its skin, iris and hair.

    Args:
        rng: The eye's own stream.
        channels: 1 gives luminance, 3 gives colour.
    """

    def __init__(self, rng: np.random.Generator, channels: int) -> None:
        self.channels = channels
        self._draw_light(rng)
        tone = float(rng.beta(1.6, 2.0)) * (len(_SKIN) - 1)
        low = min(int(tone), len(_SKIN) - 2)
        skin = _SKIN[low] + (_SKIN[low + 1] - _SKIN[low]) * np.float32(tone - low)
        self.skin_rgb = skin * np.float32(rng.uniform(0.9, 1.1))
        fair = 1.0 - tone / (len(_SKIN) - 1)
        weights = np.array(_IRIS_WEIGHTS)
        weights[2:] *= fair**1.5 * 1.6
        self.iris_rgb = _IRIS[rng.choice(len(_IRIS), p=weights / weights.sum())] * np.float32(
            rng.uniform(0.75, 1.4)
        )
        self.hair_rgb = _HAIR[0 if rng.random() > 0.6 * fair else rng.integers(1, 3)]

    def _draw_light(self, rng: np.random.Generator) -> None:
        side, height = rng.uniform(-1.0, 1.0), rng.uniform(-0.9, 0.35)
        direction = np.array([1.25 * side, height, rng.uniform(0.45, 1.1)])
        self.light = direction / np.linalg.norm(direction)  # toward the light, z to the viewer
        strong = rng.random() < 0.5
        self.direct = float(rng.uniform(0.9, 2.4) if strong else rng.uniform(0.2, 0.9))
        self.ambient = float(rng.uniform(0.25, 0.6))
        warmth = float(np.clip(0.14 * rng.standard_normal(), -0.3, 0.3))
        self.tint = np.array([1.0 + warmth, 1.0, 1.0 - warmth], np.float32)

    def colour(self, rgb: np.ndarray) -> np.ndarray:
        """What an albedo (3,) sends back of this light: (channels,)."""
        rgb = np.asarray(rgb, np.float32) * self.tint
        return rgb if self.channels == 3 else (rgb @ LUMA)[None]
