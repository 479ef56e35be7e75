"""Cross-entropy over a map of patches."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class LocalAdversarialLoss(keras.losses.Loss):
    """The local adversarial loss of Shrivastava et al. 2017, section 2.2.

        loss = mean over batch and patches of -log softmax(logits)[label]

    The paper sums over the patches; times (rows x columns) this is that sum.

    Args:
        name: Name of the loss.
        **kwargs: Arguments of `keras.losses.Loss`.

    Call with `y_true`, the labels, shape `(batch,)`: 0 where the image is real, 1 where it was
    refined; and `y_pred`, the logits `(real, refined)`, shape `(batch, rows, columns, 2)`. To train
    the refiner, call its images real: -log(1 - D) is the cross-entropy with the label 0.

    Example:
        >>> import numpy as np
        >>> loss = LocalAdversarialLoss()(np.array([1]), np.zeros((1, 9, 14, 2), "float32"))
        >>> round(float(loss), 4)  # log 2
        0.6931
    """

    def __init__(self, name: str = "local_adversarial_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)

    def call(self, y_true, y_pred):
        """The loss of each image, shape `(batch,)`."""
        log_probabilities = ops.log_softmax(y_pred, axis=-1)  # (batch, rows, columns, 2)
        refined = ops.reshape(ops.cast(y_true, y_pred.dtype), (-1, 1, 1))
        of_label = refined * log_probabilities[..., 1] + (1.0 - refined) * log_probabilities[..., 0]
        return -ops.mean(of_label, axis=(1, 2))
