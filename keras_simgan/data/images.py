"""Images: reading, writing, converting and resizing."""

from pathlib import Path

import cv2
import numpy as np

from keras_simgan.data.files import (
    IMAGE_SUFFIXES,
    ImageError,
    note_decoded,
    replacing,
    unsupported_format,
)
from keras_simgan.data.formats import CHANNELS, DEPTHS, Decoded, Metadata, NotKept, decode, encode
from keras_simgan.disk import read_regular


def read_image(
    path: str | Path, channels: int | None = None, convert_channels: bool = False
) -> np.ndarray:
    """Reads one image at its own bit depth, turned upright as its EXIF orientation says.

    The file is checked from end to end, so that a truncated one is never half read.

    Args:
        path: A png, jpg, bmp, tiff, webp or avif file of 8 or 16 bits per channel; tiff may have
            any number of channels.
        channels: The number of channels to expect, or `None` for any. An alpha channel counts.
        convert_channels: Whether to convert instead of failing where the file has another number
            of channels: colour to gray by luminance (ITU-R 601), gray to colour by repetition.
            Alpha is dropped.

    Returns:
        The image, shape `(height, width, channels)`, `uint8` or `uint16`, channels in RGB order.
        Palettes are expanded to colour, and 1, 2 or 4 bits to 8; CMYK becomes RGB. Two channels
        are gray and alpha, four colour and alpha.

    Raises:
        ImageError: If the file is missing, truncated, of an unsupported format or depth, or has
            other channels than expected.

    Example:
        >>> write_image("eye.png", np.zeros((36, 60, 1), "uint8"))
        >>> read_image("eye.png", channels=1).shape
        (36, 60, 1)
    """
    path = Path(path)
    image = decode_any(path, read_bytes(path)).image
    return fit_channels(path, image, channels, convert_channels)


def fit_channels(
    path: Path, image: np.ndarray, channels: int | None, convert_channels: bool
) -> np.ndarray:
    """Checks or converts an image's channels, as `read_image` does.

    Args:
        path: Its file, for errors.
        image: The image.
        channels: See `read_image`.
        convert_channels: See `read_image`.

    Raises:
        ImageError: If it has other channels.
    """
    if channels is None or image.shape[-1] == channels:
        return image
    if not convert_channels:
        raise ImageError(
            f"The image {str(path)!r} has {_describe_channels(image.shape[-1])}; expected "
            f"{_describe_channels(channels)}. Convert the file, take it out, or pass "
            "`convert_channels=True` (--convert-channels) to convert all such images."
        )
    return convert_image_channels(image, channels)


def read_image_with_profile(path: str | Path) -> tuple[np.ndarray, bytes | None]:
    """Reads one image and its colour profile, so that `write_image` can write both again.

    Refining keeps more than these two: see `docs/image_files.md`.

    Args:
        path: See `read_image`.

    Returns:
        The image as `read_image` gives it, and its ICC profile, or None where it has none.

    Raises:
        ImageError: As `read_image`; and if the file holds what writing the two would lose: CMYK
            colours, further pages, pictures or frames, or a profile or gamma inside a bmp.

    Example:
        >>> write_image("eye.png", np.zeros((36, 60, 1), "uint8"))
        >>> image, profile = read_image_with_profile("eye.png")
        >>> write_image("copy.png", image, profile)
    """
    path = Path(path)
    image, metadata = decode_image(path, read_bytes(path))
    return image, metadata.profile


def decode_image(path: str | Path, encoded: bytes) -> tuple[np.ndarray, Metadata]:
    """Decodes an image that is in memory, as `read_image_with_profile` does one on disk.

    Args:
        path: What to call it in errors.
        encoded: The content of the file, of any format that is read here.

    Returns:
        The image, upright; and what its file holds besides, for `encode_image`.

    Raises:
        ImageError: As `read_image_with_profile`.
    """
    decoded = decode_any(path, encoded)
    if decoded.lost is not None:
        raise ImageError(
            f"The image {str(path)!r} cannot be written again as it is: {decoded.lost}. Convert it "
            'to a single gray or RGB image, or pass `on_bad_image="skip"` to go on without it.'
        )
    return decoded.image, decoded.metadata


def read_bytes(path: Path) -> bytes:
    """Reads the file of an image.

    Args:
        path: The file.

    Raises:
        ImageError: If it has another suffix, or cannot be read.
    """
    if not path.name.lower().endswith(IMAGE_SUFFIXES):
        raise unsupported_format(path)
    try:
        return read_regular(path)
    except OSError as error:
        raise ImageError(f"The image {str(path)!r} cannot be read: {error.strerror}.") from error


def decode_any(path: str | Path, encoded: bytes) -> Decoded:
    """Decodes an image, whatever of it cannot be written again.

    Args:
        path: What to call it in errors.
        encoded: The content of its file.

    Raises:
        ImageError: If it is damaged, or of a kind that is not read here.
    """
    try:
        decoded = decode(encoded)
        note_decoded(decoded.image.nbytes)
        return decoded
    except NotKept as error:
        raise ImageError(f"The image {str(path)!r} {error}") from error
    except MemoryError:
        raise
    except Exception as error:  # on damaged files decoders raise many kinds, SyntaxError among them
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"The image {str(path)!r} is damaged or truncated ({reason}, {len(encoded)} bytes). "
            'Replace it, take it out, or pass `on_bad_image="skip"` to go on without such images.'
        ) from error


def convert_image_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Converts an image between gray and colour; drops an alpha channel.

    Args:
        image: An image, shape `(height, width, 1 to 4)`.
        channels: 1 for gray, 3 for colour.

    Returns:
        The image with that many channels, of the same type.

    Raises:
        ImageError: If `channels` is neither 1 nor 3, or the image has other channels.
    """
    if channels not in (1, 3) or image.shape[-1] not in (1, 2, 3, 4):
        raise ImageError(
            f"Cannot convert {_describe_channels(image.shape[-1])} to "
            f"{_describe_channels(channels)}; only gray (1) and colour (3) convert."
        )
    image = image[..., : 1 if image.shape[-1] == 2 else 3]
    if image.shape[-1] == channels:
        return np.ascontiguousarray(image)
    if channels == 1:
        return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None]
    return np.repeat(image, 3, axis=-1)


def _describe_channels(channels: int) -> str:
    kinds = {1: "gray", 2: "gray and alpha", 3: "colour", 4: "colour and alpha"}
    kind = f" ({kinds[channels]})" if channels in kinds else ""
    return f"{channels} channel{'s' if channels != 1 else ''}{kind}"


def write_image(path: str | Path, image: np.ndarray, profile: bytes | None = None) -> None:
    """Writes one image, whole or not at all.

    The file is written beside its place and then moved there, so that an interruption never
    leaves half an image under the final name. Folders are made; an existing file is replaced.
    JPEG and AVIF are written at quality 99, with the colours of every pixel (4:4:4), which
    changes values by less than a level on average; WebP is written lossless.

    Args:
        path: Where to; the suffix chooses the format (png, jpg, bmp, tiff, webp or avif).
        image: Shape `(height, width, channels)`, `uint8`; `uint16` for png and tiff. 1 or 3
            channels in RGB order, but for webp and avif, which hold no gray; 4 with alpha, but for
            jpg; 2, gray with alpha, for png and tiff; any number for tiff.
        profile: The ICC profile that its colours are meant in, or None; bmp has no place for one.

    Raises:
        ImageError: If the format cannot hold such an image, or the file cannot be written.
    """
    kind = _kind(Path(path))
    encoded = encode_image(path, image, Metadata(kind, profile))
    with replacing(path) as temporary:
        temporary.write_bytes(encoded)


def encode_image(path: str | Path, image: np.ndarray, metadata: Metadata | None = None) -> bytes:
    """Encodes an image as `write_image` writes it.

    Args:
        path: What to call the image in errors; without `metadata` its suffix chooses the format.
        image: As for `write_image`, upright.
        metadata: What `decode_image` gave for the file whose place the image takes: it is encoded
            in the format of that file's content, turned as that was, with all that was in it.

    Returns:
        The content of the file.

    Raises:
        ImageError: If the format cannot hold such an image.
    """
    path, image = Path(path), np.asarray(image)
    metadata = metadata or Metadata(_kind(path))
    kind, channels = metadata.kind, CHANNELS[metadata.kind]
    if image.ndim != 3 or 0 in image.shape:
        raise ImageError(
            f"Cannot write {str(path)!r}: the image has the shape {image.shape}; expected "
            "(height, width, channels)."
        )
    if channels is not None and image.shape[-1] not in channels:
        raise ImageError(
            f"Cannot write {str(path)!r}: {kind} holds {', '.join(map(str, channels))} channels, "
            f"not {_describe_channels(image.shape[-1])}. Write .tif, or drop channels."
        )
    if image.dtype.name not in DEPTHS[kind]:
        raise ImageError(
            f"Cannot write {str(path)!r}: {kind} holds {' or '.join(DEPTHS[kind])}, not "
            f"{image.dtype}."
        )
    try:
        return encode(image, metadata)
    except ValueError as error:
        raise ImageError(f"Cannot write {str(path)!r}: {error}.") from error


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise ImageError(f"Cannot write {str(path)!r}: use one of {', '.join(IMAGE_SUFFIXES)}.")
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


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
