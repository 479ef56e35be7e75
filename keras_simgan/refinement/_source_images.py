"""The images of a data set by their names: which are kept, and which were left out."""

from __future__ import annotations

import posixpath
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterable

from keras_simgan.data.files import IMAGE_SUFFIXES, OTHER_IMAGE_SUFFIXES

ALL_SUFFIXES = IMAGE_SUFFIXES + OTHER_IMAGE_SUFFIXES
_FILTER_BITS = 2**24
_CACHE_KIB = 2**16


class SourceImages:
    """Finds images by what annotations call them: without folder, without suffix, in other case.

    They lie in a file that SQLite keeps for itself and removes, so that a million images take no
    more memory than a thousand.

    Args:
        kept: The names of images that the destination has, relative to the source.
        left_out: The names of those that it leaves out.

    Attributes:
        some_left_out: Whether there are any of these.
        ids: Of folders with annotations that name images by id, what is known of the ids.
    """

    def __init__(self, kept: Iterable[str] = (), left_out: Iterable[str] = ()):
        self._database = sqlite3.connect("", isolation_level=None)
        execute = self._database.execute
        execute("PRAGMA synchronous = OFF")
        execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        execute("CREATE TABLE images (stem TEXT, folder TEXT, name TEXT, left_out INTEGER)")
        # Most words are no names of images: few bits tell so without asking the database.
        self._filters = {kind: bytearray(_FILTER_BITS // 8) for kind in (False, True)}
        self.some_left_out = False
        self.ids: dict[str, dict] = {}
        execute("BEGIN")
        for names, is_left_out in ((kept, False), (left_out, True)):
            self._database.executemany(
                "INSERT INTO images VALUES (?, ?, ?, ?)",
                (self._row(name, is_left_out) for name in names),
            )
        execute("CREATE INDEX by_stem ON images (stem)")
        execute("CREATE INDEX by_folder ON images (folder)")
        execute("COMMIT")

    def _row(self, name: str, is_left_out: bool) -> tuple[str, str, str, bool]:
        folder, file = posixpath.split(name)
        key = folded(divided(file)[0])
        self.some_left_out |= is_left_out
        place, bit = _bit(key)
        self._filters[is_left_out][place] |= bit
        return key, folder, name, is_left_out

    def of_stem(self, stem: str) -> list[tuple[str, bool]]:
        """The images of a name: `(name, is_left_out)` of each.

        Args:
            stem: A file's name without folder and suffix. Where some have its case, the others do
                not count.
        """
        key = folded(stem)
        place, bit = _bit(key)
        if not (self._filters[False][place] | self._filters[True][place]) & bit:
            return []
        try:
            rows = self._database.execute(
                "SELECT name, left_out FROM images WHERE stem = ?", (key,)
            ).fetchall()
        except UnicodeEncodeError:  # a name that is no text is none of the source's
            return []
        if len(rows) == 1:
            return [(rows[0][0], bool(rows[0][1]))]
        same = [row for row in rows if divided(posixpath.basename(row[0]))[0] == stem]
        return [(name, bool(is_left_out)) for name, is_left_out in same or rows]

    def may_be_left_out(self, stem: str) -> bool:
        """Whether an image of this name may be left out; quickly, and mostly right where not.

        Args:
            stem: As for `of_stem`.
        """
        place, bit = _bit(folded(stem))
        return bool(self._filters[True][place] & bit)

    def has_folder(self, folder: str) -> bool:
        """Whether images lie in a folder itself.

        Args:
            folder: Its name relative to the source.
        """
        return bool(
            self._database.execute(
                "SELECT 1 FROM images WHERE folder = ? LIMIT 1", (folder,)
            ).fetchone()
        )

    def close(self) -> None:
        """Removes what was kept on disk."""
        self._database.close()


def divided(file: str) -> tuple[str, str]:
    """A name without the suffix of an image, and that suffix in lower case, which may be empty.

    Args:
        file: The name, with or without folder.
    """
    stem, dot, suffix = file.rpartition(".")
    suffix = dot + suffix.lower()
    return (stem, suffix) if stem and suffix in ALL_SUFFIXES else (file, "")


def folded(text: str) -> str:
    """A text as it is compared without case, and however its accents are written.

    Args:
        text: The text.
    """
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text).casefold()


def _bit(key: str) -> tuple[int, int]:
    place = zlib.crc32(key.encode("utf-8", "surrogatepass")) % _FILTER_BITS
    return place >> 3, 1 << (place & 7)
