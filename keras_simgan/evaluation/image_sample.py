"""A random choice of a folder's images, and what one pass over them finds."""

from __future__ import annotations

import hashlib
import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from keras_simgan.data.files import ImageError, read_ahead
from keras_simgan.data.image_set import ImageSet
from keras_simgan.evaluation.image_fit import ImageFit
from keras_simgan.evaluation.image_folders import ImageFolder
from keras_simgan.evaluation.sample_options import SampleOptions
from keras_simgan.metrics import FeatureExtractor
from keras_simgan.ranges import to_unit

#: Bins of one gray level, and of one level a pixel up to the steepest edge there is.
GRAY_EDGES = np.arange(257) - 0.5
GRADIENT_EDGES = np.arange(182.0)
_BATCH_SIZE = 64


@dataclass
class ImageSample:
    """Images of one folder, a few of which are held in memory at a time.

    Attributes:
        images: The images, read when asked for, with their labels.
        features: Their features, float32, shape `(n, d)`.
        grays: How many pixels have each of 256 gray levels.
        gradients: How many pixels have a gradient magnitude of 0 to 1, 1 to 2... levels a pixel.
        checksum: SHA-256 of names and pixels.
        rows: By name the row of its image.
    """

    images: ImageSet
    features: np.ndarray
    grays: np.ndarray
    gradients: np.ndarray
    checksum: str
    rows: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Notes the row of each name."""
        self.rows = {name: row for row, name in enumerate(self.images.names)}

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    @classmethod
    def read(
        cls,
        folder: ImageFolder,
        options: SampleOptions,
        fit: ImageFit,
        extractor: FeatureExtractor,
        labels: Mapping[str, np.ndarray] | None = None,
    ) -> ImageSample:
        """Chooses images and goes through them once.

        The choice is by a hash of seed and name. So of two folders of the same names the same ones
        are chosen, in the same order, which has nothing to do with the names.

        Args:
            folder: The folder and its images.
            options: How many are chosen, and the seed.
            fit: What they are brought to.
            extractor: What turns them into features.
            labels: By field an array with a row for each of the folder's images.

        Raises:
            ImageError: If an image cannot be used.
        """
        chosen = sorted(folder.names, key=lambda name: _hash(options.seed, name))
        chosen = chosen[: options.sample_size]

        def read(name: str) -> np.ndarray:
            return fit.read(folder.path / name)

        def try_read(name: str) -> np.ndarray | ImageError:
            try:
                return read(name)
            except ImageError as error:
                return error

        names, features, skipped = [], [], list(folder.skipped)
        grays, gradients = np.zeros(256, "int64"), np.zeros(181, "int64")
        digest = hashlib.sha256()
        for batch in _batches(zip(chosen, read_ahead(try_read, chosen), strict=True)):
            images = []
            for name, image in batch:
                if not isinstance(image, ImageError):
                    names.append(name)
                    images.append(to_unit(image))
                    digest.update(f"{name} {image.shape} {image.dtype}".encode())
                    digest.update(image.tobytes())
                elif fit.skip_bad:
                    skipped.append((name, str(image)))
                else:
                    raise image
            if images:
                pixels = np.stack(images)
                features.append(extractor(pixels, batch_size=_BATCH_SIZE))
                levels = 127.5 * (pixels.mean(axis=-1) + 1)
                grays += np.histogram(levels, GRAY_EDGES)[0]
                gradients += np.histogram(_gradient_magnitude(levels), GRADIENT_EDGES)[0]
        _report_skipped(folder, len(chosen) + len(folder.skipped), skipped)
        row_of = {name: row for row, name in enumerate(folder.names)}
        rows = [row_of[name] for name in names]
        chosen_labels = {label: values[rows] for label, values in (labels or {}).items()}
        image_set = ImageSet(fit.shape, names, None, read, chosen_labels, skipped)
        return cls(image_set, np.concatenate(features), grays, gradients, digest.hexdigest())


def _report_skipped(folder: ImageFolder, count: int, skipped: list[tuple[str, str]]) -> None:
    """Warns of images that were skipped; fails where these are all of them."""
    if len(skipped) == count:
        raise ImageError(
            f"None of {count} images in {str(folder.path)!r} can be used. The first: "
            f"{skipped[0][1] if skipped else 'there is none'}"
        )
    if skipped:
        warnings.warn(
            f"{len(skipped)} of {count} images in {str(folder.path)!r} are skipped, such as: "
            f"{skipped[0][1]}",
            stacklevel=3,
        )


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


def _batches(items: Iterable) -> Iterator[list]:
    items = iter(items)
    while batch := list(itertools.islice(items, _BATCH_SIZE)):
        yield batch


def _gradient_magnitude(levels: np.ndarray) -> np.ndarray:
    """By central differences, of gray images, shape `(n, height, width)`; without the border."""
    down = (levels[:, 2:, 1:-1] - levels[:, :-2, 1:-1]) / 2
    right = (levels[:, 1:-1, 2:] - levels[:, 1:-1, :-2]) / 2
    return np.hypot(down, right)
