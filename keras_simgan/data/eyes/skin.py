"""Paints what surrounds an eyeball: skin, lids, lashes and brow."""

import cv2
import numpy as np

from keras_simgan.data.eyes.geometry import EyeGeometry, normal
from keras_simgan.data.eyes.look import PINK, Grid, Look, mix, smooth_noise


class SkinPainter:
    """Paints one eye's surroundings.

    Args:
        rng: The eye's own stream.
        geometry: Its shape and pose.
        look: Its light and colours.
    """

    def __init__(self, rng: np.random.Generator, geometry: EyeGeometry, look: Look) -> None:
        self.rng = rng
        self.geometry = geometry
        self.look = look

    def paint(
        self,
        grid: Grid,
        a: np.ndarray,
        b: np.ndarray,
        below_upper: np.ndarray,
        above_lower: np.ndarray,
        above_crease: np.ndarray,
        beyond: np.ndarray,
        shade: np.ndarray,
    ) -> np.ndarray:
        """Paints skin and lids, without an opening.

        Args:
            grid: The pixels.
            a: Their x in the head.
            b: Their y in the head.
            below_upper: Their distance below the upper lid's margin.
            above_lower: Their distance above the lower lid's.
            above_crease: Their distance above the upper lid's fold.
            beyond: Their distance past the nearer corner.
            shade: The light's share that arrives.

        Returns:
            Linear radiance (h, w, channels).
        """
        rng, shape = self.rng, a.shape
        fade = np.exp(-0.15 * beyond * beyond)  # lid features die out past the corners
        # The lids' curves end steeply in the corners; what lies further off follows softer arches.
        arch = 1.0 - (a * np.float32(1.6 / self.geometry.width)) ** 2
        under = b - np.float32(self.geometry.lower.max()) * arch
        over = np.float32(self.geometry.crease.min()) * arch - b
        # Relief toward the viewer: lids over the eyeball, fold over the crease, bag under the eye,
        # nose, brow and cheek; its slope turns the light into shading.
        fold = np.tanh(above_crease * 1.6) * np.exp(-0.22 * np.maximum(above_crease, 0.0))
        bag = under - np.float32(rng.uniform(3.5, 7.5)) + 0.12 * a
        relief = -0.75 * self.geometry.depth(a, b)
        relief += np.float32(rng.uniform(0.2, 0.75)) * fold * fade
        relief -= np.float32(rng.uniform(0.0, 0.6)) * np.exp(-0.25 * bag * bag)
        relief += np.float32(rng.uniform(0.0005, 0.003)) * np.maximum(-a - 7.0, 0.0) ** 3
        relief += np.float32(rng.uniform(0.0005, 0.004)) * np.maximum(-b - 5.0, 0.0) ** 3
        relief += np.float32(rng.uniform(0.0, 0.002)) * np.maximum(b - 5.0, 0.0) ** 3
        grain = smooth_noise(rng, shape, 36, 48)
        blotch = smooth_noise(rng, shape, 7, 10)
        relief += np.float32(rng.uniform(0.005, 0.03)) * grain + 0.05 * blotch
        slope_y, slope_x = np.gradient(relief, np.float32(1.0 / grid.scale))
        length = np.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
        lx, ly, lz = (np.float32(v) for v in self.look.light)
        facing = (lz - lx * slope_x - ly * slope_y) / length
        lit = np.maximum(0.25 + 0.75 * facing, 0.02) * np.float32(self.look.direct)
        half = self.look.light + np.array([0.0, 0.0, 1.0])
        hx, hy, hz = (np.float32(v) for v in half / np.linalg.norm(half))
        sheen = np.maximum((hz - hx * slope_x - hy * slope_y) / length, 0.0) ** 16
        sheen *= np.float32(rng.uniform(0.0, 0.22) * self.look.direct)

        # The fold's shadow is sharp; above it the socket is softly darker, most beside the nose.
        hollow = 1.0 - np.float32(rng.uniform(0.2, 0.6)) * fade * np.exp(
            -(above_crease**2) * np.float32(rng.uniform(0.8, 5.0))
        )
        socket = np.exp(-(((over - 2.5) * 0.3) ** 2)) * (0.6 - 0.5 * np.tanh(a * 0.08))
        hollow *= 1.0 - np.float32(rng.uniform(0.0, 0.55)) * socket
        corner = np.exp(-((np.abs(a) - np.float32(0.5 * self.geometry.width)) ** 2) * 0.04)
        corner *= np.exp(-0.07 * (b + 1.0) ** 2)
        hollow *= 1.0 - np.float32(rng.uniform(0.15, 0.7)) * corner
        hollow *= 1.0 - np.float32(rng.uniform(0.0, 0.25)) * np.exp(-0.3 * bag * bag)
        # Lash roots: a dark line on the upper margin, a weaker one outside the lower rim.
        roots = np.exp(-((below_upper / np.float32(rng.uniform(0.5, 1.1))) ** 2))
        outside_rim = above_lower + np.float32(1.2)
        line = 1.0 - np.float32(rng.uniform(0.4, 0.92)) * roots * fade
        line *= 1.0 - np.float32(rng.uniform(0.0, 0.35)) * np.exp(-2.0 * outside_rim**2) * fade

        pigment = 1.0 + 0.04 * grain + 0.03 * blotch
        energy = self.look.ambient * hollow + lit * (0.35 + 0.65 * hollow)
        energy *= shade * pigment * line
        rim = np.exp(-((above_lower + 0.45) ** 2) * 6.0) * fade
        rim *= np.float32(rng.uniform(0.2, 0.7))
        pale = self.look.colour(0.5 * self.look.skin_rgb + 0.6 * PINK)
        flush = self.look.colour(self.look.skin_rgb * np.array([1.0, 0.72, 0.70], np.float32))
        red = np.exp(-0.05 * (under - 1.5) ** 2) + np.exp(-0.05 * over * over)
        image = mix(
            self.look.colour(self.look.skin_rgb)[None, None],
            flush,
            red * np.float32(rng.uniform(0, 0.5)),
        )
        image = mix(image, pale, rim) * energy[..., None]
        return image + (sheen * shade * hollow * line)[..., None] * self.look.colour(np.ones(3))

    def draw_lashes(self, image: np.ndarray, grid: Grid) -> None:
        """Draws both lids' lashes into `image`."""
        rng, geometry = self.rng, self.geometry
        # Lashes stand out from the lid: they point up when it is raised and down when lowered.
        lift = float(np.clip(0.7 + 1.8 * (geometry.lid_pitch + 0.17), -0.6, 1.0))
        strength = rng.uniform(0.2, 0.9)
        upper = rng.uniform(2.0, 6.5) * lift
        self._strands(
            image, grid, geometry.upper + 0.1, -upper, int(rng.integers(40, 90)), strength
        )
        lower = rng.uniform(0.6, 2.4)
        count = int(rng.integers(15, 45))
        self._strands(image, grid, geometry.lower + 0.8, lower, count, 0.5 * strength)

    def _strands(
        self,
        image: np.ndarray,
        grid: Grid,
        curve: np.ndarray,
        rise: float,
        count: int,
        strength: float,
    ) -> None:
        """Draws lashes rooted on a lid curve; `rise` is their extent along y."""
        rng = self.rng
        t = rng.uniform(0.1, 0.99, count)
        t = t + 0.012 * np.sin(60.0 * t)  # tufts
        a, b = self.geometry.margin(curve, np.clip(t, 0.0, 1.0))
        length = rng.uniform(0.45, 1.1, count) * np.minimum(0.4 + 3.0 * t, 1.0)
        fan = (t - 0.4) * 6.0 * abs(rise) / 4.0 + rng.normal(0.0, 0.5, count)
        s = np.linspace(0.0, 1.0, 7)[:, None]
        dip = 0.5 * np.sin(np.pi * np.minimum(1.6 * s, 1.0)) * (rise < 0)  # down first, then up
        along = a + fan * s**1.3 * length
        away = b + length * (rise * s**1.4 + dip)
        points = self.geometry.project(along.ravel(), away.ravel()).reshape(7, count, 2)
        lines = points.transpose(1, 0, 2)
        self._draw(image, grid, lines, 0.6 * strength)
        self._draw(image, grid, lines[:, :4], strength)  # thicker toward the root

    def _draw(self, image: np.ndarray, grid: Grid, lines: np.ndarray, strength: float) -> None:
        origin = np.array([grid.x[0, 0], grid.y[0, 0]])
        pixels = np.rint((lines - origin) * grid.scale * 16).astype(np.int32, order="C")
        mask = np.zeros(image.shape[:2], np.uint8)
        width = max(1, round(0.15 * grid.scale))
        cv2.polylines(mask, list(pixels), False, 255, width, cv2.LINE_AA, shift=4)
        rows = slice(max(pixels[..., 1].min() // 16 - 1, 0), max(pixels[..., 1].max() // 16 + 2, 0))
        part = image[rows]
        # A hair drawn one pixel wide where it is thinner covers that much less of the pixel.
        amount = mask[rows] * np.float32(strength * min(1.0, 0.25 * grid.scale) / 255.0)
        dark = self.look.colour(self.look.hair_rgb) * np.float32(
            self.look.ambient + 0.5 * self.look.direct
        )
        part += (dark - part) * amount[..., None]

    def draw_brow(self, image: np.ndarray, grid: Grid) -> None:
        """Draws the brow into `image`: short hairs in a band that arches over the eye."""
        rng = self.rng
        height, arch = normal(rng, 17.0, 2.2), rng.uniform(0.0, 0.012)
        thick, density = rng.uniform(1.8, 4.0), rng.uniform(0.3, 0.95)
        count = int(rng.integers(200, 600))
        if grid.y[0, 0] > -height + 2.5 * thick + 4.0:
            return
        a = rng.uniform(-17.0, 24.0, count)
        taper = np.clip((a + 19.0) / 8.0, 0.3, 1.0) * np.clip((27.0 - a) / 16.0, 0.3, 1.0)
        b = -height + arch * (a - 5.0) ** 2 + thick * taper * rng.uniform(-1.0, 1.0, count)
        angle = 1.1 - 1.5 * np.clip((a + 15.0) / 18.0, 0.0, 1.0) + rng.normal(0.0, 0.25, count)
        length = rng.uniform(2.5, 5.0, count)
        s = np.linspace(0.0, 1.0, 4)[:, None]
        along = a + length * np.cos(angle) * s
        away = b - length * np.sin(angle) * s * (1.0 - 0.3 * s)
        points = self.geometry.project(along.ravel(), away.ravel()).reshape(4, count, 2)
        self._draw(image, grid, points.transpose(1, 0, 2), 0.5 * density)
        self._draw(image, grid, points.transpose(1, 0, 2)[::2], density)
