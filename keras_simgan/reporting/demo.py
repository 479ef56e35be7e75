"""The demonstration: what a bundled refiner does to eyes it has never seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_simgan import __version__, metrics, models, networks
from keras_simgan.data import EyeRenderer, from_unit, pitch_yaw_to_vector, to_unit
from keras_simgan.presets.folder import metadata_of
from keras_simgan.printable import printable
from keras_simgan.reporting import demo_page
from keras_simgan.reporting.demo_page import GENERATOR
from keras_simgan.reporting.demo_results import DemoResults, angles
from keras_simgan.reporting.html import made_by

PRESET = "simgan_eyes_36x60"
REPORT = "report.html"
_TRAIN_SEED, _HELD_OUT_SEED, _ESTIMATOR_SEED = 1001, 1002, 7


def run_demo(
    out: str | Path = "demo",
    *,
    preset: str | Path = PRESET,
    train_eyes: int = 1600,
    held_out_eyes: int = 400,
    epochs: int = 15,
) -> Path:
    """Renders eyes, refines them, trains a gaze estimator on either, and writes a report.

    Needs no data and no network. The eyes are rendered from seeds of their own, so none of them was
    seen in the refiner's training; the held-out ones show other people than the training ones. Both
    estimators start from the same weights and see the same labels, in the same order.

    Args:
        out: Folder of the report; made when missing. A report of an earlier run is replaced.
        preset: The refiner: a bundled preset's name, or a folder of `save_to_preset`.
        train_eyes: Eyes that the estimators are trained on.
        held_out_eyes: Eyes that they are tested on.
        epochs: Passes over the training eyes.

    Returns:
        The path of the report, `out/report.html`.

    Raises:
        FileExistsError: If `out` holds something else than an earlier report.
        ValueError: If there is no such preset.
    """
    report = Path(out) / REPORT
    _check_folder(report)
    say = _clock()
    say(f"Loading the preset {preset} (Keras {keras.__version__}, {keras.config.backend()})")
    model = models.SimGAN.from_preset(preset)
    shape = model.refiner.image_shape

    total = train_eyes + held_out_eyes
    say(f"Rendering {total:,} labelled eyes of {shape[0]}x{shape[1]} pixels")
    train_images, train_labels = EyeRenderer(shape[:2], shape[2], _TRAIN_SEED).render(train_eyes)
    held_images, held_labels = EyeRenderer(shape[:2], shape[2], _HELD_OUT_SEED).render(
        held_out_eyes
    )

    say(f"Refining them with the SimGAN refiner, {model.refiner.count_params():,} parameters")
    images = {"synthetic": np.concatenate([train_images, held_images])}
    refined = model.predict(to_unit(images["synthetic"]), batch_size=100, verbose=0)
    # Rounded to 8 bits, as files would be.
    images["refined"] = from_unit(refined, "uint8")
    held_out = {kind: to_unit(each[train_eyes:]) for kind, each in images.items()}

    train_gaze = pitch_yaw_to_vector(train_labels["gaze"]).astype("float32")
    held_gaze = pitch_yaw_to_vector(held_labels["gaze"]).astype("float32")
    curves, estimates = {}, {}
    for kind in ("synthetic", "refined"):
        say(f"Training a gaze estimator on {train_eyes:,} {kind} eyes, {epochs} epochs")
        estimator, curves[kind] = _train_estimator(
            to_unit(images[kind][:train_eyes]), train_gaze, held_out[kind], held_gaze, epochs, say
        )
        for tested, unit in held_out.items():
            estimates[kind, tested] = estimator.predict(unit, batch_size=100, verbose=0)

    mean_gaze = np.tile(train_gaze.mean(axis=0), (held_out_eyes, 1))
    results = DemoResults(
        synthetic=images["synthetic"][train_eyes:],
        refined=images["refined"][train_eyes:],
        gaze=held_labels["gaze"],
        iris=held_labels["landmarks_iris"][:, 0],
        held_gaze=held_gaze,
        estimates=estimates,
        mean_gaze_error=float(angles(held_gaze, mean_gaze).mean()),
        curves=curves,
        metadata=metadata_of(preset),
        facts={
            "preset": str(preset),
            "training eyes": f"{train_eyes:,}",
            "unseen eyes": f"{held_out_eyes:,}",
            "epochs": str(epochs),
            "backend": f"Keras {keras.__version__} on {keras.config.backend()}",
            "keras_simgan": __version__,
        },
    )
    demo_page.build(results).write(report)
    say(f"Done. {demo_page.summary(results)}")
    say(f"Look at {report.resolve()} in a browser: the eyes before and after, and the numbers.")
    return report


def _check_folder(report: Path) -> None:
    folder = report.parent
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; the report needs a folder. Give another one.")
    foreign = folder.is_dir() and any(folder.iterdir())
    if foreign and not (report.is_file() and made_by(report, GENERATOR)):
        raise FileExistsError(
            f"The folder {folder} holds files that are not of this demo. Nothing was written: give "
            "another folder, `keras-simgan demo --out DIR`."
        )


def _clock() -> Callable[[str], None]:
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {printable(text)}", flush=True)

    return say


def _train_estimator(
    images: np.ndarray,
    gaze: np.ndarray,
    held_images: np.ndarray,
    held_gaze: np.ndarray,
    epochs: int,
    say: Callable[[str], None],
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Returns the trained estimator and its angular errors in degrees, epoch by epoch."""
    keras.utils.set_random_seed(_ESTIMATOR_SEED)
    estimator = networks.GazeEstimator(
        images.shape[1:], filters=(8, 8, 16, 24, 48), dense_units=128
    )
    batch_size = 32
    steps = epochs * -(-len(images) // batch_size)
    estimator.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss="mse",
        metrics=[metrics.AngularError()],
    )

    def tell(epoch: int, logs: dict) -> None:
        if (epoch + 1) % 5 == 0:
            say(f"  epoch {epoch + 1}: {logs['val_angular_error']:.1f} degrees on unseen eyes")

    history = estimator.fit(
        images,
        gaze,
        batch_size=batch_size,
        epochs=epochs,
        validation_data=(held_images, held_gaze),
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=tell)],
    ).history
    return estimator, {
        "training": history["angular_error"],
        "unseen": history["val_angular_error"],
    }
