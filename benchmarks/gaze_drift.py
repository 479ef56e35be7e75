"""Does a translator of eyes keep the gaze?

Drift is the angle between E'(x) and E'(G(x)): what an estimator E' reads in a synthetic eye x and
in its translation G(x). The judge E' is another than the one that GazeGAN was trained with: another
architecture, seed and other people, rendered and path-traced ones. The eyes x are of people that
neither the translators nor any estimator saw.

    synthetic   the eyes as they are; their error against the true gaze is the judge's own
    other camera   the same with a little blur, noise, gamma and tint: the judge's own unrest
    other eye   each eye beside another one: the drift of a translator that forgets the gaze
    NAME   the eyes as the translator NAME gives them

`told from real` is how many eyes a small classifier, new for each row, gets right of photos and
this row's eyes: each half is judged by a classifier trained on the other half. 50 % is best.
The judge, and the eyes once translated, are kept in --cache; what is there is not done again.

    KERAS_SIMGAN_DATA=... python benchmarks/gaze_drift.py --sheet runs/gaze_drift/sheet.png \
        --translators plain=runs/plain/preset gazegan=runs/gazegan/preset
"""

import argparse
import hashlib
import json
import os
import platform
import sys
from pathlib import Path

import cv2
import keras
import numpy as np
from colour_eyes import (
    SIZE,
    TESTING,
    augment,
    degrees_between,
    read_gaze,
    real_colour_eyes,
    synthetic_colour_eyes,
    train_judge,
)
from keras import layers

from keras_simgan import __version__, presets
from keras_simgan.data import from_unit, to_unit

RESULTS = Path(__file__).parent / "results"
BOOTSTRAPS = 2000


def load_judge(cache: Path, count: int, epochs: int) -> tuple[keras.Model, str]:
    """E' from the cache, or trained and put there; and its fingerprint."""
    path = cache / f"judge_{count}_{epochs}.keras"
    if not path.exists():
        print(f"training the judge, {path}", flush=True)
        train_judge(count, epochs).save(path)
    model = keras.models.load_model(path, compile=False)
    return model, hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()


def translated(preset: str, images: np.ndarray, cache: Path) -> tuple[np.ndarray, str]:
    """The images (uint8) as a preset translates them, from the cache or now; its fingerprint."""
    model = presets.load(preset)
    digest = hashlib.sha256(images.tobytes())
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    path = cache / f"translated_{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        part = path.with_suffix(".part.npz")
        np.savez_compressed(part, images=from_unit(model.translate(to_unit(images)), "uint8"))
        part.rename(path)
    with np.load(path) as file:
        return file["images"], digest.hexdigest()


def told_from_real(images: np.ndarray, photos: np.ndarray, seed: int = 0) -> np.ndarray:
    """Whether each eye, of these and of as many photos, was called what it is: booleans (2n,)."""
    count = min(len(images), len(photos))
    shown = np.concatenate([to_unit(images[:count]), to_unit(photos[:count])])
    real = np.repeat([0.0, 1.0], count).astype("float32")
    half = np.arange(2 * count) % 2
    right = np.empty(2 * count, bool)
    for held_out in (0, 1):
        keras.utils.set_random_seed(seed)
        inputs = x = keras.Input((SIZE, SIZE, 3))
        x = layers.RandomFlip("horizontal", seed=seed)(x)
        for filters in (16, 32, 64, 64):
            x = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 4, 2, "same")(x))
        x = layers.Dropout(0.3, seed=seed)(layers.GlobalAveragePooling2D()(x))
        classifier = keras.Model(inputs, layers.Dense(1)(x))
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        classifier.compile(keras.optimizers.Adam(2e-3), loss)
        train, test = half != held_out, half == held_out
        classifier.fit(shown[train], real[train], batch_size=16, epochs=15, verbose=0)
        right[test] = (classifier.predict(shown[test], verbose=0)[:, 0] > 0) == (real[test] > 0)
    return right


def summarise(rows: dict, gaze: np.ndarray, reference: str) -> dict[str, dict]:
    """Of each row the drift, the error and how often it was told from real, with 95 % intervals."""
    readings = {name: np.array(row["reading"]) for name, row in rows.items()}
    readings["other eye"] = np.roll(readings["synthetic"], 1, axis=0)
    picks = np.random.default_rng(0).integers(0, len(gaze), (BOOTSTRAPS, len(gaze)))
    drifts = {
        name: degrees_between(after, readings["synthetic"])
        for name, after in readings.items()
        if name != "synthetic"
    }

    def with_interval(value, resampled, digits=2):
        return [round(float(v), digits) for v in (value, *np.percentile(resampled, [2.5, 97.5]))]

    def ninetieth(values, axis=None):
        return np.percentile(values, 90, axis=axis)

    summary = {}
    for name, after in readings.items():
        row = summary[name] = {}
        if name in drifts:
            drift, other = drifts[name], drifts.get(reference)
            for key, statistic in (
                ("median", np.median), ("mean", np.mean), ("ninetieth", ninetieth),
            ):  # fmt: skip
                resampled = statistic(drift[picks], axis=1)
                row[key] = with_interval(statistic(drift), resampled)
                if other is not None and name != reference:
                    ratios = resampled / statistic(other[picks], axis=1)
                    row[f"{key}_ratio"] = with_interval(statistic(drift) / statistic(other), ratios)
        if name != "other eye":
            error = degrees_between(after, gaze)
            row["error"] = with_interval(error.mean(), error[picks].mean(1))
            row["correlation"] = [
                round(float(np.corrcoef(after[:, axis], gaze[:, axis])[0, 1]), 2) for axis in (0, 1)
            ]
        if "told_from_real" in rows.get(name, {}):
            right = 100 * np.array(rows[name]["told_from_real"], float)
            draws = np.random.default_rng(0).integers(0, len(right), (BOOTSTRAPS, len(right)))
            row["told_from_real"] = with_interval(right.mean(), right[draws].mean(1), 1)
    return summary


def table(results: dict) -> str:
    """The results as Markdown."""
    reference = results["setting"]["reference"]
    lines = [
        f"| eyes | drift, median | mean | 90th percentile | median to that of `{reference}` | "
        "error against the true gaze | correlation pitch / yaw | told from real |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in results["summary"].items():
        cells = [name]
        for key, bold in (("median", "**"), ("mean", ""), ("ninetieth", "")):
            cells.append(_cell(row.get(key), "°", bold))
        cells += [_cell(row.get("median_ratio")), _cell(row.get("error"), "°")]
        cells.append(" / ".join(f"{c:.2f}" for c in row["correlation"]) if "error" in row else "–")
        cells.append(_cell(row.get("told_from_real"), " %"))
        lines.append(f"| {' | '.join(cells)} |")
    setting = results["setting"]
    presets_named = ", ".join(f"{k} = {v}" for k, v in results["translators"].items())
    lines += [
        "",
        f"In brackets 95 % bootstrap intervals. {setting['eyes']} eyes of source "
        f"{setting['source']}; judge trained on {setting['judge_count']} eyes and more, "
        f"{setting['judge_epochs']} epochs. {presets_named}.",
        "",
        f"`{results['command']}`. {results['versions']}; {results['hardware']}.",
        "",
    ]
    return "\n".join(lines)


def _cell(values: list | None, unit: str = "", bold: str = "") -> str:
    if values is None:
        return "–"
    return f"{bold}{values[0]}{unit}{bold} ({values[1]} to {values[2]})"


def sheet(rows: dict[str, np.ndarray], photos: np.ndarray, columns: int = 10) -> np.ndarray:
    """One row a name, and the photos nearest to the last row's eyes; uint8 RGB."""

    def small(images):
        return np.stack([cv2.resize(i, (16, 16), interpolation=cv2.INTER_AREA) for i in images])

    last = small(list(rows.values())[-1][:columns]).reshape(columns, -1).astype("float32")
    known = small(photos).reshape(len(photos), -1).astype("float32")
    nearest = np.square(last[:, None] - known).sum(-1).argmin(1)
    lines = []
    for name, images in {**rows, "nearest real": photos[nearest]}.items():
        label = np.full((SIZE, SIZE, 3), 255, "uint8")
        cv2.putText(label, name, (4, 68), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        lines.append(np.concatenate([label, *images[:columns]], axis=1))
    return np.concatenate(lines)


def _translators(given: list[str]) -> dict[str, str]:
    named = dict(item.partition("=")[::2] for item in given)
    if len(named) != len(given) or not all(named.values()) or {"synthetic", ""} & set(named):
        sys.exit(f"--translators are NAME=PRESET, each of another name; got {' '.join(given)}.")
    return named


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--translators", nargs="+", required=True, metavar="NAME=PRESET",
        help="the first is what the others are compared with",
    )  # fmt: skip
    parser.add_argument("--source", choices=("renderer", "path_traced"), default="renderer")
    parser.add_argument("--count", type=int, default=500, help="held-out eyes")
    parser.add_argument("--judge-count", type=int, default=6000, help="rendered eyes it learns")
    parser.add_argument("--judge-epochs", type=int, default=24)
    parser.add_argument("--cache", type=Path, default=Path("runs/gaze_drift"))
    parser.add_argument("--sheet", type=Path, help="PNG of eyes before and after")
    parser.add_argument("--out", type=Path, default=RESULTS / "gaze_drift.json")
    options = parser.parse_args()
    translators = _translators(options.translators)
    photos = real_colour_eyes()[np.random.default_rng(0).permutation(505)]
    images, gaze = synthetic_colour_eyes(options.source, options.count, TESTING)
    options.cache.mkdir(parents=True, exist_ok=True)
    model, fingerprint = load_judge(options.cache, options.judge_count, options.judge_epochs)
    setting = {
        "source": options.source,
        "eyes": len(images),
        "judge": fingerprint,
        "judge_count": options.judge_count,
        "judge_epochs": options.judge_epochs,
    }
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    old = {key: value for key, value in results.get("setting", {}).items() if key in setting}
    if old not in ({}, setting):
        sys.exit(
            f"{options.out} holds results of another setting: {old}, not {setting}. Use another "
            "--out."
        )
    results["setting"] = setting | {"reference": next(iter(translators))}
    results["translators"] = translators
    results["command"] = f"python benchmarks/gaze_drift.py {' '.join(sys.argv[1:])}"
    results["versions"] = (
        f"keras {keras.__version__} on {keras.config.backend()}, keras_simgan {__version__}, "
        f"Python {platform.python_version()}"
    )
    results["hardware"] = f"{platform.machine()} CPU, {os.cpu_count()} cores"

    eyes = {"synthetic": images, "other camera": augment(images, np.random.default_rng(0), 0.25)}
    prints = dict.fromkeys(eyes, "")
    for name, preset in translators.items():
        eyes[name], prints[name] = translated(preset, images, options.cache)
        print(f"{name}: translated by {preset}", flush=True)
    rows = results.get("rows", {})
    # A row of a translator that was trained on since is measured again.
    rows = {name: row for name, row in rows.items() if row["fingerprint"] == prints.get(name)}
    for name, shown in eyes.items():
        if name not in rows:
            reading = read_gaze(model, shown).round(5).tolist()
            rows[name] = {"fingerprint": prints[name], "reading": reading}
            if name != "other camera":
                rows[name]["told_from_real"] = told_from_real(shown, photos).astype(int).tolist()
        known = {name: rows[name] for name in eyes if name in rows}
        summary = summarise(known, gaze, next(iter(translators)))
        options.out.write_text(json.dumps(results | {"rows": rows, "summary": summary}) + "\n")
    results["summary"] = summary
    options.out.with_suffix(".md").write_text(
        "# Gaze drift\n\n"
        + __doc__.split("\n\n    KERAS")[0].split("\n\n", 1)[1]
        + "\n\n"
        + table(results)
    )
    print(table(results))
    if options.sheet:
        options.sheet.parent.mkdir(parents=True, exist_ok=True)
        pictures = {name: eyes[name] for name in ("synthetic", *translators)}
        cv2.imwrite(str(options.sheet), sheet(pictures, photos)[..., ::-1])


if __name__ == "__main__":
    main()
