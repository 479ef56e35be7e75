"""TIFF files: any number of channels, 8 and 16 bits, with their colour profile.

OpenCV multiplies 8-bit colour by alpha, returns memory it never filled for 16-bit planes, and drops
the alpha of gray, all without an error; Pillow cuts 16-bit colour down to 8. So tifffile decodes
what it can, and the others only what they are known to do right.
"""

import io
import math

import cv2
import numpy as np
import tifffile
from PIL import Image

from keras_simgan.data._encoded import Decoded, NotKept, check_claim, upright

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_SEPARATE_PLANES = 2
_PREMULTIPLIED = 1
_STORED = 1
_WEBP = 50001
_TIFFFILE_DECODES = (_STORED, 8, 32946, 32773)  # stored, both codes of deflate, PackBits
_ORIENTATION, _PROFILE = 274, 34675


def is_tiff(encoded: bytes) -> bool:
    """Whether a file is a TIFF or BigTIFF, by its first bytes."""
    return encoded[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode_tiff(encoded: bytes) -> Decoded:
    """Decodes the first image of a TIFF.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    with tifffile.TiffFile(io.BytesIO(encoded)) as file:
        page = file.pages.first
        _check(page, encoded)
        tag = page.tags.get(_PROFILE)
        profile = bytes(tag.value) if tag is not None else None
        lost = None
        if len(file.pages) > 1:
            lost = "it has more than one page"
        elif int(page.photometric) == 5:
            lost = "its colours are CMYK"
        native = (
            int(page.compression) in _TIFFFILE_DECODES
            and int(page.photometric) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
            and page.bitspersample in (8, 16)
            and page.predictor in (1, 2)
        )
        if native:
            image = upright(_native(page), _number(page, _ORIENTATION))
        elif page.bitspersample == 16 and page.samplesperpixel > 1:
            image = _by_opencv(page, encoded)
        else:
            image = _by_pillow(page, encoded)
    return Decoded(image, profile, lost)


def encode_tiff(image: np.ndarray, profile: bytes | None) -> bytes:
    """Encodes an image of any number of channels, compressed by deflate.

    Args:
        image: Shape `(height, width, channels)`, `uint8` or `uint16`. Two channels are gray and
            alpha, four colour and alpha, others stand for themselves.
        profile: An ICC profile, or None.
    """
    channels = image.shape[-1]
    extra = {1: [], 2: ["unassalpha"], 3: [], 4: ["unassalpha"]}.get(
        channels, ["unspecified"] * (channels - 1)
    )
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        image if channels > 1 else image[..., 0],
        photometric="rgb" if channels in (3, 4) else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=extra or None,
        compression="zlib",
        predictor=True,
        iccprofile=profile,
        metadata=None,
    )
    return content.getvalue()


def _check(page, encoded: bytes) -> None:
    bits = page.bitspersample
    if page.dtype is None or page.dtype.kind not in "ub" or bits not in (1, 2, 4, 8, 16):
        kind = page.dtype if page.dtype is not None else f"{bits}-bit"
        raise NotKept(f"holds {kind} values; expected 8 or 16 bits per channel. Convert it.")
    if page.imagedepth != 1 or 0 in (page.imagewidth, page.imagelength, page.samplesperpixel):
        raise ValueError(f"it claims the shape {page.shape}")
    if _PREMULTIPLIED in map(int, page.extrasamples):
        raise NotKept(
            "has colours multiplied by alpha. Save it with straight (unassociated) alpha."
        )
    size = page.imagewidth * page.imagelength * page.samplesperpixel * max(bits, 8) // 8
    check_claim(page.imagewidth, page.imagelength, size, len(encoded))
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    # tifffile would fill what is missing with zeros.
    if len(pieces) < math.prod(page.chunked) or any(
        count <= 0 or start + count > len(encoded) for start, count in pieces
    ):
        raise ValueError("the file ends before the image does")
    if int(page.compression) == _STORED and bits >= 8 and sum(page.databytecounts) < size:
        raise ValueError("there are fewer bytes than pixels")


def _native(page) -> np.ndarray:
    image = page.asarray(squeeze=False)[:, 0]  # (planes, height, width, channels of a plane)
    _, height, width, _ = image.shape
    image = np.moveaxis(image, 0, -2).reshape(height, width, page.samplesperpixel)
    if int(page.photometric) == _WHITE_IS_ZERO:
        image = np.iinfo(image.dtype).max - image
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def _by_opencv(page, encoded: bytes) -> np.ndarray:
    channels, planes = page.samplesperpixel, int(page.planarconfig) == _SEPARATE_PLANES
    if channels not in (3, 4) or planes or int(page.photometric) != _RGB:
        raise _compressed(page)
    with Image.open(io.BytesIO(encoded), formats=["TIFF"]) as file:
        file.load()  # a check from end to end, which not every OpenCV makes
    image = cv2.imdecode(np.frombuffer(encoded, "uint8"), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != "uint16" or image.shape[-1] != channels:
        raise ValueError("it cannot be decoded")
    return image[..., [2, 1, 0, 3][:channels]]


def _by_pillow(page, encoded: bytes) -> np.ndarray:
    if int(page.compression) == _WEBP:  # the libtiff in Pillow's wheels lacks it
        raise _compressed(page)
    try:
        file = Image.open(io.BytesIO(encoded), formats=["TIFF"])
    except Image.UnidentifiedImageError as error:
        raise _compressed(page) from error
    with file:
        file.load()
        mode = {"1": "L", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB"}.get(
            file.mode, file.mode
        )
        if mode not in ("L", "LA", "RGB", "RGBA") and not mode.startswith("I;16"):
            raise _compressed(page)
        image = np.asarray(file.convert(mode) if mode != file.mode else file)
    if image.ndim == 2:
        image = image[..., None]
    if int(page.photometric) in (_BLACK_IS_ZERO, _RGB) and image.shape[-1] != page.samplesperpixel:
        raise _compressed(page)
    if image.dtype.itemsize == 2 and int(page.photometric) == _WHITE_IS_ZERO:
        image = 65535 - image  # Pillow turns those of 8 bits
    return np.ascontiguousarray(image, image.dtype.newbyteorder("="))


def _compressed(page) -> NotKept:
    name = getattr(page.compression, "name", page.compression)
    return NotKept(
        f"is a TIFF of {page.samplesperpixel} channels of {page.bitspersample} bits compressed by "
        f"{name}, which is not read here. Save it uncompressed or compressed by deflate."
    )


def _number(page, code: int) -> int:
    tag = page.tags.get(code)
    return int(tag.value) if tag is not None and isinstance(tag.value, int) else 1
