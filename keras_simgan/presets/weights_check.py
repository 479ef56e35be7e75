"""Whether weights may take the place of others on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

#: The largest number of half precision, in which presets may be kept and networks may compute. No
#: weight of a network of images in [-1, 1] comes near it, unless the training has diverged.
LARGEST_WEIGHT = float(np.finfo("float16").max)


def check_weights(networks: Iterable[Any]) -> None:
    """Refuses networks of a training that has diverged.

    Args:
        networks: Keras layers or models.

    Raises:
        ValueError: If a weight is not finite, or a trainable one above `LARGEST_WEIGHT`.
    """
    for network in networks:
        if found := not_finite(network.variables, LARGEST_WEIGHT):
            raise ValueError(
                f"{found} in `{network.name}`: the training has diverged. Nothing was written. "
                "Take weights from before, or train with a smaller learning rate."
            )


def size_in_file(variables: Iterable[Any]) -> int:
    """About how many bytes variables take in an HDF5 file; rather too many.

    Args:
        variables: Keras variables.
    """
    sizes = (np.prod(each.shape) * np.dtype(each.dtype).itemsize for each in variables)
    return sum(8192 + int(size) for size in sizes)


def not_finite(variables: Iterable[Any], largest: float = np.inf) -> str:
    """Says which of some variables is not finite, or too large; nothing where none is.

    Args:
        variables: Keras variables. Those of integers are passed over.
        largest: Up to where the trainable ones may go.

    Returns:
        The beginning of a sentence, or an empty string.

    Example:
        >>> weight = keras.Variable([1.0, np.nan], name="weight")
        >>> not_finite([weight])
        'The weight `weight` holds nan'
    """
    for variable in variables:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue
        value = keras.ops.convert_to_numpy(keras.ops.cast(variable, "float32"))
        found = float(np.max(np.abs(value), initial=0))  # NaN where there is one
        if not np.isfinite(found) or (variable.trainable and found > largest):
            return f"The weight `{variable.path}` holds {found:g}"
    return ""
