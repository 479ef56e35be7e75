"""What the demonstration measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import keras
import numpy as np

from keras_simgan.metrics.angular_error import angular_error


@dataclass
class DemoResults:
    """What the demonstration measured on unseen eyes.

    Attributes:
        synthetic: uint8 images, shape `(n, height, width, 1 or 3)`.
        refined: The same eyes refined.
        gaze: Labels (pitch, yaw) in radians, shape `(n, 2)`.
        iris: Centre of the iris in pixels (x, y), shape `(n, 2)`.
        held_gaze: The labels as unit vectors, shape `(n, 3)`.
        estimates: Unit vectors by (trained on, tested on).
        mean_gaze_error: Error in degrees of always answering the mean direction.
        curves: Errors in degrees, epoch by epoch, by what was trained on.
        metadata: The preset's metadata.
        facts: How the numbers were made, for the reader.
    """

    synthetic: np.ndarray
    refined: np.ndarray
    gaze: np.ndarray
    iris: np.ndarray
    held_gaze: np.ndarray
    estimates: dict[tuple[str, str], np.ndarray]
    mean_gaze_error: float
    curves: dict[str, dict[str, list[float]]]
    metadata: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def error(self, trained: str, tested: str) -> float:
        """Mean angular error in degrees."""
        return float(angles(self.held_gaze, self.estimates[trained, tested]).mean())


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angles between gaze directions in degrees, shape `(n,)`."""
    return keras.ops.convert_to_numpy(angular_error(first, second))


def shifts(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far the content of each image moved, in pixels, shape `(n,)`.

    By phase correlation (Kuglin and Hines 1975) of the strength of edges, which refining may make
    darker or lighter but should not move.
    """
    height, width = before.shape[1:3]
    window = cv2.createHanningWindow((width, height), cv2.CV_32F)
    moved = [
        cv2.phaseCorrelate(_edges(first), _edges(second), window)[0]
        for first, second in zip(before, after, strict=True)
    ]
    return np.hypot(*np.transpose(moved))


def _edges(image: np.ndarray) -> np.ndarray:
    gray = cv2.GaussianBlur(image.mean(axis=-1).astype("float32"), (0, 0), 1.0)
    return cv2.magnitude(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))
