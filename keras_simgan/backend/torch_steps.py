"""Gradients, branches, steps and export on torch."""

import contextlib
import warnings

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


#: Terms of sizes that are symbols grow with each halving; of more no export was seen to end.
HALVINGS = 2


def export_onnx(network, filepath, way_out, opset_version, verbose=None):
    """Writes a network's inference, traced for any value of the sizes that it leaves open.

    Where torch cannot, the error tells `way_out`.
    """

    class Inference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, inputs):
            return self.network(inputs, training=False)

    # Sizes that no layer takes for special: neither 1 nor alike nor multiples of anything.
    usual = (3, 71, 59)

    def sample(tensor):
        sizes = [usual[axis] if size is None else size for axis, size in enumerate(tensor.shape)]
        return torch.zeros(sizes, dtype=getattr(torch, tensor.dtype))

    def sizes(tensor):
        unknown = [axis for axis, size in enumerate(tensor.shape) if size is None]
        return {axis: torch.export.Dim.DYNAMIC for axis in unknown}

    structure = keras.tree.map_structure
    halvings = sum(
        isinstance(layer, keras.layers.Conv2D) and max(layer.strides) > 1
        for layer in network._flatten_layers()
        if not isinstance(layer, keras.layers.Conv2DTranspose)
    )
    is_open = any(None in tensor.shape[1:] for tensor in keras.tree.flatten(network.input))
    if is_open and halvings > HALVINGS:
        raise ValueError(
            f"The network {network.name!r} takes images of any size and halves them {halvings} "
            f"times; torch writes such to ONNX where it is up to {HALVINGS} times. {way_out}"
        )
    names = [tensor.name for tensor in keras.tree.flatten(network.input)]
    try:
        with torch.no_grad(), keras.device("cpu"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how Keras' modules keep their variables
            program = torch.onnx.export(
                Inference().eval(),
                (structure(sample, network.input),),
                input_names=names,
                dynamic_shapes=(structure(sizes, network.input),),
                opset_version=opset_version,
                dynamo=True,
                verbose=bool(verbose),
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
        raise ValueError(
            f"Torch cannot trace the network {network.name!r} for inputs of shape "
            f"{network.input_shape}. {way_out} ({str(error).splitlines()[-1]})"
        ) from error
    program.save(str(filepath))


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
