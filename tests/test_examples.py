"""The examples run, on little data."""

import importlib.util
from pathlib import Path

import numpy as np

from keras_simgan import data
from keras_simgan.evaluation import InstanceStyles
from keras_simgan.models import CycleGAN, GazeGAN, Pix2Pix, Pix2PixHD, SimGAN
from keras_simgan.networks import PatchDiscriminator, ResNetGenerator

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


def test_cyclegan_translates_two_folders_both_ways(tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name in ("horses", "zebras"):
        data.write_folder(tmp_path / name, rng.integers(0, 256, (8, 40, 48, 3), "uint8"))
    example = load("cyclegan_horse2zebra")
    scores = example.main(
        tmp_path / "horses",
        tmp_path / "zebras",
        tmp_path / "out",
        size=36,
        crop=32,
        filters=4,
        blocks=1,
        epochs=1,
        steps=2,
        dtype="float32",
        held_out=2,
    )
    assert len(scores) == 4 and all(0 <= score <= 1 for score in scores.values())
    assert "source_translated_taken_for_target" in capsys.readouterr().out
    assert data.read_image(tmp_path / "out" / "held_out.png").shape == (4 * 36, 36, 3)
    # The preset keeps what translates, and takes images of another size than the windows.
    generator = CycleGAN.from_preset(tmp_path / "out" / "preset", direction="target_to_source")
    whole = generator.for_image_shape((36, 36, 3))
    assert whole.predict(np.zeros((1, 36, 36, 3), "float32"), verbose=0).shape == (1, 36, 36, 3)


def test_gazegan_folders_keeps_labels(tmp_path, capsys):
    example = load("gazegan_folders")
    example.main(
        None,
        tmp_path,
        count=16,
        epochs=1,
        steps_per_epoch=2,
        estimator_epochs=1,
        held_out=2,
    )
    assert "16 images refined" in capsys.readouterr().out
    names, labels = data.read_folder(tmp_path / "refined")
    assert len(names) == 16
    np.testing.assert_allclose(labels["gaze"], example.render(16, seed=0)[1], rtol=1e-6)
    model = GazeGAN.from_preset(tmp_path / "preset")
    frozen = example.keras.models.load_model(tmp_path / "estimator_frozen.keras")
    for ours, theirs in zip(model.gaze_estimator.get_weights(), frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_pix2pix_pairs_learns_side_by_side_images_and_label_maps(tmp_path, capsys):
    example, rng = load("pix2pix_pairs"), np.random.default_rng(0)
    data.write_folder(tmp_path / "both", rng.integers(0, 256, (4, 20, 40, 3), "uint8"))
    tiny = {"size": 16, "filters": 2, "epochs": 1}
    example.main(tmp_path / "both", tmp_path / "out", side_by_side="source_right", **tiny)
    assert "this model: " in capsys.readouterr().out
    assert (tmp_path / "out" / "samples" / "epoch_0001.png").exists()
    model = Pix2Pix.from_preset(tmp_path / "out" / "preset")
    assert model.generator.input_shape == (None, 16, 16, 3)
    data.write_folder(tmp_path / "maps", rng.integers(0, 3, (4, 20, 20, 1), "uint8"))
    data.write_folder(tmp_path / "photos", rng.integers(0, 256, (4, 20, 20, 3), "uint8"))
    example.main(tmp_path / "maps", tmp_path / "m", target=tmp_path / "photos", classes=3, **tiny)
    model = Pix2Pix.from_preset(tmp_path / "m" / "preset")
    assert model.generator.input_shape == (None, 16, 16, 3)


def test_pix2pix_pairs_distils_a_teacher(tmp_path, capsys):
    example = load("pix2pix_pairs")
    cyclegan = CycleGAN(
        *(ResNetGenerator((None, None, 3), filters=2, blocks=1) for _ in range(2)),
        *(PatchDiscriminator((None, None, 3), filters=2, layers=1) for _ in range(2)),
        pool_size=0,
    )
    cyclegan.save_to_preset(tmp_path / "teacher")
    teacher = str(tmp_path / "teacher")
    example.main(None, tmp_path, teacher=teacher, size=16, filters=2, epochs=1, count=10)
    assert "ms an image where the teacher takes" in capsys.readouterr().out
    names, _ = data.read_folder(tmp_path / "taught")
    assert len(names) == 10


def test_pix2pixhd_scenes_goes_from_coarse_to_fine(tmp_path, capsys):
    example = load("pix2pixhd_scenes")
    example.SIZE = (48, 32)
    own, drawn = example.main(tmp_path, count=10, filters=4, epochs=(1, 1, 1))
    assert 0 < own < 255 and 0 < drawn < 255
    printed = capsys.readouterr().out
    assert [stage in printed for stage in ("global", "enhancer", "both")] == [True] * 3
    assert data.read_image(tmp_path / "sheet.png").shape == (5 * 48, 32, 3)
    model = Pix2PixHD.from_preset(tmp_path / "preset")
    assert model.generator.stage == "both"
    assert InstanceStyles.load(tmp_path / "styles.npz").channels == 3
