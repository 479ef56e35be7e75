"""Several batches through a network as one."""

from __future__ import annotations

from itertools import accumulate

import keras
from keras import ops

from keras_simgan.models.batches import size_of


def in_one_batch(network: keras.Model, batches: list, training: bool) -> list:
    """A network's outputs for several batches, such as real and fake, or identity and cycle.

    They go through as one batch, which is faster, unless a layer mixes samples (batch
    normalization): then they must not share their statistics.

    Args:
        network: The network.
        batches: Each a tensor, or a structure of tensors, as the network takes it.
        training: Whether it trains.

    Returns:
        The outputs of each batch, a tensor or a structure of tensors.
    """
    mixes = any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in network._flatten_layers()
    )
    if mixes or len(batches) == 1:
        return [network(batch, training=training) for batch in batches]
    structure = keras.tree.map_structure
    outputs = network(
        structure(lambda *parts: ops.concatenate(parts, axis=0), *batches), training=training
    )
    ends = list(accumulate(size_of(batch) for batch in batches))
    return [
        structure(lambda output, start=start, end=end: output[start:end], outputs)
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
