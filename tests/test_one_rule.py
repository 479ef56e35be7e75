"""All that reads a folder of images reads the same ones."""

import argparse
import functools

import keras
import numpy as np
import pytest

from keras_simgan.cli.command_line import main
from keras_simgan.cli.refine import _listed
from keras_simgan.data import (
    ImageError,
    list_images,
    paired,
    read_folder,
    sample_images,
    unpaired,
    write_image,
)
from keras_simgan.evaluation import SampleOptions
from keras_simgan.evaluation.image_folders import ImageFolders
from keras_simgan.networks import Refiner, UNetGenerator
from keras_simgan.refinement import read_manifest, refine_dataset
from keras_simgan.runs.options import SimGANOptions
from keras_simgan.runs.training import read_data

draw = np.random.default_rng(0)
SIZE = 16


def photo():
    return draw.integers(0, 256, (SIZE, SIZE, 3), "uint8")


def mask():
    image = np.zeros((SIZE, SIZE, 3), "uint8")
    image[:9, 2:12] = 255
    return image


@functools.cache
def network():
    keras.utils.set_random_seed(0)
    return Refiner((SIZE, SIZE, 3), filters=2, blocks=1)


def refined(folder, **options):
    out = folder.parent / "out"
    refine_dataset(network(), folder, out, progress=False, **options)
    lines = read_manifest(out)[1]
    for line in lines:
        if line["action"] == "copied":
            name = line["input"]
            assert (out / name).read_bytes() == (folder / name).read_bytes()
    return sorted(line["input"] for line in lines if line["action"] == "refined")


def translated(folder, **options):
    """The targets of pairs, whose sources have all names there are."""
    maps = folder.parent / "pairs"
    for path in folder.rglob("*.png"):
        write_image(maps / path.relative_to(folder), np.zeros((SIZE, SIZE, 1), "uint8"))
    if options:  # they go for both
        return paired(maps, folder, classes=2, **options).names
    return paired(maps, folder, classes=2, on_bad_image="skip").names


def trained(folder, **options):
    """What `keras-simgan train` reads."""
    return read_data(
        SimGANOptions(source=str(folder), target=str(folder), batch_size=1, **options)
    ).train.source_names


def listed(folder, **options):
    """What `keras-simgan refine --critic` samples."""
    given = {"label_folders": None, "label_patterns": None, **options}
    arguments = argparse.Namespace(source=folder, on_bad_image="error", **given)
    return _listed(arguments, "simgan_eyes_36x60")


def evaluated(folder, **options):
    found = ImageFolders.list(folder, folder, folder, folder, SampleOptions(**options))
    names = [each.names for each in found.of.values()]
    assert names == names[:1] * 4
    return names[0]


READERS = {
    "list_images": list_images,
    "read_folder": lambda folder, **options: read_folder(folder, **options)[0],
    "sample_images": lambda folder, **options: sample_images(folder, 99, **options)[0],
    "unpaired": lambda folder, **options: (
        unpaired(folder, folder, batch_size=1, **options).source_names
    ),
    "unpaired's target": lambda folder, **options: (
        unpaired(
            np.zeros((1, SIZE, SIZE, 3), "uint8"), folder, batch_size=1, **options
        ).target.names
    ),
    "paired's target": translated,
    "train": trained,
    "evaluate": evaluated,
    "refine": refined,
    "refine --critic": listed,
}
#: Photos, their masks, and where a name does not say that it is one, the option that does.
KNOWN = {
    "folders": ("images/*.png", "masks/*.png"),
    "suffix": ("*.png", "*_mask.png"),
    "camvid": ("train/0001TP_00669*.png", "trainannot/0001TP_00669*.png"),
    "camvid at its origin": ("0001TP_00669*.png", "0001TP_00669*_L.png"),
    "synthia": ("RGB/*.png", "GT/COLOR/*.png"),
    "ade20k": ("training/ADE_train_*.png", "training/ADE_train_*_parts_1.png"),
    "cityscapes": (
        "leftImg8bit/val/ulm/ulm_000000_00000*_leftImg8bit.png",
        "gtFine/val/ulm/ulm_000000_00000*_gtFine_color.png",
    ),
    "isic": ("ISIC_000000*.png", "ISIC_000000*_segmentation.png"),
}
UNKNOWN = {
    "suffix": ("*.png", "*_zone.png", {"label_patterns": ["*_zone"]}),
    "folder": ("views/*.png", "zones/*.png", {"label_folders": ["zones"]}),
}


def write(folder, photos, masks):
    names = [photos.replace("*", f"{i}") for i in range(3)]
    for i, name in enumerate(names):
        write_image(folder / name, photo())
        write_image(folder / masks.replace("*", f"{i}"), mask())
    return names


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", KNOWN)
def test_known_masks_are_no_images(reader, case, tmp_path):
    names = write(tmp_path / "set", *KNOWN[case])
    assert READERS[reader](tmp_path / "set") == names


@pytest.mark.parametrize("reader", [name for name in READERS if name != "paired's target"])
@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_masks_are_refused_until_it_is_said(reader, case, tmp_path):
    photos, masks, option = UNKNOWN[case]
    names = write(tmp_path / "set", photos, masks)
    with pytest.raises(ImageError, match=f"looks like a mask of .*`{next(iter(option))}=.*--lab"):
        READERS[reader](tmp_path / "set")
    assert not (tmp_path / "out").exists()
    assert READERS[reader](tmp_path / "set", **option) == names
    if reader != "refine":
        assert len(READERS[reader](tmp_path / "set", label_folders=())) == 6
        assert len(READERS[reader](tmp_path / "set", label_patterns=())) == 6


@pytest.mark.parametrize("case", UNKNOWN)
def test_pairs_whose_targets_hold_unknown_masks(case, tmp_path):
    photos, masks, option = UNKNOWN[case]
    names = write(tmp_path / "set", photos, masks)
    with pytest.raises(ImageError, match="looks like a mask"):
        translated(tmp_path / "set")
    assert translated(tmp_path / "set", **option) == names


def test_where_label_maps_are_expected_every_image_is_one(tmp_path):
    for i in range(3):
        write_image(tmp_path / f"photos/{i}.png", photo())
        for name in (f"gtFine/{i}.png", f"instances/{i}.png"):
            write_image(tmp_path / "maps" / name, mask()[..., :1] // 255)
    folders = tmp_path / "maps/gtFine", tmp_path / "photos"
    assert len(paired(*folders, classes=2, instances=tmp_path / "maps/instances").names) == 3
    for i in range(3):
        (folders[0] / f"{i}.png").rename(folders[0] / f"{i}_labelIds.png")
    assert len(paired(*folders, classes=2, match=r"\d+").names) == 3
    with pytest.raises(ImageError, match="all 3 are labels by their names"):
        paired(*folders, match=r"\d+", channels=3)
    assert len(paired(*folders, match=r"\d+", label_patterns=()).names) == 3


def test_label_maps_that_are_refined_may_have_any_name(tmp_path):
    for i in range(2):
        write_image(tmp_path / f"maps/gtFine/{i}_labelIds.png", mask()[..., :1] // 255)
        write_image(tmp_path / f"maps/gtFine/{i}_other.png", mask()[..., :1] // 255)
    generator = UNetGenerator((SIZE, SIZE, 2), filters=2, depth=2)
    options = {"label_maps": {"classes": 2}, "progress": False}
    report = refine_dataset(generator, tmp_path / "maps", tmp_path / "photos", **options)
    assert report.refined == 4
    report = refine_dataset(
        generator, tmp_path / "maps", tmp_path / "other", label_patterns=["*_other"], **options
    )
    assert report.refined == 2
    assert (tmp_path / "other/gtFine/0_other.png").exists()


def test_the_manifest_knows_what_was_refined(tmp_path):
    """Whatever its name, and whether it looks like a mask or not."""
    write(tmp_path / "set", "*.png", "masks/*_zone.png")
    names = refined(tmp_path / "set", label_folders=(), label_patterns=["x"])
    assert len(names) == 6
    found = ImageFolders.list(tmp_path / "set", tmp_path / "out").of
    assert found["synthetic"].names == found["refined"].names == names
    options = SampleOptions(label_folders=["masks"])
    found = ImageFolders.list(tmp_path / "set", tmp_path / "out", options=options).of
    assert found["synthetic"].names == found["refined"].names == ["0.png", "1.png", "2.png"]


def test_masks_that_were_copied_are_not_measured(tmp_path):
    names = write(tmp_path / "set", "views/*.png", "zones/*.png")
    refined(tmp_path / "set", label_folders=["zones"])
    found = ImageFolders.list(tmp_path / "set", tmp_path / "out").of
    assert found["synthetic"].names == found["refined"].names == names


def test_the_command_line(tmp_path, capsys):
    write(tmp_path / "set", "views/*.png", "zones/*.png")
    refine = ["refine", "simgan_eyes_36x60", str(tmp_path / "set"), str(tmp_path / "out")]
    assert main(refine) != 0
    said = capsys.readouterr().err
    assert "looks like a mask" in said and "--label-folders 'zones'" in said
    assert not (tmp_path / "out").exists()
    for i in range(3):
        write_image(tmp_path / f"set/views/{i}.png", photo()[..., :1])
        write_image(tmp_path / f"set/zones/{i}.png", mask()[..., :1])
    assert main([*refine, "--label-folders", "zones"]) == 0
    copy = tmp_path / "out/zones/0.png"
    assert copy.read_bytes() == (tmp_path / "set/zones/0.png").read_bytes()
    assert "3 images refined, 3 other files copied" in capsys.readouterr().out
    folder = str(tmp_path / "set")
    evaluate = ["evaluate", "--synthetic", folder, "--refined", folder, "--real", folder]
    evaluate += ["--report", str(tmp_path / "report.html")]
    assert main(evaluate) != 0
    assert "looks like a mask" in capsys.readouterr().err
    assert main([*evaluate, "--label-patterns"]) != 0
    assert "6 images that can be used; expected at least 20" in capsys.readouterr().err
    assert main([*evaluate, "--label-folders", "zones"]) != 0
    assert "3 images that can be used; expected at least 20" in capsys.readouterr().err
    train = ["train", "simgan", "--out", str(tmp_path / "run"), "--source", str(tmp_path / "set")]
    train += ["--target", str(tmp_path / "set"), "--batch-size", "9"]
    assert main(train) != 0
    assert "looks like a mask" in capsys.readouterr().err
    assert main([*train, "--label-folders", "zones"]) != 0
    assert "3 images" in capsys.readouterr().err
