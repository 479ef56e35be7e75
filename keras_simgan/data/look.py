"""How an image looks: like a photo, or like a mask or a drawing."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

# Of larger images nothing is read, of others a part is looked at.
_PIXELS, _ROWS, _COLUMNS = 2**26, 128, 1024
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # of a TIFF, whatever the size of its image


@dataclass(frozen=True)
class Look:
    """How an image looks.

    Attributes:
        is_flat: Whether it has few values, in large areas, as masks and drawings have.
        values: How many different values, or colours, its pixels have.
        evenness: The share of neighbouring pixels that are equal.
        is_indexed: Whether its pixels are indices of a palette, or bits.
    """

    is_flat: bool
    values: int
    evenness: float
    is_indexed: bool

    def is_mask_of(self, image: Look) -> bool:
        """Whether this may be a mask of another image, which looks quite different.

        Args:
            image: The other.
        """
        if not self.is_flat or image.is_flat and not self.is_indexed:
            return False
        if self.is_indexed and not image.is_indexed:
            return True
        # Drawn digits differ in their number of values, but not by much.
        return image.evenness < 0.35 or image.values >= max(64, 8 * self.values)


def look_at(path: Path) -> Look | None:
    """Looks at an image; `None` where it is constant, very large, or cannot be read.

    Args:
        path: The file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                tags = getattr(image, "tag_v2", {})
                tile = tags.get(_TILE_WIDTH, 1) * tags.get(_TILE_LENGTH, 1)
                if max(image.width * image.height, tile) > _PIXELS:
                    return None
                is_indexed, is_lossy = image.mode in ("1", "P"), image.format == "JPEG"
                pixels = np.asarray(image)
    except Exception:  # whatever is wrong with it is told where it is read
        return None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    values, evenness, _ = _count(pixels)
    if values < 2:
        return None
    is_flat = (values <= 40 and evenness >= 0.5) or (values <= 256 and evenness >= 0.9)
    if is_lossy:
        # Along edges JPEG makes many values out of two.
        rounded, even, common = _count((pixels.astype("int64") + 16) // 32)
        if rounded > 1 and even >= 0.95 and common <= 3:
            is_flat, values = True, common
    return Look(is_flat, values, evenness, is_indexed)


def _count(pixels: np.ndarray) -> tuple[int, float, int]:
    """How many values pixels have, how many neighbours are equal, and how many values are common.

    Common are those that 95 % of the pixels have. Of large images some rows are looked at.
    """
    height, width, channels = pixels.shape
    left = max(0, (width - _COLUMNS) // 2)
    rows = np.arange(0, max(1, height - 1), max(1, height // _ROWS))
    lines = np.stack([rows, np.minimum(rows + 1, height - 1)])
    seen = pixels[lines, left : left + _COLUMNS]
    if channels > 1:
        seen = (seen.astype("int64") @ 65536 ** np.arange(channels))[..., None]
    row, below = seen[..., 0]
    counts = np.sort(np.unique(row, return_counts=True)[1])[::-1]
    common = int(np.searchsorted(np.cumsum(counts), 0.95 * row.size)) + 1
    across = (row[:, 1:] == row[:, :-1]).mean() if row.shape[1] > 1 else 1.0
    return len(counts), float(min(across, (row == below).mean())), common
