"""Does data that a pix2pixHD draws out of label maps add to real data? CamVid's streets.

A small segmentation network (`camvid.segmenter`) is trained on several training sets, three times
each, with the same number of steps, and reads CamVid's 30 validation photos:

    generated             photos drawn of the 120 training maps
    recombined            photos drawn of 600 new maps (`camvid_recombine`)
    real                  the 120 training photos
    real + generated      half of each batch `real`, half `generated`
    real + recombined     half of each batch `real`, half `recombined`
    real + cut and paste  half of each batch `real`, half the same 600 new maps with the photo that
                          cutting and pasting makes of the old ones: a control without a GAN

The generator (`train_camvid_generator.py`) saw the 120 training pairs and nothing else. Trainings
are kept one by one in `--out`; run again, it goes on with those that are missing. Without
`--generator` only what needs none is trained.

    export KERAS_SIMGAN_DATA=... KERAS_BACKEND=torch OMP_NUM_THREADS=1
    python benchmarks/train_camvid_generator.py --out runs/camvid_pix2pixhd
    python benchmarks/transfer_camvid.py --generator runs/camvid_pix2pixhd/preset

About a minute of one core for a training. Writes benchmarks/results/transfer_camvid.json and .md.
`--sheet runs/camvid.png` draws maps, photos and what the generator makes of them, to look at; the
photos' licence keeps such a sheet out of the project.
"""

import argparse
import hashlib
import json
import os
import platform
from importlib import metadata
from pathlib import Path

import camvid
import cv2
import keras
import numpy as np
from camvid_recombine import coloured, recombine

from keras_simgan import presets
from keras_simgan.data import from_unit

RESULTS = Path(__file__).parent / "results"
INTRODUCTION = """# Do photos drawn of label maps add to real ones?

CamVid's streets. A small segmentation network is trained on each of these with the same number of
steps, and reads the 30 validation photos:

    real                  the 120 training photos
    real + cut and paste  half of each batch `real`, half 600 new label maps (training maps with
                          objects of others put in, mirrored, cropped) with the photo that the same
                          cutting and pasting makes of the old ones: a control without a GAN
    recombined            the same 600 maps, with photos that the generator draws of them
    real + recombined     half of each batch `real`, half `recombined`
    generated             photos that the generator draws of the 120 training maps
    real + generated      half of each batch `real`, half `generated`

Mean IoU of 11 classes over all pixels of all photos at 480x360, unlabelled pixels left out.
Intervals are 95 %, bootstrapped over photos (the same for all arms) and over the trainings of each
arm. The validation photos are frames of one street, so another street may answer differently; of
the generator there is one training. Steps and learning rate were fixed before, after one training
scored on 14 training photos that it had not seen; how the generator is built was decided by what it
drew of training maps. What is reported is validation, which chose nothing.
"""
CONCLUSION = """## Did it help?

**No: photos drawn by this generator add nothing to the real ones, and by themselves they are worth
less.** Half a batch of them costs 1.3 points with new maps, within the interval, and 3.3 with the
maps that the real photos have already.

- **New maps do help, the drawing does not.** Drawn photos of recombined maps are worth 2.9 points
  more than drawn photos of the training maps. But the same maps with photos cut and pasted, for
  which nothing need be trained, are worth 3.1 points more yet, beside real photos. Those may add to
  real photos: 1.8 points, though the interval takes in zero.
- What new maps bring is bicyclists, from 6 % to about 40 %, drawn or pasted: of the objects that
  are moved each class is as likely as another, and bicyclists are rare. What drawn photos cost is
  buildings, trees and pavement, whose textures the generator did not learn well enough.
- The generator is small and was trained for 24 epochs of 120 photos at 160x120, some seven minutes
  of one core. Poles, signs and pedestrians, a few pixels wide, come out as smudges. A better one
  may answer differently. So may a longer training of the segmentation network: in 250 steps `real`
  sees each photo 17 times, and may not be done with them.
"""
GENERATOR = "python benchmarks/train_camvid_generator.py --out runs/camvid_pix2pixhd"
NEW_MAPS = 600
RESAMPLES = 2000
#: The parts of each arm, in the order in which they are trained.
ARMS = {
    "real": ("real",),
    "real + cut and paste": ("real", "cut and paste"),
    "recombined": ("recombined",),
    "real + recombined": ("real", "recombined"),
    "generated": ("generated",),
    "real + generated": ("real", "generated"),
}
#: What is compared, each with `real` and the rest as they come.
COMPARED = (
    ("real + recombined", "real"),
    ("real + generated", "real"),
    ("real + cut and paste", "real"),
    ("real + recombined", "real + cut and paste"),
    ("recombined", "generated"),
    ("generated", "real"),
    ("recombined", "real"),
)


def draw(generator: keras.Model, maps: np.ndarray) -> np.ndarray:
    """What a generator makes of label maps, uint8, shape `(n, height, width, 3)`."""
    drawn = []
    for start in range(0, len(maps), 20):
        one_hot = np.eye(camvid.UNLABELLED + 1, dtype="float32")[maps[start : start + 20]]
        drawn.append(from_unit(generator.predict(one_hot, batch_size=4, verbose=0), "uint8"))
    return np.concatenate(drawn)


def read(out: Path) -> dict:
    """What the results file holds; nothing where there is none."""
    return json.loads(out.read_text()) if out.exists() else {"confusions": {}}


def write(out: Path, results: dict) -> None:
    """Writes a results file, whole or not at all."""
    aside = out.with_suffix(".part")
    aside.write_text(json.dumps(results) + "\n")
    aside.replace(out)


def mean_iou(counts: np.ndarray) -> np.ndarray:
    """Mean IoU in percent over the classes of confusions of shape `(..., 11, 11)`."""
    return camvid.intersection_over_union(counts).mean(-1)


def summarize(confusions: dict[str, list]) -> dict:
    """Scores of the arms, and differences between arms, with 95 % intervals.

    A score is the mean over seeds of the mean IoU, of the sum of all photos' confusions. The
    intervals resample photos, the same for all arms, and seeds, each arm's own.

    Args:
        confusions: Of each arm, `camvid.confusion` of each seed.

    Returns:
        `arms`: of each its `mean` (value, low, high), the mean IoU of `seeds` and the IoU of
        `classes`; `over`: of each pair in `COMPARED` the difference (value, low, high).
    """
    rng = np.random.default_rng(0)
    counts = {arm: np.array(confusions[arm]) for arm in ARMS if arm in confusions}
    photos = next(iter(counts.values())).shape[1]
    drawn = rng.integers(0, photos, (RESAMPLES, photos))
    weights = np.stack([np.bincount(rows, minlength=photos) for rows in drawn])
    resampled = {}
    for arm, each in counts.items():
        # Of every seed and every resample of photos, shape (resamples, seeds).
        scores = mean_iou(np.einsum("rp,spij->rsij", weights, each))
        chosen = rng.integers(0, len(each), (RESAMPLES, len(each)))
        resampled[arm] = np.take_along_axis(scores, chosen, 1).mean(1)
    arms, over = {}, {}
    values = {arm: mean_iou(each.sum(1)) for arm, each in counts.items()}
    for arm, each in counts.items():
        arms[arm] = {
            "mean": _interval(values[arm].mean(), resampled[arm]),
            "seeds": values[arm].round(2).tolist(),
            "classes": camvid.intersection_over_union(each.sum(1)).mean(0).round(1).tolist(),
        }
    for arm, base in COMPARED:
        if arm in counts and base in counts:
            over[f"{arm} over {base}"] = _interval(
                values[arm].mean() - values[base].mean(), resampled[arm] - resampled[base]
            )
    return {"arms": arms, "over": over}


def _interval(value: float, resampled: np.ndarray) -> list[float]:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return [round(float(each), 2) for each in (value, low, high)]


def page(results: dict) -> str:
    """The results as Markdown: the tables, and what makes them again."""
    summary = results["summary"]
    lines = [INTRODUCTION, "| trained on | mean IoU, % (95 % interval) | seeds |", "|---|---|---|"]
    for arm, row in summary["arms"].items():
        value, low, high = row["mean"]
        seeds = ", ".join(f"{seed:.1f}" for seed in row["seeds"])
        lines.append(f"| {arm} | **{value:.1f}** ({low:.1f} to {high:.1f}) | {seeds} |")
    lines += ["", "| difference | points (95 % interval) |", "|---|---|"]
    for name, (value, low, high) in summary["over"].items():
        lines.append(f"| {name} | {value:+.1f} ({low:+.1f} to {high:+.1f}) |")
    lines += ["", "IoU of each class, %, mean over seeds:", ""]
    lines += ["| trained on | " + " | ".join(camvid.CLASSES) + " |"]
    lines.append("|---" * (len(camvid.CLASSES) + 1) + "|")
    for arm, row in summary["arms"].items():
        lines.append(f"| {arm} | " + " | ".join(f"{each:.0f}" for each in row["classes"]) + " |")
    about = results["about"]
    lines += ["", CONCLUSION, f"`{about['command']}`, after", f"`{GENERATOR}`;"]
    lines += [f"{about['budget']}.", f"{about['versions']}; {about['hardware']}.", ""]
    return "\n".join(lines)


def sheet(path: Path, generator: keras.Model, sets: dict) -> None:
    """Draws six rows: a map, its photo and what is drawn of it; a new map, cut and paste, drawn."""
    rows = []
    for index in np.linspace(0, len(sets["real"][0]) - 1, 6).astype(int):
        row = []
        for name in ("real", "cut and paste"):
            photos, maps = (part[index : index + 1] for part in sets[name])
            row += [coloured(maps)[0], photos[0], draw(generator, maps)[0]]
        rows.append(np.concatenate(row, axis=1))
    cv2.imwrite(str(path), np.concatenate(rows)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--generator", type=Path, help="its preset")
    parser.add_argument("--sheet", type=Path, help="a PNG file to draw instead of training")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS), metavar="ARM")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS / "transfer_camvid.json")
    options = parser.parse_args()
    if options.sheet and not options.generator:
        parser.error("--sheet needs a --generator.")

    needed = {part for arm in options.arms for part in ARMS[arm]}
    full_photos, full_maps, _ = camvid.read_part("train")
    photos = camvid.reduce_photos(full_photos, camvid.SHOWN)
    maps = camvid.reduce_labels(full_maps, camvid.SHOWN)
    sets = {"real": (photos, maps)}
    if options.sheet or needed & {"cut and paste", "recombined"}:
        sets["cut and paste"] = recombine(full_photos, full_maps, NEW_MAPS, camvid.SHOWN)
    test_photos, test_maps, _ = camvid.read_part("val")

    results = read(options.out)
    if options.generator:
        generator = presets.load(str(options.generator), direction="source_to_target")
        if options.sheet:
            sheet(options.sheet, generator, sets)
            return
        digest = hashlib.sha256(b"".join(each.tobytes() for each in generator.get_weights()))
        if results.setdefault("generator", digest.hexdigest()) != digest.hexdigest():
            parser.error(f"{options.out} holds results of another generator. Give another --out.")
        for name, like in {"generated": "real", "recombined": "cut and paste"}.items():
            if name in needed:
                sets[name] = draw(generator, sets[like][1]), sets[like][1]

    weights = camvid.class_weights(maps)
    for seed in range(options.seeds):
        for arm in options.arms:
            if len(results["confusions"].get(arm, [])) > seed or not set(ARMS[arm]) <= set(sets):
                continue
            model = camvid.train_segmenter([sets[part] for part in ARMS[arm]], weights, seed)
            found = camvid.confusion(model, test_photos, test_maps)
            # Read again: another process may have added other arms meanwhile.
            results["confusions"] = read(options.out)["confusions"]
            results["confusions"].setdefault(arm, [])[seed:] = [found.tolist()]
            write(options.out, results)
            print(f"{arm}, seed {seed}: mean IoU {mean_iou(found.sum(0)):.2f} %", flush=True)

    results["confusions"] = read(options.out)["confusions"]
    results["summary"] = summarize(results["confusions"])
    results["about"] = {
        "command": "python benchmarks/transfer_camvid.py"
        + (f" --generator {options.generator}" if options.generator else ""),
        "budget": f"{camvid.STEPS} steps of {camvid.BATCH}, {options.seeds} seeds, {NEW_MAPS} maps",
        "versions": f"keras {keras.__version__} on {keras.config.backend()} "
        f"{metadata.version(keras.config.backend())}, Python {platform.python_version()}",
        "hardware": f"{platform.machine()} CPU, {os.cpu_count()} cores",
    }
    write(options.out, results)
    options.out.with_suffix(".md").write_text(page(results))


if __name__ == "__main__":
    main()
