"""What every run does: reading its images, and training with everything written beside."""

import math
import sys
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import keras
import numpy as np

from keras_simgan.callbacks import Backup, ImageGrid, TranslationMonitor
from keras_simgan.data.paired import PairedDataset
from keras_simgan.data.unpaired import UnpairedDataset, unpaired
from keras_simgan.models import GAN
from keras_simgan.presets import whole
from keras_simgan.presets.weights_check import LARGEST_WEIGHT, not_finite
from keras_simgan.runs.folder import PRESET_FOLDER, SAMPLES_FOLDER, RunError, RunFolder
from keras_simgan.runs.log import EpochLog
from keras_simgan.runs.options import TrainingOptions

LOG_FILE = "log.csv"
SAMPLES = 8  # images that are watched


Data = TypeVar("Data", UnpairedDataset, PairedDataset)


class RunData(NamedTuple, Generic[Data]):
    """A run's images.

    Attributes:
        train: What is trained on.
        validation: What the losses are measured on besides, if asked for.
        samples: Source and target images to watch, `(n, height, width, channels)` each.
        counts: How many images there are, by what they are.
        shown: What to show of the source's samples where they are no pictures.
        described: What a preset must know of the images beside their shape.
    """

    train: Data
    validation: Data | None
    samples: tuple[np.ndarray, np.ndarray]
    counts: dict[str, int]
    shown: np.ndarray | None = None
    described: dict[str, Any] = {}


def read_data(
    options: TrainingOptions, with_labels: bool = False, labels_encoding: str | None = None
) -> RunData[UnpairedDataset]:
    """Reads the images of a run.

    Args:
        options: The run's options.
        with_labels: Whether to read the source's labels, too.
        labels_encoding: What they are written in; see `data.read_labels`.

    Raises:
        ImageError: If the images cannot be used.
        LabelError: If the labels do not fit them.
    """
    crop_size = options.crop
    common: dict[str, Any] = {
        "convert_channels": options.convert_channels,
        "on_bad_image": options.on_bad_image,
        "crop_size": crop_size,
        "label_folders": options.label_folders,
        "label_patterns": options.label_patterns,
    }
    train = unpaired(
        options.source,
        options.target,
        options.image_size,
        options.channels,
        options.batch_size,
        options.seed,
        steps_per_epoch=options.steps_per_epoch,
        flip=not options.no_flip,
        with_labels=with_labels,
        labels_encoding=labels_encoding,
        **common,
    )
    watched, validation = train, None
    if options.validation_source:
        watched = unpaired(
            options.validation_source,
            options.validation_target,
            train.source.shape[:2],
            train.source.shape[-1],
            batch_size=1,
            with_labels=False,
            **common,
        )
        validation = _in_order(watched, min(options.batch_size, len(watched.source)), crop_size)
    count = min(SAMPLES, len(watched.source), len(watched.target))
    counts = {"source": len(train.source), "target": len(train.target)}
    return RunData(train, validation, _in_order(watched, count, crop_size)[0], counts)


def _in_order(data: UnpairedDataset, batch_size: int, crop_size: Any) -> UnpairedDataset:
    return UnpairedDataset(data.source, data.target, batch_size, shuffle=False, crop_size=crop_size)


def callbacks(run: RunFolder, data: RunData) -> list[keras.callbacks.Callback]:
    """Makes what watches a training and writes its pictures and logs; the state is `fit`'s.

    Args:
        run: The run.
        data: Its images.

    Raises:
        ImportError: If `tensorboard` is among the options and cannot be used.
    """
    source, target = data.samples
    tensorboard = run.options.tensorboard
    made: list[keras.callbacks.Callback] = [
        EpochLog(run.path / LOG_FILE),
        ImageGrid(run.path / SAMPLES_FOLDER, source, target, tensorboard, data.shown),
    ]
    if isinstance(data.train, UnpairedDataset):
        # First, as it adds its numbers to the logs that the others write down. Of pairs the losses
        # tell more: what becomes of a label map has nothing to correlate with.
        made.insert(0, TranslationMonitor(source, target))
    if tensorboard:
        made.append(keras.callbacks.TensorBoard(tensorboard, write_graph=False))
    return made


def fit(
    run: RunFolder, model: GAN, data: RunData, watching: list[keras.callbacks.Callback]
) -> None:
    """Trains a model from where the run is to its last epoch; writes `backup/` and `preset/`.

    Args:
        run: The run, recorded.
        model: The model, compiled.
        data: The run's images.
        watching: From `callbacks`.

    Raises:
        RunError: If the training diverges: the loss is not finite any more, or a weight is not or
            is too large. Likewise where the disk is full.
    """
    options = run.options
    # Without a target the source holds both.
    domains = " to ".join(Path(path).name for path in (options.source, options.target) if path)

    def check(epoch: int, logs: dict) -> None:
        # The losses of an epoch were measured before its last update, and outputs that are bounded
        # hide weights of any size.
        if data.validation is None:
            after = model.test_on_batch(*data.train[0], return_dict=True)["loss"]
        else:
            after = logs["val_loss"]
        found = not_finite([*model.variables, *model.optimizer.variables], LARGEST_WEIGHT)
        if not (math.isfinite(logs["loss"]) and math.isfinite(after)):
            found = "The loss is not finite"
        if found:
            raise RunError(
                f"{found} after epoch {epoch + 1}: the training has diverged. {run.kept}. Train in "
                "another folder with a smaller learning rate, another --seed, a larger "
                "--batch-size or --dtype float32."
            )

    def save(*_: Any) -> None:
        steps = int(keras.ops.convert_to_numpy(model.step))
        whole.replace(
            model,
            run.path / PRESET_FOLDER,
            description=f"{type(model).__name__} from {domains}, "
            f"{steps // len(data.train)} epochs of {len(data.train)} steps.",
            license="not stated; that of the images it was trained on applies",
            **data.described,
        )

    with run.full_disk_explained():
        model.fit(
            data.train,
            validation_data=data.validation,
            epochs=options.epochs,
            verbose=1 if sys.stdout.isatty() else 2,
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_end=check),
                *watching,
                # After all that watches: an epoch that is not in it is watched again.
                Backup(run.backup),
                keras.callbacks.LambdaCallback(on_epoch_end=save),
            ],
        )
        # Once more, in case the last epoch was interrupted between backup and preset.
        save()
