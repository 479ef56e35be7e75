"""Images of any size through networks that halve and double."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class PadToMultiple(keras.layers.Layer):
    """Continues an image below and to the right until its size is a multiple.

    What is added is the image's mirror image, as often as it takes. `CropToMatch` cuts it off
    again, so a network that halves its input keeps the size of images of any size.

    Args:
        multiple: Height and width become multiples of this.
        minimum: They become at least this, itself a multiple.
        **kwargs: Arguments of `keras.layers.Layer`.

    Input and output shape `(batch, height, width, channels)`.

    Example:
        >>> tuple(PadToMultiple(4)(ops.zeros((1, 9, 12, 3))).shape)
        (1, 12, 12, 3)
    """

    def __init__(self, multiple: int, minimum: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        minimum = multiple if minimum is None else minimum
        if not all(isinstance(size, int) and size > 0 for size in (multiple, minimum)) or (
            minimum % multiple
        ):
            raise ValueError(
                "`multiple` must be a positive integer and `minimum` a multiple of it. Received: "
                f"multiple={multiple!r}, minimum={minimum!r}."
            )
        self.multiple, self.minimum = multiple, minimum

    def _padded(self, size):
        # Of numbers not below 0 alone, whose quotients every export format rounds alike.
        padded = (size + self.multiple - 1) // self.multiple * self.multiple
        return _larger(padded, self.minimum)

    def call(self, inputs: Any) -> Any:
        """The padded images."""
        for axis in (1, 2):
            size = ops.shape(inputs)[axis]
            padded = self._padded(size)
            if isinstance(size, int) and size == padded:
                continue
            # A mirror that repeats has the period 2 (size - 1); one pixel is its own mirror image.
            period = _larger(2 * (size - 1), 1)
            place = ops.arange(padded, dtype="int32") % period
            inputs = _lines(inputs, axis, ops.minimum(place, period - place), padded)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """Height and width rounded up."""
        batch, height, width, channels = input_shape
        padded = [None if size is None else self._padded(size) for size in (height, width)]
        return (batch, *padded, channels)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "multiple": self.multiple, "minimum": self.minimum}


def _larger(one, other):
    """The larger of two whole numbers, which may be tensors or symbols that torch exports."""
    return (one + other + abs(one - other)) // 2


def _lines(images, axis, places, count):
    """Some rows or columns of images, as rows of a matrix: so ONNX can gather them from torch."""
    order = (axis, *(other for other in range(4) if other != axis))
    turned = ops.transpose(images, order)
    size, *others = ops.shape(turned)
    taken = ops.take(ops.reshape(turned, (size, -1)), places, axis=0)
    back = [order.index(place) for place in range(4)]
    return ops.transpose(ops.reshape(taken, (count, *others)), back)


@keras.saving.register_keras_serializable(package="keras_simgan")
class CropToMatch(keras.layers.Layer):
    """Cuts images to the height and width of others, from the upper left.

    Call with a list `[images, reference]`, shapes `(batch, height, width, channels)`.

    Example:
        >>> images, reference = ops.zeros((1, 12, 12, 3)), ops.zeros((1, 9, 12, 1))
        >>> tuple(CropToMatch()([images, reference]).shape)
        (1, 9, 12, 3)
    """

    def call(self, inputs: Any) -> Any:
        """The images, cut."""
        images, reference = inputs
        _, height, width, _ = ops.shape(reference)
        return images[:, :height, :width]

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """The reference's height and width."""
        images, reference = input_shape
        return (images[0], *reference[1:3], images[-1])
