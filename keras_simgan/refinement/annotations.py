"""What becomes of a data set's files that are not images to refine: labels of all kinds."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keras_simgan.refinement._annotation_json import rewrite_json, rewrite_json_lines
from keras_simgan.refinement._annotation_markup import rewrite_xml, rewrite_yaml, xml_encoding
from keras_simgan.refinement._annotation_names import (
    Names,
    Unclear,
)
from keras_simgan.refinement._annotation_text import rewrite_csv, rewrite_list
from keras_simgan.refinement._left_out_names import LeftOutNames
from keras_simgan.refinement._old_pixels import embeds_pixels, empty_pixels
from keras_simgan.refinement._source_images import SourceImages

__all__ = ["Rewritten", "is_annotation", "rewrite_annotation"]

_FORMATS = {
    ".csv": rewrite_csv,
    ".tsv": rewrite_csv,
    ".json": rewrite_json,
    ".jsonl": rewrite_json_lines,
    ".lst": rewrite_list,
    ".txt": rewrite_list,
    ".xml": rewrite_xml,
    ".yaml": rewrite_yaml,
    ".yml": rewrite_yaml,
}
# The mark of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True)
class Rewritten:
    """An annotation as it is to be written.

    Attributes:
        content: Its bytes; None where the file is copied as it is.
        problem: Why it was left as it is, empty where it was not.
        emptied: How many copies of images' old pixels were taken out.
        left_out: How many images that were left out it still names.
        example: One of these.
        embeds: Whether there are pictures in it still.
    """

    content: bytes | None
    problem: str = ""
    emptied: int = 0
    left_out: int = 0
    example: str = ""
    embeds: bool = False


def is_annotation(name: str) -> bool:
    """Whether a file is of a format that `rewrite_annotations` knows.

    Args:
        name: The file.
    """
    return PurePosixPath(name).suffix.lower() in _FORMATS


def rewrite_annotation(
    name: str, content: bytes, source: str | Path, destination: str | Path, images: SourceImages
) -> Rewritten:
    r"""Makes of an annotation what it must be beside the refined images.

    It stays as it is, to the byte, but for three things:

    - Paths into the source, absolute or as the user typed it, become paths into the destination;
      in CSV, JSON, YAML (`path:` of YOLO's data.yaml), XML (`<path>` of Pascal VOC), and in texts
      that list images. Relative paths within the data set hold as they are.
    - Images that were left out are taken out where it is clear what belongs to them: rows of CSV,
      items and entries of JSON that name one in a field of their own, however deep, COCO's images
      with all that has their id, and lines of lists with the numbers below. Names may lack suffix
      or folder, and be in other case.
    - Copies of images' pixels in JSON (labelme's `imageData`) become `null`.

    What is not taken out keeps its formatting: line ends, quotes, indentation, encoding. XML is
    read in the encoding that it declares. No image is read.

    What still names images that were left out is said, with one of them.

    Args:
        name: The annotation's name relative to the source, with forward slashes.
        content: Its content.
        source: The folder it lies in, as the user typed it.
        destination: The folder it is copied to.
        images: The source's images.

    Example:
        >>> rows = b"file,person\r\na.png,1\r\nb.png,2\r\n"
        >>> images = SourceImages(kept=["b.png"], left_out=["a.png"])
        >>> rewrite_annotation("labels.csv", rows, "renders", "refined", images).content
        b'file,person\r\nb.png,2\r\n'
    """
    suffix = PurePosixPath(name).suffix.lower()
    names = Names(name, Path(source), Path(destination), images)
    text, problem, emptied, encoding = "", "", 0, "utf-8"
    try:
        mark, encoding = _encoding(content, suffix)
        text = new = content[len(mark) :].decode(encoding, _errors(encoding))
        if suffix in (".json", ".jsonl"):
            new, emptied = empty_pixels(text, names)
        new = _FORMATS[suffix](new, names)
        if new != text:
            # What the encoding lacks, XML writes as a number.
            errors = "xmlcharrefreplace" if suffix == ".xml" else "strict"
            errors = _errors(encoding, errors)
            if text.encode(encoding, _errors(encoding)) != content[len(mark) :]:
                raise Unclear(f"it is not valid {encoding}")
            content, text = mark + new.encode(encoding, errors), new
    except (Unclear, UnicodeError) as error:
        problem = (
            str(error) if isinstance(error, Unclear) else f"it is not valid {encoding} ({error})"
        )
        emptied = 0
    found, text = LeftOutNames(names), text or content.decode("utf-8", "replace")
    if names.drops:
        found.search(text, with_stems=True)
    return Rewritten(
        content, problem, emptied, found.count, found.example, embeds=embeds_pixels(text)
    )


def _encoding(content: bytes, suffix: str) -> tuple[bytes, str]:
    """The byte order mark of a text, which may be empty, and its encoding."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return mark, encoding
    # Two signs of ASCII without a mark, as JSON and XML begin.
    if len(content) > 3 and content[1] == content[3] == 0 != content[0] and content[2]:
        return b"", "utf-16-le"
    if len(content) > 3 and content[0] == content[2] == 0 != content[1] and content[3]:
        return b"", "utf-16-be"
    return b"", xml_encoding(content) if suffix == ".xml" else "utf-8"


def _errors(encoding: str, otherwise: str = "strict") -> str:
    # Bytes that are no UTF-8, such as names in Latin 1, come back as they were.
    return "surrogateescape" if encoding == "utf-8" else otherwise
