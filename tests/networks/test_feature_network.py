import keras
import numpy as np
import pytest

from keras_simgan.networks import FeatureNetwork


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return FeatureNetwork((None, None, 3), filters=(4, 6, 8), features=10)


def test_the_default_is_small():
    network = FeatureNetwork()
    # Kernels of 9 pixels, 4 numbers of normalization a filter, 2 statistics of 240 filters mixed,
    # 2 numbers of normalization a feature.
    stages = [(3, 24), (24, 48), (48, 48), (48, 72), (72, 72), (72, 96), (96, 96)]
    expected = sum(9 * one * other + 4 * other for one, other in stages) + 480 * 192 + 2 * 192
    assert network.count_params() == expected == 349_032


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (35, 55), (64, 48)])
def test_any_size(network, size):
    images = np.random.default_rng(0).uniform(-1, 1, (3, *size, 3)).astype("float32")
    features = network.predict(images, verbose=0)
    assert features.shape == (3, 10) and features.dtype == "float32"
    assert np.isfinite(features).all()
    assert (features[0] != features[1]).any()


def test_mean_and_deviation_by_hand():
    network = FeatureNetwork((6, 5, 1), filters=(1,), features=2)
    look = np.zeros((3, 3, 1, 1), "float32")
    look[1, 1] = 2.0
    network.get_layer("stem").set_weights([look])
    network.get_layer("mix").set_weights([np.eye(2, dtype="float32")])
    image = np.random.default_rng(1).uniform(-1, 1, (1, 6, 5, 1)).astype("float32")
    # Both normalizations are new: mean 0, variance 1, epsilon 1e-3.
    seen = np.maximum(2 * image.astype("float64") / np.sqrt(1.001), 0)
    expected = np.array([seen.mean(), np.sqrt(seen.var() + 1e-5)]) / np.sqrt(1.001)
    np.testing.assert_allclose(network.predict(image, verbose=0)[0], expected, rtol=1e-5)


def test_contrast_is_seen(network):
    image = np.random.default_rng(2).uniform(-1, 1, (1, 20, 20, 3)).astype("float32")
    one, other = network.predict(np.concatenate([image, 0.5 * image]), verbose=0)
    assert np.abs(one - other).max() > 0.1 * np.abs(one).max()


def test_gradients_are_finite_where_maps_do_not_vary(network, gradients):
    pixels = np.random.default_rng(4).uniform(-1, 1, (8, 1, 1, 3)).astype("float32")
    (gradient,) = gradients(lambda images: keras.ops.sum(network(images) ** 2), pixels)
    assert np.isfinite(gradient).all() and gradient.any()


def test_config_and_weights_go_round(network, tmp_path):
    images = np.random.default_rng(3).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    expected = network.predict(images, verbose=0)
    network.save(tmp_path / "network.keras")
    for copy in (
        keras.models.load_model(tmp_path / "network.keras"),
        network.for_image_shape((16, 16, 3)),
    ):
        assert type(copy) is FeatureNetwork
        np.testing.assert_allclose(copy.predict(images, verbose=0), expected, atol=1e-6)


def test_half_precision_gives_float32():
    network = FeatureNetwork((16, 16, 3), filters=(4, 6), features=5, dtype="mixed_bfloat16")
    assert network.get_layer("stem").compute_dtype == "bfloat16"
    assert network.output.dtype == "float32"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_shape": (3, 4)}, "image_shape"),
        ({"filters": ()}, r"filters=\(\) and features=192"),
        ({"filters": (4, 0)}, r"filters=\(4, 0\)"),
        ({"features": 1.5}, "features=1.5"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureNetwork(**arguments)
