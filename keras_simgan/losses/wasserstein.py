"""The loss of the Wasserstein GAN."""

from typing import Any

import keras

from keras_simgan.losses.adversarial import AdversarialLoss


@keras.saving.register_keras_serializable(package="keras_simgan")
class WassersteinLoss(AdversarialLoss):
    r"""The loss of Arjovsky et al. 2017, "Wasserstein GAN".

        real  -l
        fake  l
        fool  -l

    The discriminator is a critic: minus its loss estimates the Wasserstein distance between real
    and fake images, times the critic's Lipschitz constant. That must be bounded from outside: by
    `losses.GradientPenalty` (Gulrajani et al. 2017), by `keras.layers.SpectralNormalization`, or by
    clipping the critic's weights, the first paper's way. Both papers play five critic turns a
    generator turn, `schedules.Alternate(generator=1, discriminator=5)`.

    Args:
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> real, fake = (np.full((2, 1), value, "float32") for value in (3.0, 1.0))
        >>> float(WassersteinLoss().discriminator(real, fake))
        -2.0
    """

    def real(self, logits: Any) -> Any:
        """Minus the logit."""
        return -logits

    def fake(self, logits: Any) -> Any:
        """The logit itself."""
        return logits

    def fool(self, logits: Any) -> Any:
        """Minus the logit."""
        return -logits
