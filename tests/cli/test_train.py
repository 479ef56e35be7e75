import csv
import json

import numpy as np
import pytest

from keras_simgan import callbacks
from keras_simgan.callbacks import image_grid
from keras_simgan.data import read_image
from keras_simgan.models import SimGAN


def weights(out):
    model = SimGAN.from_preset(out / "preset")
    return [np.array(w) for w in model.refiner.get_weights() + model.discriminator.get_weights()]


def epochs(out):
    with (out / "log.csv").open() as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def test_train_writes_its_folder(run):
    assert json.loads((run / "run.json").read_text())["options"]["batch_size"] == 4
    assert epochs(run) == [0, 1, 2]
    assert sorted(path.name for path in (run / "samples").iterdir()) == [
        f"epoch_000{i}.png" for i in (1, 2, 3)
    ]
    # 8 columns of 12 pixels and 3 rows of 8, enlarged 12 times.
    assert read_image(run / "samples/epoch_0001.png").shape == (3 * 8 * 12, 8 * 12 * 12, 1)
    metadata = json.loads((run / "preset/metadata.json").read_text())
    assert metadata["image_shape"] == [8, 12, 1]
    assert "renders to photos, 3 epochs of 3 steps" in metadata["description"]


def test_train_resumes_exactly(train, folders, run, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    original = callbacks.ImageGrid.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    monkeypatch.setattr(callbacks.ImageGrid, "on_epoch_end", interrupt)
    assert train(folders, out, "--epochs", "3") == 130
    assert "again to go on" in capsys.readouterr().err
    monkeypatch.setattr(callbacks.ImageGrid, "on_epoch_end", original)
    assert train(folders, out, "--epochs", "3") == 0
    assert epochs(out) == [0, 1, 2]
    for resumed, whole in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(resumed, whole)
    # A finished run stays as it is, and goes on with more epochs.
    assert train(folders, out, "--epochs", "3") == 0
    for again, whole in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(again, whole)
    assert train(folders, out, "--epochs", "4") == 0
    assert epochs(out) == [0, 1, 2, 3]
    assert not np.array_equal(weights(out)[0], weights(run)[0])


def test_train_with_validation(train, folders, tmp_path):
    images = ["--validation-source", str(folders / "renders")]
    images += ["--validation-target", str(folders / "photos")]
    assert train(folders, tmp_path / "run", "--epochs", "1", *images) == 0
    with (tmp_path / "run/log.csv").open() as file:
        assert float(next(csv.DictReader(file))["val_self_regularization"]) > 0


@pytest.mark.graph  # eagerly, TensorFlow warns itself
def test_the_monitor_warns_and_logs(train, folders, tmp_path, monkeypatch, capsys):
    measured = {"source_to_target": {"change": 0.001, "correlation": 0.5}}
    monkeypatch.setattr(callbacks.TranslationMonitor, "_measure", lambda self: measured)
    assert train(folders, tmp_path / "run", "--epochs", "2") == 0
    warning, *others = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: Epoch 2: source_to_target changes its images by 0.001")
    assert not [line for line in others if "warning: Epoch" in line]
    with (tmp_path / "run/log.csv").open() as file:
        row = next(csv.DictReader(file))
    assert float(row["source_to_target_change"]) == 0.001
    assert float(row["source_to_target_correlation"]) == 0.5


def test_tensorboard_that_is_missing(train, folders, tmp_path, monkeypatch, capsys):
    found = image_grid.find_spec
    monkeypatch.setattr(
        image_grid, "find_spec", lambda name: None if name == "tensorboard" else found(name)
    )
    logs = tmp_path / "logs"
    assert train(folders, tmp_path / "run", "--tensorboard", str(logs)) == 2
    assert "pip install tensorboard" in capsys.readouterr().err
    assert not logs.exists() and not (tmp_path / "run").exists()


def test_train_errors(train, folders, run, tmp_path, capsys):
    def error(*arguments):
        assert train(*arguments) == 2
        message = capsys.readouterr().err
        assert message.startswith("keras-simgan: error: ") and message.count("\n") == 1
        return message

    message = error(folders, run, "--regularization", "5", "--seed", "3")
    assert "--regularization was 2.0, is now 5.0; --seed was 0, is now 3" in message
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    assert "is not the folder of a run" in error(folders, tmp_path / "mine")
    assert "is a file" in error(folders, tmp_path / "mine/file")
    (tmp_path / "mine/run.json").write_text("{")
    assert "is damaged" in error(folders, tmp_path / "mine")
    assert "go together" in error(folders, tmp_path / "new", "--validation-source", "x")
    assert "expected 3 channels (colour)" in error(folders, tmp_path / "new", "--channels", "3")
    assert "does not exist" in error(tmp_path / "absent", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_debug_shows_the_trace(train, tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        train(tmp_path / "absent", tmp_path / "new", "--debug")
