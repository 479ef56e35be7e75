"""The value range of images inside the networks, [-1, 1], and the way back to pixels."""

import numpy as np

_INTEGER_TYPES = (np.dtype("uint8"), np.dtype("uint16"))
#: How far beyond [-1, 1] rounding may put a value, in half precision for example.
TOLERANCE = 1e-3


def check_unit(name: str, images: np.ndarray) -> None:
    """Raises where images are not in the range of the networks.

    Args:
        name: The argument that holds them, for the message.
        images: Floating point images of any shape; none at all pass.

    Raises:
        ValueError: If a value is outside [-1, 1] by more than `TOLERANCE`, or not finite.
    """
    if not images.size:
        return
    low, high = float(images.min()), float(images.max())
    # Written so that NaN, which compares false, also ends here.
    if low >= -1.0 - TOLERANCE and high <= 1.0 + TOLERANCE:
        return
    if not np.isfinite(images).all():
        raise ValueError(f"`{name}` holds values that are not finite (NaN or infinity).")
    raise ValueError(
        f"`{name}` must be in [-1, 1]; found values from {low:g} to {high:g}. "
        "`keras_simgan.data.to_unit` scales 8- and 16-bit images; for floats in [0, 255] it is "
        "`images / 127.5 - 1`, in [0, 1] `2 * images - 1`."
    )


def to_unit(images: np.ndarray) -> np.ndarray:
    """Maps images to the range of the networks.

    `unit = 2 * pixel / max - 1`, where `max` is 255 for `uint8` and 65535 for `uint16`. Floating
    point images have no range of their own, so they must be in [-1, 1] already.

    Args:
        images: Images of any shape; `uint8`, `uint16`, or a floating point type in [-1, 1].

    Returns:
        The images as `float32` in [-1, 1], of the same shape.

    Raises:
        TypeError: If the images have another type.
        ValueError: If floating point images are outside [-1, 1] or not finite.

    Example:
        >>> to_unit(np.array([0, 255], "uint8"))
        array([-1.,  1.], dtype=float32)
    """
    images = np.asarray(images)
    if images.dtype in _INTEGER_TYPES:
        half = np.float32(np.iinfo(images.dtype).max / 2)
        return images.astype("float32") / half - np.float32(1.0)
    if not np.issubdtype(images.dtype, np.floating):
        raise TypeError(
            f"Images have the type {images.dtype}; expected uint8, uint16, or floats in [-1, 1]. "
            "Convert them, for example with `images.astype('uint8')`."
        )
    check_unit("images", images)
    return images.astype("float32")


def from_unit(images: np.ndarray, dtype: str | np.dtype = "uint8") -> np.ndarray:
    """Maps images from the range of the networks back to pixels; the inverse of `to_unit`.

    `pixel = round((unit + 1) * max / 2)`, clipped to what `dtype` holds. `from_unit(to_unit(x),
    x.dtype)` is exactly `x`.

    Args:
        images: Images of any shape in [-1, 1]. Values outside are clipped.
        dtype: `"uint8"`, `"uint16"`, or a floating point type, which keeps [-1, 1].

    Returns:
        The images as `dtype`, of the same shape.

    Raises:
        TypeError: If `dtype` is another type.
        ValueError: If the images hold values that are not finite.
    """
    images, dtype = np.asarray(images), np.dtype(dtype)
    if not np.isfinite(images).all():
        raise ValueError("Images hold values that are not finite (NaN or infinity).")
    if np.issubdtype(dtype, np.floating):
        return np.clip(images, -1.0, 1.0).astype(dtype)
    if dtype not in _INTEGER_TYPES:
        raise TypeError(f"Cannot write images of type {dtype}; expected uint8, uint16 or a float.")
    maximum = np.iinfo(dtype).max
    pixels = (images.astype("float32") + np.float32(1.0)) * np.float32(maximum / 2)
    return np.clip(np.rint(pixels), 0, maximum).astype(dtype)
