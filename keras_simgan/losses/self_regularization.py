"""The loss that keeps what an image shows."""

from __future__ import annotations

from typing import Any, Self

import keras
from keras import ops

from keras_simgan.losses.precision import at_least_float32, mean


def _identity(images):
    return [images]


def _image_gradients(images):
    """Differences of neighbours, down and to the right."""
    return [
        images[:, 1:, :, :] - images[:, :-1, :, :],
        images[:, :, 1:, :] - images[:, :, :-1, :],
    ]


def _channel_means(images):
    """The mean of the colour channels at each pixel."""
    return [ops.mean(images, axis=-1, keepdims=True)]


FEATURE_MAPS = {
    "identity": _identity,
    "image_gradients": _image_gradients,
    "channel_means": _channel_means,
}


@keras.saving.register_keras_serializable(package="keras_simgan")
class SelfRegularization(keras.losses.Loss):
    """Distance of a refined image to its synthetic origin, in features psi.

        loss = weight mean |psi(refined) - psi(synthetic)|

    Shrivastava et al. 2017, equation 4 (psi = identity) and section 2.1. The mean runs over the
    batch and all values of psi; the paper writes a sum, `SimGAN` says how to convert its weight.

    Args:
        weight: The weight, the paper's lambda on means.
        psi: What to compare. `"identity"`: the pixels. `"image_gradients"`: differences of
            neighbouring pixels, down and right. `"channel_means"`: the mean of the colour channels.
            A `keras.Model`: its outputs; it is frozen. A list of pairs `(psi, weight)`: their
            weighted sum, times `weight`.
        name: Name of the loss.
        **kwargs: Arguments of `keras.losses.Loss`.

    Call with the synthetic and the refined images, shape `(batch, height, width, channels)`, in
    [-1, 1].

    Raises:
        ValueError: An unknown psi, or a negative weight.

    Example:
        >>> import numpy as np
        >>> loss = SelfRegularization(weight=10.0)
        >>> images = np.zeros((2, 35, 55, 1), "float32")
        >>> round(float(loss(images, images + 0.1)), 4)
        1.0
    """

    def __init__(
        self,
        weight: float = 2.0,
        psi: str | keras.Model | list = "identity",
        name: str = "self_regularization",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        self.weight = float(weight)
        self.psi = psi
        self.terms = [
            (_feature_map(part), float(part_weight))
            for part, part_weight in (psi if isinstance(psi, list) else [(psi, 1.0)])
        ]
        if not self.terms or min(self.weight, *(w for _, w in self.terms)) < 0:
            raise ValueError(
                "`psi` must not be empty and no weight may be below 0. Received: "
                f"weight={weight!r}, psi={psi!r}."
            )

    @property
    def feature_extractors(self) -> list[keras.Model]:
        """The models among psi."""
        return [part for part, _ in self.terms if isinstance(part, keras.Model)]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, shape `(batch,)`."""
        total = 0.0
        for part, weight in self.terms:
            for before, after in zip(_features(part, y_true), _features(part, y_pred), strict=True):
                distance = ops.abs(at_least_float32(after) - at_least_float32(before))
                total += weight * mean(distance, axes=tuple(range(1, len(distance.shape))))
        return self.weight * total

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **super().get_config(),
            "weight": self.weight,
            "psi": keras.saving.serialize_keras_object(self.psi),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that `get_config` described."""
        return cls(**{**config, "psi": keras.saving.deserialize_keras_object(config["psi"])})


def _feature_map(psi):
    if isinstance(psi, keras.Model):
        psi.trainable = False
        return psi
    if isinstance(psi, str) and psi in FEATURE_MAPS:
        return FEATURE_MAPS[psi]
    raise ValueError(
        f"`psi` must be one of {sorted(FEATURE_MAPS)}, a `keras.Model`, or a list of pairs "
        f"(psi, weight). Received: {psi!r}."
    )


def _features(psi, images) -> list:
    if isinstance(psi, keras.Model):
        return keras.tree.flatten(psi(images, training=False))
    return psi(images)
