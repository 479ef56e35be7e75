"""What the names in one annotation mean: which file of the source, and where it is now."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from pathlib import Path

from keras_simgan.data.files import IMAGE_SUFFIXES, OTHER_IMAGE_SUFFIXES
from keras_simgan.data.label_images import is_label_folder

ALL_SUFFIXES = IMAGE_SUFFIXES + OTHER_IMAGE_SUFFIXES
#: Folders where data sets keep the images of the labels that lie in a folder beside.
IMAGE_FOLDERS = ("images", "image", "JPEGImages", "imgs", "img", "rgb")
_FILE_SCHEME = "file://"
_SEPARATOR = re.compile(r"[/\\]")


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
        places = ["", *parts, *IMAGE_FOLDERS]
        places += [f"{folder}/{part}" for folder in IMAGE_FOLDERS for part in parts]
        bases = [self.folder, *image_folders_of(self.folder)]
        bases += [posixpath.join(folder, place) for folder in self._ancestors() for place in places]
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
        inside = self._inside(path, is_path)
        if inside is None:
            return value
        start, root, rest = inside
        moved = self._roots.get(root) or self._typed[root]
        return value.replace(path, start + moved + rest, 1)

    def _inside(self, path: str, is_path: bool = False) -> tuple[str, str, str] | None:
        """Of a path into the source: its scheme, the source, and the rest; else `None`."""
        start = _FILE_SCHEME if path.startswith(_FILE_SCHEME) else ""
        path = path.removeprefix(start)
        for root in self.markers:
            if not path.startswith(root):
                continue
            rest = path[len(root) :]
            if rest[:1] in ("", "/", "\\") and ".." not in _SEPARATOR.split(rest):
                if root in self._roots or self._is_typed(path, bool(rest) or is_path):
                    return start, root, rest
        return None

    def _is_typed(self, path: str, is_path: bool) -> bool:
        """Whether a relative path leads into the source from where the user is."""
        if not is_path and len(self._source.parts) == 1:
            return False  # a word that is the folder's name by chance
        # It may as well be relative to the annotation, as which it holds as it is.
        places = [posixpath.join(folder, path) for folder in self._ancestors()]
        return os.path.lexists(path) and not any(map(self._exists, places))

    def _exists(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self._source, name))

    def _ancestors(self) -> list[str]:
        ancestors = [self.folder]
        while ancestors[-1]:
            ancestors.append(posixpath.dirname(ancestors[-1]))
        return ancestors

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
        return self.drops and any(self._is_left_out(value + suffix) for suffix in suffixes())

    def _is_left_out(self, path: str) -> bool:
        inside = self._inside(path)
        if inside is not None:
            return bool(self._dropped(inside[2].replace("\\", "/").lstrip("/")))
        path = path.replace("\\", "/")
        if path.startswith("/") or not _is_text(path):
            return False
        for position, base in enumerate(self._bases):
            name = posixpath.normpath(posixpath.join(base, path))
            left_out = self._dropped(name)
            if left_out or self._exists(name):
                if position:  # the names in one file are relative to one folder
                    self._bases.insert(0, self._bases.pop(position))
                return bool(left_out)
        return False


def image_folders_of(folder: str, label_folders: Sequence[str] | None = None) -> list[str]:
    """The folders that hold the images of the labels in a folder, if that is one of labels.

    Args:
        folder: Such as `labels/train`, which makes `images/train` and `train`, among others.
        label_folders: Names of folders of labels; `LABEL_FOLDERS` when left out.
    """
    found = []
    parts = folder.split("/")
    for place, part in enumerate(parts):
        if is_label_folder(part, label_folders):
            for inserted in ([], *([name] for name in IMAGE_FOLDERS)):
                found.append("/".join([*parts[:place], *inserted, *parts[place + 1 :]]))
    return found


def suffixes() -> list[str]:
    """The suffixes of images that can be refined, as cameras write them."""
    return [form for suffix in IMAGE_SUFFIXES for form in (suffix, suffix.upper())]


def _is_text(path: str) -> bool:
    """Whether a name can be one of the source's, which are all valid UTF-8."""
    try:
        return "\0" not in path and bool(path.encode())
    except UnicodeEncodeError:
        return False
