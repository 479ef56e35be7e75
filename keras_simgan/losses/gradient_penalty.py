"""Penalties on the gradient of the discriminator with respect to its images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import keras
from keras import ops

from keras_simgan.backend import first_row, input_gradient
from keras_simgan.layers.draws import draw_uniform, hash_of
from keras_simgan.losses.adversarial import logits_of
from keras_simgan.losses.precision import at_least_float32, mean

#: Inside the root of the norm, whose derivative at zero is infinite.
EPSILON = 1e-12


class _Penalty:
    """What both penalties share; a subclass says where, and what of the gradient's square."""

    def __init__(self, weight: float = 10.0, every: int = 1, name: str = "penalty"):
        if not weight >= 0:
            raise ValueError(f"`weight` must not be below 0; got {weight!r}.")
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"`every` must be an integer of at least 1; got {every!r}.")
        self.weight = float(weight)
        self.every = every
        self.name = name

    def __call__(
        self, discriminate: Callable[[Any], Any], real: Any, fake: Any, step: Any, state: list
    ) -> Any:
        """The penalty of a batch, a scalar."""
        gradient = input_gradient(
            lambda images: _scores(discriminate(images)), self._images(real, fake, step), state
        )
        squares = ops.square(at_least_float32(gradient))
        squared_norms = ops.sum(squares, axis=tuple(range(1, len(squares.shape))))  # (batch,)
        return self.weight * self.every * mean(self._deviation(squared_norms))

    def _images(self, real, fake, step):
        """Where the gradient is taken."""
        raise NotImplementedError

    def _deviation(self, squared_norms):
        """What is averaged over the images, of the squared norms of their gradients, `(batch,)`."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"weight": self.weight, "every": self.every, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The penalty that `get_config` described."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="keras_simgan")
class GradientPenalty(_Penalty):
    r"""The penalty of WGAN-GP, two-sided: the discriminator's gradient has norm 1.

        weight mean (||grad_x D(x)||_2 - 1)^2,  x = a real + (1 - a) fake

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3, with `a` uniform in
    [0, 1] for each pair of a real and a fake image. `a` is drawn by an integer hash of the step, so
    it is the same on every backend, and a resumed training goes on with the same draws.

    D gives one number for an image: the mean of its map of logits, summed over scales. (Of a sum
    over the map the gradient would be as many times larger as the map has patches, and so aim at
    another Lipschitz constant.) The penalty is one for each image by itself, which batch
    normalization in the discriminator mixes; the paper takes layer normalization there.

    Args:
        weight: The weight, the paper's lambda.
        every: Lazy: how many discriminator turns one with the penalty stands for. The value is
            multiplied by this; the training step leaves the penalty out of the turns between
            (Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN").
        name: Name of the penalty.

    Call with `discriminate`, a function from images to a discriminator's output, in any form that
    `AdversarialLoss` takes; real and fake images, as many and of one shape `(batch, ...)`; the
    step, an integer tensor or variable; and the variables that `discriminate` may read or assign.
    Returns a scalar in float32 or float64, differentiable in the discriminator's variables.

    Raises:
        ValueError: A negative weight, or an `every` below 1.

    Example:
        >>> import numpy as np
        >>> real, fake = np.random.uniform(-1, 1, (2, 4, 8, 8, 1)).astype("float32")
        >>> slope_of_three = lambda images: 3.0 * images[:, 0, 0]
        >>> penalty = GradientPenalty(weight=10.0)
        >>> value = penalty(slope_of_three, ops.array(real), ops.array(fake), step=0, state=[])
        >>> round(float(value), 4)  # 10 (3 - 1)^2
        40.0
    """

    def __init__(self, weight: float = 10.0, every: int = 1, name: str = "gradient_penalty"):
        super().__init__(weight, every, name)

    def _images(self, real, fake, step):
        stream = hash_of(ops.cast(step, "int32"))
        count = ops.shape(real)[0]
        shares = draw_uniform(stream, first_row(count) + ops.arange(count, dtype="int32"))
        shares = ops.reshape(shares, (-1, *[1] * (len(real.shape) - 1)))
        shares = ops.cast(shares, real.dtype)
        return shares * real + (1.0 - shares) * fake

    def _deviation(self, squared_norms):
        return ops.square(ops.sqrt(squared_norms + EPSILON) - 1.0)


@keras.saving.register_keras_serializable(package="keras_simgan")
class R1Penalty(_Penalty):
    r"""The zero-centred penalty R1: no gradient on real images.

        weight / 2 mean ||grad_x D(x)||_2^2,  x real

    Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", equation 9, with
    their gamma = 10 as the default weight: near the equilibrium, where the fakes are right, the
    discriminator has nothing to say and is held to that. For every adversarial loss;
    `NonSaturatingLoss` is the paper's.

    D gives one number for an image: the mean of its map of logits, summed over scales.

    Args:
        weight: The weight, the paper's gamma.
        every: Lazy: how many discriminator turns one with the penalty stands for. The value is
            multiplied by this; the training step leaves the penalty out of the turns between.
            StyleGAN2 (Karras et al. 2020) takes 16.
        name: Name of the penalty.

    Call as `GradientPenalty`; fake images and step are not used.

    Raises:
        ValueError: A negative weight, or an `every` below 1.

    Example:
        >>> import numpy as np
        >>> real, fake = np.random.uniform(-1, 1, (2, 4, 8, 8, 1)).astype("float32")
        >>> slope_of_three = lambda images: 3.0 * images[:, 0, 0]
        >>> value = R1Penalty(10.0)(slope_of_three, ops.array(real), ops.array(fake), 0, [])
        >>> round(float(value), 4)  # 10 / 2 * 3^2
        45.0
    """

    def __init__(self, weight: float = 10.0, every: int = 1, name: str = "r1_penalty"):
        super().__init__(weight, every, name)

    def _images(self, real, fake, step):
        return real

    def _deviation(self, squared_norms):
        return 0.5 * squared_norms


def _scores(outputs):
    """One number for each image: the mean of its logits, summed over scales; shape `(batch,)`."""
    return sum(
        mean(ops.reshape(logits, (ops.shape(logits)[0], -1)), axes=(1,))
        for logits in logits_of(outputs)
    )
