import numpy as np
import pytest

from keras_simgan.data import pitch_yaw_to_vector
from keras_simgan.reporting import demo_page
from keras_simgan.reporting.demo_results import DemoResults


def results(own, kept, across, mean):
    """Results whose errors, in degrees, are these."""
    gaze = pitch_yaw_to_vector(np.zeros((4, 2)))

    def off(degrees):
        return pitch_yaw_to_vector(np.tile([0.0, np.radians(degrees)], (4, 1)))

    return DemoResults(
        synthetic=np.zeros((4, 36, 60, 1), "uint8"),
        refined=np.zeros((4, 36, 60, 1), "uint8"),
        gaze=np.zeros((4, 2)),
        iris=np.zeros((4, 2)),
        held_gaze=gaze,
        estimates={
            ("synthetic", "synthetic"): off(own),
            ("synthetic", "refined"): off(across),
            ("refined", "refined"): off(kept),
            ("refined", "synthetic"): off(own),
        },
        mean_gaze_error=mean,
        curves={"synthetic": {"training": [own], "unseen": [own]}},
    )


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((5.0, 5.5, 9.0, 13.0), ("still show the gaze", "4.0° more than on its own kind")),
        ((5.0, 8.0, 9.0, 13.0), ("harder to read from the refined eyes, by 3.0°", "4.0° more")),
        ((5.0, 12.0, 5.2, 13.0), ("lost much", "about as much as on its own kind")),
        ((12.0, 12.0, 12.0, 13.0), ("shows nothing about them", "about as much")),
    ],
)
def test_findings_follow_the_numbers(numbers, expected):
    for sentence, part in zip(demo_page.findings(results(*numbers)), expected, strict=True):
        assert part in sentence
        assert sentence.endswith(".") and "—" not in sentence


def test_preset_without_scores_says_so():
    html = demo_page.build(results(5.0, 5.5, 9.0, 13.0)).html()
    assert "no results on them were recorded" in html
