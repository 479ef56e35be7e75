"""What measures and callbacks check of the images they are given."""

import numpy as np

from keras_simgan.ranges import check_unit


def checked_images(
    name: str, images: np.ndarray, channels: tuple[int, ...] | None = None
) -> np.ndarray:
    """The images as an array, once they are what the networks take.

    Args:
        name: The argument that holds them, for the message.
        images: Expected in [-1, 1], shape `(n, height, width, channels)`, at least one.
        channels: How many channels are allowed; any number where None.

    Raises:
        ValueError: If the shape or the range differs.

    Example:
        >>> checked_images("source", np.zeros((5, 36, 60, 1)), channels=(1, 3)).shape
        (5, 36, 60, 1)
    """
    images = np.asarray(images)
    allowed = images.ndim == 4 and (channels is None or images.shape[-1] in channels)
    if not allowed or not images.size:
        last = "channels" if channels is None else " or ".join(map(str, channels))
        raise ValueError(
            f"`{name}` must be images (n, height, width, {last}), at least one. Received the "
            f"shape {images.shape}."
        )
    check_unit(name, images)
    return images
