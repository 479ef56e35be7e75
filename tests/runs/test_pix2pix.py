import json

import keras
import numpy as np
import pytest

from keras_simgan import cli, presets
from keras_simgan.data import read_image, write_folder

TINY = ("--batch-size", "2", "--filters", "2", "--depth", "2", "--discriminator-layers", "1")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Maps of two classes, told by colour and by index, with instances, and photos."""
    root, random = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    maps = random.integers(0, 2, (4, 12, 16, 1)).astype("uint8")
    colours = np.array([[0, 0, 255], [255, 0, 0]], "uint8")
    write_folder(root / "maps", maps)
    write_folder(root / "coloured", colours[maps[..., 0]])
    write_folder(root / "instances", maps + 1)
    write_folder(root / "photos", random.integers(0, 256, (4, 12, 16, 3)).astype("uint8"))
    (root / "colours.json").write_text(json.dumps(colours.tolist()))
    return root


@pytest.fixture
def command(pairs):
    def run(out, *options, source="maps", target="photos"):
        both = ("--source", pairs / source, *(("--target", pairs / target) if target else ()))
        return cli.main(["train", "pix2pix", *map(str, (*both, "--out", out, *TINY, *options))])

    return run


def test_label_maps_with_instances(command, pairs, log, interrupted, tmp_path, capsys):
    validation = ("--validation-source", pairs / "maps", "--validation-target", pairs / "photos")
    options = (
        *("--classes", "2", "--instances", pairs / "instances", "--crop", "8", "8"),
        *("--validation-instances", pairs / "instances", *validation, "--epochs", "2"),
    )
    assert command(tmp_path / "whole", *options) == 0
    assert "then: keras-simgan refine" in capsys.readouterr().out
    interrupted("on_epoch_begin", 1, lambda: command(tmp_path / "run", *options))
    assert command(tmp_path / "run", *options) == 0
    whole, resumed = (presets.load(tmp_path / name / "preset") for name in ("whole", "run"))
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(log(tmp_path / "run")[-1]["val_l1"]) > 0
    assert whole.generator.input_shape == (None, 8, 8, 3)  # two classes and the boundaries
    assert whole.discriminator.input_shape == (None, 8, 8, 6)
    metadata = json.loads((tmp_path / "run/preset/metadata.json").read_text())
    assert metadata["label_maps"] == {
        **{"classes": 2, "colours": None, "ignore": None, "instances": True}
    }
    assert "Pix2Pix from maps to photos, 2 epochs of 2 steps" in metadata["description"]
    # Four columns of 8 pixels and three rows, enlarged twelve times; boundaries are black.
    grid = read_image(tmp_path / "run/samples/epoch_0002.png")
    assert grid.shape == (3 * 8 * 12, 4 * 8 * 12, 3)
    assert (grid[: 8 * 12] == 0).all(-1).any()


def test_the_options_reach_the_model(command, pairs, tmp_path):
    options = ("--l1-weight", "3", "--normalization", "instance", "--dropout", "0.25")
    more = ("--adversarial-loss", "hinge", "--seed", "4", "--dtype", "mixed_bfloat16")
    colours = ("--colours", pairs / "colours.json", "--epochs", "1", "--steps-per-epoch", "1")
    out = tmp_path / "run"
    assert command(out, *options, *more, *colours, source="coloured") == 0
    model = presets.load(out / "preset")
    assert model.l1_weight == 3 and model.adversarial_loss.name == "hinge_loss"
    config = model.generator.get_config()
    assert (config["normalization"], config["dropout"], config["seed"]) == ("instance", 0.25, 4)
    assert (config["depth"], config["filters"], config["output_channels"]) == (2, 2, 3)
    config = model.discriminator.get_config()
    assert (config["normalization"], config["layers"]) == ("instance", 1)
    metadata = json.loads((out / "preset/metadata.json").read_text())
    assert metadata["label_maps"]["colours"] == [[0, 0, 255], [255, 0, 0]]


def test_depth_reaches_a_pixel_when_left_out():
    from keras_simgan.runs.options import Pix2PixOptions
    from keras_simgan.runs.pix2pix import pix2pix

    options = Pix2PixOptions(source="a", target="b", filters=1, discriminator_layers=0)
    for size, depth in (((16, 40), 4), ((3, 3), 2), ((300, 600), 8)):
        model = pix2pix((*size, 1), 1, options)
        assert model.generator.get_config()["depth"] == depth
    assert keras.tree.flatten(model.discriminator.output_shape)[-1] == 1


def test_errors(command, pairs, tmp_path, capsys):
    def error(*options, **more):
        assert command(tmp_path / "run", *options, **more) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err

    assert "Give --target" in error(target=None)
    assert "--colours: no file" in error("--colours", tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("[[1, 2]]")
    assert "is not a JSON list of [red, green, blue]" in error("--colours", tmp_path / "bad.json")
    assert "holds the index 1" in error("--classes", "1")
