import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.losses.precision import at_least_float32, mean


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32", "float64"])
def test_at_least_float32(dtype, backend):
    if (dtype, backend) == ("float64", "jax"):
        pytest.skip("JAX has no float64 unless it is told to when it starts")
    found = at_least_float32(ops.array([1.0, 2.0], dtype))
    expected = "float64" if dtype == "float64" else "float32"
    assert keras.backend.standardize_dtype(found.dtype) == expected
    assert ops.convert_to_numpy(found).tolist() == [1.0, 2.0]


def test_arrays_become_tensors():
    assert ops.is_tensor(at_least_float32(np.ones((2,), "float32")))


@pytest.mark.parametrize("axes", [None, (0,), (1, 2), ()])
def test_mean(axes):
    values = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(mean(ops.array(values), axes)), values.mean(axis=axes), atol=1e-6
    )


def test_mean_in_float64(backend):
    if backend == "jax":
        pytest.skip("JAX has no float64 unless it is told to when it starts")
    values = np.random.default_rng(0).normal(size=(5, 7))
    found = ops.convert_to_numpy(mean(ops.array(values, "float64"), (1,)))
    np.testing.assert_allclose(found, values.mean(axis=1), rtol=1e-14)
