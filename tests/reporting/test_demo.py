import re

import cv2
import numpy as np
import pytest

from keras_simgan import models, networks
from keras_simgan.data import EyeRenderer, pitch_yaw_to_vector
from keras_simgan.reporting import demo, demo_page


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("preset")
    model = models.SimGAN(
        networks.Refiner((36, 60, 1), filters=4, blocks=1),
        networks.RefinerDiscriminator((36, 60, 1), stages=((4, 3, 2),)),
        history_size=8,
    )
    model.save_to_preset(
        folder / "small",
        description="Untrained <test>",
        scores={"real_eyes": 500, "error": {"ours": {"synthetic": 10.25, "refined": [7.5, 8.5]}}},
        losses={"loss": [2.0, 1.0], "refiner_adversarial": [0.5, 0.7]},
    )
    return folder / "small"


@pytest.fixture(scope="module")
def report(preset, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    return demo.run_demo(out, preset=preset, train_eyes=64, held_out_eyes=16, epochs=2)


def test_report_holds_eyes_numbers_and_recorded_results(report):
    html = report.read_text(encoding="utf-8")
    assert report.name == "report.html" and [p.name for p in report.parent.iterdir()] == [
        report.name
    ]
    # Two sheets, twelve pairs with two arrows, three pairs with a third image.
    assert html.count("<img ") == 2 + 12 * 2 + 3 * 3
    assert html.count('class="arrow"') == 24
    assert "tested on refined" in html and "movement of the edges" in html
    assert "10.25" in html and "7.5 to 8.5" in html and "real eyes" in html
    assert "Untrained &lt;test&gt;" in html and "refiner adversarial" in html.replace("_", " ")
    assert "nan" not in re.sub(r'src="[^"]*"', "", html)


def test_second_run_replaces_its_own_report(report, preset, monkeypatch):
    class Still:
        def predict(self, images, **kwargs):
            return np.tile([0.0, 0.0, -1.0], (len(images), 1))

    curves = {"training": [1.0], "unseen": [1.0]}
    monkeypatch.setattr(demo, "_train_estimator", lambda *arguments: (Still(), curves))
    before = report.stat().st_mtime_ns
    again = demo.run_demo(report.parent, preset=preset, train_eyes=32, held_out_eyes=8, epochs=1)
    assert again == report and report.stat().st_mtime_ns > before


def test_foreign_folder_is_left_alone(tmp_path, preset):
    theirs = tmp_path / "report.html"
    theirs.write_text("<html>mine</html>")
    with pytest.raises(FileExistsError, match="--out DIR"):
        demo.run_demo(tmp_path, preset=preset)
    with pytest.raises(FileExistsError, match="is a file"):
        demo.run_demo(theirs, preset=preset)
    assert theirs.read_text() == "<html>mine</html>"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(FileExistsError, match="not of this demo"):
        demo.run_demo(tmp_path / "other", preset=preset)


def test_unknown_preset_fails_before_any_work(tmp_path):
    with pytest.raises(ValueError, match="no preset 'nosuch'"):
        demo.run_demo(tmp_path / "out", preset="nosuch")
    assert not (tmp_path / "out").exists()


def results(own, kept, across, mean):
    """Results whose errors, in degrees, are these."""
    gaze = pitch_yaw_to_vector(np.zeros((4, 2)))

    def off(degrees):
        return pitch_yaw_to_vector(np.tile([0.0, np.radians(degrees)], (4, 1)))

    return demo_page.DemoResults(
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


def test_shift_is_found_whatever_the_brightness():
    eyes = EyeRenderer(seed=3).render(6)[0]
    moved = np.roll(eyes, 2, axis=2)
    darker = (0.6 * moved + 20).astype("uint8")
    assert np.median(demo_page.shifts(eyes, eyes)) == pytest.approx(0.0, abs=1e-3)
    assert np.median(demo_page.shifts(eyes, darker)) == pytest.approx(2.0, abs=0.3)
    blurred = np.stack([cv2.GaussianBlur(eye, (0, 0), 0.8)[..., None] for eye in eyes])
    assert np.median(demo_page.shifts(eyes, blurred)) < 0.3
