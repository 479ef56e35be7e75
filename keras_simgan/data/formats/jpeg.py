"""JPEG files: their segments are kept, but for those of the pixels."""

import io
import math
import re
import struct
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import JpegImagePlugin

from keras_simgan.data.formats.decoded import Decoded, Metadata, NotKept, check_claim, upright
from keras_simgan.data.formats.directory import Layout, read_exif, without_thumbnails

SIGNATURE = b"\xff\xd8\xff"
_QUALITY = 99  # loses less than a level on average even of noise; 97 loses 1.7
_STANDARD_TABLE = 3685  # the sum of the luminance's quantization table at quality 50
_PROFILE_PART = 65519  # what an APP2 segment holds of a profile
LARGEST_PROFILE = 255 * _PROFILE_PART  # segments are numbered by a byte
_EXIF, _PROFILE, _PICTURES = b"Exif\0\0", b"ICC_PROFILE\0", b"MPF\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_NUMBER_OF_PICTURES = 0xB001


def decode(encoded: bytes) -> Decoded:
    """Decodes a JPEG.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    kept, profiles, bare = [], {}, [memoryview(b"\xff\xd8")]
    jfif, orientation, lost, expected = None, 1, None, 0
    whole = memoryview(encoded)
    for marker, begin, end in _segments(encoded):
        content = encoded[begin + 4 : end]
        if marker in _FRAMES:
            _check_frame(content, len(encoded))
        if marker == 0xDA:  # the pixels begin
            bare.append(whole[begin:])
        elif marker != 0xFE and not 0xE0 < marker < 0xF0 or content.startswith(b"Adobe"):
            bare.append(whole[begin:end])  # what says how to decode
        if marker == 0xE0 and content.startswith(b"JFIF\0"):
            jfif = content[5:12]
        elif marker == 0xE2 and content.startswith(_PROFILE):
            expected = content[13] if len(content) > 13 else 0
            profiles[content[12] if len(content) > 12 else 0] = content[14:]
        elif marker == 0xE2 and content.startswith(_PICTURES):
            if _pictures(content[len(_PICTURES) :]) > 1:
                lost = "it holds further pictures (MPO)"
        elif marker == 0xFE or (0xE0 < marker < 0xF0 and marker not in (0xEB, 0xEE)):
            if content.startswith(_EXIF):
                turned, exif = read_exif(content[len(_EXIF) :])
                orientation = turned if orientation == 1 else orientation
                content = _EXIF + exif
            elif content.startswith(_PHOTOSHOP):
                content = _PHOTOSHOP + without_thumbnails(content[len(_PHOTOSHOP) :])
            elif marker == 0xE1:  # XMP, whose thumbnails show the old pixels
                content = re.sub(rb"(<xmpGImg:image>).*?(</xmpGImg:image>)", rb"\1\2", content)
            kept.append(_segment(marker, content))
    profile = b"".join(part for _, part in sorted(profiles.items())) or None
    if len(profiles) != expected or (profiles and profile is None):
        profile, lost = None, lost or "its colour profile is damaged"
    file = JpegImagePlugin.JpegImageFile(io.BytesIO(b"".join(bare)))
    with file:
        file.load()
        finest = min((sum(table) for table in file.quantization.values()), default=1e9)
        if file.mode == "CMYK":
            lost = lost or "its colours are CMYK"
        image = np.array(file.convert("RGB") if file.mode == "CMYK" else file)
    quality = math.ceil(100 - 50 * finest / _STANDARD_TABLE)
    parts = jfif, b"".join(kept), min(max(quality, _QUALITY), 100)
    image = image.reshape(*image.shape[:2], -1)
    metadata = Metadata(".jpg", profile, orientation, parts)
    return Decoded(upright(image, orientation), metadata, lost)


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encodes an image of 1 or 3 channels.

    Args:
        image: Shape `(height, width, channels)`, `uint8`, as it is to be stored.
        metadata: What else to write.

    Raises:
        ValueError: If the image is too wide or high, or the profile too large.
    """
    profile = metadata.profile or b""
    if len(profile) > LARGEST_PROFILE:
        raise ValueError(
            f"JPEG holds colour profiles of up to {LARGEST_PROFILE} bytes, not {len(profile)}. "
            "Write .tif"
        )
    jfif, kept, quality = metadata.parts or (None, b"", _QUALITY)
    options = (
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        # The colours of every pixel, whatever the source kept of them: nothing more gets lost.
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    )
    image = np.ascontiguousarray(image)
    ok, buffer = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.shape[-1] == 3 else image, options
    )
    if not ok:
        raise ValueError(f"JPEG cannot hold an image of {image.shape[1]}x{image.shape[0]}")
    encoded = buffer.data
    place = 4 + struct.unpack_from(">H", encoded, 4)[0]  # behind the JFIF header, which is first
    header = bytes(encoded[:place])
    if jfif is not None:  # its version and the resolution
        header = header[:11] + jfif + header[18:]
    elif metadata.parts is not None:
        header = header[:2]
    parts = [profile[i : i + _PROFILE_PART] for i in range(0, len(profile), _PROFILE_PART)]
    profiles = (
        _segment(0xE2, _PROFILE + bytes((number, len(parts))) + part)
        for number, part in enumerate(parts, start=1)
    )
    return b"".join((header, *profiles, kept, encoded[place:]))


def _segments(encoded: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment up to the first of pixels."""
    place = 2
    while True:
        place = encoded.find(b"\xff", place)
        if place < 0 or place + 4 > len(encoded):
            raise ValueError("the file ends before the image does")
        marker = encoded[place + 1]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker < 0xD9:  # filling, and markers alone
            place += 1 if marker == 0xFF else 2
            continue
        end = place + 2 + int.from_bytes(encoded[place + 2 : place + 4], "big")
        if end > len(encoded) or marker == 0xD9:
            raise ValueError("the file ends before the image does")
        yield marker, place, end
        if marker == 0xDA:
            return
        place = end


def _check_frame(content: bytes, size: int) -> None:
    bits, height, width, channels = struct.unpack_from(">BHHB", content)
    check_claim(width, height, width * height * channels, size)
    if bits != 8:
        raise NotKept(f"is a JPEG of {bits} bits; expected 8. Convert it to a 16-bit PNG.")


def _pictures(content: bytes) -> int:
    """How many pictures a multi-picture segment lists."""
    try:
        layout = Layout(content)
        tags = layout.read(content, layout.first(content))[0]
    except ValueError:
        return 0
    return next((layout.number(tag) for tag in tags if tag.code == _NUMBER_OF_PICTURES), 0)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
