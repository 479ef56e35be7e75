"""The manifest: what a refinement did with each file, as JSON lines."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from keras_simgan import disk
from keras_simgan.data.files import replacing
from keras_simgan.refinement.record import RefinementError

MANIFEST = "manifest.jsonl"


class Manifest:
    """`manifest.jsonl` of a destination.

    Its first line says what refined: preset, checksum of the weights, settings, versions. Each
    other line is about one file: input, output, action, checksums, scores, reason. Lines are
    appended as the files are finished; at the end they are sorted by name, so that two
    refinements of one data set can be compared byte by byte.

    Args:
        folder: The destination.
        header: The first line.
        goes_on: Whether to add to the file that an earlier run left; otherwise it is begun anew.

    Attributes:
        path: The file.
        appended: Whether lines were added, so that it is to be sorted.
    """

    def __init__(self, folder: Path, header: dict, goes_on: bool):
        self.path = folder / MANIFEST
        self._header, self._goes_on = header, goes_on
        self._file: IO[str] | None = None
        self.appended = False

    def append(self, lines: Iterable[dict]) -> None:
        """Adds lines.

        Args:
            lines: One for each file.

        Raises:
            RefinementError: If they cannot be written.
        """
        try:
            if self._file is None:
                self._file, self.appended = self._opened(), True
            self._file.writelines(json.dumps(line) + "\n" for line in lines)
            self._file.flush()
        except OSError as error:
            raise RefinementError(
                f"Cannot write {str(self.path)!r}: {error.strerror}. What is finished stays; run "
                "again to go on."
            ) from error

    def _opened(self) -> IO[str]:
        # Begun as a new file, lest a link that somebody put here is written through.
        with disk.replacing(self.path) as temporary, temporary.open("w+b") as file:
            if self._goes_on and self.path.is_file() and not self.path.is_symlink():
                disk.copy_regular(self.path, file)
            # A killed run may leave half a line at the end.
            end = file.tell()
            file.seek(max(0, end - 2**16))
            tail = file.read()
            if not file.truncate(end - len(tail) + tail.rfind(b"\n") + 1):
                file.seek(0)
                file.write(json.dumps(self._header).encode() + b"\n")
        return self.path.open("a", encoding="utf-8")

    def finish(self, lines: Iterable[str]) -> None:
        """Replaces the file by its final, sorted form, whole or not at all.

        Args:
            lines: All lines in their order, as JSON.
        """
        self.close()
        with replacing(self.path) as temporary, temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(self._header) + "\n")
            file.writelines(line + "\n" for line in lines)

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            # What a full disk did not take is in the record too.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def is_manifest(path: Path) -> bool:
    """Whether a file is the manifest of a refinement, by its first line.

    Args:
        path: The file.
    """
    try:
        with disk.open_regular(path) as file:
            header = json.loads(file.readline(2**20))
    except (OSError, ValueError):
        return False
    return isinstance(header, dict) and "manifest" in header


def read_manifest(path: str | Path) -> tuple[dict, list[dict]]:
    """Reads a manifest.

    Args:
        path: The file, or the folder that holds it.

    Returns:
        The header, and a dictionary for each file.

    Raises:
        ValueError: If the file is missing, or is no manifest.

    Example:
        >>> import numpy as np
        >>> from keras_simgan import data, networks, refinement
        >>> data.write_folder("renders", np.zeros((2, 36, 60, 1), "uint8"))
        >>> refiner = networks.Refiner((36, 60, 1), filters=4, blocks=1)
        >>> report = refinement.refine_dataset(refiner, "renders", "refined", progress=False)
        >>> header, files = refinement.read_manifest("refined")
        >>> [file["output"] for file in files if file["action"] == "refined"]
        ['000000.png', '000001.png']
    """
    path = Path(path)
    path = path / MANIFEST if path.is_dir() else path
    try:
        header, *lines = map(json.loads, disk.read_regular(path).decode().splitlines())
        if not isinstance(header, dict) or "manifest" not in header:
            raise ValueError("its first line does not say so")
    except FileNotFoundError as error:
        raise ValueError(f"There is no {str(path)!r}. `refine_dataset` writes it.") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(path)!r} is no manifest of a refinement: {error}") from error
    return header, lines
