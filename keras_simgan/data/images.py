"""Images: reading, writing, converting and resizing."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from keras_simgan.data.files import IMAGE_SUFFIXES, ImageError, replacing, unsupported_format

_JPEG_QUALITY = 95


def read_image(
    path: str | Path, channels: int | None = None, convert_channels: bool = False
) -> np.ndarray:
    """Reads one image at its own bit depth, turned upright as its EXIF orientation says.

    The file is checked from end to end, so that a truncated one is never half read.

    Args:
        path: A png, jpg, bmp or tiff file of 8 or 16 bits per channel.
        channels: The number of channels to expect, or `None` for any. An alpha channel counts.
        convert_channels: Whether to convert instead of failing where the file has another number
            of channels: colour to gray by luminance (ITU-R 601), gray to colour by repetition.
            Alpha is dropped.

    Returns:
        The image, shape `(height, width, channels)`, `uint8` or `uint16`, channels in RGB order.
        Palettes are expanded to colour; gray with alpha becomes colour with alpha.

    Raises:
        ImageError: If the file is missing, truncated, of an unsupported format or depth, or has
            other channels than expected.

    Example:
        >>> write_image("eye.png", np.zeros((36, 60, 1), "uint8"))
        >>> read_image("eye.png", channels=1).shape
        (36, 60, 1)
    """
    path = Path(path)
    if not path.name.lower().endswith(IMAGE_SUFFIXES):
        raise unsupported_format(path)
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise ImageError(f"The image {str(path)!r} cannot be read: {error.strerror}.") from error
    image = _decode(path, encoded)
    if channels is None or image.shape[-1] == channels:
        return image
    if not convert_channels:
        raise ImageError(
            f"The image {str(path)!r} has {_describe_channels(image.shape[-1])}; expected "
            f"{_describe_channels(channels)}. Convert the file, take it out, or pass "
            "`convert_channels=True` to convert all such images."
        )
    return convert_image_channels(image, channels)


def _decode(path: Path, encoded: bytes) -> np.ndarray:
    # Pillow checks the file from end to end, which not every OpenCV does, and knows its alpha.
    # OpenCV decodes, because Pillow cuts 16-bit colour down to 8 bits.
    broken = (
        f"The image {str(path)!r} is damaged or truncated ({{}}, {len(encoded)} bytes). "
        'Replace it, take it out, or pass `on_bad_image="skip"` to go on without such images.'
    )
    try:
        with Image.open(io.BytesIO(encoded)) as header:
            has_alpha = header.has_transparency_data
            header.load()
    except Exception as error:  # Pillow raises many kinds on damaged files, SyntaxError among them
        if isinstance(error, MemoryError):
            raise
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ImageError(broken.format(reason)) from error
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR
    try:
        image = cv2.imdecode(np.frombuffer(encoded, "uint8"), flags)
    except cv2.error as error:
        raise ImageError(broken.format(error.err)) from error
    if image is None:
        raise ImageError(broken.format("it cannot be decoded"))
    if image.dtype not in ("uint8", "uint16"):
        raise ImageError(
            f"The image {str(path)!r} holds {image.dtype} values; expected 8 or 16 bits per "
            "channel. Convert it."
        )
    if image.ndim == 2:
        image = image[..., None]
    else:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    if has_alpha:
        alpha = cv2.imdecode(np.frombuffer(encoded, "uint8"), cv2.IMREAD_UNCHANGED)
        if alpha is not None and alpha.ndim == 3 and alpha.shape[-1] == 4:
            image = np.concatenate([image, alpha[..., 3:]], axis=-1)
    return image


def convert_image_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Converts an image between gray and colour; drops an alpha channel.

    Args:
        image: An image, shape `(height, width, 1, 3 or 4)`.
        channels: 1 for gray, 3 for colour.

    Returns:
        The image with that many channels, of the same type.

    Raises:
        ImageError: If `channels` is neither 1 nor 3, or the image has other channels.
    """
    if channels not in (1, 3) or image.shape[-1] not in (1, 3, 4):
        raise ImageError(
            f"Cannot convert {_describe_channels(image.shape[-1])} to "
            f"{_describe_channels(channels)}; only gray (1) and colour (3) convert."
        )
    image = image[..., :3]
    if image.shape[-1] == channels:
        return np.ascontiguousarray(image)
    if channels == 1:
        return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None]
    return np.repeat(image, 3, axis=-1)


def _describe_channels(channels: int) -> str:
    kinds = {1: "gray", 3: "colour", 4: "colour and alpha"}
    kind = f" ({kinds[channels]})" if channels in kinds else ""
    return f"{channels} channel{'s' if channels != 1 else ''}{kind}"


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Writes one image, whole or not at all.

    The file is written beside its place and then moved there, so that an interruption never
    leaves half an image under the final name. Folders are made; an existing file is replaced.
    JPEG is lossy and is written at quality 95.

    Args:
        path: Where to; the suffix chooses the format (png, jpg, bmp or tiff).
        image: Shape `(height, width, 1, 3 or 4)`, RGB order, `uint8`; `uint16` for png and tiff.

    Raises:
        ImageError: If the format cannot hold such an image, or the file cannot be written.
    """
    path, image = Path(path), np.asarray(image)
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise ImageError(f"Cannot write {str(path)!r}: use one of {', '.join(IMAGE_SUFFIXES)}.")
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4) or 0 in image.shape:
        raise ImageError(
            f"Cannot write {str(path)!r}: the image has the shape {image.shape}; expected "
            "(height, width, 1, 3 or 4)."
        )
    depths = ("uint8", "uint16") if suffix in (".png", ".tif", ".tiff") else ("uint8",)
    if image.dtype.name not in depths:
        raise ImageError(
            f"Cannot write {str(path)!r}: {suffix} holds {' or '.join(depths)}, not {image.dtype}."
        )
    if suffix in (".jpg", ".jpeg") and image.shape[-1] == 4:
        raise ImageError(f"Cannot write {str(path)!r}: {suffix} has no alpha channel.")
    if image.shape[-1] == 3:
        image = image[..., ::-1]
    elif image.shape[-1] == 4:
        image = image[..., [2, 1, 0, 3]]
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix in (".jpg", ".jpeg") else []
    ok, encoded = cv2.imencode(suffix, np.ascontiguousarray(image), options)
    if not ok:
        raise ImageError(f"Cannot write {str(path)!r}: encoding as {suffix} failed.")
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def resize(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes an image, antialiased.

    An axis that shrinks is averaged over the area of each new pixel; one that grows is
    interpolated by cubics, clipped to the image's own lowest and highest value. The aspect ratio
    follows `size`: crop first where it must not change.

    Args:
        image: Shape `(height, width, channels)`; `uint8`, `uint16` or floating point.
        size: The new `(height, width)` in pixels.

    Returns:
        The image, shape `(*size, channels)`, of the same type.
    """
    height, width = size
    channels, dtype = image.shape[-1], image.dtype
    if image.shape[:2] == (height, width):
        return image
    if channels > 4:  # OpenCV averages areas of up to 4 channels
        parts = [resize(image[..., i : i + 4], size) for i in range(0, channels, 4)]
        return np.concatenate(parts, axis=-1)
    low, high = image.min(), image.max()
    resized = image.astype("float32") if np.issubdtype(dtype, np.floating) else image
    shrunk = (min(width, image.shape[1]), min(height, image.shape[0]))
    resized = cv2.resize(resized, shrunk, interpolation=cv2.INTER_AREA)
    if shrunk != (width, height):
        resized = cv2.resize(resized, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(resized.reshape(height, width, channels), low, high).astype(dtype)
