"""Refining whole data sets on disk."""

from keras_simgan.refinement.folder import RefinementReport, refine_folder
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.journal import RefinementError

__all__ = ["ImageRefiner", "RefinementError", "RefinementReport", "refine_folder"]
