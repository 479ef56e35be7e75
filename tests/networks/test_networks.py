import keras
import numpy as np
import pytest

from keras_simgan.networks import GazeEstimator, Refiner, RefinerDiscriminator


def predict(network, images):
    return network.predict(images, verbose=0)


def small_networks(dtype=None):
    return [
        Refiner((12, 16, 1), filters=4, blocks=2, stem_kernel=5, dtype=dtype, name="refiner"),
        RefinerDiscriminator(
            (12, 16, 3), stages=((4, 3, 2), ("max_pool", 3, 1), (8, 1, 1)), dtype=dtype
        ),
        GazeEstimator((40, 42, 1), filters=(2, 2, 3, 4, 5), dense_units=6, pooling=2, dtype=dtype),
    ]


# Parameters and maps of the paper


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (dict(image_shape=(35, 55, 1)), 296_129),
        (dict(image_shape=(224, 224, 1), blocks=10, stem_kernel=7), 741_825),
        (dict(image_shape=(224, 224, 1), blocks=10, stem_kernel=7, block_kernel=7), 4_018_625),
    ],
)
def test_parameters_of_the_refiner(arguments, parameters):
    refiner = Refiner(**arguments)
    assert refiner.count_params() == parameters
    assert refiner.output_shape == (None, *arguments["image_shape"])


@pytest.mark.parametrize(
    ("arguments", "parameters", "output"),
    [
        (dict(image_shape=(35, 55, 1)), 75_906, (None, 9, 14, 2)),
        (
            dict(image_shape=(224, 224, 1), stages=RefinerDiscriminator.HANDS),
            178_050,
            (None, 7, 7, 2),
        ),
    ],
)
def test_parameters_of_the_discriminator(arguments, parameters, output):
    discriminator = RefinerDiscriminator(**arguments)
    assert discriminator.count_params() == parameters
    assert discriminator.output_shape == output


def test_gaze_estimator_flattens_to_9600_at_35x55():
    estimator = GazeEstimator((35, 55, 1), dense_units=1)
    assert estimator.get_layer("flatten").output.shape == (None, 9600)
    convolutions = 320 + 9_248 + 18_496 + 46_160 + 138_432
    assert estimator.count_params() == convolutions + 9_601 + 6
    dense = GazeEstimator((20, 20, 1), filters=(1, 1, 1, 1, 1), dense_units=2, fc9600_dense=True)
    assert dense.get_layer("dense_9600").units == 9600
    assert dense.get_layer("dense_2").kernel.shape == (9600, 2)


def test_gaze_estimator_gives_unit_vectors_at_36x60():
    estimator = GazeEstimator((36, 60, 1), filters=(2, 2, 2, 2, 2), dense_units=8)
    # Where every relu of so small a network is dead, the bias is the direction.
    estimator.get_layer("direction").bias.assign(np.array([0.1, 0.2, -1.0], "float32"))
    images = np.random.default_rng(0).uniform(-1, 1, (3, 36, 60, 1)).astype("float32")
    gaze = predict(estimator, images)
    assert gaze.shape == (3, 3)
    np.testing.assert_allclose(np.linalg.norm(gaze, axis=1), 1.0, atol=1e-5)


def test_gaze_estimator_pools_large_images_by_their_mean():
    small = GazeEstimator((20, 22, 3), filters=(2, 2, 3, 4, 5), dense_units=6)
    large = GazeEstimator((41, 44, 3), filters=(2, 2, 3, 4, 5), dense_units=6, pooling=2)
    assert large.count_params() == small.count_params()
    small.get_layer("direction").bias.assign(np.array([0.1, 0.2, -1.0], "float32"))
    large.set_weights(small.get_weights())
    images = np.random.default_rng(0).uniform(-1, 1, (3, 41, 44, 3)).astype("float32")
    means = images[:, :40].reshape(3, 20, 2, 22, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(predict(large, images), predict(small, means), atol=1e-5)
    assert "shrink" not in [layer.name for layer in small.layers]


def test_any_size_and_channel_count():
    for shape in ((7, 9, 3), (13, 5, 2)):
        assert Refiner(shape, filters=2, blocks=1).output_shape == (None, *shape)
        assert RefinerDiscriminator(shape, stages=((2, 3, 2),)).output_shape[-1] == 2
    anywhere = Refiner((None, None, 1), filters=2, blocks=1)
    assert predict(anywhere, np.zeros((1, 6, 11, 1), "float32")).shape == (1, 6, 11, 1)


# What they compute


def test_receptive_field_of_the_refiner_is_19():
    refiner = Refiner((31, 31, 1), filters=2)
    # Positive kernels and no biases: a dot on black shows wherever a path leads.
    for variable in refiner.weights:
        variable.assign(np.full(variable.shape, 0.05 if "kernel" in variable.path else 0.0))
    dot = np.zeros((1, 31, 31, 1), "float32")
    dot[0, 15, 15] = 1.0
    rows, columns, _ = np.nonzero(predict(refiner, dot)[0])
    assert (rows.min(), rows.max()) == (15 - 9, 15 + 9)
    assert (columns.min(), columns.max()) == (15 - 9, 15 + 9)


def test_logits_are_linear_and_float32():
    discriminator = RefinerDiscriminator((12, 16, 1), dtype="mixed_bfloat16")
    head = discriminator.get_layer("logits")
    head.bias.assign(np.array([-5.0, 3.0], "float32"))
    logits = predict(discriminator, np.zeros((1, 12, 16, 1), "float32"))
    # A relu on the logits, as a known implementation has it, would cut the -5.
    np.testing.assert_allclose(logits[0, 0, 0], [-5.0, 3.0])
    assert logits.dtype == np.float32


def test_for_image_shape_computes_the_same_inside():
    small = Refiner((20, 24, 1), filters=4, blocks=1)  # receptive field 7
    large = small.for_image_shape((26, 30, 1))
    assert large.image_shape == (26, 30, 1) and large.count_params() == small.count_params()
    images = np.random.default_rng(0).uniform(-1, 1, (1, 26, 30, 1)).astype("float32")
    whole, part = predict(large, images), predict(small, images[:, :20, :24])
    np.testing.assert_allclose(whole[:, :17, :21], part[:, :17, :21], atol=1e-5)
    assert np.abs(whole[:, 17:20, :24] - part[:, 17:]).max() > 1e-4  # the border's padding
    # A copy: training one leaves the other.
    large.get_layer("head").bias.assign(np.ones(1, "float32"))
    assert np.abs(small.get_weights()[-1]).max() == 0.0


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_policies_compute_in_half_and_keep_float32_weights_and_outputs(policy):
    half = policy.removeprefix("mixed_")
    for network in small_networks(policy):
        computing = [layer for layer in network.layers if layer.weights]
        assert {layer.compute_dtype for layer in computing} == {half}
        assert {weight.dtype for weight in network.weights} == {"float32"}
        assert keras.backend.standardize_dtype(network.outputs[0].dtype) == "float32"


# Saving


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_keras_file_round_trip(index, dtype, tmp_path):
    network = small_networks(dtype)[index]
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert type(loaded) is type(network)
    assert loaded.get_config() == network.get_config()
    assert loaded.name == network.name
    assert loaded.layers[1].compute_dtype == network.layers[1].compute_dtype
    for one, other in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_clone_from_config_has_new_weights():
    network = small_networks()[0]
    clone = Refiner.from_config(network.get_config())
    assert clone.get_config() == network.get_config()
    assert (clone.get_weights()[0] != network.get_weights()[0]).any()


# Bad input


@pytest.mark.parametrize(
    "shape", [(35, 55), (35, 55, 1, 1), (0, 55, 1), (35, -1, 1), (35.5, 55, 1), (35, 55, None)]
)
@pytest.mark.parametrize("network", [Refiner, RefinerDiscriminator, GazeEstimator])
def test_bad_image_shape(network, shape):
    with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, channels\)"):
        network(shape)


def test_for_image_shape_with_other_channels():
    with pytest.raises(ValueError, match=r"takes 1 channel\(s\); it cannot be rebuilt for 3"):
        Refiner((8, 8, 1), filters=2, blocks=1).for_image_shape((8, 8, 3))


@pytest.mark.parametrize("shape", [(19, 55, 1), (35, 19, 1), (None, 55, 1)])
def test_gaze_estimator_needs_20x20(shape):
    with pytest.raises(ValueError, match="at least 20x20"):
        GazeEstimator(shape)
    assert GazeEstimator((20, 20, 1), filters=(1, 1, 1, 1, 1), dense_units=2).output_shape[1] == 3


@pytest.mark.parametrize("pooling", [0, 1.5, -2])
def test_gaze_estimator_with_bad_pooling(pooling):
    with pytest.raises(ValueError, match="`pooling` must be an integer from 1"):
        GazeEstimator((40, 40, 1), pooling=pooling)


def test_gaze_estimator_needs_20x20_after_pooling():
    with pytest.raises(ValueError, match=r"after pooling; got .* and pooling=3"):
        GazeEstimator((64, 59, 3), pooling=3)


def test_gaze_estimator_needs_five_convolutions():
    with pytest.raises(ValueError, match="`filters` must name five"):
        GazeEstimator((35, 55, 1), filters=(32, 32))
