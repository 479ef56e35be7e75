"""Directories of tags, of which TIFF files and EXIF blocks consist, as their bytes are."""

import struct
from dataclasses import dataclass
from typing import Any

ORIENTATION = 274
_DIRECTORIES = (34665, 34853, 40965)  # EXIF, GPS, interoperability
_THUMBNAIL, _THUMBNAIL_BYTES = 513, 514
# Bytes of a value of each type.
_SIZES = {
    **{kind: 1 for kind in (1, 2, 6, 7)},
    **{kind: 2 for kind in (3, 8)},
    **{kind: 4 for kind in (4, 9, 11, 13)},
    **{kind: 8 for kind in (5, 10, 12, 16, 17, 18)},
}


@dataclass
class Tag:
    """A tag of a directory.

    Attributes:
        code: What it says.
        kind: The type of its values.
        count: How many there are.
        content: Their bytes, in the order of the file; of a directory its tags.
    """

    code: int
    kind: int
    count: int
    content: Any


class Layout:
    """How the directories of a file are laid out.

    Args:
        start: The first bytes of the file.

    Raises:
        ValueError: If these do not begin a TIFF or an EXIF block.
    """

    def __init__(self, start: bytes):
        order = {b"II": "<", b"MM": ">"}.get(bytes(start[:2]))
        if order is None or len(start) < 8:
            raise ValueError("it does not begin as a TIFF")
        self.order = order
        self.is_big = struct.unpack_from(order + "H", start, 2)[0] == 43
        self._place = struct.Struct(order + ("Q" if self.is_big else "I"))
        self._number = struct.Struct(order + ("Q" if self.is_big else "H"))
        self._head = struct.Struct(order + ("HHQ" if self.is_big else "HHI"))
        self._first_at = 8 if self.is_big else 4

    def number(self, tag: Tag) -> int:
        """The first value of a tag of whole numbers; 0 where it has none."""
        form = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}.get(tag.kind)
        if form is None or not isinstance(tag.content, bytes) or not tag.count:
            return 0
        return struct.unpack_from(self.order + form, tag.content)[0]

    def first(self, content: bytes) -> int:
        """Where the first directory is."""
        return self._place.unpack_from(content, self._first_at)[0]

    def read(self, content: bytes, place: int, depth: int = 0) -> tuple[list[Tag], int, int]:
        """Reads a directory.

        Args:
            content: The whole file.
            place: Where in it.
            depth: How many directories this one is inside of.

        Returns:
            Its tags; where the place of the next directory is written; and that place, or 0.

        Raises:
            ValueError: If it is damaged.
        """
        tags, left, inside = [], len(content), set(_DIRECTORIES)
        try:
            (count,) = self._number.unpack_from(content, place)
            place += self._number.size
            next_at = place + count * (self._head.size + self._place.size)
            (next_place,) = self._place.unpack_from(content, next_at)
            for entry in range(place, next_at, self._head.size + self._place.size):
                code, kind, number = self._head.unpack_from(content, entry)
                size, at = number * _SIZES.get(kind, 0), entry + self._head.size
                if size > self._place.size:
                    (at,) = self._place.unpack_from(content, at)
                left -= size  # many tags that share their bytes would be written many times
                if kind not in _SIZES:
                    continue  # nobody knows where its values are
                if at + size > len(content) or left < 0:
                    raise ValueError(f"its tag {code} is damaged")
                tag = Tag(code, kind, number, content[at : at + size])
                # One of each: directories inside of directories would multiply without end.
                if code in inside and number == 1 and depth < 3:
                    inside.remove(code)
                    tag.content = self.read(content, self.number(tag), depth + 1)[0]
                tags.append(tag)
        except struct.error as error:
            raise ValueError("its tags are damaged") from error
        return tags, next_at, next_place

    def write(self, content: bytearray, tags: list[Tag]) -> int:
        """Appends a directory to a file.

        Args:
            content: The file so far.
            tags: The tags.

        Returns:
            Where the directory is.
        """
        entries = []
        for tag in sorted(tags, key=lambda tag: tag.code):
            kind, value = tag.kind, tag.content
            if isinstance(value, list):
                kind, value = (
                    (16 if self.is_big else 4),
                    self._place.pack(self.write(content, value)),
                )
            if len(value) > self._place.size:
                content.extend(bytes(len(content) % 2))
                place = len(content)
                content.extend(value)
                value = self._place.pack(place)
            entries.append(
                self._head.pack(tag.code, kind, tag.count) + value.ljust(self._place.size, b"\0")
            )
        content.extend(bytes(len(content) % 2))
        place = len(content)
        content += self._number.pack(len(entries)) + b"".join(entries) + self._place.pack(0)
        return place

    def set_first(self, content: bytearray, place: int) -> None:
        """Makes the directory at a place the first."""
        self._place.pack_into(content, self._first_at, place)


def read_exif(exif: bytes) -> tuple[int, bytes]:
    """Reads an EXIF block, and takes its thumbnail out, which shows the old pixels.

    Args:
        exif: The block, which begins as a TIFF.

    Returns:
        The orientation, 1 where there is none; and the block. One that is damaged says nothing
        about the pixels, and stays as it is.
    """
    try:
        layout = Layout(exif)
        tags, next_at, next_place = layout.read(exif, layout.first(exif))
        orientation = next((layout.number(tag) for tag in tags if tag.code == ORIENTATION), 1)
    except ValueError:
        return 1, exif
    if not next_place:
        return orientation, exif
    content = bytearray(exif)
    content[next_at : next_at + 4] = bytes(4)
    try:
        values = {t.code: layout.number(t) for t in layout.read(exif, next_place)[0]}
    except ValueError:
        return orientation, bytes(content)
    begin, size = values.get(_THUMBNAIL, 0), values.get(_THUMBNAIL_BYTES, 0)
    if begin and begin + size >= len(content):
        del content[begin:]
    elif begin:
        content[begin : begin + size] = bytes(size)  # other tags stay where they are
    return orientation, bytes(content)


def without_thumbnails(resources: bytes) -> bytes:
    """Takes the thumbnails out of Photoshop's image resources.

    Args:
        resources: The blocks, each of which begins with `8BIM`.
    """
    kept, place = [], 0
    while resources[place : place + 4] == b"8BIM" and len(resources) >= place + 12:
        (code,) = struct.unpack_from(">H", resources, place + 4)
        size_at = place + 6 + (resources[place + 6] // 2 + 1) * 2  # after an even name
        if len(resources) < size_at + 4:
            break
        (size,) = struct.unpack_from(">I", resources, size_at)
        end = size_at + 4 + size + size % 2
        if code not in (1033, 1036):
            kept.append(resources[place:end])
        place = end
    return b"".join(kept) + resources[place:]
