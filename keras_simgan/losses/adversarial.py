"""What the adversarial losses share: the forms of a discriminator's output, and the means."""

from __future__ import annotations

import re
from typing import Any

from keras_simgan.losses.precision import at_least_float32, mean


class AdversarialLoss:
    r"""What discriminator and generator lose, as three functions of the discriminator's logit.

        discriminator:  mean real(D(x)) + mean fake(D(G(z)))
        generator:      mean fool(D(G(z)))

    A subclass gives `real`, `fake` and `fool`, elementwise, and is registered with Keras if it is
    to be saved; every GAN of this package takes it, as well as the names of `adversarial_loss`.
    The logit is high where the discriminator holds an image for real. docs/losses.md plots each
    loss and says when to take which.

    It is no `keras.losses.Loss`: that divides by the number of replicas under `tf.distribute`, and
    a training step divides once, all losses alike.

    Args:
        name: Name of the loss; the class's in snake case when left out.

    `generator`, `discriminator_real`, `discriminator_fake` and `discriminator` take a
    discriminator's output in each of its forms:

    - a map of any rank or a vector, shape `(batch, ..., channels)` or `(batch,)`. One channel is
      the logit; two are the logits (real, fake) of a softmax, read as their difference
      `l_real - l_fake`, as softmax cross-entropy is sigmoid cross-entropy of the difference;
    - a list of maps, one a scale: the losses are summed over scales (pix2pixHD, Wang et al. 2018);
    - a list of lists, for each scale its features: the last one of each is the map.

    They return a scalar, the mean over batch and map, in float32, or in float64 for such an output.

    Raises:
        ValueError: When called: an output without a map, or of another number of channels.

    Example:
        >>> import keras
        >>> import numpy as np
        >>> from keras_simgan.losses import AdversarialLoss
        >>> @keras.saving.register_keras_serializable(package="mine")
        ... class ExponentialLoss(AdversarialLoss):
        ...     def real(self, logits):
        ...         return keras.ops.exp(-logits)
        ...     def fake(self, logits):
        ...         return keras.ops.exp(logits)
        ...     def fool(self, logits):
        ...         return keras.ops.exp(-logits)
        >>> loss = ExponentialLoss()
        >>> loss.name, float(loss.generator(np.zeros((2, 30, 30, 1), "float32")))
        ('exponential_loss', 1.0)
    """

    def __init__(self, name: str | None = None):
        self.name = name or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def real(self, logits: Any) -> Any:
        """What the discriminator loses on real images, elementwise."""
        raise NotImplementedError(f"{type(self).__name__} must define `real`.")

    def fake(self, logits: Any) -> Any:
        """What the discriminator loses on fake images, elementwise."""
        raise NotImplementedError(f"{type(self).__name__} must define `fake`.")

    def fool(self, logits: Any) -> Any:
        """What the generator loses on its fake images, elementwise."""
        raise NotImplementedError(f"{type(self).__name__} must define `fool`.")

    def generator(self, outputs: Any) -> Any:
        """What the generator loses where the discriminator says `outputs` of its images."""
        return _reduce(self.fool, outputs)

    def discriminator_real(self, outputs: Any) -> Any:
        """What the discriminator loses where it says `outputs` of real images."""
        return _reduce(self.real, outputs)

    def discriminator_fake(self, outputs: Any) -> Any:
        """What the discriminator loses where it says `outputs` of fake images."""
        return _reduce(self.fake, outputs)

    def discriminator(self, real: Any, fake: Any) -> Any:
        """The sum of `discriminator_real(real)` and `discriminator_fake(fake)`."""
        return self.discriminator_real(real) + self.discriminator_fake(fake)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> AdversarialLoss:
        """The loss that `get_config` described."""
        # Files of versions in which these losses were `keras.losses.Loss` hold its arguments.
        return cls(**{key: config[key] for key in config if key not in ("reduction", "dtype")})


def logits_of(outputs: Any) -> list:
    """The logit maps in a discriminator's output.

    Args:
        outputs: A map, a list of scales, or a list of scales with features, as `AdversarialLoss`
            documents.

    Returns:
        For each scale its logits, shape `(batch, ..., 1)` or `(batch,)`, in float32 or float64.

    Raises:
        ValueError: An output without a map, or of another number of channels.
    """
    scales = outputs if isinstance(outputs, list | tuple) else [outputs]
    if not scales or any(isinstance(scale, list | tuple) and not scale for scale in scales):
        raise ValueError(
            "A discriminator's output must be a map, a list of maps (scales), or a list of lists "
            f"of which the last item is a map (scales with features). Received: {outputs!r}."
        )
    return [_logits(scale[-1] if isinstance(scale, list | tuple) else scale) for scale in scales]


def _logits(logit_map):
    logits = at_least_float32(logit_map)
    if len(logits.shape) == 1 or len(logits.shape) > 1 and logits.shape[-1] == 1:
        return logits
    if len(logits.shape) > 1 and logits.shape[-1] == 2:
        return logits[..., :1] - logits[..., 1:]
    raise ValueError(
        "A discriminator's output must have shape (batch,), or (batch, ..., channels) with one "
        f"channel, the logit, or two, the logits (real, fake). Received: {tuple(logits.shape)}."
    )


def _reduce(loss, outputs):
    return sum(mean(loss(logits)) for logits in logits_of(outputs))
