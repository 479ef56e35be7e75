"""Shape and pose of one eye: eyeball, optical axis, lid curves and the surface they lie on.

Lengths are millimetres, angles radians. The frame is that of a *left* eye (nose at the image's
left); a right eye is the mirror image of one. Axes as the camera's: x right, y down, z away, origin
between the eye's corners. Projection is orthographic: a normalised eye crop spans under 4 degrees.
"""

from dataclasses import dataclass

import numpy as np

from keras_simgan.data.gaze import pitch_yaw_to_vector, vector_to_pitch_yaw

EYEBALL_RADIUS = 12.0
# Where the limbus lies along the optical axis. The pupil, lifted by the cornea's refraction,
# appears within 0.1 mm of that plane, so iris and pupil are one disc.
IRIS_DEPTH = 10.4
CORNEA_RADIUS = 7.8
CORNEA_DEPTH = 5.6
LID_SAMPLES = 1024
# Toward a screen below the camera: the pitch in the head at which the lid openings are stated.
REST_PITCH = np.radians(-10.0)
_BULGE = (9.0, 7.5, 8.0)  # how far lids stand out over the eyeball, and its spread in x and y


def head_rotation(pitch: float, yaw: float, roll: float = 0.0) -> np.ndarray:
    """Rotation (3, 3) that takes the head's frame into the camera's; roll turns in the image."""
    cp, sp, cy, sy = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw)
    cr, sr = np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def normal(rng: np.random.Generator, mean: float, std: float) -> float:
    """A normal draw cut at 2.5 standard deviations, so that no eye is a monster."""
    return mean + std * float(np.clip(rng.standard_normal(), -2.5, 2.5))


@dataclass
class EyeGeometry:
    """One eye, ready to be projected.

    Attributes:
        optical: Pitch and yaw of the eyeball's own axis.
        axis: The same as a unit vector.
        rotation: Head frame to camera frame.
        centre: Centre of the eyeball, camera frame.
        iris_radius: Radius of the limbus.
        pupil_ratio: Pupil radius over iris radius.
        lid_pitch: Pitch of the optical axis in the head; the upper lid follows it.
        width: Distance between the corners.
        upper: y of the upper lid's margin in the head, at `LID_SAMPLES` places, nose to temple.
        lower: The same of the lower lid.
        crease: The same of the upper lid's fold.
        eyeball_in_head: Centre of the eyeball, head frame.
    """

    optical: np.ndarray
    axis: np.ndarray
    rotation: np.ndarray
    centre: np.ndarray
    iris_radius: float
    pupil_ratio: float
    lid_pitch: float
    width: float
    upper: np.ndarray
    lower: np.ndarray
    crease: np.ndarray
    eyeball_in_head: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, gaze: np.ndarray, head: np.ndarray) -> "EyeGeometry":
        """Draws an identity and poses it.

        Args:
            rng: The eye's own stream.
            gaze: Pitch and yaw of the visual axis.
            head: Pitch and yaw of the head.
        """
        # The fovea lies beside the optical axis: the visual axis points about 5 degrees to the
        # nose and 1.3 degrees up from it (Guestrin and Eizenman 2006).
        optical = gaze - np.radians([normal(rng, 1.3, 0.6), normal(rng, 5.0, 1.0)])
        rotation = head_rotation(head[0], head[1], np.radians(normal(rng, 0.0, 2.5)))
        axis = pitch_yaw_to_vector(optical)
        lid_pitch = float(vector_to_pitch_yaw(rotation.T @ axis)[0])
        eyeball = np.array([normal(rng, 0.1, 0.6), normal(rng, -3.1, 0.7), normal(rng, 3.2, 0.5)])
        width = normal(rng, 30.2, 1.2)
        upper, lower, crease = _lids(rng, eyeball[1], lid_pitch, normal(rng, 1.2, 1.0))
        return cls(
            optical=optical,
            axis=axis,
            rotation=rotation,
            centre=rotation @ eyeball,
            iris_radius=normal(rng, 5.85, 0.2),
            pupil_ratio=float(np.clip(normal(rng, 0.40, 0.11), 0.2, 0.7)),
            lid_pitch=lid_pitch,
            width=width,
            upper=upper,
            lower=lower,
            crease=crease,
            eyeball_in_head=eyeball,
        )

    def depth(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Z in the head of the skin at `(a, b)`: a bulge over the eyeball, receding to the temple.

        Args:
            a: x in the head.
            b: y in the head.
        """
        height, spread_a, spread_b = _BULGE
        da = (a - np.float32(self.eyeball_in_head[0])) * np.float32(0.7071 / spread_a)
        db = (b - np.float32(self.eyeball_in_head[1])) * np.float32(0.7071 / spread_b)
        return np.float32(0.12) * a - np.float32(height) * np.exp(-(da * da + db * db))

    def to_head(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the ray through camera `(x, y)` meets the skin, as `(a, b)` in the head.

        The skin's depth is a function of the answer, found by fixed-point iteration.
        """
        inverse = np.linalg.inv(self.rotation[:2, :2]).astype(np.float32)
        sx, sy = (inverse @ self.rotation[:2, 2]).astype(np.float32)
        a0 = inverse[0, 0] * x + inverse[0, 1] * y
        b0 = inverse[1, 0] * x + inverse[1, 1] * y
        a, b = a0, b0
        for _ in range(4):
            z = self.depth(a, b)
            a, b = a0 - sx * z, b0 - sy * z
        return a, b

    def project(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Camera (x, y), shape (n, 2), of skin points `(a, b)` in the head."""
        points = np.stack([a, b, self.depth(a, b)], axis=-1)
        return (points @ self.rotation.T)[:, :2]

    def margin(self, curve: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`(a, b)` of a lid curve at fractions `t` of the way from nose to temple."""
        b = np.interp(t, np.linspace(0.0, 1.0, LID_SAMPLES), curve)
        return (t - 0.5) * self.width, b

    def eye_landmarks(self) -> np.ndarray:
        """Camera (16, 2): inner corner, 7 of the upper margin, outer corner, 7 of the lower."""
        t = np.linspace(0.0, 1.0, 9)
        upper = self.project(*self.margin(self.upper, t))
        lower = self.project(*self.margin(self.lower, t[7:0:-1]))
        return np.concatenate([upper, lower])

    def iris_landmarks(self) -> np.ndarray:
        """Camera (17, 2): the iris' centre and 16 points of the limbus, lids or not."""
        angle = np.arange(16) * (2 * np.pi / 16)
        right, down = iris_basis(self.axis)
        ring = np.outer(np.cos(angle), right) + np.outer(np.sin(angle), down)
        points = np.concatenate([np.zeros((1, 3)), self.iris_radius * ring])
        return (self.centre + IRIS_DEPTH * self.axis + points)[:, :2]


def iris_basis(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors across `axis`: to the image's right and down, as far as it allows."""
    right = np.cross(axis, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    down = np.cross(right, axis)
    return right, down


def _arch(rising: float, falling: float) -> np.ndarray:
    t = np.linspace(0.0, 1.0, LID_SAMPLES)
    shape = t**rising * (1.0 - t) ** falling
    return shape / shape.max()


def _lids(
    rng: np.random.Generator, eyeball_y: float, pitch: float, tilt: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Upper margin, lower margin and crease: y in the head from the nose to the temple."""
    rest = eyeball_y - IRIS_DEPTH * np.sin(REST_PITCH)
    moved = IRIS_DEPTH * (np.sin(REST_PITCH) - np.sin(pitch))  # the pupil's way, down positive
    upper_opening, lower_opening = normal(rng, 3.7, 0.9), normal(rng, 5.6, 0.6)
    if rng.random() < 0.2:  # squinting
        squint = rng.uniform(0.55, 0.9)
        upper_opening, lower_opening = upper_opening * squint, lower_opening * squint
    top = rest - upper_opening + rng.uniform(0.7, 0.9) * moved
    bottom = rest + lower_opening + rng.uniform(0.2, 0.45) * moved
    bottom = max(bottom, 1.2)
    top = min(top, bottom - normal(rng, 2.6, 0.6))
    corners = np.linspace(0.5 * tilt, -0.5 * tilt, LID_SAMPLES)
    upper_arch = _arch(rng.uniform(0.65, 0.95), rng.uniform(0.55, 0.85))
    upper = corners + top * upper_arch
    lower = corners + bottom * _arch(rng.uniform(0.75, 1.1), rng.uniform(0.5, 0.8))
    lower = np.maximum(lower, upper)
    # The fold keeps its place while the margin moves: a lowered lid shows more of its plate.
    fold = top - normal(rng, 3.0, 1.1) - 0.35 * max(moved, 0.0)
    fold = min(fold, top - 0.5)
    wide = _arch(rng.uniform(0.45, 0.7), rng.uniform(0.35, 0.6))
    crease = corners + fold * wide + np.linspace(-0.6, 0.4, LID_SAMPLES)
    return upper, lower, np.minimum(crease, upper - 0.4)
