"""Does a digit classifier do better on real digits when trained on translated MNIST?

The same small CNN is trained, with the same number of steps, on the arms that
`results/transfer.md` lists, and tested on the last 2,000 digits of MNIST-M or USPS, which nothing
was chosen by. `augmented` is for MNIST-M random geometry, colours, inversion, noise, blur and
gamma; for USPS random geometry, stroke width and blur. Of a translator whose source has random
noise there are three draws of it. With `NAME + augmented` half of the digits are translated, under
random geometry (and inversion and channel order, in colour), half are `augmented`.

Each finished training is kept in the results' JSON file, and a second run goes on from there.
Several translators become rows of one table, each under its `--name`. `--validate` is for choosing
between translators: accuracy on the 1,000 validation digits, printed only. One to two minutes per
arm and seed on one core:

    KERAS_SIMGAN_DATA=... python benchmarks/transfer_digits.py --target mnist_m
    KERAS_SIMGAN_DATA=... python benchmarks/transfer_digits.py --target mnist_m \
        --translator runs/mnist_m/preset --name CycleGAN
"""

import argparse
import functools
from pathlib import Path

import keras
import numpy as np
import transfer
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
from train_digits_translator import prepare

from keras_simgan.data import from_unit, to_unit
from keras_simgan.metrics import transfer_gain

TITLES = {"mnist_m": "Digits: MNIST to MNIST-M", "usps": "Digits: MNIST to USPS"}
DRAWS = 3


def translate(
    images: np.ndarray, network: keras.Model, target: str, noise: float, augment: bool
) -> np.ndarray:
    """Translated images, uint8.

    `noise` and `augment` are what the translator's own source images had; with either there are
    `DRAWS` translations of each image, one after the other: all of the first draw, all of the
    second...
    """
    draws = DRAWS if noise or augment else 1
    prepared = [prepare(images, target, noise, augment, seed) for seed in range(draws)]
    translated = network.predict(to_unit(np.concatenate(prepared)), batch_size=100, verbose=0)
    return from_unit(translated, "uint8")


def percent_right(true: np.ndarray, read: np.ndarray) -> np.ndarray:
    """100 for each digit that was read rightly, else 0."""
    return 100.0 * (read == true)


def label_flips(target: str, images: np.ndarray, labels: np.ndarray) -> dict:
    """What a classifier trained on the target reads in translated images, against their labels."""
    ceiling = train_classifier(*target_digits(target, "train"), seed=0)
    read = read_digits(ceiling, images)
    test, true = target_digits(target, "test")
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, read), 1)
    return {
        "kept_percent": round(float(100 * np.mean(read == labels)), 2),
        "confusion_label_by_read": confusion.tolist(),
        "classifier_on_target_percent": round(
            float(100 * np.mean(read_digits(ceiling, test) == true)), 2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=tuple(AUGMENTATIONS), required=True)
    parser.add_argument("--translator", help="preset of a SimGAN or CycleGAN, or none")
    parser.add_argument("--name", help="the translator's name in the table")
    parser.add_argument(
        "--noise", type=float, default=0.0, help="as in the translator's own training"
    )
    parser.add_argument(
        "--augment", action="store_true", help="as in the translator's own training"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=10_000, help="MNIST digits")
    parser.add_argument(
        "--validate", action="store_true", help="score on validation digits, keep nothing"
    )
    parser.add_argument("--out", type=Path, help="JSON file of the results")
    options = parser.parse_args()
    if bool(options.translator) != bool(options.name):
        parser.error("--translator PRESET and --name NAME go together.")
    out = options.out or transfer.RESULTS / f"transfer_digits_{options.target}.json"
    images, labels = source_digits(options.target, options.count)
    real = target_digits(options.target, "train")
    test = target_digits(options.target, "test")

    # An arm is images, labels and an augmentation.
    augmentation = AUGMENTATIONS[options.target]
    arms = {"synthetic": (images, labels, None), "augmented": (images, labels, augmentation)}
    kept = transfer.read(out)
    translators = kept.get("translators", {})
    if options.translator:
        network, sha256 = transfer.load_translator(options.translator)
        about = {"preset": options.translator, "noise": options.noise, "sha256": sha256}
        if options.augment:
            about["augment"] = True
        if not options.validate:
            translators[options.name] = transfer.check_name(out, options.name, about)
        translated = translate(images, network, options.target, options.noise, options.augment)
        draws = len(translated) // len(images)
        pairs = np.concatenate([translated, np.tile(images, (draws, 1, 1, 1))], axis=-1)
        tiled = np.tile(labels, draws)
        given = {
            options.name: (translated, tiled, None),
            f"{options.name} + augmented": (pairs, tiled, augment_pairs(options.target)),
        }

    def train(arm, seed):
        images, labels, augmentation = arm
        model = train_classifier(images, labels, seed, augmentation)
        return functools.partial(read_digits, model)

    if options.validate:
        scores = transfer_gain(
            given if options.translator else arms,
            target_digits(options.target, "validation"),
            percent_right,
            train=train,
            baseline=options.name or "synthetic",
            seeds=options.seeds,
            progress=False,
        )
        for arm, score in scores.items():
            print(f"{arm}: {score.mean} % of validation digits; seeds {score.seeds}", flush=True)
        return

    for name in translators:
        for row in (name, f"{name} + augmented"):
            if row in kept.get("predictions", {}):
                arms[row] = functools.partial(transfer.unfinished, out, name)
    if options.translator:
        arms |= given
    arms["real"] = (*real, None)
    transfer.score(
        out,
        arms,
        translators,
        test,
        percent_right,
        train,
        setting={
            "count": options.count,
            "steps": STEPS,
            "batch": BATCH,
            "real_images": len(real[0]),
        },
        seeds=options.seeds,
        lower_is_better=False,
    )
    if options.translator and "label_flips" not in translators[options.name]:
        flips = label_flips(options.target, translated[: len(labels)], labels)
        translators[options.name]["label_flips"] = flips
    results = transfer.read(out)
    results |= {
        "title": TITLES[options.target],
        "measure": "accuracy",
        "unit": "%",
        "translators": translators,
        "note": "`label kept` is how many of the translated digits a classifier trained on real "
        "labels (the ceiling, seed 0) reads as the source's label: a translator that turns a 4 "
        "into a fine 9 keeps no label. That classifier errs as well; in brackets its accuracy on "
        "the test digits.",
        "extra": {
            "label kept": {
                name: "{kept_percent:.1f} % ({classifier_on_target_percent:.1f} %)".format(
                    **about["label_flips"]
                )
                for name, about in translators.items()
                if "label_flips" in about
            }
        },
        "command": f"python benchmarks/transfer_digits.py --target {options.target}",
        "budget": f"{options.count} MNIST digits ({len(real[0])} real ones for the ceiling), "
        f"{STEPS} steps of {BATCH}, {options.seeds} seeds, tested on {len(test[0])} digits.",
    }
    transfer.write(out, results)
    transfer.write_page()
    print(transfer.table(results))


if __name__ == "__main__":
    main()
