"""The options that trainings of CycleGAN and of models like it share."""

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
class CycleOptions(TrainingOptions):
    """Two generators that undo each other, trained at a rate that is constant and then falls."""

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
    blocks: int | None = option(
        None,
        "of the generators; default: 6 up to 128 pixels, 9 above",
        type=positive,
        metavar="N",
    )
    upsampling: str = option(
        "transpose",
        "in the generators; resize avoids checkerboard patterns",
        choices=("transpose", "resize"),
    )
    normalization: str = option(
        "instance",
        "in all networks; instance takes an image's own mean colour away, so that all get one "
        "palette, none lets it stay",
        choices=("instance", "none"),
    )
    discriminator_layers: int = option(
        3,
        "layers with stride 2; 3 see 70 pixels, 2 see 34, 1 sees 16",
        type=positive,
        metavar="N",
    )
    cycle_weight: float = option(
        10.0, "weight of the cycle losses, on means", type=not_negative, metavar="LAMBDA"
    )
    cycle_distance: str = option(
        "l1", "between an image and what comes back of it", choices=("l1", "l2")
    )
    identity_weight: float = option(
        0.5,
        "weight of the identity losses, as a part of --cycle-weight",
        type=not_negative,
        metavar="SHARE",
    )
    pool: int = option(
        50,
        "past images that each discriminator sees again, 0 for none",
        type=count,
        metavar="N",
    )

    @property
    def phases(self) -> tuple[int, int]:
        """The epochs at the constant rate, and those in which it falls."""
        decay = self.epochs // 2 if self.decay_epochs is None else self.decay_epochs
        return self.epochs - decay, decay
