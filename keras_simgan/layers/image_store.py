"""What the pools of past fakes share: pixels that are variables, and draws that resume."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_simgan.layers.draws import constant, hash_of


class ImageStore(keras.layers.Layer):
    """Keeps a number of images, and draws from them by a hash of (seed, count of calls).

    Pixels, fill and count are variables, so they are saved with the model; the hash is of integers,
    so draws are the same on every backend, and training that is resumed goes on with the same ones.

    Args:
        capacity: Images to keep.
        image_shape: `(height, width, channels)`.
        storage: `"uint8"`, a 256th of the range [-1, 1] and one byte a value, or `"bfloat16"` or
            `"float32"`.
        seed: Seed of the draws.
        **kwargs: Arguments of `keras.layers.Layer`.

    Raises:
        ValueError: An argument out of range.
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
    def weights(self) -> list:
        """None: pixels are memory, not parameters, and are not counted as such.

        They are among `variables`, and saved with these.
        """
        return []

    @property
    def nbytes(self) -> int:
        """Memory of the stored images, in bytes."""
        width = {"uint8": 1, "bfloat16": 2, "float32": 4}[self.storage]
        return self.capacity * int(np.prod(self.image_shape)) * width

    def _stream(self):
        """The integer that this call's draws start from."""
        return hash_of(ops.convert_to_tensor(self.calls) + constant(self.seed * 0x9E3779B1))

    def _distinct_slots(self, stream, position, count):
        """A random slot for each of `count` images, no two alike: one from each `count`-th part."""
        maximum = max if isinstance(count, int) else ops.maximum
        stratum = self.capacity // maximum(count, 1)
        shift = ops.mod(hash_of(stream + self.capacity), self.capacity)
        jitter = ops.mod(hash_of(stream - 1 - position), stratum)
        return ops.mod(shift + position * stratum + jitter, self.capacity)

    def _read(self, slots, dtype):
        stored = ops.take(self.images, slots, axis=0)
        if self.storage != "uint8":
            return ops.cast(stored, dtype)
        return ops.cast(ops.cast(stored, "float32") / 127.5 - 1.0, dtype)

    def _write(self, slots, images, stored) -> None:
        if self.storage == "uint8":
            levels = ops.round((ops.cast(images, "float32") + 1.0) * 127.5)
            images = ops.clip(levels, 0.0, 255.0)
        self.images.assign(
            ops.scatter_update(
                self.images, ops.expand_dims(slots, 1), ops.cast(images, self.storage)
            )
        )
        self.stored.assign(ops.minimum(stored, self.capacity))
        self.calls.assign_add(1)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **super().get_config(),
            "capacity": self.capacity,
            "image_shape": self.image_shape,
            "storage": self.storage,
            "seed": self.seed,
        }


def smaller(count: Any, limit: int) -> Any:
    """The smaller of both; `count` may be a tensor, where the batch size is not known."""
    return min(count, limit) if isinstance(count, int) else ops.minimum(count, limit)
