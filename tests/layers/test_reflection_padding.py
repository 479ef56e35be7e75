import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_simgan.layers import ReflectionPadding2D


def test_row_of_the_docstring():
    row = np.array([1.0, 2.0, 3.0, 4.0], "float32").reshape(1, 1, 4, 1)
    images = np.concatenate([row, 10 * row, 100 * row], axis=1)
    padded = ops.convert_to_numpy(ReflectionPadding2D(2)(images))
    np.testing.assert_array_equal(padded[0, 2, :, 0], [3, 2, 1, 2, 3, 4, 3, 2])
    np.testing.assert_array_equal(padded[0, :, 2, 0], [100, 10, 1, 10, 100, 10, 1])


@settings(max_examples=12)
@given(padding=st.integers(0, 3), height=st.integers(4, 7), width=st.integers(4, 7))
def test_is_that_of_numpy(padding, height, width):
    images = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    layer = ReflectionPadding2D(padding)
    expected = np.pad(images, ((0, 0), *[(padding, padding)] * 2, (0, 0)), mode="reflect")
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(images)), expected)
    assert layer.compute_output_shape(images.shape) == expected.shape
    assert layer.compute_output_shape((None, None, width, 3)) == (None, None, *expected.shape[2:])


def test_config_round_trip():
    layer = ReflectionPadding2D(3, name="reflect", dtype="mixed_bfloat16")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(clone, ReflectionPadding2D)
    assert clone.get_config() == layer.get_config()
    assert (clone.padding, clone.name, clone.compute_dtype) == (3, "reflect", "bfloat16")
    assert keras.saving.get_registered_name(ReflectionPadding2D).startswith("keras_simgan>")


@pytest.mark.parametrize("padding", [-1, 1.5, "2", None])
def test_bad_padding(padding):
    with pytest.raises(ValueError, match="`padding` must be an integer not below 0; got"):
        ReflectionPadding2D(padding)


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (1, 1)])
def test_images_too_small_to_reflect(shape):
    """JAX alone would go on, and reflect the reflection."""
    layer = ReflectionPadding2D(3)
    message = rf"Images of {shape[0]}x{shape[1]} have no 3 pixels.*less than height and width"
    with pytest.raises(ValueError, match=message):
        layer(np.zeros((1, *shape, 1), "float32"))
    with pytest.raises(ValueError, match=message):
        layer(keras.Input((*shape, 1)))
