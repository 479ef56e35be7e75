"""The images that a callback watches: what they must be."""

import keras
import numpy as np


def checked_images(argument: str, images: np.ndarray) -> np.ndarray:
    """Raises where an argument does not hold images as the networks take them.

    Args:
        argument: Its name, for the message.
        images: Expected in [-1, 1], shape `(n, height, width, 1 or 3)`, at least one.

    Returns:
        The images as an array.

    Raises:
        ValueError: If the shape or the range differs.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"`{argument}` must be images (n, height, width, 1 or 3), at least one. Received the "
            f"shape {images.shape}."
        )
    low, high = float(images.min()), float(images.max())
    # Written so that NaN, which compares false, also ends here.
    if not (low >= -1.001 and high <= 1.001):
        raise ValueError(
            f"`{argument}` must be in [-1, 1]; found values from {low:g} to {high:g}. "
            "`keras_simgan.data.to_unit` scales 8- and 16-bit images."
        )
    return images


def check_fits(argument: str, images: np.ndarray, model: keras.Model, direction: str) -> None:
    """Raises where a model cannot translate these images.

    Args:
        argument: The images' name, for the message.
        images: The images.
        model: A model with `directions`.
        direction: A key of them.

    Raises:
        ValueError: If the network of this direction takes images of another shape.
    """
    expected = getattr(model, model.directions[direction]).input_shape
    sizes = zip(expected[1:], images.shape[1:], strict=True)
    if any(own not in (None, given) for own, given in sizes):
        raise ValueError(
            f"`{argument}` has the shape {images.shape}, but {type(model).__name__} translates "
            f"{direction} images of {expected[1:]}. Give it images as in training."
        )
