"""How near sets of images are to real ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np

from keras_simgan import metrics
from keras_simgan.metrics import Estimate


def measure_distances(
    features: Mapping[str, np.ndarray], real: np.ndarray
) -> dict[str, dict[str, Estimate]]:
    """Distances of sets to the real images, and of one half of those to the other, the floor.

    As many images are taken of each set as the smallest has, since some distances fall with the
    number of images.

    Args:
        features: By set, shape `(n, d)`.
        real: Features of the real images, shape `(m, d)`.

    Returns:
        By measure and set, `"floor"` among them.

    Example:
        >>> refined, real = np.random.default_rng(0).normal(size=(2, 40, 3))
        >>> found = measure_distances({"refined": refined}, real)
        >>> list(found)[0], list(found["precision"])
        ('kernel distance', ['refined', 'floor'])
    """
    count = min(map(len, features.values()))
    half, other_half = np.array_split(np.random.default_rng(0).permutation(len(real)), 2)
    pairs = {name: (real, each[:count]) for name, each in features.items()}
    pairs["floor"] = (real[half], real[other_half])
    measures: dict[str, Callable[[np.ndarray, np.ndarray], Estimate]] = {
        "kernel distance": metrics.KernelDistance(),
        "Frechet distance": metrics.FrechetDistance(),
        "domain classifier accuracy": metrics.DomainClassifierAccuracy(),
    }
    precision_recall = metrics.PrecisionRecall()
    distances: dict[str, dict[str, Estimate]] = {}
    with warnings.catch_warnings():
        # FrechetDistance warns of few images. Here sets are compared with each other, and the page
        # shows how many images there are.
        warnings.simplefilter("ignore", UserWarning)
        for name, pair in pairs.items():
            estimates = {measure: distance(*pair) for measure, distance in measures.items()}
            for measure, estimate in (estimates | precision_recall(*pair)).items():
                distances.setdefault(measure, {})[name] = estimate
    return distances
