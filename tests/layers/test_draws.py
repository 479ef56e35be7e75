import numpy as np
from keras import ops

from keras_simgan.layers.draws import constant, draw, draw_uniform, hash_of


def murmur3_mixer(value):
    """In Python's integers; the shifts to the right keep the sign, as those of int32 do."""

    def signed(bits):
        return (bits + 2**31) % 2**32 - 2**31

    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = signed((value ^ (value >> shift)) * factor)
    return (value ^ (value >> 16)) & 0x7FFFFFFF


def test_hash_of_integers():
    values = [0, 1, 2, 1000, 2**31 - 1, -1, -(2**31)]
    found = ops.convert_to_numpy(hash_of(ops.array(values, "int32")))
    assert found.tolist() == [murmur3_mixer(value) for value in values]


def test_constants_wrap():
    for value, expected in ((5, 5), (2**32 + 5, 5), (2**31, -(2**31)), (-1, -1), (2**32 - 1, -1)):
        assert int(constant(value)) == expected


def test_draws_of_positions():
    positions = ops.arange(5, dtype="int32")
    found = ops.convert_to_numpy(draw(constant(100), positions))
    assert found.tolist() == [murmur3_mixer(100 + position) for position in range(5)]
    uniform = ops.convert_to_numpy(draw_uniform(constant(100), positions))
    np.testing.assert_allclose(uniform, found / 2**31, rtol=1e-6)


def test_uniform_draws_are_uniform():
    draws = ops.convert_to_numpy(draw_uniform(constant(7), ops.arange(10_000, dtype="int32")))
    assert draws.min() >= 0.0 and draws.max() <= 1.0
    counts, _ = np.histogram(draws, bins=10, range=(0, 1))
    # Within four standard deviations of a binomial distribution.
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(10_000 * 0.1 * 0.9)
