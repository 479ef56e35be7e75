import argparse
import json
import re

import numpy as np
import pytest

from keras_simgan.cli.evaluate import add_evaluate
from keras_simgan.data import to_unit, write_folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    draw = np.random.default_rng(0)
    labels = {"kind": np.arange(20) % 2}
    images = draw.integers(0, 80, (20, 16, 16, 1)).astype("uint8")
    for name, shift in (("synthetic", 0), ("refined", 60)):
        write_folder(folder / name, images + np.uint8(shift), labels)
    real = draw.integers(70, 150, (20, 16, 16, 1)).astype("uint8")
    write_folder(folder / "real", real, labels)
    return folder


@pytest.fixture
def evaluate(folders):
    """Runs the command on the folders, with further arguments."""

    def run(*words, real=True):
        parser = argparse.ArgumentParser()
        add_evaluate(parser.add_subparsers())
        words = ["--synthetic", folders / "synthetic", "--refined", folders / "refined", *words]
        if real:
            words += ["--real", folders / "real"]
        arguments = parser.parse_args(["evaluate", *map(str, words)])
        arguments.run(arguments)

    return run


def test_prints_one_table_and_writes_the_page(evaluate, tmp_path, capsys):
    report = tmp_path / "new" / "page.html"
    evaluate("--report", report)
    told = capsys.readouterr().out
    assert len(re.findall(r"^measure \(better\) .* synthetic .* refined", told, re.M)) == 1
    row = r"^kernel distance, small KID \(lower\) +[-\d.]+ \([-\d.]+ to [-\d.]+\)"
    assert re.search(row, told, re.M)
    assert re.search("^(Nearer to the photos; whether|Do not train on the)", told, re.M)
    assert str(report) in told
    html = report.read_text(encoding="utf-8")
    assert "<dt>command</dt><dd>keras-simgan evaluate --synthetic " in html
    assert [path.name for path in report.parent.iterdir()] == ["page.html"]
    # A page of ours is replaced, by the same where nothing is new.
    before = report.stat().st_mtime_ns
    evaluate("--report", report)
    assert report.stat().st_mtime_ns > before
    assert report.read_text(encoding="utf-8") == html
    evaluate("--report", report, "--sample", "2048", "--seed", "3", "--convert-channels")
    assert report.stat().st_mtime_ns > before
    html = report.read_text(encoding="utf-8")
    command = re.search("<dt>command</dt><dd>([^<]*)</dd>", html)[1]
    # Defaults are left out.
    assert command.endswith(f"--report {report} --seed 3 --convert-channels")


def test_labels_train_networks_whose_results_are_kept(evaluate, tmp_path, capsys):
    report = tmp_path / "page.html"
    words = ("--report", report, "--labels", "kind", "--steps", "1", "--seeds", "1")
    evaluate(*words)
    assert "gain over augmented, % right (higher)" in capsys.readouterr().out
    (kept,) = (tmp_path / "page.html.trainings").iterdir()
    before = kept.stat().st_mtime_ns
    evaluate(*words)
    assert kept.stat().st_mtime_ns == before


def test_reference_of_a_preset_takes_the_place_of_photos(evaluate, folders, tmp_path, capsys):
    from keras_simgan import metrics, models, networks
    from keras_simgan.data import read_folder, read_image

    preset = tmp_path / "preset"
    models.SimGAN(
        networks.Refiner((16, 16, 1), filters=2, blocks=1),
        networks.RefinerDiscriminator((16, 16, 1), stages=((2, 3, 2),)),
    ).save_to_preset(preset)
    words = ("--report", tmp_path / "page.html", "--reference", preset)
    with pytest.raises(ValueError, match=r"keeps no reference\.npz"):
        evaluate(*words, real=False)
    real = [to_unit(read_image(folders / "real" / n)) for n in read_folder(folders / "real")[0]]
    metrics.ReferenceStatistics.of(np.stack(real)).save(preset / "reference.npz")
    evaluate(*words, real=False)
    assert "kernel distance" in capsys.readouterr().out
    # Its features are of photos of the preset's size, and comparable with those of no other.
    metadata = json.loads((preset / "metadata.json").read_text())
    assert metadata["image_shape"] == [16, 16, 1]
    for shape, size, found in (
        ([14, 12, 1], (), "14x12"),
        ([14, 12, 1], ("--image-size", 11, 13), "11x13"),
        ([None, None, 1], (), "16x16"),
    ):
        (preset / "metadata.json").write_text(json.dumps({**metadata, "image_shape": shape}))
        evaluate(*words, *size, real=False)
        html = (tmp_path / "page.html").read_text(encoding="utf-8")
        assert f"<dt>image size</dt><dd>{found}, 1 channels</dd>" in html
    with pytest.raises(SystemExit):
        evaluate(*words)  # --real besides


def test_foreign_page_is_left_alone(evaluate, tmp_path):
    theirs = tmp_path / "thesis.html"
    theirs.write_text("<html>mine</html>")
    with pytest.raises(FileExistsError, match="not a page of this command"):
        evaluate("--report", theirs)
    assert theirs.read_text() == "<html>mine</html>"
    with pytest.raises(IsADirectoryError, match="is a folder"):
        evaluate("--report", tmp_path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "9"], "--steps does nothing without --labels"),
        (["--labels-encoding", "x"], "--labels-encoding does nothing without --labels"),
        (["--test", "x"], "--test does nothing without --labels"),
        (["--label-model", "x"], "go together"),
        (["--label-distance", "angle"], "go together"),
        (["--label-bound", "1"], "--label-bound does nothing"),
        (["--label-model", "x", "--label-distance", "angle"], "there is no file 'x'"),
        (["--run", "nowhere"], "There is no 'nowhere/log.csv'"),
        (["--sample", "3"], "from 20"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_work(evaluate, tmp_path, words, message):
    with pytest.raises(ValueError, match=message):
        evaluate("--report", tmp_path / "page.html", *words)
    assert not list(tmp_path.iterdir())
