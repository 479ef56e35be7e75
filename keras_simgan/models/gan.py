"""The game that every GAN of this package plays."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_simgan.schedules  # noqa: F401  (saved models may name its classes)
from keras_simgan import presets
from keras_simgan.backend import TrainingSteps, branch, value_and_gradients


class GAN(TrainingSteps):
    """Networks that move in a generator turn against networks that move in a discriminator turn.

    A subclass says what is lost in each turn, with two methods that change nothing:

        generator_losses(source, target, training) -> (named losses, fakes)
        discriminator_losses(source, target, fakes, training) -> named losses

    The losses are weighted scalars; each turn minimises their sum with respect to its own networks
    only. One training step plays both turns on one batch: gradients of the generators, then of the
    discriminators, whose fakes are those of the generator turn, with gradients stopped. So nothing
    is computed twice. `turns` lets a subclass leave a turn out, and `recall_fakes` lets it mix the
    fakes with those of the past.

    Both optimizers live in one `keras.optimizers.MultiOptimizer`, which Keras saves and restores;
    what else changes in training (step counter, image histories, seeds) are variables of the model.
    So a `.keras` file, `save_weights` and `BackupAndRestore` hold the whole training.

    Args:
        generators: The networks that move in the generator turn.
        discriminators: The networks that move in the discriminator turn.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    A subclass assigns its networks to attributes, calls `super().__init__`, gives the two methods
    and `call`, and names the networks that translate in `directions`.
    """

    #: The attribute of the network that translates in each direction; the first is what `call`
    #: does. A preset keeps these in `model.weights.h5`; the other networks train only.
    directions: dict[str, str] = {}

    def __init__(
        self,
        generators: list[keras.Model],
        discriminators: list[keras.Model],
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        networks = [*generators, *discriminators]
        for network in networks:
            if not (
                isinstance(network, keras.Model)
                and network.built
                and hasattr(network, "input_shape")  # a subclassed model has none, called or not
            ):
                raise ValueError(
                    f"Every network of a {type(self).__name__} must be a built `keras.Model` that "
                    f"knows its shapes. Received: {network!r}. Give it an input shape; make a "
                    "subclassed model functional: `inputs = keras.Input(shape)`, then "
                    "`keras.Model(inputs, model(inputs))`."
                )
        if len({id(network) for network in networks}) < len(networks):
            raise ValueError(
                f"A {type(self).__name__} was given the same network twice. Each moves by itself: "
                "build one for every argument."
            )
        self._generators = list(generators)
        self._discriminators = list(discriminators)
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )
        self._loss_means: dict[str, keras.metrics.Mean] = {}
        self.built = True

    # What a subclass gives.

    def generator_losses(self, source, target, training: bool = True):
        """Returns the generator turn's named losses and the fakes."""
        raise TypeError(f"{type(self).__name__} must define `generator_losses`.")

    def discriminator_losses(self, source, target, fakes, training: bool = True):
        """Returns the discriminator turn's named losses."""
        raise TypeError(f"{type(self).__name__} must define `discriminator_losses`.")

    def turns(self):
        """Which of (generator turn, discriminator turn) this step plays: booleans or tensors."""
        return True, True

    def recall_fakes(self, fakes):
        """What the discriminators see as fake in training: these, or some of the past."""
        return fakes

    def default_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        """The generator's and the discriminator's optimizer where `compile` is given none."""
        return keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5)

    # compile

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | str | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the model ready to train.

        Args:
            generator_optimizer: Optimizer of the generator turn. The paper's when left out.
            discriminator_optimizer: Optimizer of the discriminator turn. The paper's when left out.
            **kwargs: `run_eagerly`, `jit_compile`, `steps_per_execution`, `auto_scale_loss`, as in
                `keras.Model.compile`. Networks that compute in float16 get dynamic loss scaling.

        Raises:
            TypeError: An argument that a GAN does not take, such as `optimizer` or `loss`.
        """
        allowed = {"run_eagerly", "jit_compile", "steps_per_execution", "auto_scale_loss"}
        if unknown := sorted(set(kwargs) - allowed):
            raise TypeError(
                f"{type(self).__name__}.compile takes `generator_optimizer`, "
                f"`discriminator_optimizer` and {sorted(allowed)}. Received: {unknown}. The losses "
                "are the model's own, and each turn has an optimizer of its own."
            )
        defaults = self.default_optimizers()
        generator_optimizer = _optimizer(generator_optimizer, defaults[0], "generator_optimizer")
        discriminator_optimizer = _optimizer(
            discriminator_optimizer, defaults[1], "discriminator_optimizer"
        )
        if generator_optimizer is discriminator_optimizer:
            raise ValueError(
                "`generator_optimizer` and `discriminator_optimizer` are the same object; each "
                "turn needs an optimizer of its own."
            )
        discriminator_ids = {id(variable) for variable in self._discriminator_variables}
        optimizer = keras.optimizers.MultiOptimizer(
            lambda variable: (
                discriminator_optimizer
                if id(variable) in discriminator_ids
                else generator_optimizer
            )
        )
        computes_in_float16 = any(
            layer.compute_dtype == "float16" for layer in self._flatten_layers()
        )
        if kwargs.get("auto_scale_loss", True) and computes_in_float16:
            optimizer = _LossScaleOptimizer(optimizer)
        # A fixed order, so that each turn finds its optimizer by its place.
        optimizer.build(self._generator_variables + self._discriminator_variables)
        super().compile(**{**kwargs, "optimizer": optimizer, "auto_scale_loss": False})
        self._loss_means = {name: keras.metrics.Mean(name=name) for name in self._loss_names()}
        self._turn_compile_config = {
            "generator_optimizer": generator_optimizer,
            "discriminator_optimizer": discriminator_optimizer,
            **kwargs,
        }

    def get_compile_config(self) -> dict:
        """The arguments of `compile`, for `.keras` files."""
        if not self.compiled:
            return {}
        return keras.saving.serialize_keras_object(dict(self._turn_compile_config))

    def compile_from_config(self, config: dict) -> None:
        """Compiles as the saved model was; the optimizers' state follows with the weights."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def save_own_variables(self, store) -> None:
        """Also the seeds of the networks' random layers, which Keras leaves out of its files."""
        super().save_own_variables(store)
        for index, seed in enumerate(self._seeds):
            store[f"seed_{index}"] = seed

    def load_own_variables(self, store) -> None:
        """What `save_own_variables` wrote."""
        seeds = {key: store[key] for key in store.keys() if key.startswith("seed_")}
        super().load_own_variables({key: store[key] for key in store.keys() if key not in seeds})
        for index, seed in enumerate(self._seeds):
            if f"seed_{index}" in seeds:
                seed.assign(seeds[f"seed_{index}"])

    @property
    def _seeds(self) -> list:
        weights = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in weights]

    @property
    def generator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the generator turn."""
        return self._multi_optimizer.optimizers[0]

    @property
    def discriminator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the discriminator turn."""
        return self._multi_optimizer.optimizers[1]

    @property
    def _multi_optimizer(self) -> keras.optimizers.MultiOptimizer:
        if not self.compiled:
            raise ValueError(f"Call `compile()` on the {type(self).__name__} first.")
        return getattr(self.optimizer, "inner_optimizer", self.optimizer)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The mean of every named loss."""
        return list(self._loss_means.values())

    @property
    def _generator_variables(self) -> list:
        return [v for network in self._generators for v in network.trainable_variables]

    @property
    def _discriminator_variables(self) -> list:
        return [v for network in self._discriminators for v in network.trainable_variables]

    @property
    def _state(self) -> list:
        return [*self.variables, *self.optimizer.variables, *self.metrics_variables]

    def _loss_names(self) -> list[str]:
        """Finds the losses' names by playing both turns once on zeros, leaving no trace."""
        with keras.StatelessScope():
            source, target = (
                ops.zeros((2, *[size or 64 for size in shape[1:]])) for shape in self.batch_shapes()
            )
            generator, fakes = self.generator_losses(source, target, training=False)
            discriminator = self.discriminator_losses(source, target, fakes, training=False)
        names = [*generator, *discriminator]
        if len({"loss", *names}) <= len(names):
            raise ValueError(f"Two losses of {type(self).__name__} share a name: {names}.")
        return names

    def batch_shapes(self) -> tuple[tuple, tuple]:
        """The shapes of a source and a target batch."""
        return self._generators[0].input_shape, self._discriminators[0].input_shape

    # train

    def adversarial_step(self, data) -> dict:
        """Plays the turns of one step on a batch `(source, target)`; returns the mean losses."""
        source, target = _batch(data)
        generator_turn, discriminator_turn = self.turns()
        state = self._state
        fakes = branch(
            generator_turn,
            lambda: self._generator_turn(source, target),
            lambda: _stop_gradient(self.generator_losses(source, target)[1]),
            state,
        )
        branch(
            discriminator_turn,
            lambda: self._discriminator_turn(source, target, fakes),
            lambda: ops.zeros(()),
            state,
        )
        self.step.assign_add(1)
        return self._logs()

    def validation_step(self, data) -> dict:
        """Measures every loss on a batch `(source, target)`; changes nothing but the means."""
        source, target = _batch(data)
        losses, fakes = self.generator_losses(source, target, training=False)
        losses = losses | self.discriminator_losses(source, target, fakes, training=False)
        self._record(losses, ops.shape(source)[0])
        return self._logs()

    def _generator_turn(self, source, target):
        def losses():
            named, fakes = self.generator_losses(source, target)
            return named, _stop_gradient(fakes)

        named, fakes = self._minimize(losses, self._generator_variables, self.generator_optimizer)
        self._record(named, ops.shape(source)[0])
        return fakes

    def _discriminator_turn(self, source, target, fakes):
        fakes = self.recall_fakes(fakes)

        def losses():
            return self.discriminator_losses(source, target, fakes), ()

        named, _ = self._minimize(
            losses, self._discriminator_variables, self.discriminator_optimizer
        )
        self._record(named, ops.shape(source)[0])
        return ops.zeros(())

    def _minimize(self, losses: Callable, variables: list, optimizer) -> tuple[dict, Any]:
        """One step of one optimizer down the sum of these losses."""

        def total():
            named, other = losses()
            loss = sum(named.values())
            if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
                loss = self.optimizer.scale_loss(loss)
            return loss, (named, other)

        (_, (named, other)), gradients = value_and_gradients(total, variables, self._state)
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            self._apply_scaled(gradients, variables, optimizer)
        else:
            optimizer.apply(gradients, variables)
        return named, other

    def _apply_scaled(self, gradients, variables, optimizer) -> None:
        """The rule of `LossScaleOptimizer` for a single turn.

        Its own `apply` wants the gradients of every variable at once, that is of both turns.
        """
        scaler = self.optimizer
        scale = ops.convert_to_tensor(scaler.dynamic_scale)
        finite = scaler.check_finite(gradients)

        def apply():
            optimizer.apply([gradient / scale for gradient in gradients], variables)
            return ops.zeros(())

        branch(finite, apply, lambda: ops.zeros(()), self._state)
        streak = ops.where(finite, scaler.step_counter + 1, 0)
        grows = streak >= scaler.dynamic_growth_steps
        scaler.dynamic_scale.assign(
            ops.where(finite, ops.where(grows, scale * 2.0, scale), scale * 0.5)
        )
        scaler.step_counter.assign(ops.where(grows, 0, streak))

    def _record(self, named: dict, batch_size) -> None:
        for name, value in named.items():
            self._loss_means[name].update_state(value, sample_weight=batch_size)

    def _logs(self) -> dict:
        named = {name: mean.result() for name, mean in self._loss_means.items()}
        return {"loss": sum(named.values()), **named}

    def fit(self, x=None, y=None, **kwargs: Any):
        """Trains, as `keras.Model.fit` does.

        Args:
            x: Source images, shape `(n, height, width, channels)`, in [-1, 1]; or a `tf.data`
                data set, a `keras.utils.PyDataset` or a torch `DataLoader` that gives batches
                `(source, target)`.
            y: Target images, as many, where `x` is an array.
            **kwargs: The other arguments of `keras.Model.fit`.

        Returns:
            The `History`: the mean of each named loss over the turns that played it, and `loss`,
            their sum. A loss whose turn was not played in an epoch is logged as 0.

        Raises:
            ValueError: Arrays outside [-1, 1] or not finite, or without a target, before any
                training; or a data set that gives integers.
        """
        if isinstance(x, np.ndarray):
            _pair((x, y, kwargs.get("sample_weight")))
        _check_range("x", x)
        _check_range("y", y)
        if isinstance(validation := kwargs.get("validation_data"), tuple | list):
            for images in validation:
                _check_range("validation_data", images)
        if hasattr(x, "set_epoch"):
            # Such a data set has an order of its own, a function of the epoch. Keras would shuffle
            # its batches besides, and tells callbacks alone at which epoch it goes on.
            kwargs["shuffle"] = False
            tell = keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: x.set_epoch(epoch)
            )
            callbacks = kwargs.get("callbacks") or []
            if isinstance(callbacks, keras.callbacks.Callback):
                callbacks = [callbacks]
            kwargs["callbacks"] = [*callbacks, tell]
        return super().fit(x, y, **kwargs)

    def translate(
        self,
        images: np.ndarray,
        direction: str = "source_to_target",
        batch_size: int = 32,
        verbose: int | str = 0,
    ) -> np.ndarray:
        """Translates images; `predict` is this from source to target.

        Args:
            images: Images in [-1, 1], shape `(n, height, width, channels)`.
            direction: `"source_to_target"`, or `"target_to_source"` where the model can.
            batch_size: Images at once.
            verbose: As in `keras.Model.predict`.

        Returns:
            The translated images in [-1, 1], in the same order.

        Raises:
            ValueError: A direction the model does not have, or images outside [-1, 1].
        """
        _check_range("images", images)
        network = getattr(self, self.network_of(direction))
        return network.predict(images, batch_size=batch_size, verbose=verbose)

    @classmethod
    def network_of(cls, direction: str) -> str:
        """The attribute of the network that translates in this direction.

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

    # presets

    def save_to_preset(
        self,
        folder: str | Path,
        *,
        training: bool = True,
        dtype: str = "float32",
        overwrite: bool = False,
        **metadata: Any,
    ) -> None:
        """Writes the model into a folder that `from_preset` reads.

        Args:
            folder: Where `config.json`, `model.weights.h5` (the networks of `directions`),
                `training.weights.h5` (the others) and `metadata.json` go.
            training: Whether to keep the networks that only train.
            dtype: `"float32"` or `"float16"`, how the weights are stored.
            overwrite: Whether an existing preset may be replaced.
            **metadata: What `metadata.json` says besides: `license`, `description`, `scores`...

        Raises:
            FileExistsError: There is a preset, and `overwrite` is false.
        """
        presets.save(self, folder, training=training, dtype=dtype, overwrite=overwrite, **metadata)

    @classmethod
    def from_preset(
        cls, preset: str | Path, load_weights: bool = True, direction: str | None = None
    ) -> GAN | keras.Model:
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


class _LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Shows both turns' optimizers to the callbacks that set learning rates."""

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        return self.inner_optimizer.optimizers


def in_one_batch(network: keras.Model, batches: list, training: bool) -> list:
    """A network's outputs for several batches, such as real and fake, or identity and translation.

    They go through as one batch, which is faster, unless a layer mixes samples (batch
    normalization): then they must not share their statistics.
    """
    mixes = any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in network._flatten_layers()
    )
    if mixes:
        return [network(batch, training=training) for batch in batches]
    outputs = network(ops.concatenate(batches, axis=0), training=training)
    ends = list(accumulate(ops.shape(batch)[0] for batch in batches))
    return [outputs[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _optimizer(given, default, argument: str) -> keras.optimizers.Optimizer:
    optimizer = default if given is None else keras.optimizers.get(given)
    wrappers = (keras.optimizers.MultiOptimizer, keras.optimizers.LossScaleOptimizer)
    if isinstance(optimizer, wrappers):
        raise ValueError(
            f"`{argument}` must be a plain optimizer; received {type(optimizer).__name__}. "
            "Loss scaling is added where the networks compute in float16."
        )
    return optimizer


def _stop_gradient(fakes):
    return keras.tree.map_structure(ops.stop_gradient, fakes)


def _pair(data):
    source, target, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if target is None or sample_weight is not None:
        raise ValueError(
            "A GAN trains on batches `(source, target)`: pass `fit(x=source, y=target)` or a data "
            f"set that gives such pairs. Received a batch of {type(data).__name__} with "
            f"{'no target' if target is None else 'sample weights'}."
        )
    return source, target


def _batch(data):
    """A batch's source and target in the networks' precision; NumPy's own is float64."""
    pair = _pair(data)
    for images in pair:
        dtype = keras.backend.standardize_dtype(images.dtype)
        if not keras.backend.is_float_dtype(dtype):
            raise ValueError(
                f"Batches must be floats in [-1, 1]; received one of {dtype}. "
                "`keras_simgan.data.to_unit` scales 8- and 16-bit images; in a `tf.data` data set "
                "`tf.cast(images, 'float32') / 127.5 - 1` does."
            )
    return tuple(ops.cast(images, keras.config.floatx()) for images in pair)


def _check_range(argument: str, images) -> None:
    if not isinstance(images, np.ndarray) or not images.size:
        return
    low, high = float(images.min()), float(images.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"`{argument}` holds values that are not finite.")
    if low < -1.001 or high > 1.001:
        raise ValueError(
            f"`{argument}` must be in [-1, 1]; found values from {low:g} to {high:g}. "
            "`keras_simgan.data.to_unit` scales 8- and 16-bit images."
        )
