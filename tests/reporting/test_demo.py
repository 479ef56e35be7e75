import re

import numpy as np
import pytest

from keras_simgan import models, networks
from keras_simgan.reporting import demo


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
