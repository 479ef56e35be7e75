"""Instance maps: which pixels belong to one thing."""

from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.data.index_images import IndexMaps
from keras_simgan.data.label_maps import as_maps


def instance_edges(ids: np.ndarray) -> np.ndarray:
    """Draws the boundaries between instances, pix2pixHD's second input (Wang et al. 2018, 3.3).

    A pixel is 1 if its id differs from that of any of its four neighbours, else 0; neighbours
    beyond the image's border do not count. So a boundary is two pixels wide, one on either side.

    Args:
        ids: Whole numbers, shape `(batch, height, width)` or `(batch, height, width, 1)`.

    Returns:
        `float32` of the same shape.

    Raises:
        ValueError: If `ids` has another shape.

    Example:
        >>> instance_edges(np.array([[[7, 7, 7, 4, 4, 4]]]))
        array([[[0., 0., 1., 1., 0., 0.]]], dtype=float32)
    """
    ids = np.asarray(ids)
    if ids.ndim != 3 and not (ids.ndim == 4 and ids.shape[-1] == 1):
        raise ValueError(
            f"`ids` has the shape {ids.shape}; expected (batch, height, width) or "
            "(batch, height, width, 1)."
        )
    edges = np.zeros(ids.shape, "float32")
    down = ids[:, 1:] != ids[:, :-1]
    right = ids[:, :, 1:] != ids[:, :, :-1]
    for side in (edges[:, 1:], edges[:, :-1]):
        side[down] = 1
    for side in (edges[:, :, 1:], edges[:, :, :-1]):
        side[right] = 1
    return edges


class InstanceMaps(IndexMaps):
    """Reads, checks and resizes (nearest neighbour) maps of instance ids.

    Attributes:
        channels: 1.
    """

    channels = 1

    def fit(self, image: np.ndarray, path: Path) -> np.ndarray:
        """Makes what `read` gave ids.

        Args:
            image: Shape `(height, width, channels)`.
            path: Its file, for errors.

        Raises:
            ImageError: If it has more than one channel.
        """
        return self._ids(image, f"The instance map {str(path)!r}")

    def array(self, images: Any, argument: str) -> np.ndarray:
        """Makes an array of instance maps ids.

        Args:
            images: Shape `(n, height, width[, 1])`, whole numbers.
            argument: What to call it in errors.

        Raises:
            ImageError: If it is no such array.
        """
        return self._ids(as_maps(images, argument), f"`{argument}`")

    def batch(self, ids: np.ndarray) -> np.ndarray:
        """Gives a batch as it is.

        Args:
            ids: Shape `(n, height, width, 1)`.
        """
        return ids

    def _ids(self, images: np.ndarray, name: str) -> np.ndarray:
        if images.shape[-1] != 1:
            raise ImageError(f"{name} has {images.shape[-1]} channels; expected one, of ids.")
        limits = np.iinfo("int32")
        if images.min() < limits.min or images.max() > limits.max:
            raise ImageError(
                f"{name} holds ids from {images.min()} to {images.max()}, which "
                "do not fit 32 bits. Number the instances anew."
            )
        return images.astype("int32")
