"""Layers that the networks and the games are made of."""

from keras_simgan.layers.average_halving import AverageHalving
from keras_simgan.layers.diff_augment import DiffAugment
from keras_simgan.layers.doubling import Doubling
from keras_simgan.layers.image_batch_normalization import ImageBatchNormalization
from keras_simgan.layers.image_history import ImageHistory
from keras_simgan.layers.image_pool import ImagePool
from keras_simgan.layers.image_store import ImageStore
from keras_simgan.layers.instance_average import InstanceAverage
from keras_simgan.layers.pad_to_multiple import CropToMatch, PadToMultiple
from keras_simgan.layers.persistent_dropout import PersistentDropout
from keras_simgan.layers.reflection_padding import ReflectionPadding2D
from keras_simgan.layers.residual_block import ResidualBlock

__all__ = [
    "AverageHalving",
    "CropToMatch",
    "DiffAugment",
    "Doubling",
    "ImageBatchNormalization",
    "ImageHistory",
    "ImagePool",
    "ImageStore",
    "InstanceAverage",
    "PadToMultiple",
    "PersistentDropout",
    "ReflectionPadding2D",
    "ResidualBlock",
]
