"""What the names in one annotation mean: which file of the source, and where it is now."""

from __future__ import annotations

import functools
import os
import posixpath
import re
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from keras_simgan.data.label_images import is_label_folder
from keras_simgan.refinement._source_images import ALL_SUFFIXES, SourceImages, divided, folded

#: Folders where data sets keep the images of the labels that lie in a folder beside.
IMAGE_FOLDERS = ("images", "image", "JPEGImages", "imgs", "img", "rgb")
_FILE_SCHEME = "file://"
_SEPARATOR = re.compile(r"[/\\]")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:/+")
# Parts of one data set: an image of one is never that of the other.
SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))
# What servers of annotation tools put before the name of a file that is uploaded.
UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
# What VIA puts behind a name, and what lists of captions do: `a.png4711`, `a.png#2`.
_COUNTED = re.compile(r"(\.[A-Za-z]{3,4})(?:-?|#)\d+$")
_MAY_HAVE_SUFFIX = re.compile(
    rf"(?:{'|'.join(map(re.escape, ALL_SUFFIXES))})", re.IGNORECASE
).search
#: That of a label's file.
LABEL_SUFFIX = re.compile(r"\.[A-Za-z]{2,5}$")
_NUMBER = re.compile(r"[-+]?\d{1,3}|[-+]?\d*\.?\d*(?:[eE][-+]?\d+)?")
_LONGEST = 4096
#: Keys and headers of what is no name of an image, though it may be the word that an image is
#: called, and of what is one, though it may be a mere number.
OTHER_KEY = re.compile(
    r"class|categor|label|tag|species|attribute|type|kind|licen|text|caption|author|version",
    re.IGNORECASE,
)
IMAGE_KEY = re.compile(
    r"(?:image|img|frame|file|photo|picture|pic|sample)s?(?:[ _-]?(?:id|name|file|path|stem|key))?"
    r"|id|name|path|stem|train|val|valid|validation|test|trainval",
    re.IGNORECASE,
)


class Unclear(ValueError):
    """Why an annotation cannot be rewritten."""


class Names:
    """Reads the names in an annotation.

    Args:
        name: The annotation's own name, relative to the source, with forward slashes.
        source: The folder it lies in, as typed by the user.
        destination: The folder that it is copied to.
        images: The source's images.
    """

    def __init__(self, name: str, source: Path, destination: Path, images: SourceImages):
        source, destination = Path(source), Path(destination)
        self.name, self.folder = name, posixpath.dirname(name)
        self.drops = images.some_left_out
        self.images = images
        self.source = source
        self._roots = self._absolute_roots(destination)
        self._typed: dict[str, str] = {}
        if not source.is_absolute() and source.parts:
            self._typed = {start + str(source): str(destination) for start in ("", "./")}
        self._stem = posixpath.basename(name).rpartition(".")[0]
        #: One of these begins every path that `repointed` changes.
        self.markers = [*self._roots, *self._typed]
        self.resolved = functools.lru_cache(4096)(self._resolved)

    def _absolute_roots(self, destination: Path) -> dict[str, str]:
        roots = {}
        for root in (
            self.source.absolute(),
            os.path.abspath(self.source),
            self.source.resolve(),
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
        return [own, *(base for base in others if os.path.isdir(self.source / base))]

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
        if not is_path and len(self.source.parts) == 1:
            return False  # a word that is the folder's name by chance
        # It may as well be relative to the annotation, as which it holds as it is.
        places = [posixpath.join(folder, path) for folder in self._ancestors()]
        return os.path.lexists(path) and not any(map(self._exists, places))

    def _exists(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self.source, name))

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
        value = value.strip()
        return bool(divided(_COUNTED.sub(r"\1", value) if value[-1:].isdigit() else value)[1])

    def is_left_out(self, value: str) -> bool:
        """Whether a text is the name of an image that was left out, with its suffix.

        Args:
            value: The text.
        """
        return self.drops and self.resolved(value) is True

    def _resolved(self, value: str, is_stem: bool = False) -> bool | None:
        """Whether the image that a text names was left out.

        Args:
            value: The text: a path into the source, relative to the annotation, to a folder above
                it or to the images' folder there, in other case, from another machine, in an
                address, with `%20`, or after eight digits and a dash, as upload servers have it.
            is_stem: Whether it may be the name without suffix, or with that of its label.

        Returns:
            `None` where it names no image of the source, or several of which some are kept.
        """
        candidates, path = self.candidates(value, is_stem)
        if len({out for _, out in candidates}) < 2:
            # The most are found by their name alone.
            same = any(_shared_folders(name, path) >= 0 for name, _ in candidates)
            return candidates[0][1] if same else None
        bases = ["."] if self._inside(value.strip()) else self._bases
        for position, base in enumerate(bases):
            wanted = folded(posixpath.normpath(posixpath.join(base, path)))
            at = {out for name, out in candidates if wanted in (folded(name), folded(_stem(name)))}
            if at:
                if position:  # the names in one file are relative to one folder
                    bases.insert(0, bases.pop(position))
                return at.pop() if len(at) == 1 else None
        shared = [(_shared_folders(name, path), out) for name, out in candidates]
        most = max(count for count, _ in shared)
        states = {out for count, out in shared if count == most}
        return states.pop() if len(states) == 1 and most >= 0 else None

    def candidates(self, value: str, is_stem: bool) -> tuple[list[tuple[str, bool]], str]:
        """The images that a text may name, whatever their folder, and the text as a path.

        Args:
            value: The text.
            is_stem: As for `resolved`.
        """
        if not is_stem and not _MAY_HAVE_SUFFIX(value):
            return [], ""
        value = value.strip()
        if value[-1:].isdigit():
            value = _COUNTED.sub(r"\1", value)
        if not value or len(value) > _LONGEST:
            return [], ""
        inside = self._inside(value)
        forms = [value] if inside is None else [inside[2]]
        if inside is None and ("?" in value or "#" in value or "&" in value):
            forms += [part.rpartition("=")[2] for part in reversed(re.split(r"[?&#]", value))]
        forms += [unquote(form) for form in forms if "%" in form]
        for form in forms:
            path = _SCHEME.sub("", form, count=1) if ":" in form else form
            path = path.replace("\\", "/").lstrip("/")
            stem, suffix = divided(posixpath.basename(path))
            if not suffix and not is_stem:
                continue
            stems = [stem]
            if "-" in stem:
                stems.append(UPLOAD.sub("", stem, count=1))
            if not suffix and "." in stem:
                stems.append(LABEL_SUFFIX.sub("", stem))
            for stem in filter(None, stems):
                found = self.images.of_stem(stem)
                same = [one for one in found if divided(one[0])[1] == suffix]
                if found:
                    return (same if suffix and same else found), path
        return [], ""


def is_word(text: str) -> bool:
    """Whether a text is more than a number that may count anything; long whole ones are names.

    Args:
        text: The text.
    """
    return not _NUMBER.fullmatch(text) or (text.isdigit() and len(text) > 3)


def _stem(name: str) -> str:
    return divided(name)[0]


def _shared_folders(name: str, path: str) -> int:
    """How many folders two paths share at their end; -1 where they are of other splits."""
    count = 0
    for one, other in zip(name.split("/")[-2::-1], path.split("/")[-2::-1], strict=False):
        one, other = folded(one), folded(other)
        if one != other:
            return -1 if not count and one in SPLITS and other in SPLITS else count
        count += 1
    return count


def image_folders_of(folder: str) -> list[str]:
    """The folders that hold the images of the labels in a folder, if that is one of labels.

    Args:
        folder: Such as `labels/train`, which makes `images/train` and `train`, among others.
    """
    found = []
    parts = folder.split("/")
    for place, part in enumerate(parts):
        if is_label_folder(part):
            for inserted in ([], *([name] for name in IMAGE_FOLDERS)):
                found.append("/".join([*parts[:place], *inserted, *parts[place + 1 :]]))
    return found
