"""A random choice of a folder's images, and what one pass over them finds."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError, read_ahead
from keras_simgan.data.image_set import ImageSet
from keras_simgan.data.images import read_image, resize
from keras_simgan.data.labels import read_labels
from keras_simgan.metrics import FeatureExtractor
from keras_simgan.ranges import to_unit

#: Bins of one gray level, and of one level a pixel up to the steepest edge there is.
GRAY_EDGES = np.arange(257) - 0.5
GRADIENT_EDGES = np.arange(182.0)
_BATCH = 64


@dataclass(frozen=True)
class ImageFit:
    """What images are brought to.

    Attributes:
        size: `(height, width)` in pixels.
        channels: 1 or 3.
        convert_channels: Whether images of other channels are converted, instead of refused.
        skip_bad: Whether images that cannot be used are left out, instead of refused.
    """

    size: tuple[int, int]
    channels: int
    convert_channels: bool = False
    skip_bad: bool = False

    def read(self, path: Path) -> np.ndarray:
        """Reads an image, `uint8` or `uint16`, shape `(height, width, channels)`.

        Args:
            path: The file.

        Raises:
            ImageError: If it cannot be used.
        """
        return resize(read_image(path, self.channels, self.convert_channels), self.size)


@dataclass
class ImageSample:
    """Images of one folder, a few of which are held in memory at a time.

    Attributes:
        images: The images, read when asked for, with their labels.
        features: Their features, float32, shape `(n, d)`.
        grays: How many pixels have each of 256 gray levels.
        gradients: How many pixels have a gradient magnitude of 0 to 1, 1 to 2... levels a pixel.
        checksum: SHA-256 of names and pixels.
    """

    images: ImageSet
    features: np.ndarray
    grays: np.ndarray
    gradients: np.ndarray
    checksum: str
    rows: dict[str, int] = field(init=False)

    def __post_init__(self):
        """Notes the row of each name."""
        self.rows = {name: row for row, name in enumerate(self.images.names)}

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    @classmethod
    def read(
        cls,
        folder: str | Path,
        names: Iterable[str],
        count: int,
        seed: int,
        fit: ImageFit,
        extractor: FeatureExtractor,
        with_labels: bool = False,
    ) -> ImageSample:
        """Chooses images and goes through them once.

        The choice is by a hash of seed and name. So of two folders of the same names the same ones
        are chosen, in the same order, which has nothing to do with the names.

        Args:
            folder: The folder.
            names: Its images, relative to it.
            count: How many to choose at most.
            seed: Of the choice.
            fit: What they are brought to.
            extractor: What turns them into features.
            with_labels: Whether to read the labels beside them.

        Raises:
            ImageError: If an image cannot be used.
            LabelError: If the labels do not fit the images.
        """
        folder, names = Path(folder), list(names)
        # Before any image is read, as a mistake in the labels shows at once.
        labels = read_labels(folder, names) if with_labels else {}
        place = {name: row for row, name in enumerate(names)}
        chosen = sorted(names, key=lambda name: _hash(seed, name))[:count]

        def read(name: str) -> np.ndarray:
            return fit.read(folder / name)

        def try_read(name: str) -> np.ndarray | ImageError:
            try:
                return read(name)
            except ImageError as error:
                return error

        good, skipped, features = [], [], []
        grays, gradients = np.zeros(256, "int64"), np.zeros(181, "int64")
        digest = hashlib.sha256()
        for batch in _batches(zip(chosen, read_ahead(try_read, chosen), strict=True)):
            kept = []
            for name, image in batch:
                if not isinstance(image, ImageError):
                    good.append(name)
                    kept.append(to_unit(image))
                    digest.update(f"{name} {image.shape} {image.dtype}".encode())
                    digest.update(image.tobytes())
                elif fit.skip_bad:
                    skipped.append((name, str(image)))
                else:
                    raise image
            if kept:
                pixels = np.stack(kept)
                features.append(extractor(pixels, batch_size=_BATCH))
                levels = 127.5 * (pixels.mean(axis=-1) + 1)
                grays += np.histogram(levels, GRAY_EDGES)[0]
                gradients += np.histogram(_steepness(levels), GRADIENT_EDGES)[0]
        if not good:
            raise ImageError(
                f"None of {len(chosen)} images in {str(folder)!r} can be used. The first: "
                f"{skipped[0][1] if skipped else 'there is none'}"
            )
        if skipped:
            warnings.warn(
                f"{len(skipped)} of {len(chosen)} images in {str(folder)!r} are skipped, such as: "
                f"{skipped[0][1]}",
                stacklevel=2,
            )
        rows = [place[name] for name in good]
        images = ImageSet(
            (*fit.size, fit.channels),
            good,
            None,
            read,
            {name: values[rows] for name, values in labels.items()},
            skipped,
        )
        return cls(images, np.concatenate(features), grays, gradients, digest.hexdigest())


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def _batches(items: Iterable) -> Iterator[list]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _steepness(levels: np.ndarray) -> np.ndarray:
    """The gradient's magnitude by central differences, of images `(n, height, width)`."""
    down = (levels[:, 2:, 1:-1] - levels[:, :-2, 1:-1]) / 2
    right = (levels[:, 1:-1, 2:] - levels[:, 1:-1, :-2]) / 2
    return np.hypot(down, right)
