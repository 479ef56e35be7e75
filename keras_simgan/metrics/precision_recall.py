"""Precision and recall of a set of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from keras_simgan.metrics._features_pair import checked_pair
from keras_simgan.metrics.estimate import Estimate

_MEMORY = 32  # MiB of distances held at once


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
        # Products lose digits far from 0; a common shift changes no distance.
        center = real.mean(axis=0)
        real, generated = real - center, generated - center
        return {
            "precision": _share_inside(generated, real, self.k),
            "recall": _share_inside(real, generated, self.k),
        }


def _share_inside(images: np.ndarray, centers: np.ndarray, k: int) -> Estimate:
    """How many of `images` lie in a ball around one of `centers`."""
    # The nearest to an image is itself, at 0; another one equal to it counts as its neighbour.
    radii = np.concatenate(
        [np.partition(distances, k, axis=1)[:, k] for distances in _distances(centers, None)]
    )
    inside = sum(int((d <= radii).any(axis=1).sum()) for d in _distances(images, centers))
    return Estimate.of_share(inside, len(images))


def _distances(images: np.ndarray, centers: np.ndarray | None) -> Iterator[np.ndarray]:
    """Euclidean distances, some rows at a time; those among the images without `centers`."""
    return pairwise_distances_chunked(images, centers, working_memory=_MEMORY)
