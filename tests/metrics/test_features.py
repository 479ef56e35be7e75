import keras
import numpy as np
import pytest
from PIL import Image

from keras_simgan import data, metrics, presets
from keras_simgan.metrics import FeatureExtractor, feature_extractor, features, register_extractor
from keras_simgan.networks import FeatureNetwork


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return FeatureNetwork((None, None, 3), filters=(4, 6), features=7, name="tiny")


@pytest.fixture(scope="module")
def small():
    return feature_extractor("small")


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(features, "_BUILDERS", dict(features._BUILDERS))


def draws(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


def flatten(shape):
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten()], name="pixels")


# What it computes


def test_features_are_the_models(network):
    images = draws(5, 20, 24, 3)
    found = FeatureExtractor(network)(images)
    assert found.shape == (5, 7) and found.dtype == "float32"
    np.testing.assert_allclose(found, network.predict(images, verbose=0), atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 100])
def test_batches_change_nothing(network, batch_size):
    images = draws(5, 20, 24, 3)
    extractor = FeatureExtractor(network)
    np.testing.assert_allclose(extractor(images, batch_size), extractor(images), atol=1e-5)


def test_gray_is_three_equal_channels(network):
    gray = draws(2, 16, 16, 1)
    extractor = FeatureExtractor(network)
    np.testing.assert_array_equal(extractor(gray), extractor(np.repeat(gray, 3, axis=-1)))


def test_feature_maps_are_averaged():
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.AveragePooling2D(2)(inputs))
    images = draws(3, 4, 6, 1)
    expected = images.mean(axis=(1, 2))
    np.testing.assert_allclose(FeatureExtractor(model)(images), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(10, 15), (50, 61), (20, 45)])
def test_images_are_resized_to_a_fixed_size_as_pillow_does(size):
    images = draws(2, 20, 30, 1)
    found = FeatureExtractor(flatten((*size, 1)))(images).reshape(2, *size)
    for image, resized in zip(images[..., 0], found, strict=True):
        pillow = Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR)
        np.testing.assert_allclose(resized, np.asarray(pillow), atol=2e-5)


def test_images_of_the_models_size_are_not_touched():
    images = draws(2, 5, 6, 3)
    found = FeatureExtractor(flatten((5, 6, 3)))(images)
    np.testing.assert_array_equal(found, images.reshape(2, -1))


def test_half_precision_images_and_tensors_are_taken(network):
    images = draws(2, 16, 16, 3).astype("float16")
    extractor = FeatureExtractor(network)
    expected = extractor(images.astype("float32"))
    np.testing.assert_allclose(extractor(images), expected, atol=1e-6)
    np.testing.assert_allclose(extractor(keras.ops.convert_to_tensor(images)), expected, atol=1e-6)


def test_the_batch_alone_is_read_of_a_file(network, tmp_path):
    np.save(tmp_path / "images.npy", draws(5, 16, 16, 3))
    images = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert FeatureExtractor(network)(images, 2).shape == (5, 7)
    assert isinstance(features._checked(images, 3, "tiny"), np.memmap)


# Names and checksums


def test_names(network, small):
    assert (small.name, small.distance_prefix) == ("small", "small ")
    assert FeatureExtractor(network).name == "tiny"
    assert FeatureExtractor(network).distance_prefix == "tiny "
    named = FeatureExtractor(network, "mine", distance_prefix="M")
    assert (named.name, named.distance_prefix) == ("mine", "M")
    assert feature_extractor(named) is named
    assert feature_extractor(network).name == "tiny"


def test_checksum_is_that_of_the_weights(network):
    first = FeatureExtractor(network).checksum
    assert first == FeatureExtractor(network, "other name").checksum
    assert len(first) == 64
    copy = network.for_image_shape((None, None, 3))
    assert FeatureExtractor(copy).checksum == first
    weights = copy.get_weights()
    weights[0][0, 0, 0, 0] += 1e-3
    copy.set_weights(weights)
    assert FeatureExtractor(copy).checksum != first
    # Two models without weights are told apart by what they take and give.
    assert FeatureExtractor(flatten((4, 4, 1))).checksum != (
        FeatureExtractor(flatten((2, 8, 1))).checksum
    )


def test_checksum_and_features_do_not_depend_on_the_precision_of_training(small):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        loaded = feature_extractor("small")
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy(policy)
    images = draws(2, 20, 20, 3)
    assert loaded.checksum == small.checksum
    np.testing.assert_array_equal(loaded(images), small(images))


def test_register_extractor(registry, network):
    register_extractor("mine", lambda: network)
    assert feature_extractor("mine").name == "mine"
    register_extractor("mine", lambda: FeatureExtractor(network, distance_prefix="T"))
    assert feature_extractor("mine").distance_prefix == "T"
    with pytest.raises(ValueError, match="'small' is a built-in"):
        register_extractor("small", lambda: network)
    for name, build in [("", lambda: network), (3, lambda: network), ("mine", network.weights)]:
        with pytest.raises(ValueError, match="must be a string and `build` a function"):
            register_extractor(name, build)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="no feature extractor 'smal'.*'small', 'inception_v3'"):
        feature_extractor("smal")


# Inception


def test_inception_is_named_so_that_nobody_takes_it_for_the_one_of_papers(monkeypatch):
    def build(include_top, pooling, input_shape):
        assert not include_top and pooling == "avg"
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))

    monkeypatch.setattr(keras.applications, "InceptionV3", build)
    extractor = feature_extractor("inception_v3")
    assert (extractor.name, extractor.distance_prefix) == ("inception_v3", "K")
    assert extractor(draws(1, 12, 12, 1)).shape == (1, 3)


def test_inception_without_a_network_says_what_to_do(monkeypatch):
    def fail(**_):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionV3", fail)
    with pytest.raises(RuntimeError, match=r"URL fetch failure.*feature_extractor\(\"small\"\)"):
        feature_extractor("inception_v3")


# What is refused


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (draws(16, 16, 3), r"got shape \(16, 16, 3\)"),
        (draws(2, 16, 16, 4), r"got shape \(2, 16, 16, 4\)"),
        (draws(0, 16, 16, 3), r"got shape \(0, 16, 16, 3\)"),
        (np.zeros((2, 16, 16, 3), "uint8"), r"floats in \[-1, 1\]; got uint8.*to_unit"),
        (
            1.1 * np.ones((2, 16, 16, 3)),
            r"`images\[0:2\]` must be in \[-1, 1\]; found values from 1.1 to 1.1",
        ),
        (np.full((2, 16, 16, 3), np.nan), r"`images\[0:2\]` holds values that are not finite"),
    ],
)
def test_bad_images(network, images, message):
    with pytest.raises(ValueError, match=message):
        FeatureExtractor(network)(images)


def test_the_bad_batch_is_named(network):
    images = draws(5, 16, 16, 3)
    images[4] -= 3
    with pytest.raises(ValueError, match=r"`images\[4:5\]` must be in .* from -"):
        FeatureExtractor(network)(images, batch_size=2)


def test_rounding_beyond_the_range_is_forgiven(network):
    assert FeatureExtractor(network)(np.full((1, 16, 16, 3), 1.0005)).shape == (1, 7)


@pytest.mark.parametrize("batch_size", [0, 2.0, None])
def test_bad_batch_sizes(network, batch_size):
    with pytest.raises(ValueError, match="`batch_size` must be an integer from 1"):
        FeatureExtractor(network)(draws(1, 16, 16, 3), batch_size)


def test_a_gray_model_refuses_colour():
    with pytest.raises(ValueError, match="'pixels' takes gray images; these have 3"):
        FeatureExtractor(flatten((4, 4, 1)))(draws(1, 4, 4, 3))


def test_features_that_are_not_finite_are_refused(network):
    broken = network.for_image_shape((None, None, 3))
    broken.set_weights([weight * np.nan for weight in broken.get_weights()])
    with pytest.raises(ValueError, match="features of .* are not all finite"):
        FeatureExtractor(broken)(draws(1, 16, 16, 3))


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


def model_of(inputs, outputs):
    return lambda: keras.Model(inputs, outputs(inputs))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Subclassed, r"input shape None.*keras.Model\(inputs, outputs\)"),
        (model_of(keras.Input((7,)), lambda x: x + 1), "one 4-d input"),
        (model_of(keras.Input((4, 4, 2)), keras.layers.Flatten()), "images of 2 channels"),
        (model_of(keras.Input((4, 4, 3)), lambda x: [x + 1, x + 2]), "one 2-d or 4-d output"),
        (
            model_of([keras.Input((4, 4, 3)), keras.Input((4, 4, 3))], lambda x: keras.ops.add(*x)),
            "one 4-d input",
        ),
        (
            model_of(keras.Input((4, 4, 3)), keras.layers.Reshape((16, 3))),
            "one 2-d or 4-d output",
        ),
    ],
)
def test_bad_models(build, message):
    with pytest.raises(ValueError, match=message):
        FeatureExtractor(build())


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match=r"needs a `keras.Model`; got 3"):
        feature_extractor(3)


# The bundled one


def pattern():
    """A coloured texture that no random numbers are needed for."""
    y, x = np.mgrid[:40, :56]
    waves = [np.sin(x / 3), np.cos(x * y / 90), np.sin((x + 2 * y) / 7)]
    return np.stack(waves, axis=-1)[None].astype("float32")


def test_small_gives_the_same_features_on_every_backend(small):
    found = small(pattern())
    assert found.shape == (1, 192)
    np.testing.assert_allclose(found[0, :6], SMALL_FEATURES, atol=2e-3)


# As TensorFlow computes them.
SMALL_FEATURES = [-2.48855, 2.13985, 1.82969, -1.99511, 1.44135, 2.20275]


def test_small_sees_blur_noise_and_contrast(small):
    eyes = data.to_unit(data.EyeRenderer(seed=5).render(60)[0])
    noise = np.random.default_rng(0).normal(0, 0.1, eyes.shape)
    blurred = (2 * eyes + np.roll(eyes, 1, 2) + np.roll(eyes, -1, 2)) / 4
    first, second = (small(half).mean(axis=0) for half in (eyes[:30], eyes[30:]))
    for changed in (0.7 * eyes, np.clip(eyes + noise, -1, 1), blurred):
        shift = np.linalg.norm(small(changed.astype("float32"))[:30].mean(axis=0) - first)
        # Other people's eyes differ less.
        assert shift > 1.5 * np.linalg.norm(second - first)


def test_small_is_the_preset(small):
    assert small.checksum == FeatureExtractor(presets.load("features_small")).checksum
    assert metrics.feature_extractor().checksum == small.checksum
