"""Architectures, as functional `keras.Model`s."""

from keras_simgan.networks.gaze_estimator import GazeEstimator
from keras_simgan.networks.refiner import Refiner
from keras_simgan.networks.refiner_discriminator import RefinerDiscriminator

__all__ = ["GazeEstimator", "Refiner", "RefinerDiscriminator"]
