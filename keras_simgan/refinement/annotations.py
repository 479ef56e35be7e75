"""What becomes of a data set's files that are not images to refine: labels of all kinds."""

from __future__ import annotations

import codecs
import posixpath
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path, PurePosixPath

from keras_simgan.data.labels import LABEL_FILES
from keras_simgan.refinement._annotation_json import rewrite_json, rewrite_json_lines
from keras_simgan.refinement._annotation_names import (
    Names,
    Unclear,
    image_folders_of,
    suffixes,
)
from keras_simgan.refinement._annotation_text import (
    rewrite_csv,
    rewrite_list,
    rewrite_xml,
    rewrite_yaml,
)

__all__ = [
    "belongs_to_dropped",
    "is_annotation",
    "rewrite_annotations",
]

_FORMATS = {
    ".csv": rewrite_csv,
    ".tsv": rewrite_csv,
    ".json": rewrite_json,
    ".jsonl": rewrite_json_lines,
    ".txt": rewrite_list,
    ".xml": rewrite_xml,
    ".yaml": rewrite_yaml,
    ".yml": rewrite_yaml,
}
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def is_annotation(name: str) -> bool:
    """Whether a file is of a format that `rewrite_annotations` knows.

    Args:
        name: The file.
    """
    return PurePosixPath(name).suffix.lower() in _FORMATS


def belongs_to_dropped(
    name: str,
    dropped: Collection[str] | Callable[[str], bool],
    folders: Sequence[str] | None = None,
) -> bool:
    """Whether a file is the label of an image that was left out.

    That is a file of the image's name but for the suffix (`a.txt`, `a.xml`, `a.json`, a mask
    `a.png`), or of its whole name with one more (`a.png.json`). It lies beside the image, or in a
    folder of labels where the image lies in the folder above or in one such as `images`:
    `labels/train/a.txt` is the label of `images/train/a.png`. `labels.csv` and `labels.json` are
    labels of many images.

    Args:
        name: The file's name relative to the data set, with forward slashes.
        dropped: The names of images that were left out, or a function that tells of a name.
        folders: Names of folders of labels; `label_images.LABEL_FOLDERS` when left out.

    Example:
        >>> belongs_to_dropped("labels/a.txt", {"images/a.png"})
        True
    """
    is_dropped = dropped if callable(dropped) else dropped.__contains__
    folder, file = posixpath.split(name)
    if file in LABEL_FILES or "." not in file:
        return False
    stem = file.rpartition(".")[0]
    for place in (folder, *image_folders_of(folder, folders)):
        for suffix in ("", *suffixes()):
            image = posixpath.join(place, stem + suffix)
            if image != name and is_dropped(image):
                return True
    return False


def rewrite_annotations(
    name: str,
    content: bytes,
    source: str | Path,
    destination: str | Path,
    dropped: Collection[str] | Callable[[str], bool],
) -> bytes:
    r"""The content of an annotation, as it must be beside the refined images.

    It stays as it is, to the byte, but for two things:

    - Paths into the source, absolute or as the user typed it, become paths into the destination;
      in CSV, JSON, YAML (`path:` of YOLO's data.yaml), XML (`<path>` of Pascal VOC), and in texts
      that list images. Relative paths within the data set hold as they are.
    - Images that were left out are taken out: rows of CSV that name one, items of JSON, COCO's
      images with their annotations, and lines of lists. Names may be relative to the annotation, to
      a folder above it, or to a folder of images there.

    What is not taken out keeps its formatting: line ends, quotes, indentation, byte order mark.
    Files of other suffixes and texts that list no images are left alone. No image is read.

    Args:
        name: The annotation's name relative to the source, with forward slashes.
        content: Its content.
        source: The folder it lies in, as the user typed it.
        destination: The folder it is copied to.
        dropped: The names of images that were left out, or a function that tells of a name.

    Returns:
        The new content, or `content`.

    Warns:
        UserWarning: If the annotation is damaged or its structure not clear; it stays as it is.

    Example:
        >>> rows = b"file,person\r\na.png,1\r\nb.png,2\r\n"
        >>> rewrite_annotations("labels.csv", rows, "renders", "refined", {"a.png"})
        b'file,person\r\nb.png,2\r\n'
    """
    rewrite = _FORMATS.get(PurePosixPath(name).suffix.lower())
    if rewrite is None:
        return content
    mark = next((mark for mark in _MARKS if content.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "utf-8")
    # Bytes that are no UTF-8, such as names in Latin 1, come back as they were.
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    names = Names(name, Path(source), Path(destination), dropped)
    try:
        text = content[len(mark) :].decode(encoding, errors)
        new = rewrite(text, names)
        return content if new == text else mark + new.encode(encoding, errors)
    except (Unclear, UnicodeError) as error:
        reason = error if isinstance(error, Unclear) else f"it is not valid {encoding} ({error})"
        warnings.warn(
            f"The annotation {str(Path(source) / name)!r} was copied as it is: {reason}. Check "
            "whether it names images that were left out, or paths into the source.",
            stacklevel=2,
        )
        return content
