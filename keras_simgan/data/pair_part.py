"""What the parts of a pair have in common."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np


class PairPart(Protocol):
    """What one part of a pair is: `Photos`, `LabelMaps` or `InstanceMaps`."""

    channels: Any

    def read(self, path: Path) -> np.ndarray:
        """Reads a file as it is."""

    def fit(self, image: np.ndarray, path: Path) -> np.ndarray:
        """Checks and converts what was read, at its own size."""

    def array(self, images: Any, argument: str) -> np.ndarray:
        """Checks and converts an array, at its own size."""

    def resize(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes one image."""

    def batch(self, images: np.ndarray) -> np.ndarray:
        """Makes what was kept what a network is given."""
