"""The options of `keras-simgan train simgan`."""

from dataclasses import dataclass
from typing import ClassVar

from keras_simgan.runs.options.numbers import count, not_negative, positive
from keras_simgan.runs.options.option import option
from keras_simgan.runs.options.training import FOLDER, TrainingOptions


@dataclass(frozen=True, kw_only=True)
class SimGANOptions(TrainingOptions):
    """The options of a SimGAN's training; each field's help says what it is.

    Raises:
        ValueError: If options do not go together.

    Example:
        >>> from keras_simgan.runs.options import SimGANOptions
        >>> SimGANOptions(source="renders", target="photos", history=0).refiner_warmup
        1000
    """

    summary: ClassVar[str] = "train a SimGAN on two folders of images"
    example: ClassVar[str] = (
        "  keras-simgan train simgan --source renders/ --target photos/ --out runs/eyes \\\n"
        "      --image-size 36 60 --channels 1 --epochs 20\n"
        "  keras-simgan refine runs/eyes renders/ refined/"
    )
    description: ClassVar[str] = f"{FOLDER}; with more --epochs it trains on."

    regularization: float = option(
        2.0,
        "weight of the self-regularization, on means",
        type=not_negative,
        metavar="LAMBDA",
    )
    psi: str = option(
        "identity",
        "what the self-regularization compares",
        choices=("identity", "image_gradients", "channel_means"),
    )
    history: int = option(
        12_800,
        "images in the history of refined images, 0 for none",
        type=count,
        metavar="N",
    )
    optimizer: str = option(
        "adam",
        "adam, at 2e-4 for the refiner and 1e-4 for the discriminator, or the paper's sgd",
        choices=("adam", "sgd"),
    )
    refiner_warmup: int = option(1000, type=count, metavar="STEPS")
    discriminator_warmup: int = option(200, type=count, metavar="STEPS")
    filters: int = option(64, "of the refiner", type=positive, metavar="N")
    blocks: int = option(4, "of the refiner", type=positive, metavar="N")
    adversarial_loss: str = "local"
