"""The hinge loss."""

from typing import Any

import keras
from keras import ops

from keras_simgan.losses.adversarial import AdversarialLoss


@keras.saving.register_keras_serializable(package="keras_simgan")
class HingeLoss(AdversarialLoss):
    r"""The hinge loss of Lim and Ye 2017 ("Geometric GAN") and Tran et al. 2017.

        real  max(0, 1 - l)
        fake  max(0, 1 + l)
        fool  -l

    The discriminator stops learning from images that it calls right by a margin of 1; the
    generator's gradient is the same everywhere. It is the loss of SAGAN, BigGAN and SPADE, with
    `keras.layers.SpectralNormalization` in the discriminator (Miyato et al. 2018).

    Args:
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> patches = np.full((2, 30, 30, 1), 0.75, "float32")
        >>> loss = HingeLoss()
        >>> float(loss.discriminator_real(patches)), float(loss.discriminator_fake(patches))
        (0.25, 1.75)
    """

    def real(self, logits: Any) -> Any:
        """max(0, 1 - l)."""
        return ops.relu(1.0 - logits)

    def fake(self, logits: Any) -> Any:
        """max(0, 1 + l)."""
        return ops.relu(1.0 + logits)

    def fool(self, logits: Any) -> Any:
        """Minus the logit."""
        return -logits
