"""Names of 255 bytes, as many as file systems take."""

import keras
import numpy as np
import pytest

from keras_simgan import data, models, networks
from keras_simgan.data import read_image, write_folder, write_image
from keras_simgan.refinement import read_manifest, refine_dataset

SIZE = (8, 12, 1)
LETTERS = {"ascii": "x", "two bytes": "ü", "four bytes": "\N{EYE}"}


def long_name(letter, suffix):
    return letter * ((255 - len(suffix)) // len(letter.encode())) + suffix


@pytest.fixture(params=LETTERS.values(), ids=LETTERS)
def source(request, tmp_path):
    """An image in a folder, its mask and its labels, all of such names."""
    names = [long_name(request.param, f"{i}.png") for i in range(3)]
    folder = tmp_path / "source"
    images = np.random.default_rng(0).integers(0, 256, (3, *SIZE)).astype("uint8")
    write_folder(folder, images, names=names)
    deep = long_name(request.param, "")
    write_image(folder / deep / long_name(request.param, ".tiff"), images[0])
    (folder / long_name(request.param, ".txt")).write_text(f"{names[0]}\n")
    return folder


def test_refined_and_copied(source, tmp_path):
    network = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Rescaling(-1.0)])
    names = data.list_images(source)
    for options in ({}, {"batch_size": 1}):
        report = refine_dataset(network, source, tmp_path / "out", progress=False, **options)
    assert report.finished_before == 5
    for name in names:
        np.testing.assert_array_equal(
            read_image(tmp_path / "out" / name), 255 - read_image(source / name)
        )
    assert {line["output"] for line in read_manifest(tmp_path / "out")[1]} >= set(names)


def test_a_preset_in_such_a_folder(tmp_path):
    model = models.SimGAN(
        networks.Refiner(SIZE, filters=2, blocks=1),
        networks.RefinerDiscriminator(SIZE, stages=((2, 3, 2),)),
    )
    folder = tmp_path / long_name("x", "")
    model.save_to_preset(folder)
    models.SimGAN.from_preset(folder)
