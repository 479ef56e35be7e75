"""What distances check of the features they are given."""

import numpy as np


def checked_pair(
    real: np.ndarray, generated: np.ndarray, minimum: int, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of features in float64.

    Args:
        real: Features `(n, d)`.
        generated: Features `(m, d)`.
        minimum: How many images of each are needed.
        what: Names the distance in messages.

    Raises:
        ValueError: Another shape, other widths, too few images, or values that are not finite.
    """
    features = [
        _checked(real, "real", minimum, what),
        _checked(generated, "generated", minimum, what),
    ]
    if features[0].shape[1] != features[1].shape[1]:
        raise ValueError(
            "`real` and `generated` must be features of one extractor. Received "
            f"{features[0].shape[1]} values an image and {features[1].shape[1]}."
        )
    return features[0], features[1]


def _checked(features: np.ndarray, name: str, minimum: int, what: str) -> np.ndarray:
    features = np.asarray(features, "float64")
    if features.ndim != 2 or not features.shape[1]:
        raise ValueError(
            f"`{name}` must be features (n, d), one row an image, as `feature_extractor` gives "
            f"them. Received the shape {features.shape}."
        )
    if len(features) < minimum:
        raise ValueError(
            f"{what} needs {minimum} images of each set at least. `{name}` has {len(features)}."
        )
    if not np.isfinite(features).all():
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise ValueError(
            f"`{name}` has values that are not finite, first in row {row}. Look at that image, or "
            "at the network that made it."
        )
    return features
