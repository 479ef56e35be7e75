"""Does a digit classifier do better on real digits when trained on translated MNIST?

The same small CNN is trained, with the same number of steps, on

    source      N MNIST digits as they are
    augmented   the same, augmented anew whenever shown. MNIST-M: random geometry, colours,
                inversion, noise, blur, gamma; USPS: random geometry, stroke width, blur
    translated  the same, translated by a CycleGAN that saw target digits without labels; where its
                source has random noise, with three draws of the noise
    translated_augmented   half of them translated, under random geometry (and inversion and channel
                order, in colour), half of them `augmented`
    target      the target's training digits with their labels: the ceiling

and tested on the last 2,000 digits of MNIST-M or USPS, which nothing was chosen by. Intervals are
95 %, bootstrapped over the test digits, with the accuracy of each digit averaged over the seeds;
gains are in percentage points, paired. The classifier of a label consistency was
trained on 20,000 MNIST labels, all other arms on N. `label kept` is how many of the translated
digits a classifier trained on the target's labels (the ceiling, seed 0) reads as the source's
label: a translator that turns a 4 into a fine 9 keeps no label. That classifier errs as well; its
accuracy on the target's test digits is given with each translator.

Each finished training is kept in the results' JSON file, and a second run goes on from there.
Several translators become rows of one table, each under its `--name`. `--validate` is for choosing
between translators: accuracy on the 1,000 validation digits, printed only. One to two minutes per
arm and seed on one core:

    KERAS_SIMGAN_DATA=... python benchmarks/transfer_digits.py --target mnist_m
    KERAS_SIMGAN_DATA=... python benchmarks/transfer_digits.py --target mnist_m \
        --translator runs/mnist_m/preset --name cyclegan
"""

import argparse
import functools
import hashlib
import json
import os
import platform
import shlex
import sys
from pathlib import Path

import keras
import numpy as np
from digits import (
    AUGMENTATIONS,
    BATCH,
    STEPS,
    augment_pairs,
    read_digits,
    source_digits,
    target_digits,
    train_classifier,
)
from train_digits_translator import add_noise

from keras_simgan import __version__, models
from keras_simgan.data import from_unit, to_unit

RESULTS = Path(__file__).parent / "results"
BASELINES = ("source", "augmented", "target")
TRANSLATED = ("translated", "translated_augmented")
BOOTSTRAPS = 2000
NOISE_DRAWS = 3


def row_name(arm: str, name: str | None) -> str:
    """The arm's name in the results: each translator has its own."""
    return f"{arm}: {name}" if arm in TRANSLATED else arm


def translate(images: np.ndarray, translator: str, noise: float) -> tuple[np.ndarray, str]:
    """Translated images, uint8, and the SHA-256 of the weights that made them.

    `noise` is what the translator's own source images had; with noise there are `NOISE_DRAWS`
    translations of each image, one after the other: all of the first draw, all of the second...
    """
    network = models.CycleGAN.from_preset(translator, direction="source_to_target")
    noisy = [add_noise(images, noise, seed) for seed in range(NOISE_DRAWS if noise else 1)]
    translated = network.predict(to_unit(np.concatenate(noisy)), batch_size=100, verbose=0)
    translated, weights = from_unit(translated, "uint8"), network.get_weights()
    return translated, hashlib.sha256(b"".join(each.tobytes() for each in weights)).hexdigest()


@functools.cache
def ceiling(target: str) -> keras.Model:
    """A classifier trained on the target's labels."""
    return train_classifier(*target_digits(target, "train"), seed=0)


def label_flips(target: str, images: np.ndarray, labels: np.ndarray) -> dict:
    """What a classifier trained on the target reads in translated images, against their labels."""
    read = read_digits(ceiling(target), images)
    test, true = target_digits(target, "test")
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, read), 1)
    return {
        "kept_percent": round(float(100 * np.mean(read == labels)), 2),
        "confusion_label_by_read": confusion.tolist(),
        "classifier_on_target_percent": round(
            float(100 * np.mean(read_digits(ceiling(target), test) == true)), 2
        ),
    }


def summarise(results: dict) -> dict[str, dict]:
    """Of each row the accuracy and the gains, with 95 % bootstrap intervals."""
    true = target_digits(results["target"], "test")[1]
    right = {
        row: np.stack([np.array(list(run["test"]), int) == true for run in runs]) * 100.0
        for row, runs in results["runs"].items()
    }
    rows = np.random.default_rng(0).integers(0, len(true), (BOOTSTRAPS, len(true)))
    drawn = {row: each.mean(0)[rows].mean(1) for row, each in right.items()}
    summary = {}
    for row, each in right.items():
        summary[row] = {
            "percent": round(float(each.mean()), 2),
            "interval": np.percentile(drawn[row], [2.5, 97.5]).round(2).tolist(),
            "seeds": each.mean(1).round(2).tolist(),
        }
        for baseline in ("source", "augmented"):
            if baseline in right and row not in ("source", baseline):
                gain = np.percentile(drawn[row] - drawn[baseline], [2.5, 97.5]).round(2).tolist()
                points = round(float(each.mean() - right[baseline].mean()), 2)
                summary[row][f"over_{baseline}"] = [points, *gain]
    return summary


def table(results: dict) -> str:
    """The results as Markdown."""
    translated = [row for row in results["runs"] if row.startswith(TRANSLATED)]
    lines = [
        f"### Target: {results['target']}",
        "",
        "| trained on | accuracy, % (95 % interval) | seeds | over source, points "
        "(95 % interval) | over augmented | label kept |",
        "|---|---|---|---|---|---|",
    ]
    for row in ["source", "augmented", *translated, "target"]:
        if row not in results["summary"]:
            continue
        score = results["summary"][row]
        gains, kept = [], "–"
        for baseline in ("over_source", "over_augmented"):
            points, low, high = score.get(baseline, (None, None, None))
            gains.append("–" if low is None else f"{points:+.1f} ({low:+.1f} to {high:+.1f})")
        if row.startswith("translated: "):
            flips = results["translators"][row.partition(": ")[2]]["label_flips"]
            kept = f"{flips['kept_percent']:.1f} %"
        lines.append(
            f"| {row} | **{score['percent']:.1f}** ({score['interval'][0]:.1f} to "
            f"{score['interval'][1]:.1f}) | {', '.join(f'{s:.1f}' for s in score['seeds'])} | "
            f"{' | '.join(gains)} | {kept} |"
        )
    setting = results["setting"]
    lines += [
        "",
        f"`python benchmarks/transfer_digits.py --target {results['target']}`; {setting['count']} "
        f"MNIST digits ({setting['target_images']} of the target for the ceiling), "
        f"{setting['steps']} steps of {BATCH}, tested on {setting['test_images']} digits. "
        f"{results['versions']}; {results['hardware']}.",
    ]
    for name, translator in results["translators"].items():
        noise = f" --noise {translator['noise']:g}" if translator["noise"] else ""
        lines += [
            "",
            f"`{name}`: `--translator {translator['preset']}{noise} --name {shlex.quote(name)}`; "
            "the classifier that says which labels it keeps has "
            f"{translator['label_flips']['classifier_on_target_percent']:.1f} % on the target.",
        ]
    return "\n".join([*lines, ""])


def read_results(out: Path, options: argparse.Namespace, setting: dict) -> dict:
    """What was measured before, or an empty start; an end if it was measured differently."""
    if not out.exists():
        return {"target": options.target, "setting": setting, "translators": {}, "runs": {}}
    results = json.loads(out.read_text())
    if results["setting"] != setting:
        sys.exit(
            f"{out} holds results of another setting: {results['setting']}, not {setting}. Use the "
            "same --count, or move that file away."
        )
    return results


def write_results(out: Path, results: dict) -> None:
    """Writes the JSON file, whole or not at all, and the tables of all targets."""
    results |= {
        "versions": f"keras {keras.__version__} on {keras.config.backend()}, keras_simgan "
        f"{__version__}, Python {platform.python_version()}",
        "hardware": f"{platform.machine()} CPU, {os.cpu_count()} cores",
        "summary": summarise(results),
    }
    aside = out.with_suffix(".part")
    aside.write_text(json.dumps(results) + "\n")
    aside.replace(out)
    tables = [
        json.loads(path.read_text()) for path in sorted(RESULTS.glob("transfer_digits_*.json"))
    ]
    (RESULTS / "transfer_digits.md").write_text(
        "# Digit classification on real digits\n\n"
        + __doc__.split("\n\nEach finished")[0].split("\n\n", 1)[1]
        + "\n\n"
        + "\n".join(map(table, tables))
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=tuple(AUGMENTATIONS), required=True)
    parser.add_argument("--translator", help="preset of a CycleGAN, source MNIST")
    parser.add_argument("--name", help="the translator's name in the table")
    parser.add_argument(
        "--noise", type=float, default=0.0, help="as in the translator's own training"
    )
    parser.add_argument(
        "--arms", nargs="+", choices=BASELINES + TRANSLATED, help="all that can be run"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=10_000, help="MNIST digits")
    parser.add_argument(
        "--validate", action="store_true", help="score on validation digits, keep nothing"
    )
    options = parser.parse_args()
    arms = options.arms or BASELINES + (TRANSLATED if options.translator else ())
    needs_translator = any(arm in TRANSLATED for arm in arms)
    if needs_translator and not (options.translator and (options.name or options.validate)):
        parser.error(f"{' and '.join(TRANSLATED)} need --translator PRESET and --name NAME.")

    target_train = target_digits(options.target, "train")
    setting = {
        "count": options.count,
        "steps": STEPS,
        "batch": BATCH,
        "target_images": len(target_train[0]),
        "test_images": len(target_digits(options.target, "test")[0]),
    }
    out = RESULTS / f"transfer_digits_{options.target}.json"
    images, labels = source_digits(options.target, options.count)
    if needs_translator:
        translated, sha256 = translate(images, options.translator, options.noise)

        draws = len(translated) // len(images)

    def train(arm: str, seed: int) -> keras.Model:
        data = (
            {
                "target": target_train,
                "translated": (translated, np.tile(labels, draws)),
                "translated_augmented": (
                    np.concatenate([translated, np.tile(images, (draws, 1, 1, 1))], axis=-1),
                    np.tile(labels, draws),
                ),
            }
            if needs_translator
            else {"target": target_train}
        )
        augmentation = {
            "augmented": AUGMENTATIONS[options.target],
            "translated_augmented": augment_pairs(options.target),
        }
        return train_classifier(
            *data.get(arm, (images, labels)), seed=seed, augmentation=augmentation.get(arm)
        )

    if options.validate:
        digits, true = target_digits(options.target, "validation")
        for arm in arms:
            for seed in range(options.seeds):
                percent = 100 * np.mean(read_digits(train(arm, seed), digits) == true)
                print(f"{arm}, seed {seed}: {percent:.1f} % of validation digits", flush=True)
        return

    results = read_results(out, options, setting)
    if needs_translator:
        about = {
            "preset": options.translator,
            "noise": options.noise,
            "sha256": sha256,
        }
        before = results["translators"].get(options.name, about)
        if any(before[key] != about[key] for key in ("noise", "sha256")):
            sys.exit(
                f"{out} holds results under the name {options.name!r} of other weights "
                f"({before['preset']}, SHA-256 {before['sha256'][:12]}..., noise "
                f"{before['noise']:g}; these: {sha256[:12]}..., {options.noise:g}). Use another "
                "--name."
            )
        if "label_flips" not in before:
            flips = label_flips(options.target, translated[: len(labels)], labels)
            results = read_results(out, options, setting)
            results["translators"][options.name] = {**about, "label_flips": flips}
            write_results(out, results)
    for arm in arms:
        row = row_name(arm, options.name)
        for seed in range(len(results["runs"].get(row, [])), options.seeds):
            read = read_digits(train(arm, seed), target_digits(options.target, "test")[0])
            # Read again, so that two processes may measure different rows at a time.
            results = read_results(out, options, setting)
            results["runs"].setdefault(row, []).append({"test": "".join(map(str, read))})
            write_results(out, results)
            percent = results["summary"][row]["seeds"][-1]
            print(f"{options.target}: {row}, seed {seed}: {percent:.1f} %", flush=True)
    results = read_results(out, options, setting)
    write_results(out, results)
    print(table(results))


if __name__ == "__main__":
    main()
