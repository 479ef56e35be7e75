import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_simgan import losses
from keras_simgan.losses.by_name import ADVERSARIAL_LOSSES


def softplus(logits):
    return np.logaddexp(0.0, logits)


#: (real, fake, fool) of a logit, in NumPy, for each loss.
FORMULAS = {
    "non_saturating": (lambda x: softplus(-x), softplus, lambda x: softplus(-x)),
    "minimax": (lambda x: softplus(-x), softplus, lambda x: -softplus(x)),
    "least_squares": (lambda x: (x - 1) ** 2 / 2, lambda x: x**2 / 2, lambda x: (x - 1) ** 2),
    "hinge": (lambda x: np.maximum(0, 1 - x), lambda x: np.maximum(0, 1 + x), lambda x: -x),
    "wasserstein": (lambda x: -x, lambda x: x, lambda x: -x),
    "local": (lambda x: softplus(-x), softplus, lambda x: softplus(-x)),
}
NAMES = sorted(FORMULAS)
PARTS = ("discriminator_real", "discriminator_fake", "generator")


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype("float32")


def value(scalar):
    assert scalar.shape == ()
    return float(ops.convert_to_numpy(scalar))


def test_every_name_has_its_formula():
    assert set(ADVERSARIAL_LOSSES) == set(FORMULAS)


# Values worked out by hand


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # At the logit log 3, D = 3/4.
        ("non_saturating", (np.log(4 / 3), np.log(4), np.log(4 / 3))),
        ("minimax", (np.log(4 / 3), np.log(4), -np.log(4))),
        ("local", (np.log(4 / 3), np.log(4), np.log(4 / 3))),
        # log 3 = 1.0986.
        ("least_squares", (0.0048622, 0.6034745, 0.0097244)),
        ("hinge", (0.0, 2.0986123, -1.0986123)),
        ("wasserstein", (-1.0986123, 1.0986123, -1.0986123)),
    ],
)
def test_hand_worked(name, expected):
    loss = losses.adversarial_loss(name)
    logits = np.full((2, 1), np.log(3.0), "float32")
    found = [value(getattr(loss, part)(logits)) for part in PARTS]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert value(loss.discriminator(logits, -logits)) == pytest.approx(
        found[0] + value(loss.discriminator_fake(-logits)), rel=1e-6
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(3,), (3, 1), (2, 5, 1), (2, 3, 4, 1), (2, 2, 3, 2, 1)])
def test_mean_over_maps_of_any_rank(name, shape):
    loss, logits = losses.adversarial_loss(name), drawn(*shape)
    for part, formula in zip(PARTS, FORMULAS[name], strict=True):
        expected = formula(logits.astype("float64")).mean()
        assert value(getattr(loss, part)(logits)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("container", [list, tuple])
def test_scales_are_summed_and_features_are_no_logits(name, container):
    loss = losses.adversarial_loss(name)
    large, small, features = drawn(2, 6, 6, 1), drawn(2, 3, 3, 1, seed=1), drawn(2, 9, 9, 16)
    for part in PARTS:
        of = getattr(loss, part)
        expected = value(of(large)) + value(of(small))
        assert value(of(container([large, small]))) == pytest.approx(expected, rel=1e-6)
        scales = container([container([features, large]), container([features, features, small])])
        assert value(of(scales)) == pytest.approx(expected, rel=1e-6)
        assert value(of(container([large]))) == value(of(large))
        assert value(of([[features, large]])) == value(of(large))


# Two logits a patch


@given(
    name=st.sampled_from(NAMES),
    shape=st.sampled_from([(4,), (2, 3, 4), (1, 2)]),
    shift=st.floats(-10, 10, width=32),
    seed=st.integers(0, 1000),
)
def test_two_logits_are_their_difference(name, shape, shift, seed):
    loss = losses.adversarial_loss(name)
    # A quarter's multiples, so that sums and differences are exact.
    single = np.round(4 * drawn(*shape, 1, seed=seed)) / 4
    other = np.full_like(single, np.round(4 * shift) / 4)
    for part in PARTS:
        pair = np.concatenate([single + other, other], axis=-1)
        assert value(getattr(loss, part)(pair)) == value(getattr(loss, part)(single))


@given(seed=st.integers(0, 1000))
def test_two_logits_are_a_softmax(seed):
    logits = drawn(2, 3, 3, 2, seed=seed)
    probabilities = np.exp(logits.astype("float64"))
    probabilities /= probabilities.sum(-1, keepdims=True)
    loss = losses.NonSaturatingLoss()
    real, fake = -np.log(probabilities).mean(axis=(0, 1, 2))
    assert value(loss.discriminator_real(logits)) == pytest.approx(real, rel=1e-5)
    assert value(loss.discriminator_fake(logits)) == pytest.approx(fake, rel=1e-5)


def test_a_vector_of_two_images_is_not_two_logits():
    logits = np.array([1.0, 3.0], "float32")
    assert value(losses.WassersteinLoss().discriminator_fake(logits)) == 2.0


# Gradients


def slope(formula, logits, step=1e-5):
    logits = logits.astype("float64")
    return (formula(logits + step) - formula(logits - step)) / (2 * step)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(5,), (3, 1), (2, 3, 4, 1)])
def test_gradients_are_finite_differences(name, shape, gradients):
    loss, logits = losses.adversarial_loss(name), drawn(*shape)
    for part, formula in zip(PARTS, FORMULAS[name], strict=True):
        (gradient,) = gradients(getattr(loss, part), logits)
        np.testing.assert_allclose(
            gradient, slope(formula, logits) / logits.size, rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_scales_with_features_and_two_logits(name, gradients):
    loss = losses.adversarial_loss(name)
    pair, single, features = drawn(2, 3, 2, 2), drawn(2, 2, 1, seed=1), drawn(2, 4, 4, 3)
    for part, formula in zip(PARTS, FORMULAS[name], strict=True):
        found = gradients(
            lambda pair, single, features, part=part: getattr(loss, part)(
                [[features, pair], [features, single]]
            ),
            *(pair, single, features),
        )
        of_pair = slope(formula, pair[..., :1] - pair[..., 1:]) / 12
        expected = np.concatenate([of_pair, -of_pair], axis=-1)
        np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found[1], slope(formula, single) / 4, rtol=1e-4, atol=1e-6)
        assert np.abs(found[2]).max() == 0.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [100.0, 1e4])
def test_certain_discriminators_lose_finitely(name, size, gradients):
    loss = losses.adversarial_loss(name)
    for logit in (size, -size):
        logits = np.full((2, 1), logit, "float32")
        for part, formula in zip(PARTS, FORMULAS[name], strict=True):
            expected = formula(np.float64(logit))
            assert value(getattr(loss, part)(logits)) == pytest.approx(
                expected, rel=1e-6, abs=1e-30
            )
            (gradient,) = gradients(getattr(loss, part), logits)
            assert np.isfinite(gradient).all()


def test_what_saturates(gradients):
    """Of a fake that the discriminator is certain of, minimax teaches the generator nothing."""
    logits = np.array([-20.0], "float32")
    slopes = {
        name: gradients(losses.adversarial_loss(name).generator, logits)[0].item()
        for name in ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")
    }
    assert -1e-8 < slopes["minimax"] < 0
    assert slopes["least_squares"] == pytest.approx(-42.0)
    for name in ("non_saturating", "hinge", "wasserstein"):
        assert slopes[name] == pytest.approx(-1.0)


# Precision


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_reduced_in_float32(dtype):
    logits = ops.cast(np.full((1, 4, 4, 1), 300.0), dtype)
    loss = losses.LeastSquaresLoss().generator(logits)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert value(loss) == pytest.approx(299.0**2)  # beyond float16's 65,504


def test_float64_stays(backend):
    if backend == "jax":
        pytest.skip("JAX has no float64 unless it is told to when it starts")
    logits = ops.array(np.random.default_rng(0).normal(0, 2, (2, 3, 1)), "float64")
    for name in NAMES:
        for part, formula in zip(PARTS, FORMULAS[name], strict=True):
            loss = getattr(losses.adversarial_loss(name), part)(logits)
            assert keras.backend.standardize_dtype(loss.dtype) == "float64"
            expected = formula(ops.convert_to_numpy(logits)).mean()
            assert value(loss) == pytest.approx(expected, rel=1e-13)


# Names and files


@pytest.mark.parametrize("name", NAMES)
def test_by_name_by_object_and_by_config(name):
    loss = losses.adversarial_loss(name)
    assert losses.adversarial_loss(loss) is loss
    clone = losses.adversarial_loss(keras.saving.serialize_keras_object(loss))
    assert type(clone) is type(loss) and clone.get_config() == loss.get_config()
    logits = drawn(2, 3, 1)
    assert value(clone.generator(logits)) == value(loss.generator(logits))


def test_names_of_losses():
    assert losses.NonSaturatingLoss().name == "non_saturating_loss"
    assert losses.LeastSquaresLoss(name="mine").name == "mine"
    assert losses.adversarial_loss("local").name == "local_adversarial_loss"


@pytest.mark.parametrize("kind", ["LeastSquaresLoss", "LocalAdversarialLoss"])
def test_config_of_a_keras_loss_still_loads(kind):
    """As the bundled presets hold it, from when these were `keras.losses.Loss`."""
    saved = {
        "module": "keras_simgan.losses.of_old",
        "class_name": kind,
        "config": {"name": "old", "reduction": "sum_over_batch_size", "dtype": "float32"},
        "registered_name": f"keras_simgan>{kind}",
    }
    loss = losses.adversarial_loss(saved)
    assert type(loss) is getattr(losses, kind) and loss.name == "old"
    with pytest.raises(TypeError, match="sharpness"):
        losses.adversarial_loss({**saved, "config": {"sharpness": 1.0}})


@pytest.mark.parametrize("identifier", ["lsgan", None, 3.0, losses.HingeLoss])
def test_unknown_losses_are_refused_with_the_names(identifier):
    with pytest.raises(ValueError, match="(?s)`adversarial_loss` must be one of.*'hinge'.*'local'"):
        losses.adversarial_loss(identifier)


def test_a_config_of_something_else_is_refused():
    config = keras.saving.serialize_keras_object(losses.SelfRegularization())
    with pytest.raises(ValueError, match="`adversarial_loss` must be one of"):
        losses.adversarial_loss(config)


# Outputs that are none


@pytest.mark.parametrize("outputs", [[], (), [[]], [np.zeros((2, 1), "float32"), []]])
def test_output_without_a_map(outputs):
    with pytest.raises(ValueError, match="must be a map, a list of maps"):
        losses.HingeLoss().generator(outputs)


@pytest.mark.parametrize("shape", [(), (2, 3), (2, 5, 5, 64)])
def test_output_of_other_channels(shape):
    with pytest.raises(ValueError, match="one channel, the logit, or two.*Received"):
        losses.HingeLoss().generator(np.zeros(shape, "float32"))


def test_a_loss_without_its_parts():
    with pytest.raises(NotImplementedError, match="AdversarialLoss must define `fool`"):
        losses.AdversarialLoss().generator(np.zeros((2, 1), "float32"))
