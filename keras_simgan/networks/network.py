"""What the architectures share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import keras

from keras_simgan import presets
from keras_simgan.backend import export_network


class Network(keras.Model):
    """A functional model that is described by the arguments of its constructor.

    A subclass builds its graph in `__init__` and hands its arguments to `super().__init__` as
    `config`; saving, loading and `for_image_shape` follow from it.
    """

    def __init__(self, *, inputs: Any, outputs: Any, config: dict, dtype: Any, name: str | None):
        super().__init__(inputs=inputs, outputs=outputs, name=name)
        self._arguments = config
        self._layer_dtype = dtype

    @property
    def image_shape(self) -> tuple[int | None, int | None, int]:
        """`(height, width, channels)` of the input."""
        return tuple(self._arguments["image_shape"])

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **self._arguments,
            "dtype": keras.dtype_policies.serialize(self._layer_dtype),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Network:
        """The network that `get_config` described, with new weights."""
        config = dict(config)
        if isinstance(config.get("dtype"), dict):
            config["dtype"] = keras.dtype_policies.deserialize(config["dtype"])
        return cls(**config)

    def preset_networks(self) -> tuple[dict[str, keras.Model], dict[str, keras.Model]]:
        """The networks that a preset deploys, which is this one, and those for training only."""
        return {"network": self}, {}

    def save_to_preset(self, folder: str | Path, **arguments: Any) -> None:
        """Writes the network into a folder that `from_preset` reads.

        Args:
            folder: The folder.
            **arguments: As in `models.GAN.save_to_preset`.
        """
        presets.save(self, folder, **arguments)

    @classmethod
    def from_preset(cls, preset: str | Path, load_weights: bool = True) -> Self:
        """Builds the network that a preset holds.

        Args:
            preset: The name of a bundled preset, a folder, or `"hf://user/repository"`.
            load_weights: Whether to load the weights, or to start from new ones.

        Raises:
            ValueError: No such preset, another class, or a checksum that differs.
        """
        return presets.load(preset, cls=cls, load_weights=load_weights)

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **kwargs: Any) -> None:
        """Exports the network for inference.

        Args:
            filepath: The file; of a SavedModel the folder.
            format: As in `models.GAN.export`.
            **kwargs: Other arguments of `keras.Model.export`, such as `verbose`.

        Raises:
            ValueError: A format that the backend does not write.
        """
        export_network(self, filepath, format, **kwargs)

    def for_image_shape(self, image_shape: tuple[int | None, int | None, int]) -> Network:
        """A copy of a fully convolutional network, its weights included, for another image size.

        Args:
            image_shape: `(height, width, channels)`; the channels must stay.

        Raises:
            ValueError: Other channels, or a network whose weights depend on the image size.
        """
        image_shape = check_image_shape(image_shape)
        if image_shape[-1] != self.image_shape[-1]:
            raise ValueError(
                f"This network takes {self.image_shape[-1]} channel(s); it cannot be rebuilt for "
                f"{image_shape[-1]}."
            )
        copy = self.from_config({**self.get_config(), "image_shape": image_shape})
        copy.set_weights(self.get_weights())
        return copy


def output_dtype(dtype: keras.DTypePolicy) -> str:
    """What a network's outputs are computed in: float32, or float64 where the rest is."""
    return "float64" if dtype.compute_dtype == "float64" else "float32"


def check_image_shape(image_shape: Iterable[Any]) -> tuple[int | None, int | None, int]:
    """Returns `(height, width, channels)` as a tuple; height and width may be None.

    Raises:
        ValueError: Anything else.
    """
    shape = tuple(image_shape)
    sizes = [size for size in shape[:2] if size is not None] + list(shape[2:])
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ValueError(
            "`image_shape` must be (height, width, channels), positive integers; height and width "
            f"may be None where any size is to be taken. Received: {image_shape!r}."
        )
    return shape
