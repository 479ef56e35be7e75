import json

import keras
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from keras_simgan.schedules import LinearDecay

#: Worked out by hand: two steps at 0.5, then down by an eighth a step. All are exact in binary.
RATES = [0.5, 0.5, 0.5, 0.375, 0.25, 0.125, 0, 0, 0, 0]
#: How far a weight has come whose gradient is 1 always.
SUMS = np.cumsum(RATES)


def schedule():
    return LinearDecay(0.5, constant_steps=2, decay_steps=4)


def rates(rate, steps):
    return [float(rate(step)) for step in steps]


def test_rates_worked_out_by_hand():
    assert rates(schedule(), range(10)) == RATES
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(schedule()(keras.ops.arange(10))), RATES
    )
    counter = keras.Variable(4, dtype="int32", trainable=False)
    assert float(schedule()(counter)) == 0.25
    assert float(LinearDecay(0.5, 0, 1)(0)) == 0.5
    assert float(LinearDecay(0.5, 0, 1)(1)) == 0.0


def test_cyclegan_by_epoch():
    """At the end of each epoch, between the factors of this and of the next epoch of its code."""
    steps, constant, decay = 1334, 100, 100

    def factor(epoch):
        return 1 - max(0, epoch + 1 - constant) / (decay + 1)

    rate = LinearDecay(2e-4, constant * steps, decay * steps)
    for epoch in range(constant + decay):
        assert abs(float(rate(epoch * steps)) / 2e-4 - factor(epoch)) <= 1 / (decay + 1) + 1e-6
    assert rates(rate, [0, 100 * steps]) == [np.float32(2e-4)] * 2
    np.testing.assert_allclose(float(rate(150 * steps)), 1e-4, rtol=1e-6)
    # The last step that is played still moves the weights, by little.
    np.testing.assert_allclose(float(rate(200 * steps - 1)), 2e-4 / (100 * steps), rtol=1e-6)


@given(
    st.floats(0, 10, width=32), st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 10**7)
)
@example(2e-4, 0, 1, 2**31 - 1)
@example(1.0, 3, 7, 10)
@example(1.0, 3, 7, 11)
def test_agrees_with_kerass_polynomial_decay_and_is_never_negative(rate, constant, decay, step):
    line = keras.optimizers.schedules.PolynomialDecay(rate, decay, 0.0, power=1.0)
    found = float(LinearDecay(rate, constant, decay)(step))
    np.testing.assert_allclose(
        found, float(line(max(0, step - constant))), rtol=1e-6, atol=1e-6 * rate
    )
    assert 0 <= found <= rate
    if step >= constant + decay:
        assert found == 0
    if step <= constant:
        assert found == rate


def test_half_precision_does_not_reach_the_count_of_steps():
    floatx = keras.config.floatx()
    keras.config.set_floatx("float16")
    try:
        np.testing.assert_allclose(float(LinearDecay(2e-4, 10**5, 10**5)(150_000)), 1e-4, rtol=1e-6)
    finally:
        keras.config.set_floatx(floatx)


@pytest.mark.parametrize(
    "arguments, match",
    [
        ((-1e-4, 1, 1), "`initial_learning_rate` must be a number not below 0. Received: -0.0001"),
        ((float("nan"), 1, 1), "`initial_learning_rate` .*Received: nan"),
        ((1e-4, -1, 1), "`constant_steps` must be a whole number of steps, 0 or more.*-1"),
        ((1e-4, 1.5, 1), "`constant_steps` .*Received: 1.5"),
        ((1e-4, 1, 0), "`decay_steps` must be a whole number of steps, 1 or more.*Received: 0"),
        ((1e-4, 1, -5), "`decay_steps` .*Received: -5.*len"),
    ],
)
def test_bad_arguments(arguments, match):
    with pytest.raises(ValueError, match=match):
        LinearDecay(*arguments)


def test_config_round_trip():
    rate = LinearDecay(np.float32(0.5), np.int64(2), np.int64(4), name="slow")
    config = json.loads(json.dumps(keras.optimizers.schedules.serialize(rate)))
    assert config["registered_name"] == "keras_simgan>LinearDecay"
    again = keras.optimizers.schedules.deserialize(config)
    assert isinstance(again, LinearDecay)
    assert again.get_config() == rate.get_config()
    assert again.name == "slow" and rates(again, range(10)) == RATES
    optimizer = keras.optimizers.deserialize(
        json.loads(json.dumps(keras.optimizers.serialize(keras.optimizers.Adam(rate))))
    )
    assert optimizer.get_config()["learning_rate"]["config"] == rate.get_config()


# In training


def line(jit_compile="auto"):
    """A model of one weight, from 0, whose gradient is 1 always."""
    model = keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(schedule()), "mae", jit_compile=jit_compile)
    return model


def train(model, steps, epochs=1, **options):
    x, y = np.ones((steps, 1), "float32"), np.full((steps, 1), -100, "float32")
    model.fit(x, y, batch_size=1, epochs=epochs, verbose=0, **options)


def weight(model):
    return -model.get_weights()[0].item()


def learning_rate(model):
    return float(model.optimizer.learning_rate)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_trains_at_its_rates_also_compiled(backend, jit_compile):
    if backend == "torch" and jit_compile:
        pytest.skip("compiling takes a C++ compiler there, and a minute")
    model = line(jit_compile)
    for steps in range(1, 11):
        train(model, 1)
        assert weight(model) == SUMS[steps - 1]
        assert learning_rate(model) == (RATES[steps] if steps < 10 else 0)


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_a_saved_training_goes_on_at_its_rate(steps, tmp_path):
    model = line()
    train(model, steps)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer._learning_rate, LinearDecay)
    assert int(loaded.optimizer.iterations) == steps
    assert learning_rate(loaded) == RATES[steps]
    train(loaded, 2)
    assert weight(loaded) == SUMS[steps + 1]

    model.save_weights(tmp_path / "model.weights.h5")
    fresh = line()
    fresh.load_weights(tmp_path / "model.weights.h5")
    train(fresh, 2)
    assert weight(fresh) == SUMS[steps + 1]


def test_an_interrupted_training_goes_on_at_its_rate(tmp_path):
    class Interruption(Exception):
        pass

    def interrupt(epoch, logs):
        if epoch == 2:
            raise Interruption

    stop = keras.callbacks.LambdaCallback(on_epoch_begin=interrupt)
    with pytest.raises(Interruption):
        backup = keras.callbacks.BackupAndRestore(tmp_path)
        train(line(), 2, epochs=5, callbacks=[backup, stop])
    resumed, seen = line(), []
    note = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(learning_rate(resumed))
    )
    train(resumed, 2, epochs=5, callbacks=[keras.callbacks.BackupAndRestore(tmp_path), note])
    assert seen == [RATES[4], RATES[6], RATES[8]]
    assert weight(resumed) == SUMS[9]


def test_both_turns_of_a_gan_decay_and_go_on_after_loading(
    compiled_simgan, images, state, tmp_path
):
    def train_three_steps(model):
        model.fit(*images, batch_size=4, shuffle=False, verbose=0)

    model = compiled_simgan(learning_rate=LinearDecay(1e-3, 2, 8), refiner_turns=1)
    train_three_steps(model)
    model.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    for trained in (model, loaded):
        train_three_steps(trained)
        for optimizer in (trained.generator_optimizer, trained.discriminator_optimizer):
            assert int(optimizer.iterations) == 6
            np.testing.assert_allclose(float(optimizer.learning_rate), 0.5e-3, rtol=1e-6)
    for one, other in zip(state(model), state(loaded), strict=True):
        np.testing.assert_array_equal(one, other)
