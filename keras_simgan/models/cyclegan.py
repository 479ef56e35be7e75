"""CycleGAN: translation between two domains without pairs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.layers import ImagePool
from keras_simgan.losses import AdversarialLoss, LabelConsistency
from keras_simgan.models.gan import GAN
from keras_simgan.models.in_one_batch import in_one_batch

LABEL_CONSISTENCY_ON = ("translated", "cycled")
CYCLE_DISTANCES = {"l1": ops.abs, "l2": ops.square}


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
        adversarial_loss: A name or a `losses.AdversarialLoss`; the paper's least squares when left
            out.
        label_consistency: A `losses.LabelConsistency`, for source images, whose labels are to stay.
        label_consistency_on: Where the label is read again: `"translated"`, in G(x), the images one
            goes on to train with, or `"cycled"`, in F(G(x)), for a model that knows the source's
            looks only.
        pool_size: Images in each pool; 0 for none.
        seed: Seed of the draws from the pools.
        cycle_distance: `"l1"`, mean |a - b|, or `"l2"`, mean (a - b)^2, for the cycle consistency.
        **kwargs: Arguments of `GAN`: `penalties`, `augment`, `turns`, `name`...

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
        adversarial_loss: str | AdversarialLoss = "least_squares",
        label_consistency: LabelConsistency | None = None,
        label_consistency_on: str = "translated",
        pool_size: int = 50,
        seed: int = 0,
        cycle_distance: str = "l1",
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
        if label_consistency is not None and not isinstance(label_consistency, LabelConsistency):
            raise ValueError(
                "`label_consistency` must be a `losses.LabelConsistency`. Received: "
                f"{label_consistency!r}."
            )
        if cycle_distance not in CYCLE_DISTANCES:
            raise ValueError(
                f"`cycle_distance` must be one of {sorted(CYCLE_DISTANCES)}; got "
                f"{cycle_distance!r}."
            )
        if label_consistency_on not in LABEL_CONSISTENCY_ON:
            raise ValueError(
                f"`{self._label_argument}` must be one of {LABEL_CONSISTENCY_ON}; got "
                f"{label_consistency_on!r}."
            )
        if not isinstance(pool_size, int) or pool_size < 0:
            raise ValueError(f"`pool_size` must be an integer of at least 0; got {pool_size!r}.")
        super().__init__(
            {"generator": generator, "inverse_generator": inverse_generator},
            {
                "target_discriminator": target_discriminator,
                "source_discriminator": source_discriminator,
            },
            {self._label_model: label_consistency.model} if label_consistency else {},
            adversarial_loss="least_squares" if adversarial_loss is None else adversarial_loss,
            **kwargs,
        )
        domains = {"source": generator.input_shape, "target": inverse_generator.input_shape}
        for argument, shape, domain in (
            ("generator", generator.output_shape, "target"),
            ("inverse_generator", inverse_generator.output_shape, "source"),
            ("target_discriminator", target_discriminator.input_shape, "target"),
            ("source_discriminator", source_discriminator.input_shape, "source"),
        ):
            if not _fits(shape, domains[domain]):
                verb = "gives" if "generator" in argument else "takes"
                raise ValueError(
                    f"`{argument}` {verb} images of shape {shape}, but the {domain} domain's "
                    f"generator takes {domains[domain]}."
                )
        if label_consistency is not None:
            label_shape = getattr(label_consistency.model, "input_shape", domains["source"])
            if not _fits(label_shape, domains["source"]):
                raise ValueError(
                    f"The model `{self._label_model}` that reads labels takes images of shape "
                    f"{label_shape}, but the source domain's generator takes {domains['source']}."
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
        self.cycle_weight = cycle_weight
        self.cycle_distance = cycle_distance
        self.identity_weight = identity_weight
        self._cycle_weights = [float(weight) for weight in weights]
        self.label_consistency = label_consistency
        self.label_consistency_on = label_consistency_on
        self.pool_size = pool_size
        self.seed = seed
        self.target_pool = self.source_pool = None
        if pool_size:
            self.target_pool = ImagePool(pool_size, domains["target"][1:], seed=2 * seed)
            self.source_pool = ImagePool(pool_size, domains["source"][1:], seed=2 * seed + 1)

    # What a subclass may call its label by.
    _label_argument = "label_consistency_on"
    _label_loss = "label_consistency"
    _label_model = "feature_extractor_0"

    def generate(self, batch: tuple, training: bool = True) -> Any:
        """G(x) and F(y)."""
        source, target = batch
        return {
            "target": self.generator(source, training=training),
            "source": self.inverse_generator(target, training=training),
        }

    def generator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Equation 3 for both generators."""
        source, target = batch
        source_weight, target_weight = self._cycle_weights
        identity = [[target], [source]] if self.identity_weight else [[], []]
        cycled_target, *same_target = in_one_batch(
            self.generator, [fakes["source"], *identity[0]], training
        )
        cycled_source, *same_source = in_one_batch(
            self.inverse_generator, [fakes["target"], *identity[1]], training
        )
        distance = CYCLE_DISTANCES[self.cycle_distance]
        losses = {
            "generator_adversarial": self.generator_adversarial_loss(
                "target_discriminator", fakes["target"], training=training
            ),
            "inverse_adversarial": self.generator_adversarial_loss(
                "source_discriminator", fakes["source"], training=training
            ),
            "source_cycle": source_weight * ops.mean(distance(ops.subtract(cycled_source, source))),
            "target_cycle": target_weight * ops.mean(distance(ops.subtract(cycled_target, target))),
        }
        if self.identity_weight:
            # The weight is that of the cycle of the same images, as in the authors' code.
            for name, weight, (same,), images in (
                ("source_identity", source_weight, same_source, source),
                ("target_identity", target_weight, same_target, target),
            ):
                distance_to_same = ops.mean(ops.abs(ops.subtract(same, images)))
                losses[name] = weight * self.identity_weight * distance_to_same
        if self.label_consistency:
            cycled = self.label_consistency_on == "cycled"
            after = cycled_source if cycled else fakes["target"]
            losses[self._label_loss] = ops.mean(self.label_consistency.call(source, after))
        return losses

    def discriminator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Fakes told from real images, in both domains."""
        source, target = batch
        return {
            **self.discriminator_adversarial_losses(
                "target_discriminator", target, fakes["target"], training=training
            ),
            **self.discriminator_adversarial_losses(
                "source_discriminator", source, fakes["source"], training=training
            ),
        }

    def recall_fakes(self, fakes: Any) -> Any:
        """Some of each domain's fakes from its pool."""
        if self.target_pool is None or self.source_pool is None:
            return fakes
        return {
            "target": self.target_pool(fakes["target"]),
            "source": self.source_pool(fakes["source"]),
        }


def _fits(shape: tuple, expected: tuple) -> bool:
    return len(shape) == len(expected) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, expected, strict=True)
    )
