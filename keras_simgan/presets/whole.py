"""Replacing a preset by another so that a kill at any moment leaves one of the two whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from keras_simgan.disk import check_room
from keras_simgan.presets.folder import METADATA
from keras_simgan.presets.weights_check import size_in_file


def replace(model: Any, folder: str | Path, **metadata: Any) -> None:
    """Writes a preset aside, and exchanges the folders when it is whole.

    Args:
        model: What has `save_to_preset`.
        folder: Where the preset goes.
        **metadata: As in `save_to_preset`.

    Raises:
        OSError: It cannot be written; the preset of before stays.
        ValueError: The weights are not finite, or too large for any sound training; likewise.
    """
    folder = Path(folder)
    aside, replaced = _beside(folder)
    shutil.rmtree(aside, ignore_errors=True)
    try:
        check_room(folder.parent, size_in_file(getattr(model, "variables", ())))
        model.save_to_preset(aside, **metadata)
    except (OSError, RuntimeError) as error:  # h5py raises either where the disk is full
        raise OSError(
            f"The preset cannot be written to {str(folder)!r}: {error}. What was there stays; make "
            "room and start again."
        ) from error
    finally:
        if not (aside / METADATA).exists():
            shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        os.rename(folder, replaced)
    os.rename(aside, folder)
    shutil.rmtree(replaced, ignore_errors=True)


def recover(folder: str | Path) -> None:
    """Takes up what a kill within `replace` left.

    Args:
        folder: Where the preset goes.
    """
    folder = Path(folder)
    for left in _beside(folder):
        # Ended between two renames: metadata come last, so that a folder with them is whole.
        if not folder.exists() and (left / METADATA).exists():
            os.rename(left, folder)
        shutil.rmtree(left, ignore_errors=True)


def _beside(folder: Path) -> tuple[Path, Path]:
    return folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
