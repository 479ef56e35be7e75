"""Doubling images by repeating their pixels."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class Doubling(keras.layers.UpSampling2D):
    """Doubles an image's height and width; each pixel becomes two by two.

    The values of `keras.layers.UpSampling2D(2)`, whose output has an unknown channel count in a
    TensorFlow graph, so that LiteRT has no convolution of its own for it.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape `(batch, height, width, channels)`, output
    `(batch, 2 height, 2 width, channels)`.

    Example:
        >>> row = ops.reshape(ops.arange(2.0), (1, 1, 2, 1))
        >>> [[float(value) for value in line] for line in Doubling()(row)[0, :, :, 0]]
        [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """

    def __init__(self, **kwargs: Any):
        super().__init__(2, data_format="channels_last", **kwargs)

    def call(self, inputs: Any) -> Any:
        """The doubled images."""
        _, height, width, channels = ops.shape(inputs)
        wide = ops.concatenate([inputs, inputs], axis=-1)
        rows = ops.reshape(wide, (-1, height, 2 * width * channels))
        both = ops.concatenate([rows, rows], axis=-1)
        return ops.reshape(both, (-1, 2 * height, 2 * width, channels))

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        config = super().get_config()
        for fixed in ("size", "interpolation", "data_format"):
            config.pop(fixed)
        return config
