from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from keras_simgan.layers import CropToMatch, PadToMultiple, ReflectionPadding2D, ResidualBlock
from keras_simgan.networks import Refiner, ResNetGenerator
from keras_simgan.refinement import ImageRefiner
from keras_simgan.refinement._receptive_field import NOMINAL_SIZE, Field, field_after
from keras_simgan.refinement.tiling import TiledNetwork


def picture(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (height, width, channels)).astype("float32")


def functional(build, channels=3):
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, build(inputs))


def drawn(network, seed=1):
    draw = np.random.default_rng(seed)
    for variable in network.weights:
        positive = "variance" in variable.path
        variable.assign(draw.normal(0, 0.2, variable.shape) ** (2 if positive else 1))
    return network


def whole(network, image):
    return np.asarray(network.predict_on_batch(image[None]))[0]


def refiner(channels):
    return Refiner((None, None, channels), filters=4, blocks=2)


def generator(channels, upsampling="transpose"):
    return ResNetGenerator((None, None, channels), filters=2, blocks=2, upsampling=upsampling)


@pytest.mark.parametrize("tile", [32, (24, 40)])
@pytest.mark.parametrize(
    "build, reach",
    [
        (lambda: refiner(1), 5),
        (lambda: refiner(3), 5),
        (lambda: generator(1), 4),
        (lambda: generator(3), 4),
        (lambda: generator(3, "resize"), 4),
    ],
)
def test_tiles_give_what_the_whole_image_gives(build, reach, tile):
    network = drawn(build())
    tiled = TiledNetwork(network, tile)
    assert (tiled.overlap, tiled.reach) == (reach, reach)
    for size in ((61, 50), (20, 81)):
        image = picture(*size, network.input_shape[-1])
        np.testing.assert_allclose(tiled(image), whole(network, image), atol=2e-5)


@pytest.mark.parametrize(
    "layer, step, low, high, size",
    [
        (layers.Conv2D(1, 5, padding="same"), 2, -4, 4, 500),
        (layers.Conv2D(1, (1, 4)), 2, 0, 6, 497),
        (layers.Conv2D(1, 3, dilation_rate=3), 2, 0, 12, 494),
        (layers.MaxPooling2D(3, 2), 4, 0, 4, 249),
        (layers.Conv2DTranspose(1, 3, 2), 1, -2, 0, 1001),
        (layers.Conv2DTranspose(1, 4, 2, "same"), 1, -2, 1, 1000),
        (layers.UpSampling2D(2), 1, -1, 0, 1000),
        (layers.UpSampling2D(4, interpolation="bilinear"), Fraction(1, 2), -4, 4, 2000),
        (layers.ZeroPadding2D(((2, 0), (1, 1))), 2, -4, -2, 502),
        (layers.Cropping2D(3), 2, 6, 6, 494),
        (ReflectionPadding2D(3), 2, -6, -6, 506),
        (ResidualBlock(1), 2, -4, 4, 500),
        (layers.ReLU(), 2, 0, 0, 500),
    ],
)
def test_fields_worked_out_by_hand(layer, step, low, high, size):
    """Pixel i of the output sees the input's pixels from i * step + low to i * step + high."""
    given = Field(step=Fraction(2), size=500)
    assert field_after(layer, [given]) == Field(Fraction(step), low, high, size)
    # What the map saw before is added.
    given = Field(step=Fraction(2), low=-1, high=5, size=500)
    assert field_after(layer, [given]) == Field(Fraction(step), low - 1, high + 5, size)


def test_strides_that_pad_on_one_side():
    layer = layers.Conv2D(1, 3, strides=2, padding="same")
    assert field_after(layer, [Field()]) == Field(Fraction(2), 0, 2, NOMINAL_SIZE // 2)


def test_depth_between_normalizations_alone_sets_the_reach():
    assert [
        TiledNetwork(ResNetGenerator((256, 256, 3), 2, blocks), 64).reach for blocks in (1, 9)
    ] == [4, 4]
    # A 3x3 stem and two 3x3 convolutions in each of four blocks.
    assert TiledNetwork(Refiner((35, 55, 1), filters=2), 64).reach == 9


def test_one_pixel_less_than_the_reach_is_not_exact():
    network, image = drawn(refiner(1)), picture(40, 60, 1)
    for overlap, exact in ((4, False), (5, True), (7, True)):
        found = TiledNetwork(network, 24, overlap)(image)
        assert (np.abs(found - whole(network, image)).max() < 1e-5) == exact


@pytest.mark.parametrize("overlap", [0, 3, 6])
def test_shares_add_up_to_one(overlap):
    network = functional(lambda x: layers.Rescaling(1.0)(layers.MaxPooling2D(5, 1, "same")(x)))
    flat = np.full((50, 37, 3), 0.7, "float32")
    np.testing.assert_allclose(TiledNetwork(network, 16, overlap)(flat), flat, rtol=1e-6)


def test_too_small_an_overlap_is_blended():
    # One row of ones is the mean of 9 pixels wide zero padding at a tile's border takes away from.
    network = functional(
        lambda x: layers.Conv2D(1, (1, 9), padding="same", kernel_initializer="ones")(x), 1
    )
    ones = np.ones((8, 64, 1), "float32")
    naive, blended = (TiledNetwork(network, 32, overlap)(ones)[0, :, 0] for overlap in (0, 3))
    inner = slice(8, 56)  # away from the image's own borders
    np.testing.assert_array_equal(naive[28:36], [8, 7, 6, 5, 5, 6, 7, 8])
    assert blended[inner].min() > 7.4
    assert np.abs(np.diff(blended[inner])).max() < np.abs(np.diff(naive[inner])).max()


def test_statistics_are_those_of_the_whole_image():
    norm = layers.GroupNormalization(groups=2, epsilon=0.1, name="norm")
    network = drawn(functional(lambda x: layers.ReLU()(norm(x)), 4))
    image = picture(40, 40, 4)
    image[:20] *= 0.1
    image[:, :20, 1] += 3
    np.testing.assert_allclose(TiledNetwork(network, 16)(image), whole(network, image), atol=1e-5)
    # The same by hand.
    grouped = image.astype("float64").reshape(-1, 2, 2)
    mean, variance = grouped.mean((0, 2)), grouped.var((0, 2))
    expected = (image - np.repeat(mean, 2)) / np.sqrt(np.repeat(variance, 2) + 0.1)
    expected = np.maximum(expected * np.asarray(norm.gamma) + np.asarray(norm.beta), 0)
    np.testing.assert_allclose(TiledNetwork(network, 16)(image), expected, atol=1e-5)


def u_net(inputs):
    padded = PadToMultiple(4)(inputs)
    first = layers.Conv2D(3, 4, padding="same", activation="relu")(padded)
    x = layers.Conv2D(4, 4, strides=2, padding="same")(first)
    x = layers.GroupNormalization(groups=-1)(x)
    second = layers.LeakyReLU()(x)
    x = layers.MaxPooling2D(2)(second)
    x = layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(4, 4, strides=2, padding="same")(x)
    x = layers.GroupNormalization(groups=2)(layers.Concatenate()([x, second]))
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.SeparableConv2D(4, 3, padding="same")(layers.Concatenate()([x, first]))
    x = layers.Cropping2D(1)(layers.Dropout(0.5)(layers.ZeroPadding2D(1)(x)))
    x = layers.LayerNormalization()(x)
    return CropToMatch()([layers.Dense(3, activation="tanh")(x), inputs])


@pytest.mark.parametrize("size", [(80, 90), (33, 120)])
def test_a_u_net(size):
    network, image = drawn(functional(u_net)), picture(*size)
    tiled = TiledNetwork(network, 64)
    assert tiled.overlap == tiled.reach
    np.testing.assert_allclose(tiled(image), whole(network, image), atol=2e-5)


blocks = {
    "conv": lambda x: layers.Conv2D(2, 3, padding="same")(x),
    "wide": lambda x: layers.Conv2D(2, (2, 5), padding="same")(x),
    "dilated": lambda x: layers.Conv2D(2, 3, dilation_rate=2, padding="same")(x),
    "reflect": lambda x: layers.Conv2D(2, 5)(ReflectionPadding2D(2)(x)),
    "one_sided": lambda x: layers.Conv2D(2, 3)(layers.ZeroPadding2D(((2, 0), (2, 0)))(x)),
    "mean": lambda x: layers.AveragePooling2D(3, 1, "same")(x),
    "norm": lambda x: layers.GroupNormalization(groups=-1)(x),
    "residual": lambda x: layers.Add()([x, layers.Conv2D(2, 3, padding="same")(x)]),
    "down_up": lambda x: layers.Conv2DTranspose(2, 2, 2)(
        layers.Conv2D(2, 3, strides=2, padding="same")(x)
    ),
    "thirds": lambda x: layers.UpSampling2D(3)(layers.MaxPooling2D(3)(x)),
}


@settings(max_examples=12)
@given(st.lists(st.sampled_from(sorted(blocks)), min_size=1, max_size=4), st.integers(0, 9))
def test_any_network_of_known_layers(names, seed):
    def build(x):
        for name in names:
            x = blocks[name](x)
        return x

    network = drawn(functional(build, 2), seed)
    image = picture(54, 78, 2, seed)
    overlap = TiledNetwork(network, 48).reach
    found = TiledNetwork(network, 4 * overlap + 12, overlap)(image)
    np.testing.assert_allclose(found, whole(network, image), atol=5e-5)


def test_no_layer_gets_more_than_a_tile():
    sizes = []

    class Spy(layers.Dropout):
        def call(self, inputs):
            sizes.append(tuple(inputs.shape[:3]))
            return inputs

    network = functional(lambda x: layers.GroupNormalization(-1)(Spy(0.0)(x)))
    sizes.clear()
    TiledNetwork(network, (16, 24))(picture(50, 60))
    assert set(sizes) == {(1, 16, 24)} and len(sizes) == 4 * 3


def test_small_images_and_sequential_networks():
    network = drawn(generator(3))
    for size in ((1, 3), (5, 40)):  # less than the generator pads to, in one direction or both
        image = picture(*size)
        found = TiledNetwork(network, 24)(image)
        np.testing.assert_allclose(found, whole(network, image), atol=2e-5)
    network = drawn(
        keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 3, 1, "same")])
    )
    image = picture(30, 40)
    np.testing.assert_allclose(TiledNetwork(network, 12)(image), whole(network, image), atol=1e-5)


def nested():
    inner = functional(lambda x: layers.ReLU()(x))
    inner.name = "inner"
    return functional(lambda x: inner(x))


def shared():
    layer = layers.Conv2D(3, 3, padding="same", name="twice")
    return functional(lambda x: layer(layer(x)))


def attention(inputs):
    x = layers.Reshape((64, 3))(inputs)
    x = layers.MultiHeadAttention(1, 3, name="attention")(x, x)
    return layers.Reshape((8, 8, 3))(x)


def flattened(inputs):
    x = layers.Dense(192)(layers.Flatten(name="flat")(inputs))
    return layers.Reshape((8, 8, 3))(x)


def fixed(build):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, build(inputs))


def squeeze(inputs):
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="mean")(inputs)
    return layers.Multiply()([inputs, mean])


@pytest.mark.parametrize(
    "build, match",
    [
        (
            lambda: functional(squeeze),
            r"layer 'mean' \(GlobalAveragePooling2D\) it mixes the whole",
        ),
        (lambda: fixed(flattened), r"'flat' \(Flatten\)"),
        (lambda: fixed(attention), r"Reshape"),
        (
            lambda: fixed(lambda x: layers.LayerNormalization(axis=[1, 2, 3], name="all")(x)),
            r"'all' \(LayerNormalization\) it works along the axis \[1, 2, 3\]",
        ),
        (
            lambda: functional(lambda x: layers.Conv2D(3, 3, (1, 2), "same", name="wide")(x)),
            "'wide'.*differ between height and width",
        ),
        (lambda: functional(lambda x: layers.Conv2D(3, 3, name="less")(x)), "'less'.*another size"),
        (lambda: functional(lambda x: x * 2.0), "an operation stands outside layers"),
        (nested, "'inner'.*a network lies inside the network"),
        (shared, "used more than once"),
        (lambda: functional(lambda x: layers.Lambda(lambda y: y)(x)), "Lambda"),
        (lambda: keras.Model(), "Only functional and sequential networks"),
    ],
)
def test_networks_that_cannot_be_tiled(build, match):
    with pytest.raises(ValueError, match=match):
        TiledNetwork(build(), 32)


def test_tiles_too_small_to_be_exact():
    with pytest.warns(UserWarning, match="overlap by 4, .* reaches 5 pixels far. Use tiles of 20"):
        TiledNetwork(refiner(1), 19)
    TiledNetwork(refiner(1), 19, overlap=4)  # asked for


def test_bad_arguments():
    network = generator(3)
    for tile in (0, -8, 8.5, (8,), (8, 0), "8"):
        with pytest.raises(ValueError, match="`tile` must be"):
            TiledNetwork(network, tile)
    with pytest.raises(ValueError, match="`overlap` must be"):
        TiledNetwork(network, 32, -1)
    with pytest.raises(ValueError, match="overlap of 16 on each side this network needs 36 or"):
        TiledNetwork(network, 32, 14)
    with pytest.raises(ValueError, match="needs 8 or more"):
        TiledNetwork(network, 7)
    halved = functional(lambda x: layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)))
    for run in (TiledNetwork(halved, 16), lambda image: ImageRefiner(halved, tile=16).check(image)):
        with pytest.raises(ValueError, match=r"31x40 pixels .* need multiples of 2\. Pad"):
            run(picture(31, 40))
    twice = functional(
        lambda x: CropToMatch()(
            [layers.UpSampling2D(4)(layers.MaxPooling2D(4)(PadToMultiple(2)(x))), x]
        )
    )
    with pytest.raises(ValueError, match="pads to no multiple of the network's stride, 4"):
        TiledNetwork(twice, 16)


def test_low_precision():
    network = ResNetGenerator((None, None, 3), filters=2, blocks=2, dtype="mixed_bfloat16")
    image = picture(40, 50)
    off = np.abs(TiledNetwork(drawn(network), 24)(image) - whole(network, image))
    assert off.mean() < 0.01
