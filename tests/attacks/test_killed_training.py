"""Trainings and evaluations that are killed at the worst moments, or find the disk full."""

import contextlib
import resource
import shutil
import sys

import h5py
import keras
import numpy as np
import pytest

from keras_simgan import cli
from keras_simgan.data import write_folder


class Killed(BaseException):
    """Stands for `kill -9`; as files are concerned, it is one, see `kill_before`."""


class Executioner:
    """Hears of the files that this process opens for writing, moves and removes."""

    def __init__(self):
        self.folder = self.moment = None
        self.dead = False
        sys.addaudithook(self.hear)  # for good: hooks cannot be taken away

    def hear(self, event, args):
        if self.folder is None:
            return
        paths = [str(each) for each in args[:2] if isinstance(each, str) or hasattr(each, "parts")]
        if event == "open" and not set(args[1] or "") & set("wax+"):
            return
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") or not (
            paths and paths[-1 if event == "os.rename" else 0].startswith(self.folder)
        ):
            return
        # Once dead it does nothing any more, in no `finally` either.
        self.dead = self.dead or self.moment == (event, paths[-1].removeprefix(self.folder))
        if self.dead:
            raise Killed


executioner = Executioner()


@pytest.fixture
def kill_before():
    """Runs a function that is killed before it does something to a file of a folder."""

    def run(function, folder, *moment):
        executioner.folder, executioner.moment = str(folder), moment
        executioner.dead = False
        try:
            with pytest.raises(Killed):
                function()
        finally:
            executioner.folder = None

    return run


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Trains a small SimGAN for three epochs: `train(out)` returns the exit code."""
    root, draw = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name in ("renders", "photos"):
        write_folder(root / name, draw.integers(0, 256, (6, 8, 12, 1)).astype("uint8"))
    words = ["--source", root / "renders", "--target", root / "photos", "--epochs", "3"]
    words += ["--batch-size", "2", "--steps-per-epoch", "1", "--filters", "2", "--blocks", "1"]
    words += ["--history", "4", "--refiner-warmup", "0", "--discriminator-warmup", "0"]

    def run(out):
        keras.utils.clear_session()  # names of layers count from 1, as in a new process
        return cli.main(list(map(str, ["train", "simgan", "--out", out, *words])))

    return run


def contents(folder):
    """All files, as bytes, and HDF5 files as arrays."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".h5":
            with h5py.File(path) as file:
                file.visititems(
                    lambda key, item, name=name: (
                        found.update({(name, key): item[()].tobytes()})
                        if isinstance(item, h5py.Dataset)
                        else None
                    )
                )
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    """The folder of a run that was let alone."""
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(out) == 0
    return contents(out)


def assert_goes_on(train, out, whole):
    assert train(out) == 0
    found = contents(out)
    assert found.keys() == whole.keys()
    assert [name for name in whole if found[name] != whole[name]] == []


def test_killed_again_and_again(train, whole, kill_before, tmp_path):
    """Each start finds what the one before left, and gets a little further."""
    out = tmp_path / "run"
    for moment in (
        ("os.rename", "/run.json"),
        ("os.rename", "/backup/epoch_0001.weights.h5"),
        ("os.rename", "/preset"),  # the first, written aside
        ("os.rename", "/.preset.old"),
        ("os.remove", "/backup/epoch_0001.weights.h5"),
        ("os.rename", "/preset"),  # between the two renames of the exchange
    ):
        kill_before(lambda: train(out), out, *moment)
    assert_goes_on(train, out, whole)


def test_a_killed_evaluation(kill_before, tmp_path):
    """Run again it writes the page that it would have written, to the byte."""
    draw = np.random.default_rng(0)
    words = ["evaluate", "--report", "out/page.html", "--labels", "kind", "--steps", "1"]
    words += ["--seeds", "1"]
    for name, option in (("a", "--synthetic"), ("b", "--refined"), ("c", "--real")):
        images = draw.integers(0, 200, (20, 16, 16, 1)).astype("uint8")
        write_folder(tmp_path / name, images, {"kind": np.arange(20) % 2})
        words += [option, str(tmp_path / name)]
    out = tmp_path / "out"
    with contextlib.chdir(tmp_path):
        assert cli.main(words) == 0
        whole = contents(out)
        shutil.rmtree(out)
        (kept,) = whole.keys() - {"page.html"}
        for name in (kept, "page.html"):
            kill_before(lambda: cli.main(words), "out", "os.rename", f"/{name}")
            assert not (out / "page.html").exists()
        assert cli.main(words) == 0
    assert contents(out) == whole


def test_a_full_disk(train, whole, tmp_path, capsys):
    """Stood for by a limit of the size of files, beyond which writing fails likewise."""
    out, before = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit, named in (
        (20, "run.json"),
        (1500, "epoch_0001.png"),
        (90_000, "epoch_0001.weights"),
    ):
        capsys.readouterr()
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        try:
            assert train(out) == 2
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and named in told, told
        assert "File too large" in told and "ake room" in told
    assert_goes_on(train, out, whole)
