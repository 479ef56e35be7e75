"""Training runs in a folder of their own, which are resumed by starting them again."""

from keras_simgan.runs.cyclegan import train_cyclegan
from keras_simgan.runs.folder import PRESET_FOLDER, RunError, preset_of
from keras_simgan.runs.gazegan import train_gazegan
from keras_simgan.runs.simgan import train_simgan

__all__ = [
    "PRESET_FOLDER",
    "RunError",
    "preset_of",
    "train_cyclegan",
    "train_gazegan",
    "train_simgan",
]
