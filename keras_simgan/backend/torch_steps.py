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


def across_devices(function, tensors):
    """Returns `function(tensors)`: there is one device."""
    return function(tensors)


def first_row(count):
    """Returns 0, where the whole batch begins."""
    return 0


class TrainingSteps(keras.Model):
    """Steps that record gradients only inside `value_and_gradients`."""

    def variable_scope(self):
        """Where variables that are made after the model belong: anywhere."""
        return contextlib.nullcontext()

    #: How many devices share each batch out among them by copies of the model.
    devices = 1

    def check_strategy(self, optimizers):
        """Raises a ValueError among several processes, each of which would train alone."""
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            if (count := distributed.get_world_size()) > 1:
                raise ValueError(
                    f"A {type(self).__name__} trains in one process on torch; `torch.distributed` "
                    f"has {count} here, whose gradients nothing would bring together. Train on "
                    "several devices on JAX (`keras.distribution.DataParallel`) or TensorFlow "
                    "(`tf.distribute.MirroredStrategy`); presets move between backends."
                )

    def train_step(self, data):
        """Plays one adversarial step."""
        with torch.no_grad():
            return self.adversarial_step(data)

    def test_step(self, data):
        """Measures the losses without training."""
        with torch.no_grad():
            return self.validation_step(data)
