"""Augmentation of what the discriminators see, through which gradients reach the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops


def _color(images, draw: Callable):
    """Brightness, saturation and contrast, in this order."""
    brightness, saturation, contrast = (ops.cast(draw(), images.dtype) for _ in range(3))
    images = images + (brightness - 0.5)
    gray = ops.mean(images, axis=3, keepdims=True)  # (batch, height, width, 1)
    images = gray + 2.0 * saturation * (images - gray)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)  # (batch, 1, 1, 1)
    return mean + (0.5 + contrast) * (images - mean)


def _translation(images, draw: Callable):
    """A shift of up to an eighth of each side; zeros come in."""
    batch, height, width = ops.shape(images)[:3]
    rows = _positions(height, 1) - _shift(height, draw())  # (batch, height, 1, 1)
    columns = _positions(width, 2) - _shift(width, draw())  # (batch, 1, width, 1)
    inside = ops.logical_and(_within(rows, height), _within(columns, width))
    # One gather of pixels from a flat list: (batch * height * width, channels).
    first = ops.reshape(ops.arange(batch, dtype="int32") * height * width, (-1, 1, 1, 1))
    rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    pixels = ops.squeeze(first + rows * width + columns, axis=3)
    moved = ops.take(ops.reshape(images, (-1, images.shape[3])), pixels, axis=0)
    return ops.where(inside, moved, ops.zeros_like(moved))


def _cutout(images, draw: Callable):
    """A square of half of each side, in zeros; its middle is anywhere in the image."""
    _, height, width = ops.shape(images)[:3]
    rows = _positions(height, 1) - _corner(height, draw())  # from the square's upper left corner
    columns = _positions(width, 2) - _corner(width, draw())
    cut = ops.logical_and(_within(rows, _half(height)), _within(columns, _half(width)))
    return ops.where(cut, ops.zeros_like(images), images)


def _positions(size, axis: int):
    return ops.reshape(ops.arange(size, dtype="int32"), (-1, 1, 1) if axis == 1 else (-1, 1))


def _within(positions, size):
    return ops.logical_and(positions >= 0, positions < size)


def _half(size):
    return (size + 1) // 2


def _shift(size, drawn):
    """A whole number from -n to n, where n is an eighth of the size, rounded."""
    eighth = (size + 4) // 8
    return _integer(2 * eighth + 1, drawn) - eighth


def _corner(size, drawn):
    """Where a piece of half the size begins, whose middle is drawn from the whole size."""
    half = _half(size)
    return _integer(size + 1 - half % 2, drawn) - half // 2


def _integer(count, drawn):
    """A whole number from 0 to `count - 1` for each number from [0, 1)."""
    return ops.cast(ops.floor(drawn * ops.cast(count, drawn.dtype)), "int32")


POLICIES = {"color": _color, "translation": _translation, "cutout": _cutout}


@keras.saving.register_keras_serializable(package="keras_simgan")
class DiffAugment(keras.layers.Layer):
    """The differentiable augmentation of Zhao et al. 2020, for sets of few images.

    "Differentiable Augmentation for Data-Efficient GAN Training": a discriminator that has learnt
    its few real images by heart has nothing left to teach. So it only ever sees images, real and
    fake alike, through random changes T, in the discriminator's turn and in the generator's; the
    gradient reaches the generator through T. (Augmenting the real images alone would teach the
    generator to make augmented ones.) With each image's own draws:

    - `"color"`: brightness, x + u with u in [-0.5, 0.5]; saturation, the distance from the pixel's
      mean over channels times [0, 2], which is nothing on gray images; contrast, the distance from
      the image's mean times [0.5, 1.5].
    - `"translation"`: a shift by up to an eighth of height and width, zeros coming in.
    - `"cutout"`: half of height and width in zeros, around a middle anywhere in the image.

    Args:
        policy: The changes, in order.
        seed: Seed of the draws.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call with images in [-1, 1], shape `(batch, height, width, channels)`; the output has the same
    shape and may leave the range. Or with a list `[condition, images]` of what a conditional
    discriminator sees side by side, for such a list: translation and cutout move and cut both
    alike, colours are the images' alone. Only with `training=True` is anything changed. Where what
    must stay is a colour or a place, leave that change out of the policy.

    Raises:
        ValueError: A change that there is not, or none.

    Example:
        >>> augment = DiffAugment(("color", "cutout"), seed=1)
        >>> images = ops.ones((2, 8, 8, 3))
        >>> bool(ops.all(augment(images) == images))
        True
        >>> int(ops.sum(augment(images, training=True) == 0)) > 0
        True
    """

    def __init__(
        self,
        policy: Sequence[str] = ("color", "translation", "cutout"),
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if isinstance(policy, str) or not policy or not set(policy) <= set(POLICIES):
            raise ValueError(
                f"`policy` must be some of {tuple(POLICIES)}, in a tuple. Received: {policy!r}."
            )
        self.policy = tuple(policy)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, images: Any, training: bool = False) -> Any:
        """The images, changed in training."""
        if not training:
            return images
        if isinstance(images, list | tuple):
            condition, images = images
            beside = condition.shape[-1]
            seen = ops.concatenate([ops.cast(condition, images.dtype), images], axis=-1)
            seen = self._change(seen, beside)
            return [seen[..., :beside], seen[..., beside:]]
        return self._change(images, 0)

    def _change(self, seen, beside: int):
        """The changes of the policy; the first `beside` channels keep their values."""
        batch = ops.shape(seen)[0]

        def draw():
            return self._draw(batch)

        for name in self.policy:
            if name == "color" and beside:
                image = _color(seen[..., beside:], draw)
                seen = ops.concatenate([seen[..., :beside], image], axis=-1)
            else:
                seen = POLICIES[name](seen, draw)
        return seen

    def _draw(self, batch):
        """A number from [0, 1) for each image, shape `(batch, 1, 1, 1)`."""
        # Not in half precision, which has fewer numbers than an image has rows.
        return keras.random.uniform((batch, 1, 1, 1), dtype="float32", seed=self.seed_generator)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {**super().get_config(), "policy": self.policy, "seed": self.seed}
