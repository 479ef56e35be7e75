"""The history of refined images."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.layers.draws import draw
from keras_simgan.layers.image_store import ImageStore, smaller


@keras.saving.register_keras_serializable(package="keras_simgan")
class ImageHistory(ImageStore):
    """Mixes a batch of refined images with images refined earlier.

    Shrivastava et al. 2017, section 2.3: a discriminator that sees only the newest images forgets,
    and the refiner brings old artifacts back. Of a batch of `b` images, the first `b // 2` are
    stored and as many drawn from the history take their place; the rest pass through. While the
    history fills, images are appended; once it is full they replace random ones, one from each
    `b // 2`-th part of it, so that no image replaces another of its own batch. Until `b // 2`
    images are stored the batch passes through unchanged.

    The draws come from an integer hash of the seed and of the count of calls, which is a variable.
    So they are the same on every backend, and training that is resumed goes on with the same draws.

    Args:
        capacity: Images to keep.
        image_shape: `(height, width, channels)`.
        storage: `"uint8"`, a 256th of the range [-1, 1] and one byte a value, or `"bfloat16"` or
            `"float32"`.
        seed: Seed of the draws.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call with images in [-1, 1], shape `(batch, height, width, channels)`; the output is alike. It
    takes `capacity * height * width * channels` times the bytes of a value: 98.6 MB for 51,200
    images of 35x55 in uint8; see `nbytes`.

    Example:
        >>> history = ImageHistory(capacity=100, image_shape=(4, 4, 1))
        >>> mixed = history(ops.ones((8, 4, 4, 1)))
        >>> int(history.stored)
        4
    """

    def call(self, images: Any) -> Any:
        """The batch with half of its images from the history, once that holds enough."""
        half = smaller(ops.shape(images)[0] // 2, self.capacity)
        new, rest = images[:half], images[half:]
        position = ops.arange(half, dtype="int32")
        stored = ops.convert_to_tensor(self.stored)
        stream = self._stream()

        drawn = ops.mod(draw(stream, position), ops.maximum(stored, 1))
        mixed = ops.where(stored >= half, self._read(drawn, images.dtype), new)

        replaced = self._distinct_slots(stream, position, half)
        appended = ops.mod(stored + position, self.capacity)
        self._write(ops.where(stored < self.capacity, appended, replaced), new, stored + half)
        return ops.concatenate([mixed, rest], axis=0)
