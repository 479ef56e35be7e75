"""Layers that the networks and the games are made of."""

from keras_simgan.layers.image_history import ImageHistory
from keras_simgan.layers.residual_block import ResidualBlock

__all__ = ["ImageHistory", "ResidualBlock"]
