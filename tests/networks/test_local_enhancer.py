import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.layers import AverageHalving
from keras_simgan.networks import LocalEnhancer, PatchDiscriminator, ResNetGenerator


def coarse(**arguments):
    given = dict(filters=4, blocks=1, output_channels=3, downsamplings=1)
    return ResNetGenerator(**{"image_shape": (None, None, 5), **given, **arguments})


def predict(network, images):
    return network.predict(images, verbose=0)


def draw_images(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def test_parameters_of_the_enhancer():
    network = LocalEnhancer(coarse(filters=64))
    # c7s1-32, d64, R64 three times, u32, c7s1-3.
    front = (49 * 5 * 32 + 32) + (9 * 32 * 64 + 64)
    back = 3 * 2 * (9 * 64 * 64 + 64) + (9 * 64 * 32 + 32) + (49 * 32 * 3 + 3)
    assert network.enhancer.count_params() == front + back
    assert network.count_params() == front + back + network.global_generator.count_params()


def torch_enhancer(torch, network):
    """The authors' local enhancer with the weights of ours, as a function."""
    nn = torch.nn

    def norm_relu(count):
        return nn.InstanceNorm2d(count), nn.ReLU()

    class Block(nn.Module):
        def __init__(self, count):
            super().__init__()
            self.body = nn.Sequential(
                *(nn.ReflectionPad2d(1), nn.Conv2d(count, count, 3), *norm_relu(count)),
                *(nn.ReflectionPad2d(1), nn.Conv2d(count, count, 3), nn.InstanceNorm2d(count)),
            )

        def forward(self, x):
            return x + self.body(x)

    def start(filters):
        return [
            *(nn.ReflectionPad2d(3), nn.Conv2d(5, filters, 7), *norm_relu(filters)),
            *(nn.Conv2d(filters, 2 * filters, 3, 2, padding=1), *norm_relu(2 * filters)),
        ]

    def end(filters):
        up = nn.ConvTranspose2d(2 * filters, filters, 3, 2, padding=1, output_padding=1)
        return [Block(2 * filters), up, *norm_relu(filters)]

    head = [nn.ReflectionPad2d(3), nn.Conv2d(2, 3, 7), nn.Tanh()]
    front, features = nn.Sequential(*start(2)), nn.Sequential(*start(4), *end(4))
    back = nn.Sequential(*end(2), *head)
    pool = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)

    weights = [
        *network.enhancer.get_weights()[:4],
        *network.global_generator.get_weights()[:-2],
        *network.enhancer.get_weights()[4:],
    ]
    modules = [module for part in (front, features, back) for module in part.modules()]
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    for module, kernel, bias in zip(convolutions, weights[::2], weights[1::2], strict=True):
        module.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        module.bias.data = torch.from_numpy(bias)
    return lambda x: back(front(x) + features(pool(x)))


def test_is_the_network_of_the_authors(with_drawn_weights):
    torch = pytest.importorskip("torch")
    network = with_drawn_weights(LocalEnhancer(coarse(), blocks=1), seed=1)
    for layer in network.global_generator.layers:
        assert layer.name != "head" or not layer.trainable
    images = draw_images(2, 8, 12, 5)
    with torch.no_grad():
        theirs = torch_enhancer(torch, network)
        expected = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    np.testing.assert_allclose(predict(network, images), expected.transpose(0, 2, 3, 1), atol=1e-4)


def test_any_size_is_continued_and_cropped(with_drawn_weights):
    network = with_drawn_weights(LocalEnhancer(coarse(downsamplings=2), blocks=1), seed=1)
    whole = draw_images(1, 24, 16, 5)
    small = predict(network, whole[:, :21, :9])
    assert small.shape == (1, 21, 9, 3)
    mirrored = np.pad(whole[:, :21, :9], ((0, 0), (0, 3), (0, 7), (0, 0)), mode="reflect")
    np.testing.assert_allclose(small, predict(network, mirrored)[:, :21, :9], atol=1e-5)
    assert predict(network, whole[:, :1, :3]).shape == (1, 1, 3, 3)


def test_a_stage_is_what_the_network_is_from_then_on():
    generator = coarse()
    network = LocalEnhancer(generator, blocks=1)
    images = draw_images(2, 8, 8, 5)
    both = predict(network, images)  # a function is made, and must not be used again
    head = {id(weight) for weight in generator.get_layer("head").weights}
    whole = {id(weight) for weight in generator.weights}
    own = {id(weight) for weight in network.enhancer.weights}
    for stage, moving in {
        "global": whole,
        "enhancer": own,
        "both": (whole | own) - head,
    }.items():
        network.stage = stage
        assert {id(weight) for weight in network.trainable_variables} == moving
        assert {id(weight) for weight in network.weights} == whole | own
        expected = predict(generator, images) if stage == "global" else both
        np.testing.assert_allclose(predict(network, images), expected, atol=1e-6)
        np.testing.assert_allclose(
            ops.convert_to_numpy(ops.stop_gradient(network(images))), expected, atol=1e-6
        )
        assert network(keras.Input((8, 8, 5))).shape == (None, 8, 8, 3)
    # Half the size reaches the global generator as it is.
    network.stage = "global"
    halved = ops.convert_to_numpy(AverageHalving()(images))
    np.testing.assert_allclose(predict(network, halved), predict(generator, halved), atol=1e-6)


@pytest.mark.parametrize("stage", ["global", "enhancer", "both"])
def test_keras_file_preset_and_copy_keep_all_weights_and_the_stage(stage, tmp_path):
    network = LocalEnhancer(
        coarse(upsampling="resize", normalization=None), (8, 8, 5), blocks=1, stage=stage, name="n"
    )
    network.save(tmp_path / "network.keras")
    network.save_to_preset(tmp_path / "preset")
    images = draw_images(1, 8, 8, 5)
    for other in (
        keras.models.load_model(tmp_path / "network.keras"),
        LocalEnhancer.from_preset(tmp_path / "preset"),
        network.for_image_shape((None, 8, 5)),
    ):
        assert type(other) is LocalEnhancer and other.stage == stage
        assert len(other.trainable_variables) == len(network.trainable_variables)
        assert other.global_generator.get_config() == network.global_generator.get_config()
        for one, another in zip(network.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(one, another)
        np.testing.assert_allclose(predict(other, images), predict(network, images), atol=1e-6)


def test_precision_is_the_global_generators():
    network = LocalEnhancer(coarse(dtype="mixed_bfloat16"), blocks=1)
    parts = (*network.enhancer.layers, *network.global_generator.layers)
    assert {layer.compute_dtype for layer in parts if layer.weights} == {"bfloat16"}
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert predict(network, draw_images(1, 4, 4, 5)).dtype == np.float32


@pytest.mark.parametrize(
    ("generator", "arguments", "message"),
    [
        (lambda: coarse(image_shape=(8, 8, 5)), {}, "(?s)takes images of one size, .8, 8.*for_im"),
        (lambda: coarse(filters=3), {}, "must have an even number of filters.*got 3"),
        (coarse, {"image_shape": (8, 8, 4)}, "has 4 channels, but `global_generator` takes 5"),
        (coarse, {"stage": "local"}, "`stage` must be one of .*'enhancer'.*got 'local'"),
        (lambda: PatchDiscriminator((8, 8, 1), 1, 1), {}, "must be a `networks.ResNetGenerator`"),
    ],
)
def test_bad_arguments(generator, arguments, message):
    with pytest.raises(ValueError, match=message):
        LocalEnhancer(generator(), **arguments)
