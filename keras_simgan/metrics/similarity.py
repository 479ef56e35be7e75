"""How alike pairs of images are."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from keras_simgan.metrics.image_checks import checked_images

_RANGE = 2.0  # from black to white
_WINDOW = 11
_SIGMA = 1.5
_BATCH = 64


def structural_similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean structural similarity of pairs of images, SSIM (Wang et al. 2004).

    At each place of an 11x11 window with Gaussian weights (sigma 1.5), with means `m`, variances
    `v` and covariance `c` of the two images under it:

        (2 m_a m_b + C1) (2 c + C2) / ((m_a^2 + m_b^2 + C1) (v_a + v_b + C2))

    with `C1 = (0.01 * 2)^2`, `C2 = (0.03 * 2)^2`, of intensities from 0 to 2; averaged over the
    places where the window lies inside the image, and over the channels. 1 for equal images.

    Between a synthetic image and its refined one it says how much was kept, not how real the result
    is: doing nothing scores 1.

    Args:
        a: Images in [-1, 1], `(n, height, width, channels)`, sides from 11.
        b: As many of the same shape.

    Returns:
        float64 `(n,)`, one number a pair, from -1 to 1.

    Raises:
        ValueError: Other shapes, sides below 11, integers, or values outside [-1, 1].

    Example:
        >>> images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 1))
        >>> structural_similarity(images, images)
        array([1., 1.])
    """
    a, b = _checked_pair(a, b)
    if min(a.shape[1:3]) < _WINDOW:
        raise ValueError(
            f"Structural similarity needs images from {_WINDOW}x{_WINDOW} pixels, its window. "
            f"Received {a.shape[1]}x{a.shape[2]}."
        )
    batches = range(0, len(a), _BATCH)
    return np.concatenate([_ssim(a[i : i + _BATCH], b[i : i + _BATCH]) for i in batches])


def peak_signal_to_noise(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of pairs of images, PSNR, in decibels.

        10 log10(2^2 / mean((a - b)^2))

    Args:
        a: Images in [-1, 1], `(n, height, width, channels)`.
        b: As many of the same shape.

    Returns:
        float64 `(n,)`, one number a pair; infinity where both are equal.

    Raises:
        ValueError: Other shapes, integers, or values outside [-1, 1].

    Example:
        >>> peak_signal_to_noise(np.zeros((1, 2, 2, 1)), np.full((1, 2, 2, 1), 0.2))
        array([20.])
    """
    a, b = _checked_pair(a, b)
    error = np.array([np.mean((x.astype("float64") - y) ** 2) for x, y in zip(a, b, strict=True)])
    with np.errstate(divide="ignore"):
        return 10 * np.log10(_RANGE**2 / error)


def _ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # Intensities from 0: a mean of 0 or below has no meaning in the formula's first factor.
    a, b = a.astype("float64") + 1, b.astype("float64") + 1
    mean_a, mean_b = _blur(a), _blur(b)
    product = mean_a * mean_b
    squares = mean_a**2 + mean_b**2
    variances = _blur(a * a + b * b) - squares
    covariance = _blur(a * b) - product
    c1, c2 = (0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2
    places = (2 * product + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2))
    return places.mean(axis=(1, 2, 3))


def _blur(images: np.ndarray) -> np.ndarray:
    """Weighted means under the window, where it lies inside."""
    border = _WINDOW // 2
    blurred = gaussian_filter(images, _SIGMA, radius=border, axes=(1, 2))
    return blurred[:, border:-border, border:-border]


def _checked_pair(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(
            f"`a` and `b` must be pairs of images of one shape. Received {a.shape} and {b.shape}."
        )
    for name, images in (("a", a), ("b", b)):
        if images.dtype.kind in "iub":
            raise ValueError(
                f"`{name}` must be floats in [-1, 1]. Received {images.dtype}; `data.to_unit` "
                "converts pixels."
            )
        checked_images(name, images)
    return a, b
