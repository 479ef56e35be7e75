"""The least-squares adversarial loss."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class LeastSquaresLoss(keras.losses.Loss):
    r"""The adversarial loss of LSGAN: squared distances to labels instead of cross-entropies.

    Mao et al. 2017, with the discriminator's output D, a map of patches, and labels a, b and c:

        discriminator:  1/2 mean (D(fake) - a)^2 + 1/2 mean (D(real) - b)^2
        generator:          mean (D(fake) - c)^2

    The means run over batch and patches. The generator's part has no 1/2, as in CycleGAN (Zhu et
    al. 2017). a = 0, b = c = 1 is the usual choice; a = -1, b = 1, c = 0, where b - c = 1 and
    b - a = 2, minimises a Pearson chi-squared divergence. GazeGAN (Sela et al. 2017) lets the
    discriminator aim at b = 1 and the generator at c = 0.9.

    Args:
        fake_label: a, what the discriminator should say of fakes.
        real_label: b, what the discriminator should say of real images.
        generator_label: c, what the generator wants the discriminator to say of fakes.
        name: Name of the loss.
        **kwargs: Arguments of `keras.losses.Loss`.

    Call with `y_true`, labels of shape `(batch,)`, and `y_pred`, the discriminator's output, shape
    `(batch, rows, columns, 1)`, for the plain mean squared distance; the three methods below put
    the labels in.

    Example:
        >>> import numpy as np
        >>> patches = np.zeros((2, 30, 30, 1), "float32")
        >>> loss = LeastSquaresLoss(generator_label=0.9)
        >>> round(float(loss.generator(patches)), 4), float(loss.discriminator_real(patches))
        (0.81, 0.5)
    """

    def __init__(
        self,
        fake_label: float = 0.0,
        real_label: float = 1.0,
        generator_label: float = 1.0,
        name: str = "least_squares_loss",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if fake_label == real_label:
            raise ValueError(f"`fake_label` and `real_label` must differ; both are {fake_label!r}.")
        self.fake_label = float(fake_label)
        self.real_label = float(real_label)
        self.generator_label = float(generator_label)

    def call(self, y_true, y_pred):
        """The loss of each image, shape `(batch,)`."""
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), (-1, 1, 1, 1))
        return ops.mean(ops.square(y_pred - y_true), axis=(1, 2, 3))

    def discriminator_fake(self, patches):
        """1/2 mean (D(fake) - a)^2."""
        return 0.5 * self._distance(patches, self.fake_label)

    def discriminator_real(self, patches):
        """1/2 mean (D(real) - b)^2."""
        return 0.5 * self._distance(patches, self.real_label)

    def generator(self, patches):
        """Mean (D(fake) - c)^2."""
        return self._distance(patches, self.generator_label)

    def _distance(self, patches, label: float):
        return self(ops.full((ops.shape(patches)[0],), label, dtype=patches.dtype), patches)

    def get_config(self):
        """All arguments."""
        return {
            **super().get_config(),
            "fake_label": self.fake_label,
            "real_label": self.real_label,
            "generator_label": self.generator_label,
        }
