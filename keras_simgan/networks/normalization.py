"""What CycleGAN's generator and discriminator share."""

from typing import Any

import keras


def check_normalization(normalization: str | None) -> None:
    """Raises a `ValueError` for anything but `"instance"` and None."""
    if normalization not in (None, "instance"):
        raise ValueError(f'`normalization` must be "instance" or None; got {normalization!r}.')


def normalize(normalization: str | None, name: str, dtype: Any) -> keras.layers.Layer:
    """Instance normalization: each channel of each image brought to mean 0 and variance 1.

    No parameters, epsilon 1e-5. Without normalization, a layer that does nothing.
    """
    if normalization is None:
        return keras.layers.Identity(dtype=dtype, name=name)
    return keras.layers.GroupNormalization(
        groups=-1, epsilon=1e-5, center=False, scale=False, dtype=dtype, name=name
    )


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
