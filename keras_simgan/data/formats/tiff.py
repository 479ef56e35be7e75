"""TIFF files: any number of channels, 8 and 16 bits; their tags are kept, but for the pixels'.

OpenCV multiplies 8-bit colour by alpha, returns memory it never filled for 16-bit planes, and drops
the alpha of gray, all without an error; Pillow cuts 16-bit colour down to 8. So tifffile decodes
what it can, and the others only what they are known to do right.
"""

import io
import math
import zlib
from typing import Any

import cv2
import numpy as np
import tifffile
from PIL import TiffImagePlugin

from keras_simgan.data.formats.decoded import Decoded, Metadata, NotKept, check_claim, upright
from keras_simgan.data.formats.directory import ORIENTATION, Layout, Tag, without_thumbnails

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_SEPARATE_PLANES = 2
_PREMULTIPLIED = 1
_STORED = 1
_WEBP = 50001
_DEFLATE = (8, 32946)
_PACKBITS = 32773
# Of damage in these libtiff tells nobody, and leaves the pixels as they happen to be.
_FAX = (2, 3, 4)
_TIFFFILE_DECODES = (_STORED, *_DEFLATE, _PACKBITS)
_LARGE_PIECE = 2**17  # deflate makes at most 128 MiB of it
_PROFILE, _SUBIMAGES, _PHOTOSHOP, _DESCRIPTION = 34675, 330, 34377, 270
# The tags that say how and where the pixels are stored: those of the new file hold.
_STORAGE = {
    *(254, 255, 256, 257, 258, 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 284, 288, 289),
    *(290, 291, 292, 293, 317, 320, 322, 323, 324, 325, 326, 327, 328, 332, 334, 336, 338, 339),
    *(347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 559),
}
# Those that are about the old pixels: their extremes, and layers that show them.
_OF_OLD_PIXELS = {280, 281, 340, 341, 37724, 50784}
#: Tags that are written anew or left out.
NOT_KEPT = _STORAGE | _OF_OLD_PIXELS | {_SUBIMAGES}


def is_tiff(encoded: bytes) -> bool:
    """Whether a file is a TIFF or BigTIFF, by its first bytes."""
    return encoded[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode(encoded: bytes) -> Decoded:
    """Decodes the first image of a TIFF.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    layout = Layout(encoded[:16])
    first = layout.first(encoded)
    tags, _, following = layout.read(encoded, first)
    with tifffile.TiffFile(io.BytesIO(encoded)) as file:
        page = file.pages.first
        _check(page, encoded)
        lost = None
        if following != first and 0 < following < len(encoded):
            lost = "it has more than one page"
        elif any(tag.code == _SUBIMAGES for tag in tags):
            lost = "it holds further images (SubIFDs)"
        elif int(page.photometric) == 5:
            lost = "its colours are CMYK"
        native = (
            int(page.compression) in _TIFFFILE_DECODES
            and int(page.photometric) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
            and page.bitspersample in (8, 16)
            and page.predictor in (1, 2)
        )
        orientation = next((layout.number(tag) for tag in tags if tag.code == ORIENTATION), 1)
        values = None
        if native:
            image = upright(_native(page), orientation)
        elif page.bitspersample == 16 and page.samplesperpixel > 1:
            image = _by_opencv(page, encoded)
        else:
            image, values = _by_pillow(page, encoded)
        stored = {}
        if image.shape[-1] == page.samplesperpixel:
            stored = {
                "photometric": "rgb" if int(page.photometric) == _RGB else "minisblack",
                "planarconfig": int(page.planarconfig) if page.samplesperpixel > 1 else None,
                "extrasamples": [int(kind) for kind in page.extrasamples] or None,
            }
    profile = next((bytes(tag.content) for tag in tags if tag.code == _PROFILE), None)
    parts = (layout.order, layout.is_big), _kept(tags, bool(stored)), stored
    return Decoded(image, Metadata(".tif", profile, orientation, parts), lost, values)


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encodes an image of any number of channels, compressed by deflate.

    Args:
        image: Shape `(height, width, channels)`, `uint8` or `uint16`, as it is to be stored. Where
            `metadata` does not say otherwise, two channels are gray and alpha, four colour and
            alpha, others stand for themselves.
        metadata: What else to write.
    """
    channels = image.shape[-1]
    order, is_big, tags = None, False, []
    stored: dict[str, Any] = {}
    if metadata.parts is not None:
        (order, is_big), tags, stored = metadata.parts
    extra = {1: None, 2: ["unassalpha"], 3: None, 4: ["unassalpha"]}
    options: dict[str, Any] = {
        "photometric": "rgb" if channels in (3, 4) else "minisblack",
        "planarconfig": "contig" if channels > 1 else None,
        "extrasamples": extra.get(channels, ["unspecified"] * (channels - 1)),
    }
    colours = 3 if stored.get("photometric") == "rgb" else 1
    if stored and channels == colours + len(stored["extrasamples"] or ()):
        options = stored
    if channels == 1:
        image = image[..., 0]
    elif options["planarconfig"] == _SEPARATE_PLANES:
        image = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        image,
        **options,
        byteorder=order,
        bigtiff=is_big or None,
        compression="zlib",
        predictor=True,
        iccprofile=metadata.profile,
        metadata=None,
    )
    return _with_tags(content.getvalue(), tags) if metadata.parts else content.getvalue()


def _kept(tags: list[Tag], same_channels: bool) -> list[Tag]:
    kept = []
    for tag in tags:
        if tag.code in NOT_KEPT | {_PROFILE}:
            continue
        if tag.code == _DESCRIPTION and not same_channels and b'"shape"' in bytes(tag.content):
            continue  # tifffile's own, which says how the pixels were stored
        if tag.code == _PHOTOSHOP:
            content = without_thumbnails(bytes(tag.content))
            tag = Tag(tag.code, 7, len(content), content)
        kept.append(tag)
    return kept


def _with_tags(encoded: bytes, kept: list[Tag]) -> bytes:
    """Writes the directory anew, with tags of the source in the place of tifffile's own."""
    layout = Layout(encoded[:16])
    own = layout.read(encoded, layout.first(encoded))[0]
    tags = kept + [tag for tag in own if tag.code in _STORAGE | {_PROFILE}]
    content = bytearray(encoded)
    layout.set_first(content, layout.write(content, tags))
    return bytes(content)


def _check(page, encoded: bytes) -> None:
    bits = page.bitspersample
    if page.dtype is None or page.dtype.kind not in "ub" or bits not in (1, 2, 4, 8, 16):
        has_own_type = page.dtype is not None and page.dtype.itemsize * 8 == bits
        kind = page.dtype if has_own_type else f"{bits}-bit"
        raise NotKept(f"holds {kind} values; expected 8 or 16 bits per channel. Convert it.")
    if page.imagedepth != 1 or 0 in (page.imagewidth, page.imagelength, page.samplesperpixel):
        raise ValueError(f"it claims the shape {page.shape}")
    if _PREMULTIPLIED in map(int, page.extrasamples):
        raise NotKept(
            "has colours multiplied by alpha. Save it with straight (unassociated) alpha."
        )
    size = page.imagewidth * page.imagelength * page.samplesperpixel * max(bits, 8) // 8
    check_claim(page.imagewidth, page.imagelength, size, len(encoded))
    # A tile may be larger than its image, and every piece is decoded whole.
    pieces_size = math.prod(page.chunks) * math.prod(page.chunked) * max(bits, 8) // 8
    check_claim(page.imagewidth, page.imagelength, pieces_size, len(encoded))
    pieces = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    # tifffile would fill what is missing with zeros.
    if len(pieces) < math.prod(page.chunked) or any(
        count <= 0 or start + count > len(encoded) for start, count in pieces
    ):
        raise ValueError("the file ends before the image does")
    if int(page.compression) in _DEFLATE:
        _check_inflated(encoded, pieces, math.prod(page.chunks) * max(bits, 8) // 8)
    if int(page.compression) == _STORED and bits >= 8 and sum(page.databytecounts) < size:
        raise ValueError("there are fewer bytes than pixels")


def _check_inflated(encoded: bytes, pieces: list[tuple[int, int]], size: int) -> None:
    """Raises where a piece holds far more than its pixels, all of which tifffile would inflate."""
    for start, count in pieces:
        if count <= _LARGE_PIECE:
            continue
        stream, left = zlib.decompressobj(), memoryview(encoded)[start : start + count]
        found = 0
        while left and found <= 2 * size:
            found += len(stream.decompress(left, 2**24))
            left = memoryview(stream.unconsumed_tail)
        if left:
            raise ValueError("there are far more bytes than pixels")


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
    with TiffImagePlugin.TiffImageFile(io.BytesIO(encoded)) as file:
        file.load()  # a check from end to end, which not every OpenCV makes
    image = cv2.imdecode(np.frombuffer(encoded, "uint8"), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != "uint16" or image.shape[-1] != channels:
        raise ValueError("it cannot be decoded")
    return image[..., [2, 1, 0, 3][:channels]]


def _by_pillow(page, encoded: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    if int(page.compression) in (*_FAX, _WEBP):  # the libtiff in Pillow's wheels lacks the latter
        raise _compressed(page)
    try:
        file = TiffImagePlugin.TiffImageFile(io.BytesIO(encoded))
    except SyntaxError as error:  # a kind that Pillow does not know
        raise _compressed(page) from error
    with file:
        file.load()
        mode = {"1": "L", "P": "RGB", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB"}.get(
            file.mode, file.mode
        )
        if mode not in ("L", "LA", "RGB", "RGBA") and not mode.startswith("I;16"):
            raise _compressed(page)
        values = None
        if file.mode in ("P", "1"):
            values = np.asarray(file).astype("uint8")[..., None]
        image = np.asarray(file.convert(mode) if mode != file.mode else file)
    if image.ndim == 2:
        image = image[..., None]
    if int(page.photometric) in (_BLACK_IS_ZERO, _RGB) and image.shape[-1] != page.samplesperpixel:
        raise _compressed(page)
    if image.dtype.itemsize == 2 and int(page.photometric) == _WHITE_IS_ZERO:
        image = 65535 - image  # Pillow turns those of 8 bits
    return np.ascontiguousarray(image, image.dtype.newbyteorder("=")), values


def _compressed(page) -> NotKept:
    values = f"{page.samplesperpixel} channels of {page.bitspersample} bits"
    if int(page.compression) == _STORED:
        return NotKept(
            f"is a TIFF of {values} as {getattr(page.photometric, 'name', page.photometric)}, "
            "which is not read here. Save it as gray or RGB of 8 or 16 bits."
        )
    name = getattr(page.compression, "name", page.compression)
    return NotKept(
        f"is a TIFF of {values} compressed by {name}, which is not read here. Save it uncompressed "
        "or compressed by deflate."
    )
