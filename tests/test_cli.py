import csv
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_simgan import callbacks, cli
from keras_simgan.callbacks import image_grid
from keras_simgan.data import read_folder, read_image, write_folder, write_image
from keras_simgan.models import SimGAN
from keras_simgan.refinement import read_manifest

random = np.random.default_rng(0)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    renders = random.integers(0, 256, (12, 8, 12, 1)).astype("uint8")
    write_folder(root / "renders", renders, {"gaze": random.normal(size=(12, 2))})
    write_folder(root / "photos", random.integers(0, 256, (9, 8, 12, 1)).astype("uint8"))
    return root


def train(folders, out, *options):
    return cli.main(
        [
            *("train", "simgan", "--source", str(folders / "renders")),
            *("--target", str(folders / "photos"), "--out", str(out)),
            *("--batch-size", "4", "--filters", "4", "--blocks", "1", "--history", "8"),
            *("--refiner-warmup", "1", "--discriminator-warmup", "1"),
            *options,
        ]
    )


@pytest.fixture(scope="module")
def run(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "eyes"
    assert train(folders, out, "--epochs", "3") == 0
    return out


def weights(out):
    model = SimGAN.from_preset(out / "preset")
    return [np.array(w) for w in model.refiner.get_weights() + model.discriminator.get_weights()]


def epochs(out):
    with (out / "log.csv").open() as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def test_train_writes_its_folder(run):
    assert json.loads((run / "run.json").read_text())["options"]["batch_size"] == 4
    assert epochs(run) == [0, 1, 2]
    assert sorted(path.name for path in (run / "samples").iterdir()) == [
        f"epoch_000{i}.png" for i in (1, 2, 3)
    ]
    # 8 columns of 12 pixels and 3 rows of 8, enlarged 12 times.
    assert read_image(run / "samples/epoch_0001.png").shape == (3 * 8 * 12, 8 * 12 * 12, 1)
    metadata = json.loads((run / "preset/metadata.json").read_text())
    assert metadata["image_shape"] == [8, 12, 1]
    assert "renders to photos, 3 epochs of 3 steps" in metadata["description"]


def test_train_resumes_exactly(folders, run, tmp_path, monkeypatch, capsys):
    out = tmp_path / "run"
    original = callbacks.ImageGrid.on_epoch_end

    def interrupt(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        original(self, epoch, logs)

    monkeypatch.setattr(callbacks.ImageGrid, "on_epoch_end", interrupt)
    assert train(folders, out, "--epochs", "3") == 130
    assert "again to go on" in capsys.readouterr().err
    monkeypatch.setattr(callbacks.ImageGrid, "on_epoch_end", original)
    assert train(folders, out, "--epochs", "3") == 0
    assert epochs(out) == [0, 1, 2]
    for resumed, whole in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(resumed, whole)
    # A finished run stays as it is, and goes on with more epochs.
    assert train(folders, out, "--epochs", "3") == 0
    for again, whole in zip(weights(out), weights(run), strict=True):
        np.testing.assert_array_equal(again, whole)
    assert train(folders, out, "--epochs", "4") == 0
    assert epochs(out) == [0, 1, 2, 3]
    assert not np.array_equal(weights(out)[0], weights(run)[0])


def test_train_with_validation(folders, tmp_path):
    images = ["--validation-source", str(folders / "renders")]
    images += ["--validation-target", str(folders / "photos")]
    assert train(folders, tmp_path / "run", "--epochs", "1", *images) == 0
    with (tmp_path / "run/log.csv").open() as file:
        assert float(next(csv.DictReader(file))["val_self_regularization"]) > 0


def test_the_monitor_warns_and_logs(folders, tmp_path, monkeypatch, capsys):
    measured = {"source_to_target": {"change": 0.001, "correlation": 0.5}}
    monkeypatch.setattr(callbacks.TranslationMonitor, "_measure", lambda self: measured)
    assert train(folders, tmp_path / "run", "--epochs", "2") == 0
    warning, *others = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: Epoch 2: source_to_target changes its images by 0.001")
    assert not [line for line in others if "warning: Epoch" in line]
    with (tmp_path / "run/log.csv").open() as file:
        row = next(csv.DictReader(file))
    assert float(row["source_to_target_change"]) == 0.001
    assert float(row["source_to_target_correlation"]) == 0.5


def test_tensorboard_that_is_missing(folders, tmp_path, monkeypatch, capsys):
    found = image_grid.find_spec
    monkeypatch.setattr(
        image_grid, "find_spec", lambda name: None if name == "tensorboard" else found(name)
    )
    logs = tmp_path / "logs"
    assert train(folders, tmp_path / "run", "--tensorboard", str(logs)) == 2
    assert "pip install tensorboard" in capsys.readouterr().err
    assert not logs.exists() and not (tmp_path / "run").exists()


def test_train_errors(folders, run, tmp_path, capsys):
    def error(*arguments):
        assert train(*arguments) == 2
        message = capsys.readouterr().err
        assert message.startswith("keras-simgan: error: ") and message.count("\n") == 1
        return message

    message = error(folders, run, "--regularization", "5", "--seed", "3")
    assert "--regularization was 2.0, is now 5.0; --seed was 0, is now 3" in message
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    assert "is not the folder of a run" in error(folders, tmp_path / "mine")
    assert "is a file" in error(folders, tmp_path / "mine/file")
    (tmp_path / "mine/run.json").write_text("{")
    assert "is damaged" in error(folders, tmp_path / "mine")
    assert "go together" in error(folders, tmp_path / "new", "--validation-source", "x")
    assert "expected 3 channels (colour)" in error(folders, tmp_path / "new", "--channels", "3")
    assert "does not exist" in error(tmp_path / "absent", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_debug_shows_the_trace(tmp_path):
    with pytest.raises(ValueError, match="does not exist"):
        train(tmp_path / "absent", tmp_path / "new", "--debug")


def test_refine_by_run_and_by_preset(folders, run, tmp_path, capsys):
    for model, out in ((run, "a"), (run / "preset", "b")):
        arguments = ["refine", str(model), str(folders / "renders"), str(tmp_path / out)]
        assert cli.main(arguments) == 0
        assert "12 images refined, 1 other files copied" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "a").glob("[!.]*"))
    names.remove("manifest.jsonl")
    assert names == sorted(path.name for path in (folders / "renders").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    old = read_image(folders / "renders/000000.png")
    assert not np.array_equal(read_image(tmp_path / "a/000000.png"), old)

    assert cli.main(arguments) == 0
    assert "0 images refined, 0 other files copied, 13 files finished" in capsys.readouterr().out
    write_image(tmp_path / "b/000003.png", old)
    assert cli.main(arguments) == 2
    assert "1 files in" in capsys.readouterr().err
    assert cli.main([*arguments, "--overwrite"]) == 0
    assert not np.array_equal(read_image(tmp_path / "b/000003.png"), old)


def test_refine_tells_what_it_skips(folders, run, tmp_path, capsys):
    source = tmp_path / "source"
    write_image(source / "a.png", np.zeros((8, 12, 1), "uint8"))
    (source / "b.png").write_text("no image")
    arguments = ["refine", str(run), str(source), str(tmp_path / "out")]
    assert cli.main(arguments) == 2
    assert "b.png' is damaged" in capsys.readouterr().err
    assert cli.main([*arguments, "--on-bad-image", "skip"]) == 0
    told = capsys.readouterr()
    assert "1 skipped." in told.out and "skipped b.png: The image" in told.out
    assert told.err.startswith("warning: 1 images in")


def test_refine_keeps_the_best(folders, run, tmp_path, capsys):
    reader = keras.Sequential(
        [keras.Input((None, None, 1)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    reader.save(tmp_path / "reader.keras")
    arguments = ["refine", str(run), str(folders / "renders"), str(tmp_path / "out")]
    arguments += ["--critic", str(folders / "photos"), "--keep-fraction", "0.5"]
    assert cli.main([*arguments, "--label-model", str(tmp_path / "reader.keras")]) == 2
    assert "--label-model and --label-distance need each other" in capsys.readouterr().err
    arguments += ["--label-model", str(tmp_path / "reader.keras"), "--label-distance", "angle"]
    assert cli.main(arguments) == 0
    assert "12 images refined" in (told := capsys.readouterr().out)
    assert "6 left out by --keep-fraction" in told
    assert len(list((tmp_path / "out").glob("*.png"))) == 6
    names, labels = read_folder(tmp_path / "out")
    assert len(names) == 6 and all(len(values) == 6 for values in labels.values())
    scores = [line["scores"] for line in read_manifest(tmp_path / "out")[1] if "scores" in line]
    assert len(scores) == 12
    assert all(0 <= each["realism"] <= 1 and each["label_agreement"] <= 0 for each in scores)


def test_refine_errors(folders, tmp_path, capsys):
    arguments = [str(folders / "renders"), str(tmp_path / "out")]
    assert cli.main(["refine", "simgan_ears", *arguments]) == 2
    assert "no preset 'simgan_ears'" in capsys.readouterr().err
    eyes = ["refine", "simgan_eyes_36x60", *arguments, "--direction", "target_to_source"]
    assert cli.main(eyes) == 2
    assert "A SimGAN translates source_to_target. Received" in capsys.readouterr().err
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text("{}")
    assert cli.main(["refine", str(tmp_path / "run"), *arguments]) == 2
    assert "has finished no epoch yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_presets_are_listed(monkeypatch, capsys):
    listed = {"simgan_x": {"image_shape": [36, 60, 1], "license": "MIT", "description": "Eyes."}}
    monkeypatch.setattr("keras_simgan.presets.presets", lambda: listed)
    assert cli.main(["presets"]) == 0
    assert capsys.readouterr().out == "simgan_x  36x60x1  licence: MIT\n    Eyes.\n"


def test_demo_is_handed_its_folder(monkeypatch):
    seen = []
    demo = types.ModuleType("keras_simgan.reporting.demo")
    demo.run_demo = seen.append
    monkeypatch.setitem(sys.modules, "keras_simgan.reporting.demo", demo)
    assert cli.main(["demo", "--out", "somewhere"]) == 0
    assert seen == ["somewhere"]


@pytest.mark.parametrize(
    "command",
    [
        *([], ["train"], ["train", "simgan"], ["train", "cyclegan"], ["train", "gazegan"]),
        *(["refine"], ["presets"], ["demo"]),
    ],
)
def test_help_has_an_example(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    example = text[text.index("example") :]
    assert f"keras-simgan {' '.join(command)}".strip() in example


@pytest.mark.parametrize(
    "arguments, match",
    [
        ([], "required: COMMAND"),
        (["train", "simgan", "--source", "a"], "--target, --out"),
        (["refine", "a", "b", "c", "--batch-size", "0"], "0 is not above 0"),
        (
            ["refine", "a", "b", "c", "--direction", "back"],
            "'source_to_target', 'target_to_source'",
        ),
        (["train", "simgan", "--regularization", "-1"], "-1 is not a number from 0 up"),
        (["train", "simgan", "--history", "-1"], "-1 is below 0"),
    ],
)
def test_usage_errors(arguments, match, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert match in capsys.readouterr().err


def test_help_imports_no_keras():
    code = (
        "import sys; from keras_simgan import cli\n"
        "try: cli.main(['train', 'simgan', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'keras', 'numpy', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])},
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
