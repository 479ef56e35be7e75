import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.layers import AverageHalving
from keras_simgan.losses import LeastSquaresLoss
from keras_simgan.networks import MultiScaleDiscriminator, PatchDiscriminator


def arrays(outputs):
    return keras.tree.map_structure(ops.convert_to_numpy, outputs)


def drawn(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")


def test_each_scale_is_a_patch_discriminator_of_the_halved_image(with_drawn_weights):
    network = with_drawn_weights(
        MultiScaleDiscriminator((13, 10, 4), filters=2, layers=2, scales=3), seed=1
    )
    images = drawn(2, 13, 10, 4)
    outputs = arrays(network(images))
    assert len(outputs) == 3
    weights = iter(network.get_weights())
    x = images
    for features in outputs:
        patches = PatchDiscriminator((*x.shape[1:3], 4), filters=2, layers=2, padding=2)
        patches.set_weights([next(weights) for _ in patches.weights])
        np.testing.assert_allclose(features[-1], arrays(patches(x)), atol=1e-5)
        assert [feature.shape[-1] for feature in features] == [2, 4, 8, 1]
        ends = [patches.get_layer(f"conv_{layer}_leaky_relu").output for layer in (1, 2, 3)]
        expected = arrays(keras.Model(patches.inputs, ends)(x))
        for feature, other in zip(features, expected, strict=False):
            np.testing.assert_allclose(feature, other, atol=1e-5)
        x = ops.convert_to_numpy(AverageHalving()(x))
    assert next(weights, None) is None


def test_a_scale_is_the_network_of_the_authors(with_drawn_weights):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    network = with_drawn_weights(
        MultiScaleDiscriminator((12, 9, 3), filters=4, layers=2, scales=1), seed=1
    )
    theirs = nn.Sequential(
        *(nn.Conv2d(3, 4, 4, 2, padding=2), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(4, 8, 4, 2, padding=2), nn.InstanceNorm2d(8), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(8, 16, 4, 1, padding=2), nn.InstanceNorm2d(16), nn.LeakyReLU(0.2)),
        nn.Conv2d(16, 1, 4, 1, padding=2),
    )
    images = drawn(2, 12, 9, 3)
    weights = iter(network.get_weights())
    with torch.no_grad():
        for module in theirs:
            if isinstance(module, nn.Conv2d):
                module.weight.copy_(torch.from_numpy(next(weights).transpose(3, 2, 0, 1).copy()))
                module.bias.copy_(torch.from_numpy(next(weights)))
        expected = theirs(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
    ((*_, values),) = arrays(network(images))  # a list of one scale
    assert len(network(keras.Input((12, 9, 3)))) == 1
    np.testing.assert_allclose(values, expected.transpose(0, 2, 3, 1), atol=1e-4)


def test_adversarial_losses_take_it_at_any_size_however_small():
    network = MultiScaleDiscriminator((None, None, 2), filters=1, layers=3, scales=3)
    for size in ((1, 1), (6, 9)):
        outputs = network(drawn(1, *size, 2))
        expected = sum(np.square(arrays(scale[-1])).mean() for scale in outputs)
        found = float(ops.stop_gradient(LeastSquaresLoss().discriminator_fake(outputs)))
        assert found == pytest.approx(0.5 * expected, rel=1e-4)


def test_keras_file_round_trip_in_half_precision(tmp_path):
    network = MultiScaleDiscriminator(
        (None, 8, 2), 3, layers=1, scales=2, normalization=None, dtype="mixed_bfloat16", name="two"
    )
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert type(loaded) is MultiScaleDiscriminator and loaded.name == "two"
    assert loaded.get_config() == network.get_config()
    images = drawn(1, 8, 8, 2)
    for scale, other in zip(network(images), loaded(images), strict=True):
        assert [keras.backend.standardize_dtype(x.dtype) for x in scale] == [
            *("bfloat16", "bfloat16", "float32")
        ]
        np.testing.assert_array_equal(arrays(scale[-1]), arrays(other[-1]))


@pytest.mark.parametrize("argument", ["layers", "scales"])
@pytest.mark.parametrize("count", [0, 1.5, None])
def test_bad_counts(argument, count):
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer of at least 1; got"):
        MultiScaleDiscriminator((8, 8, 3), **{argument: count})
