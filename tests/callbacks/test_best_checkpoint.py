import json
import math
import os
import shutil
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_simgan import models
from keras_simgan.callbacks import BestCheckpoint
from keras_simgan.metrics import LabelAgreement

SHAPE = (12, 16, 1)
IMAGES = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8, *SHAPE)).astype("float32")


def pixels(images):
    return images.reshape(len(images), -1)


def gap(real, generated):
    """Distance of the means, so that a translator's shift decides it."""
    return abs(float(real.mean() - generated.mean()))


BRIGHTNESS = LabelAgreement(
    lambda x: x.mean(axis=(1, 2)), lambda one, other: np.abs(other - one)[:, 0]
)


class Shifter:
    """Stands in for a GAN: epoch by epoch it shifts images by another number."""

    directions = {"source_to_target": "network"}
    variables = ()
    network = type("Network", (), {"input_shape": (None, None, None, None)})

    def __init__(self):
        self.shift, self.stop_training, self.fails = 0.0, False, None

    def translate(self, images, direction):
        return images + np.float32(self.shift)

    def save_to_preset(self, folder, **metadata):
        folder.mkdir()
        (folder / "model.weights.h5").write_text(str(self.shift))
        if self.fails:
            raise self.fails
        (folder / "metadata.json").write_text(json.dumps(metadata))


def callback(folder, **arguments):
    """A target 0.5 lighter than the source: the distance is 0 at a shift of 0.5."""
    return BestCheckpoint(
        folder / "best",
        IMAGES[0],
        IMAGES[0] + 0.5,
        **{"extractor": pixels, "distance": gap, **arguments},
    )


def play(checkpoint, *shifts, begin=0, ends=True):
    """One epoch for each shift; gives the logs and the model."""
    model, logs = Shifter(), []
    checkpoint.set_model(model)
    checkpoint.on_train_begin()
    for epoch, shift in enumerate(shifts, start=begin):
        model.shift = shift
        logs.append({"loss": 1.0})
        checkpoint.on_epoch_end(epoch, logs[-1])
        if model.stop_training:
            break
    if ends:
        checkpoint.on_train_end()
    return logs, model


def saved(folder):
    return float((folder / "best" / "model.weights.h5").read_text())


def test_keeps_the_smallest_distance_and_logs_all(tmp_path):
    checkpoint = callback(tmp_path)
    logs, _ = play(checkpoint, 0.1, 0.4, 0.2, 0.45, 0.3)
    distances = [0.4, 0.1, 0.3, 0.05, 0.2]
    assert [one["distance"] for one in logs] == pytest.approx(distances, abs=1e-6)
    assert all(set(one) == {"loss", "distance"} for one in logs)
    assert saved(tmp_path) == 0.45
    assert checkpoint.best["epoch"] == 4 and checkpoint.best["label_agreement"] is None
    state = json.loads((tmp_path / "best.json").read_text())
    assert state["best"] == checkpoint.best
    assert [one["epoch"] for one in state["epochs"]] == [1, 2, 3, 4, 5]
    assert [one["distance"] for one in state["epochs"]] == pytest.approx(distances, abs=1e-6)
    metadata = json.loads((tmp_path / "best" / "metadata.json").read_text())
    assert metadata["best_checkpoint"]["distance"] == checkpoint.best["distance"]
    assert sorted(os.listdir(tmp_path)) == ["best", "best.json"]


@pytest.mark.parametrize("sign", [1, -1])
def test_only_epochs_that_keep_labels_qualify(sign, tmp_path):
    """The agreement is the shift, which brings the images nearer but may be 0.3 only."""
    agreement = LabelAgreement(
        BRIGHTNESS.model, lambda *two: sign * BRIGHTNESS.distance(*two), higher_is_better=sign < 0
    )
    checkpoint = callback(tmp_path, label_agreement=agreement, label_bound=sign * 0.31)
    logs, _ = play(checkpoint, 0.5, 0.2, 0.3, 0.4, 0.1)
    assert saved(tmp_path) == 0.3 and checkpoint.best["epoch"] == 3
    shifts = [sign * shift for shift in (0.5, 0.2, 0.3, 0.4, 0.1)]
    assert [one["label_agreement"] for one in logs] == pytest.approx(shifts, abs=1e-6)


def test_warns_where_no_epoch_qualified(tmp_path):
    checkpoint = callback(tmp_path, label_agreement=BRIGHTNESS, label_bound=0.05)
    with pytest.warns(UserWarning, match="No epoch qualified") as caught:
        play(checkpoint, 0.5, 0.2, 0.3)
    assert "best label agreement was 0.2, in epoch 2; `label_bound` is 0.05" in str(
        caught[0].message
    )
    assert checkpoint.best is None and not (tmp_path / "best").exists()
    # What was measured is there to choose another bound by.
    assert len(json.loads((tmp_path / "best.json").read_text())["epochs"]) == 3


def test_weights_that_no_sound_training_gives_do_not_qualify(tmp_path):
    """Bounded outputs hide them."""
    checkpoint = callback(tmp_path)
    play(checkpoint, 0.2)
    weight = keras.Variable([1e30])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shifter, "variables", (weight,))
        logs, _ = play(checkpoint, 0.5, begin=1)
    assert saved(tmp_path) == 0.2 and math.isnan(logs[0]["distance"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_training_that_diverged(value, tmp_path):
    checkpoint = callback(tmp_path, label_agreement=BRIGHTNESS, label_bound=9.0)
    logs, _ = play(checkpoint, 0.1, value, 0.2, value)
    assert saved(tmp_path) == 0.2
    assert math.isnan(logs[1]["distance"]) and math.isnan(logs[1]["label_agreement"])
    state = json.loads((tmp_path / "best.json").read_text(), parse_constant=pytest.fail)
    assert state["epochs"][1] == {"epoch": 2, "distance": None, "label_agreement": None}
    shutil.rmtree(tmp_path / "best")
    (tmp_path / "best.json").unlink()
    with pytest.warns(UserWarning, match="not a finite number|No distance was a finite number"):
        play(checkpoint, value)


def test_every_and_patience(tmp_path):
    checkpoint = callback(tmp_path, every=2, patience=3)
    logs, model = play(checkpoint, 0.5, 0.3, 0.5, 0.2, 0.5, 0.1, 0.5)
    # Measured in epochs 2, 4 and 6; the best is 2, and 6 is the first that is 3 or more later.
    assert [math.isnan(one["distance"]) for one in logs] == [True, False] * 3
    assert model.stop_training and len(logs) == 6 and saved(tmp_path) == 0.3


def test_patience_waits_for_labels(tmp_path):
    arguments = {"label_agreement": BRIGHTNESS, "label_bound": 0.3, "patience": 2}
    logs, model = play(callback(tmp_path, **arguments), 0.5, 0.5, 0.5, 0.5, 0.2, 0.1, 0.1, 0.1)
    assert len(logs) == 7 and saved(tmp_path) == 0.2


def test_a_resumed_training_keeps_the_best(tmp_path):
    play(callback(tmp_path), 0.1, 0.4, 0.2)
    # The third epoch is played again, as it was not in the backup.
    checkpoint = callback(tmp_path, patience=4)
    logs, model = play(checkpoint, 0.2, 0.3, 0.3, begin=2)
    assert saved(tmp_path) == 0.4 and checkpoint.best["epoch"] == 2
    epochs = json.loads((tmp_path / "best.json").read_text())["epochs"]
    assert [one["epoch"] for one in epochs] == [1, 2, 3, 4, 5]
    logs, model = play(callback(tmp_path, patience=4), 0.3, 0.3, 0.5, begin=5)
    assert len(logs) == 1 and model.stop_training
    play(callback(tmp_path), 0.5, begin=6)
    assert saved(tmp_path) == 0.5


@pytest.mark.parametrize("lost", ["best.json", "best"])
def test_the_checkpoint_itself_says_how_good_it_is(lost, tmp_path):
    """The list is written after the folder: a kill in between leaves an old one, or none."""
    play(callback(tmp_path), 0.1, 0.4)
    before = (tmp_path / "best.json").read_text()
    play(callback(tmp_path), 0.45, begin=2)
    if lost == "best":
        shutil.rmtree(tmp_path / "best")
        checkpoint = callback(tmp_path)
        play(checkpoint, 0.2, begin=3)
        assert saved(tmp_path) == 0.2  # of a checkpoint that is gone no score is kept
        return
    (tmp_path / "best.json").write_text(before)
    play(callback(tmp_path), 0.42, begin=3)
    assert saved(tmp_path) == 0.45
    (tmp_path / "best.json").unlink()
    play(callback(tmp_path), 0.42, begin=4)
    assert saved(tmp_path) == 0.45


@pytest.mark.parametrize("killed_at", [1, 2])
def test_killed_between_the_renames(killed_at, tmp_path, monkeypatch):
    play(callback(tmp_path), 0.1, ends=False)
    renames = []
    rename = os.rename

    def kill(*paths):
        renames.append(paths)
        if len(renames) == killed_at:
            raise KeyboardInterrupt
        rename(*paths)

    monkeypatch.setattr(os, "rename", kill)
    with pytest.raises(KeyboardInterrupt):
        play(callback(tmp_path), 0.4, begin=1)
    monkeypatch.undo()
    assert (tmp_path / "best").exists() == (killed_at == 1)
    checkpoint = callback(tmp_path)
    play(checkpoint)
    # Before the first rename the old one stands; after it both are whole, and the new one is taken.
    expected = {1: (0.1, 1), 2: (0.4, 2)}[killed_at]
    assert (saved(tmp_path), checkpoint.best["epoch"]) == expected
    assert sorted(os.listdir(tmp_path)) == ["best", "best.json"]


def test_a_disk_that_fills_up_leaves_the_old_checkpoint(tmp_path):
    checkpoint = callback(tmp_path)
    _, model = play(checkpoint, 0.1)
    model.fails, model.shift = OSError(28, "No space left on device"), 0.4
    with pytest.raises(OSError, match="No space left"):
        checkpoint.on_epoch_end(1)
    assert saved(tmp_path) == 0.1 and checkpoint.best["epoch"] == 1
    assert sorted(os.listdir(tmp_path)) == ["best", "best.json"]


def test_refuses_what_is_not_its_own(tmp_path):
    (tmp_path / "best").mkdir()
    for content in (None, "{}", "no JSON"):
        if content is not None:
            (tmp_path / "best" / "metadata.json").write_text(content)
        with pytest.raises(FileExistsError, match="Choose another `filepath`"):
            play(callback(tmp_path), 0.1)
    assert os.listdir(tmp_path) == ["best"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"distance": lambda real, generated: 0.0}, "distance"),
        ({"extractor": lambda images: images.mean(axis=(1, 2))}, "extractor"),
        ({"distance": type("Other", (), {"__call__": lambda *_: 0.0})()}, "distance"),
        ({"label_agreement": BRIGHTNESS, "label_bound": 0.1}, "label_bound"),
    ],
)
def test_refuses_a_best_that_does_not_compare(arguments, name, tmp_path):
    play(callback(tmp_path), 0.1)
    for lost in (None, "best", "best.json"):
        kept = tmp_path / f"without {lost}"
        shutil.copytree(tmp_path, kept, ignore=shutil.ignore_patterns(lost or "-", "without*"))
        with pytest.raises(ValueError, match=f"other settings.*{name}"):
            play(callback(kept, **arguments), 0.1, begin=1)
    other = BestCheckpoint(tmp_path / "best", IMAGES[1], IMAGES[0] + 0.5, pixels, gap)
    with pytest.raises(ValueError, match="do not compare with these: source_sha256"):
        play(other, 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every": 0}, "`every` must be an integer from 1"),
        ({"every": None}, "`every` must be an integer from 1"),
        ({"patience": 0}, "`patience` must be an integer from 1"),
        ({"label_agreement": BRIGHTNESS}, "belong together.*with `label_agreement`"),
        ({"label_bound": 3.0}, "belong together.*without `label_agreement`"),
        ({"extractor": "none"}, "none"),
    ],
)
def test_refuses_arguments(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        callback(tmp_path, **arguments)


def test_refuses_images_models_and_distances(tmp_path, compiled_simgan, images):
    with pytest.raises(ValueError, match="`source` must be in"):
        BestCheckpoint(tmp_path / "best", IMAGES[0] * 255, IMAGES[1])
    with pytest.raises(ValueError, match="`target` must be images"):
        BestCheckpoint(tmp_path / "best", IMAGES[0], IMAGES[1][..., 0])
    model = compiled_simgan()
    with pytest.raises(ValueError, match=r"`source` has the shape \(8, 6, 16, 1\)"):
        checkpoint = BestCheckpoint(tmp_path / "best", IMAGES[0][:, ::2], IMAGES[1], pixels)
        model.fit(*images, verbose=0, callbacks=[checkpoint])
    for distance in (lambda *_: {"precision": 1}, lambda *_: None):
        with pytest.raises(TypeError, match="`distance` must return a number"):
            checkpoint = callback(tmp_path, distance=distance)
            model.fit(*images, verbose=0, callbacks=[checkpoint])
    assert int(model.step) == 0
    plain = keras.Sequential([keras.layers.Dense(1)])
    plain.compile(loss="mse")
    with pytest.raises(TypeError, match="such as SimGAN. Received: Sequential"):
        plain.fit(np.zeros((2, 1)), np.zeros((2, 1)), callbacks=[callback(tmp_path)])
    assert os.listdir(tmp_path) == []


class Interruption(Exception):
    pass


class Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Interruption


@pytest.fixture(scope="module")
def train(compiled_simgan, images):
    """Trains five epochs and keeps the best one, in a folder."""

    def run(folder, weights_seed=1, interrupt=None):
        model = compiled_simgan(weights_seed=weights_seed, learning_rate=0.005, history_size=4)
        checkpoint = BestCheckpoint(
            folder / "best",
            images[0],
            images[1],
            extractor=pixels,
            distance=gap,
            label_agreement=BRIGHTNESS,
            label_bound=0.5,
        )
        backup = keras.callbacks.BackupAndRestore(folder / "backup")
        callbacks = [checkpoint, backup, *([Interrupt(interrupt)] if interrupt else [])]
        arguments = {"batch_size": 4, "epochs": 5, "shuffle": False, "verbose": 0}
        history = model.fit(*images, **arguments, callbacks=callbacks).history
        return checkpoint, history

    return run


@pytest.fixture(scope="module")
def uninterrupted(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, *train(folder)


@pytest.mark.parametrize("interrupted_at", [2, 4])
def test_interrupted_and_resumed_keeps_the_same_best(
    interrupted_at, train, uninterrupted, images, values, tmp_path
):
    folder, whole, history = uninterrupted
    (tmp_path / "parts").mkdir()
    with pytest.raises(Interruption):
        train(tmp_path / "parts", interrupt=interrupted_at)
    resumed, rest = train(tmp_path / "parts", weights_seed=5)
    assert len(rest["distance"]) == 5 - interrupted_at
    assert resumed.best == whole.best
    # So that a best before and one after the interruption are tried, and worse ones after it.
    assert whole.best["epoch"] == 4
    folders = (folder, tmp_path / "parts")
    states = [(part / "best.json").read_text() for part in folders]
    assert states[0] == states[1]
    presets = [models.SimGAN.from_preset(part / "best") for part in folders]
    for one, other in zip(*(values(model.variables) for model in presets), strict=True):
        np.testing.assert_array_equal(one, other)
    refined = presets[0].predict(images[0], verbose=0)
    measured = float(BRIGHTNESS(refined, before=images[0]).mean())
    assert measured == pytest.approx(whole.best["label_agreement"], abs=1e-6)
    assert history["distance"][whole.best["epoch"] - 1] == whole.best["distance"]
    assert min(history["distance"]) == whole.best["distance"]


def test_default_extractor_and_distance(colour_images, tmp_path):
    source, target = colour_images * 0.5
    checkpoint = BestCheckpoint(tmp_path / "best", source, target + 0.5)
    play(checkpoint, 0.1, 0.5, 0.9)  # the last leaves [-1, 1], which no extractor takes
    assert saved(tmp_path) == 0.5
    settings = json.loads((tmp_path / "best.json").read_text())["settings"]
    assert (settings["extractor"], settings["distance"]) == ("small", "KernelDistance")


def test_watching_changes_no_training(compiled_simgan, images, state, tmp_path):
    states = []
    for callbacks in ([], [BestCheckpoint(tmp_path / "best", *images, pixels)]):
        model = compiled_simgan()
        model.fit(*images, batch_size=6, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        states.append(state(model))
    for alone, watched in zip(*states, strict=True):
        np.testing.assert_array_equal(alone, watched)


def test_no_warning_while_all_is_well(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(callback(Path(tmp_path)), 0.1, 0.2)
