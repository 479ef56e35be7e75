"""Whether images still say what their labels say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from sklearn.metrics import jaccard_score

from keras_simgan.metrics.angular_error import angular_error
from keras_simgan.metrics.estimate import Estimate
from keras_simgan.metrics.image_checks import checked_images

_BATCH = 64


class LabelAgreement:
    r"""Compares what a frozen model reads in refined images with what they should say.

        agreement_i = distance(reference_i, E(after_i)),   reference_i = E(before_i) or label_i

    With `before`, the images before refinement, it is the label drift of the refinement alone, as
    the model's own mistakes are on both sides. With `labels` it is the error on the refined images,
    the model's included. Either needs a model that was not trained with the refiner; one that
    took part in its loss agrees more than it should.

    Args:
        model: A `keras.Model`, or any function from images in [-1, 1], shape
            `(n, height, width, channels)`, to one array of n readings.
        distance: What is compared:

            - `"angle"`: degrees between gaze directions; readings and labels are `(pitch, yaw)` in
              radians, shape `(n, 2)`, or vectors, shape `(n, 3)`; see `AngularError`.
            - `"class"`: 1 where the most likely class is the same, 0 elsewhere; values of at least
              two classes, shape `(n, classes)`, the probability of one, `(n, 1)`, or indices,
              `(n,)`.
            - `"iou"`: intersection over union of the pixels of each class, its mean over the
              classes that either map has; `(n, h, w, classes)`, the probability of one class,
              `(n, h, w, 1)`, or maps of indices, `(n, h, w)`.
            - `"keypoints"`: mean Euclidean distance, in the model's unit, such as pixels; points
              `(x, y)`, shape `(n, points, 2)` or `(n, 2 points)`.
            - A function of the reference and the reading after, two arrays of n rows, that returns
              n numbers.
        higher_is_better: Of a function: whether larger numbers are better. The named distances know
            theirs: yes for `"class"` and `"iou"`, no for the others.

    Raises:
        TypeError: If the model cannot be called.
        ValueError: If the distance is unknown, or `higher_is_better` is given with a named one.

    Attributes:
        higher_is_better: Whether larger numbers are better.

    Example:
        >>> is_light = lambda images: images.mean(axis=(1, 2, 3)) > 0
        >>> agreement = LabelAgreement(is_light, "class")
        >>> images = np.stack([np.full((4, 4, 1), -0.2), np.full((4, 4, 1), 0.3)])
        >>> agreement(after=images + 0.5, before=images)
        array([0., 1.])
    """

    def __init__(
        self,
        model: keras.Model | Callable[[np.ndarray], Any],
        distance: str | Callable[[np.ndarray, np.ndarray], Any],
        higher_is_better: bool | None = None,
    ):
        if not callable(model):
            raise TypeError(
                "`model` must be a `keras.Model` or a function from images to readings. Received: "
                f"{model!r}."
            )
        if not callable(distance) and distance not in list(_DISTANCES):
            raise ValueError(
                f"`distance` must be one of {sorted(_DISTANCES)} or a function of two arrays. "
                f"Received: {distance!r}."
            )
        if not callable(distance) and higher_is_better is not None:
            raise ValueError(
                f"`higher_is_better` is for a distance of your own; {distance!r} knows its own."
            )
        self.model, self.distance = model, distance
        self.higher_is_better = (
            bool(higher_is_better) if callable(distance) else distance in ("class", "iou")
        )

    def __call__(
        self,
        after: np.ndarray,
        before: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> np.ndarray:
        """The number of each image, float64, shape `(n,)`.

        Args:
            after: Refined images in [-1, 1], shape `(n, height, width, channels)`.
            before: The images that they were refined from, in the same order; or
            labels: what they should say, n rows. One of the two.

        Raises:
            ValueError: If not exactly one of `before` and `labels` is given, images, labels or
                readings have another shape or range than `distance` takes, or are not finite.
        """
        after = checked_images("after", after)
        if (before is None) == (labels is None):
            raise ValueError("Pass one of `before` and `labels` to compare the images with.")
        if before is not None:
            before = checked_images("before", before)
            reference, what = self._read(before), "what the model reads in `before`"
        else:
            reference, what = _finite("labels", labels), "`labels`"
        if len(reference) != len(after):
            raise ValueError(
                f"`{'labels' if before is None else 'before'}` has {len(reference)} rows, `after` "
                f"has {len(after)}; each image needs its own."
            )
        reading = self._read(after)
        if callable(self.distance):
            numbers = keras.ops.convert_to_numpy(self.distance(reference, reading))
        else:
            prepare, compare = _DISTANCES[self.distance]
            reference = prepare(reference, what)
            reading = prepare(reading, "what the model reads in `after`")
            if reference.shape[1:] != reading.shape[1:] and self.distance != "angle":
                raise ValueError(
                    f'"{self.distance}" compares readings of one shape; {what} is '
                    f"{reference.shape}, what the model reads in `after` is {reading.shape}."
                )
            numbers = keras.ops.convert_to_numpy(compare(reference, reading))
        numbers = np.asarray(numbers, "float64")
        if numbers.shape != (len(after),):
            raise ValueError(
                f"`distance` must return one number an image, shape ({len(after)},). It returned "
                f"the shape {numbers.shape}."
            )
        return numbers

    def estimate(
        self,
        after: np.ndarray,
        before: np.ndarray | None = None,
        labels: np.ndarray | None = None,
    ) -> Estimate:
        """The mean over images, with its 95 % interval for other images of the same kind.

        The interval is Wilson's for `"class"`, which has a width where all agree, else a bootstrap.
        There is none for a single image.

        Args:
            after: As in a call.
            before: As in a call.
            labels: As in a call.

        Raises:
            ValueError: As in a call.
        """
        return self.mean(self(after, before, labels))

    def mean(self, numbers: np.ndarray) -> Estimate:
        """The mean of numbers that calls gave, with its interval, as `estimate` has it.

        Args:
            numbers: Shape `(n,)`.
        """
        mean, count = float(np.mean(numbers)), len(numbers)
        if count < 2:
            return Estimate(mean)
        if self.distance == "class":
            return Estimate.of_share(int(np.sum(numbers)), count)
        return Estimate.of_mean(numbers)

    def _read(self, images: np.ndarray) -> np.ndarray:
        if isinstance(self.model, keras.Model):
            readings = self.model.predict(images, batch_size=_BATCH, verbose=0)
        else:
            readings = self.model(images)
        if isinstance(readings, list | tuple | dict):
            raise ValueError(
                f"The model gives {len(readings)} outputs; labels are compared in one. Pass a "
                "function that returns that one, or `keras.Model(model.input, model.outputs[0])`."
            )
        readings = _finite("what the model reads", readings)
        if len(readings) != len(images):
            raise ValueError(
                f"The model gives {len(readings)} readings of {len(images)} images; one each was "
                "expected."
            )
        return readings


def _finite(what: str, values: Any) -> np.ndarray:
    values = np.asarray(keras.ops.convert_to_numpy(values))
    if values.dtype.kind not in "bfiu" or values.ndim == 0:
        raise ValueError(
            f"{what} must be an array of numbers; found {values.dtype} of shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"{what} holds values that are not finite.")
    return values


def _gaze(values: np.ndarray, what: str) -> np.ndarray:
    if values.ndim != 2 or values.shape[1] not in (2, 3):
        raise ValueError(
            '"angle" compares (pitch, yaw), shape (n, 2), or directions, shape (n, 3); '
            f"{what} has the shape {values.shape}."
        )
    if values.shape[1] == 3 and not np.abs(values).sum(axis=1).all():
        raise ValueError(f'"angle" needs directions; {what} holds a vector of length 0.')
    return values


def _indices(rank: int, distance: str) -> Callable[[np.ndarray, str], np.ndarray]:
    """What turns values of classes, along the last axis, into indices."""
    places = {0: "(n,)", 2: "(n, h, w)"}[rank]
    expected = (
        f'"{distance}" compares indices of classes, shape {places}, or values of each class along '
        "one more axis; where that has length 1, probabilities from 0 to 1"
    )

    def prepare(values: np.ndarray, what: str) -> np.ndarray:
        integral = values.dtype.kind in "biu" or bool((values == np.round(values)).all())
        if values.ndim == rank + 1 and integral:
            return values.astype("int64")
        if values.ndim == rank + 2 and values.shape[-1] > 1:
            return values.argmax(axis=-1)
        if values.ndim == rank + 2 and values.dtype.kind in "biu":
            return values[..., 0].astype("int64")
        if values.ndim == rank + 2 and values.min() >= 0 and values.max() <= 1:
            return (values[..., 0] > 0.5).astype("int64")
        raise ValueError(
            f"{expected}. {what[0].upper() + what[1:]} has the shape {values.shape} and values "
            f"from {values.min():g} to {values.max():g}."
        )

    return prepare


def _points(values: np.ndarray, what: str) -> np.ndarray:
    flat = values.ndim == 2 and values.shape[1] and values.shape[1] % 2 == 0
    if not flat and not (values.ndim == 3 and values.shape[1] and values.shape[2] == 2):
        raise ValueError(
            '"keypoints" compares points (x, y), shape (n, points, 2) or (n, 2 points); '
            f"{what} has the shape {values.shape}."
        )
    return values.reshape(len(values), -1, 2).astype("float64")


def _mean_iou(reference: np.ndarray, reading: np.ndarray) -> np.ndarray:
    pairs = zip(reference, reading, strict=True)
    return np.array([jaccard_score(a.ravel(), b.ravel(), average="macro") for a, b in pairs])


def _mean_distance(reference: np.ndarray, reading: np.ndarray) -> np.ndarray:
    return np.linalg.norm(reference - reading, axis=-1).mean(axis=1)


_DISTANCES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "angle": (_gaze, angular_error),
    "class": (_indices(0, "class"), np.equal),
    "iou": (_indices(2, "iou"), _mean_iou),
    "keypoints": (_points, _mean_distance),
}
