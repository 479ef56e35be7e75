"""The gaze estimator of a GazeGAN run, where the user brings none."""

import sys
import warnings
from pathlib import Path

import keras
import numpy as np

from keras_simgan.data.files import replacing
from keras_simgan.data.gaze import pitch_yaw_to_vector
from keras_simgan.data.unpaired import UnpairedDataset
from keras_simgan.metrics import AngularError
from keras_simgan.metrics.angular_error import angular_error
from keras_simgan.networks import GazeEstimator
from keras_simgan.runs.folder import RunError

ESTIMATOR_FILE = "gaze_estimator.keras"
_SIDE = 64  # pixels that larger images are brought down to, near the paper's 35x55
_MINIMUM_SIDE = 20  # what GazeEstimator needs
_BATCH = 64
_USELESS = 0.9  # of the error of always answering the mean gaze


def gaze_labels(train: UnpairedDataset, source: str) -> np.ndarray:
    """Finds the gaze of the source images.

    Args:
        train: The run's images.
        source: Where they are from, for messages.

    Returns:
        `(pitch, yaw)` in radians, shape `(n, 2)`; NaN where it is not known, with a warning.

    Raises:
        RunError: If there is none, or it is something else.
    """
    ways = (
        "Either pass --gaze-estimator FILE, a .keras file of a model that reads gaze from such "
        "images; or label them with `gaze`, (pitch, yaw) in radians: in a labels.json beside the "
        'images, {"name.png": {"gaze": [0.1, -0.2]}, ...}, or as an array `gaze` (n, 2) in the '
        ".npz file."
    )
    labels = train.source_labels
    if "gaze" not in labels:
        found = f"only {', '.join(sorted(labels))}" if labels else "no labels at all"
        raise RunError(
            f"A GazeGAN needs a gaze estimator, and the source {source!r} has no `gaze` to train "
            f"one on: {found}. {ways}"
        )
    gaze = labels["gaze"]
    if gaze.shape[1:] != (2,) or gaze.dtype.kind not in "fiu":
        raise RunError(
            f"The label `gaze` of the source {source!r} has the shape {gaze.shape} and the type "
            f"{gaze.dtype}; expected numbers (n, 2). {ways}"
        )
    known = ~np.isnan(gaze).any(axis=1)
    if not known.any():
        raise RunError(f"The label `gaze` of the source {source!r} has no value. {ways}")
    if not known.all():
        warnings.warn(
            f"{(~known).sum()} of {len(gaze)} images of the source {source!r} have no gaze: the "
            "gaze estimator is trained on the others.",
            stacklevel=3,
        )
    largest = float(np.max(np.abs(gaze[known])))
    if not largest <= np.pi:
        raise RunError(
            f"The label `gaze` of the source {source!r} holds values up to {largest:g}, which are "
            f"no angles in radians; are they degrees? {ways}"
        )
    return gaze


def new_estimator(image_shape: tuple[int, int, int]) -> GazeEstimator:
    """Builds an untrained estimator, which brings large images down to about 64 pixels a side.

    Args:
        image_shape: `(height, width, channels)`.

    Raises:
        RunError: If the images are too small.
    """
    height, width, _ = image_shape
    if min(height, width) < _MINIMUM_SIDE:
        raise RunError(
            f"The gaze estimator that is trained here needs images of at least {_MINIMUM_SIDE}x"
            f"{_MINIMUM_SIDE} pixels; these are {height}x{width}. Pass a larger --image-size or "
            "--crop, or --gaze-estimator FILE."
        )
    pooling = min(round((height * width) ** 0.5 / _SIDE), min(height, width) // _MINIMUM_SIDE)
    return GazeEstimator(image_shape, pooling=max(1, pooling), name="gaze_estimator")


def train_estimator(
    estimator: GazeEstimator,
    data: UnpairedDataset,
    gaze: np.ndarray,
    epochs: int,
    seed: int,
    file: Path,
) -> None:
    """Trains an estimator on the source images, writes it and prints its error on a held out tenth.

    It sees the images as the generators do, in random windows and mirrored, with the gaze mirrored
    too; and in random brightness, contrast and noise, for it will read translated images.

    Args:
        estimator: The estimator.
        data: The run's images.
        gaze: Of all source images, `(pitch, yaw)` in radians, shape `(n, 2)`; those without, NaN,
            are left out.
        epochs: Passes over them.
        seed: Chooses the order and the images held out.
        file: Where it goes, whole or not at all.

    Raises:
        RunError: If its weights are no longer finite.
    """
    known = np.flatnonzero(~np.isnan(gaze).any(axis=1))
    rows = known[np.random.default_rng(seed).permutation(len(known))]
    held, rows = np.split(rows, [len(rows) // 10])
    batches = _GazeBatches(data, gaze, rows, seed)
    held_out = _GazeBatches(data, gaze, held) if len(held) else None
    augmented = keras.Sequential(
        [
            keras.Input(estimator.input_shape[1:]),
            keras.layers.RandomBrightness(0.15, value_range=(-1.0, 1.0)),
            keras.layers.RandomContrast(0.4, value_range=(-1.0, 1.0)),
            keras.layers.GaussianNoise(0.05),
            estimator,
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * len(batches))
    augmented.compile(keras.optimizers.Adam(rate), "mse", metrics=[AngularError()])
    print(f"Training a gaze estimator on {len(rows)} source images, to {str(file)!r}.")
    augmented.fit(
        batches,
        epochs=epochs,
        validation_data=held_out,
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )
    if not all(np.isfinite(value).all() for value in estimator.get_weights()):
        raise RunError(
            "The gaze estimator's weights are no longer finite. Train in another folder with "
            "another --seed, or pass --gaze-estimator FILE."
        )
    with replacing(file, sync=True) as temporary:
        estimator.save(temporary, overwrite=True)
    if held_out is not None:
        _report_error(augmented, held_out, pitch_yaw_to_vector(gaze[rows]).mean(axis=0))


def _report_error(model: keras.Model, held_out: "_GazeBatches", mean: np.ndarray) -> None:
    error = model.evaluate(held_out, verbose=0, return_dict=True)["angular_error"]
    true = held_out.vectors[held_out.rows]
    errors = angular_error(true, np.broadcast_to(mean, true.shape))  # (images,)
    always_mean = keras.ops.convert_to_numpy(errors).mean()
    accuracy = (
        f"{error:.1f} degrees off on {len(true)} source images held out; always answering the mean "
        f"gaze is {always_mean:.1f} off."
    )
    print(f"The gaze estimator is {accuracy}")
    if error > _USELESS * always_mean:
        warnings.warn(
            f"The gaze estimator reads hardly any gaze: it is {accuracy} So the gaze loss will "
            "keep little. Give more labelled images or --estimator-epochs, or a --gaze-estimator.",
            stacklevel=2,
        )


class _GazeBatches(keras.utils.PyDataset):
    """Batches of source images and gaze vectors; in random windows, mirrored, given a seed."""

    def __init__(
        self, data: UnpairedDataset, gaze: np.ndarray, rows: np.ndarray, seed: int | None = None
    ):
        super().__init__()
        self.data, self.rows, self.seed, self.epoch = data, rows, seed, 0
        self.vectors = pitch_yaw_to_vector(gaze).astype("float32")  # (images, 3)
        self.batch_size = min(_BATCH, len(rows))

    def __len__(self) -> int:
        full, rest = divmod(len(self.rows), self.batch_size)
        return full + (self.seed is None and rest > 0)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows, part = self.rows, slice(index * self.batch_size, (index + 1) * self.batch_size)
        height, width = self.data.image_shape[:2]
        slack = [a - b for a, b in zip(self.data.source.shape, (height, width), strict=False)]
        if self.seed is None:
            rows = rows[part]
            corners = np.tile([free // 2 for free in slack], (len(rows), 1))
            mirror = np.zeros(len(rows), bool)
        else:
            rows = np.random.default_rng([self.seed, self.epoch]).permutation(rows)[part]
            draw = np.random.default_rng([self.seed, self.epoch, index])
            corners = draw.integers(0, np.add(slack, 1), (len(rows), 2))
            mirror = draw.random(len(rows)) < 0.5 * self.data.flip
        images = np.stack(
            [
                image[top : top + height, left : left + width]
                for image, (top, left) in zip(self.data.source[rows], corners, strict=True)
            ]
        )
        images[mirror] = images[mirror, :, ::-1]
        vectors = self.vectors[rows]
        vectors[mirror, 0] *= -1  # x points right in the image
        return images, vectors

    def on_epoch_end(self) -> None:
        self.epoch += 1
