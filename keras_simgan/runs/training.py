"""What every run does: reading its images, and training with everything written beside."""

import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_simgan.callbacks import ImageGrid, TranslationMonitor
from keras_simgan.data.unpaired import UnpairedDataset, unpaired
from keras_simgan.models import GAN
from keras_simgan.runs.folder import PRESET_FOLDER, RunError, RunFolder
from keras_simgan.runs.options import TrainingOptions

_SAMPLES = 8


class RunData(NamedTuple):
    """A run's images.

    Attributes:
        train: What is trained on.
        validation: What the losses are measured on besides, if asked for.
        samples: Source and target images to watch, `(n, height, width, channels)` each.
    """

    train: UnpairedDataset
    validation: UnpairedDataset | None
    samples: tuple[np.ndarray, np.ndarray]


def read_data(options: TrainingOptions) -> RunData:
    """Reads the images of a run.

    Args:
        options: The run's options.

    Raises:
        ImageError: If the images cannot be used.
    """
    crop_size = options.crop
    common: dict[str, Any] = {
        "convert_channels": options.convert_channels,
        "on_bad_image": options.on_bad_image,
        "crop_size": crop_size,
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
            **common,
        )
        validation = _in_order(watched, min(options.batch_size, len(watched.source)), crop_size)
    count = min(_SAMPLES, len(watched.source), len(watched.target))
    return RunData(train, validation, _in_order(watched, count, crop_size)[0])


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
    # The monitor comes first, as it adds its numbers to the logs that the others write down.
    made = [
        TranslationMonitor(source, target),
        keras.callbacks.CSVLogger(str(run.path / "log.csv"), append=True),
        ImageGrid(run.path / "samples", source, target, tensorboard),
    ]
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
        RunError: If the loss is no longer finite.
    """
    options = run.options

    def check(epoch: int, logs: dict) -> None:
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"The loss is not finite after epoch {epoch + 1}. {str(run.path)!r} keeps the "
                "state before it. Train in another folder with another --seed, a larger "
                "--batch-size or --dtype float32."
            )

    def save(*_: Any) -> None:
        steps = int(keras.ops.convert_to_numpy(model.step))
        model.save_to_preset(
            run.path / PRESET_FOLDER,
            overwrite=True,
            description=f"{type(model).__name__} from {Path(options.source).name} to "
            f"{Path(options.target).name}, {steps // len(data.train)} epochs of "
            f"{len(data.train)} steps.",
            license="not stated; that of the images it was trained on applies",
        )

    model.fit(
        data.train,
        validation_data=data.validation,
        epochs=options.epochs,
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=check),
            keras.callbacks.BackupAndRestore(
                str(run.backup), double_checkpoint=True, delete_checkpoint=False
            ),
            *watching,
            keras.callbacks.LambdaCallback(on_epoch_end=save),
        ],
    )
    # Once more, in case the last epoch was interrupted between backup and preset.
    save()
