"""The file of a network's weights: as Keras writes it, and read only where it is nothing else."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import h5py
import keras
import numpy as np

from keras_simgan.disk import copy_regular, replacing
from keras_simgan.presets.building import reason_of
from keras_simgan.presets.files import regular_size

SUFFIX = ".weights.h5"
_ROOM = 32  # a file may be so many times as large as the weights as float32


def write_weights(network: keras.Model, name: str, path: Path, dtype: str) -> None:
    """Writes the file that `network.load_weights` reads.

    Args:
        network: The network.
        name: What to call it in errors.
        path: The file.
        dtype: `"float32"`, or `"float16"` to store floats at half the size.

    Raises:
        ValueError: If Keras does not find all of its weights.
    """
    keras.saving.save_weights(network, path, objects_to_skip=_training_state(network))
    if dtype == "float16":
        _halve(path)
    found = _shapes_in(path)
    if missing := _shapes(network.weights) - found:
        raise ValueError(
            f"Keras does not save all weights of the network `{name}`: those of the shapes "
            f"{list(missing)} are not in its file. Keep each layer in an attribute of the network."
        )


def read_weights(network: keras.Model, name: str, path: Path, checksum: str | None) -> None:
    """Reads what `write_weights` wrote, by Keras.

    Args:
        network: The network, which gets the weights.
        name: What to call it in errors.
        path: The file.
        checksum: Its SHA-256 as the preset has it.

    Raises:
        ValueError: If the file is another, damaged, of another network, or anything but weights.
    """
    check_file(path, [network], checksum)
    found, expected = _checked_shapes(path), _saved_shapes(network)
    if missing := expected - found:
        raise _other_network(path, name, f"{sum(missing.values())} weights are not in it")
    if (extra := found - expected) and not _saves_in_its_own_way(network):
        raise _other_network(path, name, f"{sum(extra.values())} weights are not of it")
    try:
        keras.saving.load_weights(network, path, objects_to_skip=_training_state(network))
    except Exception as error:  # whatever Keras, h5py or a user's layer raise
        raise _other_network(path, name, reason_of(error)) from error


def read_old_layout(networks: Mapping[str, keras.Model], path: Path, checksum: str | None) -> None:
    """Reads the weights of networks in one file, as versions before 0.2 wrote them: numbered.

    Args:
        networks: The networks by name.
        path: The file.
        checksum: As for `read_weights`.

    Raises:
        ValueError: As for `read_weights`.
    """
    check_file(path, list(networks.values()), checksum)
    _checked_shapes(path)
    with h5py.File(path, "r") as file:
        for name, network in networks.items():
            if name not in file:
                raise _other_network(
                    path, name, "there is no such group, and metadata.json has no `networks`"
                )
            group = file[name]
            datasets = [group[key] for key in sorted(group)]
            if [item.shape for item in datasets] != [tuple(v.shape) for v in network.weights]:
                raise _other_network(path, name, "its weights have other shapes")
            for variable, item in zip(network.weights, datasets, strict=True):
                value = item[()]
                variable.assign(value.astype("float32") if value.dtype == np.float16 else value)


def check_file(path: Path, networks: list[keras.Model], checksum: str | None) -> None:
    """Raises where a file is not the one that a preset was saved with.

    Args:
        path: The file.
        networks: Whose weights are in it.
        checksum: Its SHA-256 as the preset has it.

    Raises:
        ValueError: If it is larger than these weights can need, or has another checksum.
    """
    weights = [variable for network in networks for variable in network.weights]
    elements = sum(math.prod(variable.shape) for variable in weights)
    # Names and groups take some thousand bytes for each weight.
    regular_size(path, _ROOM * 4 * elements + 2**14 * len(weights) + 2**20)
    if checksum is None:
        raise ValueError(f"`sha256` in the metadata.json beside {str(path)!r} does not name it.")
    if (found := copy_regular(path)) != checksum:
        raise ValueError(
            f"{str(path)!r} is not what the preset was saved with: its SHA-256 is {found}, "
            f"metadata.json says {checksum!r}. It was changed or damaged; fetch it again."
        )


def _training_state(network: keras.Model) -> list:
    """Optimizers and metrics: a frozen network may have been compiled to train it."""
    compiled = [part for part in network._flatten_layers() if getattr(part, "compiled", False)]
    return [state for part in compiled for state in (part.optimizer, *part.metrics) if state]


def _checked_shapes(path: Path) -> Counter:
    try:
        return _shapes_in(path)
    except _Refused:
        raise
    except Exception as error:  # whatever a damaged file makes h5py raise
        raise ValueError(
            f"{str(path)!r} is damaged, or no HDF5 file: {reason_of(error)}"
        ) from error


class _Refused(ValueError):
    """A file that holds what Keras does not write."""


def _shapes_in(path: Path) -> Counter:
    """The shapes of the arrays in an HDF5 file, if all of them are in it, and nothing else.

    Keras refuses much of this, too, but only after links were followed and memory was taken.
    """
    size = path.stat().st_size
    shapes: Counter = Counter()

    def refuse(name: str, what: str) -> _Refused:
        return _Refused(f"{str(path)!r} is no file of weights as Keras writes it: {name!r} {what}.")

    with h5py.File(path, "r") as file:
        groups: list[h5py.Group] = [file]
        seen = {h5py.h5o.get_info(file.id).addr}
        while groups:
            group = groups.pop()
            for name in group:
                # `name in group` would follow a link, to a pipe that never ends, say.
                link = name.encode("utf-8", "surrogateescape")
                if "/" in name or group.id.links.get_info(link).type != h5py.h5l.TYPE_HARD:
                    raise refuse(name, "leads elsewhere")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    raise refuse(name, "is there under another name")
                seen.add(address)
                if isinstance(item, h5py.Group):
                    groups.append(item)
                    continue
                if not isinstance(item, h5py.Dataset) or item.shape is None:
                    raise refuse(name, "is neither a group nor an array")
                if what := _wrong_with(item, size):
                    raise refuse(name, what)
                shapes[item.shape] += 1
    return shapes


def _wrong_with(array: h5py.Dataset, size: int) -> str | None:
    """What an array has that Keras does not write; `size` are the file's bytes."""
    if array.is_virtual or array.external:
        return "is kept in other files"
    # What h5py makes of bfloat16.
    if array.dtype.kind not in "fiub" and array.attrs.get("dtype") != "bfloat16":
        return f"is of {array.dtype}, and not of numbers"
    if array.chunks is not None:
        return "is kept in chunks, which may be compressed to next to nothing"
    declared = math.prod(array.shape) * array.dtype.itemsize
    stored = array.id.get_storage_size()
    if declared != stored or declared > size:
        return f"declares {declared:,} bytes, and has {min(stored, size):,}"
    return None


def _shapes(variables: list) -> Counter:
    return Counter(tuple(variable.shape) for variable in variables)


def _saved_shapes(network: keras.Model) -> Counter:
    """Of what Keras saves: each layer's own variables, one that two layers share twice."""
    layers = list(network._flatten_layers())
    return _shapes(
        [v for layer in layers for v in layer._trainable_variables + layer._non_trainable_variables]
    )


def _saves_in_its_own_way(network: keras.Model) -> bool:
    return any(
        not type(layer).save_own_variables.__module__.startswith("keras.")
        for layer in network._flatten_layers()
    )


def _other_network(path: Path, name: str, why: str) -> ValueError:
    return ValueError(f"{str(path)!r} does not fit the network `{name}` of config.json: {why}.")


def _halve(path: Path) -> None:
    """Writes a file anew, with float32 as float16."""
    with replacing(path) as halved:
        with h5py.File(path, "r") as file, h5py.File(halved, "w") as target:

            def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
                if isinstance(item, h5py.Group):
                    target.create_group(name).attrs.update(item.attrs)
                elif item.dtype == np.float32:
                    target.create_dataset(name, data=item[()].astype("float16"))
                else:
                    file.copy(item, target, name=name)

            file.visititems(copy)
