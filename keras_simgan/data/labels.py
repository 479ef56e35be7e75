"""Labels that lie beside images: `labels.csv` or `labels.json` in the folder, by file name."""

import difflib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data._label_columns import from_text, to_array, with_vectors
from keras_simgan.data._label_file import LABEL_FILES, LabelError, LabelFile, read_label_file
from keras_simgan.data.files import ImageError, replacing
from keras_simgan.data.images import write_image
from keras_simgan.data.listing import list_images

_SEARCHED = 10_000  # rows among which a misspelled name is looked for


def read_folder(
    folder: str | Path,
    label_folders: Sequence[str] | None = None,
    label_patterns: Sequence[str] | None = None,
    *,
    labels_encoding: str | None = None,
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Lists a folder's images and the labels beside them, as `read_labels` reads them.

    Args:
        folder: A folder of images.
        label_folders: See `list_images`.
        label_patterns: See `list_images`.
        labels_encoding: See `read_labels`.

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
    return names, read_labels(folder, names, labels_encoding=labels_encoding)


def read_labels(
    folder: str | Path, names: list[str], *, labels_encoding: str | None = None
) -> dict[str, np.ndarray]:
    r"""Reads the labels of the named images of a folder, which lie at its top.

    They are in `labels.csv`, with a header and the file names in the first column, its cells apart
    by commas (by semicolons or tabs where the header has no comma), or in `labels.json`,
    `{"name.png": {"gaze": [0.1, 0.2], "person": "p00"}, ...}`. UTF-8, UTF-16 and UTF-32 are told
    apart by what the file says.

    What a column holds is decided by all of its cells together:

    - Numbers, if each is plainly one, `12`, `-0.5`, `1e-05` or `inf`, or missing. A leading zero, a
      plus or an underscore makes names, not numbers; so does `1e5` among nothing but whole numbers,
      and a whole number of more digits than the array can hold. Without a missing value, whole
      numbers are `int64`.
    - Vectors of shape `(n, k)`, if each cell is a list of numbers, `[0.1, 0.2]` or `[0.1 0.2]`;
      nested lists likewise. Columns of numbers `gaze_0`, `gaze_1`, ... or `gaze[0]`, `gaze[1]`, ...
      become one column of vectors `gaze`, if none is missing from 0 on and there is no column
      `gaze` beside them.
    - Text otherwise, unchanged.

    Missing are empty cells, `nan`, `NA`, `N/A`, `null` and `None`: NaN in numbers and vectors, with
    a warning. In text only an empty cell is. In JSON the values have types; `null` is missing, text
    beside numbers makes all of them text.

    Args:
        folder: The folder whose top may hold `labels.csv` or `labels.json`.
        names: File names relative to the folder, with forward slashes. In the file a leading `./`
            and backslashes will do.
        labels_encoding: What the file is written in where that is not UTF-8 and the file does not
            say it, such as `"latin-1"`.

    Returns:
        A dictionary of arrays with one row per name, in the order of `names`. Empty where there is
        no label file.

    Raises:
        LabelError: If there are two label files, one cannot be decoded or parsed, an image has no
            label, two rows have one name, fields differ from row to row, or vectors in length.

    Example:
        >>> write_folder("photos", np.zeros((2, 36, 60, 1), "uint8"), names=["a.png", "b.png"])
        >>> _ = Path("photos/labels.csv").write_text(
        ...     "file,person,gaze_0,gaze_1\na.png,007,0.1,-0.2\nb.png,012,0,0.3\n"
        ... )
        >>> labels = read_labels("photos", ["a.png", "b.png"])
        >>> labels["person"].tolist(), labels["gaze"].tolist()
        (['007', '012'], [[0.1, -0.2], [0.0, 0.3]])
    """
    file = read_label_file(Path(folder), labels_encoding)
    if file is None:
        return {}
    file = file.by_name(names)
    _check_names(file, names)
    columns, missing = {}, []
    for field in file.rows[names[0]]:
        # Of all rows, as what a value is must not depend on which images are there.
        having = [name for name, row in file.rows.items() if field in row]
        values = [file.rows[name][field] for name in having]
        what = f"The field {field!r} in {str(file.path)!r}"
        array, lost = to_array(
            from_text(values) if file.is_csv else values, what, [file.place(n) for n in having]
        )
        row_of = {name: row for row, name in enumerate(having)}
        columns[field] = array[[row_of[name] for name in names]]
        without = {having[row] for row in lost}.intersection(names)
        if without:
            first = next(name for name in names if name in without)
            count = f"{len(without):,} of {len(names):,}"
            missing.append(f"{count} in {field!r} ({file.place(first)})")
    if missing:
        warnings.warn(
            f"{str(file.path)!r} lacks values: {', '.join(missing)}. They are NaN among numbers, "
            "empty in text.",
            stacklevel=2,
        )
    return with_vectors(columns) if file.is_csv else columns


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


def _check_names(file: LabelFile, names: list[str]) -> None:
    """Refuses images without a row and rows of other fields; warns of rows without an image."""
    path, rows = str(file.path), file.rows
    missing = [name for name in names if name not in rows]
    if missing and len(missing) == len(names):
        raise LabelError(
            f"No name in {path!r} matches an image: it names {_some(list(rows))}, the images "
            f"are {_some(names)}. Name the files relative to the folder, with their suffix."
        )
    if missing:
        known = set(names)
        unused = [name for name in rows if name not in known][:_SEARCHED]
        hint = ""
        if file.header and file.header[0] in known:
            hint = f"Its first line, {file.header}, is taken for the header: is that missing? "
        elif alike := difflib.get_close_matches(missing[0], unused, 1):
            hint = f"Is {alike[0]!r} ({file.place(alike[0])}) meant? "
        raise LabelError(
            f"{path!r} has no label for {len(missing)} of {len(names)} images: "
            f"{_some(missing)}. {hint}Add their rows, or take the images out."
        )
    for name in names:
        if rows[name].keys() != rows[names[0]].keys():
            raise LabelError(
                f"{path!r} gives {name!r} the fields {sorted(rows[name])}, but {names[0]!r} the "
                f"fields {sorted(rows[names[0]])}; expected the same for all."
            )
    without_image = len(rows) - len(names)
    if without_image:
        warnings.warn(
            f"{without_image} of {len(rows)} labels in {path!r} belong to no image in use.",
            stacklevel=3,
        )


def _some(names: list[str], count: int = 3) -> str:
    shown = ", ".join(repr(name) for name in names[:count])
    return shown + (", ..." if len(names) > count else "")
