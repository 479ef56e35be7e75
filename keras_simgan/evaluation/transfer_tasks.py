"""The labels that a small network is trained to read, and the network for each kind of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import keras
import numpy as np

from keras_simgan import networks
from keras_simgan.data.gaze import pitch_yaw_to_vector
from keras_simgan.data.labels import LabelError
from keras_simgan.metrics.angular_error import angular_error

_EXPECTED = (
    "Expected the gaze, two numbers (pitch, yaw) in radians, [0.1, -0.2] in one cell or in columns "
    "named with _0 and _1; or a class, a word or a whole number that several images share."
)
_OF_NUMBERS = re.compile(r"[-+0-9.,;eE\s\[\]()]+")


class GazeTask:
    """Reads a gaze, (pitch, yaw) in radians; measured by the angular error in degrees."""

    network, unit, loss, lower_is_better = "GazeEstimator", "degrees", "mse", True

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """What the network is trained to give: directions, float32, shape `(n, 3)`.

        Args:
            labels: Shape `(n, 2)`.
        """
        return pitch_yaw_to_vector(labels).astype("float32")

    def build(self, shape: tuple[int, int, int]) -> keras.Model:
        """The network, not compiled.

        Args:
            shape: Of the images, `(height, width, channels)`.
        """
        pooling = max(1, min(shape[:2]) // 36)
        return networks.GazeEstimator(shape, (8, 8, 16, 24, 48), 128, pooling=pooling)

    def measure(self, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """The error of each prediction in degrees, shape `(n,)`.

        Args:
            labels: Shape `(n, 2)`.
            predictions: Directions, shape `(n, 3)`.
        """
        return keras.ops.convert_to_numpy(angular_error(labels.astype("float32"), predictions))

    def chance(self, labels: np.ndarray) -> float:
        """The mean error of always answering the mean direction.

        Args:
            labels: Shape `(n, 2)`.
        """
        mean = pitch_yaw_to_vector(labels).mean(axis=0)
        return float(self.measure(labels, np.tile(mean, (len(labels), 1)).astype("float32")).mean())


class ClassTask:
    """Reads a class, a whole number or a word; measured by the percentage of right answers.

    Args:
        classes: All there are, sorted, shape `(k,)`.
    """

    network, unit, lower_is_better = "classifier", "% right", False
    loss = "sparse_categorical_crossentropy"

    def __init__(self, classes: np.ndarray):
        self.classes = classes

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """The indices of the classes, shape `(n,)`.

        Args:
            labels: Shape `(n,)`.
        """
        return np.searchsorted(self.classes, self._alike(labels))

    def build(self, shape: tuple[int, int, int]) -> keras.Model:
        """The network, not compiled.

        Args:
            shape: Of the images, `(height, width, channels)`.
        """
        inputs = x = keras.Input(shape)
        filters, side = 16, min(shape[:2])
        while side > 8:
            x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
            filters, side = min(64, 2 * filters), -(-side // 2)
        x = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
        outputs = keras.layers.Dense(len(self.classes), activation="softmax")(x)
        return keras.Model(inputs, outputs, name="classifier")

    def measure(self, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """100 for each right answer, 0 for each wrong one, shape `(n,)`.

        Args:
            labels: Shape `(n,)`.
            predictions: Probabilities, shape `(n, k)`.
        """
        return 100.0 * (self.classes[predictions.argmax(axis=-1)] == self._alike(labels))

    def chance(self, labels: np.ndarray) -> float:
        """The percentage that always answering the most frequent class gets right.

        Args:
            labels: Shape `(n,)`.
        """
        return float(100 * np.unique(labels, return_counts=True)[1].max() / len(labels))

    def _alike(self, labels: np.ndarray) -> np.ndarray:
        """As the classes are: text, where the labels of another set are words."""
        return labels.astype(self.classes.dtype)


def task_for(labels: Mapping[str, np.ndarray], name: str) -> GazeTask | ClassTask:
    """The task that fits the labels of all sets.

    Args:
        labels: By set, a row an image, none missing. Networks are trained on all but `"test"`.
        name: What the label is called, for errors.

    Raises:
        LabelError: If they are neither gaze in radians nor classes.

    Example:
        >>> task_for({"refined": np.array(["cat", "dog", "dog", "cat"])}, "animal").unit
        '% right'
    """
    values = list(labels.values())
    if all(each.ndim == 2 and each.shape[1] == 2 and each.dtype.kind in "fiu" for each in values):
        largest_pitch = max(np.abs(each[:, 0]).max() for each in values)
        if largest_pitch > np.pi / 2:
            raise LabelError(
                f"The label {name!r} has a pitch of {largest_pitch:g}; expected (pitch, yaw) in "
                "radians, the pitch at most pi / 2."
            )
        if not all(np.isfinite(each).all() for each in values):
            raise LabelError(f"The label {name!r} has a yaw that is not finite. {_EXPECTED}")
        return GazeTask()
    if all(each.ndim == 1 and each.dtype.kind in "biuU" for each in values):
        for kind, each in labels.items():
            _check_classes(each, name, kind)
        return ClassTask(np.unique(np.concatenate(values)))
    shapes = {kind: f"{each.dtype} {each.shape}" for kind, each in labels.items()}
    raise LabelError(
        f"The label {name!r} is neither gaze nor class, but {shapes}. {_EXPECTED} "
        "`metrics.transfer_gain` takes any label, with a network of yours."
    )


def _check_classes(values: np.ndarray, name: str, kind: str) -> None:
    """Refuses measurements and names that came as text, which would be a class each."""
    words, what = np.unique(values), f"The label {name!r} of the {kind} images"
    if values.dtype.kind == "U":
        if 2 * sum(map(_looks_measured, words)) > len(words):
            raise LabelError(f"{what} is text that looks like numbers. {_EXPECTED}")
    # Real images may be few, and networks are not trained on them.
    if kind != "test" and 2 * len(words) > len(values):
        kinds = "words" if values.dtype.kind == "U" else "whole numbers"
        raise LabelError(
            f"{what} has {len(words):,} different {kinds} for {len(values):,} images, too many to "
            f"be classes. {_EXPECTED}"
        )


def _looks_measured(word: str) -> bool:
    """Whether it is several numbers, or one that is not whole: 0,5 or 0.1 0.2 and the like."""
    word = word.strip()
    return (
        _OF_NUMBERS.fullmatch(word) is not None
        and any(mark in word for mark in ".,; ")
        and any(digit in word for digit in "0123456789")
    )
