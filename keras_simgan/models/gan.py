"""The game that every GAN of this package plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_simgan import losses, schedules
from keras_simgan.backend import across_devices, branch
from keras_simgan.models import batches
from keras_simgan.models.adversarial_training import AdversarialTraining
from keras_simgan.models.discriminator_inputs import augmented, check_logits, with_condition
from keras_simgan.models.in_one_batch import in_one_batch


class GAN(AdversarialTraining):
    """Generators that move in one turn against discriminators that move in the other.

    Goodfellow et al. 2014, "Generative Adversarial Networks", whatever the game: paired or not,
    conditional, with several discriminators, any adversarial loss, penalties, turns of the critic.
    A subclass says in three methods that change nothing what is made and what is lost:

        generate(batch, training) -> fakes
        generator_losses(batch, fakes, training) -> named losses
        discriminator_losses(batch, fakes, training) -> named losses

    A batch is `(source, target)`, each a tensor or a dictionary of tensors. Losses are weighted
    scalars; each turn minimises their sum with respect to its own networks only. One step plays
    both turns on one batch: gradients of the generators, then of the discriminators, which see the
    fakes of the generator turn, gradients stopped. So nothing is computed twice. A generator turn
    that is left out costs `generate` alone, a discriminator turn nothing.

    Args:
        generators: The networks that move in the generator turn, by name; each becomes an
            attribute.
        discriminators: The networks that move in the discriminator turn, by name. Each gives a
            logit for every patch (or two, real and fake), at one scale or several.
        frozen: Networks that losses ask and that never move, by name.
        adversarial_loss: A name, see `losses.adversarial_loss`, or a `losses.AdversarialLoss`.
        penalties: `losses.GradientPenalty` and the like, added for each discriminator.
        weight_clipping: Keeps each weight of the discriminators in [-c, c], as the first
            Wasserstein GAN does (Arjovsky et al. 2017, c = 0.01).
        augment: A Keras layer, such as `layers.DiffAugment`, that the discriminators' images go
            through in training, real and fake alike; for few photos. Where a condition is of
            further channels it is called with `[condition, images]` and gives such a list.
        turns: Which turns a step plays: `schedules.Alternate`, or a function of the step that gives
            two booleans, generator turn and discriminator turn. Both in each step when left out.
        **kwargs: Arguments of `keras.Model`, such as `name`.

    Example:
        >>> import numpy as np
        >>> from keras_simgan import networks
        >>> class Plain(GAN):
        ...     def generate(self, batch, training=True):
        ...         return self.generator(batch[0], training=training)
        ...
        ...     def generator_losses(self, batch, fakes, training=True):
        ...         return {"adversarial": self.generator_adversarial_loss("discriminator", fakes)}
        ...
        ...     def discriminator_losses(self, batch, fakes, training=True):
        ...         return self.discriminator_adversarial_losses("discriminator", batch[1], fakes)
        >>> model = Plain(
        ...     {"generator": networks.Refiner((16, 16, 1), filters=4, blocks=1)},
        ...     {"discriminator": networks.PatchDiscriminator((16, 16, 1), filters=4, layers=1)},
        ...     adversarial_loss="hinge",
        ... )
        >>> model.compile()
        >>> source, target = np.random.uniform(-1, 1, (2, 4, 16, 16, 1)).astype("float32")
        >>> sorted(model.fit(source, target, verbose=0).history)
        ['adversarial', 'discriminator_fake', 'discriminator_real', 'loss']
    """

    def __init__(
        self,
        generators: Mapping[str, keras.Model],
        discriminators: Mapping[str, keras.Model],
        frozen: Mapping[str, keras.Model] | None = None,
        *,
        adversarial_loss: str | losses.AdversarialLoss = "non_saturating",
        penalties: list | tuple = (),
        weight_clipping: float | None = None,
        augment: keras.layers.Layer | None = None,
        turns: Any = None,
        **kwargs: Any,
    ):
        super().__init__(generators, discriminators, frozen, **kwargs)
        self.adversarial_loss = losses.adversarial_loss(adversarial_loss)
        self.penalties = tuple(penalties)
        self.augment = augment
        self.turns = schedules.turns_of(turns)
        self.weight_clipping = weight_clipping
        for name, network in self.discriminators.items():
            check_logits(name, network.output_shape)
            if weight_clipping is not None:
                for variable in network.trainable_variables:
                    variable.constraint = losses.WeightClipping(weight_clipping)
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )
        self.built = True

    # What a subclass gives.

    def generate(self, batch: tuple, training: bool = True) -> Any:
        """Returns the fakes: a tensor, or a structure of tensors."""
        raise TypeError(f"{type(self).__name__} must define `generate`.")

    def generator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Returns the generator turn's losses by name."""
        raise TypeError(f"{type(self).__name__} must define `generator_losses`.")

    def discriminator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Returns the discriminator turn's losses by name."""
        raise TypeError(f"{type(self).__name__} must define `discriminator_losses`.")

    def recall_fakes(self, fakes: Any) -> Any:
        """What the discriminators see as fake in training: these, or some of the past.

        On several devices it is given the whole batch, on each the same.
        """
        return fakes

    # What it is given.

    def judge(self, name: str, images: Any, condition: Any = None, training: bool = True) -> Any:
        """What a discriminator says of images; the only door to it.

        Args:
            name: Its name.
            images: Images in [-1, 1], `(batch, height, width, channels)`, or whatever it judges; or
                a list of such batches, which go through as one where they may.
            condition: What the images were made from: a tensor, which becomes further channels, or
                a dictionary of the discriminator's other inputs, whose image is then `"image"`. Of
                a list of batches the same for each, or a list.
            training: Whether it trains; only then are images augmented.

        Returns:
            The discriminator's output, or a list of them.
        """
        several = isinstance(images, list)
        parts = images if several else [images]
        conditions = condition if isinstance(condition, list) else [condition] * len(parts)
        augment = self.augment if training else None
        seen = [augmented(augment, *both) for both in zip(parts, conditions, strict=True)]
        inputs = [with_condition(*both) for both in seen]
        outputs = in_one_batch(self.discriminators[name], inputs, training)
        return outputs if several else outputs[0]

    def generator_adversarial_loss(
        self, name: str, fakes: Any, condition: Any = None, training: bool = True
    ) -> Any:
        """The adversarial loss of a generator, as one discriminator judges its fakes."""
        return self.adversarial_loss.generator(self.judge(name, fakes, condition, training))

    def discriminator_adversarial_losses(
        self,
        name: str,
        real: Any,
        fakes: Any,
        condition: Any = None,
        training: bool = True,
        weight: float = 1.0,
    ) -> dict:
        """What a discriminator loses on fakes and on real images, and its penalties, by name.

        The condition is the same for both, or a list of two, of fakes and of real images. The
        weight is that of both; penalties have their own.
        """
        of_fakes, of_real = self.judge(name, [fakes, real], condition, training)
        named = {
            f"{name}_fake": weight * self.adversarial_loss.discriminator_fake(of_fakes),
            f"{name}_real": weight * self.adversarial_loss.discriminator_real(of_real),
        }
        for penalty in self.penalties if training else ():
            named[f"{name}_{penalty.name}"] = self._penalize(penalty, name, real, fakes, condition)
        return named

    def _penalize(self, penalty, name: str, real, fakes, condition) -> Any:
        # Lazy penalties count the turns of the discriminators, not the steps.
        turn = ops.convert_to_tensor(self.discriminator_optimizer.iterations)
        condition = condition[1] if isinstance(condition, list) else condition

        def discriminate(images):
            return self.discriminators[name](with_condition(images, condition), training=True)

        return branch(
            True if penalty.every == 1 else ops.equal(turn % penalty.every, 0),
            lambda: penalty(discriminate, real, fakes, turn, self._state),
            lambda: ops.zeros((), keras.config.floatx()),
            self._state,
        )

    # A step.

    def adversarial_step(self, data: Any, turns: tuple | None = None) -> dict:
        """Plays the turns of one step on a batch `(source, target)`; returns the mean losses.

        Args:
            data: The batch.
            turns: Which turns, where that is known; what `self.turns` gives when left out.
        """
        batch = batches.cast(batches.pair(data))
        generator_turn, discriminator_turn = turns or self.turns(ops.convert_to_tensor(self.step))
        fakes = branch(
            generator_turn,
            lambda: self._generator_turn(batch),
            lambda: batches.stop_gradient(self.generate(batch, training=True)),
            self._state,
        )
        branch(
            discriminator_turn,
            lambda: self._discriminator_turn(batch, fakes),
            lambda: ops.zeros(()),
            self._state,
        )
        self.step.assign_add(1)
        return self.logs()

    def validation_step(self, data: Any) -> dict:
        """Measures every loss on a batch `(source, target)`; changes nothing but the means."""
        batch = batches.cast(batches.pair(data))
        self.record(self.losses_of(batch, training=False), batches.size_of(batch))
        return self.logs()

    def losses_of(self, batch: tuple, training: bool) -> dict[str, Any]:
        """Every loss of both turns by name; changes nothing.

        Raises:
            ValueError: Two losses of one name.
        """
        fakes = self.generate(batch, training=training)
        of_generators = self.generator_losses(batch, fakes, training=training)
        of_discriminators = self.discriminator_losses(batch, fakes, training=training)
        if both := sorted(of_generators.keys() & of_discriminators.keys()):
            raise ValueError(f"Two losses of {type(self).__name__} share a name: {both}.")
        return {**of_generators, **of_discriminators}

    def _generator_turn(self, batch: tuple) -> Any:
        def turn():
            fakes = self.generate(batch, training=True)
            return self.generator_losses(batch, fakes, training=True), batches.stop_gradient(fakes)

        named, fakes = self.minimize(turn, self._generator_variables, self.generator_optimizer)
        self.record(named, batches.size_of(batch))
        return fakes

    def _discriminator_turn(self, batch: tuple, fakes: Any) -> Any:
        fakes = across_devices(self.recall_fakes, fakes)
        named, _ = self.minimize(
            lambda: (self.discriminator_losses(batch, fakes, training=True), ()),
            self._discriminator_variables,
            self.discriminator_optimizer,
        )
        self.record(named, batches.size_of(batch))
        return ops.zeros(())
