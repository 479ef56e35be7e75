"""Which pixels of the input a pixel of a feature map depends on, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import keras
from keras import layers

from keras_simgan.layers import CropToMatch, PadToMultiple, ReflectionPadding2D, ResidualBlock

# A size that every reasonable stride divides; geometry is worked out on an image of this size.
NOMINAL_SIZE = 2**12 * 3**2 * 5 * 7

_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
_POOLING = (layers.MaxPooling2D, layers.AveragePooling2D)
_MERGES = (
    *(layers.Add, layers.Subtract, layers.Multiply, layers.Average),
    *(layers.Maximum, layers.Minimum, layers.Concatenate),
)
_POINTWISE = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity),
    *(layers.Rescaling, layers.Dropout, layers.SpatialDropout2D),
    *(layers.GaussianNoise, layers.GaussianDropout, layers.Dense),
)
_OVER_CHANNELS = (layers.BatchNormalization, layers.LayerNormalization, layers.Concatenate)


@dataclass(frozen=True)
class Field:
    """Pixel i of a map depends on the pixels from i * step + low to i * step + high of the input.

    Attributes:
        step: Input pixels per pixel of the map.
        low: Farthest dependence upwards or leftwards, not above 0 for centred kernels.
        high: Farthest dependence downwards or rightwards.
        size: Height and width of the map where the input's are `NOMINAL_SIZE`.
    """

    step: Fraction = Fraction(1)
    low: Fraction = Fraction(0)
    high: Fraction = Fraction(0)
    size: int = NOMINAL_SIZE

    @property
    def reach(self) -> Fraction:
        """Pixels of the input that a pixel depends on beside its own place."""
        return max(-self.low, self.high)

    @property
    def is_aligned(self) -> bool:
        """Whether the map covers the input exactly, without a border of its own."""
        return self.size * self.step == NOMINAL_SIZE

    def moved(self, low, high, step, size) -> Field:
        """The field of a map whose pixel depends on the pixels low to high of this one."""
        return Field(step, self.low + low * self.step, self.high + high * self.step, int(size))


def field_after(layer: keras.layers.Layer, fields: list[Field]) -> Field:
    """Works out the field of a layer's output from those of its inputs.

    Args:
        layer: A layer that works on maps `(batch, height, width, channels)`.
        fields: The fields of its inputs.

    Raises:
        ValueError: If the layer mixes the whole image, or it is not known how far it reaches.
    """
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise cannot_tile(layer, "it works on channels first")
    axis = getattr(layer, "axis", -1)
    if isinstance(layer, _OVER_CHANNELS) and axis not in (-1, 3, [-1], [3], (-1,), (3,)):
        raise cannot_tile(layer, f"it works along the axis {axis}, not on each pixel's channels")
    field = fields[0]
    if isinstance(layer, CropToMatch):
        return replace(field, size=fields[1].size)
    if isinstance(layer, _MERGES):
        if len({(one.step, one.size) for one in fields}) > 1:
            raise cannot_tile(layer, "its inputs differ in size")
        low, high = min(one.low for one in fields), max(one.high for one in fields)
        return replace(field, low=low, high=high)
    if isinstance(layer, (*_POINTWISE, *_OVER_CHANNELS, PadToMultiple)):
        return field
    if isinstance(layer, layers.Conv2DTranspose):
        return _transposed(layer, field)
    if isinstance(layer, _CONVOLUTIONS):
        kernel = [
            (size - 1) * dilation + 1
            for size, dilation in zip(layer.kernel_size, layer.dilation_rate, strict=True)
        ]
        return _window(layer, field, kernel)
    if isinstance(layer, _POOLING):
        return _window(layer, field, layer.pool_size)
    if isinstance(layer, ResidualBlock):
        kernel = layer.first.kernel_size
        return _window(layer.second, _window(layer.first, field, kernel), kernel)
    if isinstance(layer, ReflectionPadding2D):
        sides = (layer.padding, layer.padding)
        return _padded(field, (sides, sides), 1)
    if isinstance(layer, layers.ZeroPadding2D):
        return _padded(field, layer.padding, 1)
    if isinstance(layer, layers.Cropping2D):
        return _padded(field, layer.cropping, -1)
    if isinstance(layer, layers.UpSampling2D):
        return _enlarged(layer, field)
    raise cannot_tile(layer, "it mixes the whole image, or it is not known how far it reaches")


def cannot_tile(layer, reason: str) -> ValueError:
    """Makes the error for a layer that does not work on tiles.

    Args:
        layer: The layer.
        reason: Why.
    """
    return ValueError(
        f"This network cannot be run tile by tile: at the layer {layer.name!r} "
        f"({type(layer).__name__}) {reason}. Leave out `tile`, or use a network of convolutions, "
        "pooling, up-sampling, padding, activations, additions and normalizations."
    )


def _window(layer, field: Field, kernel) -> Field:
    """The field after a window slides over a map: convolutions and pooling."""
    stride, kernel = _same_on_both_axes(layer, layer.strides), max(kernel)
    if layer.padding == "valid":
        before, size = 0, (field.size - kernel) // stride + 1
    elif layer.padding == "same":
        size = -(-field.size // stride)
        before = max((size - 1) * stride + kernel - field.size, 0) // 2
        # How much is padded on which side depends on the size, so the size must be in step.
        if stride > 1 and not field.is_aligned:
            raise cannot_tile(layer, 'strides and padding "same" meet a map with a border')
    else:
        raise cannot_tile(layer, f"the padding is {layer.padding!r}")
    return field.moved(-before, kernel - 1 - before, field.step * stride, size)


def _transposed(layer, field: Field) -> Field:
    stride, kernel = _same_on_both_axes(layer, layer.strides), max(layer.kernel_size)
    if layer.output_padding is not None or set(layer.dilation_rate) != {1}:
        raise cannot_tile(layer, "it has an output padding or a dilation")
    cut = max(kernel - stride, 0)
    size = field.size * stride + (cut if layer.padding == "valid" else 0)
    before = cut // 2 if layer.padding == "same" else 0
    low, high = Fraction(before - kernel + 1, stride), Fraction(before, stride)
    return field.moved(low, high, field.step / stride, size)


def _padded(field: Field, sides, sign: int) -> Field:
    (top, bottom), (left, right) = sides
    if (top, bottom) != (left, right):
        low, high = -sign * Fraction(max(top, left)), -sign * Fraction(min(top, left))
        low, high = min(low, high), max(low, high)
    else:
        low = high = -sign * Fraction(top)
    return field.moved(low, high, field.step, field.size + sign * (top + bottom))


def _enlarged(layer, field: Field) -> Field:
    factor = _same_on_both_axes(layer, layer.size)
    if layer.interpolation == "nearest":
        low, high = -Fraction(factor - 1, factor), Fraction(0)
    elif layer.interpolation == "bilinear":
        low, high = Fraction(-2), Fraction(2)
    else:
        raise cannot_tile(layer, f"it interpolates by {layer.interpolation!r}")
    return field.moved(low, high, field.step / factor, field.size * factor)


def _same_on_both_axes(layer, values) -> int:
    vertical, horizontal = (values, values) if isinstance(values, int) else values
    if vertical != horizontal:
        raise cannot_tile(layer, f"the factors differ between height and width, {values}")
    return vertical
