"""What a refinement has written into its destination, so that a later run can go on from there."""

import hashlib
import json
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock: there two runs do not exclude each other
    fcntl = None

JOURNAL = ".keras_simgan_refine.jsonl"


class RefinementError(ValueError):
    """A refinement that cannot go on. The message says why, and the way out."""


class Journal:
    """The record of one destination folder, and the lock on it.

    The file begins with a line that names the refiner by the checksum of its weights. Before files
    are written a line says so; after each one a line tells the size and time of its input and
    output. So whatever moment a run is killed at, the next one knows which files are finished,
    which are half done and its own, and which belong to somebody else.

    Args:
        folder: The destination; made when missing.
        checksum: Of the refiner's weights.
        overwrite: Whether to start anew where the record names another refiner.

    Raises:
        RefinementError: If another run has the lock, the record names another refiner, or it
            cannot be read or written.
    """

    def __init__(self, folder: Path, checksum: str, overwrite: bool = False):
        self.folder, self.path = folder, folder / JOURNAL
        self._finished: dict[str, dict] = {}
        self._begun: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise RefinementError(f"Cannot write to {str(folder)!r}: {error.strerror}.") from error
        try:
            self._lock()
            self._read(checksum, overwrite)
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        try:
            if fcntl:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefinementError(
                f"Another run is refining into {str(self.folder)!r}. Wait for it, or choose "
                "another destination."
            ) from error

    def _read(self, checksum: str, overwrite: bool) -> None:
        self._file.seek(0)
        content = self._file.read()
        # A killed run may leave half a line at the end, and what it was about was not done.
        whole = content[: content.rfind("\n") + 1]
        self._file.truncate(len(whole.encode()))
        header: dict = {}
        try:
            for line in map(json.loads, whole.splitlines()):
                if "refiner" in line:
                    header = line
                elif "begun" in line:
                    self._begun.update(line["begun"])
                    for name in line["begun"]:
                        self._finished.pop(name, None)
                else:
                    self._finished[line["finished"]] = line
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RefinementError(
                f"The record {str(self.path)!r} is damaged. Remove it, and either empty the "
                "destination or pass `overwrite=True`."
            ) from error
        if header and header["refiner"] != checksum:
            if not overwrite:
                raise RefinementError(
                    f"{str(self.folder)!r} was refined with other weights, of another model or "
                    f"direction (checksum {header['refiner'][:12]}, now {checksum[:12]}). Choose "
                    "another destination, or pass `overwrite=True` to refine everything anew."
                )
            # What the other refiner wrote remains known as the program's own, but not as finished.
            self._append({"refiner": checksum})
            self._append({"begun": sorted(self._finished)})
            self._finished.clear()
        elif not header:
            self._append({"refiner": checksum})

    def is_finished(self, name: str, source: Path) -> bool:
        """Tells whether a file was written from its present input, and is as it was written.

        Args:
            name: The file's name relative to the destination.
            source: Its input.

        Returns:
            Whether there is nothing left to do.
        """
        entry = self._finished.get(name)
        return (
            entry is not None
            and entry["input"] == fingerprint(source)
            and entry["output"] == fingerprint(self.folder / name)
        )

    def is_own(self, name: str) -> bool:
        """Tells whether a file in the destination was written by a refinement, whole or half.

        Args:
            name: The file's name relative to the destination.

        Returns:
            `False` where somebody else wrote the file, or changed it afterwards.
        """
        if name in self._finished:
            return self._finished[name]["output"] == fingerprint(self.folder / name)
        return name in self._begun

    def begin(self, names: list[str]) -> None:
        """Records that files are about to be written.

        Args:
            names: Their names relative to the destination.
        """
        self._append({"begun": names})

    def finish(self, name: str, input_fingerprint: list[int]) -> None:
        """Records that a file is written.

        Args:
            name: Its name relative to the destination.
            input_fingerprint: `fingerprint` of its input, taken before it was read.
        """
        output = fingerprint(self.folder / name)
        self._append({"finished": name, "input": input_fingerprint, "output": output})

    def _append(self, line: dict) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the record and gives the lock back."""
        self._file.close()


def fingerprint(path: Path) -> list[int] | None:
    """Returns a file's size in bytes and time of change, `None` where it is missing.

    Args:
        path: The file.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def weights_checksum(network) -> str:
    """Returns the SHA-256 of a network's weights, which does not depend on how they are stored.

    Args:
        network: A `keras.Model`.
    """
    digest = hashlib.sha256()
    for weight in network.get_weights():
        digest.update(f"{weight.shape}{weight.dtype}".encode())
        digest.update(weight.tobytes())
    return digest.hexdigest()
