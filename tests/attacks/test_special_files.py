"""FIFOs, sockets, devices, broken links and names that are no text, amid images."""

import functools
import os
import signal
import socket

import keras
import numpy as np
import pytest

from keras_simgan.data import ImageError, list_images, read_folder, sample_images, write_image
from keras_simgan.data.paired import paired
from keras_simgan.data.unpaired import unpaired
from keras_simgan.evaluation.image_folders import ImageFolders
from keras_simgan.evaluation.sample_options import SampleOptions
from keras_simgan.networks import Refiner
from keras_simgan.refinement import read_manifest, refine_dataset

KINDS = {
    "fifo": "a FIFO",
    "socket": "a socket",
    "link to a fifo": "a link to a FIFO",
    "link to a device": "a link to a device",
    "endless link": "a link to a device",
    "broken link": "cannot be followed",
    "circle": "cannot be followed",
    "name": "not valid UTF-8",
}


@pytest.fixture(autouse=True)
def _no_hang():
    """Makes a hang an error: what waits for a FIFO is interrupted."""

    def stop(*_):
        raise TimeoutError("It hangs.")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(300)  # whatever else the machine does
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def put(folder, kind, name="bad.png"):
    """Makes a special entry."""
    path = folder / name
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        # The path of a socket is short.
        before = os.getcwd()
        os.chdir(folder)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(name)
        os.chdir(before)
    elif kind == "name":
        write_image(folder / "plain.png", np.zeros((8, 8, 1), "uint8"))
        os.rename(folder / "plain.png", os.fsencode(folder) + b"/b\xe4d.png")
    else:
        if kind == "link to a fifo":
            os.mkfifo(folder / ".fifo")
        to = {
            "link to a fifo": ".fifo",
            "link to a device": os.devnull,
            "endless link": "/dev/zero",
            "broken link": "nowhere.png",
            "circle": name,
        }
        path.symlink_to(to[kind])


@pytest.fixture
def folder(tmp_path):
    """Three images."""
    for i in range(3):
        write_image(tmp_path / f"images/{i}.png", np.full((8, 8, 1), 80 * i, "uint8"))
    return tmp_path / "images"


def names_in(dataset):
    return dataset.names if hasattr(dataset, "names") else dataset.source_names


@pytest.mark.parametrize("kind", KINDS)
def test_readers_refuse_it_by_name(folder, kind):
    put(folder, kind)
    images = np.zeros((2, 8, 8, 1), "uint8")
    for read in (
        list_images,
        read_folder,
        lambda folder: sample_images(folder, 2),
        lambda folder: unpaired(folder, images, batch_size=1),
        lambda folder: unpaired(images, folder, batch_size=1),
        lambda folder: paired(folder, folder),
        lambda folder: ImageFolders.list(folder, folder, folder),
    ):
        with pytest.raises(ImageError, match=rf"b.*d.png' .*{KINDS[kind]}.*\. Re"):
            read(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_readers_skip_it_where_asked_and_say_so(folder, kind):
    put(folder, kind)
    options = {"on_bad_image": "skip", "batch_size": 1}
    with pytest.warns(UserWarning, match="1 of 4 images in .* are skipped"):
        dataset = unpaired(folder, np.zeros((2, 8, 8, 1), "uint8"), **options)
    assert dataset.source_names == ["0.png", "1.png", "2.png"]
    ((name, reason),) = dataset.skipped
    assert KINDS[kind] in reason and name in ("bad.png", r"b\xe4d.png")
    with pytest.warns(UserWarning, match="are skipped"):
        dataset = paired(folder, folder, **options)
    assert dataset.names == ["0.png", "1.png", "2.png"]
    assert KINDS[kind] in dataset.skipped[0][1]
    found = ImageFolders.list(folder, folder, options=SampleOptions(on_bad_image="skip"))
    assert len(found.of["synthetic"].names) == 3
    assert KINDS[kind] in found.of["synthetic"].skipped[0][1]


@functools.cache
def network():
    keras.utils.set_random_seed(0)
    return Refiner((8, 8, 1), filters=2, blocks=1)


@pytest.mark.parametrize("kind", KINDS)
def test_refining(folder, tmp_path, kind):
    put(folder, kind)
    (folder / "labels.csv").write_text("file,x\n0.png,1\n1.png,1\n2.png,1\nbad.png,1\n")
    model, out = network(), tmp_path / "out"
    with pytest.raises(ImageError, match=KINDS[kind]):
        refine_dataset(model, folder, out, progress=False)
    assert not out.exists()
    for refined in (3, 0):  # a run that goes on skips it again
        with pytest.warns(UserWarning, match="1 images in .* were skipped"):
            report = refine_dataset(model, folder, out, on_bad_image="skip", progress=False)
        assert (report.refined, report.skipped) == (refined, 1)
        ((name, reason),) = report.reasons
        assert name in ("bad.png", r"b\xe4d.png") and KINDS[kind] in reason
        assert not os.path.lexists(out / name)
        lines = {line["input"]: line for line in read_manifest(out)[1]}
        assert lines[name] == {"input": name, "action": "skipped", "reason": reason}
        assert len(lines) == 5
        if kind != "name":  # as a row of an image that is left out
            assert "bad.png" not in (out / "labels.csv").read_text()


def test_a_bad_one_among_many(tmp_path):
    """Nor does it matter what it is called, or that it is no image."""
    folder = tmp_path / "images"
    for i in range(40):
        write_image(folder / f"{i // 10}/{i}.png", np.full((8, 8, 1), i, "uint8"))
    put(folder / "1", "fifo", "pipe")
    put(folder / "2", "broken link", "labels")
    put(folder / "3", "socket", "notes.txt")
    with pytest.warns(UserWarning, match="3 images"):
        report = refine_dataset(
            network(), folder, tmp_path / "out", on_bad_image="skip", progress=False
        )
    assert (report.refined, report.skipped) == (40, 3)
    with pytest.warns(UserWarning, match="2 of 42 images"):  # notes are nothing to a reader
        dataset = unpaired(folder, folder, on_bad_image="skip", batch_size=1)
    assert len(dataset.source_names) == 40


def test_what_is_no_image_is_no_matter_to_readers(folder):
    put(folder, "fifo", "notes.txt")
    os.rename(folder / "0.png", folder / "zero.png")
    (folder / "x").touch()
    os.rename(folder / "x", os.fsencode(folder) + b"/gr\xfc\xdfe.txt")
    assert len(list_images(folder)) == 3


def test_labels_behind_a_broken_link(folder):
    """Else they would be missing in silence."""
    (folder / "labels.csv").symlink_to("nowhere.csv")
    with pytest.raises(ImageError, match="labels.csv' is a link that cannot be followed"):
        read_folder(folder)


def test_a_folder_whose_name_is_no_text(folder):
    write_image(folder / "x/3.png", np.zeros((8, 8, 1), "uint8"))
    os.rename(folder / "x", os.fsencode(folder) + b"/\xff")
    with pytest.raises(ImageError, match=r"name of '\\\\xff' .* not valid UTF-8. Rename it"):
        list_images(folder)
    with pytest.warns(UserWarning, match="skipped"):
        dataset = unpaired(folder, folder, on_bad_image="skip", batch_size=1)
    assert len(dataset.source_names) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read(folder):
    (folder / "x").mkdir(mode=0)
    with pytest.raises(ImageError, match="x' cannot be read: Permission denied"):
        list_images(folder)
    with pytest.warns(UserWarning, match="skipped"):
        unpaired(folder, folder, on_bad_image="skip", batch_size=1)


def test_an_npz_file_that_is_none(tmp_path):
    os.mkfifo(tmp_path / "images.npz")
    with pytest.raises(ImageError, match="images.npz' is no regular file"):
        unpaired(tmp_path / "images.npz", tmp_path / "images.npz")
