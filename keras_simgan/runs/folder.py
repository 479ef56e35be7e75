"""The folder of a run: what it was begun with, and how far it is."""

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import keras

from keras_simgan import __version__
from keras_simgan.callbacks import Backup
from keras_simgan.data.files import ImageError, replacing
from keras_simgan.disk import FULL, remove_unfinished
from keras_simgan.presets import whole
from keras_simgan.presets.files import read_object, wrong_field
from keras_simgan.presets.run_preset import PRESET_FOLDER, RUN_FILE, RunError, preset_of
from keras_simgan.runs.options import TrainingOptions, flag, options_of, read_options, values_of

__all__ = ["PRESET_FOLDER", "RUN_FILE", "RunError", "RunFolder", "preset_of"]

BACKUP_FOLDER, SAMPLES_FOLDER = "backup", "samples"

Options = TypeVar("Options", bound=TrainingOptions)


class RunFolder(Generic[Options]):
    """The folder of a run that is started or resumed. Nothing is written before `record`.

    Args:
        path: The folder.
        model: The kind of model, as in `keras-simgan train MODEL`.
        options: The options of that command. Where `option(may_change=True)` is not said of one,
            the run must have been begun with the same.

    Attributes:
        path: The folder.
        options: The options.
        before: The options that the run was begun or last resumed with; `None` for a new one. Those
            that were not there yet when it was begun have their defaults.

    Raises:
        RunError: If the folder is not of a run of this model, or its run has other options.
    """

    def __init__(self, path: str | Path, model: str, options: Options):
        self.path, self.model, self.options = Path(path), model, options
        self.before = self._read()
        if self.before is None:
            return
        known = options_of(type(options))
        differing = [
            f"{flag(name)} was {getattr(self.before, name)}, is now {value}"
            for name, value in values_of(options).items()
            if not known[name].may_change and getattr(self.before, name) != value
        ]
        if differing:
            # As they are declared: those of every training first.
            declared = [field.name for field in dataclasses.fields(options) if field.name in known]
            shown = ", ".join(flag(name) for name in declared if known[name].may_change)
            raise RunError(
                f"The run in {str(self.path)!r} was begun with other options: "
                f"{'; '.join(differing)}. Give the same options to resume it (only {shown} may "
                "change), or choose a new folder."
            )

    def _read(self) -> Options | None:
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{str(self.path)!r} is a file; expected a folder for the run.")
        # A run that was killed while it began has left hidden files at most.
        if not self.path.exists() or all(p.name.startswith(".") for p in self.path.iterdir()):
            return None
        file = self.path / RUN_FILE
        if not file.is_file():
            raise RunError(
                f"{str(self.path)!r} is not the folder of a run: it has files, but no {RUN_FILE}. "
                "Choose a new folder."
            )
        try:
            run = read_object(file)
            model, values = run.get("model"), run.get("options")
            if not isinstance(model, str) or not model.isidentifier():
                raise wrong_field(file, "model", run, "the kind of model")
            if not isinstance(values, dict):
                raise wrong_field(file, "options", run, "an object of options")
            if model == self.model:
                return read_options(type(self.options), values)
        except (ValueError, TypeError) as error:
            raise RunError(
                f"{str(file)!r} is damaged, and the run cannot be resumed: {error} Choose a new "
                "folder."
            ) from error
        raise RunError(
            f"{str(self.path)!r} is the folder of a {model} run. Resume it with `keras-simgan "
            f"train {model}`, or choose a new folder."
        )

    @property
    def backup(self) -> Path:
        """The folder that `callbacks.Backup` keeps the state in."""
        return self.path / BACKUP_FOLDER

    @property
    def finished_epochs(self) -> int:
        """The epochs that a resumed training does not repeat."""
        return Backup.finished_epochs(self.backup)

    @property
    def kept(self) -> str:
        """What of the training there is, a sentence without its end."""
        kept = self.finished_epochs
        return f"{str(self.path)!r} keeps {f'the state of {kept} epochs' if kept else 'no state'}"

    @contextlib.contextmanager
    def full_disk_explained(self) -> Iterator[None]:
        """Inside this context a full disk makes a RunError that tells what is kept."""
        try:
            yield
        except (OSError, ImageError) as error:
            # Keras raises what it caught "from None".
            cause = error if isinstance(error, OSError) else error.__context__
            if getattr(cause, "errno", None) not in FULL:
                raise
            raise RunError(
                f"{error} {self.kept}. Make room, and start the same command again to go on."
            ) from error

    def record(self, train: Any, counts: dict[str, int]) -> None:
        """Writes `run.json`; from then on the folder is this run's. Clears up after one killed.

        Args:
            train: The data it trains on, with `image_shape` and `skipped`.
            counts: How many images there are, by what they are.
        """
        run: dict[str, Any] = {
            "model": self.model,
            "options": values_of(self.options),
            "image_shape": train.image_shape,
            "images": counts,
            "skipped": train.skipped,
            "versions": {"keras": keras.__version__, "keras_simgan": __version__},
            "backend": keras.config.backend(),
        }
        with self.full_disk_explained():
            with replacing(self.path / RUN_FILE, sync=True) as temporary:
                temporary.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
        whole.recover(self.path / PRESET_FOLDER)
        for folder in (self.path, self.backup, self.path / SAMPLES_FOLDER):
            remove_unfinished(folder)
