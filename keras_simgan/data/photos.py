"""How photos are brought to one size and channel count."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.data.images import convert_image_channels, fit_channels, read_image, resize
from keras_simgan.ranges import check_unit, to_unit


class Photos:
    """Reads, converts, resizes (antialiased) and scales photos.

    Attributes:
        channels: The channel count; that of the first photo where it was left open.

    Args:
        channels: The channel count to expect, or that of the first photo.
        convert_channels: Whether to convert other channel counts instead of failing.
    """

    def __init__(self, channels: int | None, convert_channels: bool):
        self.channels, self.convert_channels = channels, convert_channels

    def read(self, path: Path) -> np.ndarray:
        """Reads one file, at its own size.

        Args:
            path: The file.

        Raises:
            ImageError: See `read_image`.
        """
        return read_image(path)

    def fit(self, image: np.ndarray, path: Path) -> np.ndarray:
        """Brings what `read` gave, or a part of it, to the channel count.

        Args:
            image: The image.
            path: Its file, for errors.

        Raises:
            ImageError: If it has other channels.
        """
        image = fit_channels(path, image, self.channels, self.convert_channels)
        self.channels = image.shape[-1]
        return image

    def array(self, images: Any, argument: str) -> np.ndarray:
        """Brings an array of images to the channel count.

        Args:
            images: Shape `(n, height, width, channels)`.
            argument: What to call it in errors.

        Raises:
            ImageError: If it is no such array, or its values are out of range.
        """
        images = np.asarray(images)
        if images.ndim != 4 or 0 in images.shape:
            hint = " Add the channel axis, `images[..., None]`." if images.ndim == 3 else ""
            raise ImageError(
                f"`{argument}` has the shape {images.shape}; expected images of shape "
                f"(n, height, width, channels).{hint}"
            )
        _check_range(images, argument)
        if self.channels not in (None, images.shape[-1]):
            if not self.convert_channels:
                raise ImageError(
                    f"`{argument}` has {images.shape[-1]} channels; expected {self.channels}. "
                    "Pass other images, or `convert_channels=True` to convert them."
                )
            images = np.stack([convert_image_channels(image, self.channels) for image in images])
        self.channels = images.shape[-1]
        return images

    def resize(self, image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes one image, antialiased.

        Args:
            image: Shape `(height, width, channels)`.
            size: The new `(height, width)`.
        """
        return resize(image, size)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """Gives a batch the range of images, [-1, 1].

        Args:
            images: Shape `(n, height, width, channels)`.
        """
        return to_unit(images)


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
