"""What a small network, trained on one set of images or another, makes of real ones."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from keras_simgan import networks
from keras_simgan.data.gaze import pitch_yaw_to_vector
from keras_simgan.data.image_set import ImageSet
from keras_simgan.data.labels import LabelError
from keras_simgan.metrics import Estimate, TransferScore, transfer_gain
from keras_simgan.metrics.angular_error import angular_error
from keras_simgan.ranges import from_unit
from keras_simgan.reporting.image_sample import ImageSample

ARMS = ("synthetic", "augmented", "refined")
_BATCH = 64
_HELD_BYTES = 2**27


@dataclass(frozen=True)
class Transfer:
    """What `measure_transfer` found.

    Attributes:
        scores: Of the networks trained on `ARMS`, on real images.
        over_augmented: The gain of refined over augmented synthetic images.
        unit: Of scores and gains.
        lower_is_better: Whether the score is an error.
        chance: The score of always answering the mean direction, or the most frequent class, of
            the real images.
        images: How many real images were tested on.
    """

    scores: Mapping[str, TransferScore]
    over_augmented: Estimate
    unit: str
    lower_is_better: bool
    chance: float
    images: int


def measure_transfer(
    samples: Mapping[str, ImageSample],
    label: str,
    steps: int,
    seeds: int,
    folder: Path | None = None,
) -> Transfer:
    """Trains a small network on each training set and tests it on real images.

    The sets are the synthetic images, the same with gamma, shift, blur and noise drawn anew for
    each step, and the refined images.

    Args:
        samples: `"synthetic"`, `"refined"` and `"test"`, with their labels.
        label: The field of the labels: a gaze (pitch, yaw) in radians, for which a
            `networks.GazeEstimator` is trained, or a class, a whole number or a word.
        steps: Of each training, of 64 images.
        seeds: Trainings of each set.
        folder: Keeps the finished trainings, for the next run with the same images and settings.

    Raises:
        LabelError: If the field is missing, or is neither gaze nor class.
    """
    labels = {name: _labels(sample, name, label) for name, sample in samples.items()}
    kind = _kind(labels, label)
    task = (_Gaze if kind == "gaze" else _Classes)(labels)
    sets = {name: _held(samples[name].images) for name in ("synthetic", "refined")}
    targets = {name: task.targets(labels[name]) for name in ("synthetic", "refined")}

    def train(data: tuple[str, bool], seed: int) -> Callable[[np.ndarray], np.ndarray]:
        name, augmented = data
        keras.utils.set_random_seed(seed)
        model = task.build(sets[name].shape)
        rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
        model.compile(keras.optimizers.Adam(rate), task.loss)
        model.fit(_Batches(sets[name], targets[name], steps, seed, augmented), verbose=0)
        return lambda images: model.predict(images, batch_size=_BATCH, verbose=0)

    setting = {
        "label": label,
        "steps": steps,
        "network": task.network,
        "size": list(sets["synthetic"].shape),
        **{name: _checksum(samples[name], labels[name]) for name in samples},
    }
    with tempfile.TemporaryDirectory() as temporary:
        key = hashlib.sha256(json.dumps(setting).encode()).hexdigest()[:12]
        # Both calls below read what the first one trains.
        results = (folder or Path(temporary)) / f"{key}.json"

        def score(arms: dict[str, tuple[str, bool]], baseline: str) -> dict[str, TransferScore]:
            return transfer_gain(
                arms,
                (samples["test"].images[np.arange(len(samples["test"]))], labels["test"]),
                task.measure,
                train=train,
                lower_is_better=task.lower_is_better,
                baseline=baseline,
                seeds=seeds,
                setting=setting,
                results=results,
            )

        arms = {
            "synthetic": ("synthetic", False),
            "augmented": ("synthetic", True),
            "refined": ("refined", False),
        }
        scores = score(arms, "synthetic")
        over_augmented = score(arms, "augmented")["refined"].gain
    return Transfer(
        scores,
        over_augmented,
        task.unit,
        task.lower_is_better,
        task.chance(labels["test"]),
        len(labels["test"]),
    )


class _Gaze:
    network, unit, loss, lower_is_better = "GazeEstimator", "degrees", "mse", True

    def __init__(self, labels: Mapping[str, np.ndarray]):
        pass

    def targets(self, labels: np.ndarray) -> np.ndarray:
        return pitch_yaw_to_vector(labels).astype("float32")

    def build(self, shape: tuple[int, int, int]) -> keras.Model:
        pooling = max(1, min(shape[:2]) // 36)
        return networks.GazeEstimator(shape, (8, 8, 16, 24, 48), 128, pooling=pooling)

    def measure(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(angular_error(labels.astype("float32"), predicted))

    def chance(self, labels: np.ndarray) -> float:
        mean = pitch_yaw_to_vector(labels).mean(axis=0)
        return float(self.measure(labels, np.tile(mean, (len(labels), 1)).astype("float32")).mean())


class _Classes:
    network, unit, lower_is_better = "classifier", "% right", False
    loss = "sparse_categorical_crossentropy"

    def __init__(self, labels: Mapping[str, np.ndarray]):
        self.classes = np.unique(np.concatenate(list(labels.values())))

    def targets(self, labels: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes, labels)

    def build(self, shape: tuple[int, int, int]) -> keras.Model:
        inputs = x = keras.Input(shape)
        filters, side = 16, min(shape[:2])
        while side > 8:
            x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
            filters, side = min(64, 2 * filters), -(-side // 2)
        x = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
        return keras.Model(
            inputs,
            keras.layers.Dense(len(self.classes), activation="softmax")(x),
            name="classifier",
        )

    def measure(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        return 100.0 * (self.classes[predicted.argmax(axis=-1)] == labels)

    def chance(self, labels: np.ndarray) -> float:
        return float(100 * np.unique(labels, return_counts=True)[1].max() / len(labels))


class _Batches(keras.utils.PyDataset):
    """Batches in passes without repetition, drawn from the seed."""

    def __init__(self, images: ImageSet, targets: np.ndarray, steps: int, seed: int, augment: bool):
        super().__init__()
        self.images, self.targets, self.seed, self.augment = images, targets, seed, augment
        draw = np.random.default_rng(seed)
        passes = -(-steps * _BATCH // len(images))
        order = np.concatenate([draw.permutation(len(images)) for _ in range(passes)])
        self.rows = order[: steps * _BATCH].reshape(steps, _BATCH)

    @property
    def num_batches(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.rows[index]
        images = self.images[rows]
        if self.augment:
            images = augmented(images, np.random.default_rng((self.seed, index)))
        return images, self.targets[rows]


def augmented(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Images with random gamma, shift, blur and noise, which leave a label as it is.

    Args:
        images: In [-1, 1], shape `(n, height, width, channels)`.
        draw: What it draws from.

    Returns:
        Images of the same shape and range.
    """
    height, width = images.shape[1:3]
    changed = np.empty_like(images)
    for index, image in enumerate(images):
        x = ((image + 1) / 2) ** np.float32(np.exp(draw.uniform(-0.5, 0.5)))
        right, down = draw.uniform(-0.05, 0.05, 2) * (width, height)
        shift = np.float32([[1, 0, right], [0, 1, down]])
        x = cv2.warpAffine(x, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        x = cv2.GaussianBlur(x, (0, 0), draw.uniform(0.1, 1.2)).reshape(image.shape)
        x = x + draw.normal(0, draw.uniform(0, 0.03), x.shape)
        changed[index] = 2 * x.clip(0, 1) - 1
    return changed


def _labels(sample: ImageSample, name: str, label: str) -> np.ndarray:
    found = sample.images.labels
    if label not in found:
        there = f"they are {', '.join(map(repr, found))}" if found else "there is no label file"
        raise LabelError(
            f"The {name} images have no label {label!r}: {there}. Labels are read from labels.json "
            "or labels.csv at the top of the folder."
        )
    return found[label]


def _kind(labels: Mapping[str, np.ndarray], label: str) -> str:
    values = list(labels.values())
    if all(each.ndim == 2 and each.shape[1] == 2 and each.dtype.kind == "f" for each in values):
        steepest = max(np.abs(each[:, 0]).max() for each in values)
        if steepest > np.pi / 2:
            raise LabelError(
                f"The label {label!r} has a pitch of {steepest:g}; expected (pitch, yaw) in "
                "radians, the pitch at most pi / 2."
            )
        return "gaze"
    if all(each.ndim == 1 and each.dtype.kind in "iuU" for each in values):
        return "class"
    shapes = {name: f"{each.dtype} {each.shape}" for name, each in labels.items()}
    raise LabelError(
        f"The label {label!r} must be the gaze, two numbers (pitch, yaw) in radians, or the class, "
        f"a whole number or a word; found {shapes}. `metrics.transfer_gain` takes any label, with "
        "a network of yours."
    )


def _checksum(sample: ImageSample, labels: np.ndarray) -> str:
    return hashlib.sha256(f"{sample.checksum} {labels.tolist()}".encode()).hexdigest()


def _held(images: ImageSet) -> ImageSet:
    """The images in memory, at 8 bits, where they are small."""
    if len(images) * int(np.prod(images.shape)) > _HELD_BYTES:
        return images
    pixels: Any = from_unit(images[np.arange(len(images))])
    return ImageSet(images.shape, images.names, pixels, None)
