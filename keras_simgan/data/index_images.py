"""Images whose pixels are numbers of things, not colours."""

from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.data.images import decode_any, read_bytes


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
        decoded = decode_any(path, encoded)
        return decoded.image if decoded.values is None else decoded.values

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
