"""Training two sides against each other with `compile`, `fit` and `evaluate`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_simgan.backend import value_and_gradients
from keras_simgan.losses.precision import at_least_float32
from keras_simgan.models import batches, several_devices
from keras_simgan.models.loss_names import loss_names
from keras_simgan.models.translator import Translator
from keras_simgan.models.turn_optimizer import LossScaleOptimizer, TurnOptimizer, plain_optimizer


class AdversarialTraining(Translator):
    """Networks whose two turns have an optimizer each, in what Keras saves and resumes.

    Both optimizers live in one `TurnOptimizer`; what else changes in training (step counter, image
    histories, seeds, moving averages) are variables of the model or of its optimizers. So a
    `.keras` file, `save_weights` and `BackupAndRestore` hold the whole training.

    The losses' names, which Keras needs means of, are found on the first batch that is seen.
    """

    _loss_means: dict[str, keras.metrics.Mean] = {}
    _fits = False

    def losses_of(self, batch: tuple, training: bool) -> dict[str, Any]:
        """Every loss of both turns by name; changes nothing."""
        raise TypeError(f"{type(self).__name__} must define `losses_of`.")

    def default_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        """The generator's and the discriminator's optimizer where `compile` is given none.

        Adam as in CycleGAN and pix2pix. The epsilon is that of the authors' PyTorch; Keras adds it
        before the bias correction, where it acts like 3e-7 at the first step (Keras' own default of
        1e-7 like 3e-6).
        """
        return tuple(keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=1e-8) for _ in range(2))

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | str | None = None,
        ema_momentum: float | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the model ready to train.

        Args:
            generator_optimizer: Optimizer of the generator turn. The paper's when left out.
            discriminator_optimizer: Optimizer of the discriminator turn. The paper's when left out.
            ema_momentum: Keeps moving averages of the generators' weights, `m average + (1 - m)
                weights` after each generator turn, such as 0.999. `translate`, `predict`, presets
                and callbacks take them; the training goes on with the weights. The same as
                `use_ema=True` of a Keras optimizer.
            **kwargs: `run_eagerly`, `jit_compile`, `steps_per_execution`, `auto_scale_loss`, as in
                `keras.Model.compile`. Networks that compute in float16 get dynamic loss scaling.

        Raises:
            TypeError: An argument that a GAN does not take, such as `optimizer` or `loss`.
            ValueError: One optimizer for both turns, or one that wraps others; or what several
                devices would not train as one does.
        """
        allowed = {"run_eagerly", "jit_compile", "steps_per_execution", "auto_scale_loss"}
        if unknown := sorted(set(kwargs) - allowed):
            raise TypeError(
                f"{type(self).__name__}.compile takes `generator_optimizer`, "
                f"`discriminator_optimizer`, `ema_momentum` and {sorted(allowed)}. Received: "
                f"{unknown}. The losses are the model's own, and each turn has an optimizer of its "
                "own."
            )
        self._refuse_unnamed(self.layers)
        defaults = self.default_optimizers()
        generator = plain_optimizer("generator_optimizer", generator_optimizer, defaults[0])
        discriminator = plain_optimizer(
            "discriminator_optimizer", discriminator_optimizer, defaults[1]
        )
        if generator is discriminator:
            raise ValueError(
                "`generator_optimizer` and `discriminator_optimizer` are the same object; each "
                "turn needs an optimizer of its own."
            )
        several_devices.prepare(self, [generator, discriminator], kwargs)
        if ema_momentum is not None:
            if not 0 <= ema_momentum < 1:
                raise ValueError(f"`ema_momentum` must be in [0, 1); got {ema_momentum!r}.")
            generator.use_ema, generator.ema_momentum = True, ema_momentum
        variables = self._generator_variables, self._discriminator_variables
        optimizer: keras.optimizers.Optimizer = TurnOptimizer(generator, discriminator, *variables)
        computes_in_float16 = any(
            layer.compute_dtype == "float16" for layer in self._flatten_layers()
        )
        if kwargs.get("auto_scale_loss", True) and computes_in_float16:
            optimizer = LossScaleOptimizer(optimizer)
            optimizer.build([*variables[0], *variables[1]])
        super().compile(**{**kwargs, "optimizer": optimizer, "auto_scale_loss": False})
        # No dictionary that Keras would track: it is for `get_compile_config` alone.
        self._turn_optimizers = (generator, discriminator)
        self._compile_arguments = tuple({"ema_momentum": ema_momentum, **kwargs}.items())

    def get_compile_config(self) -> dict:
        """The arguments of `compile`, for `.keras` files."""
        if not self.compiled:
            return {}
        named = zip(
            ("generator_optimizer", "discriminator_optimizer"), self._turn_optimizers, strict=True
        )
        return keras.saving.serialize_keras_object({**dict(named), **dict(self._compile_arguments)})

    def compile_from_config(self, config: dict) -> None:
        """Compiles as the saved model was; the optimizers' state follows with the weights."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    @property
    def generator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the generator turn."""
        return self._turn_optimizer(0)

    @property
    def discriminator_optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer of the discriminator turn."""
        return self._turn_optimizer(1)

    def _turn_optimizer(self, turn: int) -> keras.optimizers.Optimizer:
        if not self.compiled:
            raise ValueError(f"Call `compile()` on the {type(self).__name__} first.")
        return self._turn_optimizers[turn]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The mean of every named loss, once the names are known."""
        return list(self._loss_means.values())

    @property
    def _generator_variables(self) -> list:
        return [v for network in self.generators.values() for v in network.trainable_variables]

    @property
    def _discriminator_variables(self) -> list:
        return [v for network in self.discriminators.values() for v in network.trainable_variables]

    @property
    def _state(self) -> list:
        return [*self.variables, *self.optimizer.variables, *self.metrics_variables]

    def minimize(
        self, losses: Callable[[], tuple[dict, Any]], variables: list, optimizer: Any
    ) -> tuple[dict, Any]:
        """One step of one turn's optimizer down the sum of its losses.

        Args:
            losses: Gives the losses by name, and anything else.
            variables: What moves.
            optimizer: The turn's optimizer.

        Returns:
            What `losses` gave.
        """
        scaler = self.optimizer if isinstance(self.optimizer, LossScaleOptimizer) else None

        def total():
            named, other = losses()
            loss = sum(map(at_least_float32, named.values()))  # some may be of half precision
            return (loss if scaler is None else scaler.scale_loss(loss)), (named, other)

        (_, (named, other)), gradients = value_and_gradients(total, variables, self._state)
        if scaler is None:
            optimizer.apply(gradients, variables)
        else:
            scaler.apply_turn(optimizer, gradients, variables, self._state)
        return named, other

    # what Keras calls

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Trains, as `keras.Model.fit` does.

        Args:
            x: Source images in [-1, 1], shape `(n, height, width, channels)`, or a dictionary of
                what the generator takes: images, label maps, classes, noise; or a `tf.data` data
                set, a `keras.utils.PyDataset`, a torch `DataLoader` or a generator that gives
                batches `(source, target)`.
            y: The target's, as many, where `x` is of arrays.
            batch_size: Samples of a step, where `x` is of arrays; 32 when left out.
            epochs: The epoch to end at.
            verbose: As in `keras.Model.fit`.
            callbacks: As in `keras.Model.fit`.
            **kwargs: The other arguments of `keras.Model.fit`.

        Returns:
            The `History`: the mean of each named loss over the turns that played it, and `loss`,
            their sum. A loss whose turn was not played in an epoch is logged as 0.

        Raises:
            ValueError: Images outside [-1, 1] or not finite (arrays whole, of a data set the first
                batch), or without a target, before any training.
            TypeError: Weights of samples or classes.
        """
        of = type(self).__name__
        if kwargs.get("class_weight") is not None:
            raise TypeError(f"A {of} has no classes that `class_weight` could weigh.")
        if kwargs.get("sample_weight") is not None:
            raise ValueError(
                "A GAN trains on batches `(source, target)` without sample weights: its losses "
                "compare whole sets of images. Repeat or leave out images instead."
            )
        x = self.inspect_data(x, y)
        validation = kwargs.get("validation_data")
        if isinstance(validation, tuple | list):
            for images in validation:
                batches.check_images("validation_data", images)
            size = kwargs.get("validation_batch_size") or batch_size
            several_devices.check_shares(self, validation[0], size)
        elif validation is not None:
            kwargs["validation_data"] = batches.first_batch(validation)[1]
        if hasattr(x, "set_epoch"):
            # Such a data set has an order of its own, a function of the epoch. Keras would shuffle
            # its batches besides, and tells callbacks alone at which epoch it goes on.
            kwargs["shuffle"] = False
            set_epoch = keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: x.set_epoch(epoch)
            )
            single = isinstance(callbacks, keras.callbacks.Callback)
            callbacks = [*([callbacks] if single else callbacks or []), set_epoch]
        several_devices.check_shares(self, x, batch_size)
        steps = batches.steps_of(x, batch_size, kwargs.get("steps_per_epoch"))
        if steps is not None:
            planned = self._steps_taken() + steps * (epochs - kwargs.get("initial_epoch", 0))
            self._warn_of_warmup(planned, "will end")
        self._fits = True
        try:
            history = super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)
        finally:
            self._fits = False
        self._warn_of_warmup(self._steps_taken(), "has ended")
        return history

    def _steps_taken(self) -> int:
        return int(ops.convert_to_numpy(self.step))

    def _warn_of_warmup(self, step: int, verb: str) -> None:
        warmup = getattr(self.turns, "warmup", 0)
        if warmup and step <= warmup:
            warnings.warn(
                f"This training {verb} at step {step}, within the warm-up of {warmup} steps: no "
                "turn against a trained discriminator is played, so the generator learns nothing "
                "of the target. Train longer or with a shorter warm-up.",
                stacklevel=3,
            )

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Measures every loss, as `keras.Model.evaluate` does, and trains nothing."""
        if not self._fits:  # whose validation data `fit` has looked at
            x = self.inspect_data(x, y)
            size = args[0] if args else kwargs.get("batch_size")
            several_devices.check_shares(self, x, size)
        return super().evaluate(x, y, *args, **kwargs)

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Plays one step, as `keras.Model.train_on_batch` does."""
        if not self._loss_means:
            self.inspect_data(x, y)
        return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Measures every loss on a batch, as `keras.Model.test_on_batch` does."""
        if not self._loss_means:
            self.inspect_data(x, y)
        return super().test_on_batch(x, y, *args, **kwargs)

    def inspect_data(self, x: Any, y: Any = None) -> Any:
        """Checks the first batch of data, and names the losses; returns the data to use for `x`."""
        batch, x = batches.first_batch(x, y)
        if self._loss_means:
            return x
        names = loss_names(self.losses_of, batch)
        if "loss" in names:
            raise ValueError(
                f"No loss of {type(self).__name__} may be named 'loss': it is the sum."
            )
        with self.variable_scope():
            self._loss_means = {name: keras.metrics.Mean(name=name) for name in names}
        return x

    def record(self, named: dict, batch_size: Any) -> None:
        """Takes losses into their means.

        Raises:
            ValueError: A loss that the first batch did not have, or no batch was looked at.
        """
        for name, value in named.items():
            if name not in self._loss_means:
                raise ValueError(
                    f"The loss {name!r} is not among those of the first batch, "
                    f"{list(self._loss_means)}. Losses have the same names in every step; a loop "
                    "of your own calls `inspect_data(source, target)` before its first step."
                )
            if self.devices > 1:  # of a small batch to measure some get nothing, whose mean is NaN
                value = ops.where(batch_size > 0, value, 0.0)
            self._loss_means[name].update_state(value, sample_weight=batch_size)

    def logs(self) -> dict:
        """The mean of each loss, and `loss`, their sum."""
        named = {name: mean.result() for name, mean in self._loss_means.items()}
        return {"loss": sum(named.values()), **named}

    def get_metrics_result(self) -> dict:
        """The same, of all devices, for Keras' own logs."""
        return self.logs()
