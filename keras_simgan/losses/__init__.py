"""Losses. Every reduction is a mean, so that a weight means the same at every image size."""

from keras_simgan.losses.label_consistency import LabelConsistency
from keras_simgan.losses.least_squares import LeastSquaresLoss
from keras_simgan.losses.local_adversarial import LocalAdversarialLoss
from keras_simgan.losses.self_regularization import SelfRegularization

__all__ = ["LabelConsistency", "LeastSquaresLoss", "LocalAdversarialLoss", "SelfRegularization"]
