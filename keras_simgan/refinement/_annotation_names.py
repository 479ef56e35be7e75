"""What the names in one annotation mean: which file of the source, and where it is now."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Collection
from functools import cached_property
from pathlib import Path, PurePosixPath

from keras_simgan.data.files import IMAGE_SUFFIXES, OTHER_IMAGE_SUFFIXES

ALL_SUFFIXES = IMAGE_SUFFIXES + OTHER_IMAGE_SUFFIXES
#: Names of folders whose images are labels, whatever their case.
LABEL_FOLDERS = (
    *("mask", "masks", "label", "labels", "label_index", "gt", "ground_truth", "groundtruth"),
    *("annotation", "annotations", "annots", "segmentation", "segmentations", "seg", "segmaps"),
    *("SegmentationClass", "SegmentationObject", "gtFine", "gtCoarse", "panoptic", "semantic"),
    *("instance", "instances", "depth", "depths", "disparity", "normals"),
)
#: Folders where data sets keep the images of the labels that lie in a folder beside.
IMAGE_FOLDERS = ("images", "image", "JPEGImages", "imgs", "img", "rgb")
LABELS = frozenset(name.casefold() for name in LABEL_FOLDERS)
_FILE_SCHEME = "file://"


class Unclear(ValueError):
    """Why an annotation cannot be rewritten."""


class Names:
    """Reads the names in an annotation.

    Args:
        name: The annotation's own name, relative to the source, with forward slashes.
        source: The folder it lies in, as typed by the user.
        destination: The folder that it is copied to.
        dropped: The names of images that were left out, or a function that tells of a name.
    """

    def __init__(
        self,
        name: str,
        source: Path,
        destination: Path,
        dropped: Collection[str] | Callable[[str], bool],
    ):
        source, destination = Path(source), Path(destination)
        self.folder = posixpath.dirname(name)
        self.drops = callable(dropped) or bool(dropped)
        self._source = source
        self._dropped = dropped if callable(dropped) else dropped.__contains__
        self._roots = self._absolute_roots(destination)
        self._typed: dict[str, str] = {}
        if not source.is_absolute() and source.parts:
            self._typed = {start + str(source): str(destination) for start in ("", "./")}
        self._stem = posixpath.basename(name).rpartition(".")[0]
        #: One of these begins every path that `repointed` changes.
        self.markers = [*self._roots, *self._typed]

    def _absolute_roots(self, destination: Path) -> dict[str, str]:
        roots = {}
        for root in (
            self._source.absolute(),
            os.path.abspath(self._source),
            self._source.resolve(),
        ):
            roots[str(root)] = str(destination.absolute())
            roots[Path(root).as_posix()] = destination.absolute().as_posix()
        return roots

    @cached_property
    def _bases(self) -> list[str]:
        """The folders that the annotation's names may be relative to, nearest first."""
        # COCO keeps the images of instances_train2017.json in train2017.
        parts = list(dict.fromkeys([self._stem, self._stem.rpartition("_")[2]]))
        below = ["", *parts, *IMAGE_FOLDERS]
        below += [f"{folder}/{part}" for folder in IMAGE_FOLDERS for part in parts]
        ancestors = [self.folder]
        while ancestors[-1]:
            ancestors.append(posixpath.dirname(ancestors[-1]))
        bases = [*ancestors[:1], *image_folders_of(self.folder)]
        bases += [posixpath.join(ancestor, place) for ancestor in ancestors for place in below]
        own, *others = dict.fromkeys(map(posixpath.normpath, bases))
        return [own, *(base for base in others if os.path.isdir(self._source / base))]

    def may_move(self, text: str) -> bool:
        """Whether `repointed` may change something in a text.

        Args:
            text: The text.
        """
        return any(marker in text for marker in self.markers)

    def repointed(self, value: str, is_path: bool = False) -> str:
        """A path into the source as one into the destination; any other text as it is.

        Args:
            value: The text, with or without space around.
            is_path: Whether a single word is a path for sure.
        """
        path = value.strip()
        inside = self._inside(path)
        if inside is None:
            return value
        start, root, rest = inside
        if root in self._roots:
            moved = self._roots[root]
        else:
            # A relative path may as well be relative to the annotation: that holds as it is.
            places = [self._source / self.folder, *(self._source / self.folder).parents]
            places = places[: len(PurePosixPath(self.folder).parts) + 1]
            is_own = any(os.path.lexists(place / path) for place in places)
            is_word = not rest and len(self._source.parts) == 1 and not is_path
            if is_word or is_own or not os.path.lexists(path.removeprefix(start)):
                return value
            moved = self._typed[root]
        return value.replace(path, start + moved + rest, 1)

    def _inside(self, path: str) -> tuple[str, str, str] | None:
        """Of a path into the source: its scheme, the source, and the rest; else `None`."""
        start = _FILE_SCHEME if path.startswith(_FILE_SCHEME) else ""
        path = path.removeprefix(start)
        for root in self.markers:
            rest = path[len(root) :]
            if path.startswith(root) and rest[:1] in ("", "/", "\\"):
                climbs = ".." in rest.replace("\\", "/").split("/")
                return None if climbs else (start, root, rest)
        return None

    def is_image(self, value: str) -> bool:
        """Whether a text looks like the name of an image.

        Args:
            value: The text.
        """
        return value.strip().lower().endswith(ALL_SUFFIXES)

    def is_left_out(self, value: str) -> bool:
        """Whether a text is the name of an image that was left out.

        Args:
            value: The text: a path into the source, or relative to the annotation, to a folder
                above it, or to the images' folder there.
        """
        return self.drops and self.is_image(value) and self._is_left_out(value.strip())

    def is_stem_left_out(self, value: str) -> bool:
        """The same for a name without its suffix.

        Args:
            value: The name.
        """
        return self.drops and any(self._is_left_out(value + one) for one in suffixes())

    def _is_left_out(self, path: str) -> bool:
        inside = self._inside(path)
        if inside is not None:
            return self._dropped(inside[2].replace("\\", "/").lstrip("/"))
        path = path.replace("\\", "/")
        if path.startswith("/") or not _is_text(path):
            return False
        for position, base in enumerate(self._bases):
            name = posixpath.normpath(posixpath.join(base, path))
            left_out = self._dropped(name)
            if left_out or os.path.isfile(self._source / name):
                # The names in one file are relative to one folder.
                self._bases.insert(0, self._bases.pop(position))
                return left_out
        return False


def image_folders_of(folder: str) -> list[str]:
    """The folders that hold the images of the labels in a folder, if that is one of labels.

    Args:
        folder: Such as `labels/train`, which makes `images/train` and `train`, among others.
    """
    found = []
    parts = folder.split("/")
    for place, part in enumerate(parts):
        if part.casefold() in LABELS:
            for other in ([], *([name] for name in IMAGE_FOLDERS)):
                found.append("/".join([*parts[:place], *other, *parts[place + 1 :]]))
    return found


def suffixes() -> list[str]:
    """The suffixes of images; those that cameras write in capitals too."""
    return [*ALL_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES)]


def _is_text(path: str) -> bool:
    """Whether a name can be one of the source's, which are all valid UTF-8."""
    try:
        return "\0" not in path and bool(path.encode())
    except UnicodeEncodeError:
        return False
