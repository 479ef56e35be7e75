"""SimGAN: learning from simulated and unsupervised images."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.layers import ImageHistory
from keras_simgan.losses import AdversarialLoss, LabelConsistency, SelfRegularization
from keras_simgan.models.gan import GAN
from keras_simgan.schedules import Alternate


@keras.saving.register_keras_serializable(package="keras_simgan")
class SimGAN(GAN):
    r"""A refiner that makes synthetic images real and keeps what they show.

    Shrivastava et al. 2017, "Learning from Simulated and Unsupervised Images through Adversarial
    Training". With synthetic images `x`, real images `y`, refiner `R` and discriminator `D`, which
    gives for every patch the probability that it was refined:

        generator turn (paper, equations 3 and 4):
            -mean log(1 - D(R(x))) + weight mean |psi(R(x)) - psi(x)|
        discriminator turn (equation 2):
            -mean log D(R(x)) - mean log(1 - D(y))

    The means run over the batch and over the discriminator's patch map, and over all values of
    `psi`; the paper writes sums. From its weight lambda on sums to the weight here: multiply by
    (values of psi / patches), 15.28 for 35x55 pixels and a 9x14 map.

    Algorithm 1 runs inside the graph, on the step counter: `refiner_warmup` steps on the
    self-regularization alone, `discriminator_warmup` steps of the discriminator alone, then rounds
    of `refiner_turns` refiner turns, each on a new batch, and `discriminator_turns` discriminator
    turns, the last of them on the batch just refined. Half of what the discriminator sees as
    refined comes from the image history (paper, section 2.3).

    Args:
        refiner: The network that refines, such as `networks.Refiner`.
        discriminator: Gives two logits for every patch, real and refined, shape
            `(batch, rows, columns, 2)`, such as `networks.RefinerDiscriminator`.
        self_regularization: What must stay; `losses.SelfRegularization()` when left out.
        history_size: Images in the history; 0 for none. One byte a value: 12,800 images of 35x55
            take 25 MB.
        refiner_turns: Refiner turns a round, K_g.
        discriminator_turns: Discriminator turns a round, K_d.
        refiner_warmup: Steps on self-regularization alone.
        discriminator_warmup: Steps of the discriminator alone.
        seed: Seed of the draws from the history.
        label_consistency: A `losses.LabelConsistency` between synthetic and refined images, where a
            frozen model reads the label; none in the paper.
        adversarial_loss: A name or a `losses.AdversarialLoss`; the paper's local loss when left
            out.
        **kwargs: Arguments of `GAN`: `penalties`, `augment`, `name`...

    Example:
        >>> import numpy as np
        >>> from keras_simgan import models, networks
        >>> model = models.SimGAN(
        ...     networks.Refiner((35, 55, 1), blocks=1),
        ...     networks.RefinerDiscriminator((35, 55, 1)),
        ...     refiner_warmup=1, discriminator_warmup=1,
        ... )
        >>> model.compile()
        >>> synthetic, real = np.random.uniform(-1, 1, (2, 8, 35, 55, 1)).astype("float32")
        >>> history = model.fit(synthetic, real, batch_size=2, verbose=0)
        >>> model.predict(synthetic, verbose=0).shape
        (8, 35, 55, 1)
    """

    directions = {"source_to_target": "refiner"}

    def __init__(
        self,
        refiner: keras.Model,
        discriminator: keras.Model,
        self_regularization: SelfRegularization | None = None,
        history_size: int = 12_800,
        refiner_turns: int = 2,
        discriminator_turns: int = 1,
        refiner_warmup: int = 1000,
        discriminator_warmup: int = 200,
        seed: int = 0,
        label_consistency: LabelConsistency | None = None,
        adversarial_loss: str | AdversarialLoss = "local",
        **kwargs: Any,
    ):
        for name, value, minimum in (
            ("history_size", history_size, 0),
            ("refiner_turns", refiner_turns, 1),
            ("discriminator_turns", discriminator_turns, 1),
            ("refiner_warmup", refiner_warmup, 0),
            ("discriminator_warmup", discriminator_warmup, 0),
        ):
            if not isinstance(value, int) or value < minimum:
                raise ValueError(
                    f"`{name}` must be an integer of at least {minimum}; got {value!r}."
                )
        self_regularization = self_regularization or SelfRegularization()
        extractors = [
            *self_regularization.feature_extractors,
            *([label_consistency.model] if label_consistency else []),
        ]
        super().__init__(
            {"refiner": refiner},
            {"discriminator": discriminator},
            {f"feature_extractor_{index}": model for index, model in enumerate(extractors)},
            adversarial_loss=adversarial_loss,
            turns=Alternate(
                refiner_turns, discriminator_turns, refiner_warmup, discriminator_warmup
            ),
            **kwargs,
        )
        if refiner.input_shape != refiner.output_shape:
            raise ValueError(
                f"`refiner` must keep the image's shape; it turns {refiner.input_shape} into "
                f"{refiner.output_shape}."
            )
        sizes = zip(refiner.output_shape, discriminator.input_shape, strict=True)
        if any(None not in pair and pair[0] != pair[1] for pair in sizes):
            raise ValueError(
                "`refiner` and `discriminator` must take the same images; their input shapes are "
                f"{refiner.input_shape} and {discriminator.input_shape}."
            )
        if history_size and None in refiner.output_shape[1:]:
            raise ValueError(
                "An image history needs images of known size; the refiner's output shape is "
                f"{refiner.output_shape}. Give the refiner an `image_shape` without None, or pass "
                "`history_size=0`."
            )
        self.self_regularization = self_regularization
        self.label_consistency = label_consistency
        self.image_history = (
            ImageHistory(history_size, refiner.output_shape[1:], seed=seed)
            if history_size
            else None
        )
        self.history_size = history_size
        self.refiner_turns = refiner_turns
        self.discriminator_turns = discriminator_turns
        self.refiner_warmup = refiner_warmup
        self.discriminator_warmup = discriminator_warmup
        self.seed = seed

    def generate(self, batch: tuple, training: bool = True) -> Any:
        """R(x), shape `(batch, height, width, channels)`."""
        return self.refiner(batch[0], training=training)

    def generator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Equation 4: adversarial and self-regularization loss."""
        synthetic, refined = batch[0], fakes
        adversarial = self.generator_adversarial_loss("discriminator", refined, training=training)
        if self.refiner_warmup:
            adversarial = ops.where(self.step < self.refiner_warmup, 0.0, adversarial)
        losses = {
            "refiner_adversarial": adversarial,
            "self_regularization": ops.mean(self.self_regularization.call(synthetic, refined)),
        }
        if self.label_consistency:
            losses["label_consistency"] = ops.mean(self.label_consistency.call(synthetic, refined))
        return losses

    def discriminator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Equation 2: refined images told as refined, real ones as real."""
        losses = self.discriminator_adversarial_losses(
            "discriminator", batch[1], fakes, training=training
        )
        losses["discriminator_refined"] = losses.pop("discriminator_fake")
        return losses

    def recall_fakes(self, fakes: Any) -> Any:
        """Half of the refined images from the history."""
        return fakes if self.image_history is None else self.image_history(fakes)

    def default_optimizers(self) -> tuple[keras.optimizers.Optimizer, keras.optimizers.Optimizer]:
        """SGD at a constant 0.001 on sums over the patch map, as the paper has it.

        The losses here are means over the patch map, so the rate is 0.001 times the patches: 0.126
        for the 9x14 map of 35x55 images.
        """
        rows, columns = (*self.discriminator.output_shape[1:-1], 1, 1)[:2]
        rate = 0.001 * (rows or 16) * (columns or 16)
        return keras.optimizers.SGD(rate), keras.optimizers.SGD(rate)
