import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_simgan.losses import PerceptualLoss, vgg19_extractor


def drawn(seed, shape=(2, 8, 8, 3)):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def pyramid(count):
    """A model of as many outputs, and something that would change in training."""
    inputs = keras.Input((8, 8, 3))
    x, outputs = layers.Dropout(0.5)(inputs), []
    for index in range(count):
        x = layers.Conv2D(2, 2, activation="relu", name=f"conv_{index}")(x)
        outputs.append(x)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("count", "given", "weights"),
    [
        (5, None, [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]),
        (2, None, [1, 1]),
        (2, [0.5, 3], [0.5, 3]),
        (1, None, [1]),
    ],
)
def test_is_the_weighted_sum_of_means(count, given, weights, gradients):
    model = pyramid(count)
    loss = PerceptualLoss(model, given, weight=7.0)
    assert not model.trainable_variables
    target, image = drawn(0), drawn(1)
    seen = [keras.tree.flatten(model.predict(x, verbose=0)) for x in (target, image)]
    expected = 7 * sum(
        weight * np.abs(a - b).mean() for weight, a, b in zip(weights, *seen, strict=True)
    )
    assert float(ops.stop_gradient(loss(target, image))) == pytest.approx(expected, rel=1e-4)
    to_target, to_image = gradients(loss, target, image)
    assert np.abs(to_target).max() == 0.0 and np.abs(to_image).max() > 0.0
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    clone.extractor.set_weights(model.get_weights())
    assert float(ops.stop_gradient(clone(target, image))) == pytest.approx(expected, rel=1e-4)


def test_a_subclassed_model_serves():
    class Doubled(keras.Model):
        def call(self, inputs):
            return [inputs, 2 * inputs]

    model = Doubled()
    model(drawn(0))
    loss = PerceptualLoss(model, [1.0, 0.25], weight=2.0)
    expected = 2 * 1.5 * np.abs(drawn(0) - drawn(1)).mean()
    assert float(loss(drawn(0), drawn(1))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("weights", "weight"), [([1.0], 1.0), ([1.0, -1.0], 1.0), (None, -1.0), (None, float("nan"))]
)
def test_bad_weights(weights, weight):
    with pytest.raises(ValueError, match=r"(?s)one for each of the extractor's 2 output\(s\)"):
        PerceptualLoss(pyramid(2), weights, weight)


def test_no_model():
    with pytest.raises(ValueError, match="`extractor` must be a built `keras.Model`"):
        PerceptualLoss("vgg19")


# VGG19


def small_vgg19(include_top, weights, input_shape):
    """Of VGG19's layers, by their names, each block's first."""
    assert not include_top
    draw = np.random.default_rng(3)
    x = inputs = keras.Input(input_shape)
    for index in range(1, 6):
        convolution = layers.Conv2D(
            2, 3, activation="relu", padding="same", name=f"block{index}_conv1"
        )
        x = layers.MaxPooling2D(2)(convolution(x))
        convolution.set_weights([draw.normal(0.1, 0.3, v.shape) for v in convolution.weights])
    return keras.Model(inputs, x)


def test_vgg19_sees_what_its_weights_were_made_for(monkeypatch):
    monkeypatch.setattr(keras.applications, "VGG19", small_vgg19)
    extractor = vgg19_extractor()
    assert not extractor.trainable_variables
    network = small_vgg19(False, None, (None, None, 3))
    ends = [network.get_layer(f"block{index}_conv1").output for index in range(1, 6)]
    images = drawn(4, (2, 32, 16, 3))
    # Keras' own preparation: blue first, the mean taken away, of pixels from 0 to 255.
    prepared = keras.applications.vgg19.preprocess_input(127.5 * (images.copy() + 1))
    expected = keras.Model(network.inputs, ends).predict(prepared, verbose=0)
    found = extractor.predict(images, verbose=0)
    assert len(found) == 5
    for one, other in zip(found, expected, strict=True):
        assert other.std() > 1.0
        np.testing.assert_allclose(127.5 * one, other, rtol=1e-3, atol=1e-2)
    assert PerceptualLoss(extractor).weights == [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0]


def test_missing_weights_of_vgg19_say_where_they_go(monkeypatch, tmp_path):
    def fail(**arguments):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "VGG19", fail)
    with pytest.raises(RuntimeError, match=r"(?s)URL fetch.*models.*put vgg19_.*notop.h5 there"):
        vgg19_extractor()


def test_the_real_vgg19_has_these_layers():
    features = keras.applications.VGG19(include_top=False, weights=None, input_shape=(32, 32, 3))
    widths = [features.get_layer(f"block{index}_conv1").output.shape[-1] for index in range(1, 6)]
    assert widths == [64, 128, 256, 512, 512]
