"""The options of `keras-simgan train pix2pix`."""

from dataclasses import dataclass
from typing import ClassVar

from keras_simgan.runs.options.decaying import DECAYING_FOLDER
from keras_simgan.runs.options.numbers import count, not_negative, positive, share
from keras_simgan.runs.options.option import option
from keras_simgan.runs.options.paired import PairedOptions


@dataclass(frozen=True, kw_only=True)
class Pix2PixOptions(PairedOptions):
    """The options of a pix2pix's training; each field's help says what it is.

    Raises:
        ValueError: If options do not go together.

    Example:
        >>> from keras_simgan.runs.options import Pix2PixOptions
        >>> Pix2PixOptions(source="facades", side_by_side="source_right").l1_weight
        100.0
    """

    summary: ClassVar[str] = "train pix2pix on pairs, such as label maps and photos"
    example: ClassVar[str] = (
        "  keras-simgan train pix2pix --source facades/ --side-by-side source_right "
        "--out runs/facades \\\n"
        "      --image-size 286 286 --crop 256 256\n"
        "  keras-simgan train pix2pix --source maps/ --target photos/ --classes 12 "
        "--out runs/streets\n"
        "  keras-simgan refine runs/streets new_maps/ generated/"
    )
    description: ClassVar[str] = (
        "A refinement of label maps writes photos, and the maps beside them. " + DECAYING_FOLDER
    )

    l1_weight: float = option(
        100.0, "weight of the L1 loss, on means", type=not_negative, metavar="LAMBDA"
    )
    depth: int | None = option(
        None,
        "levels of the U-Net; default: down to a pixel, 8 at most",
        type=positive,
        metavar="N",
    )
    dropout: float = option(
        0.5, "in the generator, which is its noise, 0 for none", type=share, metavar="RATE"
    )
    normalization: str = option("batch", "in both networks", choices=("batch", "instance", "none"))
    discriminator_layers: int = option(
        3,
        "layers with stride 2; 3 see 70 pixels, 2 see 34, 1 sees 16, 0 a pixel",
        type=count,
        metavar="N",
    )
    adversarial_loss: str = "non_saturating"
