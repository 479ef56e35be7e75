import json

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_simgan.schedules import Alternate, LinearDecay, turns_of


def played(turns, steps):
    """A letter a step. G: generator turn, D: discriminator turn, B: both."""
    letters = {(True, False): "G", (False, True): "D", (True, True): "B", (False, False): "-"}
    return "".join(letters[tuple(map(bool, turns(step)))] for step in range(steps))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((1, 1), "BBBB"),
        ((2, 1), "GBGBGB"),  # SimGAN: K_g = 2, K_d = 1
        ((3, 2), "GBBGBB"),
        ((3, 1), "GGBGGB"),
        ((1, 5), "BDDDDBDDDD"),  # WGAN: n_critic = 5
        ((2, 5), "BBDDDBBDDD"),
        ((2, 2), "BBBB"),
        ((2, 1, 2, 3), "GGDDDGBGB"),
        ((1, 1, 0, 1), "DBB"),
        ((1, 1, 2, 0), "GGBB"),
        ((1, 2, 1, 1), "GDBDBD"),
    ],
)
def test_turns_worked_out_by_hand(arguments, expected):
    assert played(Alternate(*arguments), len(expected)) == expected


@given(*(st.integers(1, 6) for _ in range(2)), *(st.integers(0, 5) for _ in range(2)))
def test_whole_rounds_hold_every_turn(generator, discriminator, generator_warmup, other_warmup):
    turns = Alternate(generator, discriminator, generator_warmup, other_warmup)
    length, warmup = max(generator, discriminator), generator_warmup + other_warmup
    assert turns.warmup == warmup
    letters = played(turns, warmup + 2 * length)
    assert letters[:warmup] == "G" * generator_warmup + "D" * other_warmup
    first, second = letters[warmup : warmup + length], letters[warmup + length :]
    assert first == second
    assert first.count("G") + first.count("B") == generator
    assert first.count("D") + first.count("B") == discriminator
    assert first[0] in "GB" and first[-1] in "DB"


def test_turns_of_every_step_are_pythons_own():
    """So that no branch is built."""
    step = keras.Variable(3, dtype="int32", trainable=False)
    assert Alternate(1, 1)(step) == (True, True)
    generator, discriminator = Alternate(2, 1)(step)
    assert generator is True and discriminator is not True
    generator, discriminator = Alternate(1, 2)(step)
    assert generator is not True and discriminator is True
    for arguments in ((1, 1, 1, 0), (1, 1, 0, 1)):
        assert sum(turn is True for turn in Alternate(*arguments)(step)) == 1


def test_the_step_may_be_a_variable_or_a_tensor_of_any_integer():
    turns = Alternate(2, 1)
    for step in (
        keras.Variable(1, dtype="int32", trainable=False),
        ops.convert_to_tensor(1, "int32"),
        np.int64(1),
        1,
    ):
        assert bool(turns(step)[1])
    assert keras.backend.standardize_dtype(turns(step)[1].dtype) == "bool"


@pytest.mark.parametrize(
    ("argument", "minimum"),
    [
        ("generator", 1),
        ("discriminator", 1),
        ("generator_warmup", 0),
        ("discriminator_warmup", 0),
    ],
)
def test_bad_numbers(argument, minimum):
    for value in (minimum - 1, 2.5, "10", None):
        with pytest.raises(ValueError) as error:
            Alternate(**{argument: value})
        assert str(error.value) == (
            f"`{argument}` must be an integer of at least {minimum}; got {value!r}."
        )
    assert Alternate(**{argument: minimum})


def test_equality_is_that_of_the_arguments():
    assert Alternate(2, 1) == Alternate(2, 1) and hash(Alternate(2, 1)) == hash(Alternate(2, 1))
    different = [Alternate(2, 1), *(Alternate(2, 1, *w) for w in ((1,), (0, 1))), Alternate(1, 2)]
    assert len(set(different)) == 4
    assert Alternate(2, 1) != (2, 1)


def test_config_round_trip():
    turns = Alternate(3, 2, 7, 5)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(turns)))
    assert config["registered_name"] == "keras_simgan>Alternate"
    again = keras.saving.deserialize_keras_object(config)
    assert again == turns and again.get_config() == turns.get_config()
    assert played(again, 20) == played(turns, 20)


def test_turns_of():
    turns = Alternate(2, 1)
    assert turns_of(None) == Alternate()
    assert turns_of(turns) is turns
    assert turns_of(keras.saving.serialize_keras_object(turns)) == turns


class Coin:
    """A schedule of a user's own."""

    def __call__(self, step):
        return step % 2 == 0, True

    def get_config(self):
        return {}


def test_turns_of_a_users_own():
    coin = Coin()
    assert turns_of(coin) is coin


@pytest.mark.parametrize("identifier", [(2, 1), "alternate", lambda step: (True, True), Coin, 2])
def test_what_is_no_schedule_is_refused(identifier):
    with pytest.raises(ValueError, match="`turns` must be a schedule such as"):
        turns_of(identifier)


def test_a_config_of_something_uncallable_is_refused():
    config = keras.saving.serialize_keras_object(keras.optimizers.SGD(LinearDecay(0.1, 1, 1)))
    with pytest.raises(ValueError, match="`turns` must be a schedule such as"):
        turns_of(config)
