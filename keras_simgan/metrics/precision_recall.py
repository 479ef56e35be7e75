"""Precision and recall of a set of images."""

from __future__ import annotations

import numpy as np

from keras_simgan.metrics._features_pair import checked_pair
from keras_simgan.metrics._wilson import wilson
from keras_simgan.metrics.estimate import Estimate

_CHUNK = 2**22  # distances held at once, 32 MiB of them


class PrecisionRecall:
    """Improved precision and recall (Kynkaanniemi et al. 2019).

    Around each image of a set lies a ball that reaches to its k-th nearest neighbour in the set.
    Precision is the share of generated images inside a ball of the real ones: do they look real.
    Recall is the share of real images inside a ball of the generated ones: are all kinds made.

    Both depend on how many images there are; compare only values of as many. The intervals (Wilson
    1927) take the set that has the balls as it is, and say how sure the share of the other's images
    is.

    Memory is bounded: about 100 MiB above the features, or a few rows of distances where a row is
    larger.

    Args:
        k: Which neighbour the balls reach to.

    Raises:
        ValueError: `k` below 1.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> measured = PrecisionRecall()(draw.normal(0, 1, (100, 2)), draw.normal(0, 0.1, (100, 2)))
        >>> bool(measured["precision"].value > 0.9 > 0.1 > measured["recall"].value)
        True
    """

    def __init__(self, k: int = 3):
        if not isinstance(k, int) or k < 1:
            raise ValueError(f"`k` must be an integer from 1. Received {k!r}.")
        self.k = k

    def __call__(self, real: np.ndarray, generated: np.ndarray) -> dict[str, Estimate]:
        """Precision and recall of the generated images.

        Args:
            real: Features of real images, `(n, d)`.
            generated: Features of the others by the same extractor, `(m, d)`.

        Returns:
            `{"precision": Estimate, "recall": Estimate}`.

        Raises:
            ValueError: Not more than `k` images in a set, other shapes, values that are not finite.
        """
        what = f"Precision and recall with k={self.k}"
        real, generated = checked_pair(real, generated, self.k + 1, what)
        # Squared distances lose digits far from 0; a common shift changes none of them.
        middle = real.mean(axis=0)
        real, generated = real - middle, generated - middle
        return {
            "precision": _share_inside(generated, real, self.k),
            "recall": _share_inside(real, generated, self.k),
        }


def _share_inside(images: np.ndarray, others: np.ndarray, k: int) -> Estimate:
    """How many of `images` lie in a ball around one of `others`."""
    radii = np.empty(len(others))
    for rows, distances in _chunks(others, others):
        # An image is no neighbour of itself, but one equal to it is.
        distances[np.arange(len(distances)), np.arange(len(others))[rows]] = np.inf
        radii[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    inside = sum(int((d <= radii).any(axis=1).sum()) for _, d in _chunks(images, others))
    share = inside / len(images)
    return Estimate(share, *wilson(share, len(images)))


def _chunks(images: np.ndarray, others: np.ndarray):
    """Squared distances, some rows at a time, with the slice of `images` that they are of."""
    count = max(1, _CHUNK // len(others))
    squares = np.sum(others**2, axis=1)
    for start in range(0, len(images), count):
        rows = slice(start, start + count)
        part = images[rows]
        distances = np.sum(part**2, axis=1)[:, None] - 2 * part @ others.T + squares
        yield rows, np.maximum(distances, 0.0)
