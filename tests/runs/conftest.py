"""What the tests of the runs share: two folders of images and a command that trains on them."""

import csv
import json

import numpy as np
import pytest

from keras_simgan import callbacks, cli, presets
from keras_simgan.data import write_folder

TINY = ("--batch-size", "3", "--filters", "4", "--blocks", "1", "--discriminator-layers", "1")


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """`renders/`, labelled with their gaze, and `photos/`: gray images of 24x24."""
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    renders = random.integers(0, 256, (6, 24, 24, 1)).astype("uint8")
    write_folder(root / "renders", renders, {"gaze": random.uniform(-0.3, 0.3, (6, 2))})
    write_folder(root / "photos", random.integers(0, 256, (5, 24, 24, 1)).astype("uint8"))
    return root


@pytest.fixture(scope="session")
def train(folders):
    """Trains small networks: `train(model, out, *options)` returns the exit code."""

    def run(model, out, *options, source=folders / "renders"):
        paths = ("--source", source, "--target", folders / "photos", "--out", out)
        return cli.main(["train", model, *map(str, (*paths, *TINY, *options))])

    return run


@pytest.fixture(scope="session")
def weights():
    """All weights that a run has trained, as arrays."""

    def read(out):
        model = presets.load(out / "preset")
        networks = (model.generator, model.inverse_generator)
        networks += (model.target_discriminator, model.source_discriminator)
        return [np.array(value) for network in networks for value in network.get_weights()]

    return read


@pytest.fixture(scope="session")
def log():
    """The rows of a run's log."""

    def read(out):
        with (out / "log.csv").open() as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def interrupted(monkeypatch):
    """Runs a command that is interrupted in a method of `ImageGrid` in an epoch."""

    def run(method, epoch, command):
        original = getattr(callbacks.ImageGrid, method)

        def interrupt(self, at, logs=None):
            if at == epoch:
                raise KeyboardInterrupt
            original(self, at, logs)

        with monkeypatch.context() as patch:
            patch.setattr(callbacks.ImageGrid, method, interrupt)
            assert command() == 130

    return run


@pytest.fixture
def error(train, capsys):
    """Runs a command that fails; returns the one line that it tells."""

    def run(*arguments, **options):
        capsys.readouterr()
        assert train(*arguments, **options) == 2
        message = capsys.readouterr().err
        assert message.startswith("keras-simgan: error: ") and message.count("\n") == 1
        return message

    return run


@pytest.fixture
def fake_run():
    """Writes a folder as a run leaves it after some epochs, without training."""

    def write(out, model, options, epochs):
        (out / "backup").mkdir(parents=True)
        (out / "run.json").write_text(json.dumps({"model": model, "options": options}))
        if epochs:
            (out / f"backup/epoch_{epochs:04d}.weights.h5").write_bytes(b"")
        return out

    return write
