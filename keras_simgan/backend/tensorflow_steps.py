"""Gradients, branches and steps on TensorFlow."""

import keras
import tensorflow as tf


def value_and_gradients(function, variables, state):
    """Returns `function()`, a pair `(loss, other)`, and the gradients of the loss."""
    values = [variable.value for variable in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss, other = function()
        # Optimizers sum the gradients of all replicas; what is to be minimised is the mean.
        share = loss / tf.distribute.get_strategy().num_replicas_in_sync
    return (loss, other), tape.gradient(share, values)


def input_gradient(function, inputs, state):
    """Returns the gradient of the sum of `function(inputs)`, differentiable again."""
    inputs = tf.identity(inputs)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(inputs)
        outputs = function(inputs)
    return tape.gradient(outputs, inputs, unconnected_gradients="zero")


def branch(condition, if_true, if_false, state):
    """Runs one of two functions, which return the same structure of tensors."""
    if isinstance(condition, bool):
        return if_true() if condition else if_false()
    return tf.cond(condition, if_true, if_false)


class TrainingSteps(keras.Model):
    """Steps that assign variables in place, eagerly or inside a `tf.function`."""

    def variable_scope(self):
        """Where variables that are made after the model belong: with its own."""
        return self.distribute_strategy.scope()

    def train_step(self, data):
        """Plays one adversarial step."""
        return self.adversarial_step(data)

    def test_step(self, data):
        """Measures the losses without training."""
        return self.validation_step(data)
