"""The pool of translated images."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.layers.draws import draw
from keras_simgan.layers.image_store import ImageStore, smaller


@keras.saving.register_keras_serializable(package="keras_simgan")
class ImagePool(ImageStore):
    """Swaps half of the images, one by one at random, for images translated earlier.

    Zhu et al. 2017, section 4: the discriminators see a history of 50 generated images. While the
    pool fills, images are stored and passed on. Once it is full each image, with probability 1/2,
    takes the place of a random one in the pool, which is passed on instead; otherwise it is passed
    on and not stored. The images of one batch swap with different places, so what comes out was
    translated in an earlier step; of a batch that is larger than the pool, the images beyond the
    pool's size pass through. (`ImageHistory` is SimGAN's: there half of every batch is drawn.)

    The draws come from an integer hash of the seed and of the count of calls, which is a variable.
    So they are the same on every backend, and training that is resumed goes on with the same draws.

    Args:
        capacity: Images to keep.
        image_shape: `(height, width, channels)`.
        storage: `"uint8"`, a 256th of the range [-1, 1] and one byte a value, or `"bfloat16"` or
            `"float32"`.
        seed: Seed of the draws.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call with images in [-1, 1], shape `(batch, height, width, channels)`; the output is alike.

    Example:
        >>> pool = ImagePool(capacity=50, image_shape=(4, 4, 1))
        >>> passed_on = pool(ops.ones((8, 4, 4, 1)))
        >>> int(pool.stored)
        8
    """

    def call(self, images: Any) -> Any:
        """The batch with some of its images swapped, once the pool is full."""
        count = smaller(ops.shape(images)[0], self.capacity)
        new, rest = images[:count], images[count:]
        position = ops.arange(count, dtype="int32")
        stored = ops.convert_to_tensor(self.stored)
        stream = self._stream()

        full = stored >= self.capacity
        swapped = ops.equal(ops.right_shift(draw(stream, position), 30), 1)  # the highest bit
        swapped = ops.reshape(ops.logical_and(full, swapped), (-1, 1, 1, 1))
        appended = ops.mod(stored + position, self.capacity)
        slots = ops.where(full, self._distinct_slots(stream, position, count), appended)
        old = self._read(slots, images.dtype)
        kept = ops.where(ops.logical_or(swapped, ops.logical_not(full)), new, old)
        self._write(slots, kept, stored + count)
        return ops.concatenate([ops.where(swapped, old, new), rest], axis=0)
