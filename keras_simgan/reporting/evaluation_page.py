"""The page of an evaluation: whether to train on the refined set, and why."""

from __future__ import annotations

import collections
import csv
from pathlib import Path

import cv2
import numpy as np

from keras_simgan.data.image_set import ImageSet
from keras_simgan.evaluation import Evaluation, verdict
from keras_simgan.evaluation.image_sample import GRADIENT_EDGES, GRAY_EDGES, ImageSample
from keras_simgan.ranges import from_unit
from keras_simgan.refinement.manifest import MANIFEST
from keras_simgan.reporting.chart import line_chart, step_chart
from keras_simgan.reporting.html import (
    Page,
    facts,
    gallery,
    paragraph,
    side_by_side,
    subheading,
    table,
)

GENERATOR = "keras-simgan evaluate"
_PAIRS, _EXTREMES, _REASONS = 8, 4, 5
_LONGEST = 256  # pixels; larger images are shrunk, so that the page stays small
_GRAYS_A_BIN = 8
_TO = "\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}"


def build(evaluation: Evaluation, run: str | Path | None = None) -> Page:
    """The page.

    Args:
        evaluation: What was measured.
        run: The folder of the training that made the refiner, for its loss curves.

    Returns:
        The page, to be written.

    Raises:
        ValueError: If `run` has no log.
    """
    decision = verdict(evaluation)
    page = Page(
        "Should you train on the refined images?",
        GENERATOR,
        "Synthetic images, the same after refinement, and real ones, measured and side by side.",
    )
    page.section(
        "The answer",
        paragraph(decision.sentence, "finding"),
        *(paragraph(remark) for remark in decision.remarks),
        paragraph(decision.rule, "note"),
    )
    page.section("The numbers", *_numbers(evaluation))
    heading = "Before and after"
    if evaluation.real is not None:
        heading = "Before, after, and the nearest real image"
    page.section(heading, *_pairs(evaluation))
    page.section("Worst and best", *_extremes(evaluation))
    page.section("Gray values and edges", side_by_side(*_charts(evaluation)))
    if run is not None:
        page.section("The training's losses", side_by_side(*losses(run)))
    if evaluation.manifest is not None:
        page.section("What was refined", *_refinement(*evaluation.manifest))
    page.section("How this page was made", facts(list(evaluation.facts.items())))
    return page


def _numbers(evaluation: Evaluation) -> list[str]:
    headers, rows = evaluation.table()
    # On a phone a cell breaks between the value and its interval only.
    rows = [[row[0], *(cell.replace(" to ", _TO) for cell in row[1:])] for row in rows]
    features = evaluation.facts["features"]
    counts = {name: f"{len(sample):,} {name}" for name, sample in _samples(evaluation).items()}
    blocks = [
        table(headers, rows, f"Estimates with 95 % intervals: {', '.join(counts.values())} images"),
        paragraph(
            f"Distances to the real images are computed on the features of {features!r}. The last "
            "column compares one half of the real images with the other: nothing can be nearer, "
            "but with half as many images the Frechet distance, precision and recall are a little "
            "worse there. The Frechet distance falls as images are added, so compare it between "
            "columns, not with numbers from elsewhere. The domain classifier is right half of the "
            "time where it cannot tell images from real ones. Precision is the share of images "
            "that look like a real one, recall the share of real images that one of them looks "
            "like. SSIM, 1 where nothing changed, and PSNR say how much of the synthetic image was "
            "kept, not how real it looks.",
            "note",
        ),
    ]
    if evaluation.transfer:
        seeds = len(evaluation.transfer.scores["refined"].seeds)
        values = "; ".join(
            f"{name} {', '.join(f'{value:.3g}' for value in score.seeds)}"
            for name, score in evaluation.transfer.scores.items()
        )
        blocks.append(
            paragraph(
                f"Each network was trained {seeds} times. Its scores by seed: {values}. Always "
                f"giving the same answer: {evaluation.transfer.chance:.3g} "
                f"{evaluation.transfer.unit}. The intervals tell how sure a score is for other "
                "real images, not for other trainings.",
                "note",
            )
        )
    return blocks


def _pairs(evaluation: Evaluation) -> list[str]:
    shown = range(min(_PAIRS, len(evaluation.paired)))
    text = f"{len(shown)} images, chosen at random."
    if evaluation.real is not None:
        text += (
            " The nearest real image is that of the nearest features; it is another scene, so look "
            "at texture, light and noise. These photos are inside this file: mind their licence "
            "before you pass it on (--reference makes a page without photos)."
        )
    return [
        paragraph(text),
        gallery(
            [_group(evaluation, index) for index in shown],
            [evaluation.originals.names[index] for index in shown],
        ),
    ]


def _extremes(evaluation: Evaluation) -> list[str]:
    scores = evaluation.scores
    if np.ptp(scores) == 0:
        return [paragraph(f"All images score the same, {scores[0]:.3g}: {evaluation.score_name}.")]
    scores = scores[evaluation.paired]
    order = np.argsort(scores, kind="stable")
    count = min(_EXTREMES, len(order) // 2)
    blocks = [paragraph(f"By {evaluation.score_name}; higher is better.")]
    for name, chosen in (("worst", order[:count]), ("best", order[::-1][:count])):
        captions = [
            f"{evaluation.originals.names[index]}, score {scores[index]:.3f}" for index in chosen
        ]
        groups = [_group(evaluation, index, with_nearest=False) for index in chosen]
        blocks += [subheading(f"The {name}"), gallery(groups, captions)]
    return blocks


def _group(
    evaluation: Evaluation, index: int, with_nearest: bool = True
) -> list[tuple[np.ndarray, str]]:
    after = evaluation.paired[index]
    images = [
        (_pixels(evaluation.originals, index), "synthetic"),
        (_pixels(evaluation.refined.images, after), "refined"),
    ]
    if with_nearest and evaluation.real is not None and evaluation.nearest is not None:
        nearest = evaluation.nearest[after]
        images.append((_pixels(evaluation.real.images, nearest), "nearest real"))
    return images


def _pixels(images: ImageSet, row: int) -> np.ndarray:
    image = from_unit(images[np.array([row])])[0]
    scale = _LONGEST / max(image.shape[:2])
    if scale < 1:
        size = [max(1, round(scale * side)) for side in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(*size[::-1], -1)
    return image


def _charts(evaluation: Evaluation) -> list[str]:
    samples = _samples(evaluation)
    grays = {
        name: _shares(sample.grays.reshape(-1, _GRAYS_A_BIN).sum(axis=1))
        for name, sample in samples.items()
    }
    steep = {name: _shares(sample.gradients) for name, sample in samples.items()}
    # The few steepest edges would leave all others a line at the left.
    end = max(int(np.searchsorted(np.cumsum(each), 99.0)) for each in steep.values()) + 1
    return [
        step_chart(
            grays,
            GRAY_EDGES[::_GRAYS_A_BIN] + 0.5,
            "How bright: gray values",
            "gray level of 255",
            "% of pixels",
        ),
        step_chart(
            {name: each[:end] for name, each in steep.items()},
            GRADIENT_EDGES[: end + 1],
            "How sharp: gradient magnitudes, 99 % of them",
            "levels of 255 a pixel",
            "% of pixels",
        ),
    ]


def _samples(evaluation: Evaluation) -> dict[str, ImageSample]:
    samples = {name: getattr(evaluation, name) for name in ("synthetic", "refined", "real")}
    return {name: sample for name, sample in samples.items() if sample is not None}


def _shares(counts: np.ndarray) -> np.ndarray:
    return 100 * counts / max(1, counts.sum())


def losses(run: str | Path) -> list[str]:
    """Charts of a training's losses, at most four curves each.

    Args:
        run: Its folder.

    Raises:
        ValueError: If it has no log of a finished epoch.
    """
    log = Path(run) / "log.csv"
    if not log.is_file():
        raise ValueError(
            f"There is no {str(log)!r}. Expected the folder of a training, --out of `keras-simgan "
            "train`."
        )
    try:
        with log.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), reader.fieldnames or ()
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{str(log)!r} is damaged: {error}. Leave out --run.") from error
    columns = {
        name: [_number(row[name]) for row in rows]
        for name in names
        if name not in ("epoch", "loss") and not name.startswith("val_")
    }
    named = [(name, values) for name, values in columns.items() if np.isfinite(values).any()]
    if not named:
        raise ValueError(f"{str(log)!r} has no finished epoch, or no losses. Leave out --run.")
    return [
        line_chart(
            {name.replace("_", " "): values for name, values in part},
            f"Training of {Path(run).name}" + (f", part {number}" if len(named) > 4 else ""),
            "epoch",
            "mean",
        )
        for number, part in enumerate(
            (named[start : start + 4] for start in range(0, len(named), 4)), start=1
        )
    ]


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:  # NA where nothing was measured
        return float("nan")


def _refinement(header: dict, lines: list[dict]) -> list[str]:
    counts = collections.Counter(line["action"] for line in lines)
    rows = [(f"files {action}", f"{count:,}") for action, count in sorted(counts.items())]
    for key, value in header.items():
        if key == "manifest" or value in (None, [], {}):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{name} {each}" for name, each in value.items())
        rows.append((key.replace("_", " "), _short(str(value))))
    reasons = [
        f"{line['input']}: {line['reason']}" for line in lines if line["action"] == "skipped"
    ]
    blocks = [paragraph(f"From {MANIFEST} beside the refined images.", "note"), facts(rows)]
    if reasons:
        more = f"; and {len(reasons) - _REASONS:,} more" if len(reasons) > _REASONS else ""
        blocks.append(paragraph(f"Skipped: {'; '.join(reasons[:_REASONS])}{more}."))
    return blocks


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
