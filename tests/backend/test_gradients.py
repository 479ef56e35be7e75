"""The gradients that a step is made of: `value_and_gradients` and `input_gradient`."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.backend import input_gradient, value_and_gradients


@pytest.fixture
def draw():
    return np.random.default_rng(0)


def array(tensor):
    return ops.convert_to_numpy(ops.stop_gradient(tensor))


def test_gradient_of_a_polynomial(draw):
    inputs = draw.normal(size=(3, 4)).astype("float32")
    gradient = input_gradient(lambda x: ops.sum(x**3, axis=1), ops.array(inputs), [])
    np.testing.assert_allclose(array(gradient), 3 * inputs**2, rtol=1e-5)


def test_gradient_of_what_does_not_depend_on_the_inputs():
    weight = keras.Variable(2.0)
    gradient = input_gradient(lambda x: weight * ops.ones((3,)), ops.ones((3, 2)), [weight])
    np.testing.assert_array_equal(array(gradient), np.zeros((3, 2)))


def test_the_inputs_are_the_functions_argument():
    """Not what else reads the same tensor."""
    inputs = ops.array([1.0, 2.0])
    variable = keras.Variable([1.0, 2.0])

    def loss():
        inputs = ops.convert_to_tensor(variable.value)
        gradient = input_gradient(lambda x: x**2 + 5.0 * inputs, inputs, [variable])
        return ops.sum(gradient), ()

    (value, _), (second,) = value_and_gradients(loss, [variable], [variable])
    assert float(array(value)) == pytest.approx(2 * 3.0)
    np.testing.assert_allclose(array(second), [2.0, 2.0])
    np.testing.assert_allclose(array(input_gradient(lambda x: x**2, inputs, [])), [2.0, 4.0])


def test_second_derivatives_of_a_network_are_those_worked_out(draw):
    """D(x) = w2 . tanh(W1' x); g = W1 (w2 (1 - h^2)); of P = sum_i |g_i|^2 by x, W1 and w2."""
    images, first, second = (
        draw.normal(size=shape).astype("float32") for shape in ((5, 3), (3, 4), (4,))
    )
    variables = [keras.Variable(value) for value in (images, first, second)]

    def penalty():
        x, w1, w2 = (variable.value for variable in variables)
        gradient = input_gradient(
            lambda x: ops.sum(ops.tanh(ops.matmul(x, w1)) * w2, axis=1), x, variables
        )
        return ops.sum(ops.square(gradient)), ()

    (value, _), found = value_and_gradients(penalty, variables, variables)

    x, w1, w2 = (value.astype("float64") for value in (images, first, second))
    h = np.tanh(x @ w1)
    s = 1 - h**2  # tanh'
    g = (s * w2) @ w1.T
    # P = sum g^2, and g = (s w2) W1': by s w2, which is u below, 2 g W1; s moves by -2 h s dz.
    by_u = 2 * g @ w1
    by_z = by_u * w2 * -2 * h * s
    expected = [by_z @ w1.T, 2 * g.T @ (s * w2) + x.T @ by_z, (by_u * s).sum(axis=0)]
    assert float(array(value)) == pytest.approx((g**2).sum(), rel=1e-5)
    for gradient, analytic in zip(found, expected, strict=True):
        np.testing.assert_allclose(array(gradient), analytic, rtol=1e-4, atol=1e-5)


def network_with_state():
    return keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, activation="tanh", kernel_initializer="he_normal"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.5, seed=3),
            keras.layers.Conv2D(1, 3, activation="tanh", kernel_initializer="he_normal"),
        ]
    )


@pytest.mark.parametrize("training", [True, False])
def test_second_derivatives_through_normalization_and_dropout(draw, training, with_drawn_weights):
    """Against finite differences in the weights, which the seed's assignments must not disturb."""
    network = with_drawn_weights(network_with_state(), seed=1)
    images = ops.array(draw.normal(size=(4, 6, 6, 1)).astype("float32"))
    state = network.variables
    start = [array(variable).copy() for variable in state]

    def penalty():
        gradient = input_gradient(lambda x: network(x, training=training), images, state)
        return ops.sum(ops.square(gradient)), ()

    def run():
        for variable, value in zip(state, start, strict=True):
            variable.assign(value)
        return value_and_gradients(penalty, network.trainable_variables, state)

    (value, _), gradients = run()
    assert float(array(value)) > 1e-3
    kernel = network.layers[0].kernel
    index = next(i for i, v in enumerate(network.trainable_variables) if v is kernel)
    place = next(i for i, v in enumerate(state) if v is kernel)
    gradient = array(gradients[index])
    steepness = np.linalg.norm(gradient)
    values, original = [], start[place]
    for size in (2e-3, -2e-3):
        start[place] = original + size * gradient / steepness
        values.append(float(array(run()[0][0])))
    assert (values[0] - values[1]) / 4e-3 == pytest.approx(steepness, rel=1e-2)


def test_state_moves_once_a_call_on_every_backend(draw):
    """Moving statistics and the seed of dropout, as in any call in training."""
    network = network_with_state()
    normalization = network.layers[1]
    images = ops.array(draw.normal(size=(4, 6, 6, 1)).astype("float32"))
    mean = array(ops.mean(network.layers[0](images), axis=(0, 1, 2)))
    seed = network.layers[2].seed_generator.state
    before = array(seed).copy()
    value_and_gradients(
        lambda: (
            ops.sum(input_gradient(lambda x: network(x, training=True), images, network.variables)),
            (),
        ),
        network.trainable_variables,
        network.variables,
    )
    np.testing.assert_allclose(array(normalization.moving_mean), 0.01 * mean, rtol=1e-3, atol=1e-7)
    assert (array(seed) != before).any()


REPLICAS = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
import numpy as np
from keras_simgan.backend import value_and_gradients

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    weight = keras.Variable(3.0)
    optimizer = keras.optimizers.SGD(1.0)
    optimizer.build([weight])
inputs = strategy.experimental_distribute_dataset(
    tf.data.Dataset.from_tensor_slices(np.array([1.0, 2.0, 3.0, 6.0], "float32")).batch(4)
)

@tf.function
def step(batch):
    def on_replica(x):
        (loss, _), gradients = value_and_gradients(
            lambda: (weight.value * keras.ops.mean(x), ()), [weight], [weight]
        )
        optimizer.apply(gradients, [weight])
        return loss
    return strategy.run(on_replica, (batch,))

losses = strategy.experimental_local_results(step(next(iter(inputs))))
print("losses", sorted(float(loss) for loss in losses), "weight", float(weight.numpy()))
"""


def test_replicas_share_the_gradient_once(backend):
    if backend != "tensorflow":
        pytest.skip("tf.distribute is TensorFlow's")
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    # Each replica's own loss, 3 times the mean of its half; and one step down the whole mean, 3.
    assert "losses [4.5, 13.5] weight 0.0" in done.stdout, done.stdout + done.stderr
