"""GANs in Keras 3 that make synthetic training images realistic and keep their labels."""

__version__ = "0.1.0"

import importlib

from keras_simgan.registration import register

register()

_ROOMS = (
    "callbacks",
    "data",
    "evaluation",
    "layers",
    "losses",
    "metrics",
    "models",
    "networks",
    "presets",
    "refinement",
    "reporting",
    "schedules",
)

__all__ = ["__version__", *_ROOMS]


def __getattr__(name: str):
    # Rooms are imported when first used: the command line's --help needs no Keras, and nothing but
    # the input pipelines of `data` needs TensorFlow.
    if name in _ROOMS:
        return importlib.import_module(f"keras_simgan.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
