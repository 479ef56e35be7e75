"""Label maps: what each pixel shows, as an index or by its colour, made one-hot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.data.images import decode_any
from keras_simgan.data.index_images import IndexMaps, refuse_jpeg


class LabelMaps(IndexMaps):
    """Reads, checks, resizes (nearest neighbour) and encodes label maps.

    In memory a map is its indices; a pixel to ignore has the index after the last class.

    Attributes:
        channels: The number of classes.

    Args:
        classes: The number of classes; that of `colours` where these are given.
        colours: For maps that tell classes by colour: the colour `(r, g, b)` of each class.
        ignore: What stands for no class: an index, or with `colours` a colour.

    Raises:
        ValueError: If these do not make sense.
    """

    def __init__(
        self,
        classes: int | None = None,
        colours: Sequence[Sequence[int]] | None = None,
        ignore: int | Sequence[int] | None = None,
    ):
        self._codes: np.ndarray | None = None
        if colours is not None:
            colours = [_colour(colour, "colours") for colour in colours]
            if not colours:
                raise ValueError("`colours` is empty; expected the colour of each class.")
            table = colours + ([] if ignore is None else [_colour(ignore, "ignore")])
            if len(set(table)) != len(table):
                twice = next(colour for colour in table if table.count(colour) > 1)
                raise ValueError(f"`colours` and `ignore` hold {twice} twice; expected it once.")
            if classes not in (None, len(colours)):
                raise ValueError(
                    f"`classes` is {classes}, but `colours` has {len(colours)}. Leave one out."
                )
            classes = len(colours)
            codes = _codes(np.asarray(table))
            self._order = np.argsort(codes)
            self._codes = codes[self._order]
        elif ignore is not None and not isinstance(ignore, int | np.integer):
            raise ValueError(f"`ignore` must be an index, such as 255. Received: {ignore!r}")
        if not isinstance(classes, int | np.integer) or not 0 < classes < 2**16:
            raise ValueError(f"`classes` must be a whole number above 0. Received: {classes!r}")
        self.channels, self.ignore = int(classes), ignore
        self._dtype = "uint8" if classes < 256 else "uint16"

    def decode(self, path: Path, encoded: bytes) -> np.ndarray:
        """Decodes one file that is in memory, as `read` does one on disk.

        Args:
            path: What to call it in errors.
            encoded: Its content.

        Raises:
            ImageError: If it is damaged, or a jpg.
        """
        if self._codes is None:
            return super().decode(path, encoded)
        refuse_jpeg(path)
        return decode_any(path, encoded).image

    def fit(self, image: np.ndarray, path: Path) -> np.ndarray:
        """Makes what `read` gave, or a part of it, indices.

        Args:
            image: Shape `(height, width, channels)`.
            path: Its file, for errors.

        Raises:
            ImageError: If it holds what is no class.
        """
        return self._indices(image, f"The label map {str(path)!r}")

    def array(self, images: Any, argument: str) -> np.ndarray:
        """Makes an array of label maps indices.

        Args:
            images: Shape `(n, height, width[, channels])`, whole numbers.
            argument: What to call it in errors.

        Raises:
            ImageError: If it is no such array, or holds what is no class.
        """
        images = as_maps(images, argument)
        return np.stack(
            [self._indices(image, f"Row {row} of `{argument}`") for row, image in enumerate(images)]
        )

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """Encodes a batch: 1 in the channel of a pixel's class, 0 elsewhere.

        Args:
            indices: Shape `(n, height, width, 1)`.

        Returns:
            `float32`, shape `(n, height, width, classes)`.
        """
        return (indices == np.arange(self.channels, dtype=self._dtype)).astype("float32")

    def _indices(self, image: np.ndarray, name: str) -> np.ndarray:
        found = self._by_index(image, name) if self._codes is None else self._by_colour(image, name)
        return found.astype(self._dtype)

    def _by_index(self, image: np.ndarray, name: str) -> np.ndarray:
        if image.shape[-1] != 1:
            raise ImageError(
                f"{name} has {image.shape[-1]} channels; expected one, of indices. Pass the "
                "classes' `colours` if it tells them by colour."
            )
        ignored = np.zeros(image.shape, bool) if self.ignore is None else image == self.ignore
        wrong = ((image < 0) | (image >= self.channels)) & ~ignored
        if wrong.any():
            also = "" if self.ignore is None else f", and {self.ignore} for no class"
            raise ImageError(
                f"{name} holds the index {image[wrong][0]}, in {wrong.sum()} of {wrong.size} "
                f"pixels; expected 0 to {self.channels - 1} (`classes={self.channels}`){also}."
            )
        return np.where(ignored, np.int32(self.channels), image)

    def _by_colour(self, image: np.ndarray, name: str) -> np.ndarray:
        channels = image.shape[-1]
        if channels not in (1, 2, 3, 4):
            raise ImageError(f"{name} has {channels} channels; expected colours.")
        image = image[..., [0, 0, 0] if channels < 3 else [0, 1, 2]]  # an alpha says no class
        assert self._codes is not None
        codes = _codes(image)
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        wrong = self._codes[places] != codes
        if wrong.any():
            raise ImageError(
                f"{name} holds the colour {tuple(image[wrong][0].tolist())}, in {wrong.sum()} of "
                f"{wrong.size} pixels; expected one of the {len(self._codes)} of `colours`"
                f"{'' if self.ignore is None else ' and `ignore`'}."
            )
        return self._order[places][..., None]


def as_maps(images: Any, argument: str) -> np.ndarray:
    """Gives an array of maps its channel axis.

    Args:
        images: Shape `(n, height, width[, channels])`, whole numbers or truth values.
        argument: What to call it in errors.

    Raises:
        ImageError: If it is no such array.
    """
    images = np.asarray(images)
    if images.dtype == bool:
        images = images.astype("uint8")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape or not np.issubdtype(images.dtype, np.integer):
        raise ImageError(
            f"`{argument}` has the shape {images.shape} and the type {images.dtype}; expected maps "
            "of whole numbers, (n, height, width)."
        )
    return images


def _colour(colour: Any, argument: str) -> tuple[int, ...]:
    values = np.asarray(colour)
    if values.shape != (3,) or values.dtype.kind not in "iu" or not (0 <= values).all():
        raise ValueError(f"`{argument}` must hold (red, green, blue). Received: {colour!r}")
    return tuple(values.tolist())


def _codes(colours: np.ndarray) -> np.ndarray:
    """One number for each colour, of up to 16 bits a channel."""
    red, green, blue = np.moveaxis(colours.astype("int64"), -1, 0)
    return red << 32 | green << 16 | blue
