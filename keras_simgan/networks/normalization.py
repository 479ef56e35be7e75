"""What CycleGAN's generator and discriminator share."""

import keras


def instance_normalization(name: str, dtype) -> keras.layers.Layer:
    """Each channel of each image brought to mean 0 and variance 1; no parameters, epsilon 1e-5."""
    return keras.layers.GroupNormalization(
        groups=-1, epsilon=1e-5, center=False, scale=False, dtype=dtype, name=name
    )


def normal() -> keras.initializers.Initializer:
    """The papers' initial weights: normal, standard deviation 0.02."""
    return keras.initializers.RandomNormal(stddev=0.02)
