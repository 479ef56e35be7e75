import cv2
import keras
import numpy as np
import pytest

from keras_simgan.data import to_unit, write_image
from keras_simgan.models import GAN
from keras_simgan.networks import Refiner, ResNetGenerator
from keras_simgan.refinement import ImageRefiner
from keras_simgan.refinement.load_refiner import load_refiner
from keras_simgan.refinement.tiling import TiledNetwork

random = np.random.default_rng(0)


def negative(shape):
    """A network that turns images into their negatives."""
    inputs = keras.Input(shape)
    return keras.Model(inputs, keras.layers.Rescaling(-1.0)(inputs))


def image(*shape, dtype="uint8"):
    return random.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_types_and_order(dtype, channels):
    images = [image(6, 8, channels, dtype=dtype) for _ in range(3)]
    refined = ImageRefiner(negative((None, None, channels))).refine(images)
    for new, old in zip(refined, images, strict=True):
        assert new.dtype == dtype
        np.testing.assert_array_equal(new, np.iinfo(dtype).max - old)


def test_gray_network_refines_luminance_and_keeps_chroma():
    # Muted colours, so that no channel is clipped.
    old = (image(6, 8, 3).astype(int) // 4 + 96).astype("uint8")
    new = ImageRefiner(negative((None, None, 1))).refine([old])[0]
    old_y, new_y = (cv2.cvtColor(x, cv2.COLOR_RGB2YCrCb).astype(int) for x in (old, new))
    assert np.abs(new_y[..., 0] - (255 - old_y[..., 0])).max() <= 2
    assert np.abs(new_y[..., 1:] - old_y[..., 1:]).max() <= 2
    assert np.abs(new.astype(int) - old).max() > 20


def test_alpha_is_kept():
    old = image(6, 8, 4, dtype="uint16")
    new = ImageRefiner(negative((None, None, 3))).refine([old])[0]
    np.testing.assert_array_equal(new[..., 3], old[..., 3])
    np.testing.assert_array_equal(new[..., :3], 65535 - old[..., :3])


def test_gray_with_alpha():
    old = image(6, 8, 2)
    new = ImageRefiner(negative((None, None, 1))).refine([old])[0]
    np.testing.assert_array_equal(new, np.stack([255 - old[..., 0], old[..., 1]], -1))


@pytest.mark.parametrize("channels", [2, 4, 5, 7])
def test_a_network_of_as_many_channels_refines_them_all(channels):
    old = image(6, 8, channels, dtype="uint16")
    new = ImageRefiner(negative((None, None, channels))).refine([old])[0]
    np.testing.assert_array_equal(new, 65535 - old)


def converting(channels, output):
    """A network that gives the negative of the first channel, in each of its channels."""
    network = keras.Sequential([keras.Input((6, 8, channels)), keras.layers.Conv2D(output, 1)])
    kernel = np.zeros((1, 1, channels, output))
    kernel[:, :, 0] = -1
    network.set_weights([kernel, np.zeros(output)])
    return network


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "own, output, channels, alpha",
    [(1, 3, 1, 0), (3, 1, 3, 0), (1, 3, 2, 1), (3, 1, 4, 1), (5, 3, 5, 0), (3, 5, 3, 0)],
)
def test_a_network_that_gives_other_channels(own, output, channels, alpha, dtype):
    old = image(6, 8, channels, dtype=dtype)
    new = ImageRefiner(converting(own, output)).refine([old])[0]
    assert new.dtype == dtype and new.shape == (6, 8, output + alpha)
    for channel in range(output):
        np.testing.assert_array_equal(new[..., channel], np.iinfo(dtype).max - old[..., 0])
    np.testing.assert_array_equal(new[..., output:], old[..., channels - alpha :])


def test_images_that_do_not_fit_a_network_of_other_channels():
    with pytest.raises(ValueError, match="alpha channel, .* 5 channels, beside which .* no place"):
        ImageRefiner(converting(3, 5)).refine([image(6, 8, 4)])
    for channels in (3, 4):  # whose colours would be lost
        with pytest.raises(ValueError, match=f"{channels} channels, but the refiner works on 1"):
            ImageRefiner(converting(1, 3)).refine([image(6, 8, channels)])


def test_a_profile_for_gray_is_none_for_colours(tmp_path):
    path = tmp_path / "gray.png"
    write_image(path, image(6, 8, 1), b"a profile of gray")
    files = {"input": (path, path.read_bytes())}
    assert ImageRefiner(negative((6, 8, 1))).decode(files)[1].profile == b"a profile of gray"
    assert ImageRefiner(converting(1, 3)).decode(files)[1].profile is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("network_channels, channels", [(1, 1), (1, 3), (1, 2), (3, 3), (3, 4)])
@pytest.mark.parametrize("upsampling", [None, "transpose", "resize"])
def test_large_images_by_tiles(upsampling, network_channels, channels, dtype, with_drawn_weights):
    shape = (None, None, network_channels)
    if upsampling is None:
        network = Refiner(shape, filters=2, blocks=2)
    else:
        network = ResNetGenerator(shape, filters=2, blocks=1, upsampling=upsampling)
    with_drawn_weights(network, 3)
    old = [image(37, 51, channels, dtype=dtype) for _ in range(2)]
    tiled, usual = (ImageRefiner(network, tile=tile).refine(old) for tile in ((40, 24), None))
    for one, other, source in zip(tiled, usual, old, strict=True):
        assert one.dtype == dtype and one.shape == source.shape
        off = np.abs(one.astype(int) - other)
        # The last bit, where rounding to pixels tips the other way.
        assert off.max() <= (1 if dtype == "uint8" else 3)
        assert dtype == "uint16" or (off > 0).mean() < 0.02
        if channels in (2, 4):
            np.testing.assert_array_equal(one[..., -1], source[..., -1])


def test_only_images_larger_than_a_tile_are_tiled(monkeypatch):
    refiner = ImageRefiner(Refiner((6, 8, 1), filters=2, blocks=1), tile=(20, 24))
    sizes = []

    def record(self, one):
        sizes.append(one.shape)
        return one

    monkeypatch.setattr(TiledNetwork, "__call__", record)
    for size in ((20, 24), (6, 8), (21, 24), (6, 25)):
        refiner.refine([image(*size, 1)])
    assert sizes == [(21, 24, 1), (6, 25, 1)]


def test_tiles_are_refused_before_any_image():
    flat = keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.Flatten(name="flat"), keras.layers.Reshape((2, 2, 1))]
    )
    for build in (ImageRefiner, load_refiner):
        with pytest.raises(ValueError, match="'flat' .Flatten. it mixes the whole image"):
            build(flat, tile=16)
        with pytest.raises(ValueError, match="`overlap` is of use with `tile` only"):
            build(flat, overlap=16)
    refiner = load_refiner(Refiner((6, 8, 1), filters=2, blocks=1), tile=32, overlap=2)
    assert (refiner._tiled.tile, refiner._tiled.overlap) == ((32, 32), 2)
    refiner = load_refiner("simgan_eyes_36x60", tile=(48, 64), overlap=3)
    assert (refiner._tiled.tile, refiner._tiled.overlap) == ((48, 64), 3)


def test_other_sizes_use_the_same_weights():
    network = Refiner((6, 8, 1), filters=4, blocks=1)
    refiner = ImageRefiner(network)
    old = image(9, 13, 1)
    expected = network.for_image_shape((9, 13, 1)).predict(to_unit(old)[None], verbose=0)
    new = to_unit(refiner.refine([old])[0])
    np.testing.assert_allclose(new, expected[0], atol=1 / 255 + 1e-4)
    assert refiner.refine([image(6, 8, 1)])[0].shape == (6, 8, 1)


class Both(GAN):
    """A GAN that translates both ways."""

    directions = {"source_to_target": "there", "target_to_source": "back"}

    def __init__(self):
        super().__init__({"there": negative((6, 8, 1)), "back": negative((6, 8, 1))}, {})


def test_a_model_gives_the_network_of_a_direction():
    model = Both()
    assert ImageRefiner(model).network is model.there
    assert ImageRefiner(model, "source_to_target").network is model.there
    assert ImageRefiner(model, direction="target_to_source").network is model.back
    with pytest.raises(ValueError, match="A Both translates source_to_target and target_to_so"):
        ImageRefiner(model, "backwards")
    with pytest.raises(ValueError, match="is no GAN .* got 'target_to_source'"):
        ImageRefiner(model.back, "target_to_source")


@pytest.mark.parametrize("size", [(6, 7), (9, 18)])
def test_a_generator_takes_any_size(size):
    network = ResNetGenerator((12, 16, 3), filters=2, blocks=1)
    old = image(*size, 3)
    expected = network.for_image_shape((*size, 3)).predict(to_unit(old)[None], verbose=0)
    new = to_unit(ImageRefiner(network).refine([old])[0])
    np.testing.assert_allclose(new, expected[0], atol=1.01 / 255 + 1e-4)


def test_bad_images_and_networks():
    with pytest.raises(ValueError, match="1 channel, but the refiner works on 3"):
        ImageRefiner(negative((6, 8, 3))).refine([image(6, 8, 1)])
    for channels, own in ((2, 3), (4, 2), (5, 1), (5, 3), (3, 4), (1, 2), (6, 5)):
        with pytest.raises(ValueError, match=f"{channels} channel.*works on {own}"):
            ImageRefiner(negative((6, 8, own))).refine([image(6, 8, channels)])
    with pytest.raises(ValueError, match="9x8 pixels .* takes 6x8 alone"):
        ImageRefiner(negative((6, 8, 1))).refine([image(9, 8, 1)])
    with pytest.raises(ValueError, match="A refiner maps images"):
        ImageRefiner(keras.Sequential([keras.Input((6, 8, 1)), keras.layers.Flatten()]))
    broken = keras.Sequential([keras.Input((6, 8, 1)), keras.layers.Rescaling(float("nan"))])
    with pytest.raises(ValueError, match="not finite"):
        ImageRefiner(broken).refine([image(6, 8, 1)])
