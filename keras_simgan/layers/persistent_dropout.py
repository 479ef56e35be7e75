"""Dropout that stays on at inference."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from keras_simgan.layers.draws import constant, draw_uniform, hash_of


@keras.saving.register_keras_serializable(package="keras_simgan")
class PersistentDropout(keras.layers.Dropout):
    """Dropout that is pix2pix's noise: on at inference, too.

    Isola et al. 2016, section 3.1: a generator that is shown a condition learns to pass over a
    noise vector, so the noise z is dropout, in training and at inference. In training each call
    draws anew. At inference one mask, a hash of `seed`, is laid on every image of a size: z is
    chosen by the seed, so that the same image gives the same translation in whatever batch, file or
    export, on every backend. Another seed is another sample.

    Args:
        rate: The share of values that become 0; the others are divided by 1 - rate.
        seed: Seed of the draws.
        inference: Whether dropout is on at inference.
        **kwargs: Arguments of `keras.layers.Dropout`.

    Raises:
        ValueError: A rate outside [0, 1).

    Input and output have shape `(batch, height, width, channels)`.

    Example:
        >>> layer = PersistentDropout(0.5, seed=1)
        >>> once, again = layer(ops.ones((1, 8, 8, 4))), layer(ops.ones((3, 8, 8, 4)))
        >>> bool(ops.all(once == again)), float(ops.max(once)), float(ops.min(once))
        (True, 2.0, 0.0)
    """

    def __init__(self, rate: float, seed: int = 0, inference: bool = True, **kwargs: Any):
        if not 0 <= rate < 1:
            raise ValueError(f"`rate` must be in [0, 1); got {rate!r}.")
        super().__init__(rate, seed=seed, **kwargs)
        self.inference = inference

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The values, some of them 0."""
        if training or not self.inference or not self.rate:
            return super().call(inputs, training=training)
        shape = ops.shape(inputs)[1:]
        positions = ops.arange(math.prod(shape), dtype="int32")
        kept = draw_uniform(hash_of(constant(self.seed)), positions) >= self.rate
        mask = ops.cast(ops.reshape(kept, (1, *shape)), inputs.dtype)
        return inputs * mask / (1.0 - self.rate)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        config = super().get_config()
        config.pop("noise_shape", None)
        return {**config, "inference": self.inference}
