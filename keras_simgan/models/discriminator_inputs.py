"""What discriminators judge, and what they must give."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


def with_condition(images: Any, condition: Any) -> Any:
    """A discriminator's inputs: images, and what they were made from.

    Args:
        images: A batch of images, or whatever is judged.
        condition: None; a tensor, which becomes further channels before the image's; or a
            dictionary of the discriminator's other inputs, whose image is then `"image"`.
    """
    if condition is None:
        return images
    if isinstance(condition, dict):
        return {**condition, "image": images}
    return ops.concatenate([ops.cast(condition, images.dtype), images], axis=-1)


def augmented(augment: keras.layers.Layer | None, images: Any, condition: Any) -> tuple[Any, Any]:
    """Images and what they were made from as a discriminator is shown them in training.

    What lies beside an image in further channels moves with it; other conditions have no place.

    Args:
        augment: The layer; None for no change.
        images: A batch of images.
        condition: As in `with_condition`.
    """
    if augment is None:
        return images, condition
    if condition is None or isinstance(condition, dict):
        return augment(images, training=True), condition
    condition, images = augment([condition, images], training=True)
    return images, condition


def check_logits(name: str, output_shape: Any) -> None:
    """Raises where a map has neither one logit a patch nor two; lists of scales are not seen into.

    Args:
        name: The discriminator's, for the message.
        output_shape: Its output shape.

    Raises:
        ValueError: Another count.
    """
    if isinstance(output_shape, tuple) and output_shape[-1] not in (1, 2):
        raise ValueError(
            f"`{name}` must give one logit a patch, shape (batch, rows, columns, 1), or two, real "
            f"and fake; its output shape is {output_shape}."
        )


def check_conditional(name: str, discriminator: keras.Model, generator: keras.Model) -> None:
    """Raises where a discriminator does not take a generator's input and output side by side.

    Networks with dictionaries of inputs are not seen into.

    Args:
        name: The discriminator's, for the message.
        discriminator: It.
        generator: The generator.

    Raises:
        ValueError: Other channels.
    """
    shapes = generator.input_shape, generator.output_shape, discriminator.input_shape
    if not all(isinstance(shape, tuple) for shape in shapes):
        return
    source, image = generator.input_shape[-1], generator.output_shape[-1]
    if discriminator.input_shape[-1] != source + image:
        raise ValueError(
            f"`{name}` must take {source + image} channels, the source's {source} and the image's "
            f"{image}; it takes {discriminator.input_shape[-1]}."
        )
