"""One size and channel count for all images that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.data.images import read_image, resize
from keras_simgan.evaluation.sample_options import SampleOptions


@dataclass(frozen=True)
class ImageFit:
    """What images are brought to when they are read.

    Attributes:
        size: `(height, width)` in pixels.
        channels: 1 or 3.
        convert_channels: Whether images of other channels are converted, instead of refused.
        skip_bad: Whether images that cannot be used are left out, instead of refused.

    Example:
        >>> ImageFit((36, 60), 1).shape
        (36, 60, 1)
    """

    size: tuple[int, int]
    channels: int
    convert_channels: bool = False
    skip_bad: bool = False

    @classmethod
    def settle(cls, options: SampleOptions, paths: Sequence[Path]) -> ImageFit:
        """Settles what the options leave open by the first image that can be read.

        Args:
            options: Size and channels, where they are given.
            paths: Images to look at, at least one.

        Raises:
            ImageError: If no image can be read, or has 1 or 3 channels and none are given.
        """
        skip_bad = options.on_bad_image == "skip"
        size, channels = options.image_size, options.channels
        if size is None or channels is None:
            height, width, own_channels = _first_image(paths, skip_bad).shape
            size, channels = size or (height, width), channels or own_channels
        if channels not in (1, 3):
            raise ImageError(
                f"The image {str(paths[0])!r} has {channels} channels; distances are measured on "
                "gray or RGB images. Pass `channels=3, convert_channels=True` (--channels 3 "
                "--convert-channels) to leave alpha out."
            )
        height, width = size
        return cls((height, width), channels, options.convert_channels, skip_bad)

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        return (*self.size, self.channels)

    def read(self, path: Path) -> np.ndarray:
        """Reads an image, `uint8` or `uint16`, shape `(height, width, channels)`.

        Args:
            path: The file.

        Raises:
            ImageError: If it cannot be used.
        """
        return resize(read_image(path, self.channels, self.convert_channels), self.size)

    def is_usable(self, path: Path) -> bool:
        """Whether an image can be read.

        Args:
            path: The file.
        """
        try:
            self.read(path)
        except ImageError:
            return False
        return True


def _first_image(paths: Sequence[Path], skip_bad: bool) -> np.ndarray:
    *earlier, last = paths
    for path in earlier:
        try:
            return read_image(path)
        except ImageError:
            if not skip_bad:
                raise
    return read_image(last)
