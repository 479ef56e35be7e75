"""The options of trainings whose learning rate is constant and then falls to zero."""

from dataclasses import dataclass

from keras_simgan.runs.options.numbers import count, not_negative, positive
from keras_simgan.runs.options.option import option
from keras_simgan.runs.options.training import FOLDER, TrainingOptions, size_option

#: What their commands say they write.
DECAYING_FOLDER = (
    f"{FOLDER}; with other --epochs too, as long as the learning rate has not begun to fall, or at "
    "any time under --decay-epochs 0."
)


@dataclass(frozen=True, kw_only=True)
class DecayingOptions(TrainingOptions):
    """Trained as CycleGAN and pix2pix are: at a rate that is constant and then falls."""

    crop: tuple[int, int] | None = size_option(
        "train on random windows of this size; default: whole images"
    )
    epochs: int = 200
    batch_size: int = 1
    no_flip: bool = option(False, "do not mirror images at random")
    learning_rate: float = option(2e-4, type=not_negative, metavar="RATE")
    decay_epochs: int | None = option(
        None,
        "the last epochs, over which the learning rate falls to zero, 0 for none; default: "
        "half of --epochs",
        may_change=True,
        type=count,
        metavar="N",
    )
    filters: int = option(64, "of all networks", type=positive, metavar="N")

    @property
    def phases(self) -> tuple[int, int]:
        """The epochs at the constant rate, and those in which it falls."""
        decay = self.epochs // 2 if self.decay_epochs is None else self.decay_epochs
        return self.epochs - decay, decay


def normalization_of(option: str) -> str | None:
    """What networks take for an option `normalization`, where none is typed as `"none"`.

    Args:
        option: As typed.
    """
    return None if option == "none" else option
