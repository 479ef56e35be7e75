"""Synthetic eyes with labels, rendered from a geometric model."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_simgan.data.eyes.geometry import EyeGeometry, normal
from keras_simgan.data.eyes.look import LUMA, Grid
from keras_simgan.data.eyes.painting import paint_eye

_LABELS = (
    "gaze", "gaze_optical", "head", "landmarks_eye", "landmarks_iris", "pupil", "masks", "eye",
)  # fmt: skip


class EyeRenderer:
    """Renders eyes of endless people, with exact labels.

    Each eye is drawn from a model of its own: a 12 mm eyeball with a cornea, an iris of about
    5.9 mm radius with fibres and pupil, lids that follow the gaze, skin, lashes, brow, one
    directional light over an ambient one, glints, and a camera's exposure, blur, noise and JPEG
    compression. The crop is the one MPIIGaze's normalisation makes (Zhang et al. 2015, "Appearance-
    based gaze estimation in the wild"): centred between the eye's corners, without roll.

    Eye `i` depends on `seed` and `i` alone, not on the batch it is rendered in.

    Args:
        image_size: `(height, width)` in pixels.
        channels: 1 for gray, 3 for RGB.
        seed: Not negative. Another seed gives other people.
        equalize: Whether to equalise the histogram, as MPIIGaze does. `None`: gray yes, colour no.
        field_of_view: Millimetres that the image's width spans, on average.
        gaze_mean: `(pitch, yaw)` of the visual axis in degrees; MPIIGaze's people look down at a
            laptop.
        gaze_std: Its spread in degrees (normal, cut at 2.5 standard deviations).
        head_mean: `(pitch, yaw)` of the head in degrees.
        head_std: Its spread in degrees. Head yaw follows gaze yaw with correlation 0.35.
        eye: `"left"` or `"right"` for eyes of one side, `None` for both. A right eye is the mirror
            image of the left eye of the same seed and index.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> images, labels = EyeRenderer(seed=1).render(4)
        >>> images.shape, labels["gaze"].shape
        ((4, 36, 60, 1), (4, 2))
    """

    def __init__(
        self,
        image_size: tuple[int, int] = (36, 60),
        channels: int = 1,
        seed: int = 0,
        *,
        equalize: bool | None = None,
        field_of_view: float = 38.5,
        gaze_mean: Sequence[float] = (-8.0, 0.0),
        gaze_std: Sequence[float] = (9.0, 13.0),
        head_mean: Sequence[float] = (5.0, 0.0),
        head_std: Sequence[float] = (10.0, 12.0),
        eye: str | None = None,
    ) -> None:
        self.image_size = _size(image_size)
        if channels not in (1, 3):
            raise ValueError(f"channels is {channels!r}; expected 1 (gray) or 3 (RGB).")
        if not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(f"seed is {seed!r}; expected an integer not below 0.")
        if not 20.0 <= field_of_view <= 120.0:
            raise ValueError(
                f"field_of_view is {field_of_view!r}; expected 20 to 120 millimetres "
                "(an eye is about 29 wide)."
            )
        if eye not in (None, "left", "right"):
            raise ValueError(f'eye is {eye!r}; expected "left", "right" or None for both.')
        self.channels = channels
        self.seed = int(seed)
        self.equalize = channels == 1 if equalize is None else bool(equalize)
        self.field_of_view = float(field_of_view)
        self.gaze_mean = _degrees("gaze_mean", gaze_mean, -40.0, 40.0)
        self.gaze_std = _degrees("gaze_std", gaze_std, 0.0, 25.0)
        self.head_mean = _degrees("head_mean", head_mean, -40.0, 40.0)
        self.head_std = _degrees("head_std", head_std, 0.0, 25.0)
        self.eye = eye
        # Small images are painted at two or three times their size and averaged.
        self._oversampling = max(1, round(72 / self.image_size[0]))

    def render(self, n: int, start: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Renders the eyes `start` to `start + n - 1`.

        Args:
            n: How many, at least 1.
            start: Index of the first one.

        Returns:
            uint8 images `(n, height, width, channels)`, and labels with n rows each. Points are in
            pixels `(x, y)`, the first pixel's centre at `(0, 0)`, and may lie outside the image or
            under a lid; angles are `(pitch, yaw)` in radians in `data.gaze`'s convention.

            - `gaze` (n, 2): visual axis, the one to compare with MPIIGaze's labels.
            - `gaze_optical` (n, 2): the eyeball's own axis, about 5 degrees from it.
            - `head` (n, 2): head pose.
            - `landmarks_eye` (n, 16, 2): inner corner, 7 points of the upper lid's margin, outer
              corner, 7 points of the lower lid's on the way back.
            - `landmarks_iris` (n, 17, 2): the iris' centre, then 16 points of the limbus,
              from the temple's side downward and around.
            - `pupil` (n, 2): pupil radius as a share of the iris radius, and diameter in mm.
            - `masks` uint8 (n, height, width): 0 skin, 1 sclera, 2 iris, 3 pupil.
            - `eye` uint8 (n,): 0 left, 1 right.

        Raises:
            ValueError: If `n` is below 1 or `start` below 0.
        """
        for name, value, minimum in (("n", n, 1), ("start", start, 0)):
            if not isinstance(value, int | np.integer) or value < minimum:
                raise ValueError(f"{name} is {value!r}; expected an integer not below {minimum}.")
        height, width = self.image_size
        images = np.empty((n, height, width, self.channels), np.uint8)
        rows = []
        for i in range(n):
            images[i], row = self._render_one(int(start) + i)
            rows.append(row)
        return images, {name: np.stack([row[name] for row in rows]) for name in _LABELS}

    def _render_one(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Renders one eye as a left one and mirrors it if it is a right one."""
        rng = np.random.Generator(np.random.Philox(key=np.array([self.seed, index], np.uint64)))
        side = rng.random() < 0.5
        right = side if self.eye is None else self.eye == "right"
        mirror = np.array([1.0, -1.0 if right else 1.0])
        gaze, head = self._draw_pose(rng, mirror)
        geometry = EyeGeometry.draw(rng, gaze, head)

        height, width = self.image_size
        scale = width / self.field_of_view * normal(rng, 1.0, 0.05)
        offset = np.array([normal(rng, 0.0, 0.6), normal(rng, 0.0, 0.6)])
        centre = np.array([(width - 1) / 2, (height - 1) / 2]) + offset * scale
        radiance, shares = paint_eye(rng, geometry, self.channels, self._grid(scale, centre))
        image = self._photograph(rng, radiance)
        masks = self._masks(shares)

        eye_points = geometry.eye_landmarks() * scale + centre
        iris_points = geometry.iris_landmarks() * scale + centre
        if right:
            image, masks = image[:, ::-1], masks[:, ::-1]
            for points in (eye_points, iris_points):
                points[:, 0] = width - 1 - points[:, 0]
        ratio = geometry.pupil_ratio
        return image, {
            "gaze": (gaze * mirror).astype(np.float32),
            "gaze_optical": (geometry.optical * mirror).astype(np.float32),
            "head": (head * mirror).astype(np.float32),
            "landmarks_eye": eye_points.astype(np.float32),
            "landmarks_iris": iris_points.astype(np.float32),
            "pupil": np.array([ratio, 2 * ratio * geometry.iris_radius], np.float32),
            "masks": masks,
            "eye": np.uint8(right),
        }

    def _draw_pose(
        self, rng: np.random.Generator, mirror: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        z = rng.standard_normal(4)
        z[3] = 0.35 * z[1] + np.sqrt(1 - 0.35**2) * z[3]
        z = np.clip(z, -2.5, 2.5)
        gaze = np.radians(self.gaze_mean * mirror + self.gaze_std * z[:2])
        head = np.radians(self.head_mean * mirror + self.head_std * z[2:])
        # An eye turns no further than about 40 degrees in its socket.
        return np.clip(gaze, head - np.radians(40.0), head + np.radians(40.0)), head

    def _grid(self, scale: float, centre: np.ndarray) -> Grid:
        height, width = self.image_size
        fine = self._oversampling
        x = (np.arange(width * fine, dtype=np.float32) + 0.5) / fine - 0.5
        y = (np.arange(height * fine, dtype=np.float32) + 0.5) / fine - 0.5
        x = (x - np.float32(centre[0])) / np.float32(scale)
        y = (y - np.float32(centre[1])) / np.float32(scale)
        x, y = np.meshgrid(x, y)
        return Grid(x, y, scale * fine)

    def _photograph(self, rng: np.random.Generator, radiance: np.ndarray) -> np.ndarray:
        """Blur, exposure, the sensor's noise and 8 bits, JPEG at times, equalisation if asked."""
        height, width = self.image_size
        blur = (width / 60) ** 0.5 * self._oversampling * float(rng.uniform(0.3, 1.0))
        image = cv2.GaussianBlur(radiance, (0, 0), max(blur, 0.2))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        image = image.reshape(height, width, self.channels)
        # The camera's metering makes up for most of a dark skin or room, not for all of it.
        gray = image @ LUMA if self.channels == 3 else image[..., 0]
        gain = np.exp(normal(rng, np.log(0.39), 0.35)) / max(float(gray.mean()), 1e-4) ** 0.55
        image = np.minimum(image * np.float32(gain), 1.0)
        noise = float(0.0045 * np.exp(normal(rng, 0.0, 0.8)))
        signal = image ** np.float32(1 / 2.2)
        curve = signal * signal * (3.0 - 2.0 * signal)  # the tone curve of a phone's camera
        signal += np.float32(rng.uniform(0.0, 0.9)) * (curve - signal)
        grain = rng.standard_normal(image.shape, dtype=np.float32)
        signal += np.float32(noise) * grain * (1.3 - signal)
        image = np.rint(np.clip(signal, 0.0, 1.0) * 255).astype(np.uint8)
        if rng.random() < 0.5:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(75, 98))]
            encoded = cv2.imencode(".jpg", image, quality)[1]
            image = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED))
            image = image.reshape(height, width, self.channels)
        if self.equalize:
            image = _equalise(image)
        return image

    def _masks(self, shares: np.ndarray) -> np.ndarray:
        height, width = self.image_size
        shares = cv2.resize(shares, (width, height), interpolation=cv2.INTER_AREA)
        return (shares > 0.5).sum(-1).astype(np.uint8)


def _equalise(image: np.ndarray) -> np.ndarray:
    """Equalises the histogram of the luminance; hue stays."""
    if image.shape[2] == 1:
        return cv2.equalizeHist(image)[..., None]
    parts = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    parts[..., 0] = cv2.equalizeHist(np.ascontiguousarray(parts[..., 0]))
    return cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB)


def _size(image_size: tuple[int, int]) -> tuple[int, int]:
    try:
        height, width = (int(v) for v in image_size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 16:
        raise ValueError(
            f"image_size is {image_size!r}; expected (height, width), each at least 16 pixels."
        )
    return height, width


def _degrees(name: str, value: Sequence[float], minimum: float, maximum: float) -> np.ndarray:
    angles = np.asarray(value, dtype=np.float64)
    if angles.shape != (2,) or not ((angles >= minimum) & (angles <= maximum)).all():
        raise ValueError(
            f"{name} is {value!r}; expected (pitch, yaw) in degrees, each from {minimum} to "
            f"{maximum}."
        )
    return angles
