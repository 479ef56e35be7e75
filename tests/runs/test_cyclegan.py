import json
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_simgan import cli, models, presets
from keras_simgan.data import list_images, read_image, to_unit
from keras_simgan.runs.cyclegan import cyclegan_arguments, cyclegan_networks
from keras_simgan.runs.decaying import compile_decaying, decaying_folder
from keras_simgan.runs.folder import RunError
from keras_simgan.runs.options import CycleGANOptions, GazeGANOptions, values_of


def made(cls=CycleGANOptions, **options):
    return cls(source="renders", target="photos", **options)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A model that reads two numbers from gray images of any size, as a file."""
    path = tmp_path_factory.mktemp("models") / "reader.keras"
    layers = [keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()]
    keras.Sequential([keras.Input((None, None, 1)), *layers]).save(path)
    return path


@pytest.fixture(scope="module")
def options(reader, folders):
    """Others than the defaults wherever there is a choice."""
    return (
        *("--image-size", "20", "20", "--crop", "12", "16", "--upsampling", "resize"),
        *(
            "--normalization",
            "none",
            "--cycle-weight",
            "5",
            "--identity-weight",
            "0",
            "--pool",
            "7",
            "--seed",
            "4",
        ),
        *("--label-model", reader, "--label-on", "cycled", "--label-distance", "l1"),
        *("--label-weight", "3"),
        *("--validation-source", folders / "renders", "--validation-target", folders / "photos"),
    )


@pytest.fixture(scope="module")
def run(train, options, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    extra = ("--epochs", "3", "--tensorboard", root / "logs")
    assert train("cyclegan", root / "zebras", *options, *extra) == 0
    return root / "zebras"


def test_train_writes_its_folder(run, log):
    rows = log(run)
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    for name in ("target_cycle", "target_to_source_correlation", "val_source_cycle"):
        assert np.isfinite(float(rows[-1][name]))
    # 5 columns of 16 pixels and 6 rows of 12, enlarged 8 times.
    assert read_image(run / "samples/epoch_0003.png").shape == (6 * 12 * 8, 5 * 16 * 8, 1)
    metadata = json.loads((run / "preset/metadata.json").read_text())
    assert metadata["image_shape"] == [12, 16, 1]
    assert "CycleGAN from renders to photos, 3 epochs of 2 steps" in metadata["description"]
    logs = run.parent / "logs"
    assert list(logs.glob("events*")) and list((logs / "train").iterdir())


def test_the_options_reach_the_model(run, log, reader):
    row = log(run)[0]
    assert float(row["val_label_consistency"]) > 0
    assert "source_identity" not in row
    model = presets.load(run / "preset")
    assert (model.cycle_weight, model.identity_weight, model.pool_size, model.seed) == (5, 0, 7, 4)
    assert model.generator.get_config()["upsampling"] == "resize"
    for network in (model.generator, model.target_discriminator):
        assert network.get_config()["normalization"] is None
    assert model.label_consistency_on == "cycled"
    assert (model.label_consistency.distance, model.label_consistency.weight) == ("l1", 3)
    expected = keras.saving.load_model(reader).get_weights()
    for kept, given in zip(model.label_consistency.model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(kept, given)


def test_resumes_exactly_also_with_other_epochs(
    train, run, options, weights, log, interrupted, error, tmp_path
):
    out = tmp_path / "run"
    interrupted("on_epoch_end", 1, lambda: train("cyclegan", out, *options, "--epochs", "5"))
    # By now two epochs are finished, and both schedules have been constant.
    assert train("cyclegan", out, *options, "--epochs", "3") == 0
    assert [int(row["epoch"]) for row in log(out)] == [0, 1, 2]
    for resumed, whole in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(resumed, whole)
    assert "has finished 3 epochs" in error("cyclegan", out, *options, "--epochs", "4")


@pytest.mark.parametrize(
    "finished, before, now, allowed",
    [
        (2, (5, None), (3, None), True),  # 3 + 2 epochs, now 2 + 1
        (3, (5, None), (3, None), False),
        (3, (5, None), (6, None), True),  # now 3 + 3
        (4, (5, None), (10, None), False),
        (4, (5, None), (5, None), True),  # nothing changes
        (4, (5, None), (5, 2), True),
        (5, (5, 0), (9, 0), True),
        (5, (5, 0), (9, None), True),  # 5 + 4
        (5, (5, 0), (8, None), False),  # 4 + 4
        (0, (5, None), (1, 1), True),
    ],
)
def test_when_the_epochs_may_change(fake_run, tmp_path, finished, before, now, allowed):
    def options(epochs, decay):
        return made(epochs=epochs, decay_epochs=decay)

    fake_run(tmp_path / "run", "cyclegan", values_of(options(*before)), finished)
    if allowed:
        decaying_folder(tmp_path / "run", "cyclegan", options(*now))
    else:
        with pytest.raises(RunError, match="as before, or choose a new folder"):
            decaying_folder(tmp_path / "run", "cyclegan", options(*now))


@pytest.mark.parametrize(
    "epochs, decay, rates",
    [
        (4, None, {0: 0.1, 20: 0.1, 25: 0.075, 30: 0.05, 40: 0}),
        (4, 1, {30: 0.1, 35: 0.05, 40: 0}),
        (4, 0, {0: 0.1, 39: 0.1}),
    ],
)
def test_the_learning_rate(epochs, decay, rates):
    optimizers = []
    model = SimpleNamespace(compile=lambda *given, ema_momentum: optimizers.extend(given))
    options = made(epochs=epochs, decay_epochs=decay, learning_rate=0.1)
    compile_decaying(model, options, steps=10)
    for optimizer in optimizers:
        assert optimizer.beta_1 == 0.5
        for step, rate in rates.items():
            optimizer.iterations.assign(step)
            assert float(optimizer.learning_rate) == pytest.approx(rate)


@pytest.mark.parametrize("size, blocks", [((128, 96), 6), ((132, 128), 9)])
def test_networks(size, blocks):
    options = made(filters=1, discriminator_layers=2, dtype="mixed_bfloat16")
    networks = cyclegan_networks((*size, 1), options)
    assert all(network.name == name for name, network in networks.items())
    built = networks.values()
    configs = [network.get_config() for network in built]
    assert {config["normalization"] for config in configs} == {"instance"}
    assert [config.get("blocks") for config in configs] == [blocks, blocks, None, None]
    assert [config.get("layers") for config in configs] == [None, None, 2, 2]
    assert all(network.layers[2].compute_dtype == "bfloat16" for network in built)


def test_the_losses_are_handed_on():
    own = {"cycle_weight": 10.0, "pool_size": 50, "seed": 0, "cycle_distance": "l1"}
    assert cyclegan_arguments(made()) == {
        **{**own, "identity_weight": 0.5, "adversarial_loss": "least_squares"}
    }
    assert cyclegan_arguments(made(GazeGANOptions)) == {
        **{**own, "identity_weight": 0.0, "adversarial_loss": None}
    }
    assert cyclegan_arguments(made(adversarial_loss="hinge", cycle_distance="l2")) == {
        **{**own, "identity_weight": 0.5},
        **{"adversarial_loss": "hinge", "cycle_distance": "l2"},
    }
    # Without the labels that are GazeGAN's own.
    arguments = cyclegan_arguments(made(GazeGANOptions, adversarial_loss="least_squares"))
    assert arguments["adversarial_loss"] == "least_squares"


def test_refine_in_both_directions(run, folders, tmp_path, monkeypatch, capsys):
    model = models.CycleGAN.from_preset(run / "preset")
    network = {
        direction: getattr(model, name).for_image_shape((24, 24, 1))
        for direction, name in model.directions.items()
    }

    def whole_model(*_, **__):
        raise AssertionError("refining built the whole model")

    monkeypatch.setattr(models.CycleGAN, "__init__", whole_model)
    for direction, domain in (("source_to_target", "renders"), ("target_to_source", "photos")):
        out = tmp_path / direction
        command = ["refine", str(run), str(folders / domain), str(out)]
        options = [] if direction == "source_to_target" else ["--direction", direction]
        assert cli.main([*command, *options]) == 0
        for name in list_images(out):
            image = to_unit(read_image(folders / domain / name))[None]
            expected = keras.ops.convert_to_numpy(network[direction](image))[0]
            found = to_unit(read_image(out / name))
            np.testing.assert_allclose(found, expected, atol=1.01 / 255 + 1e-4)
        assert cli.main([*command, *options]) == 0
        assert "0 images refined" in capsys.readouterr().out.splitlines()[-1]
    other = [*command, "--direction", "source_to_target"]
    assert cli.main(other) == 2
    assert "was refined with other settings" in capsys.readouterr().err
    assert cli.main([*other, "--overwrite"]) == 0


def test_errors(error, run, options, tmp_path, fake_run):
    new = tmp_path / "new"
    assert "more than there are" in error("cyclegan", new, "--epochs", "4", "--decay-epochs", "5")
    assert "no file" in error("cyclegan", new, "--label-model", "absent.keras")
    (tmp_path / "damaged.keras").write_text("no model")
    message = error("cyclegan", new, "--label-model", tmp_path / "damaged.keras")
    assert "cannot be loaded" in message and "Expected a .keras file" in message
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "numbers.keras")
    message = error("cyclegan", new, "--label-model", tmp_path / "numbers.keras")
    assert "must take one batch of images" in message and "(None, 3)" in message
    colour = keras.Sequential([keras.Input((None, 24, 3)), keras.layers.Flatten()])
    colour.save(tmp_path / "colour.keras")
    message = error("cyclegan", new, "--label-model", tmp_path / "colour.keras")
    assert "takes images of anyx24x3 (height x width x channels), but" in message
    assert "trains on 24x24x1" in message
    message = error("cyclegan", new, "--label-weight", "5")
    assert "--label-weight does nothing without --label-model" in message
    assert "too small" in error("cyclegan", new, "--image-size", "16", "16", *LAYERS)
    assert "is larger than the images" in error("cyclegan", new, "--crop", "24", "25")
    assert not new.exists()

    message = error("cyclegan", run, *options, "--epochs", "3", "--pool", "3", "--no-flip")
    assert "--no-flip was False, is now True; --pool was 7, is now 3" in message
    assert "(only --epochs, --tensorboard, --decay-epochs may change)" in message
    fake_run(tmp_path / "eyes", "simgan", {}, 1)
    assert "is the folder of a simgan run" in error("cyclegan", tmp_path / "eyes")


LAYERS = ("--discriminator-layers", "3")


def test_usage_errors(train, tmp_path, capsys):
    for option, value, match in (
        ("--decay-epochs", "-1", "-1 is below 0"),
        ("--upsampling", "cubic", "'transpose', 'resize'"),
        ("--learning-rate", "nan", "nan is not a number from 0 up"),
    ):
        with pytest.raises(SystemExit):
            train("cyclegan", tmp_path / "new", option, value)
        assert re.search(match, capsys.readouterr().err)
