"""WebP and AVIF files, by Pillow."""

import io
import struct

import numpy as np
from PIL import Image, WebPImagePlugin

from keras_simgan.data.formats.decoded import Decoded, Metadata, NotKept, check_claim, upright
from keras_simgan.data.formats.directory import read_exif

try:
    from PIL import AvifImagePlugin
except ImportError:  # a Pillow before 11.3
    AvifImagePlugin = None  # type: ignore[assignment]

_HAS_AVIF = AvifImagePlugin is not None and AvifImagePlugin.SUPPORTED
# WebP's lossy mode has colours for every fourth pixel only, and loses 1 to 3 levels on average.
_WEBP = {"lossless": True, "exact": True, "method": 2}
_AVIF = {"quality": 99, "subsampling": "4:4:4", "speed": 8}
_LARGEST_WEBP = 16383
_AVIF_BRANDS = (b"avif", b"avis")
_SRGB = ((1, 2), (1, 2, 13))  # primaries and transfer of what is not said to be of other colours


def is_webp(encoded: bytes) -> bool:
    """Whether a file is a WebP, by its first bytes."""
    return encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP"


def is_avif(encoded: bytes) -> bool:
    """Whether a file is an AVIF, by its first bytes."""
    if encoded[4:8] != b"ftyp":
        return False
    brands = encoded[8 : min(int.from_bytes(encoded[:4], "big"), 256)]
    return any(brands[i : i + 4] in _AVIF_BRANDS for i in range(0, len(brands), 4))


def decode_webp(encoded: bytes) -> Decoded:
    """Decodes the first picture of a WebP.

    Args:
        encoded: The file.

    Raises:
        Exception: Many kinds, if it is damaged.
    """
    kind, begin = encoded[12:16], encoded[20:30]
    if len(begin) < 10 or int.from_bytes(encoded[4:8], "little") + 8 > len(encoded):
        raise ValueError("the file ends before the image does")
    if kind == b"VP8X":
        width, height = (int.from_bytes(begin[i : i + 3], "little") + 1 for i in (4, 7))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", begin, 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", begin, 6))
    check_claim(width, height, 4 * width * height, len(encoded))
    return _decode(".webp", WebPImagePlugin.WebPImageFile(io.BytesIO(encoded)))


def decode_avif(encoded: bytes) -> Decoded:
    """Decodes the first picture of an AVIF.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    if not _HAS_AVIF:
        raise NotKept(
            "is an AVIF, which this Pillow does not read. Install Pillow 11.3 or newer, or convert "
            "the image to .png."
        )
    boxes = encoded[: max(encoded.find(b"mdat"), 0) or len(encoded)]
    place = boxes.find(b"ispe")
    while place >= 0:
        width, height = struct.unpack_from(">II", boxes, place + 8)
        check_claim(width, height, 4 * width * height, len(encoded))
        place = boxes.find(b"ispe", place + 4)
    place = boxes.find(b"av1C")
    if 0 <= place < len(boxes) - 6 and boxes[place + 6] & 0x40:
        raise NotKept("is an AVIF of 10 or 12 bits; expected 8. Convert it to a 16-bit .png.")
    decoded = _decode(".avif", AvifImagePlugin.AvifImageFile(io.BytesIO(encoded)))
    place = boxes.find(b"colrnclx")
    if 0 <= place < len(boxes) - 12 and decoded.metadata.profile is None:
        colours = struct.unpack_from(">HH", boxes, place + 8)
        if not all(own in known for own, known in zip(colours, _SRGB, strict=True)):
            decoded.lost = decoded.lost or "its colours are not those of sRGB, without a profile"
    return decoded


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encodes an image of 3 or 4 channels.

    Args:
        image: Shape `(height, width, channels)`, `uint8`, as it is to be stored.
        metadata: What else to write, and the format.

    Raises:
        ValueError: If the image is too wide or high, or this Pillow does not write the format.
    """
    content = io.BytesIO()
    is_webp = metadata.kind == ".webp"
    if is_webp and max(image.shape[:2]) > _LARGEST_WEBP:
        raise ValueError(f"WebP cannot hold an image of {image.shape[1]}x{image.shape[0]}")
    if not is_webp and not _HAS_AVIF:
        raise ValueError("this Pillow does not write AVIF. Install Pillow 11.3 or newer")
    Image.fromarray(np.ascontiguousarray(image)).save(
        content,
        "WEBP" if is_webp else "AVIF",
        icc_profile=metadata.profile or b"",
        **(_WEBP if is_webp else _AVIF),
        **(metadata.parts or {}),
    )
    return content.getvalue()


def _decode(kind: str, file: Image.Image) -> Decoded:
    with file:
        lost = "it is an animation" if getattr(file, "n_frames", 1) > 1 else None
        file.load()
        exif = file.info.get("exif", b"")
        orientation, exif = read_exif(exif.removeprefix(b"Exif\0\0"))
        parts = {"exif": exif, "xmp": file.info.get("xmp", b"")}
        parts = {name: content for name, content in parts.items() if content}
        image = np.array(file.convert("RGBA" if file.has_transparency_data else "RGB"))
        metadata = Metadata(kind, file.info.get("icc_profile") or None, orientation, parts)
    return Decoded(upright(image, orientation), metadata, lost)
