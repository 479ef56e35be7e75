"""The least-squares adversarial loss."""

from typing import Any

import keras
from keras import ops

from keras_simgan.losses.adversarial import AdversarialLoss


@keras.saving.register_keras_serializable(package="keras_simgan")
class LeastSquaresLoss(AdversarialLoss):
    r"""The adversarial loss of LSGAN: squared distances to labels instead of cross-entropies.

    Mao et al. 2017, with the discriminator's output l and labels a, b and c:

        real  1/2 (l - b)^2
        fake  1/2 (l - a)^2
        fool      (l - c)^2

    The generator's part has no 1/2, as in CycleGAN (Zhu et al. 2017). a = 0, b = c = 1 is the usual
    choice; a = -1, b = 1, c = 0, where b - c = 1 and b - a = 2, minimises a Pearson chi-squared
    divergence.

    Labels below 1 are label smoothing. GazeGAN (Sela et al. 2017) lets the discriminator aim at
    b = 1 and the generator at c = 0.9: an image that is called more real than 0.9 is drawn back,
    so the generator is not rewarded for exaggerating what the discriminator looks for. With b = 0.9
    as well, the discriminator is kept from certainty (Salimans et al. 2016, section 3.4).

    Args:
        fake_label: a, what the discriminator should say of fakes.
        real_label: b, what the discriminator should say of real images.
        generator_label: c, what the generator wants the discriminator to say of fakes.
        name: Name of the loss.

    Raises:
        ValueError: If `fake_label` and `real_label` are alike.

    Example:
        >>> import numpy as np
        >>> patches = np.zeros((2, 30, 30, 1), "float32")
        >>> loss = LeastSquaresLoss(generator_label=0.9)
        >>> round(float(loss.generator(patches)), 4), float(loss.discriminator_real(patches))
        (0.81, 0.5)
    """

    def __init__(
        self,
        fake_label: float = 0.0,
        real_label: float = 1.0,
        generator_label: float = 1.0,
        name: str | None = None,
    ):
        super().__init__(name)
        if fake_label == real_label:
            raise ValueError(f"`fake_label` and `real_label` must differ; both are {fake_label!r}.")
        self.fake_label = float(fake_label)
        self.real_label = float(real_label)
        self.generator_label = float(generator_label)

    def real(self, logits: Any) -> Any:
        """1/2 (l - b)^2."""
        return 0.5 * ops.square(logits - self.real_label)

    def fake(self, logits: Any) -> Any:
        """1/2 (l - a)^2."""
        return 0.5 * ops.square(logits - self.fake_label)

    def fool(self, logits: Any) -> Any:
        """(l - c)^2."""
        return ops.square(logits - self.generator_label)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **super().get_config(),
            "fake_label": self.fake_label,
            "real_label": self.real_label,
            "generator_label": self.generator_label,
        }
