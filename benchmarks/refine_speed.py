"""How fast does `refine_dataset` go from PNG to PNG, and how does its memory grow?

    python benchmarks/refine_speed.py               # speed: about 3 minutes on two cores
    python benchmarks/refine_speed.py --load        # 1,000 and 100,000 files: about 6 minutes

Speed: images per second of `model.predict` alone on an array in memory, with `simgan_eyes_36x60`
on 36x60 eyes, and of `refine_dataset` from PNG files to PNG files, manifest and checksums included;
the better of three rounds in turn. Load: the peak memory of a process that refines so many files of
8x8 pixels with a network that does nothing, the seconds it takes, and those of a second run that
finds everything finished. Results go to `benchmarks/results/refine_speed.md`.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from keras_simgan import __version__, models
from keras_simgan.data import EyeRenderer, to_unit, write_image
from keras_simgan.refinement import refine_dataset

RESULTS = Path(__file__).parent / "results"
PRESET = "simgan_eyes_36x60"
ROUNDS = 3
FILES = (1_000, 100_000)


def measure_speed(count: int) -> dict:
    """Images per second of predict and of refine_dataset."""
    images, _ = EyeRenderer((36, 60), channels=1, seed=0).render(count)
    model = models.SimGAN.from_preset(PRESET)
    unit = to_unit(images)
    speeds: dict[str, list[float]] = {"predict": [], "refine_dataset": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        for index, image in enumerate(images):
            write_image(source / f"{index:06d}.png", image)
        model.refiner.predict(unit[:128], batch_size=64, verbose=0)
        for number in range(ROUNDS):
            start = time.perf_counter()
            model.refiner.predict(unit, batch_size=64, verbose=0)
            speeds["predict"].append(count / (time.perf_counter() - start))
            start = time.perf_counter()
            refine_dataset(model, source, Path(folder) / f"refined_{number}", progress=False)
            speeds["refine_dataset"].append(count / (time.perf_counter() - start))
            print({name: round(each[-1], 1) for name, each in speeds.items()}, flush=True)
    best = {name: round(max(each), 1) for name, each in speeds.items()}
    return {
        **best,
        "percent": round(100 * best["refine_dataset"] / best["predict"]),
        "percent_by_round": [
            round(100 * refined / predicted)
            for predicted, refined in zip(*speeds.values(), strict=True)
        ],
        "images": count,
    }


def refine_many(source: str, destination: str) -> None:
    """Refines a folder with a network that does nothing; prints seconds and peak memory."""
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1.0)])
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        report = refine_dataset(network, source, destination, progress=False)
        seconds.append(round(time.perf_counter() - start, 1))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": round(peak), "again": report.refined}))


def measure_load() -> dict:
    """Seconds and peak memory for few and for many files."""
    results = {}
    for count in FILES:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "source"
            image = np.arange(64, dtype="uint8").reshape(8, 8, 1)
            for index in range(count):
                write_image(source / f"{index:06d}.png", image)
            done = subprocess.run(
                [sys.executable, __file__, "--refine", source, Path(folder) / "refined"],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            results[str(count)] = json.loads(done.stdout.splitlines()[-1])
            print(count, results[str(count)], flush=True)
    return results


def write(results: dict) -> None:
    """The results as Markdown."""
    lines = ["# Refining data sets on disk", "", __doc__.split("\n\n")[2], ""]
    if speed := results.get("speed"):
        lines += [
            "## Speed",
            "",
            "| | images/s |",
            "|---|---|",
            f"| `predict` on arrays | {speed['predict']} |",
            f"| `refine_dataset`, PNG to PNG | {speed['refine_dataset']} "
            f"(**{speed['percent']} %**) |",
            "",
            f"{speed['images']} eyes; by round: "
            f"{', '.join(f'{each} %' for each in speed['percent_by_round'])}. {speed['on']}.",
            "",
        ]
    if load := results.get("load"):
        lines += [
            "## Load",
            "",
            "| files | seconds | seconds of a second run | peak memory |",
            "|---|---|---|---|",
        ]
        for count in map(str, FILES):
            first, second = load[count]["seconds"]
            lines.append(f"| {int(count):,} | {first} | {second} | {load[count]['peak_mib']} MiB |")
        lines += ["", f"{load['on']}.", ""]
    (RESULTS / "refine_speed.md").write_text("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--refine", nargs=2, metavar=("SRC", "DST"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.refine:
        return refine_many(*options.refine)
    out = RESULTS / "refine_speed.json"
    results = json.loads(out.read_text()) if out.exists() else {}
    key = "load" if options.load else "speed"
    results[key] = measure_load() if options.load else measure_speed(options.images)
    results[key]["on"] = (
        f"keras {keras.__version__} on {keras.config.backend()}, keras_simgan {__version__}, "
        f"Python {platform.python_version()}; {platform.machine()} CPU, {os.cpu_count()} cores"
    )
    out.write_text(json.dumps(results, indent=1) + "\n")
    write(results)


if __name__ == "__main__":
    main()
