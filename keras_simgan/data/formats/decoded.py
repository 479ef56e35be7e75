"""What the modules of the formats share."""

from dataclasses import dataclass
from typing import Any

import numpy as np

# Below this many bytes of pixels a header may claim what it likes. Above, files are at most this
# many times smaller than their pixels; deflate cannot do better than 1032 and LZW than 4096.
_FREE_BYTES = 2**27
_BEST_COMPRESSION = 5000


@dataclass(frozen=True)
class Metadata:
    """What a file holds besides its pixels, to be written again with new ones.

    Attributes:
        kind: The suffix of its format, which need not be the suffix of its name.
        profile: The ICC profile that its colours are meant in, or None.
        orientation: How its pixels are stored, as in EXIF: 1 is upright.
        parts: All else, in a form that only the module of its format knows.
    """

    kind: str
    profile: bytes | None = None
    orientation: int = 1
    parts: Any = None


@dataclass
class Decoded:
    """An image out of a file.

    Attributes:
        image: Shape `(height, width, channels)`, upright.
        metadata: What its file holds besides.
        lost: What the file holds that is in neither, in words, or None.
        values: The numbers that are stored, shape `(height, width, 1)`, upright, where these are
            not the image's: the indices of a palette, and those of fewer than 8 bits of PNG.
    """

    image: np.ndarray
    metadata: Metadata
    lost: str | None = None
    values: np.ndarray | None = None


class NotKept(Exception):
    """A whole file of a kind that is not read here; the message goes on from the file's name."""


def check_claim(width: int, height: int, size: int, encoded: int) -> None:
    """Raises where a header claims more pixels than its file can hold.

    Args:
        width: Claimed width in pixels.
        height: Claimed height in pixels.
        size: Bytes that decoding takes.
        encoded: Bytes of the file.

    Raises:
        ValueError: If so.
    """
    if size > max(_FREE_BYTES, _BEST_COMPRESSION * encoded):
        raise ValueError(f"it claims {width}x{height} pixels, far more than its bytes can hold")


def upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an image as an EXIF orientation says.

    Args:
        image: Shape `(height, width, channels)`, as it is stored.
        orientation: 1 to 8; others count as 1.
    """
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def as_stored(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an image back from how `upright` gave it.

    Args:
        image: Shape `(height, width, channels)`, upright.
        orientation: What was given to `upright`.
    """
    return upright(image, {6: 8, 8: 6}.get(orientation, orientation))  # all others undo themselves
