"""The Frechet distance of two sets of images."""

from __future__ import annotations

import warnings

import numpy as np

from keras_simgan.metrics._features_pair import checked_pair
from keras_simgan.metrics.estimate import Estimate

_ENOUGH = 2048


class FrechetDistance:
    """Squared Frechet distance of Gaussians that have the features' moments (Heusel et al. 2017).

        |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

    with means `m` and covariances `S`, divided by the count less one. It is FID only on features of
    the original Inception network.

    The estimate is biased: it is above 0 for two sets of one distribution, the more the fewer
    images there are. Compare only values of as many images; `KernelDistance` has no such bias.
    There is no interval: resampled images repeat, which adds the same bias once more, so that a
    bootstrap may not even hold the value itself.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> real, generated = draw.normal(0, 1, (2, 4000, 2)) + [[[0.0, 0.0]], [[3.0, 0.0]]]
        >>> round(FrechetDistance()(real, generated).value)
        9
    """

    def __call__(self, real: np.ndarray, generated: np.ndarray) -> Estimate:
        """The distance of two sets.

        Args:
            real: Features of real images, `(n, d)`.
            generated: Features of the others by the same extractor, `(m, d)`.

        Returns:
            The value, without an interval.

        Raises:
            ValueError: Fewer than 2 images in a set, other shapes, values that are not finite.

        Warns:
            UserWarning: Fewer than 2,048 images in a set.
        """
        real, generated = checked_pair(real, generated, 2, "The Frechet distance")
        for name, features in (("real", real), ("generated", generated)):
            count, width = features.shape
            if count < _ENOUGH:
                warnings.warn(
                    f"`{name}` has {count} images, below {_ENOUGH:,}: its covariance has rank "
                    f"{np.linalg.matrix_rank(features - features.mean(axis=0))} of {width}, and "
                    "the Frechet distance comes out too large. Compare it only with values of as "
                    "many images, or use `KernelDistance`.",
                    UserWarning,
                    stacklevel=2,
                )
        moments = [
            part
            for features in (real, generated)
            for part in (features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False)))
        ]
        return Estimate(frechet_distance(*moments))


def frechet_distance(
    mean: np.ndarray,
    covariance: np.ndarray,
    other_mean: np.ndarray,
    other_covariance: np.ndarray,
) -> float:
    """Squared Frechet distance of two Gaussians (Dowson and Landau 1982).

    The trace of the root of `S1 S2` is the sum of the singular values of `A^T B`, where
    `S1 = A A^T` and `S2 = B B^T` come from their eigenvalues. Nothing is inverted, and no root is
    taken of the product, so covariances of fewer images than features do no harm.

    Args:
        mean: Shape `(d,)`.
        covariance: Symmetric, shape `(d, d)`.
        other_mean: Of the other.
        other_covariance: Of the other.

    Raises:
        ValueError: Other shapes, values that are not finite, a covariance that is not symmetric or
            has a negative eigenvalue.

    Example:
        >>> round(frechet_distance(np.zeros(2), np.eye(2), np.ones(2), 4 * np.eye(2)), 6)
        4.0
    """
    mean, other_mean = np.asarray(mean, "float64"), np.asarray(other_mean, "float64")
    if mean.ndim != 1 or not len(mean) or mean.shape != other_mean.shape:
        raise ValueError(
            "`mean` and `other_mean` must have one shape (d,). Received "
            f"{mean.shape} and {other_mean.shape}."
        )
    root = _root(mean, covariance, "")
    other_root = _root(other_mean, other_covariance, "other_")
    difference = mean - other_mean
    shared = np.linalg.svd(root.T @ other_root, compute_uv=False).sum()
    distance = difference @ difference + np.sum(root**2) + np.sum(other_root**2) - 2 * shared
    return float(max(distance, 0.0))  # rounding may leave less than 0 of equal sets


def _root(mean: np.ndarray, covariance: np.ndarray, prefix: str) -> np.ndarray:
    """A matrix `A` of shape `(d, rank)` with `A A^T` the covariance."""
    covariance = np.asarray(covariance, "float64")
    name = f"`{prefix}covariance`"
    if covariance.shape != 2 * mean.shape:
        raise ValueError(
            f"{name} must have the shape {2 * mean.shape}, as `{prefix}mean` has {len(mean)} "
            f"values. Received {covariance.shape}."
        )
    if not np.isfinite(mean).all() or not np.isfinite(covariance).all():
        raise ValueError(f"`{prefix}mean` or {name} has values that are not finite.")
    scale = np.abs(covariance).max()
    if np.abs(covariance - covariance.T).max() > 1e-6 * scale:
        raise ValueError(f"{name} must be symmetric; it differs from its transpose.")
    eigenvalues, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    if eigenvalues[0] < -1e-6 * scale * len(mean):
        raise ValueError(
            f"{name} has the eigenvalue {eigenvalues[0]:.3g}; a covariance has none below 0."
        )
    present = eigenvalues > eigenvalues[-1] * len(mean) * np.finfo("float64").eps
    return vectors[:, present] * np.sqrt(eigenvalues[present])
