import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from gan_contract import GANContract

from keras_simgan import losses, models, networks

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.fixture
def fit(images):
    """Trains some steps of four images, without shuffling."""

    def train(model, steps=1, **arguments):
        x, y = images[:, : 4 * steps]
        history = model.fit(x, y, batch_size=4, shuffle=False, verbose=0, **arguments)
        return {name: entries[-1] for name, entries in history.history.items()}

    return train


def cross_entropy(logits, label):
    """The mean over batch and patches, by hand."""
    logits = np.asarray(logits, "float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return -np.log(probabilities[..., label]).mean()


def expected_losses(model, source, target, weight=2.0):
    def said(network, images):
        """By a plain call, as `predict` would compile each network anew."""
        logits = keras.ops.stop_gradient(network(images, training=False))
        return keras.ops.convert_to_numpy(logits)

    refined = said(model.refiner, source)
    of_refined = said(model.discriminator, refined)
    of_real = said(model.discriminator, target)
    return {
        "refiner_adversarial": cross_entropy(of_refined, 0),
        "self_regularization": weight * np.abs(refined - source).mean(),
        "discriminator_refined": cross_entropy(of_refined, 1),
        "discriminator_real": cross_entropy(of_real, 0),
    }


# Losses


def test_losses_are_those_of_the_paper(small_simgan, images):
    model = small_simgan()
    source, target = images[:, :4]
    refined = model.generate((source, target), training=False)
    named = model.losses_of((source, target), training=False)
    found = {name: float(keras.ops.stop_gradient(value)) for name, value in named.items()}
    assert found == pytest.approx(expected_losses(model, source, target), rel=1e-5)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(refined), model.predict(source, verbose=0), atol=1e-6
    )


def test_discriminator_turn_reuses_the_fakes_of_the_generator_turn(compiled_simgan, images, fit):
    # With a rate this large, fakes refined anew after the generator turn would differ.
    model = compiled_simgan(learning_rate=0.5, history_size=0, refiner_turns=1)
    expected = expected_losses(model, *images[:, :4])
    logs = fit(model)
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] == pytest.approx(sum(expected.values()), rel=1e-4)
    after = expected_losses(model, *images[:, :4])
    assert abs(after["discriminator_refined"] - expected["discriminator_refined"]) > 0.01


def test_perfect_refiner_loses_nothing_but_the_adversarial_loss(small_simgan, images):
    same = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Identity()])
    model = small_simgan(refiner=same)
    generator = model.losses_of(tuple(images[:, :4]), training=False)
    assert float(generator["self_regularization"]) == 0.0
    assert float(keras.ops.stop_gradient(generator["refiner_adversarial"])) > 0.0


def test_batches_of_different_sizes(small_simgan, images):
    model = small_simgan()
    source, target = images[0, :3], images[1, :5]
    found = model.losses_of((source, target), training=False)
    expected = expected_losses(model, source, target)
    assert float(found["discriminator_refined"]) == pytest.approx(
        expected["discriminator_refined"], rel=1e-5
    )
    assert float(found["discriminator_real"]) == pytest.approx(
        expected["discriminator_real"], rel=1e-5
    )


# Turns


@pytest.mark.parametrize(
    ("arguments", "rounds"),
    [
        # R: refiner turn, D: discriminator turn, B: both, one step each.
        (dict(refiner_turns=1, discriminator_turns=1), "BBBB"),
        (dict(refiner_turns=2, discriminator_turns=1), "RBRBRB"),
        (dict(refiner_turns=3, discriminator_turns=2), "RBBRBB"),
        (dict(refiner_turns=1, discriminator_turns=3), "BDDBDD"),
        (dict(refiner_turns=2, refiner_warmup=2, discriminator_warmup=3), "RRDDDRBRB"),
        (dict(refiner_turns=1, refiner_warmup=0, discriminator_warmup=1), "DBB"),
    ],
)
def test_schedule(small_simgan, arguments, rounds):
    model = small_simgan(**{"discriminator_turns": 1, **arguments})
    played = ""
    for step in range(len(rounds)):
        model.step.assign(step)
        refiner, discriminator = (bool(turn) for turn in model.turns(model.step))
        played += "B" if refiner and discriminator else "R" if refiner else "D"
    assert played == rounds
    # In every whole round after the warm-up there are exactly K_g and K_d turns.
    warmup = arguments.get("refiner_warmup", 0) + arguments.get("discriminator_warmup", 0)
    length = max(model.refiner_turns, model.discriminator_turns)
    one_round = played[warmup : warmup + length]
    assert one_round.count("R") + one_round.count("B") == model.refiner_turns
    assert one_round.count("D") + one_round.count("B") == model.discriminator_turns


@pytest.mark.parametrize(
    ("arguments", "steps", "refiner_steps", "discriminator_steps"),
    [
        # 1 warm-up of the refiner, 1 of the discriminator, then R B R B.
        (dict(refiner_turns=2, refiner_warmup=1, discriminator_warmup=1), 6, 1 + 4, 1 + 2),
        # B D D B D D
        (dict(refiner_turns=1, discriminator_turns=3), 6, 2, 6),
    ],
)
def test_each_optimizer_steps_in_its_own_turns_only(
    compiled_simgan, fit, arguments, steps, refiner_steps, discriminator_steps
):
    model = compiled_simgan(**arguments)
    fit(model, steps=3, epochs=steps // 3)
    assert int(model.step) == steps
    assert int(model.generator_optimizer.iterations) == refiner_steps
    assert int(model.discriminator_optimizer.iterations) == discriminator_steps
    # The history is asked once in every discriminator turn.
    assert int(model.image_history.calls) == discriminator_steps


def test_warmups_move_their_own_network_only(compiled_simgan, fit, moved):
    model = compiled_simgan(refiner_warmup=1, discriminator_warmup=1, refiner_turns=2)
    logs = {}
    assert moved(model, lambda: logs.update(fit(model))) == {"refiner"}
    # On self-regularization alone; a loss that was not played is logged as 0.
    assert logs["refiner_adversarial"] == logs["discriminator_real"] == 0.0
    assert logs["loss"] == logs["self_regularization"] > 0.0
    assert int(model.image_history.calls) == 0
    assert moved(model, lambda: logs.update(fit(model))) == {"discriminator"}
    assert logs["refiner_adversarial"] == logs["self_regularization"] == 0.0
    assert logs["discriminator_real"] > 0.0 and logs["discriminator_refined"] > 0.0
    assert int(model.image_history.calls) == 1
    # Then the game: a refiner turn, and a turn of both.
    assert moved(model, lambda: logs.update(fit(model))) == {"refiner"}
    assert logs["refiner_adversarial"] > 0.0
    assert moved(model, lambda: fit(model)) == {"refiner", "discriminator"}


def test_refiner_warmup_ignores_the_discriminator(compiled_simgan, fit, values):
    """Its gradient is that of the self-regularization alone."""
    after = []
    for seed in (1, 2):
        model = compiled_simgan(refiner_warmup=1)
        draw = np.random.default_rng(seed)
        for variable in model.discriminator.trainable_variables:
            variable.assign(draw.normal(0, 0.1, variable.shape).astype("float32"))
        fit(model)
        after.append(values(model.refiner.variables))
    for one, other in zip(*after, strict=True):
        np.testing.assert_array_equal(one, other)


# Golden file


@pytest.mark.graph
def test_losses_are_the_same_on_every_backend(float64):
    path = GOLDEN / "make_simgan_losses.py"
    spec = importlib.util.spec_from_file_location("make_simgan_losses", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    golden = json.loads((GOLDEN / "simgan_losses.json").read_text())
    found = script.train()
    assert found.keys() == golden.keys()
    for name, entries in golden.items():
        np.testing.assert_allclose(found[name], entries, rtol=1e-9, err_msg=name)


# Predict


def test_predict_keeps_order_and_shape_so_that_labels_stay_valid(small_simgan, images):
    model = small_simgan()
    refined = model.predict(images[0], batch_size=5, verbose=0)
    assert refined.shape == images[0].shape and refined.dtype == np.float32
    assert np.abs(refined).max() <= 1.0
    for index in (0, 7, 11):
        alone = model.predict(images[0, index : index + 1], verbose=0)[0]
        np.testing.assert_allclose(refined[index], alone, atol=1e-6)


# psi


def test_learned_psi_is_frozen_and_saved(compiled_simgan, images, fit, values, tmp_path):
    psi = keras.Sequential(
        [keras.Input((12, 16, 1)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()]
    )
    loss = losses.SelfRegularization(weight=2.0, psi=[("identity", 1.0), (psi, 3.0)])
    model = compiled_simgan(self_regularization=loss)
    frozen = values(psi.variables)
    fit(model, steps=2)
    for before, after in zip(frozen, values(psi.variables), strict=True):
        np.testing.assert_array_equal(before, after)
    assert not psi.trainable_variables
    assert len(model.trainable_variables) == len(model.optimizer._trainable_variables)

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    extractor = loaded.frozen["feature_extractor_0"]
    assert extractor is not psi and not extractor.trainable_variables
    for before, after in zip(frozen, values(extractor.variables), strict=True):
        np.testing.assert_array_equal(before, after)
    source, target = images[:, :4]
    assert float(loaded.losses_of((source, target), False)["self_regularization"]) == float(
        model.losses_of((source, target), False)["self_regularization"]
    )


# Defaults


def test_default_optimizers_are_the_papers():
    model = models.SimGAN(
        networks.Refiner((35, 55, 1), filters=2, blocks=1),
        networks.RefinerDiscriminator((35, 55, 1)),
        history_size=0,
    )
    model.compile()
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        assert isinstance(optimizer, keras.optimizers.SGD)
        assert float(optimizer.learning_rate) == pytest.approx(0.001 * 9 * 14)
    assert (model.refiner_turns, model.discriminator_turns) == (2, 1)
    assert (model.refiner_warmup, model.discriminator_warmup) == (1000, 200)


def test_config_round_trip_names_every_argument(small_simgan):
    model = small_simgan(
        history_size=3,
        refiner_turns=4,
        discriminator_turns=2,
        refiner_warmup=5,
        discriminator_warmup=6,
        seed=7,
        self_regularization=losses.SelfRegularization(3.0, "image_gradients"),
        name="mine",
    )
    clone = models.SimGAN.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    assert clone.image_history.seed == 7 and clone.image_history.capacity == 3
    assert clone.self_regularization.psi == "image_gradients"
    assert clone.name == "mine"


# Bad input


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("history_size", -1),
        ("history_size", 2.5),
        ("refiner_turns", 0),
        ("discriminator_turns", 0),
        ("refiner_warmup", -1),
        ("discriminator_warmup", "10"),
    ],
)
def test_bad_numbers(small_simgan, argument, value):
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer of at least"):
        small_simgan(**{argument: value})


def test_discriminator_of_other_than_one_or_two_logits(small_simgan):
    three = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Conv2D(3, 3)])
    with pytest.raises(ValueError, match=r"one logit a patch.*\(None, 10, 14, 3\)"):
        small_simgan(discriminator=three)


def test_one_logit_for_the_whole_image(small_simgan, images):
    """A global discriminator, as the paper compares its local one with."""
    flat = keras.Sequential(
        [keras.Input((12, 16, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model = small_simgan(discriminator=flat)
    found = model.losses_of(tuple(images[:, :4]), training=False)
    logits = flat.predict(images[1, :4], verbose=0)
    assert float(keras.ops.stop_gradient(found["discriminator_real"])) == pytest.approx(
        np.log1p(np.exp(-logits)).mean(), rel=1e-5
    )


def test_refiner_that_changes_the_shape(small_simgan):
    smaller = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Conv2D(1, 3)])
    with pytest.raises(ValueError, match=r"must keep the image's shape.*\(None, 10, 14, 1\)"):
        small_simgan(refiner=smaller)


def test_networks_for_different_images(small_simgan):
    colour = networks.RefinerDiscriminator((12, 16, 3))
    with pytest.raises(ValueError, match=r"(?s)refiner.*\(None, 12, 16, 1\).*\(None, 12, 16, 3\)"):
        small_simgan(discriminator=colour)


def test_unknown_image_size_needs_a_history_of_none(small_simgan):
    anywhere = networks.Refiner((None, None, 1), filters=4, blocks=1)
    discriminator = networks.RefinerDiscriminator((None, None, 1))
    with pytest.raises(ValueError, match="history_size=0"):
        small_simgan(refiner=anywhere, discriminator=discriminator)
    model = small_simgan(refiner=anywhere, discriminator=discriminator, history_size=0)
    assert model.predict(np.zeros((1, 9, 7, 1), "float32"), verbose=0).shape == (1, 9, 7, 1)


@pytest.mark.graph
class TestContract(GANContract):
    every_mode = True

    def build(self, policy=None):
        return models.SimGAN(
            networks.Refiner((12, 16, 1), filters=4, blocks=1, dtype=policy),
            networks.RefinerDiscriminator(
                (12, 16, 1), stages=((8, 3, 2), ("max_pool", 3, 1), (8, 1, 1)), dtype=policy
            ),
            history_size=0 if keras.config.floatx() == "float64" else 6,
            refiner_warmup=1,
            discriminator_warmup=1,
        )

    def batch(self):
        draws = np.random.default_rng(7).uniform(-1, 1, (2, 8, 12, 16, 1))
        return tuple(draws.astype("float32"))
