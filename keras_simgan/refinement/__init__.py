"""Refining whole data sets on disk."""

from keras_simgan.refinement.dataset import refine_dataset
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.manifest import read_manifest
from keras_simgan.refinement.record import RefinementError
from keras_simgan.refinement.run import RefinementReport

__all__ = [
    "ImageRefiner",
    "RefinementError",
    "RefinementReport",
    "read_manifest",
    "refine_dataset",
]
