"""The log of a run."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import keras

from keras_simgan.data.files import replacing


class EpochLog(keras.callbacks.Callback):
    """Writes the logs of each epoch into a CSV file.

    Unlike that of `keras.callbacks.CSVLogger` it is whole at any moment, and has each epoch once,
    whatever epoch a training that was interrupted goes on from.

    Args:
        path: The file. What it holds of other epochs stays.

    Raises:
        ImageError: When called: it cannot be written, for a full disk, say.

    Example:
        >>> log = EpochLog("log.csv")
        >>> for epoch in (0, 1, 1):
        ...     log.on_epoch_end(epoch, {"loss": 0.5})
        >>> Path("log.csv").read_text().split()
        ['epoch,loss', '0,0.5', '1,0.5']
    """

    def __init__(self, path: str | Path):
        super().__init__()
        self.path = Path(path)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the file anew, with this epoch and those before.

        Args:
            epoch: The epoch, from 0.
            logs: Its numbers.
        """
        rows: list[dict[str, Any]] = [row for row in self._read() if int(row["epoch"]) < epoch]
        rows.append({"epoch": epoch, **{name: (logs or {})[name] for name in sorted(logs or {})}})
        columns = dict.fromkeys(name for row in rows for name in row)
        with replacing(self.path) as temporary:
            with temporary.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns, restval="NA", lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8", errors="replace") as file:
            rows = list(csv.DictReader(file))
        # Half a line is what a kill may have left of the logs of earlier versions.
        return [
            row
            for row in rows
            if (row.get("epoch") or "").isdigit() and None not in {*row, *row.values()}
        ]
