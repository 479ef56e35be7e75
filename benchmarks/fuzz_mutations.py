"""Ways to break a file, drawn at random, for `fuzz.py`."""

import zlib
from collections.abc import Callable

import numpy as np

_EXTREMES = (0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
_TOKENS = (
    *(b'"', b"'", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r\n", b"\t", b"\0", b"\x1b[31m"),
    *(b"<", b">", b"&", b"&x;", b"<![CDATA[", b"- ", b"? ", b"&a *a", b"!!python/object:os.system"),
    *(b"NaN", b"Infinity", b"-1e999", b"1" * 5000, b"null", b"true", b"007", b"-", b"1_2"),
    *(b"../../etc/passwd", b"0.png", b"/0.png", b"%00", b"\xc3", b"\xed\xb3\xbf", b"\\ud800"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xfe\xff", b"\x1a", b"\x85", "\N{LINE SEPARATOR}".encode()),
    *(b"[" * 20_000, b'{"a":' * 20_000, b"<a>" * 20_000, b"- " * 5_000, b"(" * 20_000),
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>',
)


def mutated(content: bytes, other: bytes, draw: np.random.Generator) -> bytes:
    """Breaks a file in one to three ways.

    Args:
        content: The file.
        other: Another of its kind, to splice it with.
        draw: What draws the ways and places.
    """
    ways = _WAYS if _is_text(content) else _WAYS[:-_OF_TEXT]
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        content = ways[draw.integers(len(ways))](content, other, draw)
    if content.startswith(b"\x89PNG") and draw.random() < 0.7:
        return _with_checksums(content)
    return content


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _place(content: bytes, draw) -> int:
    """A place in a file: half of the time in its first bytes, where the header is."""
    end = len(content) if draw.random() < 0.5 else min(len(content), 128)
    return int(draw.integers(end + 1))


def _flip_bits(content: bytes, other: bytes, draw) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 8])):
        if changed:
            changed[min(_place(content, draw), len(changed) - 1)] ^= 1 << int(draw.integers(8))
    return bytes(changed)


def _truncate(content: bytes, other: bytes, draw) -> bytes:
    return content[: draw.integers(len(content) + 1)]


def _replace_bytes(content: bytes, other: bytes, draw) -> bytes:
    at = _place(content, draw)
    new = draw.integers(0, 256, draw.integers(1, 9)).astype("uint8").tobytes()
    return content[:at] + new + content[at + len(new) :]


def _extreme_number(content: bytes, other: bytes, draw) -> bytes:
    """Where a length, a size or an offset may be."""
    at, width = _place(content, draw), int(draw.choice([2, 4]))
    number = int(draw.choice(_EXTREMES)) % 2 ** (8 * width)
    new = number.to_bytes(width, "big" if draw.random() < 0.5 else "little")
    return content[:at] + new + content[at + width :]


def _splice(content: bytes, other: bytes, draw) -> bytes:
    return content[: draw.integers(len(content) + 1)] + other[draw.integers(len(other) + 1) :]


def _repeat_or_leave_out(content: bytes, other: bytes, draw) -> bytes:
    start, end = sorted(draw.integers(len(content) + 1, size=2))
    return content[:start] + content[start:end] * int(draw.choice([0, 2, 3])) + content[end:]


def _insert_token(content: bytes, other: bytes, draw) -> bytes:
    at = int(draw.integers(len(content) + 1))
    return content[:at] + _TOKENS[draw.integers(len(_TOKENS))] + content[at:]


def _replace_number(content: bytes, other: bytes, draw) -> bytes:
    digits = [i for i, byte in enumerate(content) if 48 <= byte < 58]
    if not digits:
        return content
    at = int(draw.choice(digits))
    return content[:at] + _TOKENS[draw.integers(len(_TOKENS))] + content[at + 1 :]


def _encode_otherwise(content: bytes, other: bytes, draw) -> bytes:
    encoding = str(draw.choice(["utf-16", "utf-8-sig", "utf-16-be", "utf-32", "cp037"]))
    return content.decode(errors="replace").encode(encoding, errors="replace")


_OF_TEXT = 4
_WAYS: tuple[Callable[..., bytes], ...] = (
    *(_flip_bits, _truncate, _replace_bytes, _extreme_number, _splice, _repeat_or_leave_out),
    *(_insert_token, _insert_token, _replace_number, _encode_otherwise),
)


def _with_checksums(png: bytes) -> bytes:
    """A PNG whose chunks have the right checksums again, so that they are looked into."""
    new, at = [png[:8]], 8
    while at + 12 <= len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(png):
            break
        new.append(png[at:end] + zlib.crc32(png[at + 4 : end]).to_bytes(4, "big"))
        at = end + 4
    return b"".join([*new, png[at:]])
