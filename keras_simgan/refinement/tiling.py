"""Running images tile by tile that are too large to go through a network at once."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import keras
import numpy as np

from keras_simgan.layers import PadToMultiple
from keras_simgan.refinement._receptive_field import Field, cannot_tile, field_after


class TiledNetwork:
    """Runs an image through a network tile by tile, with the result of the whole image.

    Tiles that go through a network on their own leave seams. At its borders a tile lacks what lies
    beyond, and an instance or group normalization

        (x - mean) / sqrt(variance + epsilon)

    takes mean and variance over the tile, which differ from tile to tile. So the network is cut
    into stages that end at these normalizations (`GroupNormalization`). A stage runs tile by tile;
    its outputs are put together to maps of the whole image, which are normalized with their own
    statistics and cut into tiles for the next stage. Tiles reach beyond their place by `overlap`
    pixels, and where neighbours share pixels their values are blended linearly.

    The farthest that an output of a stage depends on is the network's `reach`, in pixels: 4 for a
    `ResNetGenerator` of any depth, as each stage begins with whole maps; for a `Refiner`, which has
    no normalization, the radius of its receptive field. With an overlap of the reach or more the
    result is that of the whole image, up to rounding. With less, blending hides what differs.

    On the device lies one tile in one stage. In the host's memory lie the maps between stages, as
    float32 of the whole image: up to three for a `ResNetGenerator`, 256 bytes a pixel each with 64
    filters. Tiles go through layer by layer; a network on small images runs faster in one call.

    Args:
        network: A functional or sequential model of one image to another. Its layers are
            convolutions, pooling, up-sampling, padding, activations, additions or other merges,
            normalizations, and those of this package's networks; each is used once. Height and
            width it was built for do not matter.
        tile: Largest `(height, width)` of a tile in pixels, or one number for both; rounded down
            to a multiple of the network's stride.
        overlap: Pixels on each side that a tile reaches beyond its place; rounded up to a multiple
            of the stride. The smaller of the reach and a quarter of the tile when left out, with
            a warning where that is less than the reach.

    Attributes:
        tile: `(height, width)`, rounded.
        overlap: The overlap, rounded.
        reach: The overlap from which on the result is exact.
        stride: Tiles begin at multiples of this.

    Raises:
        ValueError: If a layer mixes the whole image or is not known, which it names; or if tiles
            are too small for the overlap.

    Example:
        >>> from keras_simgan.networks import ResNetGenerator
        >>> tiled = TiledNetwork(ResNetGenerator((None, None, 3), filters=2, blocks=1), tile=32)
        >>> tiled(np.zeros((50, 70, 3), "float32")).shape
        (50, 70, 3)
    """

    def __init__(
        self, network: keras.Model, tile: int | tuple[int, int], overlap: int | None = None
    ):
        self._network = network  # the tensors of its graph are the keys of everything below
        self._padding, self._fields, self._stages = _read_graph(network)
        steps = [field.step for field in self._fields.values()]
        self.stride = math.lcm(*(step.numerator for step in steps))
        minimum = self.stride
        if self._padding is not None:
            if self._padding.multiple % self.stride:
                raise cannot_tile(
                    self._padding, f"it pads to no multiple of the network's stride, {self.stride}"
                )
            self.stride, minimum = self._padding.multiple, self._padding.minimum
        fields = [self._fields[key] for stage in self._stages for key in stage.outputs]
        self.reach = self._rounded_up(max([math.ceil(field.reach) for field in fields], default=0))
        self._set_tile(tile, overlap, minimum)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Runs one image through the network.

        Args:
            image: Shape `(height, width, channels)`, in [-1, 1].

        Returns:
            The network's output, `float32`, of the same height and width.

        Raises:
            ValueError: If the image's size does not fit; see `check`.
        """
        height, width = image.shape[:2]
        self.check(height, width)
        image = np.asarray(image, "float32")
        if self._padding is not None:
            image = _to_numpy(self._padding(image[None]))[0]
        axes = [
            _Axis(size, tile, self.overlap, self.reach, self.stride)
            for size, tile in zip(image.shape[:2], self.tile, strict=True)
        ]
        source, result = id(self._network.inputs[0]), id(self._network.outputs[0])
        maps = {source: image}
        for index, stage in enumerate(self._stages):
            maps.update(self._run(stage, maps, axes))
            if stage.norm is not None:
                (before,), after = _tensors(stage.norm)
                maps[after] = _normalize(stage.norm, maps[before])
            later = {result}.union(*(follower.reads for follower in self._stages[index + 1 :]))
            maps = {key: values for key, values in maps.items() if key in later}
        return maps[result][:height, :width]

    def check(self, height: int, width: int) -> None:
        """Raises where images of a size cannot be run.

        Args:
            height: Height in pixels.
            width: Width in pixels.

        Raises:
            ValueError: If the network does not pad images to a multiple of its stride itself, and
                height or width is none.
        """
        if self._padding is None and (height % self.stride or width % self.stride):
            raise ValueError(
                f"It is {height}x{width} pixels (height x width), but tiles of this network need "
                f"multiples of {self.stride}. Pad or resize it."
            )

    def _run(self, stage: _Stage, maps: dict, axes: list[_Axis]) -> dict[int, np.ndarray]:
        whole: dict[int, np.ndarray] = {}
        places = list(itertools.product(axes[0].starts, axes[1].starts))
        for place in places if stage.outputs else ():
            values = {key: maps[key][self._window(key, axes, place)][None] for key in stage.inputs}
            for layer, finished in zip(stage.layers, stage.finished, strict=True):
                input_keys, output_key = _tensors(layer)
                inputs = [values[key] for key in input_keys]
                values[output_key] = layer(inputs if isinstance(layer.input, list) else inputs[0])
                for key in finished:
                    del values[key]
            for key in stage.outputs:
                found, step = _to_numpy(values[key])[0], self._fields[key].step
                if key not in whole:
                    size = [int(axis.size / step) for axis in axes]
                    whole[key] = np.zeros((*size, found.shape[-1]), "float32")
                rows, columns = (
                    axis.weights(start, step) for axis, start in zip(axes, place, strict=True)
                )
                window = self._window(key, axes, place)
                whole[key][window] += found * rows[:, None, None] * columns[:, None]
        return whole

    def _window(self, key: int, axes: list[_Axis], place: tuple[int, int]) -> tuple[slice, ...]:
        step = self._fields[key].step
        return tuple(
            slice(int(start / step), int((start + axis.tile) / step))
            for axis, start in zip(axes, place, strict=True)
        )

    def _set_tile(self, tile: Any, overlap: int | None, minimum: int) -> None:
        sides = (tile, tile) if isinstance(tile, int) else tile
        if np.shape(sides) != (2,) or not all(
            isinstance(side, int | np.integer) and side > 0 for side in sides
        ):
            raise ValueError(
                f"`tile` must be a number of pixels or (height, width). Received: {tile!r}"
            )
        if overlap is not None and (not isinstance(overlap, int) or overlap < 0):
            raise ValueError(f"`overlap` must be an integer not below 0. Received: {overlap!r}")
        self.tile = tuple(int(side) // self.stride * self.stride for side in sides)
        if overlap is None:
            quarter = min(self.tile) // 4 // self.stride * self.stride
            self.overlap = min(self.reach, quarter)
        else:
            self.overlap = self._rounded_up(overlap)
        minimum = max(minimum, 2 * self.overlap + self.stride)
        if min(self.tile) < minimum:
            raise ValueError(
                f"Tiles of {tile!r} pixels are too small: with an overlap of {self.overlap} on "
                f"each side this network needs {minimum} or more. Use larger tiles."
            )
        if overlap is None and self.overlap < self.reach:
            warnings.warn(
                f"Tiles of {tile!r} pixels are too small for the result of the whole image: they "
                f"overlap by {self.overlap}, a quarter of a tile, and this network reaches "
                f"{self.reach} pixels far. Use tiles of {4 * self.reach} or more.",
                stacklevel=3,
            )

    def _rounded_up(self, pixels: int) -> int:
        return -(-pixels // self.stride) * self.stride


@dataclass
class _Stage:
    """Layers that run tile by tile, and the normalization over the whole image that follows.

    Tensors are named by their identity. `inputs` are those that come from earlier stages, `outputs`
    those that are needed afterwards, `finished` for each layer those that are of no more use.
    """

    layers: list = field(default_factory=list)
    norm: keras.layers.Layer | None = None
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    finished: list[list[int]] = field(default_factory=list)

    @property
    def reads(self) -> set[int]:
        """All tensors that a layer of this stage reads."""
        readers = [*self.layers, *([self.norm] if self.norm is not None else [])]
        return {key for layer in readers for key in _tensors(layer)[0]}


class _Axis:
    """Where the tiles of one axis begin, and how much each counts at each pixel."""

    def __init__(self, size: int, tile: int, overlap: int, reach: int, stride: int):
        self.size, self.tile = size, min(size, tile)
        spread = size - self.tile
        gaps = -(-spread // max(self.tile - 2 * overlap, 1))
        self.starts = [k * spread // max(gaps, 1) // stride * stride for k in range(gaps + 1)]
        # Within reach of its border a tile is not exact, and is left out where there is enough.
        unused = reach if overlap >= reach else 0
        self._shared = [
            (second + unused, first + self.tile - unused)
            for first, second in itertools.pairwise(self.starts)
        ]

    def weights(self, start: int, step: Fraction) -> np.ndarray:
        """The share of the tile at `start` in each pixel of its map; the shares add up to 1."""
        places = start + (np.arange(int(self.tile / step)) + 0.5) * float(step)
        shares = [self._ramp(index, places) for index in range(len(self.starts))]
        return (shares[self.starts.index(start)] / sum(shares)).astype("float32")

    def _ramp(self, index: int, places: np.ndarray) -> np.ndarray:
        # From 0 to 1 across what is shared with the tile before, and down with the next.
        risen = [
            np.clip((places - low) / max(high - low, 1e-6), 0, 1)
            for low, high in self._shared[max(index - 1, 0) : index + 1]
        ]
        before = risen[0] if index else 1.0
        after = 1 - risen[-1] if index < len(self._shared) else 1.0
        return before * after * np.ones(len(places))


def _read_graph(network) -> tuple[PadToMultiple | None, dict[int, Field], list[_Stage]]:
    """Cuts a network's layers into stages, and finds the field of each tensor within its stage."""
    if not getattr(network, "inputs", None) or not getattr(network, "outputs", None):
        raise ValueError(
            f"Only functional and sequential networks run tile by tile. Received: {network!r}. "
            "Leave out `tile`, or build the network with `keras.Model(inputs, outputs)`."
        )
    padding, groups = None, [_Stage()]
    for layer in getattr(network, "operations", network.layers):
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if not isinstance(layer, keras.layers.Layer):
            raise cannot_tile(layer, "an operation stands outside layers")
        if isinstance(layer, keras.Model):
            raise cannot_tile(layer, "a network lies inside the network")
        if isinstance(layer, PadToMultiple):
            if _tensors(layer)[0] != [id(network.inputs[0])]:
                raise cannot_tile(layer, "it pads something else than the image")
            padding = layer
        if isinstance(layer, keras.layers.GroupNormalization):
            groups[-1].norm = layer
            groups.append(_Stage())
        else:
            groups[-1].layers.append(layer)
    fields = {id(network.inputs[0]): Field()}
    for index, stage in enumerate(groups):
        needed = {id(network.outputs[0])}.union(*(after.reads for after in groups[index + 1 :]))
        _trace(stage, fields, needed)
    if id(network.outputs[0]) not in fields:
        raise ValueError("The network's output comes from a layer that is used more than once.")
    return padding, fields, groups


def _trace(stage: _Stage, fields: dict[int, Field], needed: set[int]) -> None:
    """Fills in a stage's inputs and outputs, and adds its tensors to the fields."""
    norm_input = _tensors(stage.norm)[0] if stage.norm is not None else []
    made, last_use = {}, {}
    # What comes from earlier stages is exact, however far it was from the image.
    begun = {
        key: replace(field, low=Fraction(0), high=Fraction(0)) for key, field in fields.items()
    }
    for layer in stage.layers:
        input_keys, output_key = _tensors(layer)
        for key in input_keys:
            if key not in begun:
                raise cannot_tile(layer, "an input comes from a layer that is used more than once")
            if key not in made and key not in stage.inputs:
                stage.inputs.append(key)
            last_use[key] = layer
        begun[output_key] = fields[output_key] = field_after(
            layer, [begun[key] for key in input_keys]
        )
        made[output_key] = layer
    for key, layer in made.items():
        if key in needed or key in norm_input:
            if not fields[key].is_aligned:
                raise cannot_tile(layer, "the map has another size than the image, up to strides")
            stage.outputs.append(key)
    stage.finished = [
        [key for key, last in last_use.items() if last is layer and key not in stage.outputs]
        for layer in stage.layers
    ]
    if stage.norm is not None:
        if stage.norm.axis not in (-1, 3):
            raise cannot_tile(stage.norm, f"groups lie along the axis {stage.norm.axis}")
        if norm_input[0] not in fields:
            raise cannot_tile(stage.norm, "the input comes from a layer used more than once")
        fields[_tensors(stage.norm)[1]] = fields[norm_input[0]]


def _tensors(layer) -> tuple[list[int], int]:
    """The identities of a layer's input tensors, and of its output."""
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return [id(tensor) for tensor in inputs], id(layer.output)


def _to_numpy(tensor) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor).astype("float32", copy=False)


def _normalize(layer, values: np.ndarray) -> np.ndarray:
    """Applies a `GroupNormalization` to a map of a whole image, statistics in float64."""
    height, width, channels = values.shape
    rows = values.reshape(height, width, layer.groups, channels // layer.groups)
    mean = np.mean([row.mean(axis=(0, 2), dtype="float64") for row in rows], axis=0)[:, None]
    variance = np.mean([((row - mean) ** 2).mean(axis=(0, 2)) for row in rows], axis=0)[:, None]
    scale = np.broadcast_to(1 / np.sqrt(variance + layer.epsilon), rows.shape[2:]).ravel()
    mean = np.broadcast_to(mean, rows.shape[2:]).ravel()
    if layer.scale:
        scale = scale * _to_numpy(layer.gamma)
    shift = -mean * scale
    if layer.center:
        shift = shift + _to_numpy(layer.beta)
    normalized = values * scale.astype("float32")
    normalized += shift.astype("float32")
    return normalized
