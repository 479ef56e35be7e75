"""Labels that lie beside images: `labels.csv` or `labels.json` in the folder, by file name."""

import csv
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data.files import ImageError, replacing
from keras_simgan.data.images import write_image
from keras_simgan.data.listing import list_images

LABEL_FILES = ("labels.csv", "labels.json")


class LabelError(ValueError):
    """Labels that cannot be used. The message names the file and the way out."""


def read_folder(
    folder: str | Path,
    label_folders: Sequence[str] | None = None,
    label_patterns: Sequence[str] | None = None,
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Lists a folder's images and the labels beside them.

    Labels are read from `labels.csv` (a header; the first column is the file name) or
    `labels.json` (`{"name.png": {"gaze": [0.1, 0.2], "person": "p00"}, ...}`) at the folder's top.

    Args:
        folder: A folder of images.
        label_folders: See `list_images`.
        label_patterns: See `list_images`.

    Returns:
        The images' names, relative to the folder and sorted, and a dictionary of arrays with one
        row per name, in that order; an empty dictionary where there is no label file.

    Raises:
        ImageError: If the folder is missing, or holds no image.
        LabelError: See `read_labels`.

    Example:
        >>> write_folder("eyes", np.zeros((2, 36, 60, 1), "uint8"), {"gaze": np.zeros((2, 2))})
        >>> names, labels = read_folder("eyes")
        >>> names, labels["gaze"].shape
        (['000000.png', '000001.png'], (2, 2))
    """
    names = list_images(folder, label_folders, label_patterns)
    return names, read_labels(folder, names)


def read_labels(folder: str | Path, names: list[str]) -> dict[str, np.ndarray]:
    """Reads the labels of the named images of a folder.

    Args:
        folder: The folder whose top may hold `labels.csv` or `labels.json`.
        names: File names relative to the folder, with forward slashes.

    Returns:
        A dictionary of arrays with one row per name, in the order of `names`: numbers where every
        value is a number, text otherwise. Empty where there is no label file.

    Raises:
        LabelError: If there are two label files, one cannot be parsed, an image has no label, two
            rows have one name, or fields differ from row to row.
    """
    paths = [path for file in LABEL_FILES if (path := Path(folder) / file).is_file()]
    if not paths:
        return {}
    if len(paths) > 1:
        raise LabelError(
            f"The folder {str(folder)!r} holds both {LABEL_FILES[0]} and {LABEL_FILES[1]}. "
            "Keep one of them."
        )
    path = paths[0]
    rows = _read_csv(path) if path.suffix == ".csv" else _read_json(path)
    missing = [name for name in names if name not in rows]
    if missing and len(missing) == len(names):
        raise LabelError(
            f"No name in {str(path)!r} matches an image: it names {_some(list(rows))}, the images "
            f"are {_some(names)}. Name the files relative to the folder, with their suffix."
        )
    if missing:
        raise LabelError(
            f"{str(path)!r} has no label for {len(missing)} of {len(names)} images: "
            f"{_some(missing)}. Add their rows, or take the images out."
        )
    without_image = len(rows) - len(names)
    if without_image:
        warnings.warn(
            f"{without_image} of {len(rows)} labels in {str(path)!r} belong to no image in use.",
            stacklevel=2,
        )
    return {field: _column(path, field, rows, names) for field in rows[names[0]]}


def write_folder(
    folder: str | Path,
    images: np.ndarray,
    labels: dict[str, np.ndarray] | None = None,
    names: list[str] | None = None,
) -> None:
    """Writes images and their labels (`labels.json`) as a folder that `read_folder` reads.

    Args:
        folder: Where to; made when missing. It must not hold any of the files yet.
        images: Shape `(n, height, width, channels)`, `uint8` or `uint16`.
        labels: Arrays with `n` rows, by field name.
        names: `n` file names; `000000.png`, `000001.png`, ... when left out.

    Raises:
        ImageError: If a file exists already, or an image cannot be written.
        LabelError: If labels or names have another number of rows than the images.
    """
    folder, images = Path(folder), np.asarray(images)
    labels = {field: np.asarray(values) for field, values in (labels or {}).items()}
    names = [f"{i:06d}.png" for i in range(len(images))] if names is None else list(names)
    arrays: dict[str, Any] = {"names": names, **{f"labels[{f!r}]": v for f, v in labels.items()}}
    for what, rows in arrays.items():
        if len(rows) != len(images):
            raise LabelError(
                f"`{what}` has {len(rows)} rows; expected {len(images)}, one an image."
            )
    for name in [*names, *LABEL_FILES]:
        if (folder / name).exists():
            raise ImageError(f"{str(folder / name)!r} exists already. Choose an empty folder.")
    for name, image in zip(names, images, strict=True):
        write_image(folder / name, image)
    if labels:
        rows = {
            name: {field: values[i].tolist() for field, values in labels.items()}
            for i, name in enumerate(names)
        }
        with replacing(folder / "labels.json") as temporary:
            temporary.write_text(json.dumps(rows), encoding="utf-8")


def _read_csv(path: Path) -> dict[str, dict]:
    # utf-8-sig: spreadsheet programs put a byte order mark before the header.
    reader = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    header, *lines = [line for line in reader if line] or [[]]
    if len(header) < 2:
        raise LabelError(
            f"{str(path)!r} has the header {header}; expected a column of file names and at least "
            "one column of labels, separated by commas."
        )
    rows = {}
    for number, line in enumerate(lines, start=2):
        if len(line) != len(header):
            raise LabelError(
                f"Row {number} of {str(path)!r} has {len(line)} fields; its header has "
                f"{len(header)}."
            )
        if line[0] in rows:
            raise LabelError(f"{str(path)!r} names {line[0]!r} twice (row {number}).")
        rows[line[0]] = dict(zip(header[1:], map(_number, line[1:]), strict=True))
    return rows


def _read_json(path: Path) -> dict[str, dict]:
    def refuse_twice(pairs: list) -> dict:
        content = dict(pairs)
        if len(content) != len(pairs):
            raise LabelError(f"{str(path)!r} has an object that names one key twice.")
        return content

    try:
        rows = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=refuse_twice)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LabelError(f"{str(path)!r} is not valid JSON: {error}.") from error
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise LabelError(
            f"{str(path)!r} has another structure than expected: an object of file names, each "
            'with an object of labels, `{"name.png": {"gaze": [0.1, 0.2]}}`.'
        )
    return rows


def _number(text: str) -> float | int | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _column(path: Path, field: str, rows: dict[str, dict], names: list[str]) -> np.ndarray:
    for name in names:
        if rows[name].keys() != rows[names[0]].keys():
            raise LabelError(
                f"{str(path)!r} gives {name!r} the fields {sorted(rows[name])}, but "
                f"{names[0]!r} the fields {sorted(rows[names[0]])}; expected the same for all."
            )
    values = [rows[name][field] for name in names]
    if any(isinstance(value, str) for value in values):
        values = [str(value) for value in values]
    try:
        return np.asarray(values)
    except ValueError as error:
        raise LabelError(
            f"The field {field!r} in {str(path)!r} differs in length from image to image; "
            "expected one shape."
        ) from error


def _some(names: list[str], count: int = 3) -> str:
    shown = ", ".join(repr(name) for name in names[:count])
    return shown + (", ..." if len(names) > count else "")
