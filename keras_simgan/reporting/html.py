"""The pieces of a report: one HTML file, its style and images inside, no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from keras_simgan.data.files import replacing

_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


class Page:
    """A page of sections, written as one file.

    Args:
        title: Heading of the page.
        generator: What makes the page; `made_by` recognises it.
        lead: A sentence or two below the heading.

    Example:
        >>> page = Page("Eyes", "demo")
        >>> page.section("Numbers", table(["measure", "value"], [["error", "4.2"]], "Errors"))
        >>> page.html().count("<h2")
        1
    """

    def __init__(self, title: str, generator: str, lead: str = ""):
        self.title = title
        self.generator = generator
        self.lead = lead
        self._sections: list[tuple[str, str]] = []

    def section(self, heading: str, *blocks: str) -> None:
        """Adds a section.

        Args:
            heading: Its heading, plain text.
            *blocks: HTML; `paragraph` and the other functions of this module make it.
        """
        self._sections.append((heading, "\n".join(blocks)))

    def html(self) -> str:
        """The whole page."""
        sections = "\n".join(
            f'<section aria-labelledby="s{number}">\n<h2 id="s{number}">{escape(heading)}</h2>\n'
            f"{content}\n</section>"
            for number, (heading, content) in enumerate(self._sections, start=1)
        )
        contents = "".join(
            f'<li><a href="#s{number}">{escape(heading)}</a></li>'
            for number, (heading, _) in enumerate(self._sections, start=1)
        )
        return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{_generator(self.generator)}
<title>{escape(self.title)}</title>
<style>
{_STYLE}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header>
<h1>{escape(self.title)}</h1>
<p class="lead">{escape(self.lead)}</p>
<nav aria-label="Contents"><ul>{contents}</ul></nav>
</header>
<main id="main">
{sections}
</main>
</body>
</html>
"""

    def write(self, path: str | Path) -> None:
        """Writes the page whole or not at all.

        Args:
            path: The file; one that exists is replaced.
        """
        with replacing(path) as temporary:
            temporary.write_text(self.html(), encoding="utf-8")


def made_by(path: str | Path, generator: str) -> bool:
    """Whether a file is a page of this generator."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return _generator(generator) in file.read(2000)


def _generator(generator: str) -> str:
    return f'<meta name="generator" content="{escape(generator)}">'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is a class of the style: `finding` or `note`."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def image_tag(image: np.ndarray, alt: str) -> str:
    """An image inside the page.

    Args:
        image: uint8, shape `(height, width, 1 or 3)`, RGB order.
        alt: What it shows, for those who do not see it.

    Returns:
        An `<img>` with the PNG as its address.
    """
    height, width, channels = image.shape
    encoded = cv2.imencode(".png", image[..., ::-1] if channels == 3 else image)[1]
    data = base64.b64encode(encoded.tobytes()).decode("ascii")
    return (
        f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" '
        f'alt="{escape(alt)}">'
    )


def pair_gallery(
    before: np.ndarray,
    after: np.ndarray,
    captions: Sequence[str],
    names: tuple[str, str] = ("synthetic", "refined"),
    overlays: Sequence[str] | None = None,
    difference_gain: float | None = None,
    wide: bool = False,
) -> str:
    """Images before and after, side by side, magnified to the page's width.

    Args:
        before: uint8 images, shape `(n, height, width, 1 or 3)`.
        after: Images of the same shape.
        captions: One for each pair, plain text.
        names: What the two are called.
        overlays: For each pair, SVG elements in pixel coordinates that are drawn on both.
        difference_gain: When given, a third image shows `gray + gain (after - before)`.
        wide: Whether each pair takes the whole width.

    Returns:
        A grid of figures.
    """
    groups = []
    size = before.shape[2], before.shape[1]
    for index in range(len(captions)):
        drawn = _overlay(overlays[index], size) if overlays else ""
        group = [(before[index], names[0], drawn), (after[index], names[1], drawn)]
        if difference_gain is not None:
            change = after[index].astype("float32") - before[index]
            changed = np.clip(128 + difference_gain * change, 0, 255).astype("uint8")
            group.append((changed, "what changed", ""))
        groups.append(group)
    return _gallery(groups, captions, wide)


def gallery(
    groups: Sequence[Sequence[tuple[np.ndarray, str]]], captions: Sequence[str], wide: bool = False
) -> str:
    """Images in groups, those of a group side by side, magnified to the page's width.

    Args:
        groups: For each group its images, uint8 of shape `(height, width, 1 or 3)`, and the name
            below each.
        captions: One for each group, plain text.
        wide: Whether each group takes the whole width.

    Returns:
        A grid of figures.

    Example:
        >>> image = np.zeros((36, 60, 1), "uint8")
        >>> gallery([[(image, "synthetic"), (image, "refined")]], ["eye 1"]).count("<img")
        2
    """
    return _gallery([[(*item, "") for item in group] for group in groups], captions, wide)


def _gallery(groups, captions: Sequence[str], wide: bool) -> str:
    figures = []
    for group, caption in zip(groups, captions, strict=True):
        tiles = "".join(
            f'<div class="tile"><div class="picture">{image_tag(image, f"{name}: {caption}")}'
            f"{drawn}</div><span>{escape(name)}</span></div>"
            for image, name, drawn in group
        )
        figures.append(
            f'<figure><div class="tiles">{tiles}</div>'
            f"<figcaption>{escape(caption)}</figcaption></figure>"
        )
    kind = "gallery wide" if wide else "gallery"
    return f'<div class="{kind}">{"".join(figures)}</div>'


def _overlay(elements: str, size: tuple[int, int]) -> str:
    # Half a pixel: a pixel's coordinate is its centre, and SVG's is its corner.
    return (
        f'<svg class="overlay" viewBox="-0.5 -0.5 {size[0]} {size[1]}" aria-hidden="true">'
        f"{elements}</svg>"
    )


def arrow(start: np.ndarray, end: np.ndarray) -> str:
    """An arrow between two points `(x, y)` in pixels, for an overlay."""
    start, end = np.asarray(start, "float64"), np.asarray(end, "float64")
    along = end - start
    length = np.hypot(*along)
    path = f"M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"
    if length > 1e-6:
        along /= length
        across = np.array([-along[1], along[0]])
        barb = min(3.0, length)
        for side in (1, -1):
            tip = end - barb * along + side * 0.6 * barb * across
            path += f"M{end[0]:.1f} {end[1]:.1f}L{tip[0]:.1f} {tip[1]:.1f}"
    return f'<path class="halo" d="{path}"/><path class="arrow" d="{path}"/>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """What is known, a line each, which wraps where the screen is narrow.

    Args:
        pairs: What, and its value; plain text.

    Returns:
        A list of terms and descriptions.
    """
    lines = "\n".join(
        f"<div><dt>{escape(str(what))}</dt><dd>{escape(str(value))}</dd></div>"
        for what, value in pairs
    )
    return f'<dl class="facts">\n{lines}\n</dl>'


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table of plain text; the first cell of each row is its heading.

    Args:
        headers: One for each column.
        rows: Cells.
        caption: What the table says.

    Returns:
        The table, in a frame that scrolls where the screen is narrow.
    """
    head = "".join(f'<th scope="col">{escape(str(cell))}</th>' for cell in headers)
    body = "\n".join(
        f'<tr><th scope="row">{escape(str(row[0]))}</th>'
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}">'
        f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody></table></div>"
    )
