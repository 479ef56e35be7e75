"""What `transfer_eyes.py` and `transfer_digits.py` share: scoring, and the page of both.

Each of them keeps its results in JSON files, from which `results/transfer.md` is written: by each
of them at its end, or by hand, without any data:

    python benchmarks/transfer.py
"""

import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_simgan import __version__, presets
from keras_simgan.metrics import transfer_gain

RESULTS = Path(__file__).parent / "results"
PAGE = RESULTS / "transfer.md"
# In the order of the page.
FILES = (
    "transfer_eyes_path_traced.json",
    "transfer_eyes_renderer.json",
    "transfer_digits_mnist_m.json",
    "transfer_digits_usps.json",
)
BASELINES = ("synthetic", "augmented", "no GAN + augmented")

INTRODUCTION = """# Is a refined training set a better one?

The same small model is trained on several versions of one synthetic training set, with the same
number of steps, and tested on labelled real images:

    synthetic        the synthetic images as they are
    augmented        the same, augmented anew whenever shown, as one does without a GAN
    NAME             the same, refined or translated by the GAN of that name, which saw real
                     images without labels
    NAME + augmented  both together
    real             real training images with their labels: the ceiling
    no GAN           digits only, a control: what the GAN got, as it was, noise included. Its
                     `+ augmented` row is half such digits under the milder augmentation that
                     translated digits get, half `augmented`, as with every GAN

Scores are means over three seeds; `seeds` has each. Intervals are 95 %, bootstrapped over the test
images with each image's score averaged over the seeds, and paired where two rows are compared: they
tell how sure a difference is for other test images, not for other trainings. Where the interval
leaves out zero but the seeds of the two rows overlap, the row says so: then another three trainings
of the small model might order them the other way round. (Where nothing differs, three seeds all
beat three others with a chance of 1 in 20.) Of each GAN there is one training.
`metrics.transfer_gain` computes all of it.
"""

CONCLUSION = """## Did it help?

- **Path-traced eyes: SimGAN yes; GazeGAN probably; CycleGAN hardly.** SimGAN's refined eyes lower
  the error by 18.6 %, in each of its trainings; against augmentation its gain is within the
  interval, and what is better is the correlation with the true gaze and the spread between seeds.
  GazeGAN's translated eyes have the lowest error, and are the only ones better than augmentation,
  seed by seed too; but three trainings that overlap are no proof. It is the CycleGAN of the row
  above it with a frozen estimator that must see the same gaze (`gaze_weight=500`, chosen by its
  drift on other eyes). Without that part the same training is worse than augmentation, so it seems
  to be the guarded label that pays. Augmenting what was refined or translated helps CycleGAN and
  harms GazeGAN; why is not known. CycleGAN and GazeGAN were trained for 3,000 steps.
- **Eyes of our renderer: no.** Refining alone changes nothing; refined and augmented is better
  than synthetic, but over augmentation alone the gain is within the interval. The renderer's looks
  were worked out beside these photos, and it draws its own blur, noise and lighting: probably
  there is little left to refine.
- **MNIST to MNIST-M: CycleGAN yes, where each digit keeps its own colours.** With instance
  normalization it gives all digits one palette, whatever noise it is shown; its digits are worth
  no more than augmentation, and in the mixture it adds nothing to the same mixture without a GAN.
  Without normalization, and with augmented digits as the source (which of the two does it was not
  taken apart), its digits alone beat augmentation, in each training, and MNIST by 20.9 points; the
  target was 20. Here the mixture does no better. A classifier of real labels reads only half of
  these digits as what they are: of faint and noisy ones little is left. SimGAN's digits alone are
  worth no more than MNIST's, but in the mixture they add some points to its control, although they
  too have one palette, dark blue and pale pink. One training of each is no proof that another
  would do the same.
- **MNIST to USPS: CycleGAN yes, where the label is guarded; SimGAN no.** With a label consistency
  the mixture beats augmentation and its control, in each training; the translated digits alone do
  about as well as augmentation. Without it the same CycleGAN turns digits into others, and
  training on those is worse than plain augmentation. SimGAN makes things worse: it blurs strokes
  and leaves a faint mark in a corner of each digit. Probably it cannot do better here, for USPS
  differs in how digits fill the frame, while the refiner sees a few pixels around each pixel and
  must stay near its input. A classifier of real USPS reads its digits as badly as MNIST's own.

## The GANs

The eyes' CycleGAN and GazeGAN and the digits' SimGANs were trained once, in one variant each, and
taken as they were after their last epoch. One thing was decided by the sheet of samples, before any
scoring: SimGAN on USPS with seed 0 gave nothing but white (its tanh was saturated before the first
step and never moved), so seed 1 is the one scored. The control without a GAN was added after
SimGAN's mixture on MNIST-M had been scored, to see what the gain came from. "Own colours" was found
by its samples and by one seed on the validation digits (84 %), after the other rows of MNIST-M had
been scored; then it was trained once more by the command below, and scored once. The label
consistency is in it, too.

| row | training |
|---|---|
| eyes, path-traced: SimGAN | `train_eyes_refiner.py --source path_traced --out runs/path_traced` |
| eyes, path-traced: CycleGAN | `train_eyes_refiner.py --source path_traced --model cyclegan \
--filters 32 --batch-size 4 --epochs 3 --out runs/eyes_cyclegan` |
| eyes, path-traced: GazeGAN | `train_eyes_refiner.py --source path_traced --model gazegan \
--filters 32 --batch-size 4 --epochs 3 --out runs/eyes_gazegan` |
| eyes, renderer: SimGAN | the preset `simgan_eyes_36x60` |
| MNIST-M: CycleGAN, own colours | the preset `cyclegan_mnist_m_32` |
| MNIST-M: CycleGAN, label consistency | `train_digits_translator.py --target mnist_m \
--label-weight 1 --noise 0.5 --out runs/mnist_m_consistent` |
| MNIST-M: SimGAN | `train_digits_translator.py --target mnist_m --model simgan --filters 32 \
--blocks 4 --label-weight 1 --noise 0.5 --psi classifier --self-weight 0.2 --epochs 12 \
--out runs/mnist_m_simgan` |
| USPS: CycleGAN, label consistency | `train_digits_translator.py --target usps --label-weight 1 \
--epochs 5 --out runs/usps_consistent` |
| USPS: CycleGAN | `train_digits_translator.py --target usps --epochs 5 --out runs/usps_plain` |
| USPS: SimGAN | `train_digits_translator.py --target usps --model simgan --filters 32 --blocks 4 \
--label-weight 1 --self-weight 0.5 --epochs 6 --seed 1 --out runs/usps_simgan_1` |
"""


def load_translator(preset: str) -> tuple[keras.Model, str]:
    """The network of a preset that translates source to target, and its weights' SHA-256.

    `"none"` gives back its images: a control that tells the GAN's part in a gain from that of the
    noise and the augmentation that go with it.
    """
    if preset == "none":
        return keras.Sequential([keras.layers.Identity()]), "none"
    network = presets.load(preset, direction="source_to_target")
    weights = b"".join(each.tobytes() for each in network.get_weights())
    return network, hashlib.sha256(weights).hexdigest()


def read(out: Path) -> dict:
    """What a results file holds; nothing where there is none."""
    return json.loads(out.read_text()) if out.exists() else {}


def write(out: Path, results: dict) -> None:
    """Writes a results file, whole or not at all."""
    aside = out.with_suffix(".part")
    aside.write_text(json.dumps(results) + "\n")
    aside.replace(out)


def check_name(out: Path, name: str, about: dict) -> dict:
    """What is known of a translator; an end where the name stands for another one."""
    before = read(out).get("translators", {}).get(name, about)
    differs = [key for key in ("sha256", "noise", "augment") if before.get(key) != about.get(key)]
    if differs:
        sys.exit(
            f"{out} holds results under the name {name!r} of another translator: "
            + "; ".join(f"{key} {before.get(key)}, now {about.get(key)}" for key in differs)
            + ". Use another --name."
        )
    return {**about, **before}


def unfinished(out: Path, name: str) -> None:
    """Stands in for the arms of a translator that is not at hand; an end where it is needed."""
    sys.exit(f"{out} holds too few trainings of {name!r}. Give its --translator and --name.")


def score(
    out: Path,
    arms: dict,
    translators: dict[str, dict],
    test: tuple[np.ndarray, np.ndarray],
    measure: Callable,
    train: Callable,
    setting: dict,
    seeds: int,
    lower_is_better: bool,
) -> None:
    """Trains what is missing and writes the summary into the results file.

    Args:
        out: The results file.
        arms: See `metrics.transfer_gain`.
        translators: What is known of each; the arms `NAME` and `NAME + augmented` are theirs.
        test: The test images and labels.
        measure: See `metrics.transfer_gain`.
        train: See `metrics.transfer_gain`.
        setting: See `metrics.transfer_gain`.
        seeds: Of each arm.
        lower_is_better: Whether the measure is an error. Gains over a baseline are then percentages
            of its error; else differences.
    """

    def gains(arms, baseline):
        return transfer_gain(
            arms,
            test,
            measure,
            train=train,
            baseline=baseline,
            lower_is_better=lower_is_better,
            seeds=seeds,
            setting=setting,
            results=out,
        )

    # The file is there after this, so that what a name stands for is kept before it is trained on.
    gains({arm: arms[arm] for arm in BASELINES[:2]}, "synthetic")
    write(out, read(out) | {"translators": translators})
    scores = {baseline: gains(arms, baseline) for baseline in BASELINES if baseline in arms}
    summary = {}
    for arm, found in scores["synthetic"].items():
        over = {}
        for baseline, over_it in scores.items():
            if arm in BASELINES[: 1 + BASELINES.index(baseline)]:
                continue
            gain = over_it[arm].gain_percent if lower_is_better else over_it[arm].gain
            over[baseline] = _rounded(gain, 1 if lower_is_better else 2)
        seeds_means = [round(seed, 2) for seed in found.seeds]
        summary[arm] = {"mean": _rounded(found.mean, 2), "seeds": seeds_means, "over": over}
    write(
        out,
        read(out)
        | {
            "versions": f"keras {keras.__version__} on {keras.config.backend()}, keras_simgan "
            f"{__version__}, Python {platform.python_version()}",
            "hardware": f"{platform.machine()} CPU, {os.cpu_count()} cores",
            "summary": summary,
        },
    )


def _rounded(estimate, digits: int) -> list[float]:
    return [round(value, digits) for value in (estimate.value, estimate.low, estimate.high)]


def table(results: dict) -> str:
    """One results file as Markdown.

    Args:
        results: Beside what `score` keeps: `title`; `measure` and `unit` of the scores; `note`;
            `command` that measured them and `budget`; `extra`, of each further column what it
            says of some arms.

    Returns:
        A heading, the table and what makes it again.
    """
    lower_is_better = results["unit"] == "degrees"
    digits = 2 if lower_is_better else 1
    gain = "below {}, %" if lower_is_better else "over {}, points"
    extras = results.get("extra", {})
    baselines = [baseline for baseline in BASELINES if baseline in results["summary"]]
    head = [
        "trained on",
        f"{results['measure']}, {results['unit']} (95 % interval)",
        "seeds",
        *(f"{gain.format(baseline)} (95 % interval)" for baseline in baselines),
        *extras,
    ]
    lines = [f"## {results['title']}", "", _row(head), "|" + "---|" * len(head)]
    for arm, row in results["summary"].items():
        value, low, high = row["mean"]
        cells = [
            arm,
            f"**{value:.{digits}f}** ({low:.{digits}f} to {high:.{digits}f})",
            ", ".join(f"{seed:.{digits}f}" for seed in row["seeds"]),
        ]
        for baseline in baselines:
            cells.append("–")
            if baseline in row["over"]:
                value, low, high = row["over"][baseline]
                cells[-1] = f"{value:+.1f} ({low:+.1f} to {high:+.1f})"
                if low * high > 0 and _overlap(row["seeds"], results["summary"][baseline]["seeds"]):
                    cells[-1] += ", seeds overlap"
        cells += [extra.get(arm, "–") for extra in extras.values()]
        lines.append(_row(cells))
    lines += ["", results["note"], "", f"`{results['command']}`; {results['budget']}"]
    lines[-1] += f" {results['versions']}; {results['hardware']}."
    for name, translator in results["translators"].items():
        noise = f" --noise {translator['noise']:g}" if translator.get("noise") else ""
        augment = " --augment" if translator.get("augment") else ""
        options = f"--translator {translator['preset']}{noise}{augment} --name {shlex.quote(name)}"
        lines += ["", f"`{name}`: `{options}`"]
    return "\n".join([*lines, ""])


def _overlap(seeds: list[float], others: list[float]) -> bool:
    return max(min(seeds), min(others)) <= min(max(seeds), max(others))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def write_page() -> None:
    """Writes `results/transfer.md` from the results files."""
    files = [read(RESULTS / name) for name in FILES]
    # A file without a title is that of a first run that has not finished.
    tables = [table(results) for results in files if "title" in results]
    PAGE.write_text("\n".join([INTRODUCTION, CONCLUSION, *tables]))


if __name__ == "__main__":
    write_page()
