"""Networks as files for other runtimes: SavedModel, LiteRT and ONNX, for any size and batch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import keras

#: What has been held against `predict`, on each backend.
FORMATS = {
    "tensorflow": ("tf_saved_model", "litert", "onnx"),
    "jax": ("tf_saved_model",),
    "torch": ("onnx",),
}
#: The least that has whole-number logic on bits, which `layers.PersistentDropout` draws by.
OPSET = 18


def export_network(network: Any, filepath: str | Path, format: str, **kwargs: Any) -> None:
    """Writes a network's inference for another runtime.

    Keras does it, with what it lacks: it wants ONNX to have been called before, and lets torch
    trace images of one pixel.

    Args:
        network: A built `keras.Model`.
        filepath: The file; of a SavedModel the folder.
        format: `"tf_saved_model"`, `"litert"` or `"onnx"`.
        **kwargs: Arguments of `keras.Model.export`.

    Raises:
        ValueError: A format that this backend doesn't write, or a network that it can't trace for
            images of any size.
    """
    backend = keras.config.backend()
    if format not in FORMATS[backend]:
        able = [name for name, formats in FORMATS.items() if format in formats]
        way_out = (
            f"Save a preset (`save_to_preset`) and export it with KERAS_BACKEND={able[0]}."
            if able
            else f"Formats are {', '.join(FORMATS['tensorflow'])}."
        )
        raise ValueError(f"`format={format!r}` can't be written on {backend}. {way_out}")
    if format == "onnx":
        kwargs = {"opset_version": OPSET, **kwargs}
        if backend == "torch":
            _torch_to_onnx(network, filepath, **kwargs)
            return
        kwargs.setdefault("input_signature", [keras.tree.map_structure(_spec, network.input)])
    keras.Model.export(network, str(filepath), format=format, **kwargs)


def _spec(tensor):
    return keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)


def _torch_to_onnx(network, filepath, opset_version: int, verbose: Any = None) -> None:
    import torch

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
            f"Torch can't trace the network {network.name!r} for inputs of shape "
            f"{network.input_shape}. Give it a fixed size (`for_image_shape`), or save a preset "
            f"and export it with KERAS_BACKEND=tensorflow. ({str(error).splitlines()[-1]})"
        ) from error
    program.save(str(filepath))
