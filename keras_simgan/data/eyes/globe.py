"""Paints an eyeball: sclera, iris, pupil, and what its wet surface reflects."""

import cv2
import numpy as np

from keras_simgan.data.eyes.geometry import (
    CORNEA_DEPTH,
    CORNEA_RADIUS,
    EYEBALL_RADIUS,
    IRIS_DEPTH,
    EyeGeometry,
    iris_basis,
    normal,
)
from keras_simgan.data.eyes.look import PINK, Grid, Look, mix, smooth_noise

_COLLARETTE = np.array([0.19, 0.095, 0.035], np.float32)
_SCLERA = np.array([0.54, 0.46, 0.415], np.float32)
_VEIN = np.array([0.50, 0.13, 0.10], np.float32)


class GlobePainter:
    """Paints one eyeball.

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
        t: np.ndarray,
        below_upper: np.ndarray,
        above_lower: np.ndarray,
        shade: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Paints the eyeball over a grid, lids or not.

        Args:
            grid: The pixels.
            t: Their place between the corners, 0 at the nose and 1 at the temple.
            below_upper: Their distance below the upper lid's margin.
            above_lower: Their distance above the lower lid's.
            shade: The light's share that arrives.

        Returns:
            Linear radiance (h, w, channels), and the pixels' shares (h, w) of iris and of pupil.
        """
        rng, geometry = self.rng, self.geometry
        dx, dy = grid.x - np.float32(geometry.centre[0]), grid.y - np.float32(geometry.centre[1])
        vx, vy, vz = (np.float32(v) for v in geometry.axis)
        # Position on the plane of the iris, in the iris' own two directions.
        right, down = (v.astype(np.float32) for v in iris_basis(geometry.axis))
        dz = (np.float32(IRIS_DEPTH) - dx * vx - dy * vy) / vz
        u = dx * right[0] + dy * right[1] + dz * right[2]
        v = dx * down[0] + dy * down[1] + dz * down[2]
        radius = np.sqrt(u * u + v * v)
        iris_radius = np.float32(geometry.iris_radius)
        ratio = np.float32(geometry.pupil_ratio)
        iris = grid.cover(iris_radius - radius, softness=0.55)
        pupil = grid.cover(ratio * iris_radius - radius, softness=0.15)

        # Light on the globe: lids and corners take most of the ambient away.
        nx, ny = dx * np.float32(1 / EYEBALL_RADIUS), dy * np.float32(1 / EYEBALL_RADIUS)
        nz = np.sqrt(np.maximum(1.0 - nx * nx - ny * ny, 0.02))
        lx, ly, lz = (np.float32(w) for w in self.look.light)
        lit = np.maximum(0.3 + 0.7 * (lx * nx + ly * ny + lz * nz), 0.0) * self.look.direct
        reach = np.float32(rng.uniform(1.8, 4.5))
        under_lid = 1.0 - np.float32(rng.uniform(0.45, 0.85)) * np.exp(-below_upper / reach)
        under_lid *= 1.0 - np.float32(rng.uniform(0.1, 0.4)) * np.exp(-above_lower / 1.2)
        ends = np.clip(4.0 * t * (1.0 - t), 0.0, 1.0)
        under_lid *= 1.0 - np.float32(rng.uniform(0.35, 0.7)) * (1.0 - ends) ** 1.5
        energy = (self.look.ambient + lit) * under_lid * shade

        image = self._sclera(t)
        image = mix(image, self._iris(u, v, radius), iris)
        image = mix(image, self.look.colour(np.full(3, 0.004)), pupil)
        image *= energy[..., None]
        shine = self._glints(grid, dx, dy, vx, vy, iris) * np.clip(below_upper * 0.7, 0.15, 1.0)
        # The tear film along the lower lid catches light in broken spots.
        spots = np.maximum(smooth_noise(rng, t.shape, 2, 14), 0.0)
        tear = np.exp(-(((above_lower - 0.3) / 0.28) ** 2)) * spots * (ends > 0.3)
        tear *= np.float32(rng.uniform(0.0, 0.22)) * shade
        shine = shine + tear * (self.look.ambient + lit)
        return image + shine[..., None] * self.look.colour(np.ones(3)), iris, pupil

    def _sclera(self, t: np.ndarray) -> np.ndarray:
        rng = self.rng
        bright = np.float32(rng.uniform(0.65, 1.05))
        image = np.broadcast_to(self.look.colour(_SCLERA * bright), (*t.shape, self.look.channels))
        ridge = 1.0 - np.abs(smooth_noise(rng, t.shape, 6, 9)) * 5.0
        redness = np.float32(rng.uniform(0.05, 0.45))
        image = mix(image, self.look.colour(_VEIN), np.maximum(ridge, 0.0) * redness)
        corner = np.clip(1.9 - t * np.float32(rng.uniform(8.0, 13.0)), 0.0, 1.0)
        return mix(image, self.look.colour(PINK * np.float32(rng.uniform(0.5, 1.0))), corner * 0.85)

    def _iris(self, u: np.ndarray, v: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Radial fibres, a lighter collarette around the pupil and a dark ring at the limbus."""
        rng, geometry = self.rng, self.geometry
        r = radius * np.float32(1.0 / geometry.iris_radius)
        noise = rng.standard_normal((4, 72), dtype=np.float32)
        fibres = cv2.resize(np.concatenate([noise, noise[:, :1]], 1), (288, 16))
        angle = (np.arctan2(v, u) * np.float32(287 / (2 * np.pi)) + 143.5).astype(np.int32)
        ring = np.clip(r * 15, 0, 15).astype(np.int32)
        texture = 1.0 + np.float32(rng.uniform(0.15, 0.4)) * fibres[ring, np.clip(angle, 0, 287)]
        inner = np.exp(-(((r - geometry.pupil_ratio - 0.1) * np.float32(5.5)) ** 2))
        image = mix(
            self.look.colour(self.look.iris_rgb)[None, None],
            self.look.colour(0.5 * _COLLARETTE + 0.7 * self.look.iris_rgb),
            inner * np.float32(rng.uniform(0.1, 0.7)),
        )
        dark = 1.0 - np.float32(rng.uniform(0.35, 0.75)) * np.clip((r - 0.78) * 5.0, 0.0, 1.0)
        return image * (np.maximum(texture, 0.2) * dark)[..., None]

    def _glints(
        self,
        grid: Grid,
        dx: np.ndarray,
        dy: np.ndarray,
        vx: np.float32,
        vy: np.float32,
        iris: np.ndarray,
    ) -> np.ndarray:
        """Mirror images on the cornea: lamps where its normal halves the angle to the light."""
        rng = self.rng
        nx = (dx - np.float32(CORNEA_DEPTH) * vx) * np.float32(1.0 / CORNEA_RADIUS)
        ny = (dy - np.float32(CORNEA_DEPTH) * vy) * np.float32(1.0 / CORNEA_RADIUS)
        half = self.look.light + np.array([0.0, 0.0, 1.0])
        half = half / np.linalg.norm(half)
        shine = np.float32(rng.uniform(0.0, 0.015)) * (1.0 - ny)  # the veil of a bright room
        lamps = rng.choice(4, p=[0.4, 0.38, 0.16, 0.06])
        for lamp in range(lamps):
            at = half[:2] if lamp == 0 else np.array([normal(rng, 0, 0.2), normal(rng, -0.12, 0.2)])
            size = rng.uniform(0.02, 0.08, 2) if rng.random() < 0.75 else rng.uniform(0.06, 0.18, 2)
            power = rng.uniform(0.15, 1.2) * 0.07 / (0.04 + size.max())
            across = (size[0] - np.abs(nx - at[0])) * CORNEA_RADIUS
            along = (size[1] - np.abs(ny - at[1])) * CORNEA_RADIUS
            window = grid.cover(across, 0.2) * grid.cover(along, 0.2)
            shine = shine + np.float32(power * (0.4 + self.look.direct)) * window
        return shine * iris
