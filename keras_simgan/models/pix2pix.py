"""pix2pix: translation learned from pairs."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.losses import AdversarialLoss
from keras_simgan.models.discriminator_inputs import check_conditional
from keras_simgan.models.gan import GAN


@keras.saving.register_keras_serializable(package="keras_simgan")
class Pix2Pix(GAN):
    r"""A generator that learns from pairs what a discriminator and the target itself say.

    Isola et al. 2016, "Image-to-Image Translation with Conditional Adversarial Networks". With
    pairs of a source x and a target y, generator G, and a discriminator D that sees the source
    beside the image:

        generator turn:     mean -log D(x, G(x)) + l1_weight mean |G(x) - y|
        discriminator turn: 1/2 (mean -log D(x, y) + mean -log (1 - D(x, G(x))))

    The L1 loss keeps what is where, D makes it sharp. The halves are the paper's, which slows D
    down. Adam at 2e-4 with beta_1 = 0.5 and batches of one image are the paper's; half of the
    epochs at that rate and half falling to zero (`schedules.LinearDecay`) the authors' code's.

    The noise is dropout in `networks.UNetGenerator`; see there what it is at inference.

    Args:
        generator: Makes a target image of a source, such as `networks.UNetGenerator`.
        discriminator: Gives a logit for every patch of source and image, channels joined in this
            order, such as `networks.PatchDiscriminator((256, 256, 6), normalization="batch")`.
        l1_weight: Weight of the L1 loss, lambda.
        adversarial_loss: A name or a `losses.AdversarialLoss`; the paper's cross-entropy when left
            out.
        **kwargs: Arguments of `GAN`: `penalties`, `augment`, `turns`, `name`...

    A source is an image in [-1, 1] or a label map of one channel a class, shape
    `(batch, height, width, channels)`, a target an image in [-1, 1]; `data.paired` makes both of
    files.

    Raises:
        ValueError: Networks that do not fit together.

    Example:
        >>> import numpy as np
        >>> from keras_simgan import networks
        >>> model = Pix2Pix(
        ...     networks.UNetGenerator((16, 16, 3), filters=2, depth=2),
        ...     networks.PatchDiscriminator((16, 16, 6), 2, layers=1, normalization="batch"),
        ... )
        >>> model.compile()
        >>> source, target = np.random.uniform(-1, 1, (2, 4, 16, 16, 3)).astype("float32")
        >>> sorted(model.fit(source, target, batch_size=1, verbose=0).history)
        ['adversarial', 'discriminator_fake', 'discriminator_real', 'l1', 'loss']
        >>> model.translate(source).shape
        (4, 16, 16, 3)
    """

    directions = {"source_to_target": "generator"}

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        l1_weight: float = 100.0,
        adversarial_loss: str | AdversarialLoss = "non_saturating",
        **kwargs: Any,
    ):
        super().__init__(
            {"generator": generator},
            {"discriminator": discriminator},
            adversarial_loss=adversarial_loss,
            **kwargs,
        )
        check_conditional("discriminator", discriminator, generator)
        self.l1_weight = l1_weight

    def generate(self, batch: tuple, training: bool = True) -> Any:
        """G(x)."""
        return self.generator(batch[0], training=training)

    def generator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Equation 4's part of the generator."""
        source, target = batch
        distance = ops.mean(ops.abs(ops.subtract(fakes, target)))
        return {
            "adversarial": self.generator_adversarial_loss(
                "discriminator", fakes, source, training
            ),
            "l1": self.l1_weight * distance,
        }

    def discriminator_losses(self, batch: tuple, fakes: Any, training: bool = True) -> dict:
        """Fakes told from real images, beside their source."""
        source, target = batch
        return self.discriminator_adversarial_losses(
            "discriminator", target, fakes, source, training, weight=0.5
        )
