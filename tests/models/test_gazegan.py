import keras
import numpy as np
import pytest
from gan_contract import GANContract
from keras import ops

from keras_simgan import losses, models, networks

NETWORKS = {
    "generator",
    "inverse_generator",
    "target_discriminator",
    "source_discriminator",
}


@pytest.fixture
def small_gazegan(small_cyclegan, label_model):
    """Builds a GazeGAN whose estimator has two outputs, statistics and dropout."""

    def build(**arguments):
        return small_cyclegan(models.GazeGAN, **{"gaze_estimator": label_model(), **arguments})

    return build


def say(discriminator, value):
    """Makes a discriminator say the same of every patch, whatever it sees."""
    kernel, bias = discriminator.get_layer("patches").weights
    kernel.assign(np.zeros(kernel.shape, "float32"))
    bias.assign(np.array([value], "float32"))


def predict(network, images):
    """By a plain call, as `predict` would compile each network anew."""
    said = network(images, training=False)
    return keras.tree.map_structure(lambda t: ops.convert_to_numpy(ops.stop_gradient(t)), said)


def train(model, images, **arguments):
    x, y = images
    return model.fit(x, y, **{"batch_size": 4, "shuffle": False, "verbose": 0, **arguments}).history


def measure(model, source, target):
    named = model.losses_of((source, target), training=False)
    return {name: float(ops.stop_gradient(value)) for name, value in named.items()}


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.astype("float64"), b.astype("float64"))


# Losses


@pytest.mark.parametrize(
    ("arguments", "adversarial"),
    # (0.4 - 0.9)^2 and (-0.5 - 0.9)^2; to the label 0.7: (0.4 - 0.7)^2 and (-0.5 - 0.7)^2.
    [({}, (0.25, 1.96)), ({"generator_label": 0.7}, (0.09, 1.44))],
)
def test_labels_are_smoothed_in_both_directions(
    small_gazegan, colour_images, arguments, adversarial
):
    model = small_gazegan(**arguments)
    say(model.target_discriminator, 0.4)
    say(model.source_discriminator, -0.5)
    found = measure(model, *colour_images[:, :4])
    assert found["generator_adversarial"] == pytest.approx(adversarial[0], rel=1e-5)
    assert found["inverse_adversarial"] == pytest.approx(adversarial[1], rel=1e-5)
    # The discriminators aim at 1 and 0 whatever the generators do.
    assert found["target_discriminator_real"] == pytest.approx(0.6**2 / 2, rel=1e-5)
    assert found["source_discriminator_real"] == pytest.approx(1.5**2 / 2, rel=1e-5)
    assert found["target_discriminator_fake"] == pytest.approx(0.4**2 / 2, rel=1e-5)
    assert found["source_discriminator_fake"] == pytest.approx(0.5**2 / 2, rel=1e-5)


@pytest.mark.parametrize("on", ["translated", "cycled"])
def test_gaze_is_compared_where_it_is_asked_for(small_gazegan, colour_images, on):
    model = small_gazegan(gaze_on=on, cycle_weight=(6.0, 2.0))
    source, target = colour_images[:, :4]
    there, back = model.generator, model.inverse_generator
    translated = predict(there, source)
    cycled = predict(back, translated)
    read = translated if on == "translated" else cycled
    before, after = (predict(model.gaze_estimator, images) for images in (source, read))
    found = measure(model, source, target)
    assert found["gaze_consistency"] == pytest.approx(
        25.0 * sum(np.square(a - b).mean() for a, b in zip(after, before, strict=True)), rel=1e-4
    )
    # The other part of the cycle loss, and no other loss.
    assert found["source_cycle"] == pytest.approx(6.0 * np.abs(cycled - source).mean(), rel=1e-5)
    other = predict(there, predict(back, target))
    assert found["target_cycle"] == pytest.approx(2.0 * np.abs(other - target).mean(), rel=1e-5)
    assert set(found) == {
        *("generator_adversarial", "inverse_adversarial"),
        *("source_cycle", "target_cycle", "gaze_consistency"),
        *(f"{d}_discriminator_{k}" for d in ("target", "source") for k in ("fake", "real")),
    }


def test_identity_loss_is_there_when_asked_for(small_gazegan, colour_images):
    model = small_gazegan(identity_weight=0.5)
    source, target = colour_images[:, :4]
    same = predict(model.inverse_generator, source)
    found = measure(model, source, target)
    assert found["source_identity"] == pytest.approx(5.0 * np.abs(same - source).mean(), rel=1e-5)


def test_ten_degrees_cost_a_hundredth_of_the_weight(small_gazegan):
    """An estimator that says an image's mean colour, and images of two directions."""
    mean = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(name="gaze")]
    )
    model = small_gazegan(gaze_estimator=mean, gaze_weight=25.0)
    angle = np.deg2rad(10)
    ahead, aside = np.array([[0.0, 0.0, -1.0], [np.sin(angle), 0.0, -np.cos(angle)]], "float32")
    before, after = (np.ones((1, 8, 8, 3), "float32") * gaze for gaze in (ahead, aside))
    found = float(ops.stop_gradient(model.label_consistency(before, after)))
    assert found == pytest.approx(25.0 * (2 - 2 * np.cos(angle)) / 3, rel=1e-4)
    assert found == pytest.approx(0.01 * 25.0, rel=0.02)


# Turns


@pytest.mark.parametrize(
    ("on", "expected"),
    [("translated", {"generator"}), ("cycled", {"generator", "inverse_generator"})],
)
def test_gaze_alone_moves_the_generators_it_goes_through(
    small_gazegan, colour_images, moved, on, expected
):
    """Without a cycle loss, and with discriminators that tell nothing."""
    model = small_gazegan(gaze_on=on, cycle_weight=0.0)
    for discriminator in (model.target_discriminator, model.source_discriminator):
        say(discriminator, 0.0)
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    found = moved(model, lambda: train(model, colour_images[:, :4]))
    assert found - {"target_discriminator", "source_discriminator"} == expected


def test_estimator_never_moves_and_everything_else_does(
    small_gazegan, label_model, colour_images, moved, values
):
    estimator = label_model()
    assert estimator.trainable_variables
    model = small_gazegan(gaze_estimator=estimator)
    assert model.gaze_estimator is estimator and not estimator.trainable_variables
    model.compile(keras.optimizers.Adam(1e-2), keras.optimizers.Adam(1e-2))
    # Weights, the statistics of the batch normalization and the seed of the dropout.
    before = values(estimator.variables)
    assert len(before) == 11
    assert moved(model, lambda: train(model, colour_images, epochs=2)) == NETWORKS
    assert_same(before, values(estimator.variables))
    assert len(model.optimizer._trainable_variables) == len(model.trainable_variables)


# Saving


def test_config_round_trip_names_every_argument(small_gazegan):
    model = small_gazegan(
        gaze_weight=2.0,
        gaze_on="cycled",
        cycle_weight=(3.0, 4.0),
        identity_weight=0.25,
        generator_label=0.8,
        pool_size=7,
        seed=5,
        name="mine",
    )
    clone = models.GazeGAN.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    assert not {"label_consistency", "label_consistency_on"} & set(model.get_config())
    assert (clone.gaze_weight, clone.gaze_on, clone.generator_label) == (2.0, "cycled", 0.8)
    assert clone.adversarial_loss.generator_label == 0.8
    assert (clone.label_consistency.weight, clone.label_consistency.distance) == (2.0, "l2")
    assert (clone.cycle_weight, clone.identity_weight) == ((3.0, 4.0), 0.25)
    assert (clone.target_pool.capacity, clone.seed, clone.name) == (7, 5, "mine")


def test_defaults_are_those_documented(small_cyclegan, label_model):
    parts = {name: getattr(small_cyclegan(), name) for name in NETWORKS}
    model = models.GazeGAN(**parts, gaze_estimator=label_model())
    assert (model.gaze_weight, model.gaze_on, model.generator_label) == (25.0, "translated", 0.9)
    assert (model.cycle_weight, model.identity_weight, model.pool_size) == (10.0, 0.0, 50)
    assert model.adversarial_loss.get_config() == {
        **losses.LeastSquaresLoss().get_config(),
        "generator_label": 0.9,
    }


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gaze_on": "source"}, r"`gaze_on` must be one of \('translated', 'cycled'\).*'source'"),
        ({"gaze_weight": -1.0}, "`gaze_weight` must not be below 0; got -1.0"),
        ({"gaze_weight": float("nan")}, "`gaze_weight` must not be below 0; got nan"),
        ({"gaze_estimator": "eyes"}, "`gaze_estimator` must be a built `keras.Model`.*'eyes'"),
        ({"cycle_weight": -1.0}, "`cycle_weight` must be one weight or two"),
    ],
)
def test_bad_arguments(small_gazegan, arguments, message):
    with pytest.raises(ValueError, match=message):
        small_gazegan(**arguments)


def test_estimator_that_is_not_built(small_gazegan):
    estimator = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="`gaze_estimator` must be a built `keras.Model`"):
        small_gazegan(gaze_estimator=estimator)


def test_estimator_of_another_image_size_is_named_before_training(small_gazegan):
    estimator = networks.GazeEstimator((20, 20, 3), filters=(2, 2, 2, 2, 2), dense_units=2)
    with pytest.raises(ValueError, match=r"(?s)gaze_estimator.*20, 20, 3\).*8, 8, 3\)"):
        small_gazegan(gaze_estimator=estimator)


class TestContract(GANContract):
    xla = False  # the steps are CycleGAN's

    def build(self, policy=None):
        shape = (8, 8, 3)
        # Refiners, whose graphs are small: the contract is about the game.
        generators = [networks.Refiner(shape, filters=2, blocks=1, dtype=policy) for _ in range(2)]
        discriminators = [
            networks.PatchDiscriminator(shape, filters=2, layers=1, dtype=policy) for _ in range(2)
        ]
        pool_size = 0 if keras.config.floatx() == "float64" else 3
        estimator = keras.Sequential(
            [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(3)]
        )
        return models.GazeGAN(*generators, *discriminators, estimator, pool_size=pool_size)

    def batch(self):
        draws = np.random.default_rng(8).uniform(-1, 1, (2, 8, 8, 8, 3))
        return tuple(draws.astype("float32"))
