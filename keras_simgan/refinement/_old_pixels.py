"""Copies of images' pixels beside the images: what still shows them as they were."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import numpy as np

from keras_simgan.refinement._annotation_names import Names
from keras_simgan.refinement._source_images import SourceImages

_START = r"(?:iVBORw0K|\\?/9j\\?/|Qk|SUkq|TU0A|UklGR|R0lGOD)"  # of PNG, JPEG, BMP, TIFF, ...
# labelme prefers its `imageData` to the image.
_FIELD = re.compile(
    r'("imageData"\s*:\s*)"[^"]+"'
    r'|("(?:(?:image|img)_?(?:data|bytes|base64|b64)|thumbnail|preview)"\s*:\s*)'
    rf'"(?:data:image\\?/[\w.+-]+;base64,)?{_START}[^"]*"'
)
_PATH = re.compile(
    r'"(?:imagePath|image_path|file_?name|filename|image)"\s*:\s*"((?:[^"\\]|\\.)*)"'
)
_EMBEDDED = re.compile(rf'data:image\\?/(?!svg)[\w.+-]+;base64,|"{_START}[A-Za-z0-9+/\\]{{20}}')
_INDEXES_OF_PREVIEWS = ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db")
_CONTAINERS = (
    *(".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"),
    *(".h5", ".hdf5", ".mdb", ".lmdb", ".npz", ".parquet", ".arrow", ".feather", ".pkl", ".pickle"),
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv"),
    *(".psd", ".xcf", ".cr2", ".nef", ".arw", ".pdf"),
)


def empty_pixels(text: str, names: Names) -> tuple[str, int]:
    """Takes copies of the source's images out of a JSON text, as labelme has them.

    Args:
        text: The JSON.
        names: What the names in it mean.

    Returns:
        The text, with `null` for them, and their count. A picture that is not in the source is
        kept: the text has its only copy.
    """
    if not _FIELD.search(text):
        return text, 0
    stem = posixpath.basename(names.name).rpartition(".")[0]
    paths = [match.group(1) for match in _PATH.finditer(text)]
    if not names.images.of_stem(stem) and all(names.resolved(path) is None for path in paths):
        return text, 0
    return _FIELD.subn(lambda match: (match.group(1) or match.group(2)) + "null", text)


def is_old(name: str, source: Path, images: SourceImages) -> bool:
    """Whether a file is a cache of images as they were, that a trainer reads in their place.

    Such are Ultralytics' `a.npy` beside `a.jpg`, its `labels.cache`, and `Thumbs.db`.

    Args:
        name: The file, relative to the source.
        source: The source.
        images: The source's images.
    """
    folder, file = posixpath.split(name)
    stem, _, suffix = file.rpartition(".")
    if file.lower() in _INDEXES_OF_PREVIEWS:
        return True
    if suffix == "cache":
        with (source / name).open("rb") as opened:
            return opened.read(6) == b"\x93NUMPY"
    if suffix != "npy":
        return False
    if not any(posixpath.dirname(image) == folder for image, _ in images.of_stem(stem)):
        return False
    try:
        array = np.load(source / name, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        return False
    return array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] in (1, 3, 4)


def may_hold_pixels(name: str) -> bool:
    """Whether a file that is copied is an archive, video or the like, which may hold images.

    Args:
        name: The file.
    """
    return name.lower().endswith(_CONTAINERS)


def embeds_pixels(text: str) -> bool:
    """Whether there are pictures in a text.

    Args:
        text: The text.
    """
    return bool(_EMBEDDED.search(text))
