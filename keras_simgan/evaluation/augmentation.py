"""Plain augmentation, what a refinement is to do better than."""

from __future__ import annotations

import cv2
import numpy as np


def augmented(images: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Images with random gamma, shift, blur and noise, which leave a label as it is.

    With x in [0, 1]: `x ** exp(g)`, g in [-0.5, 0.5]; shifted by at most 5 % of either side;
    blurred by a Gaussian of 0.1 to 1.2 pixels; and Gaussian noise of a deviation of at most 0.03.
    Each number is drawn uniformly, for each image anew.

    Args:
        images: In [-1, 1], shape `(n, height, width, channels)`.
        draw: What it draws from.

    Returns:
        Images of the same shape and range.

    Example:
        >>> augmented(np.zeros((2, 8, 8, 1), "float32"), np.random.default_rng(0)).shape
        (2, 8, 8, 1)
    """
    height, width = images.shape[1:3]
    changed = np.empty_like(images)
    for index, image in enumerate(images):
        x = ((image + 1) / 2) ** np.float32(np.exp(draw.uniform(-0.5, 0.5)))
        right, down = draw.uniform(-0.05, 0.05, 2) * (width, height)
        shift = np.array([[1, 0, right], [0, 1, down]], "float32")
        x = cv2.warpAffine(x, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
        x = cv2.GaussianBlur(x, (0, 0), draw.uniform(0.1, 1.2)).reshape(image.shape)
        x = x + draw.normal(0, draw.uniform(0, 0.03), x.shape)
        changed[index] = 2 * x.clip(0, 1) - 1
    return changed
