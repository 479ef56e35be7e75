"""The scores by which the best of the refined images are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def scores_of(critic, label_agreement) -> dict[str, Callable[[dict, np.ndarray], np.ndarray]]:
    """The scores of refined images, higher is better, by name.

    Each is a function of what the images are compared with, as `ImageRefiner.reference` gives it,
    and of the images.

    Args:
        critic: See `refine_dataset`.
        label_agreement: See `refine_dataset`.
    """
    scores: dict[str, Callable] = {}
    if critic is not None:
        scores["realism"] = lambda reference, after: critic(shown(after))
    if label_agreement is not None:
        sign = 1.0 if label_agreement.higher_is_better else -1.0
        scores["label_agreement"] = lambda reference, after: (
            sign * np.asarray(label_agreement(shown(after), **reference))
        )
    return scores


def shown(images: np.ndarray) -> np.ndarray:
    """Images without alpha: of two channels the first, else the first three.

    Args:
        images: Shape `(n, height, width, channels)`.
    """
    return images[..., : 1 if images.shape[-1] == 2 else 3]
