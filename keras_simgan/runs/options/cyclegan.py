"""The options of `keras-simgan train cyclegan`."""

from dataclasses import dataclass
from typing import ClassVar

from keras_simgan.runs.options.cycle import CycleOptions
from keras_simgan.runs.options.decaying import DECAYING_FOLDER
from keras_simgan.runs.options.numbers import not_negative
from keras_simgan.runs.options.option import changed, flag, option


@dataclass(frozen=True, kw_only=True)
class CycleGANOptions(CycleOptions):
    """The options of a CycleGAN's training; each field's help says what it is.

    Raises:
        ValueError: If options do not go together.

    Example:
        >>> from keras_simgan.runs.options import CycleGANOptions
        >>> CycleGANOptions(source="horses", target="zebras", epochs=5).phases
        (3, 2)
    """

    summary: ClassVar[str] = "train a CycleGAN, both ways, on two folders of images"
    example: ClassVar[str] = (
        "  keras-simgan train cyclegan --source horses/ --target zebras/ --out runs/zebras \\\n"
        "      --image-size 286 286 --crop 256 256\n"
        "  keras-simgan refine runs/zebras horses/ as_zebras/\n"
        "  keras-simgan refine runs/zebras zebras/ as_horses/ --direction target_to_source"
    )
    description: ClassVar[str] = DECAYING_FOLDER

    label_model: str | None = option(
        None,
        "a .keras file of a model that reads the source images' labels, which are to stay; "
        "it is frozen; default: none",
        path=True,
        metavar="FILE",
    )
    label_distance: str = option(
        "l2",
        "between what it reads before and after; kullback_leibler for class probabilities",
        choices=("l1", "l2", "cosine", "kullback_leibler"),
    )
    label_weight: float = option(1.0, type=not_negative, metavar="LAMBDA")
    label_on: str = option(
        "translated",
        "where the label is read again: in the translated image, or in that translated back",
        choices=("translated", "cycled"),
    )
    adversarial_loss: str = "least_squares"

    def __post_init__(self) -> None:
        """Refuses options that do not go together."""
        super().__post_init__()
        if not self.label_model:
            for name in changed(self, "label_distance", "label_weight", "label_on"):
                raise ValueError(
                    f"{flag(name)} does nothing without --label-model FILE; give both."
                )
