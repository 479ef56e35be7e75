"""The precision that losses are computed in."""

import math
from typing import Any

import keras
from keras import ops


def at_least_float32(values: Any) -> Any:
    """The values in float32, or in float64 where they come so.

    Squares and logarithms of half precision overflow and lose digits, whatever the networks compute
    in.
    """
    values = ops.convert_to_tensor(values)
    double = keras.backend.standardize_dtype(values.dtype) == "float64"
    return values if double else ops.cast(values, "float32")


def mean(values: Any, axes: tuple[int, ...] | None = None) -> Any:
    """The mean in the values' precision; that of `keras.ops` computes in float32 on torch."""
    axes = tuple(range(len(values.shape))) if axes is None else axes
    count = math.prod(ops.shape(values)[axis] for axis in axes)  # a tensor where a size is unknown
    return ops.sum(values, axis=axes) / ops.cast(count, values.dtype)
