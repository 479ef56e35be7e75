"""What the tests of the commands share: two folders of images and a run on them."""

import numpy as np
import pytest

from keras_simgan import cli
from keras_simgan.data import write_folder


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root, random = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    renders = random.integers(0, 256, (12, 8, 12, 1)).astype("uint8")
    write_folder(root / "renders", renders, {"gaze": random.normal(size=(12, 2))})
    write_folder(root / "photos", random.integers(0, 256, (9, 8, 12, 1)).astype("uint8"))
    return root


@pytest.fixture(scope="session")
def train():
    """Trains a small SimGAN: `train(folders, out, *options)` returns the exit code."""

    def run(folders, out, *options):
        return cli.main(
            [
                *("train", "simgan", "--source", str(folders / "renders")),
                *("--target", str(folders / "photos"), "--out", str(out)),
                *("--batch-size", "4", "--filters", "4", "--blocks", "1", "--history", "8"),
                *("--refiner-warmup", "1", "--discriminator-warmup", "1"),
                *options,
            ]
        )

    return run


@pytest.fixture(scope="session")
def run(train, folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "eyes"
    assert train(folders, out, "--epochs", "3") == 0
    return out
