"""Gradients, branches and steps on torch."""

import contextlib

import keras
import torch


def value_and_gradients(function, variables, state):
    """Returns `function()`, a pair `(loss, other)`, and the gradients of the loss."""
    with torch.enable_grad():
        loss, other = function()
        gradients = torch.autograd.grad(
            loss, [variable.value for variable in variables], allow_unused=True
        )
    detached = keras.tree.map_structure(lambda tensor: tensor.detach(), (loss, other))
    return detached, list(gradients)


def input_gradient(function, inputs, state):
    """Returns the gradient of the sum of `function(inputs)`, differentiable again."""
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        inputs = inputs.clone() if inputs.requires_grad else inputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(
            function(inputs).sum(),
            inputs,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
    return gradient


def branch(condition, if_true, if_false, state):
    """Runs one of two functions."""
    return if_true() if bool(condition) else if_false()


class TrainingSteps(keras.Model):
    """Steps that record gradients only inside `value_and_gradients`."""

    def variable_scope(self):
        """Where variables that are made after the model belong: anywhere."""
        return contextlib.nullcontext()

    def train_step(self, data):
        """Plays one adversarial step."""
        with torch.no_grad():
            return self.adversarial_step(data)

    def test_step(self, data):
        """Measures the losses without training."""
        with torch.no_grad():
            return self.validation_step(data)
