"""What must hold where each batch is shared out among several devices."""

from __future__ import annotations

from typing import Any

import keras

from keras_simgan.layers import ImageBatchNormalization
from keras_simgan.models import batches


def prepare(model: Any, optimizers: list, arguments: dict[str, Any]) -> None:
    """Makes a model train on all devices as it would on one.

    Args:
        model: The model, which is being compiled.
        optimizers: Of both turns.
        arguments: What `keras.Model.compile` takes.

    Raises:
        ValueError: What cannot be trained so.
    """
    model.check_strategy(optimizers)
    if model.devices == 1:
        return
    if arguments.get("steps_per_execution", 1) != 1:
        raise ValueError(
            f"On {model.devices} devices the turns of each step are chosen before it: leave out "
            "`steps_per_execution`."
        )
    for layer in model._flatten_layers():
        if layer.compute_dtype == "float16":
            raise ValueError(
                f"Loss scaling, which float16 needs, does not work on {model.devices} devices; "
                f"the layer {layer.name!r} computes in it. Use the policy 'mixed_bfloat16'."
            )
        if isinstance(layer, ImageBatchNormalization):
            layer.synchronized = True
        elif (
            isinstance(layer, keras.layers.BatchNormalization)
            and layer.trainable
            and not layer.synchronized
        ):
            raise ValueError(
                f"The layer {layer.name!r} would take the statistics of each device's share "
                "instead of the batch's. Make it with `synchronized=True`."
            )


def check_shares(model: Any, x: Any, batch_size: int | None) -> None:
    """Raises where arrays make a batch that is not shared out evenly.

    Args:
        model: The model.
        x: What `fit` and `evaluate` take.
        batch_size: Likewise.

    Raises:
        ValueError: Such a batch.
    """
    if model.devices == 1 or not batches.is_arrays(x):
        return
    size, count = batch_size or 32, len(keras.tree.flatten(x)[0])
    for batch in (min(size, count), count % size):
        if batch % model.devices:
            raise ValueError(
                f"{count} samples in batches of {size} make one of {batch}, which "
                f"{model.devices} devices cannot share evenly. Choose another `batch_size`, or "
                "leave out some samples."
            )
