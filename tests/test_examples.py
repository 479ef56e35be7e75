"""The examples run, on little data."""

import importlib.util
from pathlib import Path

import numpy as np

from keras_simgan import data
from keras_simgan.models import SimGAN

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_simgan_folders_refines_and_keeps_labels(tmp_path, capsys):
    example = load("simgan_folders")
    example.main(tmp_path, count=20, epochs=1, steps_per_epoch=2)
    printed = capsys.readouterr().out
    assert "labels kept: True" in printed and "20 images refined" in printed
    names, labels = data.read_folder(tmp_path / "refined")
    expected = data.EyeRenderer((36, 60), seed=0).render(20)[1]["gaze"]
    assert len(names) == 20
    np.testing.assert_allclose(labels["gaze"], expected, rtol=1e-6)
    assert (tmp_path / "samples" / "epoch_0001.png").exists()
    # What refined the folder is what was saved.
    refiner = SimGAN.from_preset(tmp_path / "preset")
    source = data.read_image(tmp_path / "synthetic" / names[3])
    refined = data.from_unit(refiner.predict(data.to_unit(source)[None], verbose=0)[0])
    written = data.read_image(tmp_path / "refined" / names[3])
    assert np.abs(refined.astype(int) - written).max() <= 1
    assert np.abs(source.astype(int) - written).max() > 1
