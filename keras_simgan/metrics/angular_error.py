"""The angle between two gaze directions."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class AngularError(keras.metrics.MeanMetricWrapper):
    """Mean angle between true and predicted gaze, in degrees.

        error = mean of atan2(|a x b|, a . b) 180 / pi

    The arc tangent keeps small angles exact, where the arc cosine of a rounded product does not.

    Args:
        name: Name of the metric.
        **kwargs: Arguments of `keras.metrics.Metric`.

    Call with true and predicted gaze, each either `(pitch, yaw)` in radians, shape `(batch, 2)`, in
    MPIIGaze's convention (see `data.pitch_yaw_to_vector`), or directions `(x, y, z)` of any length,
    shape `(batch, 3)`.

    Example:
        >>> metric = AngularError()
        >>> metric.update_state([[0.0, 0.0]], [[0.0, np.radians(10.0)]])
        >>> round(float(metric.result()), 3)
        10.0
    """

    def __init__(self, name: str = "angular_error", **kwargs: Any):
        super().__init__(fn=angular_error, name=name, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"name": self.name, "dtype": self.dtype}


def angular_error(y_true: Any, y_pred: Any) -> Any:
    """The angle of each pair in degrees, shape `(batch,)`; arguments as for `AngularError`."""
    true, predicted = _direction(y_true), _direction(y_pred)
    # Without its axis, torch takes the first dimension of size 3, which may be the batch.
    sine = ops.norm(ops.cross(true, predicted, axis=-1), axis=-1)
    cosine = ops.sum(true * predicted, axis=-1)
    return ops.arctan2(sine, cosine) * (180.0 / np.pi)


def _direction(gaze):
    gaze = ops.cast(ops.convert_to_tensor(gaze), "float32")
    if gaze.shape[-1] == 3:
        return gaze
    if gaze.shape[-1] != 2:
        raise ValueError(
            "Gaze must be (pitch, yaw), shape (batch, 2), or directions, shape (batch, 3); got "
            f"shape {tuple(gaze.shape)}."
        )
    pitch, yaw = gaze[..., 0], gaze[..., 1]
    return ops.stack(
        [-ops.cos(pitch) * ops.sin(yaw), -ops.sin(pitch), -ops.cos(pitch) * ops.cos(yaw)], axis=-1
    )
