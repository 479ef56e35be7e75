"""Weights trained with the authors' PyTorch code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_simgan.networks.local_enhancer import LocalEnhancer

#: The axes of a PyTorch kernel in Keras' order (rows, columns, ...): of a convolution
#: (out, in, rows, columns), of a transposed one (in, out, rows, columns).
_KERNEL_AXES = (2, 3, 1, 0)
_PARAMETERS = {
    "weight": ("kernel", "gamma"),
    "bias": ("bias", "beta"),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
}


def from_torch_state_dict(network: keras.Model, state_dict: Mapping[str, Any]) -> keras.Model:
    """Gives a network the weights of its PyTorch original.

    The networks of this package are laid out as those of `pytorch-CycleGAN-and-pix2pix` and
    `pix2pixHD`, layer for layer, so a state dict is read in its order: modules that hold
    parameters, one after the other, against the layers that hold weights. The names do not matter,
    nor `module.` of a data-parallel training. What maps to what:

    | PyTorch | here |
    | --- | --- |
    | `UnetGenerator` | `UNetGenerator`, `depth` its `num_downs` |
    | `ResnetGenerator`, `GlobalGenerator` | `ResNetGenerator` |
    | `LocalEnhancer` | `LocalEnhancer` |
    | `NLayerDiscriminator`, `PixelDiscriminator` | `PatchDiscriminator` |
    | `MultiscaleDiscriminator` | `MultiScaleDiscriminator`, coarsest scale first in PyTorch |
    | `norm_layer=BatchNorm2d` | `normalization="batch"` |
    | `norm_layer=InstanceNorm2d` | `normalization="instance"`; running statistics are not used |

    A kernel `(out, in, rows, columns)` becomes `(rows, columns, in, out)`, that of a transposed
    convolution `(in, out, rows, columns)` becomes `(rows, columns, out, in)`. Outputs agree to
    rounding, about 1e-6, at sizes that need no padding to a multiple: with PyTorch's in training
    mode, one image at a time, as pix2pix is used; with those after `eval()` where the network was
    built with `statistics="moving", inference_dropout=False`.

    Args:
        network: The network; its weights are replaced.
        state_dict: Arrays or CPU tensors by name, in the order PyTorch has them, such as
            `torch.load("latest_net_G.pth", map_location="cpu", weights_only=True)`.

    Returns:
        The network.

    Raises:
        ValueError: Modules and layers differ in number, kind or shape; nothing is changed then.

    Example:
        >>> from keras_simgan.networks import PatchDiscriminator
        >>> network = PatchDiscriminator((8, 8, 1), filters=2, layers=0, normalization=None)
        >>> state = {
        ...     "net.0.weight": np.ones((2, 1, 1, 1)), "net.0.bias": np.zeros(2),
        ...     "net.2.weight": np.ones((4, 2, 1, 1)), "net.2.bias": np.zeros(4),
        ...     "net.4.weight": np.ones((1, 4, 1, 1)), "net.4.bias": np.zeros(1),
        ... }
        >>> float(from_torch_state_dict(network, state)(np.ones((1, 8, 8, 1)))[0, 0, 0, 0])
        8.0
    """
    layers = _layers_with_weights(network)
    # Instance normalization of old versions has running statistics, which are not used.
    statistics = any(isinstance(layer, keras.layers.BatchNormalization) for layer in layers)
    modules = _modules(state_dict, statistics)
    if len(modules) != len(layers):
        raise ValueError(
            f"`state_dict` has {len(modules)} modules with parameters ({_first_and_last(modules)}) "
            f"and the {type(network).__name__} has {len(layers)} layers with weights "
            f"({_first_and_last([layer.name for layer in layers])}). Build it with the same "
            "filters, depth, blocks or layers, and the same normalization."
        )
    values = []
    for layer, (module, parameters) in zip(layers, modules.items(), strict=True):
        values += _match(layer, module, parameters)
    for variable, value in values:
        variable.assign(value)
    return network


def _modules(state_dict: Mapping[str, Any], statistics: bool) -> dict[str, dict[str, np.ndarray]]:
    """The parameters of each module, in the order of our layers."""
    modules: dict[str, dict[str, np.ndarray]] = {}
    for key, value in state_dict.items():
        module, _, parameter = key.removeprefix("module.").rpartition(".")
        if parameter == "num_batches_tracked":
            continue
        if parameter in ("running_mean", "running_var") and not statistics:
            continue
        if parameter not in _PARAMETERS:
            raise ValueError(
                f"`state_dict` has {key!r}; expected weight, bias, running_mean and running_var of "
                "each module only. Is it of another architecture?"
            )
        if hasattr(value, "detach"):
            value = value.detach().cpu().float().numpy()
        modules.setdefault(module, {})[parameter] = np.asarray(value)

    def scale(item: tuple) -> int:
        # pix2pixHD's discriminators count from the coarsest scale.
        found = re.match(r"(?:scale|layer)(\d+)[._]", item[0])
        return -int(found[1]) if found else 0

    return dict(sorted(modules.items(), key=scale))


def _layers_with_weights(network: keras.Model) -> list[keras.layers.Layer]:
    if isinstance(network, LocalEnhancer):
        # Theirs leaves the global generator's last convolution away.
        coarse = _layers_with_weights(network.global_generator)[:-1]
        return coarse + _layers_with_weights(network.enhancer)
    found: list[keras.layers.Layer] = []
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            found += _layers_with_weights(layer)
        elif layer.weights:
            found.append(layer)
    return found


def _match(layer: keras.layers.Layer, module: str, parameters: dict) -> list[tuple]:
    """Each variable of a layer with its value."""
    values, known = [], {weight.name: weight for weight in layer.weights}
    for parameter, value in parameters.items():
        variable = next((known.pop(n) for n in _PARAMETERS[parameter] if n in known), None)
        if variable is None:
            raise ValueError(
                f"`state_dict` has {module}.{parameter}, and the layer {layer.name!r} has only "
                f"{sorted(weight.name for weight in layer.weights)}. Build the network with the "
                "same normalization."
            )
        if value.ndim == 4:
            value = value.transpose(_KERNEL_AXES)
        if value.shape != tuple(variable.shape):
            raise ValueError(
                f"{module}.{parameter} has shape {value.shape} in Keras' order; the layer "
                f"{layer.name!r} expects {tuple(variable.shape)}. Build the network with the same "
                "channels and filters."
            )
        values.append((variable, value))
    if known:
        raise ValueError(
            f"The layer {layer.name!r} has {sorted(known)}, and `state_dict` nothing of that kind "
            f"for {module}. Build the network with the same normalization."
        )
    return values


def _first_and_last(names: Any) -> str:
    names = list(names)
    return f"{names[0]} to {names[-1]}" if names else "none"
