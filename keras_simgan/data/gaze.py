"""Gaze directions as angles and as vectors, in the convention of MPIIGaze."""

import numpy as np


def pitch_yaw_to_vector(pitch_yaw: np.ndarray) -> np.ndarray:
    """Turns gaze angles into unit vectors.

    `vector = (-cos(pitch) sin(yaw), -sin(pitch), -cos(pitch) cos(yaw))`, the convention of MPIIGaze
    (Zhang et al. 2015): the camera looks along +z, x points right and y down in the image. A pitch
    above 0 looks up, a yaw above 0 looks to the image's left.

    Args:
        pitch_yaw: Angles in radians, shape `(..., 2)`.

    Returns:
        Unit vectors `(x, y, z)`, shape `(..., 3)`.

    Example:
        >>> pitch_yaw_to_vector(np.zeros(2)) + 0.0
        array([ 0.,  0., -1.])
    """
    pitch_yaw = np.asarray(pitch_yaw)
    pitch, yaw = pitch_yaw[..., 0], pitch_yaw[..., 1]
    return np.stack(
        [-np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)], axis=-1
    )


def vector_to_pitch_yaw(vector: np.ndarray) -> np.ndarray:
    """Turns gaze vectors of any length into angles; the inverse of `pitch_yaw_to_vector`.

    Args:
        vector: Directions `(x, y, z)`, shape `(..., 3)`.

    Returns:
        `(pitch, yaw)` in radians, shape `(..., 2)`.
    """
    vector = np.asarray(vector)
    vector = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    return np.stack([np.arcsin(np.clip(-y, -1.0, 1.0)), np.arctan2(-x, -z)], axis=-1)
