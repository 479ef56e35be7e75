"""What goes wrong with disks and files: a clear end, nothing lost, nothing half written."""

import errno
import os
import pathlib
import subprocess

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_simgan.data import ImageError, read_image, write_image
from keras_simgan.data.images import encode_image
from keras_simgan.disk import TEMPORARY_PREFIX
from keras_simgan.refinement import (
    RefinementError,
    copying,
    read_manifest,
    refine_dataset,
    shards,
)

SIZE = (8, 12, 1)


@pytest.fixture(scope="module")
def negative():
    """A network that turns images into their negatives."""
    return keras.Sequential([keras.Input(SIZE), keras.layers.Rescaling(-1.0)])


@pytest.fixture
def source(tmp_path):
    random = np.random.default_rng(0)
    for i in range(40):
        write_image(tmp_path / f"source/{i:02d}.png", random.integers(0, 256, SIZE).astype("uint8"))
    (tmp_path / "source/labels.csv").write_text("file,x\n")
    return tmp_path / "source"


def refine(network, source, destination, **options):
    return refine_dataset(
        network, source, destination, **{"progress": False, "batch_size": 4, **options}
    )


def assert_whole(source, out):
    """Every image in the destination is whole, and nothing half written lies about."""
    for path in out.rglob("*.png"):
        np.testing.assert_array_equal(read_image(path), 255 - read_image(source / path.name))
    assert not list(out.rglob(f"{TEMPORARY_PREFIX}*"))


def assert_goes_on(network, source, out):
    """The next run does what is left, and only that."""
    there = len(list(out.glob("*.png")))
    report = refine(network, source, out)
    assert report.refined + report.copied + report.finished_before == 41
    assert report.finished_before >= there - 12  # three shards may be on their way
    assert len(list(out.glob("*.png"))) == 40
    assert_whole(source, out)


def test_a_full_disk(negative, source, tmp_path, monkeypatch):
    write, calls = pathlib.Path.write_bytes, iter(range(1000))

    def fill(path, content):
        if next(calls) >= 20:
            with path.open("wb") as file:
                file.write(content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, content)

    monkeypatch.setattr(pathlib.Path, "write_bytes", fill)
    with pytest.raises(ImageError, match=r"Cannot write .*\.png': No space left on device"):
        refine(negative, source, tmp_path / "out")
    monkeypatch.undo()
    assert 8 <= len(list((tmp_path / "out").glob("*.png"))) <= 20
    assert_whole(source, tmp_path / "out")
    assert_goes_on(negative, source, tmp_path / "out")


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 160 kB, where the system lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(folder)], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full(negative, source, small_disk):
    out = small_disk / "out"
    with pytest.raises((ImageError, RefinementError), match="No space left|Is the disk full"):
        refine(negative, source, out)
    assert_whole(source, out)
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert_goes_on(negative, source, out)


def test_a_destination_that_cannot_be_written(negative, source, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RefinementError, match="Cannot write to .*/out': Read-only file system"):
        refine(negative, source, small_disk / "out")
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    (small_disk / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RefinementError, match="cannot be written: .* or the folder read-only"):
        refine(negative, source, small_disk / "out")


def test_a_destination_below_a_file(negative, source, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RefinementError, match="Cannot write to .*Not a directory"):
        refine(negative, source, tmp_path / "file/out")


def changing(monkeypatch, name, times):
    """Makes a file look as if it changed so many times while it is read."""
    look, left = shards.fingerprint, {"times": times}

    def fingerprint(path):
        size, time = look(path)
        if path.name == name and left["times"]:
            left["times"] -= 1
            return [size, time + left["times"] + 1]
        return [size, time]

    monkeypatch.setattr(shards, "fingerprint", fingerprint)


def test_a_source_that_changes_while_it_is_read(negative, source, tmp_path, monkeypatch):
    changing(monkeypatch, "07.png", times=3)
    assert refine(negative, source, tmp_path / "patient").refined == 40
    changing(monkeypatch, "07.png", times=6)
    with pytest.raises(ImageError, match="07.png' changes while it is read. Wait until"):
        refine(negative, source, tmp_path / "out")
    assert not (tmp_path / "out/07.png").exists()
    assert_goes_on(negative, source, tmp_path / "out")


def test_labels_that_change_while_they_are_read(negative, source, tmp_path, monkeypatch):
    look, calls = copying.fingerprint, iter(range(100))
    monkeypatch.setattr(copying, "fingerprint", lambda path: [*look(path), next(calls)])
    with pytest.raises(ImageError, match="labels.csv' changes while it is read"):
        refine(negative, source, tmp_path / "out")
    assert not (tmp_path / "out/labels.csv").exists()
    monkeypatch.undo()
    assert refine(negative, source, tmp_path / "out").copied == 1


def test_large_annotations_are_copied_with_a_warning(negative, source, tmp_path, monkeypatch):
    (source / "labels.csv").write_text(f"file\n{source}/00.png\n")
    monkeypatch.setattr(copying, "_ANNOTATION_BYTES", 8)
    with pytest.warns(UserWarning, match="labels.csv' was copied as it is: it has more than 8"):
        refine(negative, source, tmp_path / "out")
    copied = (tmp_path / "out/labels.csv").read_bytes()
    assert copied == (source / "labels.csv").read_bytes()


def test_a_source_that_vanishes(negative, source, tmp_path, monkeypatch):
    look = shards.fingerprint

    def vanish(path):
        if path.name == "30.png":
            path.unlink(missing_ok=True)
        return look(path)

    monkeypatch.setattr(shards, "fingerprint", vanish)
    with pytest.raises(ImageError, match="30.png' cannot be read: No such file"):
        refine(negative, source, tmp_path / "out")
    assert_whole(source, tmp_path / "out")


def test_names_that_are_no_text(negative, source, tmp_path):
    try:
        (source / os.fsdecode(b"\xff.txt")).touch()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(ImageError, match="is not valid UTF-8. Rename it"):
        refine(negative, source, tmp_path / "out")


ENCODED = [
    encode_image(f"x{suffix}", np.random.default_rng(0).integers(0, 256, SIZE).astype("uint8"))
    for suffix in (".png", ".jpg", ".bmp", ".tif")
]


@st.composite
def damaged(draw):
    content = bytearray(draw(st.sampled_from(ENCODED)))
    for _ in range(draw(st.integers(0, 4))):
        content[draw(st.integers(0, min(len(content) - 1, 60)))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))])


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
@given(contents=st.lists(damaged(), min_size=8, max_size=8))
def test_whatever_the_files_hold(negative, tmp_path_factory, contents):
    """Each is refined or skipped with its reason, and never stops the others."""
    folder = tmp_path_factory.mktemp("fuzz")
    write_image(folder / "source/good.png", np.zeros(SIZE, "uint8"))
    for i, content in enumerate(contents):
        suffix = (".png", ".jpg", ".bmp", ".tif")[i % 4]
        (folder / f"source/{i}{suffix}").write_bytes(content)
    with np.testing.suppress_warnings() as quiet:
        quiet.filter(UserWarning)
        report = refine(negative, folder / "source", folder / "out", on_bad_image="skip")
    assert report.refined + report.skipped == 9
    lines = read_manifest(folder / "out")[1]
    assert len(lines) == 9
    for line in lines:
        written = (folder / "out" / line["input"]).exists()
        assert written == (line["action"] == "refined") == ("reason" not in line)
    assert (folder / "out/good.png").exists()
