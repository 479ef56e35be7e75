"""BMP files, whose colours Pillow gets right where OpenCV does not."""

import io
import struct

import cv2
import numpy as np
from PIL import BmpImagePlugin

from keras_simgan.data.formats.decoded import Decoded, Metadata, NotKept, check_claim

SIGNATURE = b"BM"
_RESOLUTION = slice(38, 46)
_COLOUR_SPACE, _GAMMA_END = 70, 122  # in headers of 108 bytes and more
_CALIBRATED = bytes(4)


def decode(encoded: bytes) -> Decoded:
    """Decodes a BMP.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    try:
        image, values = _pixels(encoded)
    except OSError as error:
        if not str(error).startswith("Unsupported BMP"):
            raise
        raise NotKept(f"is a BMP that is not read here ({error}). Convert it to .png.") from error
    (header,) = struct.unpack_from("<I", encoded, 14)
    space = encoded[_COLOUR_SPACE : _COLOUR_SPACE + 4] if header >= 108 else b""
    lost = None
    if space in (b"DEBM", b"KNIL"):
        lost = "bmp files with a colour profile are not supported"
    elif space == _CALIBRATED and any(encoded[_COLOUR_SPACE + 4 : _GAMMA_END]):
        lost = "bmp files with gamma and primaries are not supported"
    resolution = encoded[_RESOLUTION] if header >= 40 else bytes(8)
    return Decoded(image, Metadata(".bmp", parts=resolution), lost, values)


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encodes an image of 1, 3 or 4 channels.

    Args:
        image: Shape `(height, width, channels)`, `uint8`.
        metadata: What else to write.

    Raises:
        ValueError: If the image is too wide or high, or there is a profile.
    """
    if metadata.profile is not None:
        raise ValueError(".bmp has no place for the colour profile. Write .png")
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[-1]]
    ok, buffer = cv2.imencode(".bmp", np.ascontiguousarray(image[..., order]))
    if not ok:
        raise ValueError(f"BMP cannot hold an image of {image.shape[1]}x{image.shape[0]}")
    if metadata.parts is not None:
        buffer[_RESOLUTION] = np.frombuffer(metadata.parts, "uint8")
    return buffer.tobytes()


def _pixels(encoded: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    with BmpImagePlugin.BmpImageFile(io.BytesIO(encoded)) as file:
        check_claim(*file.size, 4 * file.width * file.height, len(encoded))
        file.load()
        mode = {"1": "L"}.get(file.mode, file.mode)
        if mode == "P":
            palette = np.asarray(file.getpalette()).reshape(-1, 3)
            mode = "L" if (palette == palette[:, :1]).all() else "RGB"
        values = None
        if file.mode in ("P", "1"):
            values = np.array(file, "uint8")[..., None]
        image = np.array(file.convert(mode))
    return image.reshape(*image.shape[:2], -1), values
