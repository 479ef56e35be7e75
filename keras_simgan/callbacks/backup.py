"""The state of a training, kept so that a kill at any moment loses an epoch at most."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import keras

from keras_simgan.disk import check_room, remove_unfinished, replacing
from keras_simgan.presets.weights_check import not_finite, size_in_file

_STATE = re.compile(r"epoch_(\d+)\.weights\.h5")
_KEPT = 2


class Backup(keras.callbacks.Callback):
    """Keeps the state of a training after each epoch; a new `fit` goes on from the newest.

    What `keras.callbacks.BackupAndRestore` does, safe from `kill -9`, power cuts and full disks: a
    state is one file, weights, optimizers and the count of epochs together; it is written aside,
    flushed to the disk, and moved into its place when whole; the state before it stays. Where the
    newest cannot be read all the same, the one before is taken, with a warning that names both.
    Weights that are no longer finite never become a state.

    Args:
        folder: Where the states go, `epoch_0003.weights.h5` after three epochs. It stays when the
            training ends, so that it can be trained on with more epochs.

    Raises:
        OSError: When called: a state cannot be written, for a full disk, say; those before it stay.
        ValueError: When called: weights are not finite any more; the states before stay.
        ValueError: When called: there are states, and none can be read into this model, or a state
            of `BackupAndRestore`.

    Example:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.zeros((4, 1), "float32")
        >>> for epochs in (2, 3):
        ...     history = model.fit(x, x, epochs=epochs, verbose=0, callbacks=[Backup("backup")])
        >>> history.epoch, Backup.finished_epochs("backup")
        ([2], 3)
    """

    def __init__(self, folder: str | Path):
        super().__init__()
        self.folder = Path(folder)

    @classmethod
    def finished_epochs(cls, folder: str | Path) -> int:
        """The epochs that the newest state in a folder has behind it; 0 where there is none.

        Args:
            folder: The folder.
        """
        return max(cls._states(Path(folder)), default=0)

    @staticmethod
    def _states(folder: Path) -> dict[int, Path]:
        """The states by their epochs, the newest first."""
        found = {}
        for path in folder.glob("epoch_*.weights.h5"):
            if match := _STATE.fullmatch(path.name):
                found[int(match[1])] = path
        return dict(sorted(found.items(), reverse=True))

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Restores the newest state.

        Args:
            logs: Not used.
        """
        states = self._states(self.folder)
        if not states and (self.folder / "training_metadata.json").exists():
            raise ValueError(
                f"{str(self.folder)!r} holds a state of `keras.callbacks.BackupAndRestore`, which "
                "`Backup` does not read. Go on with that, or choose another folder."
            )
        optimizer = getattr(self.model, "optimizer", None)
        if states and optimizer is not None and not optimizer.built:
            # TensorFlow's `fit` would build it in the first step, after its state was read.
            optimizer.build(self.model.trainable_variables)
        unread: list[str] = []
        for epochs, path in states.items():
            try:
                self.model.load_weights(path)
                self._check_finite()
            except (OSError, ValueError, KeyError, RuntimeError) as error:  # whatever h5py raises
                unread.append(f"{str(path)!r} ({error})")
                continue
            if unread:
                warnings.warn(
                    f"{', '.join(unread)} cannot be read; the training goes on from {str(path)!r}, "
                    f"{epochs} epochs.",
                    stacklevel=2,
                )
            self._remove_old()  # where a kill came between
            # As `BackupAndRestore` tells `fit` where to begin.
            self.model._initial_epoch = epochs
            return
        if unread:
            raise ValueError(
                f"None of the states in {str(self.folder)!r} can be read into this model: "
                f"{'; '.join(unread)}. Train in another folder, or with the options of before."
            )

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the state.

        Args:
            epoch: The epoch, from 0.
            logs: Not used.
        """
        self._check_finite()
        remove_unfinished(self.folder)
        path = self.folder / f"epoch_{epoch + 1:04d}.weights.h5"
        # Keras writes the variables of an optimizer twice that are those of two others.
        size = size_in_file([*self._state(), *self._optimizer_variables()])
        try:
            check_room(self.folder, size)
            with replacing(path, sync=True) as temporary:
                self.model.save_weights(temporary, overwrite=True)
        except (OSError, RuntimeError) as error:  # h5py raises either
            raise OSError(
                f"The state after epoch {epoch + 1} cannot be written to {str(path)!r}: {error}. "
                "The states before it stay; make room and start again."
            ) from error
        self._remove_old()

    def _remove_old(self) -> None:
        for old in list(self._states(self.folder).values())[_KEPT:]:
            old.unlink()

    def _optimizer_variables(self) -> list:
        optimizer = getattr(self.model, "optimizer", None)
        return optimizer.variables if optimizer else []

    def _state(self) -> list:
        return [*self.model.variables, *self._optimizer_variables()]

    def _check_finite(self) -> None:
        if found := not_finite(self._state()):
            raise ValueError(
                f"{found}, which is no state to go on from. Those in {str(self.folder)!r} stay; "
                "go on from them with a smaller learning rate."
            )
