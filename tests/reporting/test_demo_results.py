import cv2
import numpy as np
import pytest

from keras_simgan.data import EyeRenderer
from keras_simgan.reporting.demo_results import DemoResults, shifts


def test_shift_is_found_whatever_the_brightness():
    eyes = EyeRenderer(seed=3).render(6)[0]
    moved = np.roll(eyes, 2, axis=2)
    darker = (0.6 * moved + 20).astype("uint8")
    assert np.median(shifts(eyes, eyes)) == pytest.approx(0.0, abs=1e-3)
    assert np.median(shifts(eyes, darker)) == pytest.approx(2.0, abs=0.3)
    blurred = np.stack([cv2.GaussianBlur(eye, (0, 0), 0.8)[..., None] for eye in eyes])
    assert np.median(shifts(eyes, blurred)) < 0.3


def test_errors_are_mean_angles_in_degrees():
    gaze = np.eye(3)
    estimates = {("synthetic", "refined"): np.array([[1.0, 0, 0], [1, 1, 0], [1, 0, 0]])}
    found = DemoResults(
        synthetic=np.zeros((3, 4, 6, 1), "uint8"),
        refined=np.zeros((3, 4, 6, 1), "uint8"),
        gaze=np.zeros((3, 2)),
        iris=np.zeros((3, 2)),
        held_gaze=gaze,
        estimates=estimates,
        mean_gaze_error=0.0,
        curves={},
    )
    # 0, 45 and 90 degrees.
    assert found.error("synthetic", "refined") == pytest.approx(45.0, abs=0.1)
