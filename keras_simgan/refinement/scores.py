"""The scores by which the best of the refined images are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def scores_of(critic, label_agreement) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """The scores of an image before and after, higher is better, by name.

    Args:
        critic: See `refine_dataset`.
        label_agreement: See `refine_dataset`.
    """
    scores: dict[str, Callable] = {}
    if critic is not None:
        scores["realism"] = lambda before, after: critic(_shown(after))
    if label_agreement is not None:
        sign = 1.0 if label_agreement.higher_is_better else -1.0
        scores["label_agreement"] = lambda before, after: (
            sign * np.asarray(label_agreement(_shown(after), before=_shown(before)))
        )
    return scores


def _shown(images: np.ndarray) -> np.ndarray:
    """Images without alpha: of two channels the first, else the first three."""
    return images[..., : 1 if images.shape[-1] == 2 else 3]
