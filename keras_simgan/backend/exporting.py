"""Networks as files for other runtimes: SavedModel, LiteRT and ONNX, for any size and batch."""

from __future__ import annotations

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
_WAY_OUT = (
    "Give it a fixed size (`for_image_shape`), or save a preset and export it with "
    "KERAS_BACKEND=tensorflow."
)


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
        ValueError: A format that this backend does not write, or a network that it cannot trace for
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
        raise ValueError(f"`format={format!r}` cannot be written on {backend}. {way_out}")
    if format == "onnx":
        kwargs = {"opset_version": OPSET, **kwargs}
        if backend == "torch":
            from keras_simgan.backend.torch_steps import export_onnx

            export_onnx(network, filepath, _WAY_OUT, **kwargs)
            return
        kwargs.setdefault("input_signature", [keras.tree.map_structure(_spec, network.input)])
    try:
        keras.Model.export(network, str(filepath), format=format, **kwargs)
    except Exception as error:  # many kinds, of sizes that are symbols
        is_open = any(None in tensor.shape[1:] for tensor in keras.tree.flatten(network.input))
        if backend != "jax" or not is_open:
            raise
        raise ValueError(
            f"JAX cannot trace the network {network.name!r} for images of any size. {_WAY_OUT}"
        ) from error


def _spec(tensor):
    return keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
