"""A random sample of a folder's images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError, list_images, read_ahead
from keras_simgan.data.images import convert_image_channels, read_image, resize
from keras_simgan.ranges import to_unit


def sample_images(
    folder: str | Path,
    count: int,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    seed: int = 0,
) -> tuple[list[str], np.ndarray]:
    """Reads a random sample of the images of a folder, at one size.

    Args:
        folder: A folder of images, with sub-folders.
        count: How many to read at most.
        image_size: `(height, width)` to resize to; that of the sample's first image if left out.
        channels: 1 or 3, to convert to; if left out those of the first image, without its alpha.
        seed: Of the choice.

    Returns:
        Names relative to the folder, sorted, and the images, `float32` in [-1, 1], shape
        `(n, height, width, channels)`.

    Raises:
        ImageError: If the folder is missing or holds no image, or an image cannot be read.

    Example:
        >>> from keras_simgan.data import write_folder
        >>> write_folder("eyes", np.zeros((5, 36, 60, 1), "uint8"))
        >>> names, images = sample_images("eyes", 3)
        >>> images.shape
        (3, 36, 60, 1)
    """
    names, images = zip(
        *read_sample(folder, list_images(folder), count, image_size, channels, seed), strict=True
    )
    return list(names), np.stack(images)


def read_sample(
    folder: str | Path,
    names: list[str],
    count: int,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
) -> Iterator[tuple[str, np.ndarray]]:
    """Reads what `sample_images` returns image by image, so that few are in memory.

    Args:
        folder: Where the images are.
        names: Names to choose from, relative to the folder, sorted.
        count: As in `sample_images`.
        image_size: As in `sample_images`.
        channels: As in `sample_images`.
        seed: As in `sample_images`.
        skip_bad: Whether to pass over images that cannot be read.

    Yields:
        Name and image, sorted by name.

    Raises:
        ImageError: If an image cannot be read and `skip_bad` is false.
    """

    def read(name: str) -> np.ndarray | None:
        try:
            return read_image(Path(folder) / name)
        except ImageError:
            if not skip_bad:
                raise
            return None

    rows = np.random.default_rng(seed).permutation(len(names))[:count]
    names = [names[row] for row in sorted(rows)]
    for name, image in zip(names, read_ahead(read, names), strict=True):
        if image is None:
            continue
        channels = channels or (1 if image.shape[-1] < 3 else 3)
        image_size = image_size or image.shape[:2]
        yield name, to_unit(resize(convert_image_channels(image, channels), image_size))
