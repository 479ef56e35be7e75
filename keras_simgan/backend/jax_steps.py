"""Gradients, branches and steps on JAX.

A `keras.StatelessScope` turns assignments into values. Scopes do not inherit from each other, so
each one opened here is given the current value of every variable in `state`, and what it changed is
handed back to the scope outside.
"""

import contextlib

import jax
import keras


def _run(function, state, values):
    """Runs `function` on these values of the state; returns its result and the new values."""
    with keras.StatelessScope(state_mapping=list(zip(state, values, strict=True))) as scope:
        result = function()
    return result, [scope.get_current_value(variable) for variable in state]


def value_and_gradients(function, variables, state):
    """Returns `function()`, a pair `(loss, other)`, and the gradients of the loss."""
    position = {id(variable): index for index, variable in enumerate(state)}
    indices = [position[id(variable)] for variable in variables]
    before = [variable.value for variable in state]

    def loss_of(differentiated):
        values = list(before)
        for index, value in zip(indices, differentiated, strict=True):
            values[index] = value
        (loss, other), after = _run(function, state, values)
        changed = {i: v for i, v in enumerate(after) if v is not values[i]}
        return loss, (other, changed)

    (loss, (other, changed)), gradients = jax.value_and_grad(loss_of, has_aux=True)(
        [before[index] for index in indices]
    )
    for index, value in changed.items():
        state[index].assign(value)
    return (loss, other), gradients


def input_gradient(function, inputs, state):
    """Returns the gradient of the sum of `function(inputs)`, differentiable again."""
    before = [variable.value for variable in state]

    def total(inputs):
        outputs, after = _run(lambda: function(inputs), state, before)
        return outputs.sum(), after

    gradient, after = jax.grad(total, has_aux=True)(inputs)
    for variable, old, new in zip(state, before, after, strict=True):
        if new is not old:
            variable.assign(new)
    return gradient


def branch(condition, if_true, if_false, state):
    """Runs one of two functions, which return the same structure of tensors."""
    if isinstance(condition, bool):
        return if_true() if condition else if_false()
    before = [variable.value for variable in state]
    result, after = jax.lax.cond(
        condition,
        lambda values: _run(if_true, state, values),
        lambda values: _run(if_false, state, values),
        before,
    )
    for variable, value in zip(state, after, strict=True):
        variable.assign(value)
    return result


def across_devices(function, tensors):
    """Returns `function(tensors)`: arrays are of the whole batch, wherever its parts are."""
    return function(tensors)


def first_row(count):
    """Returns 0, where the whole batch begins."""
    return 0


class TrainingSteps(keras.Model):
    """Steps from state to state, as `jax.jit` needs them."""

    def variable_scope(self):
        """Where variables that are made after the model belong: anywhere."""
        return contextlib.nullcontext()

    #: How many devices share each batch out among them by copies of the model.
    devices = 1

    def check_strategy(self, optimizers):
        """Raises nothing: `keras.distribution.DataParallel` changes no result."""

    def train_step(self, state, data):
        """Plays one adversarial step; returns the logs and the new state."""
        groups = (
            self.trainable_variables,
            self.non_trainable_variables,
            self.optimizer.variables,
            self.metrics_variables,
        )
        return _stateless(lambda: self.adversarial_step(data), groups, state)

    def test_step(self, state, data):
        """Measures the losses without training; returns the logs and the new state."""
        groups = (self.trainable_variables, self.non_trainable_variables, self.metrics_variables)
        return _stateless(lambda: self.validation_step(data), groups, state)


def _stateless(function, groups, state):
    variables = [variable for group in groups for variable in group]
    values = [value for group in state for value in group]
    result, after = _run(function, variables, values)
    remaining = iter(after)
    return result, tuple([next(remaining) for _ in group] for group in groups)
