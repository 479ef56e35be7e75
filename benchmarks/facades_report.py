"""Scores of translated facades, the page of them, and the sheet to look at."""

import json
import platform
import shlex
import sys
from importlib import metadata
from pathlib import Path

import cv2
import keras
import numpy as np
from facades_pairs import LAST, SIZE, TRAIN, load_pairs, scaled

from keras_simgan import metrics

RESULTS = Path(__file__).parent / "results"
ROWS = range(0, 48, 8)  # of the sheet: every eighth validation pair from the first
RESAMPLES = 2000

PAGE = """# pix2pix on facades, beside plain PyTorch

Label colours to photos at 128x128, trained on pairs 1 to {train}, measured on the {count} pairs
{first} to {last}, which nothing was chosen by. All arms are one training each: U-Net of 32 filters
and 7 levels, discriminator of 32 filters and 3 layers, batch normalization, dropout 0.5, 20 epochs
with batches of one, Adam at 2e-4 with beta_1 0.5, falling to zero in the second half; the same
initial weights (seed 0), the same crops in the same order. (30 epochs were planned; they were cut
to 20 for want of time after eight to ten, while the rate was still constant and nothing scored.)
The arms:

    mean photo      of all training photos, for every label
    L1 alone        our U-Net, trained by 100 times the L1 loss
    plain PyTorch   pix2pix in a PyTorch loop, laid out and played as in the authors' code
    ours            `models.Pix2Pix`

Not the same in the last two: the draws of dropout, who plays first in a step (the authors'
discriminator, our generator; both turns see the same fakes), and where Adam adds epsilon.

L1 is in units of [-1, 1], beside it in pixel values of 0 to 255. `sharpness` is the mean length of
the gradient between neighbouring pixels, divided by that of the real photos. Kernel distance is on
the package's `small` features, {count} real and {count} made photos. Intervals are 95 %, by
bootstrap over the images (the kernel distance has its own): they tell how sure a number is for
other facades, not for other trainings.

Inference as the authors': dropout stays on, and each image is normalized by its own statistics.
`dropout off`: only the latter. `moving averages`: without dropout, normalized by the averages of
the training.

| arm | inference | L1 | of 255 | PSNR (dB) | SSIM | sharpness | kernel distance |
| --- | --- | --- | --- | --- | --- | --- | --- |
{rows}

- As the authors translate, ours and plain PyTorch do the same: L1 1.000 times PyTorch's (0.992 to
  1.009), nothing else apart by more than its interval. How far two trainings of the same code are
  apart was not measured.
- pix2pix is 2.3 times as sharp as L1 alone, as sharp as real photos, and by the kernel distance six
  times nearer to them. It costs 10 % of L1: a blurred photo is nearer to the true one, and even the
  mean photo is (the paper has no table of facades to compare with).
- Colours are muddy and windows frayed: 7,000 steps of a narrow network are less than a tenth of the
  authors' training, and its L1 was still falling.
- Dropout at inference changes next to nothing. Moving averages in place of an image's own
  statistics raise L1 by 5 % in PyTorch and 7 % in ours, and lower the kernel distance.

## Ours against the others

Ratios of means and mean differences, paired by image: ours divided by the other, ours minus the
other.

| other | inference | L1 ratio | PSNR difference | SSIM difference | sharpness ratio |
| --- | --- | --- | --- | --- | --- |
{compared}

## The same few steps

Largest differences between ours and plain PyTorch over five steps of one pair each, torch backend,
float32, from the same weights: U-Net of 8 filters and 7 levels, discriminator of 8 filters, no
dropout, our order of turns. Adam's epsilon is 1e-6, and for PyTorch what comes to the same: with
1e-8, weights whose gradient is rounding go either way, in PyTorch alone as well. The last column is
what rounding does there.

| largest difference of | ours and PyTorch | PyTorch in float32 and float64 |
| --- | --- | --- |
{parity}

Command: `KERAS_BACKEND={backend} {command}`.
Scored on {hardware}; trained there on one thread each, ours with the TensorFlow backend.
Python {python}, {versions}.
"""


def gradients(images: np.ndarray) -> np.ndarray:
    """The mean length of the gradient of each image, between neighbouring pixels, shape `(n,)`."""
    down = np.diff(images, axis=1)[:, :, :-1]
    right = np.diff(images, axis=2)[:, :-1]
    return np.hypot(down, right).mean(axis=(1, 2, 3))


def ratio(a: np.ndarray, b: np.ndarray) -> metrics.Estimate:
    """The mean of `a` by the mean of `b`, 95 % by bootstrap over images that both score."""
    draw = np.random.default_rng(0)
    rows = draw.integers(0, len(a), (RESAMPLES, len(a)))
    low, high = np.percentile(a[rows].mean(axis=1) / b[rows].mean(axis=1), [2.5, 97.5])
    return metrics.Estimate(float(a.mean() / b.mean()), float(low), float(high))


class Scores:
    """What is measured of one arm's photos.

    Args:
        made: Photos in [-1, 1], shape `(n, height, width, 3)`.
        real: The true ones.
        features: Of the true ones, by `extractor`.
        extractor: What the kernel distance is measured on.
    """

    def __init__(self, made: np.ndarray, real: np.ndarray, features: np.ndarray, extractor):
        made = np.clip(made, -1.0, 1.0)
        self.by_image = {
            "l1": abs(made - real).mean(axis=(1, 2, 3), dtype="float64"),
            "psnr": metrics.peak_signal_to_noise(made, real),
            "ssim": metrics.structural_similarity(made, real),
            "gradient": gradients(made),
        }
        self.mean = {
            name: metrics.Estimate.of_mean(self.by_image[name]) for name in ("l1", "psnr", "ssim")
        }
        self.mean["sharpness"] = ratio(self.by_image["gradient"], gradients(real))
        self.mean["kernel_distance"] = metrics.KernelDistance()(features, extractor(made))

    def row(self, arm: str, way: str) -> str:
        """A line of the table."""
        l1, psnr, ssim, sharpness, distance = self.mean.values()
        return (
            f"| {arm} | {way} | {l1} | {127.5 * l1.value:.1f} | {psnr} | {ssim} | {sharpness} | "
            f"{distance} |"
        )

    def to_json(self) -> dict:
        """All numbers."""
        return {
            "mean": {name: [each.value, each.low, each.high] for name, each in self.mean.items()},
            "by_image": {name: np.round(each, 5).tolist() for name, each in self.by_image.items()},
        }


def report(
    made: dict[str, dict[str, np.ndarray]], parity: dict[str, list[float]], sheet: Path
) -> None:
    """Scores all arms and writes the page, its numbers, and the sheet.

    Args:
        made: Photos in [-1, 1] for the 50 validation labels, by way of inference and arm.
        parity: By name the largest differences after a few steps, between ours and plain PyTorch,
            and between the latter in two precisions.
        sheet: Where the sheet goes.
    """
    labels, photos = load_pairs("validation", SIZE)
    real = scaled(photos)
    mean = scaled(load_pairs("train", SIZE)[1]).mean(axis=0)
    made = {"": {"mean photo": np.repeat(mean[None], len(real), axis=0)}, **made}
    extractor = metrics.feature_extractor("small")
    features = extractor(real)
    scores = {
        (arm, way): Scores(images, real, features, extractor)
        for way, arms in made.items()
        for arm, images in arms.items()
    }
    compared = [
        f"| {name} | {way} | {ratio(ours['l1'], other['l1'])} | "
        f"{metrics.Estimate.of_mean(ours['psnr'] - other['psnr'])} | "
        f"{metrics.Estimate.of_mean(ours['ssim'] - other['ssim'])} | "
        f"{ratio(ours['gradient'], other['gradient'])} |"
        for way in list(made)[1:]
        for name in ("plain PyTorch", "L1 alone")
        for ours, other in [(scores["ours", way].by_image, scores[name, way].by_image)]
    ]
    page = PAGE.format(
        train=TRAIN,
        first=TRAIN + 1,
        last=LAST,
        count=LAST - TRAIN,
        rows="\n".join(each.row(*key) for key, each in scores.items()),
        compared="\n".join(compared),
        parity="\n".join(
            f"| {name} | {apart:.1e} | {rounding:.1e} |"
            for name, (apart, rounding) in parity.items()
        ),
        command=shlex.join(["python", "benchmarks/facades.py", *sys.argv[1:]]),
        backend=keras.config.backend(),
        hardware=_processor(),
        versions=", ".join(
            f"{name} {metadata.version(name)}" for name in ("keras", "torch", "tensorflow", "numpy")
        ),
        python=platform.python_version(),
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "facades.md").write_text(page)
    numbers = {
        "scores": {
            f"{arm}, {way}" if way else arm: s.to_json() for (arm, way), s in scores.items()
        },
        "parity": parity,
    }
    (RESULTS / "facades.json").write_text(json.dumps(numbers) + "\n")
    columns = {"label": scaled(labels), "real": real, **made[""], **made["dropout on"]}
    draw_sheet(columns, sheet)
    print(page)


def draw_sheet(columns: dict[str, np.ndarray], path: Path, scale: int = 2) -> None:
    """Writes a picture of one column per name and a row for some of the images.

    Args:
        columns: Images in [-1, 1], shape `(n, 128, 128, 3)`, by what to write above them.
        path: A png file.
        scale: Pixels a pixel.
    """
    rows = [np.concatenate([images[row] for images in columns.values()], axis=1) for row in ROWS]
    grid = np.rint((np.concatenate(rows).clip(-1, 1) + 1) * 127.5).astype("uint8")
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    head = np.full((28, grid.shape[1], 3), 255, "uint8")
    for number, name in enumerate(columns):
        place = (number * SIZE * scale + 6, 20)
        cv2.putText(head, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1, cv2.LINE_AA)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate([head, grid])[..., ::-1])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor() or "unknown processor"
