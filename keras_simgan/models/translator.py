"""Networks that translate images: used, exported and kept as presets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from keras_simgan import presets
from keras_simgan.backend import export_network
from keras_simgan.models.network_group import NetworkGroup
from keras_simgan.ranges import check_unit


class Translator(NetworkGroup):
    """A group of networks of which some are deployed: `directions` names them.

    `translate`, presets, the refinement of data sets and the callbacks read `directions`, so a new
    GAN gets them by naming its networks.
    """

    #: The name of the network that translates in each direction; the first is what `call` does. A
    #: preset always keeps these; the other networks train only.
    directions: dict[str, str] = {}

    def call(self, inputs: Any, training: bool = False) -> Any:
        """What the first direction's network, or else the first generator, makes of its inputs."""
        name = next(iter([*self.directions.values(), *self.generators]))
        return self.networks[name](inputs, training=training)

    @classmethod
    def network_of(cls, direction: str) -> str:
        """The name of the network that translates in this direction.

        Args:
            direction: A key of `directions`.

        Raises:
            ValueError: A direction the model does not have.
        """
        if direction not in cls.directions:
            raise ValueError(
                f"A {cls.__name__} translates {' and '.join(cls.directions)}. Received: "
                f"direction={direction!r}."
            )
        return cls.directions[direction]

    def translate(
        self,
        images: np.ndarray,
        direction: str = "source_to_target",
        batch_size: int = 32,
        verbose: int | str = 0,
        averaged: bool | None = None,
    ) -> np.ndarray:
        """Translates images; `predict` is this from source to target.

        Args:
            images: Images in [-1, 1], shape `(n, height, width, channels)`.
            direction: `"source_to_target"`, or `"target_to_source"` where the model can.
            batch_size: Images at once.
            verbose: As in `keras.Model.predict`.
            averaged: Whether to translate with the moving averages of the weights; where they are
                kept (`compile(ema_momentum=...)`) when left out.

        Returns:
            The translated images in [-1, 1], in the same order.

        Raises:
            ValueError: A direction the model does not have, images outside [-1, 1], or averages
                that are asked for and not kept.
        """
        network = self.networks[self.network_of(direction)]
        if isinstance(images, np.ndarray):
            check_unit("images", images)
        with self.deployed(averaged):
            return network.predict(images, batch_size=batch_size, verbose=verbose)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """As `keras.Model.predict`, with the moving averages of the weights where they are kept."""
        with self.deployed():
            return super().predict(*args, **kwargs)

    @contextmanager
    def deployed(self, averaged: bool | None = None) -> Iterator[None]:
        """Inside this context the generators hold the moving averages of their weights.

        Args:
            averaged: False for the weights as they are trained; when left out, the averages where
                they are kept.

        Raises:
            ValueError: Averages are asked for and not kept.
        """
        averages = [] if averaged is False else self._averages()
        if averaged and not averages:
            raise ValueError(
                "There are no moving averages of the weights: `compile(ema_momentum=0.999)` keeps "
                "them from then on."
            )
        # Copies, for JAX gives the buffers of variables away when it computes with them.
        trained = [keras.ops.copy(variable.value) for variable, _ in averages]
        for variable, average in averages:
            variable.assign(keras.ops.copy(average.value))
        try:
            yield
        finally:
            for (variable, _), value in zip(averages, trained, strict=True):
                variable.assign(value)

    def _averages(self) -> list[tuple]:
        """The moving averages that the generators' optimizer keeps, each with its variable."""
        if not self.compiled:
            return []
        optimizer = self.generator_optimizer
        if not optimizer.use_ema:
            return []
        averages = optimizer._model_variables_moving_average
        return list(zip(optimizer._trainable_variables, averages, strict=True))

    def deployed_network(
        self, direction: str = "source_to_target", averaged: bool | None = None
    ) -> keras.Model:
        """The network of one direction as it is deployed: a copy where it holds averages.

        Args:
            direction: A key of `directions`.
            averaged: As in `translate`.
        """
        network = self.networks[self.network_of(direction)]
        with self.deployed(averaged):
            if averaged is False or not self._averages():
                return network
            copy = type(network).from_config(network.get_config())
            copy.set_weights(network.get_weights())
        return copy

    def export(
        self,
        filepath: str | Path,
        direction: str = "source_to_target",
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> None:
        """Exports the network of one direction for inference, with its moving averages.

        What is exported gives what `translate` gives, for any number of images, and of any size
        where the network takes any.

        Args:
            filepath: The file; of a SavedModel the folder.
            direction: A key of `directions`.
            format: `"tf_saved_model"` (TensorFlow and JAX), `"litert"` (TensorFlow) or `"onnx"`
                (TensorFlow and torch; `pip install keras-simgan[onnx]`).
            **kwargs: Other arguments of `keras.Model.export`, such as `verbose`.

        Raises:
            ValueError: A direction that the model does not have, or a format that the backend
                does not write; a preset can be exported on another.
        """
        network = self.networks[self.network_of(direction)]
        with self.deployed():
            export_network(network, filepath, format, **kwargs)

    # presets

    def preset_networks(self) -> tuple[dict[str, keras.Model], dict[str, keras.Model]]:
        """The networks that a preset deploys, and those that it keeps for training only."""
        deployed = list(self.directions.values()) or list(self.generators)
        others = {name: net for name, net in self.networks.items() if name not in deployed}
        return {name: self.networks[name] for name in deployed}, others

    def save_to_preset(
        self,
        folder: str | Path,
        *,
        training: bool = True,
        dtype: str = "float32",
        overwrite: bool = False,
        averaged: bool | None = None,
        **metadata: Any,
    ) -> None:
        """Writes the model into a folder that `from_preset` reads.

        Args:
            folder: Where `config.json`, `metadata.json` and a file for each network go, which its
                `load_weights` reads: `model.weights.h5` for the first of `directions`, and for the
                others `NAME.weights.h5`.
            training: Whether to keep the networks that only train.
            dtype: `"float32"` or `"float16"`, how the weights are stored.
            overwrite: Whether an existing preset may be replaced.
            averaged: Whether the generators' weights are their moving averages; where they are kept
                when left out.
            **metadata: What `metadata.json` says besides: `license`, `description`, `scores`...

        Raises:
            FileExistsError: There is a preset, and `overwrite` is false.
            ValueError: A layer that is part of no named network, averages that are not kept, or
                weights of a training that diverged: not finite, or trainable ones above 65504.
        """
        self._refuse_unnamed(self.layers)
        with self.deployed(averaged):
            presets.save(
                self, folder, training=training, dtype=dtype, overwrite=overwrite, **metadata
            )

    @classmethod
    def from_preset(
        cls, preset: str | Path, load_weights: bool = True, direction: str | None = None
    ) -> Self | keras.Model:
        """Builds a model from a preset.

        Args:
            preset: The name of a bundled preset (see `keras_simgan.presets.presets()`), a folder
                that `save_to_preset` wrote, or `"hf://user/repository"`.
            load_weights: Whether to load the weights, or to start from new ones.
            direction: A key of `directions`, to load the network of that direction alone, which
                takes the memory of one network instead of four.

        Returns:
            The model, not compiled; or with `direction` the network.

        Raises:
            ValueError: No such preset, another class, or a checksum that differs.
        """
        return presets.load(preset, cls=cls, load_weights=load_weights, direction=direction)
