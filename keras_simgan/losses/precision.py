"""The precision that losses are computed in."""

import keras
from keras import ops


def at_least_float32(values):
    """The values in float32, or in float64 where they come so.

    Squares and logarithms of half precision overflow and lose digits, whatever the networks compute
    in.
    """
    values = ops.convert_to_tensor(values)
    return ops.cast(values, keras.backend.result_type(values.dtype, "float32"))
