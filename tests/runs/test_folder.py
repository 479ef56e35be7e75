import pytest

from keras_simgan.runs.folder import RunError, RunFolder

OPTIONS = {"batch_size": 4, "image_size": [8, 8], "epochs": 3}


def test_a_new_folder_and_what_is_not_written(tmp_path):
    run = RunFolder(tmp_path / "new", "simgan", {**OPTIONS, "image_size": (8, 8)})
    assert run.before is None and run.finished_epochs == 0
    assert run.options == OPTIONS  # as they come back from JSON
    assert not (tmp_path / "new").exists()


def test_a_resumed_run(tmp_path, fake_run):
    fake_run(tmp_path / "run", "simgan", OPTIONS, epochs=2)
    run = RunFolder(tmp_path / "run", "simgan", {**OPTIONS, "epochs": 9, "tensorboard": "logs"})
    assert (run.before, run.finished_epochs) == (OPTIONS, 2)


def test_other_options_and_other_models(tmp_path, fake_run):
    fake_run(tmp_path / "run", "simgan", OPTIONS, epochs=2)
    changed = {**OPTIONS, "batch_size": 5, "image_size": None}
    with pytest.raises(RunError, match="--batch-size was 4, is now 5; --image-size was .8, 8."):
        RunFolder(tmp_path / "run", "simgan", changed)
    with pytest.raises(RunError, match="only --epochs, --tensorboard, --image-size may change"):
        RunFolder(tmp_path / "run", "simgan", changed, may_change=("image_size",))
    changed["batch_size"] = 4
    RunFolder(tmp_path / "run", "simgan", changed, may_change=("image_size",))
    with pytest.raises(RunError, match="of a simgan run. Resume it with `keras-simgan train sim"):
        RunFolder(tmp_path / "run", "cyclegan", OPTIONS)


@pytest.mark.parametrize("content", ["{", "[]", '{"model": "simgan"}'])
def test_damaged(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match="run.json' is damaged"):
        RunFolder(tmp_path, "simgan", OPTIONS)
