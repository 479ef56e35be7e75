"""Writing and reading the folder of a preset."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras

from keras_simgan import __version__
from keras_simgan.disk import copy_regular, temporary_folder
from keras_simgan.presets.building import build
from keras_simgan.presets.files import read_object, regular_size, wrong_field
from keras_simgan.presets.registry import find
from keras_simgan.presets.weights import SUFFIX, read_old_layout, read_weights, write_weights
from keras_simgan.presets.weights_check import check_weights
from keras_simgan.registration import StandIn

CONFIG = "config.json"
METADATA = "metadata.json"
#: The first network, which is the only one of many presets; of the others each has its name.
MODEL_WEIGHTS = f"model{SUFFIX}"
_OLD_TRAINING_WEIGHTS = f"training{SUFFIX}"


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
    with temporary_folder(folder) as aside:
        config = keras.saving.serialize_keras_object(model)
        config.pop("compile_config", None)
        _drop_dtypes(config)
        (aside / CONFIG).write_text(json.dumps(config, indent=1) + "\n")
        kept = {**deployed, **(others if training else {})}
        files = _files(kept)
        for name, network in kept.items():
            write_weights(network, name, aside / files[name], dtype)
        described = {
            **metadata,
            "class": type(model).__name__,
            "image_shape": _image_shape(deployed),
            "parameters": int(sum(network.count_params() for network in deployed.values())),
            "weights_dtype": dtype,
            "networks": files,
            "sha256": {file: copy_regular(aside / file) for file in files.values()},
            "versions": {"keras": keras.__version__, "keras_simgan": __version__},
        }
        (aside / METADATA).write_text(json.dumps(described, indent=1) + "\n")
        replaced = _weights_of(folder) - set(files.values())
        for file in [*files.values(), CONFIG, METADATA]:
            (aside / file).replace(folder / file)
        for file in replaced:
            (folder / file).unlink(missing_ok=True)


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
    config = _config_of(folder)
    name = config["class_name"]
    own = {} if cls is None else {keras.saving.get_registered_name(cls): cls, cls.__name__: cls}
    with keras.saving.custom_object_scope(own):
        held = keras.saving.get_registered_object(config["registered_name"])
    held = held.resolve() if isinstance(held, StandIn) else held
    if cls is not None and not (isinstance(held, type) and issubclass(held, cls)):
        raise ValueError(
            f"The preset {preset} holds a {name}, not a {cls.__name__}. Use `{name}.from_preset`."
        )
    if held is None:
        raise ValueError(
            f"{str(folder / CONFIG)!r}: there is no class of the `registered_name` "
            f"{config['registered_name']!r}. Import the module that registers it, or use "
            f"`{name}.from_preset`."
        )
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
    metadata = _metadata_of(folder)
    files = _files_of(folder, metadata, network) if load_weights else []
    held_bytes = sum(regular_size(folder / file) for file in files) if load_weights else None

    def read_from_files(model: keras.Model) -> dict[str, keras.Model]:
        return _read_from_files(model, network, metadata) if load_weights else {}

    model = build(config, folder / CONFIG, own, read_from_files, held_bytes)
    if network is None and not hasattr(model, "preset_networks"):
        raise ValueError(
            f"{str(folder / CONFIG)!r} describes a {type(model).__name__}, which is no model of a "
            "preset; expected what `save_to_preset` wrote."
        )
    _read(read_from_files(model), model, folder, metadata)
    return model if network is None else _network_of(model, network)


def metadata_of(preset: str | Path) -> dict[str, Any]:
    """What `metadata.json` of a preset says.

    Args:
        preset: A bundled name, a folder, or `"hf://user/repository"`.

    Raises:
        ValueError: If there is no such preset, or it is damaged.
    """
    return _metadata_of(find(preset))


def _network_of(model: keras.Model, network: str) -> keras.Model:
    # Where the configuration has no such network, the model's constructor makes it.
    return getattr(model, network) if hasattr(model, "directions") else model


def _read_from_files(
    model: keras.Model, network: str | None, metadata: dict[str, Any]
) -> dict[str, keras.Model]:
    """The networks whose weights the files have, by name: one, or those that were kept."""
    if network is not None:
        return {network: _network_of(model, network)}
    deployed, others = model.preset_networks()
    if "networks" in metadata:
        others = {name: others[name] for name in others if name in metadata["networks"]}
    elif _OLD_TRAINING_WEIGHTS not in metadata["sha256"]:
        others = {}
    return {**deployed, **others}


def _read(
    networks: dict[str, keras.Model], model: keras.Model, folder: Path, metadata: dict[str, Any]
) -> None:
    sums = metadata["sha256"]
    if "networks" in metadata:
        for name, network in networks.items():
            if name not in metadata["networks"]:
                raise _no_file(folder, metadata, name)
            file = metadata["networks"][name]
            read_weights(network, name, folder / file, sums.get(file))
        return
    training = model.preset_networks()[1] if hasattr(model, "directions") else {}
    for file, group in (
        (MODEL_WEIGHTS, {n: networks[n] for n in networks if n not in training}),
        (_OLD_TRAINING_WEIGHTS, {n: networks[n] for n in networks if n in training}),
    ):
        if group:
            read_old_layout(group, folder / file, sums.get(file))


def _files(names: Iterable[str]) -> dict[str, str]:
    """The file of each network's weights."""
    first, *others = names
    alone = "model" not in others
    return {first: MODEL_WEIGHTS if alone else first + SUFFIX, **{n: n + SUFFIX for n in others}}


def _files_of(folder: Path, metadata: dict[str, Any], network: str | None) -> list[str]:
    """The files that are read for all networks, or for one."""
    if "networks" not in metadata:
        training = network is None and _OLD_TRAINING_WEIGHTS in metadata["sha256"]
        return [MODEL_WEIGHTS, *([_OLD_TRAINING_WEIGHTS] if training else [])]
    files = [file for name, file in metadata["networks"].items() if network in (None, name)]
    if not files:
        raise _no_file(folder, metadata, network or "the model")
    return files


def _no_file(folder: Path, metadata: dict[str, Any], network: str) -> ValueError:
    expected = f"an object that has the file of `{network}`"
    return wrong_field(folder / METADATA, "networks", metadata, expected)


def _weights_of(folder: Path) -> set[str]:
    """The files of weights in a preset that is about to be replaced."""
    try:
        return {file for file in _metadata_of(folder)["sha256"] if _is_weights(file)}
    except ValueError:  # there is none, or a damaged one
        return set()


def _is_weights(file: Any) -> bool:
    """Whether this is the name of a file in the folder itself, as `save` gives it."""
    return (
        isinstance(file, str) and file.endswith(SUFFIX) and file.removesuffix(SUFFIX).isidentifier()
    )


def _config_of(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    config = read_object(path)
    name = config.get("class_name")
    if not isinstance(name, str) or not name.isidentifier():
        raise wrong_field(path, "class_name", config, "the name of a class")
    if not isinstance(config.get("registered_name"), str):
        raise wrong_field(path, "registered_name", config, "the name that a class is registered by")
    if not isinstance(config.get("config"), dict):
        raise wrong_field(path, "config", config, "an object of arguments")
    return config


def _metadata_of(folder: Path) -> dict[str, Any]:
    path = folder / METADATA
    metadata = read_object(path)
    sums, shape = metadata.get("sha256"), metadata.get("image_shape")
    if not isinstance(sums, dict) or not all(isinstance(sum_, str) for sum_ in sums.values()):
        raise wrong_field(path, "sha256", metadata, "an object of the files' checksums")
    networks = metadata.get("networks", {})
    if not isinstance(networks, dict) or not all(map(_is_weights, networks.values())):
        raise wrong_field(
            path,
            "networks",
            metadata,
            f"an object of files beside it, such as {MODEL_WEIGHTS}",
        )
    if shape is not None and not (
        isinstance(shape, list)
        and len(shape) == 3
        and all(size is None or type(size) is int and size > 0 for size in shape)
    ):
        raise wrong_field(path, "image_shape", metadata, "[height, width, channels] or null")
    if not isinstance(metadata.get("label_maps", {}), dict):
        raise wrong_field(path, "label_maps", metadata, "an object")
    return metadata


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
