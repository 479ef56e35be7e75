"""The history of refined images."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class ImageHistory(keras.layers.Layer):
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

    def __init__(
        self,
        capacity: int,
        image_shape: tuple[int, int, int],
        storage: str = "uint8",
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "trainable": False})
        if not isinstance(capacity, int) or capacity < 1:
            raise ValueError(f"`capacity` must be a positive integer; got {capacity!r}.")
        if storage not in ("uint8", "bfloat16", "float32"):
            raise ValueError(f"`storage` must be uint8, bfloat16 or float32; got {storage!r}.")
        if len(image_shape) != 3 or None in image_shape:
            raise ValueError(
                f"`image_shape` must be (height, width, channels), all known; got {image_shape}."
            )
        self.capacity = capacity
        self.image_shape = tuple(image_shape)
        self.storage = storage
        self.seed = seed
        self.images = self.add_weight(
            shape=(capacity, *self.image_shape),
            dtype=storage,
            initializer="zeros",
            trainable=False,
            autocast=False,
            name="images",
        )
        self.stored = self._counter("stored")
        self.calls = self._counter("calls")
        self.built = True

    def _counter(self, name: str):
        return self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name=name
        )

    @property
    def nbytes(self) -> int:
        """Memory of the stored images, in bytes."""
        width = {"uint8": 1, "bfloat16": 2, "float32": 4}[self.storage]
        return self.capacity * int(np.prod(self.image_shape)) * width

    def call(self, images):
        """The batch with half of its images from the history, once that holds enough."""
        half = ops.shape(images)[0] // 2  # an integer where the batch size is known
        least = min if isinstance(half, int) else ops.minimum
        half = least(half, self.capacity)
        new, rest = images[:half], images[half:]
        position = ops.arange(half, dtype="int32")
        stored = ops.convert_to_tensor(self.stored)
        stream = _hash(ops.convert_to_tensor(self.calls) + _constant(self.seed * 0x9E3779B1))

        drawn = ops.mod(_hash(stream + position), ops.maximum(stored, 1))
        old = self._decode(ops.take(self.images, drawn, axis=0), images.dtype)
        mixed = ops.where(stored >= half, old, new)

        most = max if isinstance(half, int) else ops.maximum
        stratum = self.capacity // most(half, 1)
        shift = ops.mod(_hash(stream + self.capacity), self.capacity)
        jitter = ops.mod(_hash(stream - 1 - position), stratum)
        replaced = ops.mod(shift + position * stratum + jitter, self.capacity)
        appended = ops.mod(stored + position, self.capacity)
        slots = ops.where(stored < self.capacity, appended, replaced)
        self.images.assign(
            ops.scatter_update(self.images, ops.expand_dims(slots, 1), self._encode(new))
        )
        self.stored.assign(ops.minimum(stored + half, self.capacity))
        self.calls.assign_add(1)
        return ops.concatenate([mixed, rest], axis=0)

    def _encode(self, images):
        if self.storage != "uint8":
            return ops.cast(images, self.storage)
        levels = ops.round((ops.cast(images, "float32") + 1.0) * 127.5)
        return ops.cast(ops.clip(levels, 0.0, 255.0), "uint8")

    def _decode(self, stored, dtype):
        if self.storage != "uint8":
            return ops.cast(stored, dtype)
        return ops.cast(ops.cast(stored, "float32") / 127.5 - 1.0, dtype)

    def compute_output_shape(self, input_shape):
        """The input's shape."""
        return input_shape

    def get_config(self):
        """All arguments."""
        return {
            **super().get_config(),
            "capacity": self.capacity,
            "image_shape": self.image_shape,
            "storage": self.storage,
            "seed": self.seed,
        }


def _constant(value: int):
    """The low 32 bits of an integer, as a signed one."""
    return ops.convert_to_tensor((value + 2**31) % 2**32 - 2**31, dtype="int32")


def _hash(value):
    """A 31-bit hash of 32-bit integers: shifts and multiplications that wrap (murmur3's mixer)."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = ops.bitwise_xor(value, ops.right_shift(value, _constant(shift)))
        value = value * _constant(factor)
    value = ops.bitwise_xor(value, ops.right_shift(value, _constant(16)))
    return ops.bitwise_and(value, _constant(0x7FFFFFFF))
