"""Images whose pixels are numbers of things, not colours."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from keras_simgan.data.files import ImageError
from keras_simgan.data.images import decode_any, read_bytes

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_DEPTH, _PNG_KIND = 24, 25  # where a PNG says how many bits a value has, and what it means
_PNG_GRAY = 0


class IndexMaps:
    """Reads and resizes images of numbers as they are stored: what label and instance maps share.

    Of a palette these are the indices into it; 1, 2 and 4 bits are not stretched to 8, as they are
    where they mean gray.
    """

    def read(self, path: Path) -> np.ndarray:
        """Reads one file, at its own size and with its own values.

        Args:
            path: A png, bmp or tiff file.

        Returns:
            Shape `(height, width, channels)`, `uint8` or `uint16`.

        Raises:
            ImageError: If it cannot be read, or is a jpg.
        """
        refuse_jpeg(path)
        return self.decode(path, read_bytes(path))

    def decode(self, path: Path, encoded: bytes) -> np.ndarray:
        """Decodes one file that is in memory, as `read` does one on disk.

        Args:
            path: What to call it in errors.
            encoded: Its content.

        Raises:
            ImageError: If it is damaged, or a jpg.
        """
        refuse_jpeg(path)
        image = decode_any(path, encoded).image  # which checks it from end to end
        try:
            with Image.open(io.BytesIO(encoded), formats=["PNG", "BMP", "TIFF"]) as file:
                if file.mode in ("P", "1"):
                    return np.asarray(ImageOps.exif_transpose(file)).astype("uint8")[..., None]
        except UnidentifiedImageError:  # a tiff that only tifffile knows; it has no palette
            return image
        if encoded.startswith(_PNG_SIGNATURE) and encoded[_PNG_KIND] == _PNG_GRAY:
            bits = encoded[_PNG_DEPTH]
            if bits < 8:
                return image // (255 // (2**bits - 1))
        return image

    def resize(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes one map, by nearest neighbour.

        Args:
            image: Shape `(height, width, 1)`.
            size: The new `(height, width)`.
        """
        return resize_nearest(image, size)


def refuse_jpeg(path: Path) -> None:
    """Raises an ImageError for a map that is a jpg.

    Args:
        path: The file.
    """
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ImageError(
            f"The map {str(path)!r} is a jpg, which changes values at every edge; expected a png, "
            "bmp or tiff with the exact ones."
        )


def resize_nearest(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes by taking the pixel nearest to the centre of each new one.

    Args:
        images: Shape `(..., height, width, channels)`.
        size: The new `(height, width)`.
    """
    if images.shape[-3:-1] == tuple(size):
        return images
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, images.shape[-3:-1], strict=True)
    )
    return images[..., rows[:, None], columns, :]
