"""Losses. Every reduction is a mean, so that a weight means the same at every image size."""

from keras_simgan.losses.local_adversarial import LocalAdversarialLoss
from keras_simgan.losses.self_regularization import SelfRegularization

__all__ = ["LocalAdversarialLoss", "SelfRegularization"]
