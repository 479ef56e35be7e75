"""The options of `keras-simgan train pix2pixhd`."""

from dataclasses import dataclass
from typing import ClassVar

from keras_simgan.runs.options.decaying import DECAYING_FOLDER
from keras_simgan.runs.options.numbers import not_negative, positive
from keras_simgan.runs.options.option import changed, flag, option
from keras_simgan.runs.options.paired import PairedOptions

#: What `start_from` brings along.
_OF_THE_NETWORKS = (
    "filters",
    "blocks",
    "downsamplings",
    "upsampling",
    "normalization",
    "discriminator_filters",
    "discriminator_layers",
    "scales",
)


@dataclass(frozen=True, kw_only=True)
class Pix2PixHDOptions(PairedOptions):
    """The options of a pix2pixHD's training; each field's help says what it is.

    Raises:
        ValueError: If options do not go together.

    Example:
        >>> from keras_simgan.runs.options import Pix2PixHDOptions
        >>> Pix2PixHDOptions(source="maps", target="photos", classes=35).downsamplings
        4
    """

    summary: ClassVar[str] = "train pix2pixHD on label maps and photos, coarse to fine"
    example: ClassVar[str] = (
        "  keras-simgan train pix2pixhd --source maps/ --target photos/ --classes 35 "
        "--out runs/global \\\n"
        "      --instances instances/ --image-size 512 1024\n"
        "  keras-simgan train pix2pixhd --source maps/ --target photos/ --classes 35 "
        "--out runs/enhancer \\\n"
        "      --instances instances/ --image-size 1024 2048 --start-from runs/global "
        "--stage enhancer\n"
        "  keras-simgan train pix2pixhd --source maps/ --target photos/ --classes 35 "
        "--out runs/both \\\n"
        "      --instances instances/ --image-size 1024 2048 --start-from runs/enhancer "
        "--stage both\n"
        "  keras-simgan refine runs/both new_maps/ generated/ --instances new_instances/"
    )
    description: ClassVar[str] = (
        "Each stage is a run of its own: the global generator; then, at twice the size, the local "
        "enhancer around it; then both. " + DECAYING_FOLDER
    )

    stage: str | None = option(
        None,
        "what trains of a generator with a local enhancer; default: the global generator, without "
        "one",
        choices=("global", "enhancer", "both"),
    )
    start_from: str | None = option(
        None,
        "run or preset of pix2pixHD, whose networks are trained on; an enhancer is added where "
        "--stage needs one",
        path=True,
        metavar="RUN",
    )
    blocks: int = option(
        9, "of the global generator; an enhancer has 3", type=positive, metavar="N"
    )
    downsamplings: int = option(
        4, "how often the global generator halves an image", type=positive, metavar="N"
    )
    upsampling: str = option(
        "transpose",
        "in the generators; resize avoids checkerboard patterns",
        choices=("transpose", "resize"),
    )
    normalization: str = option(
        "instance", "in all networks", choices=("instance", "batch", "none")
    )
    discriminator_filters: int = option(64, type=positive, metavar="N")
    discriminator_layers: int = option(
        3, "layers with stride 2, at each scale", type=positive, metavar="N"
    )
    scales: int = option(2, "of the discriminator; 3 for 2048x1024", type=positive, metavar="N")
    feature_matching_weight: float = option(10.0, type=not_negative, metavar="LAMBDA")
    perceptual: str | None = option(
        None,
        "a .keras file of a model whose outputs are compared between photo and fake, or vgg19 for "
        "Keras' own; default: none",
        metavar="FILE",
    )
    perceptual_weight: float = option(10.0, type=not_negative, metavar="LAMBDA")
    adversarial_loss: str = "least_squares"

    def __post_init__(self) -> None:
        """Refuses options that do not go together."""
        super().__post_init__()
        if self.start_from:
            for name in changed(self, *_OF_THE_NETWORKS):
                raise ValueError(
                    f"{flag(name)} is that of the networks of --start-from; leave one of them out."
                )
        if self.perceptual is None and changed(self, "perceptual_weight"):
            raise ValueError("--perceptual-weight does nothing without --perceptual; give both.")
