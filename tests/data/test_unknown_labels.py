import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from keras_simgan.data import EyeRenderer, ImageError, list_images, unknown_labels, write_image
from keras_simgan.data.label_images import LabelRule

draw = np.random.default_rng(0)


def photo(size=24):
    return draw.integers(0, 256, (size, size, 3), "uint8")


def mask(levels=3, size=24, channels=1):
    """Rectangles of a few values."""
    image = np.zeros((size, size, channels), "uint8")
    for value in range(1, levels):
        top, left = draw.integers(0, size // 2, 2)
        image[top : top + size // 2, left : left + size // 2] = value * 255 // levels
    return image


def write(folder, pairs, count=4):
    """Writes `count` images of each name with a star, which is a number."""
    for pattern, make in pairs.items():
        for i in range(count):
            write_image(folder / pattern.replace("*", f"{i:03d}"), make())


@pytest.mark.parametrize(
    ("photos", "masks", "option"),
    [
        ("*.png", "*_zone.png", r"label_patterns=\['\*_zone'\]"),
        ("*.jpg", "*-zone.png", r"label_patterns=\['\*-zone'\]"),
        ("x/a*b.png", "x/a*b.zone7.png", r"label_patterns=\['\*.zone7'\]"),
        ("*.png", "*zone.png", r"label_patterns=\['\*zone'\]"),
        ("img_*.png", "zon_*.png", r"label_patterns=\['zon\*'\]"),
        ("photo*.png", "zone*.png", r"label_patterns=\['zone\*'\]"),
        ("*.png", "zone_*.png", r"label_patterns=\['zone_\*'\]"),
        ("views/*.png", "zones/*.png", r"label_folders=\['zones'\]"),
        ("views/*.jpg", "zones/*.bmp", r"label_folders=\['zones'\]"),
        ("views/train/*.png", "zones/train/*.png", r"label_folders=\['zones'\]"),
        ("train/views/*.png", "train/zones/*.png", r"label_folders=\['zones'\]"),
        ("*.png", "zones/*.png", r"label_folders=\['zones'\]"),
        ("views/*.png", "zones/*_z.png", r"label_folders=\['zones'\]"),
        ("views/*_v.png", "zones/*_z.png", r"label_folders=\['zones'\]"),
        ("*/photo.png", "*/zones.png", r"label_patterns=\['zones'\]"),
    ],
)
def test_unknown_masks_are_refused_with_what_settles_it(tmp_path, photos, masks, option):
    write(tmp_path, {photos: photo, masks: mask})
    with pytest.raises(ImageError, match=rf"looks like a mask of .*{option}.*--label-.*`label_"):
        list_images(tmp_path)
    assert len(list_images(tmp_path, label_folders=())) == 8
    assert len(list_images(tmp_path, label_patterns=())) == 8


@pytest.mark.parametrize("kind", ["two", "many", "colours", "palette", "bits", "jpeg", "16 bits"])
def test_kinds_of_masks(tmp_path, kind):
    for i in range(4):
        write_image(tmp_path / f"views/{i}.png", photo(64))
        image = mask(2 if kind in ("two", "bits", "jpeg") else 30, 64)[..., 0]
        if kind == "colours":
            image = draw.integers(0, 256, (256, 3), "uint8")[image]
        if kind == "16 bits":
            image = image.astype("uint16") * 257
        image = Image.fromarray(image)
        image = image.convert("1") if kind == "bits" else image
        if kind == "palette":
            image = image.convert("P")
        path = tmp_path / "zones" / f"{i}.{'jpg' if kind == 'jpeg' else 'png'}"
        path.parent.mkdir(exist_ok=True)
        image.save(path)
    with pytest.raises(ImageError, match="zones/.* looks like a mask"):
        list_images(tmp_path)


def smooth():
    x, y = np.meshgrid(np.arange(24), np.arange(24))
    return np.stack([x * 9, y * 9, x + y], -1).astype("uint8")


def digit():
    """Strokes with soft edges on black, as in MNIST."""
    image = np.zeros((28, 28, 1), "uint8")
    image[6:22, 10:18, 0] = draw.integers(1, 255, (16, 8)) * (draw.random((16, 8)) < 0.7)
    return image


def constant():
    return np.full((24, 24, 1), draw.integers(256), "uint8")


@pytest.mark.parametrize(
    "pairs",
    [
        {"cam0/*.png": photo, "cam1/*.png": photo},
        {"*_l.png": photo, "*_r.png": photo},
        {"cat/*.jpg": photo, "dog/*.jpg": smooth},
        {"0/*.png": digit, "1/*.png": digit},
        {"drawn/*.png": mask, "also/*.png": mask},
        {"*.png": smooth, "*_small.png": smooth},
        {"*.png": photo, "*_b.png": constant},
        {"day/*.png": photo, "night/*.png": constant},
        {"a*x.png": photo, "drawn/b*y.png": mask},
    ],
    ids=lambda pairs: " and ".join(pairs),
)
def test_images_are_not_suspected(tmp_path, pairs):
    write(tmp_path, pairs, 6)
    assert len(list_images(tmp_path)) == 12


def test_rendered_eyes_are_not_suspected(tmp_path):
    for channels in (1, 3):
        images, _ = EyeRenderer(channels=channels).render(8)
        for i, image in enumerate(images):
            write_image(tmp_path / f"{channels}/{i}.png", image)
    write(tmp_path, {"photos/*.png": photo}, 8)
    assert len(list_images(tmp_path)) == 24


def test_photos_of_few_colours_are_not_suspected(tmp_path):
    """A palette alone makes no mask."""
    for i in range(4):
        image = Image.fromarray(photo())
        image.save(tmp_path / f"{i}.png")
        image.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / f"{i}-small.png")
    assert len(list_images(tmp_path)) == 8


def test_damaged_images_count_as_neither(tmp_path):
    write(tmp_path, {"*.png": photo, "*_zone.png": mask})
    for path in tmp_path.glob("*_zone.png"):
        path.write_bytes(path.read_bytes()[:40])
    assert len(list_images(tmp_path)) == 8


def test_files_that_take_much_memory_are_not_looked_at(tmp_path):
    tifffile.imwrite(tmp_path / "tile.tif", mask()[..., 0], tile=(16, 32))
    assert unknown_labels.look_at(tmp_path / "tile.tif") is not None
    content = (tmp_path / "tile.tif").read_bytes()
    tag = struct.pack("<HHII", 322, 4, 1, 32)
    assert content.count(tag) == 1
    claimed = content.replace(tag, struct.pack("<HHII", 322, 4, 1, 2**24))
    (tmp_path / "tile.tif").write_bytes(claimed)
    assert unknown_labels.look_at(tmp_path / "tile.tif") is None
    Image.new("1", (20000, 4000)).save(tmp_path / "large.png")
    assert unknown_labels.look_at(tmp_path / "large.png") is None


def test_words_belong_together_where_folders_repeat_them(tmp_path):
    write(tmp_path / "a", {"street.png": photo, "sign.png": mask}, 1)
    assert len(list_images(tmp_path)) == 2
    write(tmp_path / "b", {"street.png": photo, "sign.png": mask}, 1)
    with pytest.raises(ImageError, match=r"sign.png' looks like a mask.*\['sign'\]"):
        list_images(tmp_path)


def test_one_drawing_among_many_photos_is_no_mask(tmp_path):
    write(tmp_path, {"*.png": photo}, 20)
    write_image(tmp_path / "003_zone.png", mask())
    assert len(list_images(tmp_path)) == 21


def test_few_files_are_opened_of_many(tmp_path, monkeypatch):
    opened = []
    look_at = unknown_labels.look_at
    monkeypatch.setattr(unknown_labels, "look_at", lambda p: opened.append(p) or look_at(p))
    tiny = photo(4)
    write(tmp_path, {f"{c}/{d}/*.png": lambda: tiny for c in "abc" for d in range(12)}, 12)
    assert len(list_images(tmp_path)) == 432
    assert 0 < len(opened) <= 200


def test_little_is_kept_of_many_names(tmp_path):
    unknown = unknown_labels.UnknownLabels(tmp_path)
    for i in range(300):
        for j in range(100):
            unknown.add(f"{i}/{j}.png")
    folders = {name for place in unknown._places.values() for name in place}
    assert len(unknown._places) <= 64 and len(folders) <= 512
    unknown.refuse()


def test_a_rule_that_is_given_is_not_questioned(tmp_path):
    write(tmp_path, {"*.png": photo, "*_zone.png": mask})
    assert LabelRule(label := ["zones"]).folders == tuple(label)
    assert len(list_images(tmp_path, label_patterns=["*_zone"])) == 4
    assert len(list_images(tmp_path, label_folders=["x"])) == 8
