"""Writing and reading the folder of a preset."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from keras_simgan import __version__
from keras_simgan.presets.registry import find

CONFIG = "config.json"
DEPLOYED_WEIGHTS = "model.weights.h5"
TRAINING_WEIGHTS = "training.weights.h5"
METADATA = "metadata.json"


def save(
    model: keras.Model,
    folder: str | Path,
    *,
    training: bool = True,
    dtype: str = "float32",
    overwrite: bool = False,
    **metadata: Any,
) -> None:
    """Writes a GAN, or a network alone, into a folder; see `GAN.save_to_preset`."""
    folder = Path(folder)
    if dtype not in ("float32", "float16"):
        raise ValueError(f"`dtype` must be 'float32' or 'float16'; got {dtype!r}.")
    if (folder / CONFIG).exists() and not overwrite:
        raise FileExistsError(
            f"{folder} holds a preset already. Pass `overwrite=True` to replace it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Everything is written aside and moved when whole; metadata.json, whose checksums seal the
    # weights, comes last.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as name:
        aside = Path(name)
        config = keras.saving.serialize_keras_object(model)
        config.pop("compile_config", None)
        _drop_dtypes(config)
        (aside / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
        translating, others = _networks(model)
        _write_weights(translating, aside / DEPLOYED_WEIGHTS, dtype)
        if training and others:
            _write_weights(others, aside / TRAINING_WEIGHTS, dtype)
        weights = sorted(aside.glob("*.weights.h5"))
        described = {
            **metadata,
            "class": type(model).__name__,
            "image_shape": list(_image_shape(model)),
            "parameters": int(sum(network.count_params() for network in translating.values())),
            "weights_dtype": dtype,
            "sha256": {path.name: _sha256(path) for path in weights},
            "versions": {"keras": keras.__version__, "keras_simgan": __version__},
        }
        (aside / METADATA).write_text(json.dumps(described, indent=1) + "\n")
        if not (aside / TRAINING_WEIGHTS).exists():
            (folder / TRAINING_WEIGHTS).unlink(missing_ok=True)
        for path in [*weights, aside / CONFIG, aside / METADATA]:
            shutil.move(path, folder / path.name)


def load(
    preset: str | Path,
    *,
    cls: type | None = None,
    load_weights: bool = True,
    direction: str | None = None,
) -> keras.Model:
    """Builds what a preset holds, or the network of one direction alone; see `GAN.from_preset`.

    With `direction` the result is the network, a `keras.Model` that maps images to images.
    """
    folder = find(preset)
    config = json.loads((folder / CONFIG).read_text())
    # Classes are registered when their modules are imported; a preset names nothing that would need
    # to be unpickled, and safe mode refuses it.
    import keras_simgan.models
    import keras_simgan.networks  # noqa: F401

    held = keras.saving.get_registered_object(config["registered_name"])
    if cls is not None and not (held and issubclass(held, cls)):
        raise ValueError(
            f"The preset {preset} holds a {config['class_name']}, not a {cls.__name__}. Use "
            f"`{config['class_name']}.from_preset`."
        )
    sums = json.loads((folder / METADATA).read_text())["sha256"]
    if direction is not None:
        if not hasattr(held, "network_of"):
            raise ValueError(
                f"The preset {preset} holds a {config['class_name']}, which has no directions. "
                "Load it without `direction`."
            )
        name = held.network_of(direction)
        model = keras.saving.deserialize_keras_object(config["config"][name], safe_mode=True)
        if load_weights:
            _read_weights({name: model}, folder / DEPLOYED_WEIGHTS, sums)
        return model
    model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if load_weights:
        translating, others = _networks(model)
        _read_weights(translating, folder / DEPLOYED_WEIGHTS, sums)
        if TRAINING_WEIGHTS in sums:
            _read_weights(others, folder / TRAINING_WEIGHTS, sums)
    return model


def _drop_dtypes(config) -> None:
    """Leaves the precision to `keras.config.dtype_policy` of whoever loads the preset."""
    if isinstance(config, dict):
        if str(config.get("registered_name")).startswith("keras_simgan>"):
            config["config"].pop("dtype", None)
        for value in config.values():
            _drop_dtypes(value)


def _image_shape(model) -> tuple[int | None, int | None, int]:
    return (model.batch_shapes()[0] if _is_gan(model) else model.input_shape)[1:]


def _is_gan(model) -> bool:
    return hasattr(model, "directions")


def _networks(model) -> tuple[dict[str, keras.Model], dict[str, keras.Model]]:
    """The networks that translate and the others, by attribute; a network alone is `network`."""
    if not _is_gan(model):
        return {"network": model}, {}
    networks = {
        name: getattr(model, name)
        for name in model.get_config()
        if isinstance(getattr(model, name, None), keras.Model)
    }
    networks |= {
        f"feature_extractor_{index}": extractor
        for index, extractor in enumerate(getattr(model, "feature_extractors", []))
    }
    translating = {name: networks.pop(name) for name in model.directions.values()}
    return translating, networks


def _write_weights(networks: dict[str, keras.Model], path: Path, dtype: str) -> None:
    with h5py.File(path, "w") as file:
        for name, network in networks.items():
            for index, variable in enumerate(network.weights):
                value = keras.ops.convert_to_numpy(variable)
                if value.dtype == np.float32:
                    value = value.astype(dtype)
                dataset = file.create_dataset(f"{name}/{index:04d}", data=value)
                dataset.attrs["path"] = variable.path


def _read_weights(networks: dict[str, keras.Model], path: Path, sums: dict[str, str]) -> None:
    if not path.is_file():
        raise ValueError(f"{path} is missing from the preset.")
    found, expected = _sha256(path), sums.get(path.name)
    if found != expected:
        raise ValueError(
            f"{path} is not what the preset was saved with: its SHA-256 is {found}, metadata.json "
            f"says {expected}. It was changed or damaged; fetch it again."
        )
    with h5py.File(path, "r") as file:
        for name, network in networks.items():
            datasets = [file[name][key][()] for key in sorted(file.get(name, {}))]
            shapes = [variable.shape for variable in network.weights]
            if [value.shape for value in datasets] != [tuple(shape) for shape in shapes]:
                raise ValueError(f"{path} does not fit the network `{name}` of config.json.")
            for variable, value in zip(network.weights, datasets, strict=True):
                variable.assign(value.astype("float32") if value.dtype == np.float16 else value)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
