"""The options that every training has."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from keras_simgan.runs.options.numbers import momentum, positive
from keras_simgan.runs.options.option import option

_IMAGES = "folder of images, or .npz file with an array `images`"

#: What a command `keras-simgan train MODEL` says it writes.
FOLDER = (
    "Writes into --out: run.json, log.csv, samples/ (a picture an epoch), preset/ (the model) "
    "and backup/ (the state). Run again with the same --out it resumes"
)


def loss_option(default: str | None, help: str = "") -> Any:
    """Makes a field for the adversarial loss, by its name in `losses`.

    Args:
        default: Its default; `None` is the model's own.
        help: What is said of that.
    """
    return option(
        default,
        f"of the generators against the discriminators{help}",
        closing=True,
        choices=("non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "local"),
    )


def size_option(help: str) -> Any:
    """Makes a field for a height and a width in pixels.

    Args:
        help: See `Option`.
    """
    return option(None, help, type=positive, nargs=2, metavar=("H", "W"))


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """What every model's options begin with; each field's help says what it is.

    A subclass adds the model's own as fields made by `option`, gives the three texts below, and
    refuses in `__post_init__` options that do not go together.

    Attributes:
        summary: A line for the list of commands.
        example: Lines that show the command's use, indented; the first is the training itself.
        description: What the command's own help says after the summary.
    """

    summary: ClassVar[str]
    example: ClassVar[str]
    description: ClassVar[str]

    source: str = option(help=f"synthetic images: {_IMAGES}", path=True, metavar="PATH")
    target: str | None = option(help=f"real images: {_IMAGES}", path=True, metavar="PATH")
    image_size: tuple[int, int] | None = size_option(
        "resize to this; default: that of the first source image"
    )
    # Two that a subclass may make options of, and that have their places here.
    crop: tuple[int, int] | None = dataclasses.field(default=None, init=False)
    channels: int | None = option(
        None, "gray or colour; default: those of the first source image", type=int, choices=(1, 3)
    )
    convert_channels: bool = option(False, "convert images with other channels instead of failing")
    epochs: int = option(20, may_change=True, type=positive, metavar="N")
    steps_per_epoch: int | None = option(
        None, "batches in an epoch; default: one pass over the source", type=positive, metavar="N"
    )
    batch_size: int = option(64, type=positive, metavar="N")
    no_flip: bool = dataclasses.field(default=True, init=False)
    adversarial_loss: str | None = loss_option(None)
    ema: float | None = option(
        None,
        "keep the generators' weights averaged over the steps, too, with this momentum, such as "
        "0.999; default: none",
        closing=True,
        type=momentum,
        metavar="MOMENTUM",
    )
    dtype: str = option(
        "float32",
        "what the networks compute in",
        closing=True,
        choices=("float32", "mixed_bfloat16", "mixed_float16"),
    )
    seed: int = option(0, closing=True, type=int, metavar="N")
    validation_source: str | None = option(
        None, "images for the val_ columns of the log", path=True, closing=True, metavar="PATH"
    )
    validation_target: str | None = option(
        None, "likewise; the two go together", path=True, closing=True, metavar="PATH"
    )
    tensorboard: str | None = option(
        None,
        "also log there, for TensorBoard",
        path=True,
        may_change=True,
        closing=True,
        metavar="DIR",
    )
    on_bad_image: str = option(
        "error",
        "stop at images that cannot be used, or leave them out",
        closing=True,
        choices=("error", "skip"),
    )
    label_folders: tuple[str, ...] | None = option(
        None,
        "names of folders whose images are labels of others; they replace the known ones, such as "
        "masks, so no name is none",
        closing=True,
        nargs="*",
        metavar="NAME",
    )
    label_patterns: tuple[str, ...] | None = option(
        None,
        "names of images that are labels, in quotes, such as '*_zone'; they replace the known "
        "ones, such as '*_mask', so no name is none",
        closing=True,
        nargs="*",
        metavar="PATTERN",
    )

    @property
    def translates_source(self) -> bool:
        """Whether `source` holds what the trained model translates, and nothing else."""
        return True

    def __post_init__(self) -> None:
        """Refuses options that do not go together."""
        if bool(self.validation_source) != bool(self.validation_target):
            raise ValueError("--validation-source and --validation-target go together; give both.")
