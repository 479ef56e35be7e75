"""The constraint of the first Wasserstein GAN."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class WeightClipping(keras.constraints.Constraint):
    """Keeps each weight in [-limit, limit] after every step.

    Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1, with a limit of 0.01: so the critic is
    Lipschitz continuous. `GradientPenalty` is what followed.

    Args:
        limit: The largest absolute value of a weight, above 0.

    Example:
        >>> import numpy as np
        >>> [round(float(w), 4) for w in WeightClipping(0.01)(np.array([-1.0, 0.005, 0.02]))]
        [-0.01, 0.005, 0.01]
    """

    def __init__(self, limit: float = 0.01):
        if not limit > 0:
            raise ValueError(f"`limit` must be above 0; got {limit!r}.")
        self.limit = float(limit)

    def __call__(self, w: Any) -> Any:
        """The weights, clipped."""
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {"limit": self.limit}
