"""The names of a GAN's losses, without computing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from keras_simgan.models.batches import is_float


def loss_names(losses_of: Callable[..., dict[str, Any]], batch: tuple) -> list[str]:
    """Traces all losses as Keras traces a layer: from the shapes of a batch.

    Args:
        losses_of: The losses of a batch by name, with an argument `training`.
        batch: The batch, arrays or tensors.

    Returns:
        The names, in their order.
    """

    def symbol(value):
        dtype = keras.backend.standardize_dtype(value.dtype)
        # Of two samples, for the first batch may be one of many sizes.
        return keras.KerasTensor(
            (2, *value.shape[1:]), keras.config.floatx() if is_float(dtype) else dtype
        )

    losses = _Losses(losses_of)
    losses.compute_output_spec(*keras.tree.map_structure(symbol, batch))
    return losses.names


class _Losses(keras.Operation):
    def __init__(self, losses_of: Callable[..., dict[str, Any]]):
        super().__init__()
        self.losses_of = losses_of
        self.names: list[str] = []

    def call(self, source: Any, target: Any) -> dict[str, Any]:
        found = self.losses_of((source, target), training=True)
        self.names = list(found)  # in their order, which JAX does not keep
        return found
