"""Keeping the checkpoint whose images are nearest to the real ones and keep their labels."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan import metrics
from keras_simgan.callbacks._samples import check_fits
from keras_simgan.data.files import replacing
from keras_simgan.metrics.image_checks import checked_images
from keras_simgan.presets import whole
from keras_simgan.presets.files import read_object
from keras_simgan.presets.folder import METADATA
from keras_simgan.presets.weights_check import LARGEST_WEIGHT, not_finite

_DIRECTION = "source_to_target"
_MARK = "best_checkpoint"  # its entry in the preset's metadata


class BestCheckpoint(keras.callbacks.Callback):
    r"""Keeps the model of the epoch whose refined images are nearest to the real ones.

    A GAN's losses do not say when to stop. At epoch ends the model translates source images x that
    it does not train on, and features phi of the result are compared with those of real images y:

        distance        = d(phi(y), phi(G(x)))
        label_agreement = mean of the agreement of G(x) with x

    Both go into the logs. The model is saved where the distance is the smallest so far among the
    epochs that keep the labels: a refiner that draws one perfect photo has a small distance and no
    labels. Smallest of many noisy distances, the best one looks a little better than it is: report
    the gap on images that chose nothing.

    `filepath` becomes a preset that `from_preset` reads, written aside and exchanged when whole.
    Beside it, `filepath` with `.json` at its end lists all measurements. A training that is
    resumed, as by `BackupAndRestore`, goes on with the best so far; so does any training with the
    same images, which will not replace it by a worse one. Another training needs another
    `filepath`.

    Callbacks run in the order of `callbacks=[...]`. Put this one before those that read its
    numbers, such as `CSVLogger` or `TensorBoard`, and before `BackupAndRestore`: an epoch that the
    backup holds must have been measured. An epoch that is not measured is logged as NaN.

    Args:
        filepath: The folder of the checkpoint. If it exists, it must be this callback's.
        source: Held-out source images in [-1, 1], shape `(n, height, width, 1 or 3)`; some hundred.
        target: Held-out target images, alike.
        extractor: A function from images to features `(n, d)`, or what
            `metrics.feature_extractor` takes: `"small"`, `"inception_v3"`, a model.
        distance: A function of real and generated features that returns a number or a
            `metrics.Estimate`, smaller is better; `metrics.KernelDistance()` when left out.
        label_agreement: A `metrics.LabelAgreement`, asked with the images after and before. Its
            model must not be one that the GAN trains with.
        label_bound: Epochs do not qualify where the mean agreement is worse: less than this where
            higher is better (`"class"`, `"iou"`), more where lower is (`"angle"`, `"keypoints"`).
            Required with `label_agreement`.
        every: Measure every so many epochs.
        patience: Stop the training where the best epoch is so many epochs past. It does not stop
            before an epoch has qualified. `None` never stops.

    Raises:
        ValueError: If an argument is out of range; before the first step, if the images do not fit
            the model, or if `filepath` holds the best of other images or settings.
        TypeError: Before the first step, if the model does not translate source_to_target, or the
            distance gives no number.
        FileExistsError: Before the first step, if `filepath` is something else.

    Warns:
        UserWarning: At the end, if no epoch qualified, and so nothing was saved.

    Attributes:
        best: `{"epoch", "distance", "label_agreement"}` of the checkpoint, epochs from 1; or
            `None`.

    Example:
        >>> images = np.random.default_rng(0).uniform(-1, 1, (2, 100, 36, 60, 1))
        >>> callbacks = [
        ...     BestCheckpoint("best", *images, patience=10),
        ...     keras.callbacks.BackupAndRestore("backup"),
        ... ]
    """

    def __init__(
        self,
        filepath: str | Path,
        source: np.ndarray,
        target: np.ndarray,
        extractor: Callable[[np.ndarray], np.ndarray] | str | keras.Model = "small",
        distance: Callable[[np.ndarray, np.ndarray], Any] | None = None,
        label_agreement: metrics.LabelAgreement | None = None,
        label_bound: float | None = None,
        every: int = 1,
        patience: int | None = None,
    ):
        super().__init__()
        self.filepath = Path(filepath)
        self.source = checked_images("source", source, channels=(1, 3))
        self.target = checked_images("target", target, channels=(1, 3))
        if isinstance(extractor, str | keras.Model):
            extractor = metrics.feature_extractor(extractor)
        self.extractor = extractor
        self.distance = metrics.KernelDistance() if distance is None else distance
        if (label_agreement is None) != (label_bound is None):
            raise ValueError(
                "`label_agreement` and `label_bound` belong together: the bound says from which "
                f"agreement on an epoch qualifies. Received: label_bound={label_bound!r} "
                f"{'without' if label_agreement is None else 'with'} `label_agreement`."
            )
        for name, value in (("every", every), ("patience", patience)):
            if not (isinstance(value, int) and value >= 1 or (name, value) == ("patience", None)):
                raise ValueError(f"`{name}` must be an integer from 1. Received: {value!r}.")
        self.label_agreement, self.label_bound = label_agreement, label_bound
        self.every, self.patience = every, patience
        self.best: dict | None = None
        self._state = self.filepath.with_name(self.filepath.name + ".json")
        self._epochs: list[dict] = []
        self._measured: list[dict] = []

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Finds the best so far, and measures once: what does not fit raises before any training.

        Args:
            logs: Not used.
        """
        if _DIRECTION not in getattr(self.model, "directions", ()):
            raise TypeError(
                f"BestCheckpoint judges a GAN that translates {_DIRECTION}, such as SimGAN. "
                f"Received: {type(self.model).__name__}."
            )
        check_fits("source", self.source, self.model, _DIRECTION)
        self._settings = {
            "source_sha256": _sha256(self.source),
            "target_sha256": _sha256(self.target),
            "extractor": _name(self.extractor),
            "distance": _name(self.distance),
            "label_bound": self.label_bound,
        }
        self._recover()
        self._features = self.extractor(self.target)
        self._measured = []
        self._measure()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measures, saves where it is the best, and stops where it was too long ago.

        Args:
            epoch: The epoch, from 0; files and messages count from 1.
            logs: Gets `distance` and, with `label_agreement`, `label_agreement`.
        """
        logs = {} if logs is None else logs
        names = ["distance", *(["label_agreement"] if self.label_agreement else [])]
        logs.update(dict.fromkeys(names, math.nan))
        if (epoch + 1) % self.every:
            return
        measured = {"epoch": epoch + 1, **self._measure()}
        logs.update({name: measured[name] for name in names})
        self._measured.append(measured)
        # Where an epoch is played again, as after an interruption, it counts once.
        self._epochs = [one for one in self._epochs if one["epoch"] <= epoch] + [measured]
        is_nearer = self.best is None or measured["distance"] < self.best["distance"]
        if self._qualifies(measured) and is_nearer:
            self._save(measured)
            self.best = measured
        self._write_state()
        if self.patience and self.best and epoch + 1 - self.best["epoch"] >= self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        """Warns where there is nothing to keep.

        Args:
            logs: Not used.
        """
        if self.best is not None or not self._measured:
            return
        reason = "No distance was a finite number: the training diverged."
        if self.label_agreement and any(np.isfinite(one["distance"]) for one in self._measured):
            sign = 1 if self.label_agreement.higher_is_better else -1
            measured = [one for one in self._measured if np.isfinite(one["label_agreement"])]
            nearest = max(measured, key=lambda one: sign * one["label_agreement"])
            reason = (
                f"The best label agreement was {nearest['label_agreement']:.4g}, in epoch "
                f"{nearest['epoch']}; `label_bound` is {self.label_bound:g}. Keep labels better, "
                "by more self-regularization or a `losses.LabelConsistency`, or loosen the bound."
            )
        warnings.warn(
            f"No epoch qualified, and {str(self.filepath)!r} was not written. {reason}",
            stacklevel=2,
        )

    def _measure(self) -> dict:
        """Distance and agreement of the model as it is; NaN where it has diverged."""
        after = np.asarray(self.model.translate(self.source, direction=_DIRECTION), "float32")
        measured = {"distance": math.nan, "label_agreement": None}
        if self.label_agreement:
            measured["label_agreement"] = math.nan
        diverged = not_finite(self.model.variables, LARGEST_WEIGHT)
        if diverged or not np.isfinite(after).all():
            return measured
        # A network without tanh may leave the range.
        after = np.clip(after, -1.0, 1.0)
        found: Any = self.distance(self._features, self.extractor(after))
        try:
            measured["distance"] = float(getattr(found, "value", found))
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"`distance` must return a number or a `metrics.Estimate`. It returned: {found!r}."
            ) from error
        if self.label_agreement:
            agreement = self.label_agreement(after, before=self.source)
            measured["label_agreement"] = float(np.mean(agreement))
        return measured

    def _qualifies(self, measured: dict) -> bool:
        agreement, bound = measured["label_agreement"], self.label_bound
        if not np.isfinite(measured["distance"]):
            return False
        if bound is None or self.label_agreement is None:
            return True
        # NaN compares false.
        return agreement >= bound if self.label_agreement.higher_is_better else agreement <= bound

    def _save(self, measured: dict) -> None:
        """Replaces the preset; its metadata say whose it is."""
        mark = {_MARK: {**measured, "settings": self._settings}}
        whole.replace(self.model, self.filepath, **mark)

    def _write_state(self) -> None:
        # JSON has no NaN.
        epochs = [
            {name: None if value != value else value for name, value in one.items()}
            for one in self._epochs
        ]
        state = {"settings": self._settings, "best": self.best, "epochs": epochs}
        with replacing(self._state) as temporary:
            temporary.write_text(json.dumps(state, indent=1) + "\n")

    def _recover(self) -> None:
        """Takes up what an earlier training left."""
        self.best, self._epochs = None, []
        whole.recover(self.filepath)
        if self.filepath.exists():
            found: Any = self._read(self.filepath / METADATA).get(_MARK)
            if not _is_mark(found):
                raise FileExistsError(
                    f"{str(self.filepath)!r} exists and was not written by BestCheckpoint. Choose "
                    "another `filepath`, or move it away."
                )
            self._refuse_other(found.pop("settings"))
            self.best = found
        if self._state.exists():
            state = self._read(self._state)
            self._refuse_other(state.get("settings"))
            epochs = state.get("epochs")
            if not isinstance(epochs, list) or not all(
                isinstance(one, dict) and isinstance(one.get("epoch"), int) for one in epochs
            ):
                raise FileExistsError(
                    f"{str(self._state)!r} is damaged: `epochs` must be a list of measurements. "
                    f"Choose another `filepath`, or move it and {str(self.filepath)!r} away."
                )
            self._epochs = epochs

    def _read(self, path: Path) -> dict:
        try:
            return read_object(path)
        except (OSError, ValueError) as error:
            raise FileExistsError(
                f"{str(path)!r} cannot be read ({error}), and so not what is in "
                f"{str(self.filepath)!r}. Choose another `filepath`, or move both away."
            ) from error

    def _refuse_other(self, settings: dict | None) -> None:
        if settings == self._settings:
            return
        settings = settings if isinstance(settings, dict) else {}
        differing = [name for name in self._settings if settings.get(name) != self._settings[name]]
        raise ValueError(
            f"{str(self.filepath)!r} holds the best checkpoint by other settings, whose distances "
            f"do not compare with these: {', '.join(differing)}. Choose another `filepath`, or "
            f"move it and {str(self._state)!r} away."
        )


def _name(given: Any) -> str:
    """What tells an extractor or a distance from others, in this and in later trainings."""
    own = getattr(given, "name", None) or getattr(given, "__qualname__", None)
    return str(own or type(given).__name__)


def _is_mark(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("settings"), dict)
        and isinstance(found.get("epoch"), int)
        and isinstance(found.get("distance"), float | int)
    )


def _sha256(images: np.ndarray) -> str:
    digest = hashlib.sha256(f"{images.shape}{images.dtype}".encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    return digest.hexdigest()
