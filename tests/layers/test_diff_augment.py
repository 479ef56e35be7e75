import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.backend import input_gradient, value_and_gradients
from keras_simgan.layers import DiffAugment

SHAPE = (4, 6, 9, 3)


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, SHAPE).astype("float32")


@pytest.fixture
def with_draws(monkeypatch):
    """A layer that draws these numbers, a list for each draw, a number for each image."""

    def build(policy, draws):
        layer, remaining = DiffAugment((policy,)), iter(draws)
        monkeypatch.setattr(
            layer,
            "_draw",
            lambda batch: ops.reshape(ops.array(next(remaining), "float32"), (batch, 1, 1, 1)),
        )
        return lambda images: array(layer(images, training=True))

    return build


def array(tensor):
    return ops.convert_to_numpy(ops.stop_gradient(tensor))


# Each change, with given draws


def test_color_worked_out_by_hand(with_draws):
    """One image of two pixels, (0, 0.5, 1) and (1, 1, 1)."""
    image = np.array([[[[0.0, 0.5, 1.0], [1.0, 1.0, 1.0]]]], "float32")
    # Brightness 0.25, saturation 0.5, contrast 1.5. After brightness (0.25, 0.75, 1.25) and 1.25
    # three times; after saturation (0.5, 0.75, 1) and 1.25; the mean of all is 1, so 1.5 times the
    # distance from it: (-0.5, -0.25, 0), 0.25.
    found = with_draws("color", [[0.75], [0.25], [0.999999]])(image)
    expected = [[[[0.25, 0.625, 1.0], [1.375, 1.375, 1.375]]]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_color_of_any_channels(with_draws, channels):
    images = np.random.default_rng(1).uniform(-1, 1, (3, 4, 5, channels)).astype("float32")
    b, s, c = np.random.default_rng(2).uniform(size=(3, 3))
    x = images + (b - 0.5).reshape(-1, 1, 1, 1)
    gray = x.mean(axis=-1, keepdims=True)
    x = gray + (x - gray) * (2 * s).reshape(-1, 1, 1, 1)
    mean = x.mean(axis=(1, 2, 3), keepdims=True)
    expected = mean + (x - mean) * (c + 0.5).reshape(-1, 1, 1, 1)
    np.testing.assert_allclose(with_draws("color", [b, s, c])(images), expected, atol=1e-5)


def test_saturation_is_nothing_on_gray(with_draws):
    gray = np.random.default_rng(1).uniform(-1, 1, (2, 4, 5, 1)).astype("float32")
    for saturation in (0.0, 0.9):
        found = with_draws("color", [[0.5, 0.5], [saturation] * 2, [0.5, 0.5]])(gray)
        np.testing.assert_allclose(found, gray, atol=1e-6)


def shifted(image, rows, columns):
    """The image with these rows and columns moved out at the bottom and the right."""
    height, width, _ = image.shape
    moved = np.zeros_like(image)
    for i in range(height):
        for j in range(width):
            if 0 <= i - rows < height and 0 <= j - columns < width:
                moved[i, j] = image[i - rows, j - columns]
    return moved


def test_translation(with_draws):
    """Of 20 x 9 pixels: by -3 to 3 rows, 20 / 8 rounded up, and -1 to 1 columns."""
    images = np.random.default_rng(0).uniform(-1, 1, (4, 20, 9, 2)).astype("float32")
    # Seven shifts of rows, so [0, 1/7) is -3; three of columns.
    found = with_draws("translation", [[0.0, 0.5, 0.99, 0.2], [0.99, 0.5, 0.0, 0.4]])(images)
    for image, result, rows, columns in zip(
        images, found, (-3, 0, 3, -2), (1, 0, -1, 0), strict=True
    ):
        np.testing.assert_array_equal(result, shifted(image, rows, columns))


def test_cutout(with_draws):
    """Of 6 x 9 pixels 3 x 5, with the middle anywhere; at the borders it is cut itself."""
    images = np.ones((4, 6, 9, 2), "float32")
    found = with_draws("cutout", [[0.0, 0.5, 0.99, 0.2], [0.0, 0.5, 0.99, 0.99]])(images)
    # The middle's row is a sixth, its column a ninth of the draw.
    for result, row, column in zip(found, (0, 3, 5, 1), (0, 4, 8, 8), strict=True):
        expected = np.ones((6, 9, 2), "float32")
        expected[max(0, row - 1) : row + 2, max(0, column - 2) : column + 3] = 0.0
        np.testing.assert_array_equal(result, expected)


def test_cutout_of_even_pieces(with_draws):
    """Of 4 x 4 pixels 2 x 2; the corner is from -1 to 3."""
    images = np.ones((5, 4, 4, 1), "float32")
    draws = np.arange(5) / 5 + 0.01
    found = with_draws("cutout", [draws, np.full(5, 0.5)])(images)
    for result, row in zip(found, range(-1, 4), strict=True):
        expected = np.ones((4, 4, 1), "float32")
        expected[max(0, row) : row + 2, 1:3] = 0.0
        np.testing.assert_array_equal(result, expected)


# The layer


def test_only_training_changes_anything(images):
    layer = DiffAugment(seed=1)
    np.testing.assert_array_equal(array(layer(images)), images)
    np.testing.assert_array_equal(array(layer(images, training=False)), images)
    changed = array(layer(images, training=True))
    assert changed.shape == SHAPE
    assert all((a != b).any() for a, b in zip(changed, images, strict=True))
    assert layer.compute_output_shape((None, *SHAPE[1:])) == (None, *SHAPE[1:])


def test_a_condition_moves_along_and_keeps_its_colours(images, with_draws):
    labels = np.round(images[..., :2])
    draws = [[0.0, 0.3, 0.6, 0.9], [0.9, 0.6, 0.3, 0.0], [0.5] * 4]
    for policy in ("translation", "cutout", "color"):
        alone = with_draws(policy, draws)(images)
        moved = with_draws(policy, draws)(labels) if policy != "color" else labels
        layer_draws = iter(draws)
        layer = DiffAugment((policy,))
        layer._draw = lambda batch, d=layer_draws: ops.reshape(
            ops.array(next(d), "float32"), (batch, 1, 1, 1)
        )
        condition, seen = layer([ops.array(labels), ops.array(images)], training=True)
        np.testing.assert_allclose(array(condition), moved, atol=1e-6, err_msg=policy)
        np.testing.assert_allclose(array(seen), alone, atol=1e-6, err_msg=policy)


def test_every_image_has_its_own_draws(images):
    same = np.repeat(images[:1], 8, axis=0)
    for policy in ("color", "translation", "cutout"):
        changed = array(DiffAugment((policy,), seed=3)(same, training=True))
        assert len({image.tobytes() for image in changed}) > 2


def test_every_call_has_its_own_draws_and_a_seed_repeats_them(images):
    first, second = DiffAugment(seed=5), DiffAugment(seed=5)
    calls = [array(first(images, training=True)) for _ in range(3)]
    assert (calls[0] != calls[1]).any()
    for expected in calls:
        np.testing.assert_array_equal(array(second(images, training=True)), expected)
    assert (array(DiffAugment(seed=6)(images, training=True)) != calls[0]).any()


def test_draws_reach_their_whole_range():
    """Of white: brightness alone moves the mean."""
    white = np.ones((2000, 8, 8, 1), "float32")
    moved = array(DiffAugment(("color",), seed=1)(white, training=True)).mean(axis=(1, 2, 3)) - 1
    assert -0.5 <= moved.min() < -0.49 and 0.49 < moved.max() <= 0.5
    assert abs(moved.mean()) < 4 * np.sqrt(1 / 12 / 2000)
    cut = array(DiffAugment(("cutout",), seed=1)(white, training=True)) == 0
    # A piece of 4 x 4 has 9 x 9 corners, from -2 to 6; on each side 3 or 4 of them reach a pixel.
    side = np.array([3, 4, 4, 4, 4, 4, 4, 3]) / 9
    often = np.outer(side, side)
    assert np.abs(cut.mean(axis=0)[..., 0] - often).max() < 4.5 * np.sqrt(0.25 / 2000)
    shift = array(DiffAugment(("translation",), seed=1)(white, training=True))
    # By -1, 0 or 1: a third of the images loses the first row, a third the last one.
    for row in (0, 7):
        lost = (shift[:, row] == 0).all(axis=(1, 2)).mean()
        assert abs(lost - 1 / 3) < 4 * np.sqrt(2 / 9 / 2000)


def test_policies_run_in_order(images):
    layer = DiffAugment(("cutout", "color"), seed=1)
    changed = array(layer(images, training=True))
    # The cut comes first, so its zeros are coloured.
    assert not (changed == 0).any()
    assert (array(DiffAugment(("color", "cutout"), seed=1)(images, training=True)) == 0).any()


def test_unknown_height_and_width(images):
    inputs = keras.Input((None, None, 3))
    layer = DiffAugment(seed=1)
    model = keras.Model(inputs, layer(inputs, training=True))
    assert model.output_shape == (None, None, None, 3)
    expected = array(DiffAugment(seed=1)(images, training=True))
    found = array(model(images, training=True))
    np.testing.assert_array_equal(found, expected)
    assert model.predict(images, verbose=0).shape == SHAPE
    assert model.predict(images[:, :5, :5], verbose=0).shape == (4, 5, 5, 3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(images, dtype):
    layer = DiffAugment(seed=1, dtype=dtype)
    changed = layer(images, training=True)
    assert keras.backend.standardize_dtype(changed.dtype) == dtype
    expected = array(DiffAugment(seed=1)(images, training=True))
    np.testing.assert_allclose(array(ops.cast(changed, "float32")), expected, atol=0.05)


# Gradients


def test_gradients_reach_the_images(images, with_draws, gradients):
    """Of the sum over the image of a shift and a cut: 1 where a pixel is still to be seen."""
    weights = np.random.default_rng(5).normal(size=SHAPE).astype("float32")
    draws = [[0.0, 0.99, 0.5, 0.5], [0.99, 0.0, 0.0, 0.5]]
    shift = with_draws("translation", draws)
    moved = shift(np.ones(SHAPE, "float32"))
    assert 0 < (moved == 0).sum() < moved.size / 2

    layer, remaining = DiffAugment(("translation",)), iter(draws)
    layer._draw = lambda batch: ops.reshape(ops.array(next(remaining), "float32"), (batch, 1, 1, 1))
    (gradient,) = gradients(lambda x: ops.sum(layer(x, training=True) * ops.array(weights)), images)
    # The gradient of a shift is the shift back.
    for found, weight, rows, columns in zip(
        gradient, weights, (-1, 1, 0, 0), (1, -1, -1, 0), strict=True
    ):
        np.testing.assert_allclose(found, shifted(weight, -rows, -columns), atol=1e-6)


@pytest.mark.parametrize("policy", ["color", "translation", "cutout"])
def test_gradients_are_finite_differences(images, policy, gradients):
    draw = np.random.default_rng(5)
    weights, direction = draw.normal(size=(2, *SHAPE)).astype("float32")

    def total(x):
        return ops.sum(DiffAugment((policy,), seed=4)(x, training=True) * ops.array(weights))

    (gradient,) = gradients(total, images)
    # Each is linear in the images, so a wide step is exact.
    above, below = (float(array(total(ops.array(images + s * direction)))) for s in (1.0, -1.0))
    assert (above - below) / 2 == pytest.approx(float((gradient * direction).sum()), rel=1e-4)


def test_second_derivatives_as_of_a_penalty(images):
    """Of sum((w T(x))^2) / 2: the gradient's squares are w^4, so by w 4 times over w."""
    weight = keras.Variable(2.0)
    layer = DiffAugment(seed=1)
    state = [weight, layer.seed_generator.state]

    def penalty():
        gradient = input_gradient(
            lambda x: 0.5 * ops.sum((weight * layer(x, training=True)) ** 2, axis=(1, 2, 3)),
            ops.array(images),
            state,
        )
        return ops.sum(gradient**2), ()

    (value, _), (slope,) = value_and_gradients(penalty, [weight], state)
    assert float(array(value)) > 1.0
    assert float(array(slope)) == pytest.approx(4 * float(array(value)) / 2.0, rel=1e-4)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_in_a_compiled_training(images, jit_compile, backend):
    if backend == "torch" and jit_compile:
        pytest.skip("compiling takes a C++ compiler there, and a minute")
    model = keras.Sequential(
        [keras.Input(SHAPE[1:]), keras.layers.Conv2D(3, 1), DiffAugment(seed=1)]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
    before = array(model.layers[0].kernel).copy()
    seed = array(model.layers[1].seed_generator.state).copy()
    losses = model.fit(images, images, batch_size=2, epochs=2, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert (array(model.layers[0].kernel) != before).any()
    assert (array(model.layers[1].seed_generator.state) != seed).any()


# Arguments and files


def test_config_round_trip(images):
    layer = DiffAugment(("cutout", "color"), seed=7, name="few")
    config = keras.saving.serialize_keras_object(layer)
    assert config["registered_name"] == "keras_simgan>DiffAugment"
    clone = keras.saving.deserialize_keras_object(config)
    assert clone.get_config() == layer.get_config()
    assert (clone.policy, clone.seed, clone.name) == (("cutout", "color"), 7, "few")
    np.testing.assert_array_equal(
        array(clone(images, training=True)), array(layer(images, training=True))
    )
    assert not layer.trainable_variables


@pytest.mark.parametrize("policy", ["color", (), ("colour",), ("color", "flip")])
def test_bad_policy(policy):
    with pytest.raises(ValueError, match=r"`policy` must be some of \('color', 'translation'"):
        DiffAugment(policy)
