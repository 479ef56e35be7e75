"""Building a model from the configuration that a preset holds."""

from __future__ import annotations

import copy
import math
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from keras_simgan.printable import printable
from keras_simgan.registration import PREFIX

#: Arguments of this package's networks that say how many layers there are, and how many make sense.
_COUNTS = ("blocks", "depth", "downsamplings", "layers", "scales")
_MOST = 1000


def build(
    config: dict[str, Any],
    path: Path,
    custom: dict[str, Any],
    read_from_files: Callable[[keras.Model], dict[str, keras.Model]],
    held: int | None,
) -> keras.Model:
    """Builds what a configuration describes, if it is of a size that can be meant.

    Its size is known before any weight is made: a first one is built without values.

    Args:
        config: The configuration.
        path: Its file, for errors.
        custom: Classes that it may name, besides those that Keras knows, by name.
        read_from_files: Gives of a model the networks whose weights are in files.
        held: The bytes of these files; `None` where they are not read.

    Raises:
        ValueError: If it cannot be built, or would be larger than its files or the memory.
    """
    _refuse_many(config, path)
    weights, memory = _sizes(config, custom, read_from_files)
    if held is not None and weights > held:
        raise ValueError(
            f"{str(path)!r} describes networks of {weights:,} weights, which files of {held:,} "
            "bytes cannot hold. The preset is damaged, or its files are of different presets."
        )
    if memory > _physical_memory():
        raise ValueError(
            f"{str(path)!r} describes a model of {memory / 2**30:,.0f} GiB; this machine has "
            f"{_physical_memory() / 2**30:,.0f} GiB of memory."
        )
    try:
        # A preset names nothing that would need to be unpickled, and safe mode refuses it.
        with keras.saving.custom_object_scope(custom):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:  # whatever a damaged or foreign configuration makes Keras raise
        raise ValueError(
            f"{str(path)!r} describes a model that cannot be built: {reason_of(error)}"
        ) from error
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(
            f"{str(path)!r} describes a {type(model).__name__}; expected a model that "
            "`save_to_preset` wrote."
        )
    return model


def reason_of(error: Exception) -> str:
    """The kind of an error and the beginning of its message, as text that can be printed.

    Args:
        error: The error.
    """
    text = " ".join(str(error).split())
    text = text if len(text) <= 400 else f"{text[:400]}..."
    return f"{type(error).__name__}: {printable(text)}"


def _refuse_many(config: dict[str, Any], path: Path) -> None:
    """Raises where a network has so many layers that building it would not come to an end."""
    left: list[Any] = [config]
    while left:
        item = left.pop()
        if isinstance(item, list):
            left += item
        elif isinstance(item, dict):
            left += item.values()
            arguments = item.get("config")
            if isinstance(arguments, dict) and str(item.get("registered_name")).startswith(PREFIX):
                for name, value in arguments.items():
                    count = len(value) if isinstance(value, list) else value
                    if name not in _COUNTS and not isinstance(value, list):
                        continue
                    if isinstance(count, int | float) and count > _MOST:
                        raise ValueError(
                            f"{str(path)!r} asks for {count:,} of `{name}`; expected {_MOST:,} at "
                            "most."
                        )


def _sizes(config: dict, custom: dict, read_from_files: Callable) -> tuple[int, int]:
    """How many weights are in files, and the bytes of all variables; 0 where that is unknown.

    In a thread of its own, as Keras would give values to the variables when the next scope in this
    one ends.
    """
    sizes = (0, 0)

    def measure() -> None:
        nonlocal sizes
        scope = keras.StatelessScope(initialize_variables=False)
        try:
            with scope, keras.saving.custom_object_scope(custom):
                model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
                networks = read_from_files(model).values()
                sizes = (
                    sum(math.prod(v.shape) for network in networks for v in network.weights),
                    sum(4 * math.prod(v.shape) for v in model.variables),
                )
        except Exception:  # building it will say what is wrong
            pass

    state = random.getstate()  # which initializers draw their seeds from
    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    thread.join()
    random.setstate(state)
    return sizes


def _physical_memory() -> float:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # not on every system
        return math.inf
