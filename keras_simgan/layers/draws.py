"""Random numbers that are a function of integers, alike on every backend.

The backends' own random numbers differ; integers wrap alike everywhere. What is drawn from a seed
and a count, both saved with the model, is drawn again when a training resumes.
"""

from typing import Any

from keras import ops


def constant(value: int) -> Any:
    """The low 32 bits of an integer, as a signed one."""
    return ops.convert_to_tensor((value + 2**31) % 2**32 - 2**31, dtype="int32")


def hash_of(value: Any) -> Any:
    """A 31-bit hash of 32-bit integers: shifts and multiplications that wrap (murmur3's mixer)."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = ops.bitwise_xor(value, ops.right_shift(value, constant(shift)))
        value = value * constant(factor)
    value = ops.bitwise_xor(value, ops.right_shift(value, constant(16)))
    return ops.bitwise_and(value, constant(0x7FFFFFFF))


def draw(stream: Any, position: Any) -> Any:
    """A 31-bit random integer for each position."""
    return hash_of(stream + position)


def draw_uniform(stream: Any, position: Any) -> Any:
    """A random float32 in [0, 1] for each position."""
    return ops.cast(draw(stream, position), "float32") / 2.0**31
