"""CycleGAN's learning rate: constant, then linearly down to zero."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant at first and then goes linearly to zero.

        rate(step) = initial_learning_rate
                     (1 - clip((step - constant_steps) / decay_steps, 0, 1))

    Zhu et al. 2017, section 4: 100 epochs at 2e-4, then 100 epochs to zero. Their code lowers the
    rate once an epoch, by the factor `1 - max(0, e + 1 - n) / (n_decay + 1)` in epoch `e` from 0,
    with `n` constant epochs; this one lowers it at each step. At `constant_steps` the rate is still
    whole, at `constant_steps + decay_steps` it is zero, and it stays zero however long the training
    goes on: it is never negative.

    The step is the optimizer's own count of its steps, `optimizer.iterations`. It is saved with the
    optimizer, so a training that is resumed goes on at the rate where it stopped. In a GAN each
    turn's optimizer counts the turns it played.

    Args:
        initial_learning_rate: The rate of the first steps; not below 0.
        constant_steps: Steps before the rate falls, 0 or more: epochs times `len(train)`.
        decay_steps: Steps that it takes to fall to zero, 1 or more.
        name: Name of the schedule.

    Call with the number of the step, from 0, an integer or an integer tensor; the rate is a
    float32 tensor of the same shape.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> steps = 1334  # the batches of an epoch, `len(train)`
        >>> rate = LinearDecay(2e-4, constant_steps=100 * steps, decay_steps=100 * steps)
        >>> [f"{float(rate(epoch * steps)):g}" for epoch in (0, 100, 150, 200, 300)]
        ['0.0002', '0.0002', '0.0001', '0', '0']
        >>> optimizer = keras.optimizers.Adam(rate, beta_1=0.5)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        constant_steps: int,
        decay_steps: int,
        name: str = "LinearDecay",
    ):
        super().__init__()
        if not (math.isfinite(initial_learning_rate) and initial_learning_rate >= 0):
            raise ValueError(
                "`initial_learning_rate` must be a number not below 0. Received: "
                f"{initial_learning_rate!r}"
            )
        for argument, steps, minimum in (
            ("constant_steps", constant_steps, 0),
            ("decay_steps", decay_steps, 1),
        ):
            if not isinstance(steps, int | np.integer) or steps < minimum:
                raise ValueError(
                    f"`{argument}` must be a whole number of steps, {minimum} or more. Received: "
                    f"{steps!r}. The steps of an epoch are the batches in it, `len(train)`."
                )
        self.initial_learning_rate = float(initial_learning_rate)
        self.constant_steps, self.decay_steps = int(constant_steps), int(decay_steps)
        self.name = name

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step."""
        # From the end, so that the end is exactly zero. In float32, whatever `floatx` is: in half
        # precision the count of steps would overflow.
        remaining = float(self.constant_steps + self.decay_steps) - ops.cast(step, "float32")
        share = ops.clip(remaining, 0.0, float(self.decay_steps)) / float(self.decay_steps)
        return self.initial_learning_rate * share

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "constant_steps": self.constant_steps,
            "decay_steps": self.decay_steps,
            "name": self.name,
        }
