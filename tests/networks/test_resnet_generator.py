import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keras_simgan.networks import ResNetGenerator

UPSAMPLINGS = ("transpose", "resize")


def predict(network, images):
    return network.predict(images, verbose=0)


def draw_images(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


@pytest.fixture(scope="module")
def anywhere(with_drawn_weights):
    """Networks for any size, by their upsampling."""
    return {
        upsampling: with_drawn_weights(
            ResNetGenerator((None, None, 3), filters=2, blocks=1, upsampling=upsampling), seed=1
        )
        for upsampling in UPSAMPLINGS
    }


# Parameters of the paper


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (dict(image_shape=(128, 128, 3), blocks=6), 7_837_699),
        (dict(image_shape=(256, 256, 3)), 11_378_179),
        (dict(image_shape=(256, 256, 3), upsampling="resize"), 11_378_179),
        # 7x7 and 3x3 kernels from 1 channel, and to 2 by hand.
        (
            dict(image_shape=(None, None, 1), filters=2, blocks=1, output_channels=2),
            (49 * 2 + 2)
            + (9 * 8 + 4)
            + (9 * 32 + 8)
            + 2 * (9 * 64 + 8)
            + (9 * 32 + 4)
            + (9 * 8 + 2)
            + (49 * 4 + 2),
        ),
    ],
)
def test_parameters(arguments, parameters):
    network = ResNetGenerator(**arguments)
    assert network.count_params() == parameters
    channels = arguments.get("output_channels", arguments["image_shape"][-1])
    assert network.output_shape == (None, *arguments["image_shape"][:2], channels)


def parameters_by_hand(channels, output_channels, filters, blocks, downsamplings):
    deepest = filters * 2**downsamplings
    halving = sum(
        9 * (filters * 2**i) * (filters * 2 ** (i + 1)) + filters * 2 ** (i + 1)
        for i in range(downsamplings)
    )
    doubling = sum(
        9 * (filters * 2 ** (i + 1)) * (filters * 2**i) + filters * 2**i
        for i in range(downsamplings)
    )
    ends = 49 * channels * filters + filters + 49 * filters * output_channels + output_channels
    return ends + halving + doubling + blocks * 2 * (9 * deepest**2 + deepest)


@pytest.mark.parametrize("downsamplings", [1, 2, 4])
def test_parameters_of_more_downsamplings(downsamplings):
    network = ResNetGenerator(
        (None, None, 5), filters=2, blocks=2, output_channels=3, downsamplings=downsamplings
    )
    assert network.count_params() == parameters_by_hand(5, 3, 2, 2, downsamplings)
    # pix2pixHD's global generator, which would take seconds to build.
    assert parameters_by_hand(36, 3, 64, 9, 4) == 182_546_755
    # Halved and doubled as often, and the size kept.
    names = [layer.name for layer in network.layers if layer.weights]
    assert [name for name in names if name.startswith("up_")] == [
        f"up_{index}" for index in range(1, downsamplings + 1)
    ]
    assert predict(network, draw_images(1, 5, 19, 5)).shape == (1, 5, 19, 3)


def test_files_from_before_downsamplings_still_load(with_drawn_weights):
    network = with_drawn_weights(ResNetGenerator((8, 8, 3), filters=2, blocks=1), seed=1)
    config = network.get_config()
    assert config.pop("downsamplings") == 2
    loaded = ResNetGenerator.from_config(config)
    loaded.set_weights(network.get_weights())
    images = draw_images(1, 8, 8, 3)
    np.testing.assert_array_equal(predict(loaded, images), predict(network, images))


@pytest.mark.parametrize("downsamplings", [0, 1.5, None])
def test_bad_downsamplings(downsamplings):
    with pytest.raises(ValueError, match="`downsamplings` must be an integer of at least 1; got"):
        ResNetGenerator((8, 8, 3), downsamplings=downsamplings)


def test_weights_start_as_in_the_paper():
    network = ResNetGenerator((8, 8, 3), filters=16, blocks=1)
    for layer in network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            assert kernel.std() == pytest.approx(0.02, rel=0.1) and abs(kernel.mean()) < 0.002
            assert np.abs(bias).max() == 0.0


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_weights_without_normalization_keep_a_signal(upsampling):
    network = ResNetGenerator(
        (32, 32, 3), filters=16, blocks=3, upsampling=upsampling, normalization=None
    )
    normalized = ResNetGenerator((32, 32, 3), filters=16, blocks=3)
    assert network.count_params() == normalized.count_params()
    stem, second = (network.get_layer(name).kernel for name in ("stem", "block_1_second"))
    # He et al. 2015, where a relu follows: a variance of 2 / (7 x 7 x 3).
    assert np.std(stem) == pytest.approx(np.sqrt(2 / 147), rel=0.1)
    assert np.std(second) == pytest.approx(0.02, rel=0.1)
    # The output is neither grey nor saturated.
    assert 0.1 < predict(network, draw_images(4, 32, 32, 3)).std() < 0.8


# What it computes


@pytest.mark.parametrize("normalization", ["instance", None])
def test_instance_normalization_forgets_an_images_mean_colour(normalization, with_drawn_weights):
    network = with_drawn_weights(
        ResNetGenerator((16, 16, 3), filters=4, blocks=1, normalization=normalization), seed=1
    )
    images = 0.5 * draw_images(1, 16, 16, 3)
    tinted = images + np.array([0.3, 0.0, -0.3], "float32")
    difference = np.abs(predict(network, tinted) - predict(network, images)).mean()
    assert difference < 1e-4 if normalization else difference > 1e-2


def torch_generator(torch, blocks, filters, channels, upsampling):
    """The generator of the authors' code, in its order and with its arguments."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, count):
            super().__init__()
            self.body = nn.Sequential(
                *(nn.ReflectionPad2d(1), nn.Conv2d(count, count, 3)),
                *(nn.InstanceNorm2d(count, eps=1e-5), nn.ReLU()),
                *(nn.ReflectionPad2d(1), nn.Conv2d(count, count, 3)),
                nn.InstanceNorm2d(count, eps=1e-5),
            )

        def forward(self, x):
            return x + self.body(x)

    def norm_relu(count):
        return nn.InstanceNorm2d(count, eps=1e-5), nn.ReLU()

    def up(before, after):
        if upsampling == "transpose":
            return [nn.ConvTranspose2d(before, after, 3, 2, padding=1, output_padding=1)]
        return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(before, after, 3)]

    one, two, four = filters, 2 * filters, 4 * filters
    return nn.Sequential(
        *(nn.ReflectionPad2d(3), nn.Conv2d(channels, one, 7), *norm_relu(one)),
        *(nn.Conv2d(one, two, 3, 2, padding=1), *norm_relu(two)),
        *(nn.Conv2d(two, four, 3, 2, padding=1), *norm_relu(four)),
        *(Block(four) for _ in range(blocks)),
        *(*up(four, two), *norm_relu(two)),
        *(*up(two, one), *norm_relu(one)),
        *(nn.ReflectionPad2d(3), nn.Conv2d(one, channels, 7), nn.Tanh()),
    )


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
@pytest.mark.parametrize("size", [(16, 12), (9, 14)])
def test_is_the_network_of_the_authors(upsampling, size, with_drawn_weights):
    torch = pytest.importorskip("torch")
    arguments = dict(filters=4, blocks=2, upsampling=upsampling)
    network = with_drawn_weights(ResNetGenerator((*size, 3), **arguments), seed=1)
    theirs = torch_generator(torch, channels=3, **arguments)
    weights = iter(network.get_weights())
    convolutions = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
    with torch.no_grad():
        for module in theirs.modules():
            if isinstance(module, convolutions):
                # Both libraries swap input and output in a transposed convolution.
                module.weight.copy_(torch.from_numpy(next(weights).transpose(3, 2, 0, 1).copy()))
                module.bias.copy_(torch.from_numpy(next(weights)))
        assert next(weights, None) is None
        images = draw_images(2, *size, 3)
        # Their network takes multiples of 4; others are continued below and to the right.
        missing = [(0, -length % 4) for length in size]
        padded = np.pad(images, ((0, 0), *missing, (0, 0)), mode="reflect")
        expected = theirs(torch.from_numpy(padded.transpose(0, 3, 1, 2).copy())).numpy()
    expected = expected.transpose(0, 2, 3, 1)[:, : size[0], : size[1]]
    assert expected.std() > 0.1
    np.testing.assert_allclose(predict(network, images), expected, atol=1e-4)


# Sizes


@settings(max_examples=5)
@given(upsampling=st.sampled_from(UPSAMPLINGS), height=st.integers(1, 40), width=st.integers(1, 40))
@example("transpose", 1, 1)
@example("resize", 1, 40)
@example("transpose", 39, 2)
def test_output_has_the_size_of_the_input(anywhere, upsampling, height, width):
    """And is a part of what comes out of the image that was continued by hand."""
    network = anywhere[upsampling]
    images = draw_images(1, height, width, 3)
    translated = predict(network, images)
    assert translated.shape == images.shape
    missing = [(0, max(8, -(-size // 4) * 4) - size) for size in (height, width)]
    padded = np.pad(images, ((0, 0), *missing, (0, 0)), mode="reflect")
    np.testing.assert_allclose(translated, predict(network, padded)[:, :height, :width], atol=1e-5)


@settings(max_examples=5)
@given(upsampling=st.sampled_from(UPSAMPLINGS), height=st.integers(1, 40), width=st.integers(1, 40))
@example("transpose", 1, 1)
@example("resize", 7, 8)
def test_known_sizes_compute_the_same(anywhere, upsampling, height, width):
    network = anywhere[upsampling]
    fixed = network.for_image_shape((height, width, 3))
    assert fixed.output_shape == (None, height, width, 3)
    images = draw_images(1, height, width, 3)
    np.testing.assert_allclose(predict(fixed, images), predict(network, images), atol=1e-5)


def test_continuing_an_image_changes_little_but_its_border(anywhere):
    """The image without its last rows and columns, which are replaced by a mirror image."""
    rows, columns = np.mgrid[:64, :64] / 10
    image = np.stack([np.sin(rows), np.cos(columns), np.sin(rows + columns)], axis=-1)
    image = 0.9 * image[None].astype("float32")
    whole = predict(anywhere["transpose"], image)
    cut = predict(anywhere["transpose"], image[:, :61, :61])
    difference = np.abs(whole[:, :61, :61] - cut).max(axis=(0, 3))
    # Through the statistics of the normalization the whole image moves, by a little.
    assert difference[:40, :40].max() < 0.2 * difference.max()


def test_for_image_shape_keeps_the_weights(with_drawn_weights):
    network = with_drawn_weights(
        ResNetGenerator((8, 8, 1), filters=2, blocks=1, upsampling="resize", output_channels=3),
        seed=1,
    )
    other = network.for_image_shape((10, 16, 1))
    assert other.image_shape == (10, 16, 1) and other.output_shape == (None, 10, 16, 3)
    for one, another in zip(network.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, another)
    # A copy: training one leaves the other.
    other.get_layer("head").bias.assign(np.ones(3, "float32"))
    assert np.abs(network.get_layer("head").bias).max() < 1.0
    with pytest.raises(ValueError, match=r"takes 1 channel\(s\); it cannot be rebuilt for 3"):
        network.for_image_shape((8, 8, 3))


# Precision and saving


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_policies_compute_in_half_and_keep_float32_weights_and_outputs(policy):
    network = ResNetGenerator((9, 8, 3), filters=2, blocks=1, dtype=policy)
    computing = [layer for layer in network.layers if layer.weights]
    assert {layer.compute_dtype for layer in computing} == {policy.removeprefix("mixed_")}
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert keras.backend.standardize_dtype(network.outputs[0].dtype) == "float32"
    images = draw_images(1, 9, 8, 3)
    exact = ResNetGenerator((9, 8, 3), filters=2, blocks=1)
    exact.set_weights(network.get_weights())
    difference = np.abs(predict(network, images) - predict(exact, images)).max()
    assert 0.0 < difference < 0.02


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_keras_file_round_trip(dtype, tmp_path):
    network = ResNetGenerator(
        (9, None, 3),
        filters=2,
        blocks=1,
        upsampling="resize",
        output_channels=1,
        normalization=None,
        dtype=dtype,
        name="there",
    )
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert type(loaded) is ResNetGenerator
    assert loaded.get_config() == network.get_config()
    assert (loaded.name, loaded.output_shape) == ("there", (None, 9, None, 1))
    images = draw_images(1, 9, 5, 3)
    np.testing.assert_array_equal(predict(loaded, images), predict(network, images))


# Bad input


@pytest.mark.parametrize("upsampling", ["bilinear", None, "Transpose"])
def test_unknown_upsampling(upsampling):
    with pytest.raises(ValueError, match=r"`upsampling` must be one of \('transpose', 'resize'\)"):
        ResNetGenerator((8, 8, 3), upsampling=upsampling)


@pytest.mark.parametrize("normalization", ["layer", "none", False])
def test_unknown_normalization(normalization):
    with pytest.raises(ValueError, match='`normalization` must be "batch", "instance" or None'):
        ResNetGenerator((8, 8, 3), normalization=normalization)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, None), (0, 8, 3), (8.0, 8, 3), (8, 8, 3, 1)])
def test_bad_image_shape(shape):
    with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, channels\)"):
        ResNetGenerator(shape)
