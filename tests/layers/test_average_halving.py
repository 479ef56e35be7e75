import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_simgan.layers import AverageHalving


def halved_by_numpy(images):
    batch, height, width, channels = images.shape
    halved = np.empty((batch, -(-height // 2), -(-width // 2), channels))
    for i, j in np.ndindex(halved.shape[1:3]):
        rows, columns = (slice(max(2 * k - 1, 0), 2 * k + 2) for k in (i, j))
        halved[:, i, j] = images[:, rows, columns].mean(axis=(1, 2))
    return halved


@settings(max_examples=12)
@given(height=st.integers(1, 9), width=st.integers(1, 9))
def test_is_the_mean_of_the_pixels_that_there_are(height, width):
    images = np.random.default_rng(0).normal(size=(2, height, width, 3)).astype("float32")
    layer = AverageHalving()
    found = ops.convert_to_numpy(layer(images))
    np.testing.assert_allclose(found, halved_by_numpy(images), atol=1e-6)
    assert layer.compute_output_shape(images.shape) == found.shape


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (1, 2)])
def test_is_the_pooling_of_the_authors(size):
    torch = pytest.importorskip("torch")
    images = np.random.default_rng(1).normal(size=(1, *size, 2)).astype("float32")
    pool = torch.nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    expected = pool(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    found = ops.convert_to_numpy(AverageHalving()(images))
    np.testing.assert_allclose(found, expected.transpose(0, 2, 3, 1), atol=1e-6)


def test_unknown_sizes_in_a_model():
    inputs = keras.Input((None, None, 2))
    halved = AverageHalving(name="halve")(inputs)
    assert halved.shape == (None, None, None, 2)
    model = keras.Model(inputs, halved)
    for size in ((4, 5), (3, 8)):
        images = np.random.default_rng(2).normal(size=(2, *size, 2)).astype("float32")
        found = model.predict(images, verbose=0)
        np.testing.assert_allclose(found, halved_by_numpy(images), atol=1e-6)
