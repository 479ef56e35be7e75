import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_simgan.data import ImageError, read_image, write_image
from keras_simgan.models import GAN
from keras_simgan.networks import Refiner
from keras_simgan.refinement import RefinementError, refine_folder
from keras_simgan.refinement.journal import JOURNAL, Journal

random = np.random.default_rng(0)


def negative(channels=1, scale=-1.0):
    layers = [keras.layers.Rescaling(scale), keras.layers.DepthwiseConv2D(1, use_bias=False)]
    network = keras.Sequential([keras.Input((None, None, channels)), *layers])
    layers[1].set_weights([np.ones((1, 1, channels, 1))])
    return network


def picture(height=6, width=8, channels=1, dtype="uint8"):
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


@pytest.fixture
def source(tmp_path):
    """Images of several sizes, depths and channel counts, labels and notes, in folders."""
    folder = tmp_path / "source"
    for i in range(5):
        write_image(folder / f"{i}.png", picture())
    write_image(folder / "a/b/deep.png", picture(5, 7, dtype="uint16"))
    write_image(folder / "a/colour.tiff", picture(4, 4, 3, "uint16"))
    write_image(folder / "a/colour.bmp", picture(6, 8, 3) // 4 + 96)
    write_image(folder / "a/photo.jpg", np.full((6, 8, 1), 100, "uint8"))
    (folder / "labels.csv").write_text("file,x\n0.png,1\n")
    (folder / "a/notes.txt").write_text("notes")
    (folder / ".hidden").write_text("not copied")
    return folder


def files(folder):
    return sorted(
        p.relative_to(folder).as_posix()
        for p in Path(folder).rglob("*")
        if p.is_file() and p.name != JOURNAL
    )


def refine(source, destination, network=None, **options):
    return refine_folder(network or negative(), source, destination, progress=False, **options)


def test_names_folders_depths_channels_and_labels_stay(source, tmp_path):
    report = refine(source, tmp_path / "out")
    assert (report.refined, report.copied, report.finished_before) == (9, 2, 0)
    assert files(tmp_path / "out") == [name for name in files(source) if name != ".hidden"]
    for name in ["0.png", "4.png", "a/b/deep.png"]:
        old, new = read_image(source / name), read_image(tmp_path / "out" / name)
        assert new.dtype == old.dtype
        np.testing.assert_array_equal(new, np.iinfo(old.dtype).max - old)
    for name in ["a/colour.tiff", "a/colour.bmp", "a/photo.jpg"]:
        old, new = read_image(source / name), read_image(tmp_path / "out" / name)
        assert new.dtype == old.dtype and new.shape == old.shape and not np.array_equal(new, old)
    assert abs(int(read_image(tmp_path / "out/a/photo.jpg").mean()) - 155) <= 2
    assert (tmp_path / "out/labels.csv").read_bytes() == (source / "labels.csv").read_bytes()


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_the_batch_size_changes_nothing(source, tmp_path, batch_size):
    refine(source, tmp_path / "out", batch_size=batch_size)
    for i in range(5):
        np.testing.assert_array_equal(
            read_image(tmp_path / f"out/{i}.png"), 255 - read_image(source / f"{i}.png")
        )


def test_a_second_run_does_only_what_is_left(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    before = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    report = refine(source, out)
    assert (report.refined, report.copied, report.finished_before) == (0, 0, 11)
    assert {name: (out / name).stat().st_mtime_ns for name in files(out)} == before
    (out / "1.png").unlink()
    write_image(source / "2.png", picture(10, 12))
    write_image(source / "new.png", picture())
    (source / "a/notes.txt").write_text("other notes")
    report = refine(source, out)
    assert (report.refined, report.copied, report.finished_before) == (3, 1, 8)
    assert (out / "a/notes.txt").read_text() == "other notes"
    for name in ("1.png", "2.png", "new.png"):
        np.testing.assert_array_equal(read_image(out / name), 255 - read_image(source / name))


def test_nobody_elses_file_is_overwritten(source, tmp_path):
    out = tmp_path / "out"
    write_image(out / "3.png", picture())
    (out / "labels.csv").write_text("mine")
    before = {name: (out / name).read_bytes() for name in files(out)}
    with pytest.raises(RefinementError, match="2 files in .*: '3.png', 'labels.csv'.*overwrite"):
        refine(source, out)
    assert {name: (out / name).read_bytes() for name in files(out)} == before
    assert refine(source, out, overwrite=True).refined == 9
    np.testing.assert_array_equal(read_image(out / "3.png"), 255 - read_image(source / "3.png"))
    # An output that somebody changed is theirs from then on.
    write_image(out / "3.png", picture(30, 30))
    with pytest.raises(RefinementError, match="1 files in .*: '3.png'"):
        refine(source, out)


def test_results_of_another_refiner(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    other = negative()
    other.layers[-1].set_weights([np.full((1, 1, 1, 1), 0.5)])
    with pytest.raises(RefinementError, match="refined with other weights"):
        refine(source, out, other)
    np.testing.assert_array_equal(read_image(out / "0.png"), 255 - read_image(source / "0.png"))
    assert refine(source, out, other, overwrite=True).refined == 9
    assert refine(source, out, other).finished_before == 11
    assert read_image(out / "0.png").max() <= 192


class Both(GAN):
    """A GAN that darkens in one direction and inverts in the other."""

    directions = {"source_to_target": "there", "target_to_source": "back"}

    def __init__(self):
        networks = [negative(), negative()]
        super().__init__(networks, [])
        self.there, self.back = networks
        self.there.layers[-1].set_weights([np.full((1, 1, 1, 1), -0.5)])


def test_each_direction_is_another_refiner(source, tmp_path):
    model, out = Both(), tmp_path / "out"
    refine(source, out, model)
    assert read_image(out / "0.png").max() <= 192
    with pytest.raises(RefinementError, match="other weights, of another model or direction"):
        refine(source, out, model, direction="target_to_source")
    assert refine(source, out, model, direction="source_to_target").finished_before == 11
    refine(source, tmp_path / "back", model, direction="target_to_source")
    back, old = read_image(tmp_path / "back/0.png"), read_image(source / "0.png")
    np.testing.assert_array_equal(back, 255 - old)
    with pytest.raises(ValueError, match="A Both translates source_to_target and target_to_so"):
        refine(source, tmp_path / "new", model, direction="sideways")
    assert not (tmp_path / "new").exists()


def test_two_runs_exclude_each_other(source, tmp_path):
    journal = Journal(tmp_path / "out", "checksum")
    try:
        with pytest.raises(RefinementError, match="Another run is refining into"):
            refine(source, tmp_path / "out")
    finally:
        journal.close()


def test_a_torn_or_damaged_record(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    content = (out / JOURNAL).read_text()
    lines = content.splitlines(keepends=True)
    (out / JOURNAL).write_text("".join(lines[:-1]) + lines[-1][:10])
    report = refine(source, out)
    assert (report.refined, report.finished_before) == (1, 10)
    (out / JOURNAL).write_text("nonsense\n")
    with pytest.raises(RefinementError, match="is damaged. Remove it"):
        refine(source, out)


@pytest.mark.parametrize("destination", [".", "a/out", "..", "../source"])
def test_overlapping_folders(source, destination):
    with pytest.raises(RefinementError, match="one folder, or one lies in the other"):
        refine(source, source / destination)


def test_bad_images(source, tmp_path):
    path = source / "1.png"
    path.write_bytes(path.read_bytes()[:-20])
    (source / "film.gif").write_bytes(b"GIF89a")
    with pytest.raises(ImageError, match="film.gif' has an unsupported format"):
        refine(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (source / "film.gif").unlink()
    with pytest.raises(ImageError, match="1.png' is damaged or truncated"):
        refine(source, tmp_path / "out")
    (source / "film.gif").write_bytes(b"GIF89a")
    with pytest.warns(UserWarning, match="2 images .* were skipped: 'film.gif', '1.png'"):
        report = refine(source, tmp_path / "out", on_bad_image="skip")
    assert [name for name, _ in report.skipped] == ["film.gif", "1.png"]
    assert len(files(tmp_path / "out")) == 10


def test_a_colour_refiner_refuses_gray_images(source, tmp_path):
    with pytest.raises(ImageError, match=r"0\.png' cannot be refined. It has 1 channel, but"):
        refine(source, tmp_path / "out", negative(3))
    with pytest.warns(UserWarning, match="7 images"):
        assert refine(source, tmp_path / "out", negative(3), on_bad_image="skip").refined == 2


def test_bad_arguments(source, tmp_path):
    with pytest.raises(ImageError, match="does not exist"):
        refine(tmp_path / "absent", tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(RefinementError, match="is a file"):
        refine(source, tmp_path / "file")
    with pytest.raises(ValueError, match="on_bad_image"):
        refine(source, tmp_path / "out", on_bad_image="ignore")
    with pytest.raises(ValueError, match="batch_size"):
        refine(source, tmp_path / "out", batch_size=0)
    with pytest.raises(ValueError, match="no preset 'simgan_ears'"):
        refine(source, tmp_path / "out", "simgan_ears")


def test_nan_from_the_network(source, tmp_path):
    with pytest.raises(RefinementError, match="not finite"):
        refine(source, tmp_path / "out", negative(scale=float("nan")))


SLOW_RUN = """
import sys, time
import keras
from keras_simgan.networks import Refiner
from keras_simgan.refinement import refine_folder

class SlowRefiner(Refiner):
    def predict_on_batch(self, images):
        time.sleep(0.05)
        return super().predict_on_batch(images)

keras.utils.set_random_seed(1)
network = SlowRefiner((6, 8, 1), filters=4, blocks=1)
refine_folder(network, *sys.argv[1:], batch_size=4, progress=False)
"""


def test_killed_half_way(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    for i in range(200):
        write_image(source / f"{i % 3}" / f"{i:03d}.png", picture())
    (source / "labels.json").write_text(json.dumps({"a": 1}))
    command = [sys.executable, "-c", SLOW_RUN, str(source), str(out)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 120
        while len(list(out.rglob("*.png"))) < 50:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    half = {name: (out / name).stat().st_mtime_ns for name in files(out)}
    assert 50 <= len(half) < 200
    # What a kill amid a write leaves behind.
    (out / "0" / ".000.png.keras_simgan.tmp").write_bytes(b"half a file")

    keras.utils.set_random_seed(1)
    network = Refiner((6, 8, 1), filters=4, blocks=1)
    report = refine(source, out, network)
    assert report.finished_before + report.refined + report.copied == 201
    assert report.finished_before >= len(half) - 4 - 1
    assert files(out) == files(source)
    kept = [name for name in half if (out / name).stat().st_mtime_ns == half[name]]
    assert len(kept) == report.finished_before
    for name in files(source):
        if name.endswith(".png"):
            assert read_image(out / name).shape == (6, 8, 1)
    # The results of both runs are those of one.
    refine(source, tmp_path / "whole", network)
    for name in files(source):
        if name.endswith(".png"):
            whole, resumed = read_image(tmp_path / "whole" / name), read_image(out / name)
            assert np.abs(whole.astype(int) - resumed).max() <= 1
