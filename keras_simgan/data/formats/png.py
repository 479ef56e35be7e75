"""PNG files: their chunks are kept, but for those of the pixels.

Pillow decodes 8 bits and fewer, and checks the file from end to end, which not every OpenCV does;
OpenCV decodes 16 bits, which Pillow cuts down to 8 where they are colours.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from PIL import PngImagePlugin

from keras_simgan.data.formats.decoded import Decoded, Metadata, NotKept, check_claim, upright
from keras_simgan.data.formats.directory import read_exif

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(SIGNATURE) + 12 + 13  # the header chunk comes first and has 13 bytes
_GRAY, _COLOUR, _PALETTE, _GRAY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_VALUES = {_GRAY: 1, _COLOUR: 3, _PALETTE: 1, _GRAY_ALPHA: 2, _COLOUR_ALPHA: 4}
# What depends on the pixels' values, by PNG's own rule for chunks that an editor does not know,
# but holds for refined ones, too.
_KEPT = (b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"tIME", b"sTER", b"pCAL", b"sCAL")
_LARGEST_PROFILE = 2**24
_OPENCV_PIXELS = 2**30


def decode(encoded: bytes) -> Decoded:
    """Decodes a PNG.

    Args:
        encoded: The file.

    Raises:
        NotKept: If it is of a kind that is not read here.
        Exception: Many kinds, if it is damaged.
    """
    chunks = list(_chunks(encoded))
    kind, place, length = chunks[0] if chunks else (b"", 0, 0)
    if kind != b"IHDR" or length != 13:
        raise ValueError("it does not begin with its header")
    width, height, depth, colour = struct.unpack_from(">IIBB", encoded, place)
    if colour not in _VALUES or depth not in (1, 2, 4, 8, 16) or not width or not height:
        raise ValueError(f"it claims {width}x{height} pixels of {depth} bits and kind {colour}")
    check_claim(width, height, height * (width * _VALUES[colour] * depth + 7) // 8, len(encoded))
    profile, lost, orientation = None, None, 1
    found: dict[bytes, bytes] = {}
    parts: dict[str, Any] = {"before": [], "after": [], "background": b""}
    for kind, place, length in chunks:
        if kind == b"IDAT":
            found.setdefault(kind, b"")
            continue
        content = encoded[place : place + length]
        if kind == b"iCCP":
            profile = _profile(content)
            lost = lost or (None if profile else "its colour profile is damaged")
        elif kind == b"acTL":
            lost = "it is an animation"
        elif kind == b"eXIf":
            orientation, content = read_exif(content)
        if kind in (b"PLTE", b"tRNS", b"bKGD"):
            found.setdefault(kind, content)
        elif (kind in _KEPT or (kind[0] & 32 and kind[3] & 32)) and kind != b"iCCP":
            parts["after" if b"IDAT" in found else "before"].append(_chunk(kind, content))
    pixels = _pixels(encoded, chunks, depth, colour, width * height)
    image = _colours(pixels, depth, colour, found)
    if b"bKGD" in found:
        parts["background"] = _background(depth, colour, found)
    metadata = Metadata(".png", profile, orientation, parts)
    values = None
    if colour == _PALETTE or depth < 8:
        values = upright(pixels, orientation)
        if colour == _GRAY:
            values = values // (255 // (2**depth - 1))
    return Decoded(upright(image, orientation), metadata, lost, values)


def encode(image: np.ndarray, metadata: Metadata) -> bytes:
    """Encodes an image of 1 to 4 channels.

    Args:
        image: Shape `(height, width, channels)`, as it is to be stored.
        metadata: What else to write.

    Raises:
        ValueError: If the image is too wide or high.
    """
    channels = image.shape[-1]
    if channels == 2:
        encoded = memoryview(_encode_gray_alpha(image))
    else:
        order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
        image = np.ascontiguousarray(image)
        ok, buffer = cv2.imencode(
            ".png", cv2.cvtColor(image, order[channels]) if channels > 1 else image
        )
        if not ok:
            raise ValueError(f"PNG cannot hold an image of {image.shape[1]}x{image.shape[0]}")
        encoded = buffer.data
    parts = metadata.parts or {"before": [], "after": [], "background": b""}
    before = list(parts["before"])
    if metadata.profile is not None:
        content = b"ICC profile\0\0" + zlib.compress(metadata.profile)
        before.insert(0, _chunk(b"iCCP", content))
    if len(parts["background"]) == (2 if channels < 3 else 6):
        before.append(_chunk(b"bKGD", parts["background"]))
    end = len(encoded) - 12  # where the last chunk begins, which is empty
    return b"".join(
        (encoded[:_HEADER_END], *before, encoded[_HEADER_END:end], *parts["after"], encoded[end:])
    )


def _chunks(encoded: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and length of each chunk, checked before anything trusts them."""
    place = len(SIGNATURE)
    whole = memoryview(encoded)
    while len(encoded) >= place + 8:
        length = int.from_bytes(encoded[place : place + 4], "big")
        kind = encoded[place + 4 : place + 8]
        end = place + 8 + length
        if not (kind.isascii() and kind.isalpha()):
            raise ValueError(f"it has a chunk of the kind {kind!r}; expected four letters")
        if end + 4 > len(encoded) and kind != b"IEND":
            raise ValueError("the file ends before the image does")
        if int.from_bytes(encoded[end : end + 4], "big") != zlib.crc32(whole[place + 4 : end]):
            raise ValueError(f"the checksum of its chunk {kind!r} is wrong")
        yield kind, place + 8, length
        if kind == b"IEND":
            return
        place = end + 4


def _pixels(encoded: bytes, chunks: list, depth: int, colour: int, count: int) -> np.ndarray:
    """The values as they are stored, but for those of 1 to 4 bits of gray, which become 8."""
    # The decoders get what they need and no more: nothing else can mislead or stop them.
    whole = memoryview(encoded)
    needed = [
        whole[place - 8 : place + length + 4]
        for kind, place, length in chunks
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND")
    ]
    bare = b"".join((SIGNATURE, *needed))
    with PngImagePlugin.PngImageFile(io.BytesIO(bare)) as file:
        file.load()
        if depth < 16:
            image = np.array(file.convert("L") if file.mode == "1" else file)
            return image if image.ndim == 3 else image[..., None]
    if count > _OPENCV_PIXELS:
        raise NotKept(f"has more than {_OPENCV_PIXELS} pixels of 16 bits. Cut it into pieces.")
    decoded = cv2.imdecode(np.frombuffer(bare, "uint8"), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != "uint16":
        raise ValueError("it cannot be decoded")
    if decoded.ndim == 2:
        return decoded[..., None]
    if colour == _GRAY_ALPHA:
        return np.ascontiguousarray(decoded[..., [0, 3]])
    return cv2.cvtColor(
        decoded, cv2.COLOR_BGRA2RGBA if colour == _COLOUR_ALPHA else cv2.COLOR_BGR2RGB
    )


def _colours(pixels: np.ndarray, depth: int, colour: int, found: dict) -> np.ndarray:
    """Looks up palettes, and gives alpha to the one colour that stands for nothing."""
    transparent = np.frombuffer(found.get(b"tRNS", b""), "uint8")
    if colour == _PALETTE:
        # Colours that the palette does not have are black, as other readers give them.
        palette = np.zeros((256, 3), "uint8")
        known = np.frombuffer(found[b"PLTE"][: palette.size], "uint8").reshape(-1, 3)
        palette[: len(known)] = known
        if len(transparent):
            alpha = np.full((256, 1), 255, "uint8")
            alpha[: len(transparent), 0] = transparent[:256]
            palette = np.concatenate([palette, alpha], axis=-1)
        return palette[pixels[..., 0]]
    if len(transparent) == 2 * pixels.shape[-1] and colour in (_GRAY, _COLOUR):
        value = transparent.view(">u2") & (2**depth - 1)
        most = np.iinfo(pixels.dtype).max
        if depth < 8:
            value = value * (255 // (2**depth - 1))
        alpha = np.where((pixels == value).all(axis=-1, keepdims=True), 0, most)
        return np.concatenate([pixels, alpha.astype(pixels.dtype)], axis=-1)
    return pixels


def _background(depth: int, colour: int, found: dict) -> bytes:
    """The background colour as the pixels are written."""
    content = found[b"bKGD"]
    if colour == _PALETTE:
        palette, index = found[b"PLTE"], content[0] if content else 0
        return b"".join(bytes((0, value)) for value in palette[3 * index : 3 * index + 3])
    if depth < 8 and len(content) == 2:
        return bytes((0, (content[1] & (2**depth - 1)) * (255 // (2**depth - 1))))
    return content


def _profile(content: bytes) -> bytes | None:
    name_end = content.find(b"\0")
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(content[name_end + 2 :], _LARGEST_PROFILE)
    except zlib.error:
        return None
    return profile if stream.eof else None


def _encode_gray_alpha(image: np.ndarray) -> bytes:
    """OpenCV lacks gray with alpha."""
    height, width, _ = image.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * image.itemsize, 4, 0, 0, 0)
    rows = image.astype(image.dtype.newbyteorder(">")).view("uint8").reshape(height, -1)
    # Each row is stored as its difference to the one above (filter 2), which compresses well.
    rows = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    rows = np.concatenate([np.full((height, 1), 2, "uint8"), rows], axis=1)
    return (
        SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows.tobytes()))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
