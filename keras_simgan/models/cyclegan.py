"""CycleGAN: translation between two domains without pairs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.layers import ImagePool
from keras_simgan.losses import LabelConsistency, LeastSquaresLoss
from keras_simgan.models.gan import GAN, in_one_batch

LABEL_CONSISTENCY_ON = ("translated", "cycled")


@keras.saving.register_keras_serializable(package="keras_simgan")
class CycleGAN(GAN):
    r"""Two generators that translate between two domains and undo each other.

    Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks". With source images `x`, target images `y`, generator `G`: source to target, inverse
    generator `F`: target to source, and discriminators `D_T` of the target, `D_S` of the source:

        generator turn, both generators at once (equations 1 to 3, and section 5.2):
            mean (D_T(G(x)) - 1)^2 + mean (D_S(F(y)) - 1)^2
            + cycle_weight (mean |F(G(x)) - x| + mean |G(F(y)) - y|)
            + cycle_weight identity_weight (mean |G(y) - y| + mean |F(x) - x|)
        discriminator turn, both discriminators at once:
            1/2 mean (D_T(y) - 1)^2 + 1/2 mean D_T(G(x))^2, and the same for D_S, x and F(y)

    Each discriminator sees fakes from a pool of its own (`layers.ImagePool`). Adam at 2e-4 with
    beta_1 = 0.5 is the default of `compile`; the paper trains 100 epochs at it and 100 more to
    zero, which is `schedules.LinearDecay`.

    Unpaired translation can change what an image shows: nothing above keeps a 3 from becoming an 8
    as long as F knows the way back. `label_consistency` is the remedy where a model reads labels.

    Args:
        generator: Translates source images, such as `networks.ResNetGenerator`.
        inverse_generator: Translates target images.
        target_discriminator: Gives a value for every patch of a target image, shape
            `(batch, rows, columns, 1)`, such as `networks.PatchDiscriminator`.
        source_discriminator: The same for source images.
        cycle_weight: Weight of the cycle consistency, lambda; or a pair, of the source's cycle and
            of the target's.
        identity_weight: Weight of the identity loss, as a part of `cycle_weight`; 0 for none. It
            keeps colours, and needs domains of the same number of channels.
        adversarial_loss: `losses.LeastSquaresLoss()` when left out.
        label_consistency: A `losses.LabelConsistency`, for source images, whose labels are to stay.
        label_consistency_on: Where the label is read again: `"translated"`, in G(x), the images one
            goes on to train with, or `"cycled"`, in F(G(x)), for a model that knows the source's
            looks only.
        pool_size: Images in each pool; 0 for none.
        seed: Seed of the draws from the pools.
        **kwargs: Arguments of `keras.Model`.

    Source and target are images in [-1, 1], shape `(batch, height, width, channels)`; `predict`
    translates source to target, `translate` either way.

    Example:
        >>> import numpy as np
        >>> from keras_simgan import models, networks
        >>> def generator():
        ...     return networks.ResNetGenerator((32, 32, 3), filters=8, blocks=1)
        >>> def discriminator():
        ...     return networks.PatchDiscriminator((32, 32, 3), filters=8, layers=2)
        >>> model = models.CycleGAN(generator(), generator(), discriminator(), discriminator())
        >>> model.compile()
        >>> source, target = np.random.uniform(-1, 1, (2, 4, 32, 32, 3)).astype("float32")
        >>> history = model.fit(source, target, batch_size=2, verbose=0)
        >>> model.translate(target, direction="target_to_source").shape
        (4, 32, 32, 3)
    """

    directions = {"source_to_target": "generator", "target_to_source": "inverse_generator"}

    def __init__(
        self,
        generator: keras.Model,
        inverse_generator: keras.Model,
        target_discriminator: keras.Model,
        source_discriminator: keras.Model,
        cycle_weight: float | tuple[float, float] = 10.0,
        identity_weight: float = 0.5,
        adversarial_loss: LeastSquaresLoss | None = None,
        label_consistency: LabelConsistency | None = None,
        label_consistency_on: str = "translated",
        pool_size: int = 50,
        seed: int = 0,
        **kwargs: Any,
    ):
        if isinstance(cycle_weight, list):  # as it comes from a file
            cycle_weight = tuple(cycle_weight)
        weights = cycle_weight if isinstance(cycle_weight, tuple) else (cycle_weight, cycle_weight)
        if len(weights) != 2 or not all(
            isinstance(weight, (int, float)) and weight >= 0
            for weight in (*weights, identity_weight)
        ):
            raise ValueError(
                "`cycle_weight` must be one weight or two, and no weight below 0. Received: "
                f"cycle_weight={cycle_weight!r}, identity_weight={identity_weight!r}."
            )
        for argument, loss, kind in (
            ("adversarial_loss", adversarial_loss, LeastSquaresLoss),
            ("label_consistency", label_consistency, LabelConsistency),
        ):
            if loss is not None and not isinstance(loss, kind):
                raise ValueError(
                    f"`{argument}` must be a `losses.{kind.__name__}`. Received: {loss!r}."
                )
        if label_consistency_on not in LABEL_CONSISTENCY_ON:
            raise ValueError(
                f"`{self._label_argument}` must be one of {LABEL_CONSISTENCY_ON}; got "
                f"{label_consistency_on!r}."
            )
        if not isinstance(pool_size, int) or pool_size < 0:
            raise ValueError(f"`pool_size` must be an integer of at least 0; got {pool_size!r}.")
        super().__init__(
            [generator, inverse_generator], [target_discriminator, source_discriminator], **kwargs
        )
        domains = {"source": generator.input_shape, "target": inverse_generator.input_shape}
        for argument, shape, domain in (
            ("generator", generator.output_shape, "target"),
            ("inverse_generator", inverse_generator.output_shape, "source"),
            ("target_discriminator", target_discriminator.input_shape, "target"),
            ("source_discriminator", source_discriminator.input_shape, "source"),
        ):
            if not _fits(shape, domains[domain]):
                gives = "gives" if "generator" in argument else "takes"
                raise ValueError(
                    f"`{argument}` {gives} images of shape {shape}, but the {domain} domain's "
                    f"generator takes {domains[domain]}."
                )
        for argument, discriminator in (
            ("target_discriminator", target_discriminator),
            ("source_discriminator", source_discriminator),
        ):
            if len(discriminator.output_shape) != 4 or discriminator.output_shape[-1] != 1:
                raise ValueError(
                    f"`{argument}` must give one value a patch, shape (batch, rows, columns, 1); "
                    f"its output shape is {discriminator.output_shape}."
                )
        if identity_weight and not _fits(domains["source"], domains["target"]):
            raise ValueError(
                "The identity loss gives each generator images of its own output domain, so both "
                "domains must have images of the same size and channels; they have "
                f"{domains['source']} and {domains['target']}. Pass `identity_weight=0`."
            )
        if pool_size and None in (*domains["source"][1:], *domains["target"][1:]):
            raise ValueError(
                "An image pool needs images of known size; the generators take "
                f"{domains['source']} and {domains['target']}. Give them an `image_shape` without "
                "None, or pass `pool_size=0`."
            )
        self.generator = generator
        self.inverse_generator = inverse_generator
        self.target_discriminator = target_discriminator
        self.source_discriminator = source_discriminator
        self.cycle_weight = cycle_weight
        self.identity_weight = identity_weight
        self._cycle_weights = [float(weight) for weight in weights]
        self.adversarial_loss = adversarial_loss or LeastSquaresLoss()
        self.label_consistency = label_consistency
        self.label_consistency_on = label_consistency_on
        # Tracked here, so that a frozen model is saved with this one.
        self.feature_extractors = [label_consistency.model] if label_consistency else []
        self.pool_size = pool_size
        self.seed = seed
        self.target_pool = self.source_pool = None
        if pool_size:
            self.target_pool = ImagePool(pool_size, domains["target"][1:], seed=2 * seed)
            self.source_pool = ImagePool(pool_size, domains["source"][1:], seed=2 * seed + 1)

    _label_argument = "label_consistency_on"

    def call(self, source, training=False):
        """Translates source images in [-1, 1], shape `(batch, height, width, channels)`."""
        return self.generator(source, training=training)

    def batch_shapes(self):
        """The shapes of both domains; a size that one network leaves open may be in another."""
        there, back = self.generator, self.inverse_generator
        source = [there.input_shape, back.output_shape, self.source_discriminator.input_shape]
        target = [back.input_shape, there.output_shape, self.target_discriminator.input_shape]
        if self.label_consistency and hasattr(self.label_consistency.model, "input_shape"):
            source.append(self.label_consistency.model.input_shape)
        return _known(source), _known(target)

    def generator_losses(self, source, target, training=True):
        """Equation 3 for both generators; and both fakes, `(target, source)`."""
        if self.identity_weight:
            fake_target, same_target = in_one_batch(self.generator, [source, target], training)
            fake_source, same_source = in_one_batch(
                self.inverse_generator, [target, source], training
            )
        else:
            fake_target = self.generator(source, training=training)
            fake_source = self.inverse_generator(target, training=training)
        cycled_source = self.inverse_generator(fake_target, training=training)
        cycled_target = self.generator(fake_source, training=training)
        of_target = self.target_discriminator(fake_target, training=training)
        of_source = self.source_discriminator(fake_source, training=training)

        source_weight, target_weight = self._cycle_weights
        losses = {
            "generator_adversarial": self.adversarial_loss.generator(of_target),
            "inverse_adversarial": self.adversarial_loss.generator(of_source),
            "source_cycle": source_weight * _l1(cycled_source, source),
            "target_cycle": target_weight * _l1(cycled_target, target),
        }
        if self.identity_weight:
            # The weight is that of the cycle of the same images, as in the authors' code.
            losses["source_identity"] = (
                source_weight * self.identity_weight * _l1(same_source, source)
            )
            losses["target_identity"] = (
                target_weight * self.identity_weight * _l1(same_target, target)
            )
        if self.label_consistency:
            cycled = self.label_consistency_on == "cycled"
            losses[self._label_loss] = self.label_consistency(
                source, cycled_source if cycled else fake_target
            )
        return losses, (fake_target, fake_source)

    _label_loss = "label_consistency"

    def discriminator_losses(self, source, target, fakes, training=True):
        """Fakes told from real images, in both domains."""
        losses = {}
        for domain, discriminator, fake, real in (
            ("target", self.target_discriminator, fakes[0], target),
            ("source", self.source_discriminator, fakes[1], source),
        ):
            of_fake, of_real = in_one_batch(discriminator, [fake, real], training)
            losses[f"{domain}_discriminator_fake"] = self.adversarial_loss.discriminator_fake(
                of_fake
            )
            losses[f"{domain}_discriminator_real"] = self.adversarial_loss.discriminator_real(
                of_real
            )
        return losses

    def recall_fakes(self, fakes):
        """Some of each domain's fakes from its pool."""
        if not self.pool_size:
            return fakes
        return self.target_pool(fakes[0]), self.source_pool(fakes[1])

    def get_config(self):
        """All arguments, the networks and the losses among them."""
        serialize = keras.saving.serialize_keras_object
        return {
            "name": self.name,
            "generator": serialize(self.generator),
            "inverse_generator": serialize(self.inverse_generator),
            "target_discriminator": serialize(self.target_discriminator),
            "source_discriminator": serialize(self.source_discriminator),
            "cycle_weight": self.cycle_weight,
            "identity_weight": self.identity_weight,
            "adversarial_loss": serialize(self.adversarial_loss),
            "label_consistency": serialize(self.label_consistency),
            "label_consistency_on": self.label_consistency_on,
            "pool_size": self.pool_size,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The model that `get_config` described."""
        load = keras.saving.deserialize_keras_object
        return cls(**{key: load(value, custom_objects) for key, value in config.items()})


def _l1(one, other):
    return ops.mean(ops.abs(ops.subtract(one, other)))


def _fits(shape: tuple, expected: tuple) -> bool:
    return len(shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, expected, strict=True)
    )


def _known(shapes: list[tuple]) -> tuple:
    return tuple(next(filter(None, sizes), None) for sizes in zip(*shapes, strict=True))
