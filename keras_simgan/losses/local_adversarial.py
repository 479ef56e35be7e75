"""SimGAN's cross-entropy over a map of patches."""

import keras

from keras_simgan.losses.cross_entropy import NonSaturatingLoss


@keras.saving.register_keras_serializable(package="keras_simgan")
class LocalAdversarialLoss(NonSaturatingLoss):
    r"""The local adversarial loss of Shrivastava et al. 2017, section 2.2.

        real  -log softmax(logits)[0]
        fake  -log softmax(logits)[1]
        fool  -log softmax(logits)[0]

    of a discriminator that gives two logits for every patch, (real, refined). Of their difference
    l = l_real - l_refined this is `NonSaturatingLoss`: the refiner's -log(1 - D), with the paper's
    D the probability that a patch was refined, is softplus(-l). A map of single logits is read as
    that difference.

    The mean runs over batch and patches; the paper sums over the patches. Times (rows x columns)
    this is that sum.

    Args:
        name: Name of the loss.

    Example:
        >>> import numpy as np
        >>> patches = np.zeros((1, 9, 14, 2), "float32")
        >>> round(float(LocalAdversarialLoss().discriminator_fake(patches)), 3)  # log 2
        0.693
    """
