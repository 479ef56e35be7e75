"""What is to be said once at the end of a run, however many files it is about."""

from __future__ import annotations

import warnings
from pathlib import Path

EMPTIED = (
    "{count} annotations held copies of images as they were before refining. They are null now: "
    "{names}."
)
OLD = (
    "{count} files were left out, as trainers read them in place of the images that they show as "
    "these were before refining: {names}."
)
MAY_HOLD = (
    "{count} files were copied that may show images as they were before refining: {names}. Do not "
    "train on what is in them."
)
UNSURE = (
    "{count} files were copied that may belong to images that were left out, by their names: "
    "{names}. Remove those that do."
)
_EXAMPLES = 3


class Remarks:
    """Counts the files that there is something to say of."""

    def __init__(self):
        self._files: dict[str, tuple[int, list[str]]] = {}

    def add(self, text: str, name: str) -> None:
        """Adds a file.

        Args:
            text: What to say: one of this module's texts.
            name: The file.
        """
        count, names = self._files.get(text, (0, []))
        self._files[text] = count + 1, [*names, name][:_EXAMPLES]

    def warn(self, source: Path) -> None:
        """Says all of it, each in one warning.

        Args:
            source: The folder the files lie in.
        """
        for text, (count, names) in self._files.items():
            shown = ", ".join(map(repr, names)) + (", ..." if count > len(names) else "")
            warnings.warn(f"{str(source)!r}: {text.format(count=count, names=shown)}", stacklevel=4)
