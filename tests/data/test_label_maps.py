import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from keras_simgan.data import ImageError, write_image
from keras_simgan.data.index_images import IndexMaps, resize_nearest
from keras_simgan.data.label_maps import LabelMaps


def encode(maps, path):
    indices = maps.fit(maps.read(path), path)
    return indices, maps.batch(indices[None])[0]


def test_one_hot_by_hand(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, np.array([[0, 2], [255, 1]], "uint8")[..., None])
    indices, batch = encode(LabelMaps(classes=3, ignore=255), path)
    assert indices.dtype == "uint8" and batch.dtype == "float32"
    np.testing.assert_array_equal(batch, [[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]])


def test_masks_are_two_classes():
    masks = np.array([[[True, False]]])
    maps = LabelMaps(classes=2)
    np.testing.assert_array_equal(maps.batch(maps.array(masks, "source")), [[[[0, 1], [1, 0]]]])


def test_a_class_may_be_ignored():
    maps = LabelMaps(classes=3, ignore=1)
    batch = maps.batch(maps.array([[[0, 1, 2]]], "source"))
    np.testing.assert_array_equal(batch, [[[[1, 0, 0], [0, 0, 0], [0, 0, 1]]]])


@pytest.mark.parametrize("classes, dtype", [(255, "uint8"), (256, "uint16"), (300, "uint16")])
def test_many_classes(tmp_path, classes, dtype):
    """The ignored pixels' index is one more than the last class's, and must fit as well."""
    path = tmp_path / "a.png"
    write_image(path, np.array([[classes - 1, 65535]], "uint16")[..., None])
    indices, batch = encode(LabelMaps(classes, ignore=65535), path)
    assert indices.dtype == dtype
    assert batch[0, 0, classes - 1] == 1 and batch.sum() == 1


def test_colours(tmp_path):
    path = tmp_path / "a.png"
    image = np.array([[[255, 0, 0], [7, 7, 7]], [[0, 0, 255], [0, 255, 0]]], "uint8")
    write_image(path, image)
    colours = [(0, 0, 255), (255, 0, 0), (0, 255, 0)]
    maps = LabelMaps(colours=colours, ignore=(7, 7, 7))
    batch = encode(maps, path)[1]
    expected = [[[0, 1, 0], [0, 0, 0]], [[1, 0, 0], [0, 0, 1]]]
    np.testing.assert_array_equal(batch, expected)
    # What Pillow writes with a palette has the same colours, and alpha is no colour.
    Image.fromarray(image).quantize(4).save(path)
    np.testing.assert_array_equal(encode(maps, path)[1], batch)
    write_image(path, np.concatenate([image, image[..., :1]], -1))
    np.testing.assert_array_equal(encode(maps, path)[1], batch)
    # A gray file is one of gray colours.
    write_image(path, np.array([[[7]]], "uint8"))
    assert encode(LabelMaps(colours=[(1, 2, 3), (7, 7, 7)]), path)[0] == 1


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
def test_of_a_palette_the_indices_count(tmp_path, suffix):
    indices = np.array([[0, 1, 2], [11, 11, 0]], "uint8")
    image = Image.fromarray(indices)
    image.putpalette([200, 10, 10, 10, 200, 10] + 10 * [9, 9, 9])
    image.save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(IndexMaps().read(tmp_path / f"a.{suffix}")[..., 0], indices)


def test_few_bits_are_not_stretched(tmp_path):
    masks = np.array([[0, 1, 1]], "uint8")
    Image.fromarray(masks * 255).convert("1").save(tmp_path / "one.png")
    np.testing.assert_array_equal(IndexMaps().read(tmp_path / "one.png")[..., 0], masks)
    for bits in (2, 4):
        indices = np.arange(2**bits, dtype="uint8")[None]
        image = Image.fromarray(indices)
        image.putpalette([gray for index in range(2**bits) for gray in 3 * [index]])
        image.save(tmp_path / "palette.png", bits=bits)
        np.testing.assert_array_equal(IndexMaps().read(tmp_path / "palette.png")[..., 0], indices)
        (tmp_path / "gray.png").write_bytes(gray_png(indices, bits))
        np.testing.assert_array_equal(IndexMaps().read(tmp_path / "gray.png")[..., 0], indices)


def gray_png(indices, bits):
    """One row, of `bits` bits a pixel."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    text = "".join(f"{index:0{bits}b}" for index in indices[0])
    row = int(text, 2).to_bytes(len(text) // 8, "big")
    header = struct.pack(">IIBBBBB", indices.shape[1], 1, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" + row))
        + chunk(b"IEND", b"")
    )


def test_nearest_neighbour_by_hand():
    image = np.arange(5)[None, :, None]
    # Centres of 3 new pixels: 0.83, 2.5 and 4.17 of 5; of 10: every pixel twice.
    np.testing.assert_array_equal(resize_nearest(image, (1, 3))[0, :, 0], [0, 2, 4])
    np.testing.assert_array_equal(resize_nearest(image, (2, 10))[1, :, 0], np.arange(10) // 2)


@pytest.mark.parametrize(
    "image, options, message",
    [
        (
            [[[0]], [[7]]],
            {"classes": 3},
            "7, in 1 of 2 pixels; expected 0 to 2 (`classes=3`)",
        ),
        ([[[255]]], {"classes": 3, "ignore": 254}, "index 255, in 1 of 1 pixels; expected 0 to 2"),
        ([[[0, 1, 2]]], {"classes": 3}, "has 3 channels; expected one, of indices"),
        ([[[0, 1, 2]]], {"colours": [(0, 1, 3), (9, 9, 9)]}, "the colour (0, 1, 2), in 1 of 1"),
        ([[[9, 9, 9]]], {"colours": [(0, 1, 3)]}, "the colour (9, 9, 9), in 1 of 1"),
    ],
)
def test_what_is_no_class(tmp_path, image, options, message):
    path, maps = tmp_path / "a.png", LabelMaps(**options)
    write_image(path, np.array(image, "uint8"))
    with pytest.raises(ImageError, match=r"a\.png'.*" + re.escape(message)):
        encode(maps, path)
    with pytest.raises(ImageError, match="Row 0 of `source`.*" + re.escape(message)):
        maps.array(np.array([image]), "source")


def test_below_zero_is_no_class():
    with pytest.raises(ImageError, match="the index -1"):
        LabelMaps(3).array([[[-1]]], "source")
    np.testing.assert_array_equal(LabelMaps(3, ignore=-1).array([[[-1]]], "source"), 3)


@pytest.mark.parametrize("options", [{"classes": 3}, {"colours": [(0, 0, 0)]}])
def test_a_jpg_is_refused(tmp_path, options):
    write_image(tmp_path / "a.JPG", np.zeros((4, 4, 1), "uint8"))
    with pytest.raises(ImageError, match=r"a\.JPG' is a jpg, which changes values"):
        LabelMaps(**options).read(tmp_path / "a.JPG")


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "`classes` must be a whole number above 0. Received: None"),
        ({"classes": 0}, "`classes` must be"),
        ({"classes": 2.5}, "`classes` must be"),
        ({"classes": 3, "ignore": (1, 2, 3)}, "`ignore` must be an index"),
        ({"classes": 3, "colours": [(1, 2, 3)]}, "`classes` is 3, but `colours` has 1"),
        ({"colours": [(1, 2)]}, r"`colours` must hold \(red, green, blue\)"),
        ({"colours": [(1, 2, 3)], "ignore": 255}, r"`ignore` must hold \(red, green, blue\)"),
        ({"colours": [(1, 2, 3), (1, 2, 3)]}, r"hold \(1, 2, 3\) twice"),
        ({"colours": [(1, 2, 3)], "ignore": (1, 2, 3)}, r"hold \(1, 2, 3\) twice"),
        ({"colours": []}, "`colours` is empty"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        LabelMaps(**options)
