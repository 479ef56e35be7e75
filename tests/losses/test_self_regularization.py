import keras
import numpy as np
import pytest

from keras_simgan.losses import SelfRegularization

X = np.random.default_rng(0).uniform(-1, 1, (3, 5, 4, 3)).astype("float32")
Y = np.random.default_rng(1).uniform(-1, 1, (3, 5, 4, 3)).astype("float32")


def gradients(images):
    return images[:, 1:] - images[:, :-1], images[:, :, 1:] - images[:, :, :-1]


EXPECTED = {
    "identity": np.abs(X - Y).mean(),
    "image_gradients": sum(
        np.abs(a - b).mean() for a, b in zip(gradients(X), gradients(Y), strict=True)
    ),
    "channel_means": np.abs(X.mean(-1) - Y.mean(-1)).mean(),
}


@pytest.mark.parametrize("psi", sorted(EXPECTED))
def test_each_psi_against_numpy(psi):
    loss = SelfRegularization(weight=2.5, psi=psi)
    assert float(loss(X, Y)) == pytest.approx(2.5 * EXPECTED[psi], rel=1e-5)
    assert float(loss(X, X)) == 0.0


def test_hand_worked_gradients():
    images = np.array([[0.0, 0.5], [0.25, 0.0]], "float32").reshape(1, 2, 2, 1)
    # Down: |0.25|, |-0.5|; right: |0.5|, |-0.25|; means 0.375 each, to an image of zeros.
    loss = SelfRegularization(weight=1.0, psi="image_gradients")
    assert float(loss(np.zeros_like(images), images)) == pytest.approx(0.75)


def test_gradients_ignore_brightness_and_channel_means_ignore_hue():
    brighter = X * 0.5 + 0.25
    assert float(SelfRegularization(psi="image_gradients")(X * 0.5, brighter)) < 1e-6
    shifted = X + np.array([0.2, -0.1, -0.1], "float32")
    assert float(SelfRegularization(psi="channel_means")(X, shifted)) < 1e-5
    assert float(SelfRegularization(psi="identity")(X, shifted)) > 0.1


def test_model_as_psi_is_frozen_and_compared_output_by_output():
    inputs = keras.Input((5, 4, 3))
    twice = keras.layers.Rescaling(2.0)(inputs)
    convolved = keras.layers.Conv2D(2, 3)(inputs)
    psi = keras.Model(inputs, [twice, convolved])
    loss = SelfRegularization(weight=1.0, psi=psi)
    assert loss.feature_extractors == [psi] and not psi.trainable_variables
    before, after = (psi.predict(images, verbose=0)[1] for images in (X, Y))
    expected = 2.0 * EXPECTED["identity"] + np.abs(before - after).mean()
    assert float(keras.ops.stop_gradient(loss(X, Y))) == pytest.approx(expected, rel=1e-5)


def test_list_is_the_weighted_sum():
    loss = SelfRegularization(weight=2.0, psi=[("identity", 1.0), ("channel_means", 3.0)])
    expected = 2.0 * (EXPECTED["identity"] + 3.0 * EXPECTED["channel_means"])
    assert float(loss(X, Y)) == pytest.approx(expected, rel=1e-5)
    assert loss.feature_extractors == []


def test_half_precision_images_are_compared_in_float32():
    loss = SelfRegularization(weight=1.0)
    small = np.full((1, 100, 100, 1), 1e-3, "float16")
    assert float(loss(np.zeros_like(small), small)) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize(
    "psi", ["image_gradients", [("identity", 1.0), ("channel_means", 0.5)], "model"]
)
def test_config_round_trip(psi):
    if psi == "model":
        psi = keras.Sequential([keras.Input((5, 4, 3)), keras.layers.Rescaling(2.0)])
    loss = SelfRegularization(weight=3.0, psi=psi, name="keep")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert clone.name == "keep" and clone.weight == 3.0
    assert float(clone(X, Y)) == pytest.approx(float(loss(X, Y)), rel=1e-6)


@pytest.mark.parametrize("psi", ["pixels", 3, None, [("identity", 1.0), ("edges", 1.0)]])
def test_unknown_psi(psi):
    with pytest.raises(ValueError, match="(?s)`psi` must be one of.*channel_means.*Received"):
        SelfRegularization(psi=psi)


@pytest.mark.parametrize(
    ("weight", "psi"), [(-1.0, "identity"), (1.0, []), (1.0, [("identity", -0.5)])]
)
def test_negative_or_missing_weights(weight, psi):
    with pytest.raises(ValueError, match="`psi` must not be empty and no weight may be below 0"):
        SelfRegularization(weight=weight, psi=psi)
