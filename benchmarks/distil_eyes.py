"""How much faster does a small pix2pix refine eyes that learned from a large GazeGAN's pairs?

    KERAS_SIMGAN_DATA=... python benchmarks/distil_eyes.py             # train: 20 minutes of a core
    KERAS_SIMGAN_DATA=... python benchmarks/distil_eyes.py --speed

`gazegan_eyes_128` translates 2,000 rendered eyes; what it makes of them are the targets of
students, small generators in `models.Pix2Pix`. On 500 eyes of other people, of which no network saw
any: how far the students' eyes are from the teacher's (mean difference in levels of 0 to 255,
SSIM), how far from photos (kernel distance, and how often a small classifier tells them from
photos), how much gaze they change by the teacher's own estimator, and seconds of one core an eye.
Published for pix2pixHD as the student: 12 to 32 times faster than its teacher (REGEN).

Trainings resume. Run `--speed`, which only measures time, with nothing beside it. Results go to
`benchmarks/results/distil_eyes.md`.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import keras
import numpy as np
from colour_eyes import (
    SIZE,
    TESTING,
    degrees_between,
    read_gaze,
    real_colour_eyes,
    synthetic_colour_eyes,
)
from gaze_drift import told_from_real

from keras_simgan import __version__, callbacks, data, metrics, models, networks, schedules
from keras_simgan.data import from_unit, to_unit, write_image

RESULTS = Path(__file__).parent / "results"
TEACHER = "gazegan_eyes_128"
COUNT, TESTED, BATCH = 2000, 500, 8
SHAPE = (SIZE, SIZE, 3)
STUDENTS = {
    "U-Net, 16 filters, 4 levels": lambda: networks.UNetGenerator(
        SHAPE, 16, 4, normalization=None, dropout=0.0
    ),
    "U-Net, 8 filters, 4 levels": lambda: networks.UNetGenerator(
        SHAPE, 8, 4, normalization=None, dropout=0.0
    ),
}


def translated(path: Path, teacher: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the teacher makes of eyes, uint8, kept in a file."""
    if not path.exists():
        made = from_unit(teacher.predict(to_unit(images), batch_size=8, verbose=0))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, made)
    return np.load(path)


def train(out: Path, name: str, renders: np.ndarray, targets: np.ndarray, epochs: int):
    """A student, trained or read."""
    folder = out / name.replace(", ", "_").replace(" ", "_")
    keras.utils.set_random_seed(0)
    model = models.Pix2Pix(
        STUDENTS[name](), networks.PatchDiscriminator((SIZE, SIZE, 6), filters=16, layers=2)
    )
    pairs = data.paired(renders, targets, batch_size=BATCH, flip=True)
    half = epochs * len(pairs) // 2
    model.compile(
        *(
            keras.optimizers.Adam(schedules.LinearDecay(rate, half, half), beta_1=0.5, epsilon=1e-8)
            for rate in (1e-3, 2e-4)
        )
    )
    start = time.process_time()
    model.fit(
        pairs,
        epochs=epochs,
        verbose=2,
        callbacks=[callbacks.Backup(folder)],
    )
    print(f"{name}: {time.process_time() - start:.0f} s of CPU time in this process", flush=True)
    return model.generator


def likeness(made: np.ndarray, teacher: np.ndarray, renders: np.ndarray, photos: np.ndarray, gaze):
    """What one network makes, against its teacher's, photos, and its own input."""
    extractor = metrics.feature_extractor("small")
    features = [extractor(to_unit(images)) for images in (photos, made)]
    distance = metrics.KernelDistance()(*features)
    drift = degrees_between(gaze(made), gaze(renders))
    unit = to_unit(made), to_unit(teacher)
    return {
        "levels": float(np.abs(made.astype(float) - teacher).mean()),
        "ssim": float(metrics.structural_similarity(*unit).mean()),
        "kernel_distance": [distance.value, distance.low, distance.high],
        "told_from_photos": float(100 * told_from_real(made, photos).mean()),
        "median_drift": float(np.median(drift)),
    }


def seconds_an_eye(networks_by_name: dict, images: np.ndarray) -> dict[str, list[float]]:
    """Seconds of one core, batches of 32: median, least and most of seven rounds taken in turn."""
    unit = to_unit(images[:32])
    rounds: dict[str, list[float]] = {name: [] for name in networks_by_name}
    for number in range(8):
        for name, network in networks_by_name.items():
            start = time.process_time()
            network.predict_on_batch(unit)
            if number:  # the first traces
                rounds[name].append((time.process_time() - start) / len(unit))
    return {name: [float(np.median(each)), min(each), max(each)] for name, each in rounds.items()}


def sheet(rows: list[np.ndarray], columns: int = 8) -> np.ndarray:
    """Rows of eyes above each other."""
    return np.concatenate([np.concatenate(list(row[:columns]), axis=1) for row in rows])


def write(results: dict) -> None:
    """The page of the results."""
    teacher = results["seconds"]["teacher"][0]
    lines = [
        "# Distillation: a small pix2pix learns a large GazeGAN's translation",
        "",
        "`KERAS_SIMGAN_DATA=... python benchmarks/distil_eyes.py`",
        "",
        results["setting"],
        "",
        "| | parameters | ms of one core an eye | times faster | levels from the teacher's | SSIM "
        "with the teacher's | kernel distance to photos | told from photos | median drift |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results["rows"].items():
        seconds = results["seconds"].get(name)
        value, low, high = row["kernel_distance"]
        cells = [
            name,
            f"{row['parameters']:,}" if "parameters" in row else "–",
            f"{1000 * seconds[0]:.2f}" if seconds else "–",
            f"{teacher / seconds[0]:.1f}" if seconds else "–",
            f"{row['levels']:.2f}",
            f"{row['ssim']:.3f}",
            f"{value:.4f} ({low:.4f} to {high:.4f})",
            f"{row['told_from_photos']:.1f} %",
            f"{row['median_drift']:.2f}°",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    (RESULTS / "distil_eyes.md").write_text("\n".join(lines) + "\n")
    (RESULTS / "distil_eyes.json").write_text(json.dumps(results, indent=1) + "\n")


def main() -> None:
    """Trains, measures and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/distil"))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--speed", action="store_true", help="measure the time again, only")
    options = parser.parse_args()
    whole = models.GazeGAN.from_preset(TEACHER)
    teacher = whole.generator
    tested, _ = synthetic_colour_eyes("renderer", TESTED, TESTING)
    renders = np.zeros((0, *SHAPE), "uint8")
    targets = renders
    if not options.speed:
        renders, _ = synthetic_colour_eyes("renderer", COUNT)
        targets = translated(options.out / "targets.npy", teacher, renders)
    by_teacher = translated(options.out / "tested.npy", teacher, tested)
    students = {}
    for name in STUDENTS:
        path = options.out / f"{name}.keras"
        if not path.exists():
            train(options.out, name, renders, targets, options.epochs).save(path)
        students[name] = keras.models.load_model(path)
    path = options.out / "results.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    if "rows" not in results:
        photos = real_colour_eyes()

        def gaze(images):
            return read_gaze(whole.gaze_estimator, images)

        made = {"renders": tested, "teacher": by_teacher}
        for name, student in students.items():
            made[name] = from_unit(student.predict(to_unit(tested), batch_size=32, verbose=0))
        results["rows"] = {
            name: likeness(images, by_teacher, tested, photos, gaze)
            for name, images in made.items()
        }
        for name, network in {"teacher": teacher, **students}.items():
            results["rows"][name]["parameters"] = network.count_params()
        write_image(options.out / "sheet.png", sheet([*made.values(), photos]))
    results["seconds"] = seconds_an_eye({"teacher": teacher, **students}, tested)
    results["setting"] = (
        f"`{TEACHER}` and {options.epochs} epochs of {COUNT} pairs in batches of {BATCH}; Keras "
        f"{keras.__version__} on {keras.config.backend()}, keras_simgan {__version__}, "
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores."
    )
    path.write_text(json.dumps(results, indent=1))
    write(results)


if __name__ == "__main__":
    main()
