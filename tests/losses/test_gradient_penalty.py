import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.backend import TrainingSteps, value_and_gradients
from keras_simgan.layers import DiffAugment
from keras_simgan.layers.draws import draw_uniform, hash_of
from keras_simgan.losses import GradientPenalty, R1Penalty

SHAPE = (4, 3, 2, 1)


@pytest.fixture
def real():
    return np.random.default_rng(0).uniform(-1, 1, SHAPE).astype("float32")


@pytest.fixture
def fake():
    return np.random.default_rng(1).uniform(-1, 1, SHAPE).astype("float32")


def value(penalty, discriminate, real, fake, step=0, state=()):
    found = penalty(discriminate, ops.array(real), ops.array(fake), step, list(state))
    assert found.shape == ()
    return float(ops.convert_to_numpy(ops.stop_gradient(found)))


def linear(images):
    """Slope 2 at each of the 6 values: norm sqrt(24), whatever the images."""
    return 2.0 * ops.sum(images, axis=(1, 2))


def square(images):
    """Slope x: the norm is the images' own."""
    return 0.5 * ops.sum(images**2, axis=(1, 2))


def shares(step, count=4):
    return ops.convert_to_numpy(draw_uniform(hash_of(ops.array(step)), ops.arange(count)))


# Values


@pytest.mark.parametrize(("weight", "every"), [(10.0, 1), (3.0, 1), (10.0, 4)])
def test_hand_worked(real, fake, weight, every):
    expected = weight * every * (np.sqrt(24) - 1) ** 2
    assert value(GradientPenalty(weight, every), linear, real, fake) == pytest.approx(expected)
    expected = weight * every / 2 * 24
    assert value(R1Penalty(weight, every), linear, real, fake) == pytest.approx(expected)


@pytest.mark.parametrize(("norm", "expected"), [(0.25, 0.5625), (1.0, 0.0), (1.75, 0.5625)])
def test_two_sided(real, fake, norm, expected):
    """Norms below 1 cost as norms above it do."""

    def discriminate(images):
        return norm / np.sqrt(6) * ops.sum(images, axis=(1, 2))

    found = value(GradientPenalty(1.0), discriminate, real, fake)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("step", [0, 7])
def test_between_real_and_fake_by_one_share_an_image(real, fake, step):
    share = shares(step).reshape(4, 1, 1, 1)
    images = share * real + (1 - share) * fake
    norms = np.sqrt((images**2).sum(axis=(1, 2, 3)))
    expected = 10.0 * ((norms - 1) ** 2).mean()
    for given in (step, np.int64(step), keras.Variable(step, dtype="int32", trainable=False)):
        assert value(GradientPenalty(), square, real, fake, given) == pytest.approx(
            expected, rel=1e-5
        )


def test_draws_differ_from_image_to_image_and_from_step_to_step():
    drawn = np.array([shares(step, 8) for step in range(50)])
    assert len(np.unique(drawn)) == drawn.size
    assert 0.45 < drawn.mean() < 0.55


def test_r1_looks_at_real_images_alone(real, fake):
    expected = 10.0 / 2 * (real**2).sum(axis=(1, 2, 3)).mean()
    assert value(R1Penalty(), square, real, fake) == pytest.approx(expected, rel=1e-5)
    assert value(R1Penalty(), square, real, 5 * fake, step=3) == pytest.approx(expected, rel=1e-5)


# The discriminator's output in its forms


@pytest.mark.parametrize("kind", [GradientPenalty, R1Penalty])
def test_maps_scales_features_and_two_logits_are_one_number_an_image(real, fake, kind):
    def patches(images):
        return images * ops.array([[1.0], [2.0]])

    def mean(images):
        return ops.mean(patches(images), axis=(1, 2, 3))

    expected = value(kind(), mean, real, fake)
    assert value(kind(), patches, real, fake) == pytest.approx(expected, rel=1e-5)
    doubled = value(kind(), lambda images: 2.0 * mean(images), real, fake)
    for scales in (
        lambda images: [patches(images), mean(images)],
        lambda images: ([images, patches(images)], (images, mean(images))),
        # Two logits of each patch, the second minus the first: their difference is twice the first.
        lambda images: ops.concatenate([patches(images), -patches(images)], axis=-1),
    ):
        assert value(kind(), scales, real, fake) == pytest.approx(doubled, rel=1e-5)


# Gradients


def test_gradients_of_weights_worked_out(real, fake):
    """Of D(x) = w sum(x), norm w sqrt(6): 10 2 (w sqrt(6) - 1) sqrt(6), and 10 / 2 2 w 6."""
    weight = keras.Variable(2.0)
    for penalty, expected in (
        (GradientPenalty(), 20 * (2 * np.sqrt(6) - 1) * np.sqrt(6)),
        (R1Penalty(), 120.0),
    ):
        _, (gradient,) = value_and_gradients(
            lambda penalty=penalty: (
                penalty(
                    lambda images: weight * ops.sum(images, axis=(1, 2)),
                    *(ops.array(real), ops.array(fake), 0, [weight]),
                ),
                (),
            ),
            [weight],
            [weight],
        )
        assert float(ops.convert_to_numpy(gradient)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [GradientPenalty, R1Penalty])
def test_gradients_where_the_discriminator_says_nothing_are_finite(real, fake, kind):
    """The derivative of a root at zero is not."""
    weight = keras.Variable(0.0)
    (loss, _), (gradient,) = value_and_gradients(
        lambda: (
            kind()(
                lambda images: weight * ops.sum(images, axis=(1, 2)),
                *(ops.array(real), ops.array(fake), 0, [weight]),
            ),
            (),
        ),
        [weight],
        [weight],
    )
    expected = 10.0 if kind is GradientPenalty else 0.0
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected, rel=1e-4)
    assert float(ops.convert_to_numpy(gradient)) == 0.0


def test_a_critic_under_the_penalty_learns_norm_one(real, fake, with_drawn_weights):
    critic = with_drawn_weights(
        keras.Sequential(
            [
                keras.Input(SHAPE[1:]),
                keras.layers.Flatten(),
                keras.layers.Dense(8, activation="tanh"),
                keras.layers.Dense(1),
            ]
        ),
        seed=2,
    )
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(critic.trainable_variables)
    penalty = GradientPenalty()

    def play(step):
        (loss, _), gradients = value_and_gradients(
            lambda: (
                penalty(critic, ops.array(real), ops.array(fake), step, critic.variables),
                (),
            ),
            critic.trainable_variables,
            critic.variables,
        )
        optimizer.apply(gradients, critic.trainable_variables)
        return float(ops.convert_to_numpy(loss))

    played = [play(step) for step in range(60)]
    assert played[0] > 5.0
    assert max(played[-5:]) < 0.5


class Critic(TrainingSteps):
    """Learns nothing but to obey its penalty, in the steps that `fit` compiles."""

    def __init__(self, network, penalty):
        super().__init__()
        self.network, self.penalty = network, penalty
        self.augment = DiffAugment(seed=1)
        self.step = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)
        self.mean = keras.metrics.Mean(name="penalty")
        self.built = True

    @property
    def metrics(self):
        return [self.mean]

    def adversarial_step(self, data):
        (real, fake), variables = data, self.network.trainable_variables
        state = [*self.variables, *self.optimizer.variables, *self.metrics_variables]

        def discriminate(images):
            return self.network(self.augment(images, training=True), training=True)

        (loss, _), gradients = value_and_gradients(
            lambda: (self.penalty(discriminate, real, fake, self.step, state), ()),
            variables,
            state,
        )
        self.optimizer.apply(gradients, variables)
        self.mean.update_state(loss)
        self.step.assign_add(1)
        return {"penalty": self.mean.result()}


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("kind", [GradientPenalty, R1Penalty])
def test_in_a_compiled_training(real, fake, with_drawn_weights, kind, jit_compile, backend):
    if backend == "torch" and jit_compile:
        pytest.skip("compiling takes a C++ compiler there, and a minute")
    layers = [
        keras.Input(SHAPE[1:]),
        keras.layers.Conv2D(4, 2, padding="same", activation="tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("tanh"),  # normalized alone, the batch's sum would be constant
        keras.layers.Dropout(0.1, seed=1),
        keras.layers.Conv2D(1, 1),
    ]
    network = with_drawn_weights(keras.Sequential(layers), seed=2)
    critic = Critic(network, kind())
    critic.compile(keras.optimizers.SGD(0.01), jit_compile=jit_compile)
    kernel, statistics = layers[1].kernel, layers[2].moving_mean
    before = ops.convert_to_numpy(kernel).copy()
    history = critic.fit(real, fake, batch_size=2, epochs=3, verbose=0).history["penalty"]
    assert np.isfinite(history).all() and min(history) > 0
    assert int(critic.step) == 6
    assert np.abs(ops.convert_to_numpy(kernel) - before).max() > 1e-6
    # As any pass in training, on every backend: moving statistics move.
    assert np.abs(ops.convert_to_numpy(statistics)).max() > 0


# Precision and files


def test_half_precision_is_squared_in_float32(real, fake):

    def steep(images):
        return 200.0 * ops.sum(images, axis=(1, 2))

    images = [ops.cast(x, "float16") for x in (real, fake)]
    found = R1Penalty(2.0)(steep, *images, 0, [])  # 6 * 200^2 is beyond float16's 65,504
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    assert float(ops.convert_to_numpy(ops.stop_gradient(found))) == pytest.approx(240_000, rel=1e-3)


@pytest.mark.parametrize(
    ("kind", "name"), [(GradientPenalty, "GradientPenalty"), (R1Penalty, "R1Penalty")]
)
def test_config_round_trip(kind, name):
    penalty = kind(weight=3.0, every=4, name="mine")
    config = keras.saving.serialize_keras_object(penalty)
    assert config["registered_name"] == f"keras_simgan>{name}"
    clone = keras.saving.deserialize_keras_object(config)
    assert type(clone) is kind and clone.get_config() == penalty.get_config()
    assert (clone.weight, clone.every, clone.name) == (3.0, 4, "mine")
    assert (kind().weight, kind().every) == (10.0, 1)


@pytest.mark.parametrize("kind", [GradientPenalty, R1Penalty])
def test_bad_arguments(kind):
    for weight in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="`weight` must not be below 0; got"):
            kind(weight=weight)
    for every in (0, 2.5, "4"):
        with pytest.raises(ValueError, match="`every` must be an integer of at least 1; got"):
            kind(every=every)
