import pytest

from keras_simgan.presets.run_preset import PRESET_FOLDER, RUN_FILE, RunError, preset_of


def test_what_is_no_run_is_a_preset_itself(tmp_path):
    assert preset_of("simgan_eyes_36x60") == "simgan_eyes_36x60"
    assert preset_of(str(tmp_path)) == str(tmp_path)


def test_a_run_has_a_preset_once_its_metadata_is_written(tmp_path):
    (tmp_path / RUN_FILE).write_text("{}")
    preset = tmp_path / PRESET_FOLDER
    for _ in range(2):  # without the folder, and with one that is still being written
        with pytest.raises(RunError, match=f"'{tmp_path}' has finished no epoch yet. Start its"):
            preset_of(str(tmp_path))
        preset.mkdir(exist_ok=True)
    (preset / "metadata.json").write_text("{}")
    assert preset_of(str(tmp_path)) == str(preset)
