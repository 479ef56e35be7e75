"""Training runs in a folder of their own, which are resumed by starting them again."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan import __version__
from keras_simgan.callbacks import ImageGrid
from keras_simgan.data.files import replacing
from keras_simgan.data.unpaired import UnpairedDataset, unpaired
from keras_simgan.losses import SelfRegularization
from keras_simgan.models import SimGAN
from keras_simgan.networks import Refiner, RefinerDiscriminator

RUN_FILE = "run.json"
PRESET_FOLDER = "preset"
_SAMPLES = 8
_OPTIMIZERS = {
    "adam": lambda: (
        keras.optimizers.Adam(2e-4, beta_1=0.5),
        keras.optimizers.Adam(1e-4, beta_1=0.5),
    ),
    "sgd": lambda: (None, None),  # the model's defaults, which are the paper's
}


class RunError(ValueError):
    """A run that cannot be started or resumed. The message says why, and the way out."""


def preset_of(model: str) -> str:
    """Finds the preset that a run has written.

    Args:
        model: The folder of a run; anything else is returned as it is.

    Raises:
        RunError: If the run has not finished an epoch.
    """
    if not (Path(model) / RUN_FILE).is_file():
        return model
    preset = Path(model) / PRESET_FOLDER
    if not (preset / "metadata.json").is_file():
        raise RunError(
            f"The run {model!r} has finished no epoch yet. Start its train command again to go on "
            "with it."
        )
    return str(preset)


def train_simgan(out: str | Path, options: dict[str, Any]) -> SimGAN:
    """Trains a SimGAN in a folder, or goes on where an earlier start was interrupted.

    The folder gets `run.json` (the options), `log.csv` (the losses of each epoch), `samples/`
    (see `ImageGrid`), `preset/` (see `GAN.save_to_preset`, after each epoch) and `backup/` (the
    state that training resumes from). A training that was interrupted repeats the epoch it was in
    and ends like one that was not.

    Args:
        out: The folder of the run.
        options: The options of `keras-simgan train simgan` by name, without `out`.

    Returns:
        The trained model.

    Raises:
        RunError: If the folder is not of a run, its run has other options, or the loss is no longer
            finite.
        ImageError: If the images cannot be used.
    """
    out = Path(out)
    options = json.loads(json.dumps(options))  # as they come back from run.json
    _check_folder(out, options)
    data = {
        "convert_channels": options["convert_channels"],
        "on_bad_image": options["on_bad_image"],
    }
    train = unpaired(
        options["source"],
        options["target"],
        options["image_size"],
        options["channels"],
        options["batch_size"],
        options["seed"],
        steps_per_epoch=options["steps_per_epoch"],
        **data,
    )
    validation = None
    if options["validation_source"]:
        *size, channels = train.image_shape
        images = unpaired(
            options["validation_source"], options["validation_target"], size, channels, 1, **data
        )
        batch_size = min(options["batch_size"], len(images.source))
        validation = UnpairedDataset(images.source, images.target, batch_size, shuffle=False)

    keras.utils.set_random_seed(options["seed"])
    model = _build(train.image_shape, options)
    model.compile(*_OPTIMIZERS[options["optimizer"]]())
    _write_run(out, options, train)
    samples = validation or train
    rows = np.arange(min(_SAMPLES, len(samples.source), len(samples.target)))

    def check(epoch: int, logs: dict) -> None:
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"The loss is not finite after epoch {epoch + 1}. {str(out)!r} keeps the state "
                "before it. Train in another folder with another --seed, a larger --batch-size or "
                "--dtype float32."
            )

    def save(*_: Any) -> None:
        steps = int(keras.ops.convert_to_numpy(model.step))
        model.save_to_preset(
            out / PRESET_FOLDER,
            overwrite=True,
            description=f"SimGAN from {Path(options['source']).name} to "
            f"{Path(options['target']).name}, {steps // len(train)} epochs of {len(train)} steps.",
            license="not stated; that of the images it was trained on applies",
        )

    model.fit(
        train,
        validation_data=validation,
        epochs=options["epochs"],
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=check),
            keras.callbacks.BackupAndRestore(
                str(out / "backup"), double_checkpoint=True, delete_checkpoint=False
            ),
            keras.callbacks.CSVLogger(str(out / "log.csv"), append=True),
            ImageGrid(out / "samples", samples.source[rows], samples.target[rows]),
            keras.callbacks.LambdaCallback(on_epoch_end=save),
        ],
    )
    # Once more, in case the last epoch was interrupted between backup and preset.
    save()
    return model


def _build(image_shape: tuple[int, int, int], options: dict[str, Any]) -> SimGAN:
    return SimGAN(
        Refiner(
            image_shape,
            filters=options["filters"],
            blocks=options["blocks"],
            dtype=options["dtype"],
        ),
        RefinerDiscriminator(image_shape, dtype=options["dtype"]),
        self_regularization=SelfRegularization(options["regularization"], psi=options["psi"]),
        history_size=options["history"],
        refiner_warmup=options["refiner_warmup"],
        discriminator_warmup=options["discriminator_warmup"],
        seed=options["seed"],
    )


def _check_folder(out: Path, options: dict[str, Any]) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{str(out)!r} is a file; expected a folder for the run.")
    if not out.exists() or not any(out.iterdir()):
        return
    path = out / RUN_FILE
    if not path.is_file():
        raise RunError(
            f"{str(out)!r} is not the folder of a run: it has files, but no {RUN_FILE}. Choose a "
            "new folder."
        )
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["options"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise RunError(f"{str(path)!r} is damaged. Choose a new folder.") from error
    differing = [
        f"--{name.replace('_', '-')} was {before.get(name)}, is now {value}"
        for name, value in options.items()
        if name != "epochs" and before.get(name) != value
    ]
    if differing:
        raise RunError(
            f"The run in {str(out)!r} was begun with other options: {'; '.join(differing)}. Give "
            "the same options to resume it (only --epochs may change), or choose a new folder."
        )


def _write_run(out: Path, options: dict[str, Any], train: UnpairedDataset) -> None:
    run = {
        "model": "simgan",
        "options": options,
        "image_shape": train.image_shape,
        "images": {"source": len(train.source), "target": len(train.target)},
        "skipped": train.skipped,
        "versions": {"keras": keras.__version__, "keras_simgan": __version__},
        "backend": keras.config.backend(),
    }
    with replacing(out / RUN_FILE) as temporary:
        temporary.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
