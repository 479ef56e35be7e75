"""Adversarial losses by name."""

from __future__ import annotations

from typing import Any

import keras

from keras_simgan.losses.adversarial import AdversarialLoss
from keras_simgan.losses.cross_entropy import MinimaxLoss, NonSaturatingLoss
from keras_simgan.losses.hinge import HingeLoss
from keras_simgan.losses.least_squares import LeastSquaresLoss
from keras_simgan.losses.local_adversarial import LocalAdversarialLoss
from keras_simgan.losses.wasserstein import WassersteinLoss

ADVERSARIAL_LOSSES = {
    "non_saturating": NonSaturatingLoss,
    "minimax": MinimaxLoss,
    "least_squares": LeastSquaresLoss,
    "hinge": HingeLoss,
    "wasserstein": WassersteinLoss,
    "local": LocalAdversarialLoss,
}


def adversarial_loss(identifier: str | AdversarialLoss | dict[str, Any]) -> AdversarialLoss:
    """The adversarial loss that an argument names.

    Args:
        identifier: `"non_saturating"`, `"minimax"`, `"least_squares"`, `"hinge"`, `"wasserstein"`
            or `"local"`, each with its defaults; an `AdversarialLoss`, which is returned; or its
            configuration as `keras.saving.serialize_keras_object` writes it.

    Raises:
        ValueError: Something else.

    Example:
        >>> adversarial_loss("least_squares").generator_label
        1.0
    """
    loss = identifier
    if isinstance(loss, dict):
        loss = keras.saving.deserialize_keras_object(loss)
    elif isinstance(loss, str) and loss in ADVERSARIAL_LOSSES:
        loss = ADVERSARIAL_LOSSES[loss]()
    if not isinstance(loss, AdversarialLoss):
        raise ValueError(
            f"`adversarial_loss` must be one of {sorted(ADVERSARIAL_LOSSES)}, or a "
            f"`losses.AdversarialLoss` such as `losses.LeastSquaresLoss(generator_label=0.9)`. "
            f"Received: {identifier!r}."
        )
    return loss
