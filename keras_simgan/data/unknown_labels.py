"""Finds images that look like masks of others, although their names do not say that they are."""

from __future__ import annotations

import heapq
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from keras_simgan.data.files import ImageError
from keras_simgan.data.look import look_at

# How much is kept of a data set, and read of it, whatever its size.
_PLACES, _FOLDERS, _NAMES = 64, 8, 16
_PAIRS, _FILES = 8, 200
_WORDS = "words: "
_WORD = re.compile(r"[^\W\d_]+$")
_SEPARATORS = re.compile(r"[-_. ]")
_HEAD = re.compile(r"[^\W\d_]+[-_. ]?")
_TAIL = re.compile(r"(?<=\w)[-_. ]?[^\W\d_]+$")


class UnknownLabels:
    """Looks for unknown masks among the images of a data set.

    Images may be masks of others where names say that they belong together: `X_something` beside
    `X`, or `X` in two folders that lie side by side. They are where, of a few such pairs, most have
    an image of few values in large areas beside one that is not. So a set that is flat throughout
    is not suspected, nor are photos of two cameras. What is constant or cannot be read counts as
    neither.

    Memory and the number of files that are opened are bounded, whatever the size of the data set:
    a few names of each of a few folders are kept, chosen by their hashes.

    Args:
        folder: The data set.
    """

    def __init__(self, folder: str | Path):
        self._folder = Path(folder)
        self._last: tuple[str, _Sample | None] = ("", None)
        # By the path without one of its parts, which folders that lie side by side have in common.
        self._places: _Smallest = _Smallest(_PLACES)
        self._looks = lru_cache(maxsize=None)(look_at)

    def add(self, name: str) -> None:
        """Takes notice of an image; those of a folder one after the other.

        Args:
            name: Its name relative to the data set, with forward slashes.
        """
        folder, _, file = name.rpartition("/")
        last, sample = self._last
        if sample is None or folder != last:
            sample = self._sample(folder)
            self._last = folder, sample
        sample.add(file)

    def _sample(self, folder: str) -> _Sample:
        parts = folder.split("/") if folder else []
        sample = _Sample(folder)
        for left_out in range(len(parts) + 1):
            place = "/".join(parts[:left_out] + parts[left_out + 1 :])
            folders = self._places.keep(place, lambda: _Smallest(_FOLDERS))
            if folders is not None:
                sample = folders.keep(folder, lambda made=sample: made) or sample
        return sample

    def refuse(self) -> None:
        """Raises an ImageError where there are unknown masks; it names one, and the way out."""
        # Side by side they may lie in several places.
        pairs = {
            (masks.folder, others.folder): (masks, others)
            for folders in self._places.values()
            for masks in folders.values()
            for others in folders.values()
        }
        words = set()
        for masks, others in pairs.values():
            relation, found = self._unknown(masks, others)
            if found and relation.startswith(_WORDS) and relation not in words:
                words.add(relation)  # so far they belong together in one folder only
            elif found:
                raise self._error(*found, masks is others)

    def _unknown(self, masks: _Sample, others: _Sample) -> tuple[str, tuple[str, str] | None]:
        """A mask and its image, where at least half of the pairs of two folders are that.

        And what tells their names apart.
        """
        pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for number, (stem, file) in enumerate(masks.stems):
            if masks is not others and number == _PAIRS // 2 and not pairs:
                break
            if found := self._partner(stem, others, masks is others):
                relation, partner = found
                pairs[relation].append((masks.path(file), others.path(partner)))
        for relation, group in pairs.items():
            if len(group) == 1 and masks.count > _PAIRS:
                continue  # by chance
            yes, no = [], 0
            for pair in group[:_PAIRS]:
                verdict = self._is_mask_of(*pair)
                yes += [pair] if verdict else []
                no += verdict is False
                if no == 3 and not yes:
                    break
            if yes and len(yes) >= no:
                return relation, yes[0]
        return "", None

    def _partner(self, stem: str, others: _Sample, same: bool) -> tuple[str, str] | None:
        for other, relation in _partners(stem, others.heads, others.tails):
            if not (same and other == stem):
                for suffix in others.suffixes:
                    if os.path.exists(self._folder / others.path(other + suffix)):
                        return relation, other + suffix
        return None

    def _is_mask_of(self, mask: str, image: str) -> bool | None:
        if self._looks.cache_info().currsize >= _FILES:
            return None
        first = self._looks(self._folder / mask)
        if first is None:
            return None
        if not first.is_flat:
            return False
        second = self._looks(self._folder / image)
        return None if second is None else first.is_mask_of(second)

    def _error(self, mask: str, image: str, is_beside: bool) -> ImageError:
        mine, its = (PurePosixPath(name).parts[:-1] for name in (mask, image))
        unlike = [part for part in mine if part not in its]
        if is_beside or not unlike:
            pattern = _pattern(PurePosixPath(mask).stem, PurePosixPath(image).stem)
            is_label, is_image = f"`label_patterns=[{pattern!r}]`", "`label_patterns=()`"
            option = f"--label-patterns {pattern!r}"
        else:
            is_label, is_image = f"`label_folders=[{unlike[0]!r}]`", "`label_folders=()`"
            option = f"--label-folders {unlike[0]!r}"
        return ImageError(
            f"{str(self._folder / mask)!r} looks like a mask of {image!r}: it has few values in "
            f"large areas. If it and others like it are labels, pass {is_label} ({option}), with "
            "the names of all other labels of this data set, as what is given replaces the known "
            f"names. If they are images, pass {is_image} ({option.split()[0]} with no name)."
        )


class _Smallest(dict):
    """A dictionary that keeps the keys with the smallest hashes."""

    def __init__(self, size: int):
        super().__init__()
        self._size = size
        self._largest: list[tuple[int, str]] = []

    def keep(self, key: str, make: Callable[[], Any]) -> Any:
        """The value of a key, made where it is new; `None` where the key is not kept."""
        if key in self:
            return self[key]
        item = (-_hash(key), key)
        if len(self) == self._size:
            if item < self._largest[0]:
                return None
            del self[heapq.heappop(self._largest)[1]]
        heapq.heappush(self._largest, item)
        self[key] = make()
        return self[key]


@dataclass(eq=False)
class _Sample:
    """Some of the images of a folder."""

    folder: str
    count: int = 0
    suffixes: dict[str, None] = field(default_factory=dict)
    _files: list[tuple[int, str]] = field(default_factory=list)

    def add(self, file: str) -> None:
        self.count += 1
        item = (-_hash(file), file)
        if len(self._files) < _NAMES:
            heapq.heappush(self._files, item)
        elif item > self._files[0]:
            heapq.heapreplace(self._files, item)
        stem, dot, suffix = file.rpartition(".")
        if len(self.suffixes) < 8:
            self.suffixes.setdefault(dot + suffix)

    @cached_property
    def stems(self) -> list[tuple[str, str]]:
        """Stem and name of each kept file, once all are known."""
        files = [file for _, file in sorted(self._files, reverse=True)]
        return [(PurePosixPath(file).stem, file) for file in files]

    def path(self, file: str) -> str:
        return f"{self.folder}/{file}" if self.folder else file

    @cached_property
    def heads(self) -> set[str]:
        """What names begin with, where that is a few words only."""
        return _few(_HEAD.match(stem) for stem, _ in self.stems)

    @cached_property
    def tails(self) -> set[str]:
        """What names end with, likewise."""
        return _few(_TAIL.search(stem) for stem, _ in self.stems)


def _pattern(stem: str, other: str) -> str:
    """Matches the first name and those that differ from another in the same way."""
    if stem.startswith(other):
        return "*" + stem[len(other) :]
    # Whole words differ.
    same_end = _WORD.sub("", os.path.commonprefix([stem[::-1], other[::-1]]))
    if same_end:
        return stem[: -len(same_end)] + "*"
    same_start = _WORD.sub("", os.path.commonprefix([stem, other]))
    return ("*" if same_start else "") + stem[len(same_start) :]


def _few(found) -> set[str]:
    words = {match[0] for match in found if match}
    return words if len(words) <= 4 else set()


def _hash(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogateescape"))


def _partners(stem: str, heads: set[str], tails: set[str]) -> Iterator[tuple[str, str]]:
    """The stems that the image of a mask may have, each with what tells them apart."""
    yield stem, "the same"
    for separator in _SEPARATORS.finditer(stem):
        if separator.start():
            yield stem[: separator.start()], re.sub(r"\d+", "#", stem[separator.start() :])
    head, tail = _HEAD.match(stem), _TAIL.search(stem)
    if head and head.end() == len(stem):
        for other in sorted(heads - {head[0]}):
            yield other, f"{_WORDS}{head[0]} {other}"
    elif head:
        for other in ("", *sorted(heads - {head[0]})):
            yield other + stem[head.end() :], f"{head[0]} {other}"
    if tail:
        for other in ("", *sorted(tails - {tail[0]})):
            yield stem[: tail.start()] + other, f"{other} {tail[0]}"
