"""Colour profiles (ICC) inside encoded files, and PNG of gray with alpha, which OpenCV lacks."""

import struct
import zlib

import numpy as np

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_END = len(_PNG_SIGNATURE) + 12 + 13  # the header chunk comes first and has 13 bytes
_JPEG_PART = 65519  # what an APP2 segment holds besides its marks
LARGEST_JPEG_PROFILE = 255 * _JPEG_PART  # segments are numbered by a byte


def png_with_profile(encoded: bytes, profile: bytes) -> bytes:
    """Puts a profile into an encoded PNG, as its `iCCP` chunk.

    Args:
        encoded: The file, without a profile.
        profile: The ICC profile.
    """
    chunk = _png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(profile))
    return encoded[:_PNG_HEADER_END] + chunk + encoded[_PNG_HEADER_END:]


def jpeg_with_profile(encoded: bytes, profile: bytes) -> bytes:
    """Puts a profile into an encoded JPEG, as APP2 segments behind its JFIF header.

    Args:
        encoded: The file, which begins with an APP0 segment, without a profile.
        profile: The ICC profile, up to `LARGEST_JPEG_PROFILE` bytes.
    """
    parts = [profile[i : i + _JPEG_PART] for i in range(0, len(profile), _JPEG_PART)]
    segments = b"".join(
        b"\xff\xe2"
        + struct.pack(">H", len(part) + 16)
        + b"ICC_PROFILE\0"
        + bytes((number, len(parts)))
        + part
        for number, part in enumerate(parts, start=1)
    )
    place = 4 + struct.unpack(">H", encoded[4:6])[0]
    return encoded[:place] + segments + encoded[place:]


def encode_gray_alpha_png(image: np.ndarray) -> bytes:
    """Encodes gray with alpha as PNG.

    Args:
        image: Shape `(height, width, 2)`, `uint8` or `uint16`.
    """
    height, width, _ = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, 4, 0, 0, 0)
    rows = image.astype(image.dtype.newbyteorder(">")).view("uint8").reshape(height, -1)
    # Each row is stored as its difference to the one above (filter 2), which compresses well.
    rows = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    rows = np.concatenate([np.full((height, 1), 2, "uint8"), rows], axis=1)
    return (
        _PNG_SIGNATURE
        + _png_chunk(b"IHDR", header)
        + _png_chunk(b"IDAT", zlib.compress(rows.tobytes()))
        + _png_chunk(b"IEND", b"")
    )


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
