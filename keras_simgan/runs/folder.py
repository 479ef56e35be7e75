"""The folder of a run: what it was begun with, and how far it is."""

import json
from pathlib import Path
from typing import Any

import keras

from keras_simgan import __version__
from keras_simgan.data.files import replacing
from keras_simgan.data.unpaired import UnpairedDataset
from keras_simgan.presets.run_preset import PRESET_FOLDER, RUN_FILE, RunError, preset_of

__all__ = ["PRESET_FOLDER", "RUN_FILE", "RunError", "RunFolder", "preset_of"]

BACKUP_FOLDER = "backup"


class RunFolder:
    """The folder of a run that is started or resumed. Nothing is written before `record`.

    Args:
        path: The folder.
        model: The kind of model, as in `keras-simgan train MODEL`.
        options: The options of that command by name, without `out`.
        may_change: Options that need not be those the run was begun with, besides `epochs` and
            `tensorboard`.

    Attributes:
        path: The folder.
        options: The options, as they come back from `run.json`.
        before: The options that the run was begun or last resumed with; `None` for a new one.

    Raises:
        RunError: If the folder is not of a run of this model, or its run has other options.
    """

    def __init__(
        self,
        path: str | Path,
        model: str,
        options: dict[str, Any],
        may_change: tuple[str, ...] = (),
    ):
        self.path, self.model = Path(path), model
        self.options = json.loads(json.dumps(options))
        self.before = self._read()
        if self.before is None:
            return
        free = ("epochs", "tensorboard", *may_change)
        differing = [
            f"--{_option(name)} was {self.before.get(name)}, is now {value}"
            for name, value in self.options.items()
            if name not in free and self.before.get(name) != value
        ]
        if differing:
            shown = ", ".join(f"--{_option(name)}" for name in free)
            raise RunError(
                f"The run in {str(self.path)!r} was begun with other options: "
                f"{'; '.join(differing)}. Give the same options to resume it (only {shown} may "
                "change), or choose a new folder."
            )

    def _read(self) -> dict[str, Any] | None:
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{str(self.path)!r} is a file; expected a folder for the run.")
        if not self.path.exists() or not any(self.path.iterdir()):
            return None
        file = self.path / RUN_FILE
        if not file.is_file():
            raise RunError(
                f"{str(self.path)!r} is not the folder of a run: it has files, but no {RUN_FILE}. "
                "Choose a new folder."
            )
        try:
            run = json.loads(file.read_text(encoding="utf-8"))
            model, before = run["model"], dict(run["options"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{str(file)!r} is damaged. Choose a new folder.") from error
        if model != self.model:
            raise RunError(
                f"{str(self.path)!r} is the folder of a {model} run. Resume it with `keras-simgan "
                f"train {model}`, or choose a new folder."
            )
        return before

    @property
    def backup(self) -> Path:
        """The folder that `keras.callbacks.BackupAndRestore` keeps the state in."""
        return self.path / BACKUP_FOLDER

    @property
    def finished_epochs(self) -> int:
        """The epochs that a resumed training does not repeat."""
        state = self.backup / "training_metadata.json"  # written by BackupAndRestore
        return json.loads(state.read_text())["epoch"] if state.is_file() else 0

    def record(self, train: UnpairedDataset) -> None:
        """Writes `run.json`; from then on the folder is this run's.

        Args:
            train: The data it trains on.
        """
        run = {
            "model": self.model,
            "options": self.options,
            "image_shape": train.image_shape,
            "images": {"source": len(train.source), "target": len(train.target)},
            "skipped": train.skipped,
            "versions": {"keras": keras.__version__, "keras_simgan": __version__},
            "backend": keras.config.backend(),
        }
        with replacing(self.path / RUN_FILE) as temporary:
            temporary.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


def _option(name: str) -> str:
    return name.replace("_", "-")
