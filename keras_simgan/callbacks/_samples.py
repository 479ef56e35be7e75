"""Whether a model can translate the images that a callback watches."""

import keras
import numpy as np


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
