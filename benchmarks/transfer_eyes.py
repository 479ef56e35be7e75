"""Does a gaze estimator trained on refined eyes do better on real ones?

The same small `GazeEstimator` is trained, with the same number of images and steps, on

    synthetic   N synthetic eyes as they are
    augmented   the same with random gamma, blur, noise, shift and then histogram equalisation
    refined     the same refined by a SimGAN that saw real eyes without labels
    refined_augmented   both, one after the other
    real        the 1,000 real training eyes with their labels: the ceiling

and tested on 500 later recordings of the same person. Half of all training eyes, real ones
included, are mirrored, since the test holds left and right eyes. Of the synthetic eyes only those
that look at a laptop's screen are used (pitch -20 to 5, yaw -20 to 20 degrees), for that is how
MPIIGaze was recorded: where both domains look to the same places, the discriminator has no reason
to ask for other gazes. `mean` is the error of always answering
the mean gaze of the real training eyes: whoever is above it is not an estimator.

Sources: `renderer`, eyes of `data.EyeRenderer`; `path_traced`, the path-traced eyes of
KERAS_SIMGAN_DATA/eyes. Each finished training is kept in the results' JSON file, and a second run
goes on from there. About 2 minutes per arm and seed on one core:

    KERAS_SIMGAN_DATA=... python benchmarks/transfer_eyes.py --source renderer \
        --refiner simgan_eyes_36x60
    KERAS_SIMGAN_DATA=... python benchmarks/transfer_eyes.py --source path_traced \
        --refiner runs/path_traced/preset
"""

import argparse
import functools
import json
import os
import platform
import sys
from pathlib import Path

import cv2
import keras
import numpy as np

from keras_simgan import __version__, models, networks
from keras_simgan.data import (
    EyeRenderer,
    from_unit,
    pitch_yaw_to_vector,
    to_unit,
    vector_to_pitch_yaw,
)
from keras_simgan.metrics.angular_error import angular_error

RESULTS = Path(__file__).parent / "results"
ARMS = ("synthetic", "augmented", "refined", "refined_augmented", "real")
BATCH = 64
BOOTSTRAPS = 2000


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


def refine(images: np.ndarray, refiner: str) -> np.ndarray:
    """Refined images, uint8."""
    model = models.SimGAN.from_preset(refiner)
    return from_unit(model.predict(to_unit(images), batch_size=100, verbose=0), "uint8")


def train_and_test(images, gaze, steps: int, seed: int, augmented: bool) -> np.ndarray:
    """Trains an estimator; returns the predicted (pitch, yaw) of the real test eyes."""
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
    return vector_to_pitch_yaw(estimator.predict(to_unit(real_eyes(1)[0]), verbose=0))


def angular_errors(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Degrees, one an eye."""
    return keras.ops.convert_to_numpy(angular_error(true, predicted))


def summarise(runs: dict[str, list]) -> dict[str, dict]:
    """Of each arm the mean error, its 95 % bootstrap interval, correlations and the gain."""
    true = real_eyes(1)[1]
    errors = {
        arm: np.stack([angular_errors(np.array(p), true) for p in predictions])
        for arm, predictions in runs.items()
    }
    per_seed = {arm: each.mean(1) for arm, each in errors.items()}
    errors = {arm: each.mean(0) for arm, each in errors.items()}
    rows = np.random.default_rng(0).integers(0, len(true), (BOOTSTRAPS, len(true)))
    summary = {}
    for arm, predictions in runs.items():
        correlation = [
            np.mean([np.corrcoef(np.array(p)[:, axis], true[:, axis])[0, 1] for p in predictions])
            for axis in (0, 1)
        ]
        summary[arm] = {
            "degrees": round(float(errors[arm].mean()), 2),
            "interval": np.percentile(errors[arm][rows].mean(1), [2.5, 97.5]).round(2).tolist(),
            "seeds": [round(float(value), 2) for value in per_seed[arm]],
            "correlation_pitch": round(float(correlation[0]), 2),
            "correlation_yaw": round(float(correlation[1]), 2),
        }
        if "synthetic" in errors and arm != "synthetic":
            gain = 1 - errors[arm][rows].mean(1) / errors["synthetic"][rows].mean(1)
            summary[arm]["below_synthetic_percent"] = round(
                float(100 * (1 - errors[arm].mean() / errors["synthetic"].mean())), 1
            )
            summary[arm]["below_synthetic_interval"] = (
                (100 * np.percentile(gain, [2.5, 97.5])).round(1).tolist()
            )
    return summary


def table(results: dict) -> str:
    """The results as Markdown."""
    lines = [
        f"### Source: {results['source']}, refiner: {results['refiner']}",
        "",
        "| trained on | error, degrees (95 % interval) | seeds | correlation pitch / yaw | "
        "below synthetic (95 % interval) |",
        "|---|---|---|---|---|",
    ]
    for arm in [arm for arm in ARMS if arm in results["summary"]]:
        row = results["summary"][arm]
        gain = "–"
        if "below_synthetic_percent" in row:
            low, high = row["below_synthetic_interval"]
            gain = f"{row['below_synthetic_percent']} % ({low} to {high})"
        lines.append(
            f"| {arm} | **{row['degrees']:.2f}** ({row['interval'][0]:.2f} to "
            f"{row['interval'][1]:.2f}) | {', '.join(f'{s:.2f}' for s in row['seeds'])} | "
            f"{row['correlation_pitch']:.2f} / {row['correlation_yaw']:.2f} | {gain} |"
        )
    lines += [f"| always the mean | {results['mean_degrees']:.2f} | | | |", ""]
    setting = results["setting"]
    lines += [
        f"`{results['command']}`; {setting['count']} eyes, {setting['steps']} steps of {BATCH}, "
        f"{setting['seeds']} seeds, tested on {setting['test_eyes']} real eyes. "
        f"{results['versions']}; {results['hardware']}.",
        "",
    ]
    return "\n".join(lines)


def _record(out: Path, results: dict, options: argparse.Namespace, setting: dict) -> None:
    true = real_eyes(1)[1]
    mean = np.broadcast_to(real_eyes(0)[1].mean(0), true.shape)
    results |= {
        "source": options.source,
        "refiner": options.refiner,
        "command": f"python benchmarks/transfer_eyes.py {' '.join(sys.argv[1:])}",
        "versions": f"keras {keras.__version__} on {keras.config.backend()}, keras_simgan "
        f"{__version__}, Python {platform.python_version()}",
        "hardware": f"{platform.machine()} CPU, {os.cpu_count()} cores",
        "setting": setting,
        "mean_degrees": round(float(angular_errors(mean, true).mean()), 2),
        "summary": summarise({arm: runs for arm, runs in results["predictions"].items() if runs}),
    }
    out.write_text(json.dumps(results) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("renderer", "path_traced"), required=True)
    parser.add_argument("--refiner", default="simgan_eyes_36x60", help="preset of the refiner")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--count", type=int, default=4000, help="synthetic eyes")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    options = parser.parse_args()
    out = options.out or RESULTS / f"transfer_eyes_{options.source}.json"
    steps = options.count * options.epochs // BATCH
    setting = {
        "count": options.count,
        "steps": steps,
        "seeds": options.seeds,
        "test_eyes": len(real_eyes(1)[0]),
    }
    results = json.loads(out.read_text()) if out.exists() else {}
    if results.get("setting", setting) != setting:
        sys.exit(
            f"{out} holds results of another setting: {results['setting']}. Use another --out."
        )
    runs = results.setdefault("predictions", {})
    if "real" in options.arms and "real" not in runs:
        # The ceiling is the same whatever the source.
        for path in RESULTS.glob("transfer_eyes_*.json"):
            other = json.loads(path.read_text())
            if other["setting"] == setting and "real" in other["predictions"]:
                runs["real"] = other["predictions"]["real"]
    synthetic = mirror_half(*synthetic_eyes(options.source, options.count))
    for arm in options.arms:
        if len(runs.get(arm, [])) >= options.seeds:
            continue
        images, gaze = mirror_half(*real_eyes(0)) if arm == "real" else synthetic
        if arm.startswith("refined"):
            images = refine(images, options.refiner)
        for seed in range(len(runs.setdefault(arm, [])), options.seeds):
            predicted = train_and_test(images, gaze, steps, seed, "augmented" in arm)
            runs[arm].append(predicted.round(5).tolist())
            error = angular_errors(predicted, real_eyes(1)[1]).mean()
            print(f"{options.source}: {arm}, seed {seed}: {error:.2f} degrees", flush=True)
            _record(out, results, options, setting)
    _record(out, results, options, setting)
    tables = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("transfer_eyes_*.json"))]
    (RESULTS / "transfer_eyes.md").write_text(
        "# Gaze estimation on real eyes\n\n"
        + __doc__.split("\n\n    KERAS")[0].split("\n\n", 1)[1]
        + "\n\n"
        + "\n".join(map(table, tables))
    )
    print(table(results))


if __name__ == "__main__":
    main()
