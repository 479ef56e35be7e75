import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_simgan.data import ImageError, read_image, write_image
from keras_simgan.disk import TEMPORARY_PREFIX
from keras_simgan.models import GAN
from keras_simgan.networks import Refiner
from keras_simgan.refinement import RefinementError, read_manifest, refine_dataset
from keras_simgan.refinement.manifest import MANIFEST
from keras_simgan.refinement.record import RECORD, Record

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
        if p.is_file() and p.name != MANIFEST and not p.name.startswith(RECORD)
    )


def refine(source, destination, network=None, **options):
    return refine_dataset(network or negative(), source, destination, progress=False, **options)


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


def test_what_was_refused_is_known_when_it_is_put_right(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    ours = (out / "3.png").read_bytes()
    write_image(out / "3.png", picture(30, 30))
    with pytest.raises(RefinementError, match="1 files in .*: '3.png'"):
        refine(source, out)
    (out / "3.png").write_bytes(ours)
    assert refine(source, out).finished_before == 11


def test_a_link_that_leads_nowhere_is_somebodys_own(source, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/3.png").symlink_to(tmp_path / "unmounted/3.png")
    with pytest.raises(RefinementError, match="1 files in .*: '3.png'"):
        refine(source, tmp_path / "out")


def test_results_of_another_source_are_not_replaced(source, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    refine(source, out)
    for name in ("0.png", "new.png"):
        write_image(other / name, picture())
    before = (out / "0.png").read_bytes()
    with pytest.raises(RefinementError, match="1 files .* of '.*/other': '0.png'.*overwrite"):
        refine(other, out)
    assert (out / "0.png").read_bytes() == before and not (out / "new.png").exists()
    assert refine(source, out).finished_before == 11
    # Without names in common they go together, and the manifest says so.
    (other / "0.png").unlink()
    assert refine(other, out).refined == 1
    assert [line["input"] for line in read_manifest(out)[1]] == files(out)


def test_half_done_results_of_another_source_are_not_replaced(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    (out / "0.png").unlink()
    record = Record(out, json.loads(settings_of(out)))
    record.begin(["1.png"])
    record.close()
    write_image(tmp_path / "other/1.png", picture())
    with pytest.raises(RefinementError, match="1 files .* of '.*/other': '1.png'"):
        refine(tmp_path / "other", out)


def settings_of(out):
    with contextlib.closing(sqlite3.connect(out / RECORD)) as database:
        (settings,) = database.execute("SELECT value FROM memory WHERE key = 'settings'").fetchone()
    return settings


def test_a_source_that_was_moved_or_touched_is_the_same(source, tmp_path):
    refine(source, tmp_path / "out")
    shutil.copytree(source, tmp_path / "copy", copy_function=shutil.copyfile)
    report = refine(tmp_path / "copy", tmp_path / "out")
    assert (report.refined, report.copied, report.finished_before) == (0, 0, 11)
    os.utime(tmp_path / "copy/0.png", (0, 0))
    assert refine(tmp_path / "copy", tmp_path / "out").finished_before == 11


def test_results_of_another_refiner(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    other = negative()
    other.layers[-1].set_weights([np.full((1, 1, 1, 1), 0.5)])
    with pytest.raises(RefinementError, match="refined with other settings: weights_sha256"):
        refine(source, out, other)
    np.testing.assert_array_equal(read_image(out / "0.png"), 255 - read_image(source / "0.png"))
    assert refine(source, out, other, overwrite=True).refined == 9
    assert refine(source, out, other).finished_before == 11
    assert read_image(out / "0.png").max() <= 192


class Both(GAN):
    """A GAN that darkens in one direction and inverts in the other."""

    directions = {"source_to_target": "there", "target_to_source": "back"}

    def __init__(self):
        super().__init__({"there": negative(), "back": negative()}, {})
        self.there.layers[-1].set_weights([np.full((1, 1, 1, 1), -0.5)])


def test_each_direction_is_another_refiner(source, tmp_path):
    model, out = Both(), tmp_path / "out"
    refine(source, out, model)
    assert read_image(out / "0.png").max() <= 192
    with pytest.raises(RefinementError, match="other settings: weights_sha256.*direction"):
        refine(source, out, model, direction="target_to_source")
    assert refine(source, out, model, direction="source_to_target").finished_before == 11
    refine(source, tmp_path / "back", model, direction="target_to_source")
    back, old = read_image(tmp_path / "back/0.png"), read_image(source / "0.png")
    np.testing.assert_array_equal(back, 255 - old)
    with pytest.raises(ValueError, match="A Both translates source_to_target and target_to_so"):
        refine(source, tmp_path / "new", model, direction="sideways")
    assert not (tmp_path / "new").exists()


def test_two_runs_exclude_each_other(source, tmp_path):
    record = Record(tmp_path / "out", {})
    try:
        with pytest.raises(RefinementError, match="Another run is refining into"):
            refine(source, tmp_path / "out")
    finally:
        record.close()


def test_a_damaged_record(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    (out / RECORD).write_text("nonsense\n" * 1000)
    with pytest.raises(RefinementError, match="is damaged .* Remove it"):
        refine(source, out)


@pytest.mark.parametrize("column", ["line", "source", "result"])
def test_a_record_whose_fields_are_damaged(source, tmp_path, column):
    out = tmp_path / "out"
    refine(source, out)
    with contextlib.closing(sqlite3.connect(out / RECORD)) as record, record:
        record.execute(f"UPDATE files SET {column} = '{{'")
    with pytest.raises(RefinementError, match="is damaged .* Remove it"):
        refine(source, out)


def test_the_manifest(source, tmp_path):
    out = tmp_path / "out"
    report = refine(source, out)
    assert report.manifest == out / MANIFEST
    header, lines = read_manifest(out)
    assert header["refiner"] == "Sequential" and header["direction"] == "source_to_target"
    assert header["versions"]["keras"] == keras.__version__
    assert len(header["weights_sha256"]) == 64
    assert [line["input"] for line in lines] == files(out)
    for line in lines:
        for key, folder in (("input_sha256", source), ("sha256", out)):
            content = (folder / line["input"]).read_bytes()
            assert line[key] == hashlib.sha256(content).hexdigest()
        images = line["input"].endswith((".png", ".tiff", ".bmp", ".jpg"))
        assert line["action"] == ("refined" if images else "copied")
    with pytest.raises(ValueError, match="is no manifest of a refinement"):
        read_manifest(source / "labels.csv")
    with pytest.raises(ValueError, match="There is no .*manifest.jsonl'. `refine_dataset` writes"):
        read_manifest(source)


def test_a_manifest_that_a_kill_left_unfinished_is_made_whole(source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ImageError):
        refine(source, out, negative(3))
    header, *lines = (out / MANIFEST).read_text().splitlines()
    assert len(lines) == 2  # as it goes
    (out / MANIFEST).write_text(f"{header}\n{lines[0]}\n{lines[1][:10]}")
    with pytest.warns(UserWarning, match="7 images"):
        refine(source, out, negative(3), on_bad_image="skip")
    names = [line["input"] for line in read_manifest(out)[1]]
    assert names == [name for name in files(source) if name != ".hidden"]
    whole = (out / MANIFEST).read_text()
    with pytest.warns(UserWarning, match="7 images"):
        refine(source, out, negative(3), on_bad_image="skip")
    assert (out / MANIFEST).read_text() == whole


def test_a_manifest_of_somebody_else(source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / MANIFEST).write_text('{"mine": 1}')
    with pytest.raises(RefinementError, match="1 files in .*: 'manifest.jsonl'. Nothing was"):
        refine(source, out)
    assert (out / MANIFEST).read_text() == '{"mine": 1}'
    refine(source, out, overwrite=True)
    assert len(read_manifest(out)[1]) == 11
    # One in the source would be lost; that of an earlier refinement is of no use.
    (source / MANIFEST).write_text('{"image": "0.png", "class": 1}\n')
    with pytest.raises(RefinementError, match="has the name of the manifest .* Rename it"):
        refine(source, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert refine(out, tmp_path / "twice").refined == 9


def test_other_settings_begin_the_manifest_anew(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    (source / "4.png").write_bytes(b"damaged")
    other = negative()
    other.layers[-1].set_weights([np.full((1, 1, 1, 1), 0.5)])
    with pytest.raises(ImageError, match="4.png' is damaged"):
        refine(source, out, other, overwrite=True, batch_size=1)
    header, lines = read_manifest(out)
    assert header["batch_size"] == 1  # not that of the results that are replaced
    assert [line["input"] for line in lines] == ["0.png", "1.png", "2.png", "3.png"]


def test_what_the_source_has_no_more_stays_in_the_manifest(source, tmp_path):
    out = tmp_path / "out"
    refine(source, out)
    for name in ("0.png", "1.png"):
        (source / name).unlink()
    (out / "1.png").unlink()
    write_image(source / "new.png", picture())
    refine(source, out)
    assert [line["input"] for line in read_manifest(out)[1]] == files(out)


def test_tiles_change_nothing_but_are_settings(tmp_path):
    network = Refiner((None, None, 1), filters=2, blocks=1)
    for i in range(3):
        write_image(tmp_path / f"source/{i}.png", picture(40, 52 + i))
    refine(tmp_path / "source", tmp_path / "whole", network)
    for _ in range(2):
        report = refine(tmp_path / "source", tmp_path / "tiles", network, tile=(24, 32))
    assert report.finished_before == 3
    for i in range(3):
        whole, tiled = (read_image(tmp_path / f"{kind}/{i}.png") for kind in ("whole", "tiles"))
        assert np.abs(whole.astype(int) - tiled).max() <= 1
    with pytest.raises(RefinementError, match=r"other settings: tile '\[24, 32\]', now '24'"):
        refine(tmp_path / "source", tmp_path / "tiles", network, tile=24)


def test_folders_of_masks_are_copied(source, tmp_path):
    for folder in ("masks", "a/labels", "views"):
        write_image(source / folder / "0.png", picture())
    refine(source, tmp_path / "out")
    for folder, refined in {"masks": False, "a/labels": False, "views": True}.items():
        same = (source / folder / "0.png").read_bytes() == (
            tmp_path / "out" / folder / "0.png"
        ).read_bytes()
        assert same != refined
    report = refine(source, tmp_path / "other", label_folders=["views"])
    assert report.refined == 11
    views = tmp_path / "other/views/0.png"
    assert views.read_bytes() == (source / "views/0.png").read_bytes()


def test_folders_of_masks_that_were_told_late(shaded, tmp_path):
    for i in (0, 9):
        write_image(shaded / f"silhouettes/{i}.png", picture())
    out, options = tmp_path / "out", {"critic": brightness, "keep_fraction": 0.4}
    refine(shaded, out, **options)
    refine(shaded, out, label_folders=["silhouettes"], **options)
    assert [name for name in files(out) if "silhouettes" in name] == ["silhouettes/9.png"]
    name = "silhouettes/9.png"
    assert (out / name).read_bytes() == (shaded / name).read_bytes()
    refine(shaded, out, **options)
    refine(shaded, tmp_path / "at_once", **options)
    assert files(out) == files(tmp_path / "at_once")
    assert (out / MANIFEST).read_bytes() == (tmp_path / "at_once" / MANIFEST).read_bytes()


def test_only_folders_of_masks(tmp_path):
    write_image(tmp_path / "source/depth/0.png", picture())
    with pytest.raises(ImageError, match="such as 'depth/0.png'.* `label_folders=\\(\\)`"):
        refine(tmp_path / "source", tmp_path / "out")
    assert refine(tmp_path / "source", tmp_path / "out", label_folders=[]).refined == 1


def test_a_label_of_two_images_stays_with_either(shaded, tmp_path):
    write_image(shaded / "3.tif", np.full((6, 8, 1), 1, "uint8"))
    write_image(shaded / "4.tif", np.full((6, 8, 1), 249, "uint8"))
    (shaded / "4.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    refine(shaded, tmp_path / "out", critic=brightness, keep_fraction=0.4)
    assert {name for name in files(tmp_path / "out") if name[0] in "34"} == {"3.tif", "3.txt"}


def test_masks_go_with_their_image(shaded, tmp_path):
    for folder in ("masks", "silhouettes"):
        for i in (0, 9):
            write_image(shaded / folder / f"{i}.png", picture())
    options = {"critic": brightness, "keep_fraction": 0.4}
    refine(shaded, tmp_path / "out", **options)
    assert {name for name in files(tmp_path / "out") if "masks" in name} == {"masks/9.png"}
    refine(shaded, tmp_path / "other", label_folders=["silhouettes"], **options)
    kept = {name for name in files(tmp_path / "other") if "silhouettes" in name}
    assert kept == {"silhouettes/9.png"}


def brightness(images):
    return images.mean(axis=(1, 2, 3))


@pytest.fixture
def shaded(tmp_path):
    """Ten images, the higher the number the darker; refined ones the brighter."""
    folder = tmp_path / "shaded"
    for i in range(10):
        write_image(folder / f"{i}.png", np.full((6, 8, 1), 250 - 20 * i, "uint8"))
    (folder / "labels.csv").write_text("file,x\n" + "".join(f"{i}.png,{i}\n" for i in range(10)))
    (folder / "3.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    (folder / "8.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    return folder


def test_the_best_are_kept(shaded, tmp_path):
    out = tmp_path / "out"
    report = refine(shaded, out, critic=brightness, keep_fraction=0.4, batch_size=3)
    assert (report.refined, report.rejected) == (10, 6)
    kept = ["6.png", "7.png", "8.png", "8.txt", "9.png", "labels.csv"]
    assert files(out) == kept
    assert (out / "labels.csv").read_text() == "file,x\n6.png,6\n7.png,7\n8.png,8\n9.png,9\n"
    lines = {line["input"]: line for line in read_manifest(out)[1]}
    assert lines["9.png"]["scores"]["realism"] > lines["6.png"]["scores"]["realism"]
    assert lines["0.png"]["action"] == "rejected" and lines["0.png"]["output"] is None
    assert lines["0.png"]["reason"] == "rank 10 of 10; the best 4 are kept"
    assert lines["3.txt"]["action"] == "rejected"
    again = refine(shaded, out, critic=brightness, keep_fraction=0.4, batch_size=3)
    assert (again.refined, again.copied, again.rejected, again.finished_before) == (0, 0, 6, 13)
    # Another share: what comes back is refined again, the labels are written anew.
    more = refine(shaded, out, critic=brightness, keep_fraction=0.7, batch_size=3)
    assert (more.refined, more.rejected) == (3, 3)
    whole = refine(shaded, tmp_path / "at_once", critic=brightness, keep_fraction=0.7)
    assert whole.rejected == 3
    assert files(out) == files(tmp_path / "at_once")
    for name in files(out):
        assert (out / name).read_bytes() == (tmp_path / "at_once" / name).read_bytes()
    fewer = refine(shaded, out, critic=brightness, keep_fraction=0.1, batch_size=3)
    assert (fewer.refined, fewer.rejected) == (0, 9)
    assert files(out) == ["9.png", "labels.csv"]


class Agreement:
    """The angle, as it were, grows with the brightness of the refined image."""

    higher_is_better = False

    def __call__(self, after, before):
        assert (before.mean(axis=(1, 2, 3)) + after.mean(axis=(1, 2, 3)) < 1e-2).all()
        return 10.0 * (after.mean(axis=(1, 2, 3)) > 0.5)


@pytest.mark.parametrize(("channels", "shown"), [(2, 1), (4, 3)])
def test_scores_see_no_alpha(tmp_path, channels, shown):
    for i in range(2):
        write_image(tmp_path / f"source/{i}.png", picture(channels=channels))
    seen = []

    class Agreement:
        higher_is_better = True

        def __call__(self, after, before):
            seen.extend([after.shape[-1], before.shape[-1]])
            return np.zeros(len(after))

    def critic(images):
        seen.append(images.shape[-1])
        return brightness(images)

    refine(tmp_path / "source", tmp_path / "out", critic=critic, label_agreement=Agreement())
    assert seen == [shown] * 3


def test_ranks_of_several_scores_are_averaged(shaded, tmp_path):
    out = tmp_path / "out"
    refine(
        shaded, out, critic=brightness, label_agreement=Agreement(), keep_fraction=0.2, batch_size=3
    )
    # Realism ranks 9 first. Agreement puts 9, 8, 7 and 6 (bright) behind all others, alike.
    after = [(255 - (250 - 20 * i)) / 127.5 - 1 for i in range(10)]
    bright = [value > 0.5 for value in after]
    realism = np.arange(10) / 9
    agreement = np.where(bright, 0, sum(bright) / 9)
    best = sorted(np.argsort(-(realism + agreement), kind="stable")[:2])
    assert [name for name in files(out) if name.endswith("png")] == [f"{i}.png" for i in best]
    header, lines = read_manifest(out)
    assert header["scores"] == ["label_agreement", "realism"]
    assert set(lines[0]["scores"]) == {"realism", "label_agreement"}


def test_bad_scores(shaded, tmp_path):
    with pytest.raises(ValueError, match="so it needs a score"):
        refine(shaded, tmp_path / "out", keep_fraction=0.5)
    with pytest.raises(ValueError, match="above 0 and at most 1. Received: 1.5"):
        refine(shaded, tmp_path / "out", critic=brightness, keep_fraction=1.5)
    assert not (tmp_path / "out").exists()
    with pytest.raises(RefinementError, match="score 'realism' gave .* expected a number for each"):
        refine(shaded, tmp_path / "out", critic=lambda images: np.zeros(1), batch_size=2)
    with pytest.raises(RefinementError, match="not finite"):
        refine(shaded, tmp_path / "out", critic=lambda images: brightness(images) / 0 * 0)


@pytest.mark.parametrize("destination", [".", "a/out", "..", "../source"])
def test_overlapping_folders(source, destination):
    with pytest.raises(RefinementError, match="one folder, or one lies in the other"):
        refine(source, source / destination)


def test_a_link_from_the_destination_into_the_source(source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").symlink_to(source / "a")
    before = {name: (source / name).read_bytes() for name in files(source)}
    with pytest.raises(RefinementError, match="/out/a.* leads into the source .* Remove this link"):
        refine(source, out, overwrite=True)
    assert {name: (source / name).read_bytes() for name in files(source)} == before


def test_bad_images(source, tmp_path):
    path = source / "1.png"
    path.write_bytes(path.read_bytes()[:-20])
    (source / "film.gif").write_bytes(b"GIF89a")
    with pytest.raises(ImageError, match="film.gif' holds moving pictures"):
        refine(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (source / "film.gif").unlink()
    with pytest.raises(ImageError, match="1.png' is damaged or truncated"):
        refine(source, tmp_path / "out")
    (source / "film.gif").write_bytes(b"GIF89a")
    with pytest.warns(UserWarning, match="2 images .* were skipped: '1.png', 'film.gif'"):
        report = refine(source, tmp_path / "out", on_bad_image="skip")
    assert report.skipped == 2
    assert [name for name, _ in report.reasons] == ["1.png", "film.gif"]
    assert len(files(tmp_path / "out")) == 10
    lines = {line["input"]: line for line in read_manifest(tmp_path / "out")[1]}
    assert lines["1.png"]["action"] == "skipped"
    assert "is damaged or truncated" in lines["1.png"]["reason"]


def test_images_that_their_format_cannot_hold_are_skipped(tmp_path):
    for name in ("0.jpg", "1.png"):
        write_image(tmp_path / "in" / name, picture(6, 8, 1))
    image = keras.Input((6, 8, 1))
    twice = keras.Model(image, keras.layers.Concatenate()([image, image]))
    with pytest.raises(ImageError, match="Cannot write .*0.jpg': .jpg holds 1, 3 channels"):
        refine(tmp_path / "in", tmp_path / "out", twice)
    with pytest.warns(UserWarning, match="1 of 2 images .* were skipped: '0.jpg'|1 image"):
        report = refine(tmp_path / "in", tmp_path / "out", twice, on_bad_image="skip")
    assert (report.refined + report.finished_before, report.skipped) == (1, 1)


def test_a_file_keeps_the_format_of_its_content(tmp_path):
    for name, dtype in {"alpha.jpg": "uint8", "deep.jpg": "uint16"}.items():
        write_image(tmp_path / "image.png", picture(6, 8, 4, dtype))
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "image.png").rename(tmp_path / "in" / name)
    refine(tmp_path / "in", tmp_path / "out", negative(4))
    for name in ("alpha.jpg", "deep.jpg"):
        old, new = read_image(tmp_path / "in" / name), read_image(tmp_path / "out" / name)
        np.testing.assert_array_equal(new, np.iinfo(old.dtype).max - old)


def test_boxes_hold_where_an_image_is_turned_by_its_exif(tmp_path):
    """The network sees the image upright; its file lies as before, beside the labels."""
    old = picture(6, 8, 3)
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Camera"
    (tmp_path / "in").mkdir()
    Image.fromarray(old).save(tmp_path / "in/0.png", exif=exif, dpi=(300, 300))
    seen = []

    def critic(images):
        seen.append(images.shape)
        return np.zeros(len(images))

    refine(tmp_path / "in", tmp_path / "out", negative(3), critic=critic)
    assert seen[0][1:3] == (8, 6)
    with Image.open(tmp_path / "out/0.png") as file:
        np.testing.assert_array_equal(np.asarray(file), 255 - old)
        assert dict(file.getexif()) == {271: "Camera", 274: 6}
        assert [round(dots) for dots in file.info["dpi"]] == [300, 300]


def test_a_colour_refiner_refuses_gray_images(source, tmp_path):
    with pytest.raises(ImageError, match=r"0\.png' cannot be refined. It has 1 channel, but"):
        refine(source, tmp_path / "out", negative(3))
    with pytest.warns(UserWarning, match="7 images"):
        report = refine(source, tmp_path / "out", negative(3), on_bad_image="skip")
    # The two that can be were refined beside the ones that stopped the first run.
    assert (report.finished_before, report.refined, report.skipped) == (2, 0, 7)


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
from keras_simgan.refinement import refine_dataset

class SlowRefiner(Refiner):
    def predict_on_batch(self, images):
        time.sleep(0.05)
        return super().predict_on_batch(images)

keras.utils.set_random_seed(1)
network = SlowRefiner((6, 8, 1), filters=4, blocks=1)
refine_dataset(network, *sys.argv[1:], batch_size=4, progress=False)
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
        # os.walk, as rglob may stumble over a file that is being renamed.
        while sum(len(found) for _, _, found in os.walk(out)) < 60:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    whole = [name for name in files(out) if TEMPORARY_PREFIX not in name]
    half = {name: (out / name).stat().st_mtime_ns for name in whole}
    assert 50 <= len(half) < 200
    # What a kill amid a write leaves behind.
    unfinished = next(name for name in files(source) if name not in half)
    half_written = f"{TEMPORARY_PREFIX}0123.png"
    (out / unfinished).with_name(half_written).write_bytes(b"half")
    (out / half_written).write_bytes(b"half")  # of the manifest
    with contextlib.closing(Record(out, json.loads(settings_of(out)))) as record:
        record.begin([unfinished])

    keras.utils.set_random_seed(1)
    network = Refiner((6, 8, 1), filters=4, blocks=1)
    report = refine(source, out, network)
    assert report.finished_before + report.refined + report.copied == 201
    assert report.finished_before >= len(half) - 8  # two shards may be on their way
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
