"""Trained models: the bundled ones and the folders they are kept in."""

from keras_simgan.presets.folder import load, save
from keras_simgan.presets.registry import presets

__all__ = ["load", "presets", "save"]
