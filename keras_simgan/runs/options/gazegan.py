"""The options of `keras-simgan train gazegan`."""

from dataclasses import dataclass
from typing import ClassVar

from keras_simgan.runs.options.cycle import CycleOptions
from keras_simgan.runs.options.decaying import DECAYING_FOLDER
from keras_simgan.runs.options.numbers import not_negative, positive
from keras_simgan.runs.options.option import changed, option
from keras_simgan.runs.options.training import loss_option


@dataclass(frozen=True, kw_only=True)
class GazeGANOptions(CycleOptions):
    """The options of a GazeGAN's training; each field's help says what it is.

    Raises:
        ValueError: If options do not go together.

    Example:
        >>> from keras_simgan.runs.options import GazeGANOptions
        >>> GazeGANOptions(source="renders", target="photos").gaze_weight
        25.0
    """

    summary: ClassVar[str] = "train a GazeGAN, a CycleGAN of eyes that keeps the gaze"
    example: ClassVar[str] = (
        "  keras-simgan train gazegan --source renders/ --target photos/ --out runs/gaze \\\n"
        "      --image-size 128 128 --channels 3\n"
        "  keras-simgan refine runs/gaze renders/ refined/"
    )
    description: ClassVar[str] = (
        "Without --gaze-estimator one is trained first, on the source images and their labels "
        "`gaze`, (pitch, yaw) in radians in MPIIGaze's convention, and kept as "
        f"gaze_estimator.keras. {DECAYING_FOLDER}"
    )

    identity_weight: float = 0.0
    gaze_estimator: str | None = option(
        None,
        "a .keras file of a model that reads gaze from the source images; it is frozen; "
        "default: one is trained first",
        path=True,
        metavar="FILE",
    )
    estimator_epochs: int = option(30, "of that one's training", type=positive, metavar="N")
    labels_encoding: str | None = option(
        None,
        "of labels.csv or labels.json, such as latin-1; default: what the file says, or UTF-8",
        metavar="NAME",
    )
    gaze_weight: float = option(25.0, type=not_negative, metavar="LAMBDA")
    gaze_on: str = option(
        "translated",
        "where the gaze is read again: in the translated image, or in that translated back",
        choices=("translated", "cycled"),
    )
    adversarial_loss: str | None = loss_option(
        None, "; default: least_squares, with the generators aiming at 0.9"
    )

    def __post_init__(self) -> None:
        """Refuses options that do not go together."""
        super().__post_init__()
        if self.gaze_estimator and changed(self, "estimator_epochs"):
            raise ValueError(
                "--estimator-epochs is for the estimator that is trained here, but "
                "--gaze-estimator gives another; leave one of them out."
            )
        if self.gaze_estimator and self.labels_encoding:
            raise ValueError(
                "--labels-encoding is for the labels that an estimator is trained on, but "
                "--gaze-estimator gives one; leave one of them out."
            )
