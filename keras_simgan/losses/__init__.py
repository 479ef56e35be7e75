"""Losses. Every reduction is a mean, so that a weight means the same at every image size."""

from keras_simgan.losses.adversarial import AdversarialLoss
from keras_simgan.losses.by_name import adversarial_loss
from keras_simgan.losses.cross_entropy import MinimaxLoss, NonSaturatingLoss
from keras_simgan.losses.feature_matching import feature_matching
from keras_simgan.losses.gradient_penalty import GradientPenalty, R1Penalty
from keras_simgan.losses.hinge import HingeLoss
from keras_simgan.losses.label_consistency import LabelConsistency
from keras_simgan.losses.least_squares import LeastSquaresLoss
from keras_simgan.losses.local_adversarial import LocalAdversarialLoss
from keras_simgan.losses.perceptual import PerceptualLoss, vgg19_extractor
from keras_simgan.losses.self_regularization import SelfRegularization
from keras_simgan.losses.wasserstein import WassersteinLoss
from keras_simgan.losses.weight_clipping import WeightClipping

__all__ = [
    "AdversarialLoss",
    "GradientPenalty",
    "HingeLoss",
    "LabelConsistency",
    "LeastSquaresLoss",
    "LocalAdversarialLoss",
    "MinimaxLoss",
    "NonSaturatingLoss",
    "PerceptualLoss",
    "R1Penalty",
    "SelfRegularization",
    "WassersteinLoss",
    "WeightClipping",
    "adversarial_loss",
    "feature_matching",
    "vgg19_extractor",
]
