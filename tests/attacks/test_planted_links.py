"""Links that somebody put where files are written: what they lead to stays as it was."""

import hashlib
import json
import os
import sqlite3

import keras
import numpy as np
import pytest

from keras_simgan import cli, data, evaluation, models, networks, refinement
from keras_simgan.data import write_folder, write_image
from keras_simgan.disk import TEMPORARY_PREFIX
from keras_simgan.refinement.manifest import MANIFEST
from keras_simgan.refinement.record import RECORD
from keras_simgan.reporting.html import Page

SIZE = (8, 12, 1)


@pytest.fixture
def source(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, *SIZE)).astype("uint8")
    write_folder(tmp_path / "source", images, {"x": np.arange(4)})
    write_image(tmp_path / "source/sub/deep.png", images[0])
    (tmp_path / "source/empty.txt").touch()
    return tmp_path / "source"


@pytest.fixture(scope="module")
def negative():
    return keras.Sequential([keras.Input((None, None, 1)), keras.layers.Rescaling(-1.0)])


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refine(network, source, out, **options):
    return refinement.refine_dataset(
        network, source, out, **{"progress": False, "batch_size": 2, **options}
    )


LINKS = {"symbolic": os.symlink, "hard": os.link}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("resumed", [False, True], ids=["new", "resumed"])
def test_names_in_a_destination(negative, source, tmp_path, link, resumed):
    """Those of images, of labels, of the manifest, and all that an earlier version wrote to."""
    out = tmp_path / "out"
    if resumed:
        refine(negative, source, out)
        for name in ("000001.png", "labels.json", MANIFEST):
            (out / name).unlink()
    out.mkdir(exist_ok=True)
    for name in ("000001.png", "labels.json", "empty.txt", MANIFEST):
        (out / name).unlink(missing_ok=True)
        link(source / "000000.png", out / name)
    for name in (".000000.png", ".labels.json", f".{MANIFEST}"):
        link(source / "000000.png", out / f"{name}.keras_simgan.tmp")
    before = hashes(source)
    with pytest.raises(refinement.RefinementError, match="were not written by this refinement"):
        refine(negative, source, out)
    assert hashes(source) == before
    refine(negative, source, out, overwrite=True)
    assert hashes(source) == before
    header, lines = refinement.read_manifest(out)
    assert len(lines) == 7
    for line in lines:
        assert hashlib.sha256((out / line["output"]).read_bytes()).hexdigest() == line["sha256"]
        assert not (out / line["output"]).is_symlink()


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_the_manifest_of_a_run_that_goes_on(negative, source, tmp_path, link):
    out = tmp_path / "out"
    (source / "000003.png").write_bytes(b"damaged")
    with pytest.raises(data.ImageError, match="000003.png' is damaged"):
        refine(negative, source, out)
    (out / MANIFEST).unlink()
    link(source / "000000.png", out / MANIFEST)
    before = hashes(source)
    with pytest.raises(data.ImageError, match="000003.png' is damaged"):
        refine(negative, source, out)
    with pytest.warns(UserWarning, match="1 images"):
        refine(negative, source, out, on_bad_image="skip")
    assert hashes(source) == before
    assert len(refinement.read_manifest(out)[1]) == 7


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("ending", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("target", ["000000.png", "empty.txt"])
def test_the_record(negative, source, tmp_path, link, ending, target):
    out = tmp_path / "out"
    if ending:
        refine(negative, source, out)
        (out / f"{RECORD}{ending}").unlink(missing_ok=True)
    out.mkdir(exist_ok=True)
    link(source / target, out / f"{RECORD}{ending}")
    before = hashes(source)
    with pytest.raises(refinement.RefinementError, match=f"{RECORD}{ending}', which holds the"):
        refine(negative, source, out, overwrite=True)
    assert hashes(source) == before


def test_a_record_that_never_ends(negative, source, tmp_path):
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / RECORD)
    with pytest.raises(refinement.RefinementError, match="no regular file"):
        refine(negative, source, tmp_path / "out")


def test_folders_that_lead_back(negative, source, tmp_path):
    """Into the source, or to where a link in the source leads."""
    real = tmp_path / "real"
    write_image(real / "a.png", np.zeros(SIZE, "uint8"))
    (source / "linked").symlink_to(real)
    (source / "file.png").symlink_to(real / "a.png")
    before = {**hashes(source), **hashes(real)}
    for name, target in {"sub": source / "sub", "linked": real}.items():
        if name not in {path.split("/")[0] for path in data.list_images(source)}:
            continue  # links to folders are not followed
        out = tmp_path / f"out_{name}"
        out.mkdir()
        (out / name).symlink_to(target)
        with pytest.raises(refinement.RefinementError, match="leads into the source"):
            refine(negative, source, out, overwrite=True)
    out = tmp_path / "out"
    refine(negative, source, out, overwrite=True)
    assert not (out / "file.png").is_symlink()
    assert {**hashes(source), **hashes(real)} == before


def test_what_is_left_is_not_looked_for_behind_links(negative, source, tmp_path):
    out = tmp_path / "out"
    refine(negative, source, out)
    with sqlite3.connect(out / RECORD) as database:
        database.execute("UPDATE files SET state = 1")  # begun
    database.close()
    left, planted = (f"{TEMPORARY_PREFIX}{i:016x}.png" for i in range(2))
    (out / left).write_bytes(b"half")
    (source / planted).write_bytes(b"mine")
    (out / planted).symlink_to(source / planted)
    refine(negative, source, out)
    assert not (out / left).exists() and (source / planted).read_bytes() == b"mine"


def write(path):
    """Writes a file by one of the other ways in which the package writes some."""
    name = path.name
    if name == "styles.npz":
        evaluation.InstanceStyles({0: np.zeros((1, 2))}, 1).save(path)
    elif name == "page.html":
        Page("Title", "test").write(path)
    elif name == "image.png":
        write_image(path, np.zeros(SIZE, "uint8"))


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("name", ["styles.npz", "page.html", "image.png"])
def test_other_files_that_are_written(source, tmp_path, link, name):
    before = hashes(source)
    link(source / "000000.png", tmp_path / name)
    write(tmp_path / name)
    assert hashes(source) == before
    assert not (tmp_path / name).is_symlink() and (tmp_path / name).stat().st_nlink == 1


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_the_files_of_a_preset(source, tmp_path, link):
    model = models.SimGAN(
        networks.Refiner(SIZE, filters=2, blocks=1),
        networks.RefinerDiscriminator(SIZE, stages=((2, 3, 2),)),
    )
    folder = tmp_path / "preset"
    model.save_to_preset(folder)
    before = hashes(source)
    for path in list(folder.iterdir()):
        path.unlink()
        link(source / "000000.png", path)
    model.save_to_preset(folder, overwrite=True)
    assert hashes(source) == before
    models.SimGAN.from_preset(folder)


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
def test_the_files_of_a_run(source, tmp_path, link):
    """Also where it is resumed: log, pictures and preset."""
    (source / "labels.json").unlink()
    command = [
        *("train", "simgan", "--source", str(source), "--target", str(source)),
        *("--out", str(tmp_path / "run"), "--batch-size", "2", "--filters", "2", "--blocks", "1"),
        *("--history", "4", "--refiner-warmup", "0", "--discriminator-warmup", "0"),
    ]
    assert cli.main([*command, "--epochs", "1"]) == 0
    log = (tmp_path / "run/log.csv").read_text()
    for path in [p for p in (tmp_path / "run").rglob("*") if p.is_file()]:
        if path.parent.name == "backup" or path.name == "run.json":
            continue  # these are read before they are written
        path.unlink()
        link(source / "000000.png", path)
    (tmp_path / "run/log.csv").unlink()
    (source / "log.csv").write_text(log)
    link(source / "log.csv", tmp_path / "run/log.csv")
    before = hashes(source)
    assert cli.main([*command, "--epochs", "2"]) == 0
    assert hashes(source) == before
    assert json.loads((tmp_path / "run/run.json").read_text())["model"] == "simgan"
