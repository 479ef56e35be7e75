"""Halving images by the mean of neighbours."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class AverageHalving(keras.layers.Layer):
    """Halves an image by means of 3x3 pixels, every other one; beyond the border nothing counts.

    The image pyramid of pix2pixHD (Wang et al. 2018): PyTorch's `AvgPool2d(3, stride=2, padding=1,
    count_include_pad=False)`, whose window around pixel (2 i, 2 j) is

        y[i, j] = mean of x[2 i - 1 : 2 i + 2, 2 j - 1 : 2 j + 2]

    over the pixels that there are. Keras' pooling with padding "same" starts its windows elsewhere
    where a size is even.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape `(batch, height, width, channels)`, any size; output
    `(batch, ceil(height / 2), ceil(width / 2), channels)`.

    Example:
        >>> row = ops.reshape(ops.arange(4.0), (1, 1, 4, 1))
        >>> [float(value) for value in AverageHalving()(row)[0, 0, :, 0]]
        [0.5, 2.0]
    """

    def call(self, inputs: Any) -> Any:
        """The halved images."""
        padded = ops.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
        sums = ops.average_pool(padded, 3, 2, data_format="channels_last")
        # The same of an image of ones: which share of each window is inside.
        ones = ops.pad(ops.ones_like(inputs[:1, :, :, :1]), ((0, 0), (1, 1), (1, 1), (0, 0)))
        return sums / ops.average_pool(ones, 3, 2, data_format="channels_last")

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Height and width halved, rounded up."""
        batch, height, width, channels = input_shape
        halves = [None if size is None else -(-size // 2) for size in (height, width)]
        return (batch, *halves, channels)
