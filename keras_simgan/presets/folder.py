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
from keras_simgan.presets.weights_check import check_weights
from keras_simgan.registration import StandIn

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
    """Writes a model that has `preset_networks` into a folder; see `GAN.save_to_preset`."""
    folder = Path(folder)
    if dtype not in ("float32", "float16"):
        raise ValueError(f"`dtype` must be 'float32' or 'float16'; got {dtype!r}.")
    if (folder / CONFIG).exists() and not overwrite:
        raise FileExistsError(
            f"{folder} holds a preset already. Pass `overwrite=True` to replace it."
        )
    deployed, others = model.preset_networks()
    check_weights([*deployed.values(), *(others.values() if training else ())])
    folder.mkdir(parents=True, exist_ok=True)
    # Everything is written aside and moved when whole; metadata.json, whose checksums seal the
    # weights, comes last.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving-") as name:
        aside = Path(name)
        config = keras.saving.serialize_keras_object(model)
        config.pop("compile_config", None)
        _drop_dtypes(config)
        (aside / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
        _write_weights(deployed, aside / DEPLOYED_WEIGHTS, dtype)
        if training and others:
            _write_weights(others, aside / TRAINING_WEIGHTS, dtype)
        weights = sorted(aside.glob("*.weights.h5"))
        described = {
            **metadata,
            "class": type(model).__name__,
            "image_shape": _image_shape(deployed),
            "parameters": int(sum(network.count_params() for network in deployed.values())),
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
    name = config["class_name"]
    own = {} if cls is None else {keras.saving.get_registered_name(cls): cls, cls.__name__: cls}
    with keras.saving.custom_object_scope(own):
        held = keras.saving.get_registered_object(config["registered_name"])
        held = held.resolve() if isinstance(held, StandIn) else held
        if cls is not None and not (held and issubclass(held, cls)):
            raise ValueError(
                f"The preset {preset} holds a {name}, not a {cls.__name__}. Use "
                f"`{name}.from_preset`."
            )
        sums = metadata_of(folder)["sha256"]
        network = None
        if direction is not None:
            if not hasattr(held, "network_of"):
                raise ValueError(
                    f"The preset {preset} holds a {name}, which has no directions. Load it without "
                    "`direction`."
                )
            network = held.network_of(direction)
            if network in config["config"]:
                config = config["config"][network]
        # A preset names nothing that would need to be unpickled, and safe mode refuses it.
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    if network is not None and hasattr(model, "directions"):
        model = getattr(model, network)  # the constructor makes its networks itself
    if not load_weights:
        return model
    if network is not None:
        _read_weights({network: model}, folder / DEPLOYED_WEIGHTS, sums)
        return model
    deployed, others = model.preset_networks()
    _read_weights(deployed, folder / DEPLOYED_WEIGHTS, sums)
    if TRAINING_WEIGHTS in sums:
        _read_weights(others, folder / TRAINING_WEIGHTS, sums)
    return model


def metadata_of(preset: str | Path) -> dict[str, Any]:
    """What `metadata.json` of a preset says.

    Args:
        preset: A bundled name, a folder, or `"hf://user/repository"`.

    Raises:
        ValueError: If there is no such preset.
    """
    return json.loads((find(preset) / METADATA).read_text())


def _drop_dtypes(config) -> None:
    """Leaves the precision to `keras.config.dtype_policy` of whoever loads the preset."""
    if isinstance(config, dict):
        if str(config.get("registered_name")).startswith("keras_simgan>"):
            config["config"].pop("dtype", None)
        for value in config.values():
            _drop_dtypes(value)


def _image_shape(networks: dict[str, keras.Model]) -> list[int | None] | None:
    """Of the first network's inputs, where these are images."""
    shape = next(iter(networks.values())).input_shape
    return list(shape[1:]) if isinstance(shape, tuple) and len(shape) == 4 else None


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
