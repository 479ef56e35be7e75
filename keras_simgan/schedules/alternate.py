"""Which turns a training step plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class Alternate:
    """Rounds of generator and discriminator turns, after each has warmed up alone.

    The first `generator_warmup` steps play the generator turn alone, the next
    `discriminator_warmup` steps the discriminator turn alone. Then come rounds of
    `max(generator, discriminator)` steps, a batch each, in which the generator plays in the first
    `generator` steps and the discriminator in the last `discriminator` ones. (G: generator turn,
    D: discriminator turn, GD: both on one batch.)

        Alternate(1, 1)  GD
        Alternate(2, 1)  G GD            SimGAN's Algorithm 1, K_g = 2 and K_d = 1 (Shrivastava et
                                         al. 2017): the discriminator on the batch just refined
        Alternate(1, 5)  GD D D D D      WGAN, n_critic = 5 (Arjovsky et al. 2017, Algorithm 1)

    Turns are computed from the step's number, so they run inside a compiled graph without
    retracing, and a resumed training goes on at the right turn.

    Args:
        generator: Generator turns a round, 1 or more.
        discriminator: Discriminator turns a round, 1 or more.
        generator_warmup: Steps of the generator alone, 0 or more.
        discriminator_warmup: Steps of the discriminator alone, 0 or more.

    Call with the step, an integer tensor or variable that counts from 0. Returns the pair
    `(generator_turn, discriminator_turn)`: for each a boolean tensor, or Python's `True` where it
    plays in every step, so that no branch is built.

    Two schedules with the same arguments are equal.

    Raises:
        ValueError: An argument out of range.

    Example:
        >>> turns = Alternate(generator=2, discriminator=1)
        >>> [tuple(map(bool, turns(step))) for step in range(4)]
        [(True, False), (True, True), (True, False), (True, True)]
    """

    def __init__(
        self,
        generator: int = 1,
        discriminator: int = 1,
        generator_warmup: int = 0,
        discriminator_warmup: int = 0,
    ):
        for name, value, minimum in (
            ("generator", generator, 1),
            ("discriminator", discriminator, 1),
            ("generator_warmup", generator_warmup, 0),
            ("discriminator_warmup", discriminator_warmup, 0),
        ):
            if not isinstance(value, int) or value < minimum:
                raise ValueError(
                    f"`{name}` must be an integer of at least {minimum}; got {value!r}."
                )
        self.generator = generator
        self.discriminator = discriminator
        self.generator_warmup = generator_warmup
        self.discriminator_warmup = discriminator_warmup

    @property
    def warmup(self) -> int:
        """Steps before the first round."""
        return self.generator_warmup + self.discriminator_warmup

    def __call__(self, step: Any) -> tuple[Any, Any]:
        """The turns of a step."""
        length = max(self.generator, self.discriminator)
        step = ops.cast(step, "int32")
        generator_alone = step < self.generator_warmup
        in_rounds = step >= self.warmup
        discriminator_alone = ops.logical_not(ops.logical_or(generator_alone, in_rounds))
        place = ops.mod(step - self.warmup, length)

        def turn(always, alone, in_round):
            return always or ops.logical_or(alone, ops.logical_and(in_rounds, in_round))

        return (
            turn(
                self.generator == length and not self.discriminator_warmup,
                generator_alone,
                place < self.generator,
            ),
            turn(
                self.discriminator == length and not self.generator_warmup,
                discriminator_alone,
                place >= length - self.discriminator,
            ),
        )

    def __eq__(self, other: Any) -> bool:
        """Whether the other is the same schedule."""
        return type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        """Equal schedules have equal hashes."""
        return hash(tuple(self.get_config().values()))

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "generator_warmup": self.generator_warmup,
            "discriminator_warmup": self.discriminator_warmup,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Alternate:
        """The schedule that `get_config` described."""
        return cls(**config)


def turns_of(identifier: Any) -> Callable[[Any], tuple[Any, Any]]:
    """The schedule of turns that an argument names.

    Args:
        identifier: None for `Alternate()`, both turns in every step; a schedule, that is anything
            that is called with a step as `Alternate` is and has `get_config`; or its configuration
            as `keras.saving.serialize_keras_object` writes it.

    Raises:
        ValueError: Something else.

    Example:
        >>> turns_of(None) == Alternate(1, 1)
        True
    """
    turns = Alternate() if identifier is None else identifier
    if isinstance(turns, dict):
        turns = keras.saving.deserialize_keras_object(turns)
    if isinstance(turns, type) or not (callable(turns) and hasattr(turns, "get_config")):
        raise ValueError(
            "`turns` must be a schedule such as `schedules.Alternate(generator=1, "
            "discriminator=1)`: called with a step, it gives (generator_turn, discriminator_turn), "
            f"and it has `get_config`. Received: {identifier!r}."
        )
    return turns
