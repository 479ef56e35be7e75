import shutil

import h5py
import keras
import numpy as np
import pytest

from keras_simgan import cli, presets
from keras_simgan.data import LabelError
from keras_simgan.losses import HingeLoss
from keras_simgan.runs import decaying, simgan
from keras_simgan.runs.options import CycleGANOptions, SimGANOptions
from keras_simgan.runs.training import read_data
from keras_simgan.schedules import LinearDecay


def test_flips_and_crops(folders):
    common = {"source": str(folders / "renders"), "target": str(folders / "photos")}
    common |= {"batch_size": 2}
    assert not read_data(SimGANOptions(**common)).train.flip  # SimGAN has no such option
    data = read_data(CycleGANOptions(**common, crop=(12, 16)))
    assert data.train.flip and data.train.crop_size == (12, 16)
    # What is watched are the windows in the middle, in order.
    whole = data.train.source[np.arange(5)]
    np.testing.assert_array_equal(data.samples[0], whole[:, 6:18, 4:20])
    assert not read_data(CycleGANOptions(**common, no_flip=True)).train.flip


def test_labels_are_read_where_they_are_needed(folders, tmp_path):
    source = tmp_path / "renders"
    shutil.copytree(folders / "renders", source)
    (source / "labels.json").write_text("{")
    options = SimGANOptions(source=str(source), target=str(folders / "photos"), batch_size=2)
    assert read_data(options).train.source_labels == {}
    with pytest.raises(LabelError, match="labels.json' is not valid JSON"):
        read_data(options, with_labels=True)


def test_the_options_of_the_engine_reach_a_training(train, tmp_path):
    given = ("--adversarial-loss", "hinge", "--cycle-distance", "l2", "--ema", "0.9")
    assert train("cyclegan", tmp_path / "run", "--epochs", 1, "--decay-epochs", 0, *given) == 0
    model = presets.load(tmp_path / "run" / "preset")
    assert isinstance(model.adversarial_loss, HingeLoss)
    assert model.cycle_distance == "l2"
    # The preset holds the averages, and the backup the weights too.
    backup = max((tmp_path / "run" / "backup").glob("*.h5"))
    generator = model.generator.get_weights()[0]
    stored = []
    with h5py.File(backup) as file:
        file.visititems(
            lambda name, item: stored.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    alike = [value for value in stored if np.shape(value) == generator.shape]
    assert any((value == generator).all() for value in alike)
    assert any(0 < np.abs(value - generator).max() < 0.01 for value in alike)


@pytest.mark.parametrize(
    "model, rate", [("cyclegan", "1e30"), ("pix2pix", "1e6"), ("simgan", "1e6")]
)
def test_weights_that_diverged_replace_none(model, rate, folders, tmp_path, monkeypatch, capsys):
    """At 1e6 losses are finite: outputs are bounded by tanh, whatever the weights."""
    images, made = folders / "renders", []
    options = ["--source", images, "--target", images, "--out", tmp_path / "run"]
    options += ["--filters", "2", "--batch-size", "2", "--epochs", "2", "--steps-per-epoch", "1"]
    options += ["--image-size", "8", "8"]

    class Rate(LinearDecay):
        """A small one in the first step, then what is asked for."""

        def __call__(self, step):
            made.append(self)
            return keras.ops.where(keras.ops.cast(step, "int32") < 1, 1e-4, float(rate))

    def optimizers():
        return tuple(keras.optimizers.SGD(Rate(1.0, 0, 1)) for _ in range(2))

    if model == "simgan":
        monkeypatch.setattr(simgan, "_OPTIMIZERS", {"sgd": optimizers})
        options += ["--optimizer", "sgd", "--blocks", "1", "--history", "2"]
        options += ["--refiner-warmup", "0", "--discriminator-warmup", "0"]
    else:
        monkeypatch.setattr(decaying, "LinearDecay", Rate)
        options += ["--decay-epochs", "0", "--discriminator-layers", "1"]
        options += ["--depth", "2"] if model == "pix2pix" else ["--blocks", "1"]
    command = ["train", model, *map(str, options)]
    assert cli.main(command) == 2
    told = capsys.readouterr().err
    assert "after epoch 2: the training has diverged" in told
    assert "keeps the state of 1 epochs" in told and made
    weights = presets.load(tmp_path / "run/preset").get_weights()
    assert max(np.abs(value).max() for value in weights if value.dtype.kind == "f") < 10
    assert "1 epochs of 1 steps" in (tmp_path / "run/preset/metadata.json").read_text()
    monkeypatch.undo()
    if model != "simgan":  # whose other optimizer would not fit
        assert cli.main(command) == 0
        assert "2 epochs of 1 steps" in (tmp_path / "run/preset/metadata.json").read_text()


@pytest.mark.graph  # eagerly TensorFlow gives a warning of its own
def test_a_state_that_does_not_work_replaces_none(train, error, tmp_path, folders):
    """The loss of an epoch is measured before its last update, which may be the one too many."""
    out, options = tmp_path / "run", ("--steps-per-epoch", "1", "--decay-epochs", "0")
    assert "no state" in error(
        "cyclegan", out, *options, "--epochs", "1", "--learning-rate", "1e30"
    )
    assert not (out / "preset").exists() and not list((out / "backup").glob("*"))
    validation = ("--validation-source", folders / "renders")
    validation += ("--validation-target", folders / "photos")
    message = error(
        *("cyclegan", tmp_path / "other", *options, *validation),
        *("--epochs", "1", "--learning-rate", "1e30"),
    )
    assert "not finite after epoch 1" in message


def test_epochs_that_were_not_finished_leave_the_log(train, log, interrupted, tmp_path):
    out, options = tmp_path / "run", ("--steps-per-epoch", "1", "--epochs", "3")
    interrupted("on_epoch_end", 1, lambda: train("cyclegan", out, *options))
    with (out / "log.csv").open("a") as file:
        file.write("1,0.5,0.2")  # half a line, as a kill leaves it
    assert train("cyclegan", out, *options) == 0
    assert [row["epoch"] for row in log(out)] == ["0", "1", "2"]
