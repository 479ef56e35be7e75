"""What to watch while a model trains."""

from keras_simgan.callbacks.image_grid import ImageGrid

__all__ = ["ImageGrid"]
