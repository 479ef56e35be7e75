"""What the generators and discriminators of CycleGAN and pix2pix share."""

from typing import Any

import keras

from keras_simgan.layers import ImageBatchNormalization

NORMALIZATIONS = ("batch", "instance", None)


def check_normalization(normalization: str | None) -> None:
    """Raises a `ValueError` for anything but `"batch"`, `"instance"` and None."""
    if normalization not in NORMALIZATIONS:
        raise ValueError(
            f'`normalization` must be "batch", "instance" or None; got {normalization!r}.'
        )


def normalize(
    normalization: str | None, name: str, dtype: Any, statistics: str = "image"
) -> keras.layers.Layer:
    """Each channel brought to mean 0 and variance 1, epsilon 1e-5.

    Instance normalization, of each image by itself, has no parameters. Batch normalization, of a
    whole batch, has a scale and an offset for each channel. Without normalization, a layer that
    does nothing.

    Args:
        normalization: `"batch"`, `"instance"` or None.
        name: Name of the layer.
        dtype: Its data type or policy.
        statistics: What batch normalization takes at inference, see `ImageBatchNormalization`.
    """
    if normalization is None:
        return keras.layers.Identity(dtype=dtype, name=name)
    if normalization == "batch":
        return ImageBatchNormalization(
            statistics=statistics,
            momentum=0.9,
            epsilon=1e-5,
            gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02),
            dtype=dtype,
            name=name,
        )
    return keras.layers.GroupNormalization(
        groups=-1, epsilon=1e-5, center=False, scale=False, dtype=dtype, name=name
    )


def has_bias(normalization: str | None) -> bool:
    """Whether a convolution before this normalization has a bias, as in the authors' code.

    Batch normalization has an offset of its own.
    """
    return normalization != "batch"


def initializer(
    normalization: str | None, relu_follows: bool = True
) -> keras.initializers.Initializer:
    """The papers' initial weights: normal, standard deviation 0.02.

    Nothing makes up for their size without normalization: a signal would die away. He's, which
    keep it through a relu, are taken then.
    """
    if normalization is None and relu_follows:
        return keras.initializers.HeNormal()
    return keras.initializers.RandomNormal(stddev=0.02)
