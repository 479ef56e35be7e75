"""One domain's images, from wherever they come, at one size and channel count."""

import os
import warnings
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan.data.files import ImageError, list_images, read_ahead
from keras_simgan.data.images import convert_image_channels, read_image, resize
from keras_simgan.data.labels import read_labels
from keras_simgan.ranges import check_unit, to_unit

MEMORY_LIMIT = 2 * 1024**3
_PROGRESS_FROM = 1000  # images; fewer are read in a moment


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

        Returns:
            The images.

        Raises:
            ImageError: If there are no images, or one cannot be used.
            LabelError: If the labels do not fit the images.
            ValueError: If an option is out of range.
        """
        if on_bad_image not in ("error", "skip"):
            raise ValueError(
                f'`on_bad_image` must be "error" or "skip". Received: {on_bad_image!r}'
            )
        fit = _Fit(image_size, channels, convert_channels)
        if isinstance(images, str | os.PathLike):
            path = Path(images)
            if path.suffix.lower() != ".npz":
                return cls._open_folder(path, fit, on_bad_image, memory_limit, with_labels)
            images, labels = _load_npz(path, npz_key)
        elif hasattr(images, "as_numpy_iterator"):
            images, labels = _load_tf_data(images, argument, fit, memory_limit)
        else:
            labels = {}
        pixels = fit.array(images, argument)
        names = [str(row) for row in range(len(pixels))]
        return cls(pixels.shape[1:], names, pixels, labels=labels if with_labels else {})

    @classmethod
    def _open_folder(
        cls, folder: Path, fit: "_Fit", on_bad_image: str, memory_limit: int, with_labels: bool
    ) -> "ImageSet":
        names = list_images(folder)
        labels = read_labels(folder, names) if with_labels else {}

        def read(name: str) -> np.ndarray:
            return fit.file(folder / name)

        def try_read(name: str) -> np.ndarray | ImageError:
            try:
                return read(name)
            except ImageError as error:
                return error

        good: list[str] = []
        rows: list[int] = []
        skipped: list[tuple[str, str]] = []
        pixels: np.ndarray | None = None
        # The first good image settles size and channels before the threads start.
        for name in names:
            if fit.settled:
                break
            try_read(name)
        progress = keras.utils.Progbar(len(names), unit_name="image")
        for number, (name, image) in enumerate(
            zip(names, read_ahead(try_read, names), strict=True), start=1
        ):
            if len(names) >= _PROGRESS_FROM and (number % 100 == 0 or number == len(names)):
                progress.update(number)
            if isinstance(image, ImageError):
                if on_bad_image == "error":
                    raise image
                skipped.append((name, str(image)))
                continue
            if not good and len(names) * image.nbytes <= memory_limit:
                pixels = np.empty((len(names), *image.shape), image.dtype)
            if pixels is not None:
                if image.dtype == "uint16" and pixels.dtype == "uint8":
                    pixels = pixels.astype("uint16") * 257  # 255 * 257 = 65535
                elif image.dtype == "uint8" and pixels.dtype == "uint16":
                    image = image.astype("uint16") * 257
                pixels[len(good)] = image
            good.append(name)
            rows.append(number - 1)
        if not good:
            raise ImageError(
                f"None of the {len(names)} images in {str(folder)!r} can be used. The first: "
                f"{skipped[0][1]}"
            )
        if skipped:
            warnings.warn(
                f"{len(skipped)} of {len(names)} images in {str(folder)!r} are skipped: "
                + ", ".join(repr(name) for name, _ in skipped[:3])
                + (", ..." if len(skipped) > 3 else "")
                + ". Their reasons are in `skipped`.",
                stacklevel=4,
            )
        assert fit.size is not None and fit.channels is not None  # the first good image's
        shape = (*fit.size, fit.channels)
        pixels = None if pixels is None else pixels[: len(good)]
        labels = {field: values[rows] for field, values in labels.items()}
        return cls(shape, good, pixels, read, labels, skipped)


class _Fit:
    """Brings images to one size and channel count; the first one settles what is left open."""

    def __init__(self, size: tuple[int, int] | None, channels: int | None, convert_channels: bool):
        if size is not None and (
            np.shape(size) != (2,)
            or not all(isinstance(side, int | np.integer) and side > 0 for side in size)
        ):
            raise ValueError(f"`image_size` must be (height, width) in pixels. Received: {size!r}")
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.channels, self.convert_channels = channels, convert_channels

    @property
    def settled(self) -> bool:
        return self.size is not None and self.channels is not None

    def file(self, path: Path) -> np.ndarray:
        image = read_image(path, self.channels, self.convert_channels)
        self.channels = image.shape[-1]
        self.size = self.size or image.shape[:2]
        return resize(image, self.size)

    def array(self, images: Any, argument: str) -> np.ndarray:
        images = np.asarray(images)
        if images.ndim != 4 or 0 in images.shape:
            hint = " Add the channel axis, `images[..., None]`." if images.ndim == 3 else ""
            raise ImageError(
                f"`{argument}` has the shape {images.shape}; expected images of shape "
                f"(n, height, width, channels).{hint}"
            )
        self._check_range(images, argument)
        if self.channels not in (None, images.shape[-1]):
            if not self.convert_channels:
                raise ImageError(
                    f"`{argument}` has {images.shape[-1]} channels; expected {self.channels}. "
                    "Pass other images, or `convert_channels=True` to convert them."
                )
            images = np.stack([convert_image_channels(image, self.channels) for image in images])
        self.channels = images.shape[-1]
        self.size = self.size or images.shape[1:3]
        if images.shape[1:3] == self.size:
            return images
        return np.stack([resize(image, self.size) for image in images])

    @staticmethod
    def _check_range(images: np.ndarray, argument: str) -> None:
        is_float = np.issubdtype(images.dtype, np.floating)
        try:
            if is_float:
                check_unit(argument, images)
            else:
                to_unit(images[:0])  # of pixels only the type can be wrong
        except ValueError as error:
            raise ImageError(str(error)) from error
        except TypeError as error:
            raise ImageError(f"`{argument}`: {error}") from error
        if is_float and images.min() >= 0 and images.max() > 0:
            warnings.warn(
                f"`{argument}` holds floats without a negative value, from {images.min():g} to "
                f"{images.max():g}; the expected range is [-1, 1]. If yours is [0, 1], pass "
                "`2 * images - 1`.",
                stacklevel=5,
            )


def _load_npz(path: Path, key: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            if key not in file:
                raise ImageError(
                    f"{str(path)!r} has no array {key!r}; it holds {', '.join(file.files)}. "
                    "Pass one of them as `npz_key`."
                )
            images = file[key]
            labels = {name: file[name] for name in file.files if name != key}
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{str(path)!r} is damaged, or not an .npz file: {error}.") from error
    return images, {n: v for n, v in labels.items() if v.ndim and len(v) == len(images)}


def _load_tf_data(
    dataset: Any, argument: str, fit: _Fit, memory_limit: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    if int(dataset.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ImageError(
            f"`{argument}` is an endless tf.data.Dataset; expected a finite one. Leave out "
            "`.repeat()`: the images are repeated and shuffled here."
        )
    images: list[np.ndarray] = []
    labels: dict[str, list] = {}
    size = 0
    for element in dataset.as_numpy_iterator():
        image, label = _split_element(element, argument)
        batched = np.ndim(image) == 4
        for part in image if batched else [image]:
            images.append(fit.array(np.asarray(part)[None], argument)[0])
            size += images[-1].nbytes
        if size > memory_limit:
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
