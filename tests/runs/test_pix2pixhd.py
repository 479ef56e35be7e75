import keras
import numpy as np
import pytest

from keras_simgan import cli, presets
from keras_simgan.data import write_folder
from keras_simgan.networks import LocalEnhancer, ResNetGenerator
from keras_simgan.runs.options import Pix2PixHDOptions

TINY = ("--filters", "2", "--blocks", "1", "--downsamplings", "1", "--discriminator-filters", "2")
TINY += ("--discriminator-layers", "1")
SHORT = ("--batch-size", "2", "--classes", "2", "--epochs", "1")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    write_folder(root / "maps", random.integers(0, 2, (4, 16, 16, 1)).astype("uint8"))
    write_folder(root / "photos", random.integers(0, 256, (4, 16, 16, 3)).astype("uint8"))
    return root


@pytest.fixture
def command(pairs):
    def run(out, *options):
        both = ("--source", pairs / "maps", "--target", pairs / "photos", "--out", out)
        return cli.main(["train", "pix2pixhd", *map(str, (*both, *SHORT, *options))])

    return run


def same(some, others):
    return [np.array_equal(a, b) for a, b in zip(some, others, strict=True)]


def test_stages_start_from_each_other(command, tmp_path, log):
    extractor = keras.Sequential([keras.Input((None, None, 3)), keras.layers.AveragePooling2D(2)])
    extractor.save(tmp_path / "extractor.keras")
    perceptual = ("--perceptual", tmp_path / "extractor.keras", "--perceptual-weight", "3")
    assert command(tmp_path / "global", *TINY, "--image-size", "8", "8", "--scales", "1") == 0
    coarse = presets.load(tmp_path / "global/preset")
    assert isinstance(coarse.generator, ResNetGenerator) and coarse.perceptual_loss is None
    start = ("--start-from", tmp_path / "global", "--stage", "enhancer", *perceptual)
    assert command(tmp_path / "enhancer", *start) == 0
    assert float(log(tmp_path / "enhancer")[0]["perceptual"]) > 0
    model = presets.load(tmp_path / "enhancer/preset")
    assert isinstance(model.generator, LocalEnhancer) and model.generator.stage == "enhancer"
    assert model.perceptual_loss.weight == 3
    trained = model.generator.global_generator.get_weights()
    assert all(same(trained, coarse.generator.get_weights()))  # frozen
    assert not all(same(model.discriminator.get_weights(), coarse.discriminator.get_weights()))
    start = ("--start-from", tmp_path / "enhancer", "--stage", "both")
    assert command(tmp_path / "both", *start) == 0
    both = presets.load(tmp_path / "both/preset")
    assert both.generator.stage == "both"
    moved = both.generator.global_generator.get_weights()
    assert not any(same(moved[:2], trained[:2]))


def test_the_options_reach_the_model():
    from keras_simgan.runs.pix2pixhd import pix2pixhd

    options = Pix2PixHDOptions(
        source="maps",
        target="photos",
        filters=2,
        blocks=2,
        downsamplings=3,
        upsampling="resize",
        normalization="none",
        discriminator_filters=3,
        discriminator_layers=2,
        scales=3,
        feature_matching_weight=5.0,
        adversarial_loss="hinge",
        stage="global",
    )
    model = pix2pixhd(4, 3, options)
    config = model.generator.global_generator.get_config()
    assert [config[name] for name in ("filters", "blocks", "downsamplings", "upsampling")] == [
        *(2, 2, 3, "resize")
    ]
    assert config["normalization"] is None and config["output_channels"] == 3
    config = model.discriminator.get_config()
    assert (config["filters"], config["layers"], config["scales"]) == (3, 2, 3)
    assert model.feature_matching_weight == 5 and model.adversarial_loss.name == "hinge_loss"
    assert model.generator.stage == "global"


def test_errors(command, pairs, tmp_path, capsys):
    def error(*options):
        assert command(tmp_path / "run", *options) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err

    assert command(tmp_path / "other", *TINY, "--image-size", "8", "8") == 0
    start = ("--start-from", tmp_path / "other")
    assert "--filters is that of the networks of --start-from" in error(*start, "--filters", "4")
    assert "makes 3 channels of 2, but here are pairs of 3 and 3" in error(*start, "--classes", "3")
    assert "--perceptual-weight does nothing" in error("--perceptual-weight", "2")
    assert "--perceptual: there is no file" in error("--perceptual", tmp_path / "none.keras")
