"""The page of the demonstration, and the sentences that its numbers allow."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_simgan.data.gaze import vector_to_pitch_yaw
from keras_simgan.reporting.chart import line_chart
from keras_simgan.reporting.demo_results import DemoResults, angles, shifts
from keras_simgan.reporting.html import (
    Page,
    arrow,
    code,
    pair_gallery,
    paragraph,
    sheet,
    side_by_side,
    switch,
    table,
)
from keras_simgan.reporting.scores import score_tables

GENERATOR = "keras-simgan demo"
_SHEET_COLUMNS, _PAIRS, _MAGNIFIED = 6, 12, 3
_DIFFERENCE_GAIN = 2.0


def build(results: DemoResults) -> Page:
    """The report of the demonstration."""
    count = len(results.synthetic)
    page = Page(
        "Synthetic eyes, made realistic",
        GENERATOR,
        "A SimGAN refiner, trained on unlabelled photos, repaints rendered eyes. The gaze that "
        "each eye was rendered with stays its label.",
    )
    page.section(
        "Before and after",
        paragraph(f"The first {_sheet_size(count)} of {count} unseen eyes, none picked by hand."),
        side_by_side(
            _sheet(results.synthetic, "Synthetic: as rendered"),
            _sheet(results.refined, "Refined: the same eyes after the refiner"),
        ),
    )
    page.section(
        "What it means for a gaze estimator",
        *(paragraph(sentence, "finding") for sentence in findings(results)),
        _error_table(results),
        _agreement_table(results),
    )
    page.section(
        "The label stays",
        paragraph(
            "The arrow is the gaze label, drawn from the centre of the iris, on both images the "
            "same: check that the refined eye still looks along it."
        ),
        switch("Show the gaze arrows"),
        _pairs(results),
    )
    page.section(
        "Magnified",
        paragraph(
            f"The third image shows the change: gray where nothing changed, {_DIFFERENCE_GAIN:g} "
            "times brighter or darker where the refiner did that."
        ),
        _magnified(results),
    )
    page.section("Losses", side_by_side(*_charts(results)))
    page.section("Recorded results on real photos", *_recorded(results.metadata))
    page.section(
        "Your own images",
        paragraph("Refine a folder of eyes, or train a refiner on two folders of your own:"),
        code(
            "keras-simgan refine simgan_eyes_36x60 renders/ refined/\n"
            "keras-simgan train simgan --source renders/ --target photos/ --out runs/mine"
        ),
        table(["what", "value"], list(results.facts.items()), "How this page was made"),
    )
    return page


def findings(results: DemoResults) -> list[str]:
    """Two sentences that follow from the numbers, whichever way they come out."""
    own, kept = results.error("synthetic", "synthetic"), results.error("refined", "refined")
    across, mean = results.error("synthetic", "refined"), results.mean_gaze_error
    if own > 0.7 * mean:
        verdict = "so short a training reads little gaze from either, and shows nothing about them"
    elif kept <= 1.15 * own:
        verdict = "the refined eyes still show the gaze that their labels say"
    elif kept < 0.5 * (own + mean):
        verdict = (
            f"the labels still fit, though the gaze is harder to read from the refined eyes, by "
            f"{kept - own:.1f}°"
        )
    else:
        verdict = "refining lost much of what the labels say"
    first = (
        f"Trained on refined eyes with the labels of their synthetic originals, an estimator finds "
        f"the gaze of unseen refined eyes to {kept:.1f}°; trained and tested on synthetic eyes its "
        f"twin comes to {own:.1f}°, and always answering the mean direction to {mean:.1f}°: "
        f"{verdict}."
    )
    gap = across - own
    if gap > 0.1 * own:
        second = (
            f"The estimator that knows synthetic eyes alone errs by {across:.1f}° on the refined "
            f"ones, {gap:.1f}° more than on its own kind, and training on refined eyes brings that "
            f"to {kept:.1f}°: looks matter to an estimator, but only real photos, below, can tell "
            "whether these looks are the right ones."
        )
    else:
        second = (
            f"The estimator that knows synthetic eyes alone errs by {across:.1f}° on the refined "
            f"ones, about as much as on its own kind ({own:.1f}°): to so small an estimator the "
            "change of looks makes little difference, and only real photos, below, can tell what "
            "it is worth."
        )
    return [first, second]


def summary(results: DemoResults) -> str:
    """The numbers in a line, for the terminal."""
    return (
        f"Gaze error on unseen eyes: {results.error('synthetic', 'synthetic'):.1f} degrees trained "
        f"and tested on synthetic eyes, {results.error('refined', 'refined'):.1f} on refined ones "
        f"(always the mean: {results.mean_gaze_error:.1f})."
    )


def _sheet_size(count: int) -> int:
    return min(6, count // _SHEET_COLUMNS or 1) * min(_SHEET_COLUMNS, count)


def _sheet(images: np.ndarray, name: str) -> str:
    shown = images[: _sheet_size(len(images))]
    columns = min(_SHEET_COLUMNS, len(shown))
    rows = [
        np.concatenate(list(shown[start : start + columns]), axis=1)
        for start in range(0, len(shown), columns)
    ]
    return sheet(np.concatenate(rows, axis=0), f"{name}, a sheet of {len(shown)} eyes", name)


def _captions(results: DemoResults, indices: range) -> list[str]:
    degrees = np.degrees(results.gaze)
    return [
        f"eye {index + 1}, gaze pitch {_signed(degrees[index, 0], 0)}, "
        f"yaw {_signed(degrees[index, 1], 0)}"
        for index in indices
    ]


def _signed(degrees: float, digits: int) -> str:
    rounded = round(float(degrees), digits) + 0.0  # no minus before a zero
    return f"{rounded:+.{digits}f}°".replace("-", "\N{MINUS SIGN}")


def _pairs(results: DemoResults) -> str:
    indices = range(min(_PAIRS, len(results.synthetic)))
    reach = 0.6 * results.synthetic.shape[2]
    overlays = [
        arrow(results.iris[index], results.iris[index] + reach * results.held_gaze[index, :2])
        for index in indices
    ]
    return pair_gallery(
        results.synthetic, results.refined, _captions(results, indices), overlays=overlays
    )


def _magnified(results: DemoResults) -> str:
    first = min(_PAIRS, max(0, len(results.synthetic) - _MAGNIFIED))
    indices = range(first, min(first + _MAGNIFIED, len(results.synthetic)))
    return pair_gallery(
        results.synthetic[first:],
        results.refined[first:],
        _captions(results, indices),
        difference_gain=_DIFFERENCE_GAIN,
        wide=True,
    )


def _error_table(results: DemoResults) -> str:
    kinds = ("synthetic", "refined")
    rows = [
        [f"{kind} eyes", *(f"{results.error(kind, tested):.2f}°" for tested in kinds)]
        for kind in kinds
    ]
    rows.append(["nothing: always the mean direction", *[f"{results.mean_gaze_error:.2f}°"] * 2])
    return table(
        ["trained on", "tested on synthetic", "tested on refined"],
        rows,
        f"Mean angular error on {len(results.synthetic)} unseen eyes of other people",
    )


def _agreement_table(results: DemoResults) -> str:
    change = np.abs(results.refined.astype("float32") - results.synthetic)
    moved = shifts(results.synthetic, results.refined)
    rows = [
        ["change of a pixel, mean", f"{change.mean():.1f} of 255 levels"],
        ["movement of the edges, median", f"{np.median(moved):.2f} pixels"],
    ]
    for kind in ("synthetic", "refined"):
        before, after = results.estimates[kind, "synthetic"], results.estimates[kind, "refined"]
        bias = np.degrees((vector_to_pitch_yaw(after) - vector_to_pitch_yaw(before)).mean(axis=0))
        rows.append(
            [
                f"angle between the gaze read before and after, trained on {kind}, mean",
                f"{angles(before, after).mean():.1f}°",
            ]
        )
        rows.append(
            [
                "of which the same in all eyes (pitch, yaw)",
                f"{_signed(bias[0], 1)}, {_signed(bias[1], 1)}",
            ]
        )
    return table(["between an eye and its refined image", "measured"], rows, "Label agreement")


def _charts(results: DemoResults) -> list[str]:
    charts = [
        line_chart(
            {
                f"{kind} eyes, {part}": results.curves[kind][part]
                for part in ("unseen", "training")
                for kind in results.curves
            },
            "The two gaze estimators, trained here",
            "epoch",
            "mean error in degrees",
        )
    ]
    losses = results.metadata.get("losses", {})
    named = {name: values for name, values in losses.items() if name != "loss"}
    if named:
        charts.append(
            line_chart(
                dict(list(named.items())[:4]),
                "The SimGAN itself, as recorded when it was trained",
                "epoch",
                "mean loss",
            )
        )
    return charts


def _recorded(metadata: dict[str, Any]) -> list[str]:
    scores = metadata.get("scores")
    blocks = [
        paragraph(
            "No real photos come with this package, so the runs above cannot test on them. What "
            "was measured on real photos when the preset was made:"
            if scores
            else "No real photos come with this package, and no results on them were recorded with "
            "this preset."
        )
    ]
    blocks += score_tables(scores or {})
    for key in ("description", "license"):
        if metadata.get(key):
            blocks.append(paragraph(f"{key.capitalize()}: {metadata[key]}", "note"))
    return blocks
