"""Both turns' optimizers in the one that Keras saves, restores and resumes."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from keras_simgan.backend import branch


class TurnOptimizer(keras.optimizers.MultiOptimizer):
    """The optimizers of the generator turn and of the discriminator turn.

    Each turn applies its own. Variables are told apart by identity, for their paths begin with the
    networks' names, which the user chooses; and this is built with all of them in a fixed order.

    Moving averages of the weights (`use_ema`) stay beside the weights when a training ends, so that
    it can go on: `Translator.deployed` puts them in where they are wanted.

    Args:
        generator_optimizer: Of the generator turn.
        discriminator_optimizer: Of the discriminator turn.
        generator_variables: What the first moves.
        discriminator_variables: What the second moves.
    """

    def __init__(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        generator_variables: list,
        discriminator_variables: list,
    ):
        of_discriminators = {id(variable) for variable in discriminator_variables}
        super().__init__(
            lambda variable: (
                discriminator_optimizer
                if id(variable) in of_discriminators
                else generator_optimizer
            )
        )
        self.build([*generator_variables, *discriminator_variables])

    def finalize_variable_values(self, var_list) -> None:
        """Nothing: see the class."""


class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """Dynamic loss scaling, turn by turn.

    Keras' own `apply` wants the gradients of every variable at once, that is of both turns.
    """

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Both turns' optimizers, for the callbacks that set learning rates."""
        return self.inner_optimizer.optimizers

    def finalize_variable_values(self, var_list) -> None:
        """Nothing: see `TurnOptimizer`."""

    def apply_turn(self, optimizer, gradients: list, variables: list, state: list) -> None:
        """Applies one turn's optimizer where its gradients are finite, and adapts the scale."""
        scale = ops.convert_to_tensor(self.dynamic_scale)
        finite = self.check_finite(gradients)

        def apply():
            optimizer.apply([gradient / scale for gradient in gradients], variables)
            return ops.zeros(())

        branch(finite, apply, lambda: ops.zeros(()), state)
        streak = ops.where(finite, self.step_counter + 1, 0)
        grows = streak >= self.dynamic_growth_steps
        self.dynamic_scale.assign(
            ops.where(finite, ops.where(grows, scale * 2.0, scale), scale * 0.5)
        )
        self.step_counter.assign(ops.where(grows, 0, streak))


def plain_optimizer(argument: str, given: Any, default) -> keras.optimizers.Optimizer:
    """The optimizer that an argument of `compile` names, or the default where it is None.

    Raises:
        ValueError: An optimizer that wraps others.
    """
    optimizer = default if given is None else keras.optimizers.get(given)
    wrappers = (keras.optimizers.MultiOptimizer, keras.optimizers.LossScaleOptimizer)
    if isinstance(optimizer, wrappers):
        raise ValueError(
            f"`{argument}` must be a plain optimizer; received {type(optimizer).__name__}. "
            "Loss scaling is added where the networks compute in float16."
        )
    return optimizer
