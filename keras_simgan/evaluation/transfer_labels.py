"""The labels that networks are trained to read: read, and refused before any image is read."""

from __future__ import annotations

import numpy as np

from keras_simgan.data._label_columns import from_text
from keras_simgan.data._label_file import read_label_file
from keras_simgan.data.labels import LabelError, read_labels
from keras_simgan.evaluation.image_folders import ImageFolder, ImageFolders
from keras_simgan.evaluation.sample_options import MINIMUM_IMAGES
from keras_simgan.evaluation.transfer_tasks import task_for


def read_transfer_labels(
    folders: ImageFolders, label: str, labels_encoding: str | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Reads a label of all images that are trained or tested on.

    Args:
        folders: The folders of the evaluation.
        label: The label's field.
        labels_encoding: What its files are written in; see `data.read_labels`.

    Returns:
        By kind of folder, and by the label's field, an array with a row for each of its images.

    Raises:
        LabelError: If the label is missing, or is neither gaze nor class.
    """
    tested = "test" if "test" in folders.of else "real"
    kinds = {"synthetic": "synthetic", "refined": "refined", "test": tested}
    labels = {}
    for name, kind in kinds.items():
        folder = folders.of[kind]
        fields = read_labels(folder.path, folder.names, labels_encoding=labels_encoding)
        if label not in fields:
            others = ", ".join(map(repr, fields))
            found = f"they are {others}" if fields else "there is no label file"
            raise LabelError(
                f"The {name} images have no label {label!r}: {found}. Labels are read from "
                f"labels.json or labels.csv at the top of {str(folder.path)!r}."
            )
        labels[name] = fields[label]
    try:
        task_for({name: known(each, name, label)[1] for name, each in labels.items()}, label)
    except LabelError as error:
        shown = [
            _example(folders.of[kinds[name]], values, labels_encoding)
            for name, values in labels.items()
        ]
        raise LabelError(f"{error} Found: {'; '.join(shown)}.") from error
    return {kinds[name]: {label: values} for name, values in labels.items()}


def known(values: np.ndarray, name: str, label: str) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose label is not missing, and their labels.

    Args:
        values: A row an image.
        name: What the images are called, for errors.
        label: What the label is called, for errors.

    Raises:
        LabelError: If there are fewer than `MINIMUM_IMAGES`.
    """
    is_known = np.ones(values.shape, bool)
    if values.dtype.kind == "f":
        is_known = ~np.isnan(values)
    elif values.dtype.kind == "U":
        is_known = values != ""
    rows = np.flatnonzero(is_known.reshape(len(values), -1).all(axis=1))
    if len(rows) < MINIMUM_IMAGES:
        raise LabelError(
            f"Of {len(values):,} {name} images {len(rows)} have a label {label!r}; expected at "
            f"least {MINIMUM_IMAGES}."
        )
    chosen = values[rows]
    # A class is a whole number, also where some are missing, which makes an array of floats.
    if len(rows) < len(values) and chosen.ndim == 1 and chosen.dtype.kind == "f":
        if (chosen == chosen.round()).all():
            chosen = chosen.astype("int64")
    return rows, chosen


def _example(folder: ImageFolder, values: np.ndarray, labels_encoding: str | None) -> str:
    """A value and where it is; of text the first that is no number, as that makes it text."""
    row = 0
    if values.dtype.kind == "U" and values.ndim == 1:
        words = (row for row, word in enumerate(values) if isinstance(from_text([word])[0], str))
        row = next(words, 0)
    file = read_label_file(folder.path, labels_encoding)
    assert file is not None  # it was read before
    place = file.by_name(folder.names).place(folder.names[row])
    return f"{values[row].tolist()!r} in {place} of {str(file.path)!r}"
