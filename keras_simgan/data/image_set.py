"""One domain's images, from wherever they come, at one size and channel count."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data._npz import load_npz
from keras_simgan.data._read_all import (
    MEMORY_LIMIT,
    read_all,
    resize_all,
    warn_of_skipped,
)
from keras_simgan.data.epochs import check_image_size
from keras_simgan.data.files import ImageError, check_on_bad_image
from keras_simgan.data.images import read_image
from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.labels import read_labels
from keras_simgan.data.listing import list_folder
from keras_simgan.data.photos import Photos
from keras_simgan.ranges import to_unit


class ImageSet:
    """Images of one size and channel count, in memory or on disk, read by row.

    Make one with `ImageSet.open`.

    Attributes:
        shape: `(height, width, channels)`.
        names: File names relative to the folder, or row numbers as text.
        labels: A dictionary of arrays with one row for each image.
        skipped: `(name, reason)` of each image that was left out.
        in_memory: Whether the pixels are in memory, else they are read from disk when asked for.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        names: list[str],
        pixels: np.ndarray | None,
        read: Callable[[str], np.ndarray] = read_image,
        labels: dict[str, np.ndarray] | None = None,
        skipped: list[tuple[str, str]] | None = None,
    ):
        self.shape, self.names, self.labels, self.skipped = (
            shape,
            names,
            labels or {},
            skipped or [],
        )
        self.in_memory = pixels is not None
        self._pixels, self._read = pixels, read

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.names)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Returns images by row.

        Args:
            rows: Row numbers, shape `(n,)`.

        Returns:
            `float32` images in [-1, 1], shape `(n, height, width, channels)`.
        """
        if self._pixels is not None:
            return to_unit(self._pixels[rows])
        return np.stack([to_unit(self._read(self.names[row])) for row in rows])

    @classmethod
    def open(
        cls,
        images: Any,
        argument: str,
        image_size: tuple[int, int] | None = None,
        channels: int | None = None,
        convert_channels: bool = False,
        on_bad_image: str = "error",
        npz_key: str = "images",
        memory_limit: int = MEMORY_LIMIT,
        with_labels: bool = True,
        label_folders: Sequence[str] | None = None,
        label_patterns: Sequence[str] | None = None,
        labels_encoding: str | None = None,
    ) -> "ImageSet":
        """Opens a folder, an `.npz` file, an array or a `tf.data.Dataset`; see `unpaired`.

        Args:
            images: The images.
            argument: What to call them in errors.
            image_size: `(height, width)` to resize to, or that of the first image.
            channels: The channel count to expect, or that of the first image.
            convert_channels: Whether to convert other channel counts instead of failing.
            on_bad_image: `"error"` or `"skip"`, for files.
            npz_key: The name of the images in `.npz` files.
            memory_limit: The most bytes that the pixels may take in memory.
            with_labels: Whether to read labels too.
            label_folders: See `list_images`.
            label_patterns: See `list_images`.
            labels_encoding: See `read_labels`.

        Returns:
            The images.

        Raises:
            ImageError: If there are no images, or one cannot be used.
            LabelError: If the labels do not fit the images.
            ValueError: If an option is out of range.
        """
        check_on_bad_image(on_bad_image)
        rule = LabelRule(label_folders, label_patterns)
        size, photos = check_image_size(image_size), Photos(channels, convert_channels)
        if isinstance(images, str | os.PathLike):
            path = Path(images)
            if path.suffix.lower() != ".npz":
                return cls._open_folder(
                    path,
                    rule,
                    photos,
                    size,
                    on_bad_image,
                    memory_limit,
                    with_labels,
                    labels_encoding,
                )
            (images,), others = load_npz(path, [npz_key], "npz_key")
            labels = {n: v for n, v in others.items() if v.ndim and len(v) == len(images)}
        elif hasattr(images, "as_numpy_iterator"):
            images, labels = _load_tf_data(images, argument, photos, size, memory_limit)
        else:
            labels = {}
        pixels = resize_all(photos.array(images, argument), size, photos.resize)
        names = [str(row) for row in range(len(pixels))]
        return cls(pixels.shape[1:], names, pixels, labels=labels if with_labels else {})

    @classmethod
    def _open_folder(
        cls,
        folder: Path,
        rule: LabelRule,
        photos: Photos,
        size: tuple[int, int] | None,
        on_bad_image: str,
        memory_limit: int,
        with_labels: bool,
        labels_encoding: str | None,
    ) -> "ImageSet":
        names, no_files = list_folder(folder, rule, on_bad_image == "skip")
        labels = {}
        if with_labels:
            labels = read_labels(folder, names, labels_encoding=labels_encoding)
        reader = _PhotoReader(folder, photos, size)
        stacks, rows, skipped = read_all(
            reader.read_one, names, lambda: reader.settled, folder, on_bad_image, memory_limit
        )
        skipped = no_files + skipped
        warn_of_skipped(skipped, len(names) + len(no_files), folder)
        assert reader.size is not None and photos.channels is not None  # the first good image's
        return cls(
            (*reader.size, photos.channels),
            [names[row] for row in rows],
            None if stacks is None else stacks[0],
            reader.read,
            {field: values[rows] for field, values in labels.items()},
            skipped,
        )


class _PhotoReader:
    """Reads a folder's images; the first good one settles the size and what else is left open.

    An object and no closure, for workers get data sets pickled.
    """

    def __init__(self, folder: Path, photos: Photos, size: tuple[int, int] | None):
        self.folder, self.photos, self.size = folder, photos, size

    @property
    def settled(self) -> bool:
        return self.size is not None and self.photos.channels is not None

    def read(self, name: str) -> np.ndarray:
        path = self.folder / name
        image = self.photos.fit(self.photos.read(path), path)
        self.size = self.size or image.shape[:2]
        return self.photos.resize(image, self.size)

    def read_one(self, name: str) -> tuple[np.ndarray]:
        return (self.read(name),)


def _load_tf_data(
    dataset: Any,
    argument: str,
    photos: Photos,
    image_size: tuple[int, int] | None,
    memory_limit: int,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    if int(dataset.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ImageError(
            f"`{argument}` is an endless tf.data.Dataset; expected a finite one. Leave out "
            "`.repeat()`: the images are repeated and shuffled here."
        )
    images: list[np.ndarray] = []
    labels: dict[str, list] = {}
    taken = 0
    for element in dataset.as_numpy_iterator():
        image, label = _split_element(element, argument)
        batched = np.ndim(image) == 4
        for part in image if batched else [image]:
            photo = photos.array(np.asarray(part)[None], argument)[0]
            image_size = image_size or photo.shape[:2]
            images.append(photos.resize(photo, image_size))
            taken += images[-1].nbytes
        if taken > memory_limit:
            raise ImageError(
                f"`{argument}` takes more than {memory_limit:,} bytes after {len(images)} images. "
                "Take fewer images, write them to a folder, or raise `memory_limit`."
            )
        for field, value in label.items():
            labels.setdefault(field, []).extend(value if batched else [value])
    if not images:
        raise ImageError(f"`{argument}` is an empty tf.data.Dataset.")
    return np.stack(images), {field: np.asarray(values) for field, values in labels.items()}


def _split_element(element: Any, argument: str) -> tuple[np.ndarray, dict[str, Iterable]]:
    if isinstance(element, dict):
        if "image" not in element:
            raise ImageError(
                f"`{argument}` yields dictionaries of {sorted(element)}; expected a key 'image'."
            )
        label = {name: value for name, value in element.items() if name != "image"}
        return element["image"], label
    if isinstance(element, tuple):
        image, *rest = element
        label = rest[0] if rest else {}
        return image, label if isinstance(label, dict) else {"label": label}
    return element, {}
