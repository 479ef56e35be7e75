"""Lets Keras find this package's classes in files, whatever was imported before.

`keras.saving.load_model` knows the classes of modules that were imported. Rooms are imported when
first used, and some need a backend, so each class has a stand-in until then.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from typing import Any

PREFIX = "keras_simgan>"
#: The classes that files may name, by room.
CLASSES = {
    "layers": (
        "AverageHalving",
        "CropToMatch",
        "DiffAugment",
        "Doubling",
        "ImageBatchNormalization",
        "ImageHistory",
        "ImagePool",
        "InstanceAverage",
        "PadToMultiple",
        "PersistentDropout",
        "ReflectionPadding2D",
        "ResidualBlock",
    ),
    "losses": (
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
    ),
    "metrics": ("AngularError",),
    "models": ("CycleGAN", "GazeGAN", "Pix2Pix", "Pix2PixHD", "SimGAN"),
    "networks": (
        "FeatureNetwork",
        "GazeEstimator",
        "InstanceEncoder",
        "LocalEnhancer",
        "MultiScaleDiscriminator",
        "PatchDiscriminator",
        "Refiner",
        "RefinerDiscriminator",
        "ResNetGenerator",
        "UNetGenerator",
    ),
    "schedules": ("Alternate", "LinearDecay"),
}


class StandIn:
    """A registered class that is imported when a file asks for it.

    Args:
        room: The room that has it.
        name: Its name.
    """

    def __init__(self, room: str, name: str):
        self.room, self.__name__ = room, name

    def resolve(self) -> type[Any]:
        """The class; importing it has put it in this one's place."""
        return getattr(importlib.import_module(f"keras_simgan.{self.room}"), self.__name__)

    def from_config(self, config: dict, *arguments: Any) -> Any:
        """What Keras calls to build an object."""
        return self.resolve().from_config(config, *arguments)


def register() -> None:
    """Gives Keras a stand-in for each class, at once or when Keras is imported."""
    if "keras" in sys.modules and hasattr(sys.modules["keras"], "saving"):
        objects = sys.modules["keras"].saving.get_custom_objects()
        for room, names in CLASSES.items():
            for name in names:
                objects.setdefault(PREFIX + name, StandIn(room, name))
    else:
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Calls `register` as soon as Keras has been imported."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            execute = loader.exec_module

            def execute_and_register(module):
                execute(module)
                register()

            loader.exec_module = execute_and_register
        return spec
