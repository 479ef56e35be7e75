"""The pieces of a report: one HTML file, its style and images inside, no script."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from keras_simgan.data.files import replacing
from keras_simgan.disk import open_regular, remove_unfinished
from keras_simgan.printable import printable

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
        return _TEMPLATES.get_template("page.html").render(
            title=self.title,
            generator=self.generator,
            lead=self.lead,
            sections=self._sections,
            style=_STYLE,
        )

    def write(self, path: str | Path) -> None:
        """Writes the page whole or not at all, and removes what a killed process left of one.

        Args:
            path: The file; one that exists is replaced.
        """
        html = self.html()
        remove_unfinished(Path(path).parent)
        with replacing(path) as temporary:
            temporary.write_text(html, encoding="utf-8")


def made_by(path: str | Path, generator: str) -> bool:
    """Whether a file is a page of this generator."""
    with open_regular(path) as file:
        return render("generator_tag", generator=generator).encode() in file.read(2000)


def render(macro: str, **values: Any) -> str:
    """HTML by a macro of `templates/blocks.html`, which escapes what it is given."""
    return str(getattr(_TEMPLATES.get_template("blocks.html").module, macro)(**values))


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is a class of the style: `finding` or `note`."""
    return render("paragraph", text=text, kind=kind)


def subheading(text: str) -> str:
    """A heading inside a section, plain text."""
    return render("subheading", text=text)


def code(text: str) -> str:
    """Lines to type, plain text."""
    return render("code", text=text)


def switch(text: str) -> str:
    """A checkbox that shows and hides the overlays of its section; `text` stands beside it."""
    return render("switch", text=text)


def side_by_side(*blocks: str) -> str:
    """Charts or sheets in columns, below each other where the screen is narrow."""
    return render("side_by_side", blocks=blocks)


def image_tag(image: np.ndarray, alt: str) -> str:
    """An image inside the page.

    Args:
        image: uint8, shape `(height, width, 1 or 3)`, RGB order.
        alt: What it shows, for those who do not see it.

    Returns:
        An `<img>` with the PNG as its address.
    """
    return render("image", pixels=image, alt=alt)


def sheet(image: np.ndarray, alt: str, caption: str) -> str:
    """A large image in a frame with a caption; the arguments are those of `image_tag`."""
    return render("sheet", pixels=image, alt=alt, caption=caption)


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
    figures = []
    for index, caption in enumerate(captions):
        overlay = overlays[index] if overlays else ""
        tiles = [(before[index], names[0], overlay), (after[index], names[1], overlay)]
        if difference_gain is not None:
            change = after[index].astype("float32") - before[index]
            changed = np.clip(128 + difference_gain * change, 0, 255).astype("uint8")
            tiles.append((changed, "what changed", ""))
        figures.append((tiles, caption))
    return render("gallery", figures=figures, wide=wide)


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

    Raises:
        ValueError: Another number of captions than of groups.

    Example:
        >>> image = np.zeros((36, 60, 1), "uint8")
        >>> gallery([[(image, "synthetic"), (image, "refined")]], ["eye 1"]).count("<img")
        2
    """
    figures = [
        ([(image, name, "") for image, name in group], caption)
        for group, caption in zip(groups, captions, strict=True)
    ]
    return render("gallery", figures=figures, wide=wide)


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
    return render("arrow", path=path)


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """What is known, a line each, which wraps where the screen is narrow.

    Args:
        pairs: What, and its value; plain text.

    Returns:
        A list of terms and descriptions.
    """
    return render("facts", pairs=pairs)


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table of plain text; the first cell of each row is its heading.

    Args:
        headers: One for each column.
        rows: Cells.
        caption: What the table says.

    Returns:
        The table, in a frame that scrolls where the screen is narrow.
    """
    return render("table", headers=headers, rows=rows, caption=caption)


def _png(image: np.ndarray) -> str:
    """A PNG file in base64."""
    encoded = cv2.imencode(".png", image[..., ::-1] if image.shape[-1] == 3 else image)[1]
    return base64.b64encode(encoded.tobytes()).decode("ascii")


_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("keras_simgan.reporting"),
    autoescape=True,
    # A name may hold what a browser obeys too, such as a change of the direction of writing.
    finalize=lambda value: printable(value, keep="\n") if type(value) is str else value,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["png"] = _png
