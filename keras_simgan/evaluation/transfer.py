"""What a small network, trained on one set of images or another, makes of real ones."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_simgan.data.image_set import ImageSet
from keras_simgan.disk import remove_unfinished
from keras_simgan.evaluation.augmentation import augmented
from keras_simgan.evaluation.image_sample import ImageSample
from keras_simgan.evaluation.transfer_labels import known
from keras_simgan.evaluation.transfer_tasks import task_for
from keras_simgan.metrics import Estimate, TransferScore, transfer_gain
from keras_simgan.ranges import from_unit

#: By training set: the images, and whether they are augmented.
ARMS = {
    "synthetic": ("synthetic", False),
    "augmented": ("synthetic", True),
    "refined": ("refined", False),
}
_BATCH_SIZE = 64
_MAXIMUM_BYTES_IN_MEMORY = 2**27


@dataclass(frozen=True)
class TransferOptions:
    """Which label the networks are trained to read, and for how long.

    Attributes:
        label: The field of `labels.json` or `labels.csv`, beside the synthetic, the refined and
            the real images: a gaze (pitch, yaw) in radians, for which a `networks.GazeEstimator` is
            trained, or a class, a whole number or a word. Images without a value are left out.
        test: Folder of the labelled real images that they are tested on; the real images of the
            evaluation where left out.
        steps: Of each training, of 64 images.
        seeds: Trainings of each set.
        trainings: Folder that keeps the finished trainings, for the next call with the same images
            and settings.
        labels_encoding: What the files of labels are written in; see `data.read_labels`.
    """

    label: str
    test: str | Path | None = None
    steps: int = 500
    seeds: int = 3
    trainings: str | Path | None = None
    labels_encoding: str | None = None


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


def measure_transfer(samples: Mapping[str, ImageSample], options: TransferOptions) -> Transfer:
    """Trains a small network on each training set and tests it on real images.

    The sets are the synthetic images, the same with gamma, shift, blur and noise drawn anew for
    each step, and the refined images.

    Args:
        samples: `"synthetic"`, `"refined"` and `"test"`, with their labels.
        options: The label, the budget, and what is kept; not the folder, which `samples` has.

    Raises:
        LabelError: If the labels are too few, or are neither gaze nor class.
    """
    rows, labels = {}, {}
    for name, sample in samples.items():
        rows[name], labels[name] = known(sample.images.labels[options.label], name, options.label)
    task = task_for(labels, options.label)
    images = {name: _in_memory(samples[name].images) for name in ("synthetic", "refined")}
    targets = {name: task.targets(labels[name]) for name in images}
    test = samples["test"].images[rows["test"]], labels["test"]

    def train(arm: tuple[str, bool], seed: int) -> Callable[[np.ndarray], np.ndarray]:
        name, augment = arm
        keras.utils.set_random_seed(seed)
        model = task.build(images[name].shape)
        rate = keras.optimizers.schedules.CosineDecay(1e-3, options.steps)
        model.compile(keras.optimizers.Adam(rate), task.loss)
        batches = _Batches(images[name], rows[name], targets[name], options.steps, seed, augment)
        model.fit(batches, verbose=0)
        return lambda test: model.predict(test, batch_size=_BATCH_SIZE, verbose=0)

    setting = {
        "label": options.label,
        "steps": options.steps,
        "network": task.network,
        "size": list(images["synthetic"].shape),
        **{name: _checksum(sample, options.label) for name, sample in samples.items()},
    }
    key = hashlib.sha256(json.dumps(setting).encode()).hexdigest()[:12]
    with tempfile.TemporaryDirectory() as temporary:
        # The second call reads what the first one trains.
        results = Path(options.trainings or temporary) / f"{key}.json"
        scores, over_augmented = (
            transfer_gain(
                ARMS,
                test,
                task.measure,
                train=train,
                lower_is_better=task.lower_is_better,
                baseline=baseline,
                seeds=options.seeds,
                setting=setting,
                results=results,
            )
            for baseline in ("synthetic", "augmented")
        )
    if options.trainings:
        remove_unfinished(options.trainings)
    return Transfer(
        scores,
        gain_of(over_augmented["refined"]),
        task.unit,
        task.lower_is_better,
        task.chance(labels["test"]),
        len(labels["test"]),
    )


def gain_of(score: TransferScore) -> Estimate:
    """The gain of an arm over the baseline.

    Args:
        score: Of another arm than the baseline.

    Raises:
        ValueError: If it is the baseline's, which has no gain.
    """
    if score.gain is None:
        raise ValueError("The baseline has no gain over itself. Pass the score of another arm.")
    return score.gain


class _Batches(keras.utils.PyDataset):
    """Batches of labelled images, in passes without repetition, drawn from the seed."""

    def __init__(
        self,
        images: ImageSet,
        labelled: np.ndarray,
        targets: np.ndarray,
        steps: int,
        seed: int,
        augment: bool,
    ):
        super().__init__()
        self.images, self.labelled, self.targets = images, labelled, targets
        self.seed, self.augment = seed, augment
        draw = np.random.default_rng(seed)
        passes = -(-steps * _BATCH_SIZE // len(labelled))
        order = np.concatenate([draw.permutation(len(labelled)) for _ in range(passes)])
        self.rows = order[: steps * _BATCH_SIZE].reshape(steps, _BATCH_SIZE)

    @property
    def num_batches(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.rows[index]
        images = self.images[self.labelled[rows]]
        if self.augment:
            images = augmented(images, np.random.default_rng((self.seed, index)))
        return images, self.targets[rows]


def _checksum(sample: ImageSample, label: str) -> str:
    labels = sample.images.labels[label].tolist()
    return hashlib.sha256(f"{sample.checksum} {labels}".encode()).hexdigest()


def _in_memory(images: ImageSet) -> ImageSet:
    """The images in memory, at 8 bits, where they are small."""
    if len(images) * int(np.prod(images.shape)) > _MAXIMUM_BYTES_IN_MEMORY:
        return images
    return ImageSet(images.shape, images.names, from_unit(images[np.arange(len(images))]))
