import numpy as np
import pytest
from keras import ops

from keras_simgan.layers import ImageBatchNormalization


@pytest.fixture
def layer():
    layer = ImageBatchNormalization(momentum=0.5, epsilon=1e-5)
    layer.build((None, 4, 4, 2))
    layer.gamma.assign([2.0, 3.0])
    layer.beta.assign([0.5, -0.5])
    return layer


def images():
    return np.random.default_rng(0).normal(1, 2, (3, 4, 4, 2)).astype("float32")


def normalized(x, axes):
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * [2.0, 3.0] + [0.5, -0.5]


def test_a_batch_in_training_and_an_image_at_inference(layer):
    x = images()
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.stop_gradient(layer(x))), normalized(x, (1, 2)), atol=1e-5
    )
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.0)  # inference changes nothing
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.stop_gradient(layer(x, training=True))),
        normalized(x, (0, 1, 2)),
        atol=1e-5,
    )
    found = ops.convert_to_numpy(ops.stop_gradient(layer.moving_mean.value))
    np.testing.assert_allclose(found, 0.5 * x.mean((0, 1, 2)), atol=1e-6)


def test_half_precision_is_normalized_in_float32():
    layer = ImageBatchNormalization(dtype="mixed_float16")
    x = (1000.0 + images()).astype("float16")  # whose squares float16 does not hold
    found = ops.convert_to_numpy(ops.cast(ops.stop_gradient(layer(x)), "float32"))
    assert found.dtype == "float32" and abs(found.std() - 1) < 0.1


def test_bad_statistics():
    with pytest.raises(ValueError, match="`statistics` must be one of"):
        ImageBatchNormalization("batch")
