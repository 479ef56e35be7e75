"""Charts of a report, drawn by matplotlib as SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from keras_simgan.reporting.html import render

Values = Sequence[float] | np.ndarray

# A small drawing, so that its text can still be read on a phone, where it fills the screen.
_INCHES = (5, 3)
# Four curves that differ without colours as well.
_COLORS = ("#0b5cad", "#b4440b", "#2c7a3f", "#7a3f9d")
_DASHES = (None, (8, 3), (2, 3), (10, 3, 2, 3))
_TEXT, _GRID = "#555d66", "#d9d6d0"
# What the page's style decides: its colours, which are others in the dark, and its font.
_BY_THE_PAGE = {
    **{color: f"var(--c{number}, {color})" for number, color in enumerate(_COLORS, start=1)},
    _TEXT: f"var(--soft, {_TEXT})",
    _GRID: f"var(--line, {_GRID})",
    "font-family: 'DejaVu Sans', sans-serif; ": "",
}
_STYLE: dict[str, Any] = {
    "axes.autolimit_mode": "round_numbers",
    "axes.labelcolor": _TEXT,
    "axes.xmargin": 0,
    "axes.ymargin": 0,
    "figure.facecolor": "none",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "grid.color": _GRID,
    "lines.scale_dashes": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "keras_simgan",
    "text.parse_math": False,
    "xtick.color": _TEXT,
    "xtick.major.size": 0,
    "ytick.color": _TEXT,
    "ytick.major.size": 0,
}


def line_chart(series: Mapping[str, Values], caption: str, x_label: str, y_label: str) -> str:
    """Curves over the counts 1, 2, 3..., as SVG.

    Args:
        series: Values by name, at most four curves. Values that are not finite leave gaps.
        caption: What the chart shows.
        x_label: What is counted.
        y_label: What the values are, with their unit.

    Returns:
        A figure.

    Raises:
        ValueError: No finite value, or more than four curves.

    Example:
        >>> chart = line_chart({"loss": [3.0, 2.0]}, "Training", "epoch", "mean")
        >>> "loss: 2 at the end" in chart
        True
    """
    count = max([2, *(len(values) for values in series.values())])

    def draw(axes: Axes, values: np.ndarray) -> Artist:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
        return axes.plot(np.arange(1, len(values) + 1), values)[0]

    named = {f"{name}: {_last(values):.3g} at the end": values for name, values in series.items()}
    return _chart(named, draw, (1, count), caption, x_label, y_label)


def step_chart(
    series: Mapping[str, Values],
    edges: Values,
    caption: str,
    x_label: str,
    y_label: str,
) -> str:
    """Histograms as lines of steps, as SVG.

    Args:
        series: For each name a value for each bin, at most four.
        edges: The bins' limits, rising, one more than there are bins.
        caption: What the chart shows.
        x_label: What the bins are of, with its unit.
        y_label: What the values are, with their unit.

    Returns:
        A figure.

    Raises:
        ValueError: No finite value, more than four series, or another number of values than bins.

    Example:
        >>> chart = step_chart({"real": [0.25, 0.75]}, [0, 1, 2], "Grays", "level", "share")
        >>> chart.startswith('<figure class="chart"><figcaption>Grays</figcaption><svg')
        True
    """
    for name, values in series.items():
        if len(values) != len(edges) - 1:
            raise ValueError(
                f"{len(edges)} edges make {len(edges) - 1} bins; {name!r} has {len(values)} values."
            )

    def draw(axes: Axes, values: np.ndarray) -> Artist:
        return axes.stairs(values, edges, baseline=None)

    return _chart(series, draw, (edges[0], edges[-1]), caption, x_label, y_label)


@matplotlib.style.context(["default", _STYLE])
def _chart(
    series: Mapping[str, Values],
    draw: Callable[[Axes, np.ndarray], Artist],
    x_range: tuple[float, float],
    caption: str,
    x_label: str,
    y_label: str,
) -> str:
    """A figure of what `draw` makes of each series, by the text that explains it."""
    curves = {text: np.asarray(values, "float64") for text, values in series.items()}
    finite = np.concatenate([values[np.isfinite(values)] for values in curves.values()] or [[]])
    if not finite.size or len(curves) > len(_COLORS):
        raise ValueError(
            f"A chart needs 1 to {len(_COLORS)} curves with finite values; got {len(curves)} with "
            f"{finite.size} values."
        )
    figure = Figure(_INCHES, layout="constrained")
    axes = figure.add_subplot(frameon=False, xlabel=x_label, ylabel=y_label)
    legend = []
    for number, (text, values) in enumerate(curves.items(), start=1):
        color, dashes = _COLORS[number - 1], _DASHES[number - 1]
        curve = draw(axes, np.where(np.isfinite(values), values, np.nan))
        curve.set(color=color, linestyle=(0, dashes), linewidth=1.5, gid=f"curve c{number}")
        # A clip path has an id, which every chart of a page would give again.
        curve.set_clip_on(False)
        pattern = ",".join(map(str, dashes)) if dashes else "none"
        legend.append((text, f"stroke: {_BY_THE_PAGE[color]}; stroke-dasharray: {pattern}"))
    axes.grid(axis="y", clip_on=False)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.update_datalim([(x_range[0], min(0.0, finite.min()))])
    axes.autoscale_view()
    axes.set_xlim(*x_range)
    return render("chart", svg=_svg(figure, caption), legend=legend, caption=caption)


def _svg(figure: Figure, label: str) -> str:
    """The drawing as an element of a page, in the page's colours."""
    file = io.StringIO()
    # Without date and version, so that equal charts are equal files.
    figure.savefig(
        file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    root = ElementTree.fromstring(file.getvalue())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # HTML knows SVG without its namespace
        if "id" in element.attrib:  # all charts have the same, and a page's must be unique
            element.set("class", element.attrib.pop("id"))
        for old, new in _BY_THE_PAGE.items():
            if "style" in element.attrib:
                element.set("style", element.attrib["style"].replace(old, new))
    for definitions in root.findall("defs"):  # a style that every SVG of the page would obey
        root.remove(definitions)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": label}
    return ElementTree.tostring(root, encoding="unicode")


def _last(values: Values) -> float:
    return next((value for value in reversed(list(values)) if np.isfinite(value)), float("nan"))
