"""The formats of image files: each decodes to pixels and metadata, and encodes the two again."""

import numpy as np

from keras_simgan.data.formats import bmp, jpeg, png, tiff, webp_avif
from keras_simgan.data.formats.decoded import Decoded, Metadata, NotKept, as_stored

__all__ = ["CHANNELS", "DEPTHS", "Decoded", "Metadata", "NotKept", "decode", "encode", "kind_of"]

#: How many channels the formats hold, by suffix; None for any number.
CHANNELS = {
    ".png": (1, 2, 3, 4),
    ".jpg": (1, 3),
    ".bmp": (1, 3, 4),
    ".tif": None,
    ".webp": (3, 4),
    ".avif": (3, 4),
}
#: The types of pixels that they hold.
DEPTHS = {kind: ("uint8",) for kind in CHANNELS} | {
    kind: ("uint8", "uint16") for kind in (".png", ".tif")
}
_DECODERS = {
    ".png": png.decode,
    ".jpg": jpeg.decode,
    ".bmp": bmp.decode,
    ".tif": tiff.decode,
    ".webp": webp_avif.decode_webp,
    ".avif": webp_avif.decode_avif,
}
_ENCODERS = {
    ".png": png.encode,
    ".jpg": jpeg.encode,
    ".bmp": bmp.encode,
    ".tif": tiff.encode,
    ".webp": webp_avif.encode,
    ".avif": webp_avif.encode,
}
# What is met under names of images, by where it says so and how.
_OTHERS = {
    (0, b"GIF8"): "a GIF",
    (0, b"8BPS"): "a Photoshop file",
    (0, b"\0\0\0\x0cjP"): "a JPEG 2000",
    (0, b"\xff\x4f\xff\x51"): "a JPEG 2000",
    (0, b"\xff\x0a"): "a JPEG XL",
    (0, b"\0\0\0\x0cJXL"): "a JPEG XL",
    (0, b"v/1\x01"): "an OpenEXR file",
    (0, b"#?RADIANCE"): "a Radiance file",
    (0, b"\x1aE\xdf\xa3"): "a video",
    (0, b"RIFF"): "a video",
    (4, b"ftyphei"): "a HEIC",
    (4, b"ftypmif1"): "a HEIC",
    (4, b"ftyp"): "a video",
}


def kind_of(encoded: bytes) -> str | None:
    """Tells a file's format by its first bytes.

    Args:
        encoded: The file.

    Returns:
        A key of `CHANNELS`; None where it is of no format that is read here.
    """
    for kind, signature in {
        ".png": png.SIGNATURE,
        ".jpg": jpeg.SIGNATURE,
        ".bmp": bmp.SIGNATURE,
    }.items():
        if encoded.startswith(signature):
            return kind
    if tiff.is_tiff(encoded):
        return ".tif"
    if webp_avif.is_webp(encoded):
        return ".webp"
    return ".avif" if webp_avif.is_avif(encoded) else None


def decode(encoded: bytes) -> Decoded:
    """Decodes an image of whatever format.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    kind = kind_of(encoded)
    if kind is not None:
        return _DECODERS[kind](encoded)
    for (place, signature), name in _OTHERS.items():
        if encoded.startswith(signature, place):
            way_out = "Convert it to .png" if name != "a video" else "Save its frames as .png"
            raise NotKept(f"is {name} by its content, which is not read here. {way_out}.")
    raise ValueError("not an image")


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encodes an image that its format can hold, of `CHANNELS` and `DEPTHS`.

    Args:
        image: Shape `(height, width, channels)`, upright.
        metadata: What else to write, and the format.

    Raises:
        ValueError: If the format cannot hold it.
    """
    return _ENCODERS[metadata.kind](as_stored(image, metadata.orientation), metadata)
