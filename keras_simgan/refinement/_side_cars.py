"""Which image a file beside images belongs to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from keras_simgan.data.label_images import is_label_folder
from keras_simgan.data.labels import LABEL_FILES
from keras_simgan.refinement._annotation_names import IMAGE_FOLDERS, SPLITS, is_word
from keras_simgan.refinement._source_images import SourceImages, divided, folded

_KINDS = (
    *("classgt", "instancegt", "classsegmentation", "fuse", "pixel", "superpixels"),
    *("annot", "annotated", "annotation", "annotations", "anno", "ann", "bbox", "bboxes", "box"),
    *("boxes", "calib", "camera", "cam", "color", "colour", "colors", "depth", "disp", "disparity"),
    *("face", "flow", "gaze", "gt", "gtbboxcityperson", "gtcoarse", "gtfine", "hand", "hands"),
    *("info", "instance", "instances", "instanceids", "instancetrainids", "joints", "json"),
    *("keypoint", "keypoints", "kpts", "label", "labels", "labelids", "labeltrainids", "landmark"),
    *("landmarks", "lbl", "mask", "masks", "mat", "matte", "meta", "metadata", "normal", "normals"),
    *("objects", "panoptic", "parsing", "parts", "polygon", "polygons", "pose", "pred", "pts"),
    *("rects", "seg", "segm", "segmentation", "segmentations", "semantic", "skeleton", "trimap"),
)
_KIND = rf"(?:{'|'.join(_KINDS)})"
# `a_keypoints`, `x_1_gtFine_polygons`, `gt_img_1`.
_AFTER = re.compile(rf"(.+?)(?:[_.-]+{_KIND})+", re.IGNORECASE)
_BEFORE = re.compile(rf"(?:{_KIND}[_.-]+)+(.+)", re.IGNORECASE)
_LABEL_PART = re.compile(
    rf"(?:.*[^a-z])?{_KIND}(?:[^a-z].*)?|.*(?:annot|label|mask|truth).*|xmls?|jsons?|txts?"
)
_IMAGE_PART = re.compile(r"ima?g|rgb|photo|pic|frame|jpe?g|png|left|right|cam")
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[a-z]+")
# What images are called besides: `x_1_leftImg8bit.png`.
_AFTER_IMAGES = ("_leftImg8bit", "_image", "_img", "_rgb", "_sat", "_color", "_input", "_photo")
_BEFORE_IMAGES = ("rgb_", "image_", "img_", "photo_")
_IMAGE_FOLDERS = frozenset(map(folded, IMAGE_FOLDERS))


def belongs_to_left_out(
    name: str, images: SourceImages, folders: Sequence[str] | None = None
) -> bool | None:
    """Whether a file is the label of an image that was left out.

    It is that of an image of its name: but for the suffix (`a.txt`, `a.xml`, `a.json`, a mask
    `a.png`), with one more (`a.png.json`), or with a word that says of which kind it is
    (`a_keypoints.json`, `gt_a.txt`). The image lies beside it, or in a folder that differs by names
    for labels and for images: `labels/train/a.txt` is the label of `images/train/a.png` and of
    `train/a.png`, `label_2/a.txt` that of `image_2/a.png`. `labels.csv` and `labels.json` are
    labels of many images.

    Args:
        name: The file's name relative to the data set, with forward slashes.
        images: The data set's images.
        folders: Names of folders of labels; `label_images.LABEL_FOLDERS` when left out.

    Returns:
        Whether all images that it can belong to were left out; `None` where some were, or where
        its name is theirs and its folder says nothing.

    Example:
        >>> belongs_to_left_out("labels/a.txt", SourceImages(left_out=["images/a.png"]))
        True
    """
    folder, file = posixpath.split(name)
    if file in LABEL_FILES or "." not in file:
        return False
    is_for_labels = any(_is_for_labels(part, folders) for part in _parts(folder))
    has_own_images = not is_for_labels and images.has_folder(folder)
    suffix = divided(file.rpartition(".")[0])[1]
    may_belong = False
    for stem, is_told in _stems(file):
        near: dict[float, list[bool]] = {}
        elsewhere = []
        for image, is_left_out in images.of_stem(stem):
            if image == name or (suffix and divided(image)[1] != suffix):
                continue
            there = posixpath.dirname(image)
            distance = -1.0 if there == folder else _distance(folder, there, folders, is_told)
            if distance is None or (distance >= 0 and has_own_images):
                elsewhere.append(is_left_out)
            else:
                near.setdefault(distance, []).append(is_left_out)
        if near:
            found = near[min(near)]
            return all(found) or (None if any(found) else False)
        may_belong |= bool(elsewhere) and all(elsewhere) and is_word(stem) and len(stem) > 2
    return None if may_belong else False


def _stems(file: str) -> Iterator[tuple[str, bool]]:
    """The names without suffix that the image of a label may have, likeliest first.

    With each: whether a word in the label's name says of which kind it is.
    """
    whole = file.rpartition(".")[0]
    stem = divided(whole)[0]
    cores = [match.group(1) for rule in (_AFTER, _BEFORE) if (match := rule.fullmatch(stem))]
    cores = [divided(core)[0] for core in cores]
    yield from dict.fromkeys([(whole, False), (stem, False), *((core, True) for core in cores)])
    for core in (stem, *cores):
        for name in [core + word for word in _AFTER_IMAGES] + [
            word + core for word in _BEFORE_IMAGES
        ]:
            yield name, core != stem


def _distance(
    folder: str, images: str, folders: Sequence[str] | None, is_told: bool
) -> float | None:
    """How far the labels in a folder are from images in another, `None` where they are of others.

    Both are compared without the parts that are names for labels, or for images.
    """
    splits = [SPLITS.intersection(_LETTERS.findall(folded(path))) for path in (folder, images)]
    if all(splits) and not splits[0] & splits[1]:
        return None
    here, there = _apart(_parts(folder), _parts(images))
    rest = _apart(
        [part for part in here if not _is_for_labels(part, folders)],
        [part for part in there if part not in _IMAGE_FOLDERS and not _IMAGE_PART.search(part)],
    )
    is_told = is_told or len(rest[0]) < len(here) or len(rest[1]) < len(there)
    distance = len(rest[0]) + len(rest[1])
    if not is_told or distance > 1:
        return None
    # `label_2` is nearer to `image_2` than to `image_3`.
    return distance + (0.0 if _DIGITS.findall(folder) == _DIGITS.findall(images) else 0.5)


def _apart(here: list[str], there: list[str]) -> tuple[list[str], list[str]]:
    """What two lists have not in common at their beginnings and ends."""
    while here and there and here[0] == there[0]:
        here, there = here[1:], there[1:]
    while here and there and here[-1] == there[-1]:
        here, there = here[:-1], there[:-1]
    return here, there


def _is_for_labels(part: str, folders: Sequence[str] | None) -> bool:
    return is_label_folder(part, folders) or bool(_LABEL_PART.fullmatch(part))


def _parts(folder: str) -> list[str]:
    return [folded(part) for part in folder.split("/") if part]
