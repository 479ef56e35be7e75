"""The file that `transfer_gain` goes on from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.disk import replacing


class TransferResults:
    """What each finished training predicted, in memory and, with a path, in a JSON file.

    The file holds `setting`, `arms` (the fingerprints of the training sets that have one) and
    `predictions` (of each arm a list, one of each seed). Other keys are kept.

    Args:
        path: The file, or None.
        setting: What the predictions depend on, as JSON has it.

    Raises:
        ValueError: The file holds something else, or results of another setting.
    """

    def __init__(self, path: str | Path | None, setting: dict[str, Any]):
        self._path = None if path is None else Path(path)
        # As JSON gives it back: tuples are lists there.
        self._setting = json.loads(json.dumps(setting))
        self._kept = self._read()

    def of(self, arm: str) -> list[np.ndarray]:
        """The predictions of an arm, one array a seed."""
        return [np.array(predicted) for predicted in self._kept["predictions"].get(arm, [])]

    def check_arm(self, arm: str, data_fingerprint: str) -> None:
        """Raises ValueError where the arm's predictions are those of another training set."""
        if self._kept["arms"].get(arm, data_fingerprint) != data_fingerprint:
            raise ValueError(
                f"{self._path} holds results of another training set under the name {arm!r}. Give "
                "this arm another name, or name another file in `results`."
            )

    def add(self, arm: str, seed: int, predicted: np.ndarray, data_fingerprint: str | None) -> None:
        """Adds one training; the file is written whole or not at all."""
        # Read again, so that another process may have added other arms meanwhile.
        self._kept = self._read() if self._path else self._kept
        runs = self._kept["predictions"].setdefault(arm, [])
        runs[seed:] = [predicted.tolist()]
        if data_fingerprint:
            self._kept["arms"][arm] = data_fingerprint
        if self._path:
            with replacing(self._path) as temporary:
                temporary.write_text(json.dumps(self._kept) + "\n")

    def _read(self) -> dict:
        if self._path is None or not self._path.exists():
            return {"setting": self._setting, "arms": {}, "predictions": {}}
        try:
            kept = json.loads(self._path.read_text())
            setting = dict(kept["setting"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._path} does not hold results of `transfer_gain`. Name another file in "
                "`results`."
            ) from error
        differs = [
            f"{key} was {setting.get(key)!r} and is {self._setting.get(key)!r}"
            for key in sorted({*setting, *self._setting})
            if setting.get(key) != self._setting.get(key)
        ]
        if differs:
            raise ValueError(
                f"{self._path} holds results of another setting: {'; '.join(differs)}. Use the "
                "same setting, or name another file in `results`."
            )
        return {"arms": {}, "predictions": {}, **kept}


def fingerprint(*arrays: np.ndarray) -> str:
    """The SHA-256 of the arrays' values, shapes and types."""
    digest = hashlib.sha256()
    for array in map(np.ascontiguousarray, arrays):
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
