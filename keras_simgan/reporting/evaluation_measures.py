"""The measures of an evaluation, computed on samples of images."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from keras_simgan import metrics
from keras_simgan.data.image_set import ImageSet
from keras_simgan.metrics import Estimate, FeatureExtractor

_BATCH = 64


def distances(
    features: Mapping[str, np.ndarray], real: np.ndarray
) -> dict[str, dict[str, Estimate]]:
    """Distances of sets to the real images, and of one half of those to the other, the floor.

    Args:
        features: By set, shape `(n, d)`.
        real: Features of the real images.

    Returns:
        By measure and set, `"floor"` among them.
    """
    halves = np.array_split(np.random.default_rng(0).permutation(len(real)), 2)
    pairs = {name: (real, each) for name, each in features.items()}
    pairs["floor"] = tuple(real[half] for half in halves)
    found: dict[str, dict[str, Estimate]] = {}
    measures = {
        "kernel distance": metrics.KernelDistance(),
        "Frechet distance": metrics.FrechetDistance(),
        "domain classifier accuracy": metrics.DomainClassifierAccuracy(),
    }
    sample = metrics.PrecisionRecall()
    with warnings.catch_warnings():
        # FrechetDistance warns of few images. Here sets are compared with each other, and the page
        # tells how many images there are.
        warnings.simplefilter("ignore", UserWarning)
        for name, pair in pairs.items():
            for measure, distance in measures.items():
                found.setdefault(measure, {})[name] = distance(*pair)
            for measure, value in sample(*pair).items():
                found.setdefault(measure, {})[name] = value
    return found


def similarity(originals: ImageSet, refined: ImageSet, rows: np.ndarray) -> dict[str, Estimate]:
    """How alike the images are before and after.

    Args:
        originals: The images before.
        refined: The images after.
        rows: Rows of `refined`, one for each of `originals`.
    """
    measures = {
        "SSIM": metrics.structural_similarity,
        "PSNR": metrics.peak_signal_to_noise,
    }
    values: dict[str, list] = {name: [] for name in measures}
    for before, after in _batches(originals, refined, rows):
        for name, measure in measures.items():
            values[name].append(measure(before, after))
    joined = {name: np.concatenate(parts) for name, parts in values.items()}
    # Of an image that did not change at all the ratio is infinite, and so no mean of it.
    return {
        name: Estimate.of_mean(each) if np.isfinite(each).all() else Estimate(float("inf"))
        for name, each in joined.items()
    }


def label_agreement(
    agreement: metrics.LabelAgreement,
    originals: ImageSet,
    refined: ImageSet,
    rows: np.ndarray,
) -> Estimate:
    """The mean agreement of what a model reads before and after.

    Args:
        agreement: The measure.
        originals: The images before.
        refined: The images after.
        rows: Rows of `refined`, one for each of `originals`.
    """
    parts = [
        agreement(after, before=before) for before, after in _batches(originals, refined, rows)
    ]
    return agreement.mean(np.concatenate(parts))


def realism(
    synthetic: np.ndarray, refined: ImageSet, real: np.ndarray, extractor: FeatureExtractor
) -> np.ndarray:
    """How real each refined image is to a critic that tells synthetic from real images.

    Args:
        synthetic: Features of the synthetic images, which the critic learns from.
        refined: What it judges.
        real: Features of the real images, which it learns from too.
        extractor: What they are features of.

    Returns:
        Probabilities of being real, shape `(n,)`; all are 0.5 where the critic cannot tell
        synthetic from real images.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of that; equal scores say it
        critic = metrics.RealismCritic.fit(real, synthetic, extractor)
    rows = np.arange(len(refined))
    return np.concatenate(
        [critic(refined[rows[start : start + _BATCH]]) for start in range(0, len(rows), _BATCH)]
    )


def nearest(features: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The row of the real image with the nearest features, by Euclidean distance.

    Args:
        features: Shape `(n, d)`.
        real: Shape `(m, d)`.

    Returns:
        Rows of `real`, shape `(n,)`.
    """
    squares = (real.astype("float64") ** 2).sum(axis=1)
    return np.concatenate(
        [
            (squares - 2 * features[start : start + 1024].astype("float64") @ real.T).argmin(axis=1)
            for start in range(0, len(features), 1024)
        ]
    )


def _batches(originals: ImageSet, refined: ImageSet, rows: np.ndarray):
    for start in range(0, len(rows), _BATCH):
        chosen = rows[start : start + _BATCH]
        yield originals[np.arange(start, start + len(chosen))], refined[chosen]
