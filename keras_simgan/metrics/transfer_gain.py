"""What a training set is worth: the same model trained on several, tested on real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan.metrics._transfer_results import TransferResults, fingerprint
from keras_simgan.metrics.estimate import Estimate

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class TransferScore:
    """What `transfer_gain` found for one training set.

    Attributes:
        mean: The mean score on the test images.
        seeds: The mean score of each seed.
        gain: How much better than the baseline, in the measure's unit; above 0 is better, whichever
            way the measure runs. None for the baseline itself.
        gain_percent: The same as a percentage of the baseline's mean score. None where that is 0.
    """

    mean: Estimate
    seeds: tuple[float, ...]
    gain: Estimate | None
    gain_percent: Estimate | None


def transfer_gain(
    arms: Mapping[str, Any],
    test: tuple[np.ndarray, np.ndarray],
    measure: Callable[[np.ndarray, np.ndarray], np.ndarray],
    *,
    build: Callable[[int], keras.Model] | None = None,
    steps: int | None = None,
    batch_size: int = 64,
    train: Callable[[Any, int], Callable[[np.ndarray], np.ndarray]] | None = None,
    lower_is_better: bool = False,
    baseline: str = "synthetic",
    seeds: int = 3,
    setting: Mapping[str, Any] | None = None,
    results: str | Path | None = None,
    progress: bool = True,
) -> dict[str, TransferScore]:
    r"""Trains the same model on each training set and tests it on real images: did refining help?

    With `s[a, k, i]` the score that test image `i` gets from the model trained on arm `a` with seed
    `k`, and `s[a, i]` its mean over the seeds:

        mean(a) = mean over i of s[a, i]
        gain(a) = mean(baseline) - mean(a) where lower is better, else mean(a) - mean(baseline)

    The intervals are 95 % bootstrap intervals over the test images (2,000 resamples, percentiles;
    Efron 1979). The arms share each resample, so gains are paired: what makes an image hard for
    every arm cancels. They tell how sure the result is for other test images, not for other seeds;
    for that look at `seeds`.

    Every arm gets the same budget: `steps` steps of `batch_size`, however many images it has. What
    differs between arms should be their images only, so take as many of each.

    Args:
        arms: For each name a training set: `(images, labels)`, arrays of one length as `build`'s
            model takes them. Or a function without arguments that returns it, which is called when
            there is a training to do. With `train`, whatever `train` takes.
        test: Images, shape `(n, ...)`, and labels, shape `(n, ...)`, of real data that none of the
            arms nor any choice has seen.
        measure: From labels and predictions, both `(n, ...)`, to the score of each image, shape
            `(n,)`: degrees, or 100 for a right answer and 0 for a wrong one.
        build: From a seed to a new compiled model. Keras' seeds are set before. A learning rate
            that falls should reach its end at `steps`.
        steps: Optimizer steps of each training, with `build`.
        batch_size: Images a step, with `build`.
        train: Instead of `build`, where `fit` is not enough (augmentation drawn anew, another
            library): from an arm's training set and a seed to a function that predicts the test
            images. It keeps the budget itself.
        lower_is_better: Whether the measure is an error.
        baseline: The arm to beat.
        seeds: Trainings of each arm, with the seeds 0, 1, 2...
        setting: What else decides the outcome, such as `{"refiner": "v3"}`, as JSON has it. Kept
            with the results and compared.
        results: A JSON file that keeps the predictions of each finished training. Run again, only
            what is missing is trained. It may hold more arms and seeds than are asked for, and
            other keys, which are kept. Two processes may take different arms of one file.
        progress: Whether to show a progress bar.

    Returns:
        For each arm, in the order of `arms`, its score.

    Raises:
        ValueError: Arguments that do not fit together; or `results` are of another setting, test
            set, budget, or of another training set under the name of an arm.

    Example:
        >>> images, labels = np.random.normal(size=(2, 64, 4)).astype("float32")
        >>> def build(seed):
        ...     model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        ...     model.compile("adam", "mse")
        ...     return model
        >>> scores = transfer_gain(
        ...     {"synthetic": (images, labels), "refined": (images + 0.1, labels)},
        ...     test=(images, labels),
        ...     measure=lambda true, predicted: abs(true - predicted).mean(axis=1),
        ...     build=build, steps=5, seeds=1, lower_is_better=True, progress=False,
        ... )
        >>> list(scores)
        ['synthetic', 'refined']
    """
    _check(arms, test, measure, build, steps, batch_size, train, baseline, seeds)
    images, labels = test
    kept = TransferResults(
        results,
        {
            **(setting or {}),
            "test": fingerprint(images, labels),
            **({"steps": steps, "batch_size": batch_size} if build else {}),
        },
    )
    for arm, data in arms.items():
        if build and not callable(data):
            kept.check_arm(arm, fingerprint(*data))

    remaining = {arm: range(len(kept.of(arm)), seeds) for arm in arms}
    total = seeds * len(arms)
    done = total - sum(map(len, remaining.values()))
    bar = keras.utils.Progbar(total, unit_name="training", verbose=int(progress and done < total))
    bar.update(done)
    for arm, arm_seeds in remaining.items():
        if not arm_seeds:
            continue
        data = arms[arm]() if callable(arms[arm]) else arms[arm]
        if build:
            _check_data(arm, data)
            kept.check_arm(arm, fingerprint(*data))
        for seed in arm_seeds:
            if train:
                predict = train(data, seed)
            else:
                assert steps is not None  # `build` has them: `_check`
                predict = _fit(build, data, seed, steps, batch_size)
            predicted = np.asarray(predict(images))
            if predicted.shape[:1] != (len(images),):
                raise ValueError(
                    f"The model trained on {arm!r} must predict something for each of the "
                    f"{len(images)} test images; got shape {predicted.shape}."
                )
            # Before anything is kept: a measure that does not fit should not cost the next run.
            _measured(measure, labels, predicted)
            kept.add(arm, seed, predicted, fingerprint(*data) if build else None)
            done += 1
            bar.update(done)
    return _summary(
        {
            arm: np.stack(
                [_measured(measure, labels, predicted) for predicted in kept.of(arm)[:seeds]]
            )
            for arm in arms
        },
        baseline,
        lower_is_better,
    )


def _check(arms, test, measure, build, steps, batch_size, train, baseline, seeds) -> None:
    if (build is None) == (train is None):
        raise ValueError("Pass either `build` or `train`: one of them makes the models.")
    for name, value in (("measure", measure), ("build", build), ("train", train)):
        if value is not None and not callable(value):
            raise ValueError(f"`{name}` must be a function; got {value!r}.")
    if build and not _is_count(steps):
        raise ValueError(
            f"With `build`, `steps` must be an integer of at least 1, the same budget for each "
            f"arm; got {steps!r}."
        )
    if train and steps is not None:
        raise ValueError("`steps` is for `build`; a `train` function keeps the budget itself.")
    for name, value in (("batch_size", batch_size), ("seeds", seeds)):
        if not _is_count(value):
            raise ValueError(f"`{name}` must be an integer of at least 1; got {value!r}.")
    if baseline not in arms:
        raise ValueError(f"`baseline` must be one of the arms {list(arms)}; got {baseline!r}.")
    _check_data("test", test)
    for arm, data in arms.items():
        if build and not callable(data):
            _check_data(arm, data)


def _is_count(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _check_data(name: str, data) -> None:
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError(f"{name!r} must be a pair (images, labels); got {type(data).__name__}.")
    if not len(data[0]) == len(data[1]) > 0:
        raise ValueError(
            f"{name!r} must have a label for each image and at least one image; got "
            f"{len(data[0])} images and {len(data[1])} labels."
        )


def _fit(build, data, seed: int, steps: int, batch_size: int):
    """A model's `predict`, after `steps` steps on the data, drawn in passes without repetition."""
    keras.utils.set_random_seed(seed)
    model = build(seed)
    if not model.compiled:
        raise ValueError(
            "`build` must return a compiled model, for its loss depends on the labels. Call "
            "`model.compile(optimizer, loss)` in it, or pass `train`."
        )
    images, labels = (np.asarray(part) for part in data)
    draw = np.random.default_rng(seed)
    passes = -(-steps * batch_size // len(images))
    order = np.concatenate([draw.permutation(len(images)) for _ in range(passes)])
    model.fit(_Batches(images, labels, order[: steps * batch_size], batch_size), verbose=0)
    return lambda test: model.predict(test, batch_size=batch_size, verbose=0)


class _Batches(keras.utils.PyDataset):
    """Batches of images and labels in a given order."""

    def __init__(self, images, labels, order, batch_size: int):
        super().__init__()
        self.parts, self.order, self.batch_size = (images, labels), order, batch_size

    @property
    def num_batches(self) -> int:
        return len(self.order) // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return tuple(part[rows] for part in self.parts)


def _measured(measure, labels, predicted) -> np.ndarray:
    scores = np.asarray(measure(labels, predicted), "float64")
    if scores.shape != (len(labels),) or not np.isfinite(scores).all():
        raise ValueError(
            f"`measure` must return one finite number for each of the {len(labels)} test images; "
            f"got shape {scores.shape}"
            + (" with values that are not finite." if not np.isfinite(scores).all() else ".")
        )
    return scores


def _summary(scores: dict[str, np.ndarray], baseline: str, lower_is_better: bool) -> dict:
    """The scores of the arms, each of shape `(seeds, n)`, with paired bootstrap intervals."""
    averaged = {arm: each.mean(axis=0) for arm, each in scores.items()}
    n = len(averaged[baseline])
    rng = np.random.default_rng(0)
    resampled = {arm: np.empty(BOOTSTRAPS) for arm in scores}
    for index in range(BOOTSTRAPS):
        rows = rng.integers(0, n, n)
        for arm, each in averaged.items():
            resampled[arm][index] = each[rows].mean()
    sign = -1.0 if lower_is_better else 1.0
    base, base_resampled = averaged[baseline].mean(), resampled[baseline]
    summary = {}
    for arm, each in averaged.items():
        gain = percent = None
        if arm != baseline:
            gain = _estimate(sign * (each.mean() - base), sign * (resampled[arm] - base_resampled))
            if base and base_resampled.all():
                percent = _estimate(
                    100 * sign * (each.mean() / base - 1),
                    100 * sign * (resampled[arm] / base_resampled - 1),
                )
        summary[arm] = TransferScore(
            mean=_estimate(each.mean(), resampled[arm]),
            seeds=tuple(float(mean) for mean in scores[arm].mean(axis=1)),
            gain=gain,
            gain_percent=percent,
        )
    return summary


def _estimate(value: float, resampled: np.ndarray) -> Estimate:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
