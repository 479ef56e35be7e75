"""Small files that claim to be large take no more memory than small ones, and no time."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

# Starts nothing but the reader, gives it a bomb, and says what it took.
READ = """
import resource, sys, time
from pathlib import Path
from keras_simgan.data.images import decode_any
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
# Importing took more for a while than is held now: fill up, so that nothing more goes unseen.
held = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
ballast = b"1" * max(peak() * 2**20 - held, 0)
for path in map(Path, sys.argv[1:]):
    before, began = peak(), time.process_time()
    try:
        decode_any(path, path.read_bytes())
        said = "read"
    except ValueError as error:
        said = str(error).split("' ", 1)[1][:70]
    print(path.name, peak() - before, round(time.process_time() - began, 1), said, sep="|")
"""


def png(width, height, pixels=b"\0" * 100, more=b"", depth=8, kind=2):
    def chunk(name, content):
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + more
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def png_with_a_long_chunk():
    content = png(4, 4)
    place = content.index(b"IDAT")
    return content[: place - 4] + struct.pack(">I", 0xFF7F0149) + content[place:]


def png_with_much_text():
    text = b"iCCP" + b"a\0\0" + zlib.compress(bytes(2**30 // 4), 9)
    return png(
        4, 4, more=struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    )


def tiff(changes, image=None, **options):
    """A TIFF of 36x60 pixels of which tags say other than is so."""
    content = io.BytesIO()
    image = np.zeros((36, 60), "uint8") if image is None else image
    tifffile.imwrite(content, image, photometric="minisblack", byteorder="<", **options)
    content = bytearray(content.getvalue())
    for code, value in changes.items():
        place = next(
            i for kind in (3, 4) if (i := content.find(struct.pack("<HHI", code, kind, 1))) > 0
        )
        content[place : place + 12] = struct.pack("<HHII", code, 4, 1, value)
    return bytes(content)


def tiff_that_inflates():
    """A strip that holds a thousand times what its image takes."""
    strip = zlib.compress(bytes(2**29), 9)
    content = bytearray(tiff({}, np.frombuffer(strip[:500_000], "uint8").reshape(500, 1000)))
    place = content.find(strip[:1000])
    for code, value in {256: 60, 257: 36, 278: 36, 259: 8}.items():
        at = next(i for k in (3, 4) if (i := content.find(struct.pack("<HHI", code, k, 1))) > 0)
        content[at : at + 12] = struct.pack("<HHII", code, 4, 1, value)
    content[place:] = strip
    at = content.find(struct.pack("<HHI", 279, 4, 1))
    content[at + 8 : at + 12] = struct.pack("<I", len(strip))
    return bytes(content)


def tiff_of_many_tags():
    """Tags that share their bytes, which each would take once more when they are written."""
    size, count = 200_000, 20_000
    tags = b"".join(struct.pack("<HHII", 40_000 + i, 1, size, 8) for i in range(count))
    content = b"II*\0" + struct.pack("<I", 8 + size) + bytes(size)
    return content + struct.pack("<H", count) + tags + bytes(4)


def tiff_of_directories():
    """A directory that is inside of itself, many times."""
    tags = b"".join(struct.pack("<HHII", 34665, 4, 1, 8) for _ in range(5_000))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + tags + bytes(4)


def jpeg(width, height):
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, "JPEG")
    content = bytearray(content.getvalue())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def bmp(width, height):
    return struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 100, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0
    ) + bytes(100)


def webp(width, height):
    content = io.BytesIO()
    Image.new("RGBA", (16, 16)).save(content, "WEBP", exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    content = bytearray(content.getvalue())
    content[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(content)


def avif(width, height):
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, "AVIF")
    content = bytearray(content.getvalue())
    place = content.index(b"ispe") + 8
    content[place : place + 8] = struct.pack(">II", width, height)
    return bytes(content)


BOMBS = {
    "size.png": png(60_000, 60_000),
    "bits.png": png(200_000, 200_000, depth=1, kind=0),
    "chunk.png": png_with_a_long_chunk(),
    "profile.png": png_with_much_text(),
    "size.jpg": jpeg(65_000, 65_000),
    "size.bmp": bmp(60_000, 60_000),
    "size.webp": webp(2**24, 2**24),
    "size.tif": tiff({256: 60_000, 257: 60_000}),
    # A tile is decoded whole, however small the image.
    "tile.tif": tiff({322: 54_768, 323: 54_768}, tile=(16, 16), compression="zlib"),
    "tile_lzw.tif": tiff({322: 54_768, 323: 54_768, 259: 5}, tile=(16, 16)),
    "inflates.tif": tiff_that_inflates(),
    "channels.tif": tiff({256: 2_000, 257: 2_000, 277: 60_000}),
    "depth.tif": tiff({256: 2_000, 257: 2_000, 278: 2**31}),
    "tags.tif": tiff_of_many_tags(),
    "directories.tif": tiff_of_directories(),
}
if "AVIF" in Image.SAVE or Image.registered_extensions().get(".avif") == "AVIF":
    BOMBS["size.avif"] = avif(30_000, 30_000)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_bombs_are_refused_before_memory_is_taken(tmp_path):
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "aaa.png").write_bytes(png(4, 4))  # the first loads what reading needs
    paths = sorted(map(str, tmp_path.iterdir()))
    found = subprocess.run(
        [sys.executable, "-c", READ, *paths], capture_output=True, text=True, check=True
    )
    rows = [line.split("|") for line in found.stdout.splitlines()]
    assert len(rows) == len(paths)
    for name, taken, seconds, said in rows[1:]:
        # A profile that is not of this world is copied as damaged, and not expanded.
        expected = "read" if name == "profile.png" else "is damaged or truncated"
        assert said.startswith(expected), (name, said)
        assert int(taken) < 150, (name, taken, said)
        assert float(seconds) < 2, (name, seconds)
