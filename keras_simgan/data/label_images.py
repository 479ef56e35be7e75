"""Which images of a data set are labels of others, such as masks, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

#: Names of folders whose images are labels, whatever their case.
LABEL_FOLDERS = (
    *("mask", "masks", "label", "labels", "label_index", "label_maps"),
    *("gt", "ground_truth", "groundtruth"),
    *("annotation", "annotations", "annots", "segmentation", "segmentations", "seg", "segmaps"),
    *("SegmentationClass", "SegmentationObject", "gtFine", "gtCoarse", "panoptic", "semantic"),
    *("instance", "instances", "depth", "depths", "disparity", "normals"),
)
_KNOWN = frozenset(name.casefold() for name in LABEL_FOLDERS)


def is_label_folder(part: str, folders: Sequence[str] | None = None) -> bool:
    """Whether a folder is one of labels because of its name.

    Args:
        part: The folder's own name, without those above it.
        folders: Names of folders of labels in any case; `LABEL_FOLDERS` when left out.
    """
    known = _KNOWN if folders is None else frozenset(name.casefold() for name in folders)
    return part.casefold() in known


def is_label_image(name: str, folders: Sequence[str] | None = None) -> bool:
    """Whether an image is a label, such as a mask, because of the folder it lies in.

    Args:
        name: The image's name relative to the data set, with forward slashes.
        folders: Names of folders, at any depth and in any case, whose images are labels;
            `LABEL_FOLDERS` when left out.

    Example:
        >>> is_label_image("train/masks/0001.png"), is_label_image("train/0001.png")
        (True, False)
    """
    return any(is_label_folder(part, folders) for part in PurePosixPath(name).parts[:-1])
