"""A whole data set, of which `keep_fraction` leaves images out and whose labels hold old pixels."""

import json
import warnings

import keras
import numpy as np
import pytest

from keras_simgan.data import read_image, write_image
from keras_simgan.refinement import read_manifest, refine_dataset

SIZE = (8, 12, 3)


@pytest.fixture(scope="module")
def negative():
    """A network that turns images into their negatives."""
    return keras.Sequential([keras.Input(SIZE), keras.layers.Rescaling(-1.0)])


def brightness(images):
    return np.mean(images, axis=(1, 2, 3))


def write(source, name, content):
    path = source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def source(tmp_path):
    source = tmp_path / "renders"
    for i in range(4):
        # The refined ones are negatives: 0 and 1 are the brightest.
        write_image(source / f"image_2/im{i}.png", np.full(SIZE, 60 * i, "uint8"))
        write(source, f"label_2/im{i}.txt", "Car 0 0 1 1\n")
        write(source, f"poses/im{i}_keypoints.json", "{}")
        write(source, f"image_2/im{i}.json", json.dumps({"imageData": "x", "shapes": []}))
        np.save(source / f"image_2/im{i}.npy", np.full(SIZE, 60 * i, "uint8"))
    write(source, "train.txt", "".join(f"im{i}\n" for i in range(4)))
    write(source, "ids.csv", "id,x\n" + "".join(f"im{i},{i}\n" for i in range(4)))
    write(source, "notes.md", "See im3.png.\n")
    write(source, "old.zip", b"PK")
    return source


def refine(network, source, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"progress": False, **options}
        refine_dataset(network, source, source.parent / "refined", **options)
    return [str(one.message) for one in caught if one.category is UserWarning]


def files(folder):
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("[!.]*")
        if path.is_file() and path.name != "manifest.jsonl"
    )


def test_labels_and_old_pixels(negative, source):
    out = source.parent / "refined"
    said = refine(negative, source, critic=brightness, keep_fraction=0.5)
    expected = [f"image_2/im{i}.{suffix}" for i in (0, 1) for suffix in ("json", "png")]
    expected += [f"label_2/im{i}.txt" for i in (0, 1)]
    expected += [f"poses/im{i}_keypoints.json" for i in (0, 1)]
    expected += ["train.txt", "ids.csv", "notes.md", "old.zip"]
    assert files(out) == sorted(expected)
    assert (out / "train.txt").read_text() == "im0\nim1\n"
    assert (out / "ids.csv").read_text() == "id,x\nim0,0\nim1,1\n"
    assert json.loads((out / "image_2/im0.json").read_text()) == {"imageData": None, "shapes": []}
    assert len(said) == 4
    assert "notes.md' names images that were left out, 1 in all, such as 'im3.png'" in said[0]
    whole = "".join(said[1:])
    assert "4 files were left out" in whole and "'image_2/im0.npy'" in whole
    assert "2 annotations held copies" in whole and "'image_2/im0.json'" in whole
    assert "1 files were copied that may show images" in whole and "'old.zip'" in whole
    lines = {line["input"]: line for line in read_manifest(out)[1]}
    assert lines["notes.md"]["note"].endswith("such as 'im3.png'")
    assert lines["image_2/im0.json"]["note"] == "1 copies of images became null"
    assert lines["image_2/im0.npy"]["reason"] == "it shows images as they were before refining"
    assert lines["label_2/im3.txt"]["reason"] == "its image is left out"

    # Nothing to do, nothing to say; and with all images all labels are there.
    assert refine(negative, source, critic=brightness, keep_fraction=0.5) == []
    refine(negative, source, critic=brightness, keep_fraction=1.0)
    assert files(out) == [name for name in files(source) if not name.endswith(".npy")]
    assert (out / "train.txt").read_bytes() == (source / "train.txt").read_bytes()
    np.testing.assert_array_equal(read_image(out / "image_2/im3.png"), 255 - 180)


def test_a_file_that_may_belong_to_an_image_is_said(negative, source):
    write_image(source / "image_3/im2.png", np.zeros(SIZE, "uint8"))
    write(source, "calib/im2.txt", "1 2 3\n")
    said = "".join(refine(negative, source, critic=brightness, keep_fraction=0.6))
    assert "2 files were copied that may belong to images that were left out" in said
    assert "'calib/im2.txt', 'poses/im2_keypoints.json'" in said
    assert "calib/im2.txt" in files(source.parent / "refined")
    assert "label_2/im2.txt" not in files(source.parent / "refined")
