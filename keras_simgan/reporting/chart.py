"""Charts of a report, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

_SIZE = (640, 300)
_MARGIN = {"left": 56, "right": 16, "top": 12, "bottom": 44}


def line_chart(series: dict[str, Sequence[float]], caption: str, x_label: str, y_label: str) -> str:
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
    """
    count = max([2, *(len(values) for values in series.values())])
    positions = sorted({1, *(round(1 + (count - 1) * part / 4) for part in range(1, 5))})
    return _chart(
        {
            f"{name}: {_last(values):.3g} at the end": list(enumerate(values, start=1))
            for name, values in series.items()
        },
        (1, count),
        positions,
        caption,
        x_label,
        y_label,
    )


def step_chart(
    series: dict[str, Sequence[float]],
    edges: Sequence[float],
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
        >>> step_chart({"real": [0.25, 0.75]}, [0, 1, 2], "Grays", "level", "share").count("<path")
        2
    """
    for name, values in series.items():
        if len(values) != len(edges) - 1:
            raise ValueError(
                f"{len(edges)} edges make {len(edges) - 1} bins; {name!r} has {len(values)} values."
            )
    low, high = float(edges[0]), float(edges[-1])
    return _chart(
        {
            name: [
                point
                for left, right, value in zip(edges[:-1], edges[1:], values, strict=True)
                for point in ((left, value), (right, value))
            ]
            for name, values in series.items()
        },
        (low, high),
        [tick for tick in _ticks(low, high) if low <= tick <= high],
        caption,
        x_label,
        y_label,
    )


def _chart(
    curves: dict[str, list[tuple[float, float]]],
    x_range: tuple[float, float],
    x_ticks: Sequence[float],
    caption: str,
    x_label: str,
    y_label: str,
) -> str:
    """A figure of curves through points, by the text that explains each."""
    finite = [value for points in curves.values() for _, value in points if np.isfinite(value)]
    if not finite or len(curves) > 4:
        raise ValueError(
            f"A chart needs 1 to 4 curves with finite values; got {len(curves)} with "
            f"{len(finite)} values."
        )
    width, height = _SIZE
    left, bottom = _MARGIN["left"], height - _MARGIN["bottom"]
    ticks = _ticks(min(0.0, min(finite)), max(finite))
    low, high = ticks[0], ticks[-1]
    first, last = x_range

    def x(position: float) -> float:
        return left + (position - first) / (last - first) * (width - left - _MARGIN["right"])

    def y(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - _MARGIN["top"])

    grid = "".join(
        f'<line class="grid" x1="{left}" x2="{width - _MARGIN["right"]}" y1="{y(tick):.1f}" '
        f'y2="{y(tick):.1f}"/><text class="tick end" x="{left - 8}" y="{y(tick) + 4:.1f}">'
        f"{tick:g}</text>"
        for tick in ticks
    )
    grid += "".join(
        f'<text class="tick middle" x="{x(tick):.1f}" y="{bottom + 18}">{tick:g}</text>'
        for tick in x_ticks
    )
    drawn = "".join(
        f'<path class="curve c{number}" d="{_path(points, x, y)}"/>'
        for number, points in enumerate(curves.values(), start=1)
    )
    legend = "".join(
        f'<li><svg viewBox="0 0 28 8" aria-hidden="true"><path class="curve c{number}" '
        f'd="M1 4H27"/></svg>{escape(text)}</li>'
        for number, text in enumerate(curves, start=1)
    )
    return (
        f'<figure class="chart"><figcaption>{escape(caption)}</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(caption)}">{grid}'
        f'<text class="tick middle" x="{(left + width) / 2:.0f}" y="{height - 6}">'
        f"{escape(x_label)}</text>"
        f'<text class="tick middle" transform="translate(14 {bottom / 2:.0f}) rotate(-90)">'
        f'{escape(y_label)}</text>{drawn}</svg><ul class="legend">{legend}</ul></figure>'
    )


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most `low` to at least `high`, about five."""
    span = max(high - low, 1e-9)
    power = 10.0 ** np.floor(np.log10(span / 4))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if span / (factor * power) <= 5)
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return [float(f"{index * step:.10g}") for index in range(first, max(last, first + 1) + 1)]


def _path(points: Sequence[tuple[float, float]], x, y) -> str:
    parts, pen_down = [], False
    for position, value in points:
        if np.isfinite(value):
            parts.append(f"{'L' if pen_down else 'M'}{x(position):.1f} {y(value):.1f}")
        pen_down = bool(np.isfinite(value))
    return "".join(parts)


def _last(values: Sequence[float]) -> float:
    return next((value for value in reversed(list(values)) if np.isfinite(value)), float("nan"))
