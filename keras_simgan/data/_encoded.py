"""What reading the kinds of image files shares."""

from dataclasses import dataclass

import numpy as np

# Below this many bytes of pixels a header may claim what it likes. Above, files are at most this
# many times smaller than their pixels; deflate cannot do better than 1032 and LZW than 4096.
_FREE_BYTES = 2**27
_BEST_COMPRESSION = 5000


@dataclass
class Decoded:
    """An image out of a file.

    Attributes:
        image: Shape `(height, width, channels)`, upright.
        profile: Its ICC profile, or None.
        lost: What the file holds that the image does not, in words, or None.
    """

    image: np.ndarray
    profile: bytes | None
    lost: str | None


class NotKept(Exception):
    """A whole file of a kind that is not read here; the message goes on from the file's name."""


def check_claim(width: int, height: int, size: int, encoded: int) -> None:
    """Raises where a header claims more pixels than its file can hold.

    Args:
        width: Claimed width in pixels.
        height: Claimed height in pixels.
        size: Bytes of the pixels.
        encoded: Bytes of the file.

    Raises:
        ValueError: If so.
    """
    if size > max(_FREE_BYTES, _BEST_COMPRESSION * encoded):
        raise ValueError(f"it claims {width}x{height} pixels, far more than its bytes can hold")


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an image as an EXIF orientation says.

    Args:
        image: Shape `(height, width, channels)`.
        orientation: 1 to 8; others count as 1.
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
