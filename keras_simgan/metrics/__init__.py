"""Measures of what refined images are worth."""

from keras_simgan.metrics.angular_error import AngularError

__all__ = ["AngularError"]
