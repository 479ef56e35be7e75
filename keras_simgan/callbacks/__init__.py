"""What to watch while a model trains."""

from keras_simgan.callbacks.backup import Backup
from keras_simgan.callbacks.best_checkpoint import BestCheckpoint
from keras_simgan.callbacks.image_grid import ImageGrid
from keras_simgan.callbacks.translation_monitor import TranslationMonitor

__all__ = ["Backup", "BestCheckpoint", "ImageGrid", "TranslationMonitor"]
