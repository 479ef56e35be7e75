import dataclasses

import pytest

from keras_simgan.runs.folder import RunError, RunFolder
from keras_simgan.runs.options import CycleGANOptions, SimGANOptions, values_of

OPTIONS = SimGANOptions(
    source="renders", target="photos", batch_size=4, image_size=(8, 8), epochs=3
)


def test_a_new_folder_and_what_is_not_written(tmp_path):
    run = RunFolder(tmp_path / "new", "simgan", OPTIONS)
    assert run.before is None and run.finished_epochs == 0
    assert run.options == OPTIONS
    assert not (tmp_path / "new").exists()


def test_a_resumed_run(tmp_path, fake_run):
    fake_run(tmp_path / "run", "simgan", values_of(OPTIONS), epochs=2)
    others = dataclasses.replace(OPTIONS, epochs=9, tensorboard="logs")
    run = RunFolder(tmp_path / "run", "simgan", others)
    assert (run.before, run.finished_epochs) == (OPTIONS, 2)


def test_a_run_of_an_older_version_has_the_defaults_of_newer_options(tmp_path, fake_run):
    values = {**values_of(OPTIONS), "of_yore": 1}
    for name in ("adversarial_loss", "ema"):
        del values[name]
    fake_run(tmp_path / "run", "simgan", values, epochs=2)
    assert RunFolder(tmp_path / "run", "simgan", OPTIONS).before == OPTIONS
    hinge = dataclasses.replace(OPTIONS, adversarial_loss="hinge", ema=0.9)
    message = "--adversarial-loss was local, is now hinge; --ema was None, is now 0.9. Give"
    with pytest.raises(RunError, match=message):
        RunFolder(tmp_path / "run", "simgan", hinge)


def test_other_options_and_other_models(tmp_path, fake_run):
    fake_run(tmp_path / "run", "simgan", values_of(OPTIONS), epochs=2)
    changed = dataclasses.replace(OPTIONS, batch_size=5, image_size=None)
    message = "--image-size was .8, 8., is now None; --batch-size was 4, is now 5. Give the same"
    with pytest.raises(RunError, match=message):
        RunFolder(tmp_path / "run", "simgan", changed)
    with pytest.raises(RunError, match="only --epochs, --tensorboard may change"):
        RunFolder(tmp_path / "run", "simgan", changed)
    cyclegan = CycleGANOptions(source="renders", target="photos")
    with pytest.raises(RunError, match="of a simgan run. Resume it with `keras-simgan train sim"):
        RunFolder(tmp_path / "run", "cyclegan", cyclegan)


def test_what_may_change_is_said_by_the_options(tmp_path, fake_run):
    options = CycleGANOptions(source="renders", target="photos")
    fake_run(tmp_path / "run", "cyclegan", values_of(options), epochs=2)
    with pytest.raises(RunError, match="only --epochs, --tensorboard, --decay-epochs may change"):
        RunFolder(tmp_path / "run", "cyclegan", dataclasses.replace(options, pool=1))
    RunFolder(tmp_path / "run", "cyclegan", dataclasses.replace(options, decay_epochs=0))


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"model": "simgan"}', '{"model": "simgan", "options": {"source": "renders"}}'],
)
def test_damaged(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match="run.json' is damaged"):
        RunFolder(tmp_path, "simgan", OPTIONS)
