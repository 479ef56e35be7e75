import os
import warnings

import keras
import numpy as np
import pytest

from keras_simgan.callbacks import Backup

EPOCHS = 4


class Kill(BaseException):
    """Stands for `kill -9`: nothing of ours may depend on what runs afterwards."""


def build(seed=1):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    return model


def train(folder, epochs=EPOCHS, seed=1, callbacks=()):
    model, draw = build(seed), np.random.default_rng(0)
    x, y = draw.normal(size=(4, 3)).astype("float32"), draw.normal(size=(4, 2)).astype("float32")
    backup = Backup(folder)
    history = model.fit(x, y, 2, epochs, 0, callbacks=[*callbacks, backup], shuffle=False)
    return model, history.epoch


def state(model):
    return [
        np.array(keras.ops.convert_to_numpy(v))
        for v in (*model.variables, *model.optimizer.variables)
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return state(train(tmp_path_factory.mktemp("whole"))[0])


def assert_goes_on(folder, whole, epochs):
    model, trained = train(folder, seed=9)  # all must come from the state
    assert trained == epochs
    for one, other in zip(state(model), whole, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("moment", ["before writing", "while writing", "written", "moved", "noted"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_killed_at_any_moment(moment, epoch, whole, tmp_path, monkeypatch):
    def at(name, holder, before, half=False):
        original = getattr(holder, name)
        calls = []

        def patched(*args, **kwargs):
            calls.append(args)
            if len(calls) <= epoch:
                return original(*args, **kwargs)
            if half:
                original(*args, **kwargs)
                path = next(a for a in args if str(a).endswith(".h5"))
                path.write_bytes(path.read_bytes()[:500])
            elif not before:
                original(*args, **kwargs)
            raise Kill

        patch.setattr(holder, name, patched)

    with monkeypatch.context() as patch:
        # What `finally` would do, a kill does not.
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
        if moment in ("before writing", "while writing"):
            at("save_weights", keras.Sequential, True, half=moment == "while writing")
        elif moment in ("written", "moved"):
            at("replace", os, moment == "written")
        else:
            original, calls = os.fsync, []

            def fsync(handle):
                calls.append(handle)
                if len(calls) > 2 * epoch + 1:  # the file's, then its folder's
                    raise Kill
                original(handle)

            patch.setattr(os, "fsync", fsync)
        with pytest.raises(Kill):
            train(tmp_path)
    finished = epoch + (moment in ("moved", "noted"))
    assert Backup.finished_epochs(tmp_path) == finished
    assert_goes_on(tmp_path, whole, list(range(finished, EPOCHS)))


def test_weights_that_are_not_finite_become_no_state(whole, tmp_path):
    def poison(epoch, logs):
        if epoch == 2:
            callback.model.optimizer.variables[-1].assign(np.full((2,), np.nan))

    callback = keras.callbacks.LambdaCallback(on_epoch_end=poison)
    with pytest.raises(ValueError, match=r"holds nan, which is no state .*; go on from them"):
        train(tmp_path, callbacks=[callback])
    assert Backup.finished_epochs(tmp_path) == 2
    assert_goes_on(tmp_path, whole, [2, 3])


def test_a_damaged_state_is_passed_over_and_named(whole, tmp_path):
    train(tmp_path, epochs=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("epoch_0002.weights.h5", "epoch_0003.weights.h5")
    ]
    newest = tmp_path / "epoch_0003.weights.h5"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=r"epoch_0003.* cannot be read; .* from .*epoch_0002"):
        assert_goes_on(tmp_path, whole, [2, 3])


def test_a_full_disk_leaves_the_states_before(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        original = os.fsync

        def full(handle):
            if (tmp_path / "epoch_0002.weights.h5").exists() and list(tmp_path.glob(".*")):
                raise OSError(28, "No space left on device")
            original(handle)

        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"epoch 3 cannot be written to .*epoch_0003.*No space"):
            train(tmp_path)
    assert_goes_on(tmp_path, whole, [2, 3])


@pytest.mark.graph  # eagerly TensorFlow gives a warning of its own
def test_more_epochs_go_on_and_fewer_do_nothing(whole, tmp_path):
    train(tmp_path, epochs=2)
    assert train(tmp_path, epochs=2)[1] == []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert_goes_on(tmp_path, whole, [2, 3])


def test_states_that_are_of_another_model_or_callback(tmp_path):
    train(tmp_path / "own", epochs=1)
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    other.compile("sgd", "mse")
    x = np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="None of the states in .* can be read into this model"):
        other.fit(x, np.zeros((2, 5)), verbose=0, callbacks=[Backup(tmp_path / "own")])
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras" / "training_metadata.json").write_text("{}")
    with pytest.raises(ValueError, match="a state of `keras.callbacks.BackupAndRestore`"):
        train(tmp_path / "keras")
