"""The residual block of the SimGAN refiner."""

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="keras_simgan")
class ResidualBlock(keras.layers.Layer):
    """`relu(x + conv(relu(conv(x))))`, no normalization.

    The block of the refiner in Shrivastava et al. 2017; the last relu comes after the addition.

    Args:
        filters: Channels of the input and of the output.
        kernel_size: Size of both convolutions' kernels.
        **kwargs: Arguments of `keras.layers.Layer`.

    Example:
        >>> from keras import ops
        >>> tuple(ResidualBlock(4)(ops.zeros((1, 9, 14, 4))).shape)
        (1, 9, 14, 4)
    """

    def __init__(self, filters: int, kernel_size: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.first, self.second = (
            keras.layers.Conv2D(
                filters,
                kernel_size,
                padding="same",
                kernel_initializer="he_normal",
                dtype=self.dtype_policy,
                name=name,
            )
            for name in ("first", "second")
        )

    def build(self, input_shape: Any) -> None:
        """Builds both convolutions."""
        self.first.build(input_shape)
        self.second.build((*input_shape[:-1], self.filters))

    def call(self, inputs: Any) -> Any:
        """Features of shape `(batch, height, width, filters)`, and back."""
        outputs = keras.ops.relu(self.first(inputs))
        return keras.ops.relu(inputs + self.second(outputs))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
        }
