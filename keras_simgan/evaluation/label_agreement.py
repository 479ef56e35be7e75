"""Whether a model reads the same label in an image before and after refinement."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np

from keras_simgan import metrics
from keras_simgan.evaluation.image_pairs import ImagePairs
from keras_simgan.metrics import Estimate

#: What counts as agreement, by distance: the largest or smallest mean.
BOUNDS = {"angle": 5.0, "class": 0.95, "iou": 0.9, "keypoints": 2.0}
_HIGHER_IS_BETTER = ("class", "iou")
_SENTENCES = {
    "angle": "the angle between the labels read before and after is {} degrees",
    "class": "the class read before and after is the same in a share of {}",
    "iou": "intersection over union of the masks read before and after is {}",
    "keypoints": "the points read before and after are {} apart",
}


@dataclass(frozen=True)
class AgreementOptions:
    """Which model reads labels, and how they are compared.

    Attributes:
        model: Reads the label from images in [-1, 1], shape `(n, height, width, channels)`.
        distance: `"angle"`, `"class"`, `"iou"` or `"keypoints"`; see `metrics.LabelAgreement`.
        bound: What the mean agreement is to keep to, in degrees for an angle, a share for classes
            and masks, the model's unit for keypoints; `BOUNDS` where left out.

    Raises:
        ValueError: If the distance is unknown.
    """

    model: keras.Model
    distance: str
    bound: float | None = None

    def __post_init__(self) -> None:
        """Refuses a distance that has no bound."""
        if self.distance not in BOUNDS:
            raise ValueError(
                f"`distance` must be one of {', '.join(BOUNDS)}. Received: {self.distance!r}"
            )

    def check_input(self, shape: tuple[int, int, int]) -> None:
        """Refuses images that the model does not fit.

        Args:
            shape: Theirs, `(height, width, channels)`.

        Raises:
            ValueError: If the model is for another shape.
        """
        expected = self.model.input_shape[1:]
        if len(expected) != 3 or any(
            own not in (None, size) for own, size in zip(expected, shape, strict=True)
        ):
            raise ValueError(
                f"The label model takes images of shape {expected}, but these are {shape}. Pass "
                "`image_size` and `channels` that fit it, or another model."
            )


@dataclass(frozen=True)
class Agreement:
    """What a model reads in an image before and after refinement.

    Attributes:
        mean: The mean over the images.
        distance: `"angle"`, `"class"`, `"iou"` or `"keypoints"`.
        bound: What the mean is to keep to.

    Example:
        >>> Agreement(Estimate(4.9, 4.7, 5.1), "angle", 5.0).holds
        False
    """

    mean: Estimate
    distance: str
    bound: float

    @property
    def higher_is_better(self) -> bool:
        """Whether the mean is to be at least the bound, not at most."""
        return self.distance in _HIGHER_IS_BETTER

    @property
    def holds(self) -> bool:
        """Whether the whole interval keeps to the bound."""
        low, high = self.mean.interval
        return low >= self.bound if self.higher_is_better else high <= self.bound

    @property
    def text(self) -> str:
        """The measure in words."""
        return _SENTENCES[self.distance].format(self.mean)

    @property
    def expected(self) -> str:
        """The bound in words."""
        return f"{'at least' if self.higher_is_better else 'at most'} {self.bound:g}"


def measure_agreement(pairs: ImagePairs, options: AgreementOptions) -> Agreement:
    """Compares what the model reads before and after.

    Args:
        pairs: The images before and after.
        options: The model, the distance and the bound.

    Raises:
        ValueError: If what the model reads does not fit the distance.
    """
    agreement = metrics.LabelAgreement(options.model, options.distance)
    values = [agreement(after, before=before) for before, after in pairs.batches()]
    bound = BOUNDS[options.distance] if options.bound is None else options.bound
    return Agreement(agreement.mean(np.concatenate(values)), options.distance, bound)
