"""Does a gaze estimator trained on refined eyes do better on real ones?

The same small `GazeEstimator` is trained, with the same number of images and steps, on the arms
that `results/transfer.md` lists, and tested on 500 real eyes: later recordings of the person whose
1,000 unlabelled training eyes the GAN saw. `augmented` is random gamma, blur, noise, shift and then
histogram equalisation. Half of all training eyes, real ones included, are mirrored, since the test
holds left and right eyes. Of the synthetic eyes only those that look at a laptop's screen are used
(pitch -20 to 5, yaw -20 to 20 degrees), for that is how MPIIGaze was recorded: where both domains
look to the same places, the discriminator has no reason to ask for other gazes.

Sources: `renderer`, eyes of `data.EyeRenderer`; `path_traced`, the path-traced eyes of
KERAS_SIMGAN_DATA/eyes. Each finished training is kept in the results' JSON file, and a second run
goes on from there. Several translators become rows of one table. About 2 minutes per arm and seed
on one core:

    KERAS_SIMGAN_DATA=... python benchmarks/transfer_eyes.py --source renderer \
        --translator simgan_eyes_36x60 --name SimGAN
    KERAS_SIMGAN_DATA=... python benchmarks/transfer_eyes.py --source path_traced \
        --translator runs/eyes_gazegan/preset --name GazeGAN
"""

import argparse
import functools
import os
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
import transfer

from keras_simgan import networks
from keras_simgan.data import (
    EyeRenderer,
    from_unit,
    pitch_yaw_to_vector,
    to_unit,
    vector_to_pitch_yaw,
)
from keras_simgan.metrics.angular_error import angular_error

BATCH = 64


def data_folder() -> Path:
    """KERAS_SIMGAN_DATA/eyes, or an end with the reason."""
    folder = Path(os.environ.get("KERAS_SIMGAN_DATA", "")) / "eyes"
    if "KERAS_SIMGAN_DATA" not in os.environ or not folder.is_dir():
        sys.exit(
            "This benchmark measures on real eyes that do not come with the project: set "
            "KERAS_SIMGAN_DATA to a folder with eyes/mpiigaze_p00_36x60.npz."
        )
    return folder


@functools.cache
def real_eyes(split: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 36, 60, 1) uint8 and gaze (n, 2); split 0 trains, 1 tests."""
    with np.load(data_folder() / "mpiigaze_p00_36x60.npz") as file:
        rows = file["split"] == split
        return file["images"][rows], file["gaze"][rows]


def synthetic_eyes(source: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` eyes that look at a laptop's screen: images (n, 36, 60, 1) and gaze."""
    if source == "renderer":
        images, labels = EyeRenderer((36, 60), channels=1, seed=0).render(2 * count)
        gaze = labels["gaze"]
    else:
        with np.load(data_folder() / "path_traced_36x60.npz") as file:
            rows = file["split"] == 0
            images, gaze = file["images"][rows], file["gaze"][rows]
    pitch, yaw = np.degrees(gaze).T
    rows = np.flatnonzero((-20 < pitch) & (pitch < 5) & (abs(yaw) < 20))[:count]
    return images[rows], gaze[rows]


def mirror_half(images: np.ndarray, gaze: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every other eye mirrored left to right, its yaw negated."""
    images, gaze = images.copy(), gaze.astype("float32")
    images[::2] = images[::2, :, ::-1]
    gaze[::2, 1] *= -1
    return images, gaze


def augment(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random gamma, shift, blur and noise, then equalisation; uint8 in and out."""
    out = np.empty_like(images)
    for index, image in enumerate(images[..., 0]):
        x = (image / 255.0) ** np.exp(rng.uniform(-0.5, 0.5))
        shift = np.float32([[1, 0, rng.uniform(-3, 3)], [0, 1, rng.uniform(-2, 2)]])
        x = cv2.warpAffine(x, shift, x.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.1, 1.2))
        x = x + rng.normal(0, rng.uniform(0, 0.03), x.shape)
        out[index, ..., 0] = cv2.equalizeHist((x.clip(0, 1) * 255).astype("uint8"))
    return out


def train_estimator(images, gaze, steps: int, seed: int, augmented: bool) -> keras.Model:
    """A `GazeEstimator` trained on uint8 eyes and their (pitch, yaw)."""
    keras.utils.set_random_seed(seed)
    estimator = networks.GazeEstimator((36, 60, 1), filters=(16, 16, 32, 40, 96), dense_units=256)
    estimator.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)), "mse"
    )
    vectors = pitch_yaw_to_vector(gaze).astype("float32")
    epochs = max(1, round(steps * BATCH / len(images)))
    for epoch in range(epochs):
        rng = np.random.default_rng((seed, epoch))
        shown = augment(images, rng) if augmented else images
        estimator.fit(to_unit(shown), vectors, batch_size=BATCH, epochs=1, verbose=0)
    return estimator


def read_gaze(estimator: keras.Model, images: np.ndarray) -> np.ndarray:
    """The (pitch, yaw) that an estimator reads in uint8 eyes, shape `(n, 2)`."""
    return vector_to_pitch_yaw(estimator.predict(to_unit(images), verbose=0))


def angular_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Degrees, one an eye."""
    return keras.ops.convert_to_numpy(angular_error(true, predicted))


def correlations(predictions: list) -> str:
    """Of predicted with true pitch and yaw, on the test eyes, means over the seeds."""
    true = real_eyes(1)[1]
    means = [
        np.mean([np.corrcoef(np.array(each)[:, axis], true[:, axis])[0, 1] for each in predictions])
        for axis in (0, 1)
    ]
    return " / ".join(f"{mean:.2f}" for mean in means)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("renderer", "path_traced"), required=True)
    parser.add_argument("--translator", help="preset of a SimGAN, CycleGAN or GazeGAN")
    parser.add_argument("--name", help="the translator's name in the table")
    parser.add_argument("--count", type=int, default=4000, help="synthetic eyes")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    options = parser.parse_args()
    if bool(options.translator) != bool(options.name):
        parser.error("--translator PRESET and --name NAME go together.")
    out = options.out or transfer.RESULTS / f"transfer_eyes_{options.source}.json"
    steps = options.count * options.epochs // BATCH
    images, gaze = mirror_half(*synthetic_eyes(options.source, options.count))
    real = mirror_half(*real_eyes(0))
    test = real_eyes(1)

    # An arm is images, gaze, and whether they are augmented.
    arms = {"synthetic": (images, gaze, False), "augmented": (images, gaze, True)}
    kept = transfer.read(out)
    translators, label_error = kept.get("translators", {}), kept.get("label_error", {})
    shown = {"synthetic": images}
    if options.translator:
        network, sha256 = transfer.load_translator(options.translator)
        about = {"preset": options.translator, "sha256": sha256}
        translators[options.name] = transfer.check_name(out, options.name, about)
        translated = network.predict(to_unit(images), batch_size=100, verbose=0)
        shown[options.name] = from_unit(translated, "uint8")
    for name in translators:
        for row, augmented in ((name, False), (f"{name} + augmented", True)):
            if name in shown:
                arms[row] = (shown[name], gaze, augmented)
            elif row in kept["predictions"]:
                arms[row] = functools.partial(transfer.unfinished, out, name)
    arms["real"] = (*real, False)

    def train(arm, seed):
        images, gaze, augmented = arm
        estimator = train_estimator(images, gaze, steps, seed, augmented)
        return lambda eyes: read_gaze(estimator, eyes).astype("float64").round(5)

    transfer.score(
        out,
        arms,
        translators,
        test,
        measure=lambda true, predicted: angular_errors(predicted, true),
        train=train,
        setting={"count": options.count, "steps": steps, "batch": BATCH},
        seeds=options.seeds,
        lower_is_better=True,
    )
    if shown.keys() - label_error:
        judge = train_estimator(*real, steps, seed=0, augmented=False)
        for name, eyes in shown.items():
            label_error[name] = round(float(angular_errors(read_gaze(judge, eyes), gaze).mean()), 2)
    results = transfer.read(out)
    mean = np.broadcast_to(real_eyes(0)[1].mean(0), test[1].shape)
    results |= {
        "title": f"Eyes: {options.source} to MPIIGaze",
        "measure": "error",
        "unit": "degrees",
        "note": "Always answering the mean gaze of the real training eyes errs by "
        f"{angular_errors(mean, test[1]).mean():.2f} degrees: what is above it is no estimator. "
        "`label error` is how far an estimator trained on the real eyes (the ceiling, seed 0) "
        "reads from the training set's own labels: its own error, the domain gap, and what the "
        "GAN did to the gaze.",
        "label_error": label_error,
        "extra": {
            "correlation pitch / yaw": {
                arm: correlations(runs[: options.seeds])
                for arm, runs in results["predictions"].items()
            },
            "label error, degrees": {arm: f"{error:.2f}" for arm, error in label_error.items()},
        },
        "command": f"python benchmarks/transfer_eyes.py --source {options.source}",
        "budget": f"{options.count} eyes ({len(real[0])} real ones for the ceiling), {steps} steps "
        f"of {BATCH}, {options.seeds} seeds, tested on {len(test[0])} real eyes.",
    }
    transfer.write(out, results)
    transfer.write_page()
    print(transfer.table(results))


if __name__ == "__main__":
    main()
