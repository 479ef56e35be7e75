"""What a training can be asked for: a dataclass for each model. No Keras, for a fast --help."""

from keras_simgan.runs.options.cyclegan import CycleGANOptions
from keras_simgan.runs.options.gazegan import GazeGANOptions
from keras_simgan.runs.options.option import (
    changed,
    flag,
    option,
    options_of,
    read_options,
    values_of,
)
from keras_simgan.runs.options.pix2pix import Pix2PixOptions
from keras_simgan.runs.options.pix2pixhd import Pix2PixHDOptions
from keras_simgan.runs.options.simgan import SimGANOptions
from keras_simgan.runs.options.training import TrainingOptions

__all__ = [
    "CycleGANOptions",
    "GazeGANOptions",
    "Pix2PixOptions",
    "Pix2PixHDOptions",
    "SimGANOptions",
    "TrainingOptions",
    "changed",
    "flag",
    "option",
    "options_of",
    "read_options",
    "values_of",
]
