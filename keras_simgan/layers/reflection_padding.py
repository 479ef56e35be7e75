"""Padding with the image's own mirror."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class ReflectionPadding2D(keras.layers.Layer):
    """Continues an image beyond its borders with its mirror image; the border is not repeated.

    With padding 2 a row `a b c d` becomes `c b a b c d c b`. The padding of CycleGAN's generator
    (Zhu et al. 2017, appendix), where zeros would show as a frame.

    Args:
        padding: Pixels on each side, less than the image's height and width.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input shape `(batch, height, width, channels)`, output
    `(batch, height + 2 padding, width + 2 padding, channels)`.

    Raises:
        ValueError: A padding that is no integer from 0, or an image no larger than it.

    Example:
        >>> images = ops.reshape(ops.arange(9.0), (1, 3, 3, 1))
        >>> [int(value) for value in ReflectionPadding2D(1)(images)[0, 1, :, 0]]
        [1, 0, 1, 2, 1]
    """

    def __init__(self, padding: int, **kwargs: Any):
        super().__init__(**kwargs)
        if not isinstance(padding, int) or padding < 0:
            raise ValueError(f"`padding` must be an integer not below 0; got {padding!r}.")
        self.padding = padding

    def call(self, inputs: Any) -> Any:
        """The padded images."""
        self.compute_output_shape(inputs.shape)  # for its error; the backends do not agree on one
        if not self.padding:
            return inputs
        sides = (self.padding, self.padding)
        return ops.pad(inputs, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Height and width grow by twice the padding."""
        batch, height, width, channels = input_shape
        if any(size is not None and size <= self.padding for size in (height, width)):
            raise ValueError(
                f"Images of {height}x{width} have no {self.padding} pixels beside their border to "
                "reflect; `padding` must be less than height and width."
            )
        grown = [None if size is None else size + 2 * self.padding for size in (height, width)]
        return (batch, *grown, channels)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "padding": self.padding}
