"""Measures of what refined images are worth."""

from keras_simgan.metrics.angular_error import AngularError
from keras_simgan.metrics.domain_classifier import DomainClassifierAccuracy, proxy_a_distance
from keras_simgan.metrics.estimate import Estimate
from keras_simgan.metrics.features import FeatureExtractor, feature_extractor, register_extractor
from keras_simgan.metrics.frechet_distance import FrechetDistance, frechet_distance
from keras_simgan.metrics.kernel_distance import KernelDistance
from keras_simgan.metrics.label_agreement import LabelAgreement
from keras_simgan.metrics.precision_recall import PrecisionRecall
from keras_simgan.metrics.realism_critic import RealismCritic
from keras_simgan.metrics.reference import ReferenceStatistics
from keras_simgan.metrics.similarity import peak_signal_to_noise, structural_similarity
from keras_simgan.metrics.transfer_gain import TransferScore, transfer_gain

__all__ = [
    "AngularError",
    "DomainClassifierAccuracy",
    "Estimate",
    "FeatureExtractor",
    "FrechetDistance",
    "KernelDistance",
    "LabelAgreement",
    "PrecisionRecall",
    "RealismCritic",
    "ReferenceStatistics",
    "TransferScore",
    "feature_extractor",
    "frechet_distance",
    "peak_signal_to_noise",
    "proxy_a_distance",
    "register_extractor",
    "structural_similarity",
    "transfer_gain",
]
