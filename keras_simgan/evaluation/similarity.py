"""How much of the synthetic images a refinement kept."""

from __future__ import annotations

import numpy as np

from keras_simgan import metrics
from keras_simgan.evaluation.image_pairs import ImagePairs
from keras_simgan.metrics import Estimate


def measure_similarity(pairs: ImagePairs) -> dict[str, Estimate]:
    """The mean SSIM, and the mean PSNR in decibels, of the images after to those before.

    Args:
        pairs: The images before and after.

    Returns:
        By measure, `"SSIM"` and `"PSNR"`. Of an image that did not change the PSNR is infinite, and
        so is the mean, which has no interval then.
    """
    values: dict[str, list[np.ndarray]] = {"SSIM": [], "PSNR": []}
    for before, after in pairs.batches():
        values["SSIM"].append(metrics.structural_similarity(before, after))
        values["PSNR"].append(metrics.peak_signal_to_noise(before, after))
    return {name: _mean(np.concatenate(parts)) for name, parts in values.items()}


def _mean(values: np.ndarray) -> Estimate:
    return Estimate.of_mean(values) if np.isfinite(values).all() else Estimate(float("inf"))
