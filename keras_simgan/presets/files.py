"""Reading the files of a folder that a stranger may have made, or that may be damaged."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

_LARGEST_JSON = 16 * 2**20  # the configuration of a network of a thousand layers is under 1 MiB


def regular_size(path: Path, largest: float = float("inf")) -> int:
    """The bytes of a regular file, or of the one that a link leads to.

    Pipes and devices have no end, and so are refused before they are opened.

    Args:
        path: The file.
        largest: The most bytes that it may have.

    Raises:
        ValueError: If it is missing, no regular file, empty, or larger.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ValueError(f"{str(path)!r} is missing ({error.strerror}).") from error
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(f"{str(path)!r} is no regular file; expected one.")
    if not found.st_size:
        raise ValueError(f"{str(path)!r} is empty.")
    if found.st_size > largest:
        raise ValueError(
            f"{str(path)!r} has {found.st_size:,} bytes; expected {int(largest):,} at most."
        )
    return found.st_size


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Args:
        path: The file.

    Raises:
        ValueError: If it is missing, no regular file, empty, huge, not JSON, or no object.
    """
    regular_size(path, _LARGEST_JSON)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ValueError(f"{str(path)!r} is damaged, or no JSON: {reason}.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{str(path)!r} must hold a JSON object, {{}}; found {_short(content)}.")
    return content


def wrong_field(path: Path, field: str, content: dict[str, Any], expected: str) -> ValueError:
    """The error for a field of a JSON file that is missing or of another kind.

    Args:
        path: The file.
        field: The field's name.
        content: What the file holds.
        expected: What should be there.
    """
    found = f"found {_short(content[field])}" if field in content else "it is missing"
    return ValueError(f"{str(path)!r}: `{field}` must be {expected}; {found}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
