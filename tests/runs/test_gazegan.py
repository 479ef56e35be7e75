import json
import shutil

import keras
import numpy as np
import pytest

from keras_simgan import models
from keras_simgan.data import write_folder
from keras_simgan.runs import gaze_estimator, gazegan

EPOCHS = ("--epochs", "1", "--estimator-epochs", "2")


@pytest.fixture(scope="module")
def run(train, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "gaze"
    assert train("gazegan", out, *EPOCHS) == 0
    return out


def test_an_estimator_is_trained_first(run, log):
    (row,) = log(run)
    assert float(row["gaze_consistency"]) > 0 and "source_identity" not in row
    model = models.GazeGAN.from_preset(run / "preset")
    assert model.gaze_estimator.input_shape == (None, 24, 24, 1)
    kept = keras.saving.load_model(run / "gaze_estimator.keras").get_weights()
    for own, trained in zip(model.gaze_estimator.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(own, trained)


def test_a_resumed_run_reads_the_estimator(train, run, weights, interrupted, monkeypatch, tmp_path):
    out = tmp_path / "run"
    # Before the first epoch is over: the networks' first weights must be the same as well.
    interrupted("on_epoch_begin", 0, lambda: train("gazegan", out, *EPOCHS))
    before = (out / "gaze_estimator.keras").stat().st_mtime_ns

    def train_again(*_):
        raise AssertionError("the estimator was trained again")

    monkeypatch.setattr(gazegan, "train_estimator", train_again)
    assert train("gazegan", out, *EPOCHS) == 0
    assert (out / "gaze_estimator.keras").stat().st_mtime_ns == before
    for resumed, whole in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(resumed, whole)


def test_an_estimator_that_is_given(train, run, folders, monkeypatch, tmp_path):
    trained = []
    monkeypatch.setattr(gazegan, "fit", lambda run, model, data, watching: trained.append(model))
    options = ("--gaze-estimator", run / "gaze_estimator.keras", "--epochs", "1")
    options += ("--gaze-weight", "3", "--gaze-on", "cycled", "--identity-weight", "0.25")
    # Images without labels will do.
    assert train("gazegan", tmp_path / "run", *options, source=folders / "photos") == 0
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.json"]
    (model,) = trained
    assert (model.gaze_weight, model.gaze_on, model.identity_weight) == (3, "cycled", 0.25)
    assert model.generator_label == 0.9
    expected = keras.saving.load_model(run / "gaze_estimator.keras").get_weights()
    for own, given in zip(model.gaze_estimator.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(own, given)


def test_images_without_gaze_train_no_estimator(train, folders, monkeypatch, tmp_path, capsys):
    source, seen = tmp_path / "renders", []
    shutil.copytree(folders / "renders", source)
    labels = json.loads((source / "labels.json").read_text())
    rows = [",".join([name, *map(str, label["gaze"])]) for name, label in labels.items()]
    rows[2], rows[4] = "000002.png,,0.1", "000004.png,NA,NA"
    (source / "labels.json").unlink()
    table = "\n".join(["name,gaze_0,gaze_1", *rows])
    (source / "labels.csv").write_text(table.replace("name", "Prüfling"), "latin-1")
    monkeypatch.setattr(gazegan, "fit", lambda *_: None)
    original = gaze_estimator._GazeBatches
    monkeypatch.setattr(
        gaze_estimator, "_GazeBatches", lambda *of: seen.append(of) or original(*of)
    )
    options = (*EPOCHS, "--labels-encoding", "latin-1")
    assert train("gazegan", tmp_path / "run", *options, source=source) == 0
    assert sorted(seen[0][2]) == [0, 1, 3, 5]
    told = capsys.readouterr().err
    assert "labels.csv' lacks values" in told and "2 of 6 images of the source" in told
    (source / "labels.csv").write_text(
        "name,gaze_0,gaze_1\n" + "".join(f"{name},,\n" for name in labels)
    )
    assert train("gazegan", tmp_path / "none", *EPOCHS, source=source) == 2
    assert "has no value. Either pass" in capsys.readouterr().err


def test_errors(error, run, folders, tmp_path):
    def with_labels(name, labels):
        write_folder(tmp_path / name, np.zeros((3, 24, 24, 1), "uint8"), labels)
        return {"source": tmp_path / name}

    new = tmp_path / "new"
    message = error("gazegan", new, source=folders / "photos")
    assert "has no `gaze` to train one on: no labels at all" in message
    assert "--gaze-estimator FILE" in message and "labels.json" in message
    message = error("gazegan", new, **with_labels("poses", {"head": np.zeros((3, 2))}))
    assert "train one on: only head. Either pass" in message
    message = error("gazegan", new, **with_labels("vectors", {"gaze": np.zeros((3, 3))}))
    assert "has the shape (3, 3) and the type float64; expected numbers (n, 2)" in message
    message = error("gazegan", new, **with_labels("words", {"gaze": np.array([["a", "b"]] * 3)}))
    assert "expected numbers (n, 2)" in message
    message = error("gazegan", new, **with_labels("degrees", {"gaze": np.full((3, 2), -20)}))
    assert "values up to 20, which are no angles in radians" in message
    message = error("gazegan", new, "--crop", "16", "24")
    assert "at least 20x20 pixels; these are 16x24" in message
    estimator = ("--gaze-estimator", run / "gaze_estimator.keras")
    message = error("gazegan", new, *estimator, "--image-size", "20", "24")
    assert "takes images of 24x24x1" in message and "trains on 20x24x1" in message
    message = error("gazegan", new, *estimator, "--estimator-epochs", "5")
    assert "leave one of them out" in message
    assert "there is no file" in error("gazegan", new, "--gaze-estimator", "absent.keras")
    assert not new.exists()
    message = error("gazegan", run, *EPOCHS, "--gaze-weight", "2")
    assert "--gaze-weight was 25.0, is now 2.0" in message
