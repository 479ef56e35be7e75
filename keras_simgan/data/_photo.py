"""PNG, JPEG and BMP files."""

import io

import cv2
import numpy as np
from PIL import ExifTags, Image

from keras_simgan.data._encoded import Decoded, NotKept, check_claim, upright
from keras_simgan.data._profile import (
    encode_gray_alpha_png,
    jpeg_with_profile,
    png_with_profile,
)

_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, 95),
    # The colours of every pixel, whatever the source kept of them: nothing more gets lost.
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH, _PNG_KIND = 24, 25  # where a PNG says how many bits a value has, and what it means
_PNG_GRAY_ALPHA = 4  # Pillow calls 16 bits of it RGBA


def decode_photo(encoded: bytes) -> Decoded:
    """Decodes a PNG, JPEG or BMP.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    # Pillow checks the file from end to end, which not every OpenCV does, and knows its alpha.
    # OpenCV decodes, because Pillow cuts 16-bit colour down to 8 bits; but not BMP, where it gets
    # some colours wrong.
    _check_png_chunks(encoded)
    with Image.open(io.BytesIO(encoded), formats=["PNG", "JPEG", "BMP"]) as file:
        check_claim(*file.size, 4 * file.width * file.height, len(encoded))
        has_alpha, mode = file.has_transparency_data, file.mode
        file.load()
        profile = file.info.get("icc_profile")
        try:
            orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
        except Exception:  # a broken EXIF block says nothing about the pixels
            orientation = 1
        lost = None
        if mode == "CMYK":
            lost = "its colours are CMYK"
        elif file.format == "PNG" and getattr(file, "n_frames", 1) > 1:
            lost = "it is an animation"
        elif profile is None and "icc_profile" in file.info:
            lost = "its colour profile is damaged"
        elif encoded[14:18] == b"\x7c\0\0\0" and encoded[70:74] in (b"DEBM", b"KNIL"):
            lost = "bmp files with a colour profile are not supported"
        transparent = file.info.get("transparency")
        if file.format == "BMP":
            return Decoded(_bmp_pixels(file), profile, lost)
    image = cv2.imdecode(np.frombuffer(encoded, "uint8"), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError("it cannot be decoded")
    if image.dtype not in ("uint8", "uint16"):
        raise NotKept(f"holds {image.dtype} values; expected 8 or 16 bits per channel. Convert it.")
    if image.ndim == 2:
        image = image[..., None]
        if isinstance(transparent, int):  # one gray value stands for nothing
            maximum = np.iinfo(str(image.dtype)).max
            stored = 2 ** encoded[_PNG_DEPTH] - 1
            transparent = min(transparent, stored) * maximum // stored  # of 1 bit Pillow makes 255
            alpha = np.where(image == transparent, 0, maximum)
            image = np.concatenate([image, alpha.astype(image.dtype)], axis=-1)
    elif encoded.startswith(_PNG_SIGNATURE) and encoded[_PNG_KIND] == _PNG_GRAY_ALPHA:
        image = image[..., [0, 3]]
    else:
        image = image[..., [2, 1, 0, 3] if has_alpha and image.shape[-1] == 4 else [2, 1, 0]]
    return Decoded(upright(image, orientation), profile, lost)


def encode_photo(kind: str, image: np.ndarray, profile: bytes | None) -> bytes:
    """Encodes an image that the format can hold.

    Args:
        kind: `".png"`, `".jpg"` or `".bmp"`.
        image: Shape `(height, width, channels)`.
        profile: An ICC profile, or None.

    Raises:
        ValueError: If it fails, on an image that is too wide or high.
    """
    channels = image.shape[-1]
    if channels == 2:
        encoded = encode_gray_alpha_png(image)
    else:
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
        options = _JPEG if kind == ".jpg" else ()
        ok, buffer = cv2.imencode(kind, np.ascontiguousarray(image[..., order]), options)
        if not ok:
            raise ValueError(f"{kind} cannot hold an image of {image.shape[1]}x{image.shape[0]}")
        encoded = buffer.tobytes()
    if profile is None:
        return encoded
    return (png_with_profile if kind == ".png" else jpeg_with_profile)(encoded, profile)


def _bmp_pixels(file: Image.Image) -> np.ndarray:
    mode = {"1": "L"}.get(file.mode, file.mode)
    if mode == "P":
        palette = np.asarray(file.getpalette()).reshape(-1, 3)
        mode = "L" if (palette == palette[:, :1]).all() else "RGB"
    image = np.array(file.convert(mode))
    return image.reshape(*image.shape[:2], -1)


def _check_png_chunks(encoded: bytes) -> None:
    """Raises where a chunk claims more bytes than are left, for which OpenCV takes the memory."""
    place = len(_PNG_SIGNATURE)
    while encoded.startswith(_PNG_SIGNATURE) and len(encoded) >= place + 8:
        length = int.from_bytes(encoded[place : place + 4], "big")
        if encoded[place + 4 : place + 8] == b"IEND":
            return
        place += 12 + length  # with the length, the kind and the checksum
        if place > len(encoded):
            raise ValueError("the file ends before the image does")
