"""Columns of labels: numbers, vectors or text, each decided by all of its values together."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_simgan.data._label_file import LabelError

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,299}")
_NUMBER = re.compile(
    r"-?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|-?inf(inity)?",
    re.ASCII | re.IGNORECASE,
)
_BARE_EXPONENT = re.compile(r"-?[0-9]+[eE][0-9]+")
_NAN = ("", "nan", "-nan")
_MISSING = (*_NAN, "na", "n/a", "#n/a", "<na>", "null", "none")
_WORD = re.compile(r"[^\s,\[\]]+")
_GAP = re.compile(r"(?<=[^\s\[])\s+(?=[^\s\]])")  # between two elements
_NUMBERED = re.compile(r"(.+?)(?:_(0|[1-9][0-9]{0,5})|\[(0|[1-9][0-9]{0,5})\])")


def from_text(cells: Sequence[str]) -> list[Any]:
    """The values that the cells of a column stand for: numbers, lists of them, or text.

    Args:
        cells: The cells.

    Returns:
        As many values, `None` where one is missing. Text is as it was.
    """
    words = [cell.strip() for cell in cells]
    return _numbers(words) or _vectors(words) or [cell or None for cell in cells]


def to_array(
    values: Sequence[Any], what: str, places: Sequence[str]
) -> tuple[np.ndarray, list[int]]:
    """A column as an array.

    Args:
        values: Numbers, text, truth values, `None`, or lists of these.
        what: The column, for errors.
        places: Of its rows, for errors.

    Returns:
        The array, with a row for each value, and the rows with a value missing: NaN in numbers,
        empty in text.

    Raises:
        LabelError: If lists have several shapes.
    """
    shape: tuple[int, ...] = ()
    flat = list(values)
    given = [row for row, value in enumerate(values) if value is not None]
    if given and all(isinstance(values[row], list) for row in given):
        arrays = {row: np.array(values[row], dtype=object) for row in given}
        shape = arrays[given[0]].shape
        for row, array in arrays.items():
            if array.shape != shape or any(isinstance(each, list) for each in array.flat):
                raise LabelError(
                    f"{what} differs in length: {places[row]} has {_short(values[row])}, "
                    f"{places[given[0]]} {_short(values[given[0]])}. Expected one length."
                )
        nothing = np.full(shape, None)
        flat = [each for row in range(len(values)) for each in arrays.get(row, nothing).flat]
    array, missing = _scalars(flat)
    lost = missing.reshape(len(values), -1).any(axis=1)
    return array.reshape(len(values), *shape), np.flatnonzero(lost).tolist()


def with_vectors(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns of numbers `gaze_0`, `gaze_1`, ... or `gaze[0]`, ... as one column of vectors `gaze`.

    Only where all are there, from 0 on, and no other column has the name.

    Args:
        columns: By field.
    """
    parts: dict[tuple[str, bool], dict[int, str]] = {}
    for field, values in columns.items():
        match = _NUMBERED.fullmatch(field)
        if match and values.ndim == 1 and values.dtype.kind in "if":
            base, plain, bracketed = match.groups()
            parts.setdefault((base, plain is None), {})[int(plain or bracketed)] = field
    members = {
        base: [fields[index] for index in range(len(fields))]
        for (base, _), fields in parts.items()
        if len(fields) > 1 and set(fields) == set(range(len(fields))) and base not in columns
    }
    base_of = {field: base for base, fields in members.items() for field in fields}
    merged: dict[str, np.ndarray] = {}
    for field, values in columns.items():
        name = base_of.get(field, field)
        if name not in merged:
            parts_of = members.get(name)
            merged[name] = np.stack([columns[f] for f in parts_of], axis=1) if parts_of else values
    return merged


def _numbers(words: list[str]) -> list[Any] | None:
    """Numbers, where all words are plainly numbers or missing."""
    try:
        values = [None if word.lower() in _MISSING else _number(word) for word in words]
    except ValueError:
        return None
    numbers = [word for word, value in zip(words, values, strict=True) if value is not None]
    bare = [word for word in numbers if _BARE_EXPONENT.fullmatch(word)]
    # 1e5 beside 0.5 is a number. Beside 12 it may be a name, which is lost as a number.
    if bare and all(word in bare or _WHOLE.fullmatch(word) for word in numbers):
        return None
    # Of names only, NA may be one too.
    if not numbers and any(word.lower() not in _NAN for word in words):
        return None
    return values if _are_exact(values) else None


def _number(word: str) -> float:
    if _WHOLE.fullmatch(word):
        return int(word)
    if not _NUMBER.fullmatch(word):
        raise ValueError(word)
    value = float(word)
    if math.isinf(value) and "inf" not in word.lower():
        raise ValueError(word)
    return value


def _vectors(words: list[str]) -> list[Any] | None:
    """Lists, where all words are lists of numbers or missing."""
    values = [None if word.lower() in _MISSING else _vector(word) for word in words]
    missing = [word for word, value in zip(words, values, strict=True) if value is None]
    is_sound = len(missing) < len(words) and all(word.lower() in _MISSING for word in missing)
    return values if is_sound else None


def _vector(word: str) -> list | None:
    """What `[0.1, 0.2]`, `(0.1, 0.2)` or `[0.1 0.2]`, as NumPy prints it, holds; else `None`."""
    text = word.replace("(", "[").replace(")", "]")
    if not text.startswith("["):
        return None
    if "," not in text:
        text = _GAP.sub(",", text)
    try:
        return json.loads(_WORD.sub(_json_number, text))
    except (ValueError, RecursionError):
        return None


def _json_number(match: re.Match) -> str:
    word = match[0]
    return "null" if word.lower() in _MISSING else json.dumps(_number(word))


def _scalars(values: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers where all are numbers or missing, else text; and which are missing."""
    if all(value is None or isinstance(value, int | float) for value in values):
        if _are_exact(values):
            numbers = [math.nan if value is None else value for value in values]
            # NumPy by itself makes floats of whole numbers of which only some need 64 bits.
            large = all(isinstance(n, int) for n in numbers) and max(numbers, default=0) >= 2**63
            array = np.array(numbers, dtype="uint64" if large else None)
            return array, np.isnan(array)
    missing = np.array([value is None for value in values])
    return np.array([_as_text(value) for value in values]), missing


def _are_exact(values: list[Any]) -> bool:
    """Whether an array holds all digits of whole numbers."""
    whole = [value for value in values if isinstance(value, int)]
    if len(whole) == len(values):
        return any(all(0 <= v - low < 2**64 for v in whole) for low in (0, -(2**63)))
    return all(abs(value) < 2**1023 and int(float(value)) == value for value in whole)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: list) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
