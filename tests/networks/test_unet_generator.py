import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_simgan.networks import UNetGenerator


def predict(network, images, batch_size=32):
    return network.predict(images, batch_size=batch_size, verbose=0)


def draw_images(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


@pytest.fixture(scope="module")
def anywhere(with_drawn_weights):
    return with_drawn_weights(UNetGenerator((None, None, 3), filters=2, depth=3), seed=1)


def test_parameters_of_the_paper():
    network = UNetGenerator((256, 256, 3))
    assert sum(np.prod(v.shape) for v in network.trainable_variables) == 54_413_955
    assert network.output_shape == (None, 256, 256, 3)
    assert [layer.rate for layer in network.layers if "dropout" in layer.name] == [0.5] * 3
    bottleneck = network.get_layer("down_8").output
    assert tuple(bottleneck.shape[1:]) == (1, 1, 512)


def test_parameters_by_hand():
    # Kernels 4x4, and the bias of the last convolution; from 3 channels to 2, and back to 5.
    kernels = 16 * (3 * 2 + 2 * 4 + 4 * 8 + 8 * 4 + 8 * 2 + 4 * 5)
    for normalization, others in (
        ("batch", 2 * (4 + 4 + 2)),
        ("instance", 2 + 4 + 8 + 4 + 2),
        (None, 2 + 4 + 8 + 4 + 2),
    ):
        network = UNetGenerator(
            (8, 8, 3), filters=2, depth=3, output_channels=5, normalization=normalization
        )
        assert sum(np.prod(v.shape) for v in network.trainable_variables) == kernels + others + 5


@settings(max_examples=5)
@given(height=st.integers(1, 20), width=st.integers(1, 20))
def test_output_has_the_size_of_the_input(anywhere, height, width):
    assert predict(anywhere, draw_images(2, height, width, 3)).shape == (2, height, width, 3)


@pytest.mark.parametrize("normalization", ["batch", "instance"])
def test_a_translation_depends_on_the_image_alone(normalization, with_drawn_weights):
    network = with_drawn_weights(
        UNetGenerator((64, 64, 1), filters=2, depth=6, normalization=normalization), seed=1
    )
    images = draw_images(3, 64, 64, 1)
    together = predict(network, images)
    np.testing.assert_allclose(together, predict(network, images, 1), atol=1e-5)
    np.testing.assert_array_equal(together, predict(network, images))


def test_noise_stays_on_at_inference_and_the_seed_chooses_it(with_drawn_weights):
    def build(**arguments):
        return with_drawn_weights(UNetGenerator((64, 64, 1), 2, 6, **arguments), seed=1)

    images = draw_images(1, 64, 64, 1)
    noisy = predict(build(), images)
    assert np.abs(noisy - predict(build(seed=1), images)).max() > 1e-3
    still = predict(build(inference_dropout=False), images)
    assert np.abs(noisy - still).max() > 1e-3
    np.testing.assert_array_equal(still, predict(build(dropout=0.0), images))


def test_moving_averages_are_taken_when_asked_for(with_drawn_weights):
    network = with_drawn_weights(UNetGenerator((16, 16, 1), 2, 3, statistics="moving"), seed=1)
    images = draw_images(2, 16, 16, 1)
    before = predict(network, images)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(layer.moving_mean + 1.0)
    assert np.abs(predict(network, images) - before).max() > 1e-3


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_keras_file_round_trip(policy, tmp_path, with_drawn_weights):
    network = UNetGenerator((20, 20, 3), 2, 3, 1, seed=5, dtype=policy, name="labels_to_photo")
    with_drawn_weights(network, seed=1)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.get_config() == network.get_config()
    images = draw_images(2, 20, 20, 3)
    found = predict(loaded, images)
    assert found.dtype == "float32" and found.shape == (2, 20, 20, 1)
    np.testing.assert_array_equal(found, predict(network, images))


@pytest.mark.parametrize("depth", [1, 2.5, None])
def test_bad_depth(depth):
    with pytest.raises(ValueError, match="`depth` must be an integer of at least 2; got"):
        UNetGenerator((64, 64, 3), depth=depth)


def test_bad_statistics():
    with pytest.raises(ValueError, match=r"`statistics` must be one of \('image', 'moving'\)"):
        UNetGenerator((64, 64, 3), depth=3, statistics="batch")
