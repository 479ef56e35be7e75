"""The losses of the first GAN: cross-entropy, with the generator's part in two ways."""

from typing import Any

import keras
from keras import ops

from keras_simgan.losses.adversarial import AdversarialLoss


@keras.saving.register_keras_serializable(package="keras_simgan")
class NonSaturatingLoss(AdversarialLoss):
    r"""Cross-entropy; the generator raises the probability that its images are real.

    Goodfellow et al. 2014, section 3, with D = sigmoid(l) of the discriminator's logit l:

        real  -log D       = softplus(-l)
        fake  -log(1 - D)  = softplus(l)
        fool  -log D       = softplus(-l)

    Where the discriminator is certain of a fake, the gradient of `fool` is -1: it does not saturate
    as that of `MinimaxLoss` does, though both have the same fixed point.

    Args:
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> patches = np.zeros((2, 30, 30, 1), "float32")  # undecided
        >>> round(float(NonSaturatingLoss().generator(patches)), 3)  # log 2
        0.693
    """

    def real(self, logits: Any) -> Any:
        """-log D."""
        return -ops.log_sigmoid(logits)

    def fake(self, logits: Any) -> Any:
        """-log(1 - D)."""
        return -ops.log_sigmoid(-logits)

    def fool(self, logits: Any) -> Any:
        """-log D."""
        return -ops.log_sigmoid(logits)


@keras.saving.register_keras_serializable(package="keras_simgan")
class MinimaxLoss(NonSaturatingLoss):
    r"""Cross-entropy; the generator loses what the discriminator wins.

    Goodfellow et al. 2014, equation 1, with D = sigmoid(l) of the discriminator's logit l:

        real  -log D       = softplus(-l)
        fake  -log(1 - D)  = softplus(l)
        fool  log(1 - D)   = -softplus(l)

    With the best discriminator the generator minimises a Jensen-Shannon divergence. The gradient of
    `fool` is -D: early in training, when D is nearly 0 on fakes, it vanishes. Here for study and
    comparison; `NonSaturatingLoss` is what that paper trains with.

    Args:
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> patches = np.zeros((2, 30, 30, 1), "float32")  # undecided
        >>> round(float(MinimaxLoss().generator(patches)), 3)  # -log 2
        -0.693
    """

    def fool(self, logits: Any) -> Any:
        """log(1 - D)."""
        return ops.log_sigmoid(-logits)
