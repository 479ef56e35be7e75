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
        value = ops.bitwise_xor(value, _shifted(value, shift))
        value = value * constant(factor)
    return _unsigned(ops.bitwise_xor(value, _shifted(value, 16)))


def _unsigned(value):
    """The low 31 bits."""
    return ops.where(value < 0, value + constant(0x80000000), value)


def _shifted(value, bits: int):
    """The bits moved right, the sign coming in; by divisions, for ONNX shifts no signed numbers."""
    sign = ops.where(value < 0, constant(2 ** (31 - bits)), constant(0))
    return _unsigned(value) // constant(2**bits) - sign


def draw(stream: Any, position: Any) -> Any:
    """A 31-bit random integer for each position."""
    return hash_of(stream + position)


def draw_uniform(stream: Any, position: Any) -> Any:
    """A random float32 in [0, 1] for each position."""
    return ops.cast(draw(stream, position), "float32") / 2.0**31
