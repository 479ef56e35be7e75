"""Gradients, branches and steps on TensorFlow."""

import functools
from typing import Any

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


def across_devices(function, tensors):
    """Returns `function(tensors)` of the whole batch: the rows that are this device's share."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return function(tensors)
    count = tf.shape(keras.tree.flatten(tensors)[0])[0]
    whole = keras.tree.map_structure(lambda part: context.all_gather(part, axis=0), tensors)
    start = first_row(count)
    return keras.tree.map_structure(lambda part: part[start : start + count], function(whole))


def first_row(count):
    """Returns where in the whole batch this device's share begins, of `count` samples."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group * count


class TrainingSteps(keras.Model):
    """Steps that assign variables in place, eagerly or inside a `tf.function`."""

    train_function: Any

    def variable_scope(self):
        """Where variables that are made after the model belong: with its own."""
        return self.distribute_strategy.scope()

    @property
    def devices(self):
        """How many devices share each batch out among them by copies of the model."""
        return self.distribute_strategy.num_replicas_in_sync

    def check_strategy(self, optimizers):
        """Raises a ValueError where the model would not train as on one device."""
        strategy, of = self.distribute_strategy, type(self).__name__
        if not tf.distribute.has_strategy() and self.devices == 1:
            return
        variables = [*self.variables, *(optimizer.iterations for optimizer in optimizers)]
        inside = strategy is tf.distribute.get_strategy() and self._distribute_strategy is not None
        if (
            not inside
            or self.devices > 1
            and any(
                not isinstance(variable.value, tf.distribute.DistributedValues)
                for variable in variables
            )
        ):
            raise ValueError(
                f"Parts of this {of} were made outside of `with strategy.scope():`, where they "
                "are not on all devices. Make networks, model and optimizers inside, and compile "
                "there."
            )
        if self.devices > 1 and not isinstance(strategy, tf.distribute.MirroredStrategy):
            raise ValueError(
                f"A {of} does not train with {type(strategy).__name__}; of TensorFlow's "
                "strategies `tf.distribute.MirroredStrategy` is the one for it."
            )

    def make_train_function(self, force=False):
        """As Keras; on several devices each choice of turns is a function of its own.

        An optimizer that sums gradients over devices cannot do so inside a branch of the graph.
        """
        if self.devices == 1:
            super().make_train_function(force)
        elif self.train_function is None or force:
            functions = {}

            def play(iterator):
                turns = tuple(bool(turn) for turn in self.turns(self.step.value.numpy()))
                if turns not in functions:
                    functions[turns] = self._make_function(
                        functools.partial(self._step_of_share, turns=turns)
                    )
                return functions[turns](iterator)

            self.train_function = play

    def _step_of_share(self, data, turns):
        count = tf.shape(keras.tree.flatten(data)[0])[0]
        total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, count)
        # What devices' means are averaged to is the mean of the batch only of shares of one size.
        message = f"A batch must be shared out evenly among {self.devices} devices"
        tf.debugging.assert_equal(total, self.devices * count, message)
        return self.adversarial_step(data, turns)

    def train_step(self, data):
        """Plays one adversarial step."""
        return self.adversarial_step(data)

    def test_step(self, data):
        """Measures the losses without training."""
        return self.validation_step(data)
