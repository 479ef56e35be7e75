"""The models that a run can train. A new one is a dataclass, a function, and a line here."""

from typing import NamedTuple

from keras_simgan.runs.options import (
    CycleGANOptions,
    GazeGANOptions,
    Pix2PixHDOptions,
    Pix2PixOptions,
    SimGANOptions,
    TrainingOptions,
)


class TrainableModel(NamedTuple):
    """What `keras-simgan train MODEL` is made from.

    Attributes:
        options: The dataclass of its options.
        train: Where its function `train(out, options)` is, as `pkgutil.resolve_name` reads it. A
            name, for the function needs Keras, which takes seconds to import.
    """

    options: type[TrainingOptions]
    train: str


MODELS = {
    "simgan": TrainableModel(SimGANOptions, "keras_simgan.runs.simgan:train_simgan"),
    "cyclegan": TrainableModel(CycleGANOptions, "keras_simgan.runs.cyclegan:train_cyclegan"),
    "gazegan": TrainableModel(GazeGANOptions, "keras_simgan.runs.gazegan:train_gazegan"),
    "pix2pix": TrainableModel(Pix2PixOptions, "keras_simgan.runs.pix2pix:train_pix2pix"),
    "pix2pixhd": TrainableModel(Pix2PixHDOptions, "keras_simgan.runs.pix2pixhd:train_pix2pixhd"),
}
