"""Files of labels: which one a folder has, its text, and its rows by file name.

What the values of a row are is told by `_label_columns`.
"""

import codecs
import csv
import io
import json
import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LABEL_FILES = ("labels.csv", "labels.json")


class LabelError(ValueError):
    """Labels that cannot be used. The message names the file and the way out."""


@dataclass(frozen=True)
class LabelFile:
    """The rows of a file.

    Attributes:
        path: The file.
        rows: By file name the values by field: text in a CSV file, what JSON has them as in a JSON
            file.
        lines: By file name the row's line; empty for a JSON file.
        header: The first line's cells; empty for a JSON file.
    """

    path: Path
    rows: dict[str, dict[str, Any]]
    lines: dict[str, int]
    header: list[str]

    @property
    def is_csv(self) -> bool:
        """Whether all values are text whose meaning is still to be found."""
        return self.path.suffix == ".csv"

    def place(self, name: str) -> str:
        """Where a row is, for messages.

        Args:
            name: Its file name.
        """
        return f"line {self.lines[name]}" if name in self.lines else f"{name!r}"

    def by_name(self, names: Collection[str]) -> "LabelFile":
        """The same with file names spelled as images have them: `./a.png` is `a.png`.

        Args:
            names: The images'.

        Raises:
            LabelError: If two rows are of one image.
        """
        known = set(names)
        spelled: dict[str, str] = {}
        for given in self.rows:
            name = given if given in known else _spelled(given)
            if name in spelled:
                raise LabelError(
                    f"{str(self.path)!r} names {name!r} twice: {self.place(spelled[name])} and "
                    f"{self.place(given)}."
                )
            spelled[name] = given
        return LabelFile(
            self.path,
            {name: self.rows[given] for name, given in spelled.items()},
            {name: self.lines[given] for name, given in spelled.items() if given in self.lines},
            self.header,
        )


def read_label_file(folder: Path, encoding: str | None) -> LabelFile | None:
    """Reads the file of labels at a folder's top; `None` where there is none.

    Args:
        folder: The folder.
        encoding: What it is written in, where the file does not say it itself.

    Raises:
        LabelError: If there are two, or it cannot be read.
    """
    paths = [path for file in LABEL_FILES if (path := folder / file).is_file()]
    if not paths:
        return None
    if len(paths) > 1:
        raise LabelError(
            f"The folder {str(folder)!r} holds both {LABEL_FILES[0]} and {LABEL_FILES[1]}. "
            "Keep one of them."
        )
    (path,) = paths
    text = _text(path, encoding)
    if path.suffix == ".json":
        return LabelFile(path, _read_json(path, text), {}, [])
    return _read_csv(path, text)


def _text(path: Path, encoding: str | None) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LabelError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    # By a byte order mark or by the zeros of UTF-16 and UTF-32, which no other text has.
    found = json.detect_encoding(content)
    used = encoding if encoding and found == "utf-8" else found
    try:
        return content.decode(codecs.lookup(used).name)
    except LookupError as error:
        raise LabelError(
            f"There is no text encoding {used!r}. Pass another as `labels_encoding` "
            '(--labels-encoding), such as "latin-1".'
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LabelError(
            f"{str(path)!r} is not in the encoding {used}: line {line} has the byte "
            f"0x{content[error.start]:02x}. Save it as UTF-8, or say what it is in, "
            '`labels_encoding="latin-1"` (--labels-encoding latin-1) for most of western Europe.'
        ) from error


def _read_csv(path: Path, text: str) -> LabelFile:
    lines = _csv_lines(path, text)
    _, header = next(lines, (0, []))
    fields = [field.strip() for field in header]
    while fields and not fields[-1]:  # commas at the end, as spreadsheet programs leave them
        fields.pop()
    if len(fields) < 2:
        raise LabelError(
            f"{str(path)!r} has the header {header}; expected a column of file names and at least "
            "one column of labels, separated by commas."
        )
    for field in fields[1:]:
        if not field or fields.count(field) > 1:
            raise LabelError(
                f"The header of {str(path)!r} has {'two columns' if field else 'a column without'} "
                f"{f'named {field!r}' if field else 'a name'}: {header}. Give each its own name."
            )
    rows: dict[str, dict[str, str]] = {}
    numbers: dict[str, int] = {}
    for number, cells in lines:
        if any(cells[len(fields) :]) or len(cells) < len(fields):
            raise LabelError(
                f"{str(path)!r} has {len(cells)} cells in line {number}; its header has "
                f"{len(fields)}, {fields}. A cell with a comma in it needs quotes around it, right "
                "after the comma before it."
            )
        name = cells[0]
        if name in rows:
            raise LabelError(
                f"{str(path)!r} names {name!r} twice: line {numbers[name]} and line {number}."
            )
        rows[name], numbers[name] = dict(zip(fields[1:], cells[1:], strict=False)), number
    return LabelFile(path, rows, numbers, header)


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that has any, and its number; that of its first, where it has more."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    others = [mark for mark in ";\t" if mark in header]
    delimiter = others[0] if "," not in header and len(others) == 1 else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise LabelError(
            f"{str(path)!r} is not a table in line {number}: {error}. A quote at the beginning of "
            "a cell needs one at its end."
        ) from error


def _read_json(path: Path, text: str) -> dict[str, dict]:
    def refuse_twice(pairs: list) -> dict:
        content = dict(pairs)
        if len(content) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise LabelError(f"{str(path)!r} has an object that names the key {twice!r} twice.")
        return content

    try:
        rows = json.loads(text, object_pairs_hook=refuse_twice)
    except LabelError:
        raise
    except (ValueError, RecursionError) as error:
        raise LabelError(f"{str(path)!r} is not valid JSON: {error}.") from error
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise LabelError(
            f"{str(path)!r} has another structure than expected: an object of file names, each "
            'with an object of labels, `{"name.png": {"gaze": [0.1, 0.2]}}`.'
        )
    return rows


def _spelled(name: str) -> str:
    return posixpath.normpath(name.strip().replace("\\", "/"))
