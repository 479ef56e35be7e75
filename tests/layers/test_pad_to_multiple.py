import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_simgan.layers import CropToMatch, PadToMultiple


def padded_by_numpy(images, multiple, minimum):
    after = [
        (0, max(-(-size // multiple) * multiple, minimum) - size) for size in images.shape[1:3]
    ]
    return np.pad(images, ((0, 0), *after, (0, 0)), mode="reflect")


def test_row_by_hand():
    row = np.array([1.0, 2.0, 3.0, 4.0, 5.0], "float32").reshape(1, 1, 5, 1)
    padded = ops.convert_to_numpy(PadToMultiple(4, minimum=12)(row))
    # 5 becomes 12: the mirror image, and its mirror image; one row is repeated.
    for line in padded[0, :, :, 0]:
        np.testing.assert_array_equal(line, [1, 2, 3, 4, 5, 4, 3, 2, 1, 2, 3, 4])
    assert padded.shape == (1, 12, 12, 1)


@settings(max_examples=12)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    multiple=st.integers(1, 6),
    times=st.integers(1, 3),
)
def test_is_that_of_numpy_and_is_cut_off_again(height, width, multiple, times):
    images = np.random.default_rng(0).normal(size=(2, height, width, 2)).astype("float32")
    layer = PadToMultiple(multiple, minimum=multiple * times)
    padded = layer(images)
    expected = padded_by_numpy(images, multiple, multiple * times)
    np.testing.assert_array_equal(ops.convert_to_numpy(padded), expected)
    assert layer.compute_output_shape(images.shape) == expected.shape
    np.testing.assert_array_equal(ops.convert_to_numpy(CropToMatch()([padded, images])), images)


def test_a_multiple_stays_as_it_is():
    images = np.random.default_rng(0).normal(size=(1, 8, 12, 1)).astype("float32")
    np.testing.assert_array_equal(ops.convert_to_numpy(PadToMultiple(4)(images)), images)


def test_unknown_sizes_in_a_model():
    inputs = keras.Input((None, None, 2))
    padded = PadToMultiple(4, minimum=8)(inputs)
    assert padded.shape == (None, None, None, 2)
    model = keras.Model(inputs, [padded, CropToMatch()([padded, inputs])])
    for size in ((1, 13), (9, 8)):
        images = np.random.default_rng(0).normal(size=(2, *size, 2)).astype("float32")
        padded, cropped = model.predict(images, verbose=0)
        np.testing.assert_array_equal(padded, padded_by_numpy(images, 4, 8))
        np.testing.assert_array_equal(cropped, images)


def test_crop_is_from_the_upper_left():
    images = np.arange(2 * 4 * 6 * 1, dtype="float32").reshape(2, 4, 6, 1)
    cropped = CropToMatch()([images, np.zeros((2, 3, 2, 5), "float32")])
    np.testing.assert_array_equal(ops.convert_to_numpy(cropped), images[:, :3, :2])
    shape = CropToMatch().compute_output_shape([(None, 4, 6, 1), (None, 3, None, 5)])
    assert shape == (None, 3, None, 1)


def test_config_round_trips():
    layer = PadToMultiple(4, minimum=8, name="pad")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(clone, PadToMultiple) and clone.get_config() == layer.get_config()
    assert (clone.multiple, clone.minimum, clone.name) == (4, 8, "pad")
    assert PadToMultiple(6).minimum == 6
    crop = CropToMatch(name="crop")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(crop))
    assert isinstance(clone, CropToMatch) and clone.name == "crop"


@pytest.mark.parametrize(
    ("multiple", "minimum"), [(0, None), (-4, None), (4, 6), (4, 0), (4, -8), (2.5, None), ("4", 8)]
)
def test_bad_arguments(multiple, minimum):
    with pytest.raises(
        ValueError, match="(?s)`multiple` must be a positive integer.*Received: mul"
    ):
        PadToMultiple(multiple, minimum)
