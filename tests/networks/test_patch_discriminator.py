import keras
import numpy as np
import pytest

from keras_simgan.networks import PatchDiscriminator


def predict(network, images):
    return network.predict(images, verbose=0)


# Parameters and maps of the paper


def test_parameters_and_map_of_the_paper():
    network = PatchDiscriminator((256, 256, 3))
    assert network.count_params() == 2_764_737
    assert network.output_shape == (None, 30, 30, 1)
    assert PatchDiscriminator((None, None, 3), filters=2).output_shape == (None, None, None, 1)


def test_of_pix2pix():
    network = PatchDiscriminator((256, 256, 6), normalization="batch")
    assert sum(np.prod(v.shape) for v in network.trainable_variables) == 2_768_705
    pixels = PatchDiscriminator((None, None, 6), layers=0, normalization="batch")
    # 1x1 kernels; a scale and an offset instead of the second bias; no third.
    assert sum(np.prod(v.shape) for v in pixels.trainable_variables) == (
        (6 * 64 + 64) + 64 * 128 + 2 * 128 + 128
    )
    assert predict(pixels, np.zeros((1, 5, 7, 6), "float32")).shape == (1, 5, 7, 1)


def test_filters_double_up_to_eight_times():
    network = PatchDiscriminator((None, None, 1), filters=2, layers=5)
    convolutions = [layer for layer in network.layers if layer.weights]
    assert [layer.filters for layer in convolutions] == [2, 4, 8, 16, 16, 16, 1]
    assert [layer.strides[0] for layer in convolutions] == [2, 2, 2, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("layers", "size", "map_size"),
    # Halved by each layer, then one less twice.
    [(1, 8, 2), (1, 6, 1), (2, 34, 6), (3, 24, 1), (3, 70, 6), (3, 128, 14)],
)
def test_size_of_the_map(layers, size, map_size):
    network = PatchDiscriminator((size, size, 1), filters=1, layers=layers)
    assert network.output_shape == (None, map_size, map_size, 1)
    assert predict(network, np.zeros((1, size, size, 1), "float32")).shape[1] == map_size


# What it computes


@pytest.mark.parametrize(("layers", "field", "size"), [(1, 16, 32), (2, 34, 64), (3, 70, 96)])
def test_receptive_field(layers, field, size):
    # Instance normalization is left out, as it lets every pixel of an image see every other.
    network = PatchDiscriminator((size, size, 1), filters=1, layers=layers, normalization=None)
    # Positive kernels and no biases: a line on black shows wherever a path leads.
    for variable in network.weights:
        variable.assign(np.full(variable.shape, 0.1 if "kernel" in variable.path else 0.0))
    rows = np.zeros((size, size, size, 1), "float32")
    rows[np.arange(size), np.arange(size)] = 1.0
    for lines in (rows, rows.transpose(0, 2, 1, 3)):
        patches = predict(network, lines)
        middle = patches.shape[1] // 2
        (seen,) = np.nonzero(patches[:, middle, middle, 0])
        assert len(seen) == field
        assert (seen.min(), seen.max()) == (seen[0], seen[0] + field - 1)
        assert 0 < seen.min() and seen.max() < size - 1


def test_is_the_network_of_the_authors(with_drawn_weights):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    network = with_drawn_weights(PatchDiscriminator((41, 50, 3), filters=4, layers=3), seed=1)
    theirs = nn.Sequential(
        *(nn.Conv2d(3, 4, 4, 2, padding=1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(4, 8, 4, 2, padding=1), nn.InstanceNorm2d(8, eps=1e-5), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(8, 16, 4, 2, padding=1), nn.InstanceNorm2d(16, eps=1e-5), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(16, 32, 4, 1, padding=1), nn.InstanceNorm2d(32, eps=1e-5), nn.LeakyReLU(0.2)),
        nn.Conv2d(32, 1, 4, 1, padding=1),
    )
    images = np.random.default_rng(0).uniform(-1, 1, (2, 41, 50, 3)).astype("float32")
    weights = iter(network.get_weights())
    with torch.no_grad():
        for module in theirs:
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(torch.from_numpy(next(weights).transpose(3, 2, 0, 1).copy()))
                module.bias.copy_(torch.from_numpy(next(weights)))
        expected = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    assert next(weights, None) is None
    expected = expected.transpose(0, 2, 3, 1)
    assert expected.std() > 0.1
    np.testing.assert_allclose(predict(network, images), expected, atol=1e-4)


def test_values_are_linear_and_float32():
    network = PatchDiscriminator((8, 8, 1), filters=2, layers=1, dtype="mixed_bfloat16")
    computing = [layer for layer in network.layers if layer.weights]
    assert {layer.compute_dtype for layer in computing} == {"bfloat16"}
    assert {weight.dtype for weight in network.weights} == {"float32"}
    for bias in (-5.0, 3.0):
        network.get_layer("patches").bias.assign(np.array([bias], "float32"))
        patches = predict(network, np.zeros((1, 8, 8, 1), "float32"))
        np.testing.assert_allclose(patches, bias)
        assert patches.dtype == np.float32


def test_for_image_shape_keeps_the_weights(with_drawn_weights):
    network = with_drawn_weights(PatchDiscriminator((8, 8, 1), filters=2, layers=1), seed=1)
    other = network.for_image_shape((16, 10, 1))
    assert other.output_shape == (None, 6, 3, 1)
    for one, another in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)


def test_keras_file_round_trip(tmp_path):
    network = PatchDiscriminator(
        (None, 12, 2), 3, layers=2, normalization=None, dtype="mixed_bfloat16", name="critic"
    )
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert type(loaded) is PatchDiscriminator and loaded.name == "critic"
    assert loaded.get_config() == network.get_config()
    assert loaded.layers[1].compute_dtype == "bfloat16"
    for one, other in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_normalization():
    network = PatchDiscriminator((64, 64, 3), filters=16, layers=3, normalization=None)
    normalized = PatchDiscriminator((64, 64, 3), filters=16, layers=3)
    assert network.count_params() == normalized.count_params()
    kinds = [
        sum(isinstance(layer, keras.layers.GroupNormalization) for layer in each.layers)
        for each in (network, normalized)
    ]
    assert kinds == [0, 3]
    # He et al. 2015: a variance of 2 / (4 x 4 x 16).
    assert np.std(network.get_layer("conv_2").kernel) == pytest.approx(np.sqrt(2 / 256), rel=0.1)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype("float32")
    assert 0.05 < predict(network, images).std() < 1.0


# Bad input


@pytest.mark.parametrize("layers", [-1, 1.5, "3", None, True])
def test_bad_layers(layers):
    with pytest.raises(ValueError, match="`layers` must be an integer of at least 0; got"):
        PatchDiscriminator((64, 64, 3), layers=layers)


def test_unknown_normalization():
    with pytest.raises(ValueError, match='`normalization` must be "batch", "instance" or None'):
        PatchDiscriminator((64, 64, 3), normalization="layer")


@pytest.mark.parametrize(
    ("shape", "layers"), [((23, 64, 1), 3), ((64, 23, 1), 3), ((11, 12, 1), 2), ((5, None, 1), 1)]
)
def test_images_too_small(shape, layers):
    with pytest.raises(ValueError, match=f"{shape[0]}x{shape[1]} are too small.*{layers} layers"):
        PatchDiscriminator(shape, filters=1, layers=layers)
    grown = tuple(size and size + 1 for size in shape[:2])
    network = PatchDiscriminator((*grown, 1), filters=1, layers=layers)
    assert min(size for size in network.output_shape[1:3] if size) == 1


@pytest.mark.parametrize("padding", [0, 3, None])
def test_bad_padding(padding):
    with pytest.raises(ValueError, match="`padding` must be 1 or 2; got"):
        PatchDiscriminator((64, 64, 3), padding=padding)


def test_padding_of_two_judges_images_of_any_size():
    network = PatchDiscriminator((1, 16, 1), filters=1, layers=3, padding=2)
    assert network.output_shape == (None, 3, 5, 1)


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 0), (64, "64", 3)])
def test_bad_image_shape(shape):
    with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, channels\)"):
        PatchDiscriminator(shape)
