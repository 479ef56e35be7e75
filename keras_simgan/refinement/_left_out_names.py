"""Finding names of images that were left out in files of any kind."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator

from keras_simgan.refinement._annotation_names import LABEL_SUFFIX, UPLOAD, Names, is_word
from keras_simgan.refinement._source_images import ALL_SUFFIXES, divided

_CHUNK = 2**20
# What a part begins with, where it begins within a word.
_HALF = re.compile(r"^[^\s,\"]{0,128}")
_LONGEST = 255
_SUFFIX = re.compile(
    rf"(?:{'|'.join(map(re.escape, ALL_SUFFIXES))})(?=-?\d*(?![A-Za-z0-9]))", re.IGNORECASE
)
# What no name has in it, and what most have not.
_NEVER = re.compile(r'[\x00-\x1f"<>|\ufffd]')
_SELDOM = re.compile(r"""[\s',;:=()\[\]{}&?*`]""")
_JSON_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\/")
# A word among others, and a short one that is a whole text or cell.
_WORD = re.compile(r"""[^\s,;|"'<>=(){}\[\]:`*]{3,255}""")
_CELL = re.compile(r"""(?:^|(?<=[,;\t|"'>]))[^\s,;|"'<>]{1,2}(?=[,;\t|"'<\r\n]|\Z)""", re.MULTILINE)


class LeftOutNames:
    """Finds in a text the names of images that were left out.

    That is a name with its suffix, anywhere; and one without where it is a word or a path of its
    own, unless it is a number of up to four digits, which may count anything.

    Args:
        names: What the names in it mean.

    Attributes:
        example: The first, empty where there is none.
    """

    _MOST = 100_000

    def __init__(self, names: Names):
        self._names = names
        self._found: set[str] = set()
        self.example = ""

    @property
    def count(self) -> int:
        """How many different ones were found."""
        return len(self._found)

    def search(self, text: str, with_stems: bool) -> None:
        """Searches a text.

        Args:
            text: The text, or a part of it.
            with_stems: Whether to search for names without suffix too: not in what is no text.
        """
        for part in _parts(text):
            if _JSON_ESCAPE.search(part):
                part = _JSON_ESCAPE.sub(_unescaped, part)
            for match in _SUFFIX.finditer(part):
                self._look_before(part, match.start(), match.end(), not with_stems)
            if with_stems:
                for word in {*_WORD.findall(part), *_CELL.findall(part)}:
                    self._look_at_word(word)

    def _look_before(self, text: str, dot: int, end: int, anywhere: bool) -> None:
        """Looks for a name that ends with a suffix: with what is before it, the longest first.

        In what is no text it may begin anywhere.
        """
        before = _NEVER.split(text[max(0, dot - _LONGEST) : dot])[-1]
        starts = [0, *(match.end() for match in _SELDOM.finditer(before))][-16:]
        if anywhere:
            starts = list(range(max(0, len(before) - 64), len(before)))
        tried = [before[start:] + text[dot:end] for start in starts]
        hits = [name for name in tried if self._may_be(name)]
        for name in tried if hits else ():
            verdict = self._names.resolved(name)
            if verdict is False:
                return
            if verdict or (name in hits and self._is_one_of_several(name)):
                file = posixpath.basename(name)
                self._note([name, *(hit for hit in hits if hit.endswith(file))][-1])
                return

    def _may_be(self, name: str) -> bool:
        file = posixpath.basename(name.replace("\\", "/"))
        if "%" in file or UPLOAD.match(file):
            return any(out for _, out in self._names.candidates(name, True)[0])
        return self._names.images.may_be_left_out(divided(file)[0])

    def _is_one_of_several(self, name: str) -> bool:
        return any(out for _, out in self._names.candidates(name, False)[0])

    def _look_at_word(self, word: str) -> None:
        word = word.rstrip(".")
        stem = posixpath.basename(word.replace("\\", "/"))
        if (
            not is_word(stem)
            or self._names.is_image(word)
            or not (self._may_be(word) or self._may_be(LABEL_SUFFIX.sub("", word)))
        ):
            return
        if self._names.resolved(word, True) is True:
            self._note(word)

    def _note(self, name: str) -> None:
        self.example = self.example or name.strip()
        if len(self._found) < self._MOST:
            self._found.add(name.strip())


def _parts(text: str) -> Iterator[str]:
    """Parts of a text of bounded length, that overlap by the longest name."""
    for start in range(0, max(len(text), 1), _CHUNK):
        part = text[max(0, start - _LONGEST) : start + _CHUNK]
        yield _HALF.sub("", part, count=1) if start > _LONGEST else part


def _unescaped(match: re.Match) -> str:
    text = match.group()
    if text == "\\/":
        return "/"
    try:
        return json.loads(f'"{text}"')
    except ValueError:
        return text
