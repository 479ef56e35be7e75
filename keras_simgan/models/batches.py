"""Batches `(source, target)`: what they may hold, and what is looked at before training."""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_simgan.ranges import check_unit


def pair(data: Any) -> tuple[Any, Any]:
    """A batch's source and target, each a tensor or a nested structure of tensors.

    Raises:
        ValueError: There is no target, or there are sample weights.
    """
    source, target, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if target is None or sample_weight is not None:
        raise ValueError(
            "A GAN trains on batches `(source, target)`: pass `fit(x=source, y=target)` or a data "
            f"set that gives such pairs. Received a batch of {type(data).__name__} with "
            + ("no target." if target is None else "sample weights.")
        )
    return source, target


def cast(batch: tuple) -> tuple:
    """A batch in the networks' precision, where it is of floats; NumPy's own is float64."""

    def to_float(value):
        dtype = keras.backend.standardize_dtype(value.dtype)
        floats = is_float(dtype)
        return ops.convert_to_tensor(value, keras.config.floatx() if floats else dtype)

    return keras.tree.map_structure(to_float, batch)


def size_of(batch: Any) -> Any:
    """How many samples a tensor, or a structure of tensors, holds."""
    return ops.shape(keras.tree.flatten(batch)[0])[0]


def stop_gradient(fakes: Any) -> Any:
    """The same values, through which no gradient runs."""
    return keras.tree.map_structure(ops.stop_gradient, fakes)


def is_float(dtype: Any) -> bool:
    """Whether a data type is of floats."""
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(dtype))


def named_images(argument: str, structure: Any) -> Iterator[tuple[str, Any]]:
    """The images of a source or target, each with its name for messages.

    A tensor by itself is images where it has height, width and channels. In a dictionary entries
    of floats with those axes are, but for noise, and what is named image, whatever it is of: label
    maps, instances, classes and noise have no range.
    """
    for path, value in keras.tree.flatten_with_path(structure):
        if len(getattr(value, "shape", ())) != 4:
            continue
        name = ".".join([argument, *map(str, path)])
        key = str(path[-1]) if path else "image"
        if "noise" not in key and (is_float(value.dtype) or "image" in key or not path):
            yield name, value


def check_images(argument: str, structure: Any) -> None:
    """Raises where images are not floats in [-1, 1].

    Args:
        argument: What they were given as, for the message.
        structure: A source or target, arrays or tensors.

    Raises:
        ValueError: Integers, values outside [-1, 1], or some that are not finite.
    """
    for name, value in named_images(argument, structure):
        dtype = keras.backend.standardize_dtype(value.dtype)
        if not is_float(dtype):
            raise ValueError(
                f"`{name}` must be floats in [-1, 1]; received one of {dtype}. "
                "`keras_simgan.data.to_unit` scales 8- and 16-bit images; in a `tf.data` data set "
                "`tf.cast(images, 'float32') / 127.5 - 1` does."
            )
        # A data set of TensorFlow's gives TensorFlow's tensors on every backend.
        check_unit(name, ops.convert_to_numpy(value) if ops.is_tensor(value) else np.asarray(value))


def is_arrays(data: Any) -> bool:
    """Whether this is an array or a structure of arrays, to be cut into batches by Keras."""
    leaves = [] if data is None else keras.tree.flatten(data)
    return bool(leaves) and all(
        isinstance(leaf, np.ndarray) or ops.is_tensor(leaf) for leaf in leaves
    )


def first_batch(x: Any, y: Any = None) -> tuple[tuple, Any]:
    """The first batch of some data, its images checked, and the data as it is to be used.

    Arrays are checked whole. Of a data set the first batch is looked at, which finds most mistakes
    of scale and costs little; a generator is handed back whole.

    Args:
        x: What `fit` takes: arrays with `y`, or a data set that gives batches `(source, target)`.
        y: The target's arrays.

    Raises:
        ValueError: What is given cannot be trained on.
    """
    if is_arrays(x) and not (isinstance(x, tuple) and y is None):
        source, target = pair((x, y))
        check_images("x", source)
        check_images("y", target)
        return keras.tree.map_structure(lambda array: array[:1], (source, target)), x
    if isinstance(x, keras.utils.PyDataset):
        data, batch = x, x[0]
    elif isinstance(x, types.GeneratorType):
        batch = next(x)
        data = _chained(batch, x)
    else:
        data, batch = x, next(iter(x))
    source, target = pair(tuple(batch) if isinstance(batch, list) else batch)
    check_images("source", source)
    check_images("target", target)
    return (source, target), data


def _chained(first: Any, rest: Iterator) -> Iterator:
    # A generator, for Keras takes no other iterator.
    yield from itertools.chain([first], rest)


def steps_of(x: Any, batch_size: int | None, steps_per_epoch: int | None) -> int | None:
    """The steps of an epoch, where they can be known beforehand."""
    if steps_per_epoch is not None:
        return steps_per_epoch
    if is_arrays(x):
        return -(-len(keras.tree.flatten(x)[0]) // (batch_size or 32))
    try:
        return x.num_batches if isinstance(x, keras.utils.PyDataset) else len(x)
    except TypeError:  # of unknown length
        return None
