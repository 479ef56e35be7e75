"""Which files a folder holds, and which of them are images: the same for all that read a folder."""

from __future__ import annotations

import heapq
import os
import stat
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath

from keras_simgan.data.files import IMAGE_SUFFIXES, ImageError
from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.unknown_labels import UnknownLabels

# What is in the way of a reader of images where it is no regular file: an image, labels of images,
# or what may be meant for a folder.
_OF_READERS = (*IMAGE_SUFFIXES, ".csv", ".json", "")
_SPECIAL = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}


def list_images(
    folder: str | Path,
    label_folders: Sequence[str] | None = None,
    label_patterns: Sequence[str] | None = None,
) -> list[str]:
    """Lists the images below a folder that are not labels of others, such as masks.

    Everything that reads a folder of images reads these. Labels are known by the name of a folder
    below `folder`, such as `masks`, or by their own, such as `a_mask.png`. Where neither option is
    given, a few images are looked at, and what looks like masks and is not known is refused.

    Links to folders are followed, each folder once; hidden files and folders are left out.

    Args:
        folder: A folder, with sub-folders. Its own name says nothing.
        label_folders: Names of folders, at any depth and in any case, whose images are labels. They
            replace the known ones, `label_images.LABEL_FOLDERS`; `()` is none.
        label_patterns: Glob patterns of the names of files that are labels, such as `"*_zone"`
            or, with one suffix only, `"*_zone.png"`. They replace the known ones,
            `label_images.LABEL_PATTERNS`; `()` is none.

    Returns:
        The images' paths relative to `folder`, with forward slashes, sorted.

    Raises:
        ImageError: If the folder is missing, holds no image, only labels, an image that is no
            regular file, or what may be labels.
        ValueError: If an option is no list of names.

    Example:
        >>> import numpy as np
        >>> from keras_simgan.data import write_folder
        >>> write_folder("eyes/images", np.zeros((2, 36, 60, 1), "uint8"))
        >>> write_folder("eyes/masks", np.zeros((2, 36, 60, 1), "uint8"))
        >>> list_images("eyes")
        ['images/000000.png', 'images/000001.png']
    """
    return list_folder(folder, LabelRule(label_folders, label_patterns))[0]


def list_folder(
    folder: str | Path, rule: LabelRule, skip_bad: bool = False
) -> tuple[list[str], list[tuple[str, str]]]:
    """Lists images as `list_images` does, and what is left out of them because it is no file.

    Args:
        folder: The folder.
        rule: What is a label.
        skip_bad: Whether to leave out what is no regular file, instead of failing.

    Returns:
        The images' names, sorted, and `(name, reason)` of what was left out.

    Raises:
        ImageError: See `list_images`.
    """
    skipped = []

    def note(name: str, error: ImageError) -> None:
        if PurePosixPath(name).suffix.lower() in _OF_READERS:
            if not skip_bad:
                raise error
            skipped.append((name, str(error)))

    names, labels = [], 0
    label = ""
    unknown = UnknownLabels(folder)
    for name in walk_files(folder, note):
        if not name.lower().endswith(IMAGE_SUFFIXES):
            continue
        if rule.is_label(name):
            labels += 1
            label = min(label, name) if label else name
        else:
            names.append(name)
            if not rule.is_settled:
                unknown.add(name)
    if not names and labels:
        raise all_are_labels(folder, labels, label)
    if not names:
        raise ImageError(
            f"No image in the folder {str(folder)!r} or below it. Expected files that end in "
            f"{', '.join(IMAGE_SUFFIXES)}."
        )
    unknown.refuse()
    return sorted(names), sorted(skipped)


def all_are_labels(folder: str | Path, count: int, example: str) -> ImageError:
    """Makes the error for a folder that has labels only.

    Args:
        folder: The folder.
        count: How many.
        example: The name of one.
    """
    return ImageError(
        f"No image in {str(folder)!r} is left: all {count:,} are labels by their names or those of "
        f"their folders, such as {example!r}. If they are the images, pass `label_folders=()` "
        "(--label-folders with no name) where it is a folder's name, or `label_patterns=()` "
        "(--label-patterns with no name) where it is their own."
    )


def walk_files(
    folder: str | Path,
    note: Callable[[str, ImageError], None] | None = None,
    warn: bool = True,
) -> Iterator[str]:
    """Goes through the files below a folder in no order, without holding their names in memory.

    Links to folders are followed, after everything else and each folder once: what is below the
    folder anyway has its own name. Hidden files and folders are left out.

    Args:
        folder: A folder.
        note: Called with the name and an error for each entry that cannot be used: what is neither
            a regular file nor a folder, such as a FIFO or a broken link, has a name that is not
            UTF-8, or is a folder that cannot be read. Where it is left out, the first is raised.
        warn: Whether to warn of links to folders that are listed already.

    Yields:
        Paths relative to `folder`, with forward slashes.

    Raises:
        ImageError: If the folder is missing, is a file, or cannot be read; or see `note`.

    Warns:
        UserWarning: If links are not followed, as what they lead to is listed by another name.
    """
    folder = Path(folder)
    if not folder.exists():
        raise ImageError(f"The folder {str(folder)!r} does not exist. Check the path.")
    if not folder.is_dir():
        raise ImageError(f"{str(folder)!r} is a file; expected a folder of images.")
    top = os.path.realpath(folder)
    followed = {top}
    waiting = [("", top)]
    links: list[str] = []
    left_out: list[str] = []
    while waiting or links:
        if waiting:
            relative, real = waiting.pop()
        else:
            relative = heapq.heappop(links)
            real = os.path.realpath(folder / relative)
            if _leads_back(real, top, followed):
                left_out.append(relative)
                continue
            followed.add(real)
        try:
            with os.scandir(folder / relative) as entries:
                for entry in entries:
                    name = relative + entry.name
                    if entry.name.startswith("."):
                        continue
                    if wrong := _what_is_wrong(folder, name, entry):
                        if note is None:
                            raise wrong
                        note(_as_text(name), wrong)
                    elif not entry.is_dir():
                        yield name
                    elif entry.is_symlink():
                        heapq.heappush(links, name + "/")
                    elif (inside := os.path.join(real, entry.name)) not in followed:
                        waiting.append((name + "/", inside))
        except OSError as error:
            wrong = ImageError(f"The folder {error.filename!r} cannot be read: {error.strerror}.")
            if note is None or not relative:
                raise wrong from error
            note(relative.rstrip("/"), wrong)
    if left_out and warn:
        shown = ", ".join(repr(name.rstrip("/")) for name in left_out[:3])
        warnings.warn(
            f"{len(left_out)} links to folders in {str(folder)!r} are left out, as they lead to "
            f"what is listed already: {shown}{', ...' if len(left_out) > 3 else ''}. Copy the "
            "files where they are needed twice.",
            stacklevel=2,
        )


def _leads_back(real: str, top: str, followed: set[str]) -> bool:
    """Whether a folder holds what is walked through, or is listed already."""
    if os.path.commonpath([real, top]) == real:
        return True
    return any(
        str(above) in followed
        and not any(part.startswith(".") for part in PurePath(real).relative_to(above).parts)
        for above in [PurePath(real), *PurePath(real).parents]
    )


def _what_is_wrong(folder: Path, name: str, entry: os.DirEntry) -> ImageError | None:
    """The error for an entry that is no file and no folder, or has no name that can be written."""
    if not entry.name.isascii():
        try:
            entry.name.encode()
        except UnicodeEncodeError:
            return ImageError(
                f"The name of {_as_text(name)!r} in {str(folder)!r} is not valid UTF-8. Rename it."
            )
    try:
        if entry.is_file() or entry.is_dir():
            return None
        mode = entry.stat().st_mode
        what = _SPECIAL.get(stat.S_IFMT(mode), "a device")
        what = f"a link to {what}" if entry.is_symlink() else what
    except OSError as error:  # of links whose end is missing, in a circle, or forbidden
        what = f"a link that cannot be followed ({error.strerror})"
    return ImageError(f"{str(folder / name)!r} is {what}; expected a file or a folder. Remove it.")


def _as_text(name: str) -> str:
    """A name with what is not UTF-8 in it escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
