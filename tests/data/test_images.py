import io
import struct
import tempfile
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from keras_simgan.data import (
    ImageError,
    list_images,
    read_image,
    read_image_with_profile,
    resize,
    write_image,
)

random = np.random.default_rng(0)


def picture(height=24, width=40, channels=3, dtype="uint8"):
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def pillow(path):
    """The pixels as Pillow reads them: 8 bits, but for gray."""
    with Image.open(path) as file:
        pixels = np.asarray(file)
    return pixels.reshape(*pixels.shape[:2], -1)


ANY_PROFILE = random.bytes(3_000)
LARGE_PROFILE = random.bytes(150_000)  # more than a JPEG segment holds


@pytest.mark.parametrize("profile", [None, ANY_PROFILE, LARGE_PROFILE])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    "suffix, channels",
    [(suffix, n) for suffix in (".png", ".tif", ".tiff") for n in (1, 2, 3, 4)]
    + [(".tif", n) for n in (5, 8, 13)]
    + [(".bmp", n) for n in (1, 3, 4)],
)
def test_lossless_round_trip(tmp_path, suffix, channels, dtype, profile):
    image = picture(channels=channels, dtype=dtype)
    path = tmp_path / "sub" / f"a{suffix}"
    if suffix == ".bmp" and (dtype == "uint16" or profile is not None):
        match = "holds uint8, not uint16" if dtype == "uint16" else "no place for the colour prof"
        with pytest.raises(ImageError, match=match):
            write_image(path, image, profile)
        return
    write_image(path, image, profile)
    again, found = read_image_with_profile(path)
    assert again.dtype == dtype and found == profile
    # The bmp of 32 bits is the one format whose fourth channel readers disagree about.
    np.testing.assert_array_equal(again[..., :3], image[..., :3])
    if suffix != ".bmp":
        np.testing.assert_array_equal(again, image)
    np.testing.assert_array_equal(read_image(path), again)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    # Another reader finds the same.
    if channels > 4 or (suffix != ".png" and channels == 2 and dtype == "uint16"):
        np.testing.assert_array_equal(tifffile.imread(path), image)
        return
    with Image.open(path) as file:
        assert file.info.get("icc_profile") == profile
    if channels == 1 or dtype == "uint8":
        np.testing.assert_array_equal(pillow(path)[..., :3], image[..., :3])
    elif suffix == ".png":
        read = pillow(path)[..., [0, 3]] if channels == 2 else pillow(path)
        assert np.abs(read.astype(int) - (image >> 8)).max() <= 1
    else:
        np.testing.assert_array_equal(tifffile.imread(path), image)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("profile", [None, ANY_PROFILE, LARGE_PROFILE])
def test_jpeg_keeps_the_profile(tmp_path, channels, profile):
    path = tmp_path / "a.jpeg"
    write_image(path, np.full((24, 40, channels), 90, "uint8"), profile)
    again, found = read_image_with_profile(path)
    assert found == profile and again.shape == (24, 40, channels)
    assert np.abs(again.astype(int) - 90).max() <= 2
    with Image.open(path) as file:
        assert file.info.get("icc_profile") == profile and file.size == (40, 24)
    if profile is not None:  # segments count from 1, which Pillow does not insist on
        parts = -(-len(profile) // 65519)
        assert path.read_bytes().index(b"ICC_PROFILE\0" + bytes((1, parts))) < 60
    np.testing.assert_array_equal(pillow(path), again)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_profile_of_another_program(tmp_path, suffix):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    smooth = np.tile(np.arange(40, dtype="uint8")[:, None] * 3, (24, 1, 3))
    Image.fromarray(smooth).save(tmp_path / f"a{suffix}", icc_profile=profile)
    image, found = read_image_with_profile(tmp_path / f"a{suffix}")
    assert found == profile
    write_image(tmp_path / f"b{suffix}", image, found)
    assert read_image_with_profile(tmp_path / f"b{suffix}")[1] == profile


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_tiffs_of_another_program(tmp_path, mode, compression):
    pixels = picture(channels=4)
    if mode == "I;16":
        source = Image.fromarray(picture(channels=1, dtype="uint16")[..., 0])
    else:
        source = Image.fromarray(pixels).convert("RGB" if mode == "P" else mode).convert(mode)
    source.save(tmp_path / "a.tif", compression=compression)
    expected = np.asarray(source.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    found, _ = read_image_with_profile(tmp_path / "a.tif")
    np.testing.assert_array_equal(found, expected.reshape(found.shape))
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiff_layouts(tmp_path, dtype, channels, photometric, planes):
    if photometric == "rgb" and channels < 3:
        return
    image = picture(channels=channels, dtype=dtype)
    stored = {"contig": image, "separate": np.moveaxis(image, -1, 0)}[planes]
    for name, options in {"strips": {"rowsperstrip": 5}, "tiles": {"tile": (16, 16)}}.items():
        tifffile.imwrite(
            tmp_path / f"{name}.tif",
            stored if channels > 1 else image[..., 0],
            photometric=photometric,
            planarconfig=planes if channels > 1 else None,
            byteorder=">" if channels % 2 else "<",
            **options,
        )
        white_is_zero = photometric == "miniswhite"
        expected = np.iinfo(dtype).max - image if white_is_zero else image
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.tif"), expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_tiffs_of_opencv(tmp_path, channels, dtype):
    image = picture(channels=channels, dtype=dtype)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    cv2.imwrite(str(tmp_path / "a.tif"), image[..., order])  # compressed by LZW
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), image)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pngs_of_another_program(tmp_path, mode):
    if mode == "I;16":
        source = Image.fromarray(picture(channels=1, dtype="uint16")[..., 0])
    else:
        source = Image.fromarray(picture(channels=4)).convert("RGB").convert(mode)
    source.save(tmp_path / "a.png")
    expected = np.asarray(source.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    found = read_image(tmp_path / "a.png")
    np.testing.assert_array_equal(found, expected.reshape(found.shape))
    assert found.dtype == expected.dtype


def test_one_transparent_colour_is_alpha(tmp_path):
    gray = np.array([[10, 20, 30]], "uint8")
    Image.fromarray(gray).save(tmp_path / "8.png", transparency=20)
    assert read_image(tmp_path / "8.png").tolist() == [[[10, 255], [20, 0], [30, 255]]]
    Image.fromarray(gray.astype("uint16") * 999).save(tmp_path / "16.png", transparency=9990)
    found = read_image(tmp_path / "16.png")
    assert found.tolist() == [[[9990, 0], [19980, 65535], [29970, 65535]]]
    Image.fromarray(np.repeat(gray[..., None], 3, -1)).save(
        tmp_path / "c.png", transparency=(30, 30, 30)
    )
    assert read_image(tmp_path / "c.png")[..., 3].tolist() == [[255, 255, 0]]


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def test_a_chunk_whose_kind_is_no_letters(tmp_path):
    write_image(tmp_path / "a.png", picture())
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:33] + chunk(b"s\xbb\nc", b"abc") + content[33:])
    with pytest.raises(ImageError, match="a chunk of the kind.*expected four letters"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_fewer_bits_become_8(tmp_path, bits):
    most = 2**bits - 1
    row = bytes([0, most << (8 - bits) | 1])  # no filter; the first pixel is white
    content = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", 8 // bits, 1, bits, 0, 0, 0, 0)
    )
    end = chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content + end)
    found = read_image(tmp_path / "a.png")[0, :, 0]
    assert (found[0], found[-1]) == (255, 255 // most) and not found[1:-1].any()
    (tmp_path / "a.png").write_bytes(content + chunk(b"tRNS", struct.pack(">H", 1)) + end)
    found, alpha = read_image(tmp_path / "a.png")[0].T
    np.testing.assert_array_equal(alpha, np.where(found == 255 // most, 0, 255))
    assert 0 in alpha and 255 in alpha


def test_what_cannot_be_kept_is_said(tmp_path):
    cmyk = Image.fromarray(picture(channels=4), "CMYK")
    frames = [Image.fromarray(picture()) for _ in range(2)]
    cmyk.save(tmp_path / "cmyk.jpg")
    cmyk.save(tmp_path / "cmyk.tif")
    frames[0].save(tmp_path / "pages.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    write_image(tmp_path / "v5.bmp", picture())
    content = bytearray((tmp_path / "v5.bmp").read_bytes())
    header = bytearray(124)
    header[:40] = content[14:54]
    header[:4], header[56:60] = (124).to_bytes(4, "little"), b"DEBM"
    content[10:14] = (14 + 124).to_bytes(4, "little")
    (tmp_path / "v5.bmp").write_bytes(content[:14] + header + content[54:])
    write_image(tmp_path / "broken.png", picture(), ANY_PROFILE)
    content = bytearray((tmp_path / "broken.png").read_bytes())
    place = content.index(b"iCCP")
    length = int.from_bytes(content[place - 4 : place], "big")
    content[place + 20] ^= 0xFF  # inside what is compressed, with the checksum of the damage
    checksum = zlib.crc32(content[place : place + 4 + length])
    content[place + 4 + length : place + 8 + length] = checksum.to_bytes(4, "big")
    (tmp_path / "broken.png").write_bytes(content)
    for name, match in {
        "broken.png": "profile is damaged",
        "cmyk.jpg": "colours are CMYK",
        "cmyk.tif": "colours are CMYK",
        "pages.tif": "more than one page",
        "moving.png": "animation",
        "v5.bmp": "colour profile",
    }.items():
        assert read_image(tmp_path / name).shape == (24, 40, 3)
        with pytest.raises(ImageError, match=f"{name}' cannot be written again.*{match}.*Convert"):
            read_image_with_profile(tmp_path / name)


def test_tiffs_that_are_not_read(tmp_path):
    tifffile.imwrite(tmp_path / "pre.tif", picture(channels=4), extrasamples=["assocalpha"])
    tifffile.imwrite(tmp_path / "int.tif", picture(channels=1)[..., 0].astype("int16"))
    tifffile.imwrite(tmp_path / "long.tif", picture(channels=1)[..., 0].astype("uint32"))
    tifffile.imwrite(
        tmp_path / "lzw.tif", FIVE, photometric="minisblack", planarconfig="contig", byteorder="<"
    )
    planes = np.moveaxis(picture(dtype="uint16"), -1, 0)
    tifffile.imwrite(
        tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate", byteorder="<"
    )
    tifffile.imwrite(tmp_path / "webp.tif", picture(), photometric="rgb", byteorder="<")
    Image.fromarray(picture(channels=1)[..., 0] > 99).save(
        tmp_path / "fax.tif", compression="group4"
    )
    for name, code in {"lzw.tif": 5, "planes.tif": 5, "webp.tif": 50001}.items():
        content = (tmp_path / name).read_bytes()
        # The tag of the compression: code 259, type short, one value.
        tag = b"\x03\x01\x03\0\1\0\0\0"
        content = content.replace(tag + b"\1\0", tag + struct.pack("<H", code))
        (tmp_path / name).write_bytes(content)
    for name, match in {
        "pre.tif": "multiplied by alpha. Save it with straight",
        "int.tif": "int16 values; expected 8 or 16 bits",
        "long.tif": "uint32 values; expected 8 or 16 bits",
        "planes.tif": "3 channels of 16 bits compressed by LZW",
        "fax.tif": "1 channels of 1 bits compressed by CCITTFAX4.*Save it uncompressed",
        "lzw.tif": "5 channels of 8 bits compressed by LZW.*Save it uncompressed",
        "webp.tif": "3 channels of 8 bits compressed by WEBP.*Save it uncompressed",
    }.items():
        with pytest.raises(ImageError, match=match) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)


def test_bmps_with_old_palettes_and_with_16_bits(tmp_path):
    """OS/2's palettes have 3 bytes a colour, and 5 bits of 31 are all of a colour."""
    start = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + 12 + 3 * 256)
    short = struct.pack("<IHHHH", 12, 2, 1, 1, 8)
    palette = bytes([10, 20, 30, 40, 50, 60]) + bytes(3 * 254)  # blue, green, red
    (tmp_path / "os2.bmp").write_bytes(start + short + palette + bytes([1, 0, 0, 0]))
    assert read_image(tmp_path / "os2.bmp").tolist() == [[[60, 50, 40], [30, 20, 10]]]
    grays = bytes([10, 10, 10, 40, 40, 40]) + bytes(3 * 254)
    (tmp_path / "gray.bmp").write_bytes(start + short + grays + bytes([1, 0, 0, 0]))
    assert read_image(tmp_path / "gray.bmp").tolist() == [[[40], [10]]]
    start = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + 40)
    header = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 0, 4, 0, 0, 0, 0)
    (tmp_path / "555.bmp").write_bytes(start + header + struct.pack("<HH", 31 << 10, 31 << 5 | 31))
    assert read_image(tmp_path / "555.bmp").tolist() == [[[255, 0, 0], [0, 255, 255]]]


def test_jpeg_keeps_the_colours_of_each_pixel(tmp_path):
    image = np.zeros((16, 16, 3), "uint8")
    image[:, ::2], image[:, 1::2] = (230, 30, 30), (30, 30, 230)
    write_image(tmp_path / "a.jpg", image)
    with Image.open(tmp_path / "a.jpg") as file:
        assert JpegImagePlugin.get_sampling(file) == 0  # 4:4:4
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - image).max() < 20


def test_colours_are_in_rgb_order(tmp_path):
    Image.fromarray(np.full((4, 4, 3), (200, 100, 0), "uint8")).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, 0].tolist() == [200, 100, 0]
    write_image(tmp_path / "b.png", read_image(tmp_path / "a.png"))
    assert np.asarray(Image.open(tmp_path / "b.png"))[0, 0].tolist() == [200, 100, 0]


def test_jpeg_is_close(tmp_path):
    smooth = np.linspace(0, 255, 40 * 24).reshape(24, 40, 1).astype("uint8")
    write_image(tmp_path / "a.jpg", smooth)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - smooth).max() < 10
    assert read_image(tmp_path / "a.jpg").shape == smooth.shape


def test_photos_are_turned_upright(tmp_path):
    pixels = np.zeros((8, 16), "uint8")
    pixels[:, 8:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise: what is right comes to the bottom
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=exif)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (16, 8, 1)
    assert image[:6].max() < 20 and image[10:].min() > 235


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_every_orientation(tmp_path, mode, suffix, orientation):
    if suffix == ".jpg" and mode not in ("L", "RGB"):
        return
    pixels = np.kron(picture(2, 3, 4), np.ones((8, 8, 1), "uint8"))
    if mode == "I;16":
        source = Image.fromarray(pixels[..., 0].astype("uint16") * 257)
    else:
        source = Image.fromarray(pixels).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if suffix == ".jpg" else {}
    source.save(tmp_path / f"a{suffix}", exif=exif, **options)
    source.save(tmp_path / "expected.png", exif=exif)
    with Image.open(tmp_path / "expected.png") as file:
        expected = np.asarray(ImageOps.exif_transpose(file))
    found = read_image(tmp_path / f"a{suffix}")
    off = found.astype(int) - expected.reshape(found.shape)
    assert np.abs(off).max() <= (8 if suffix == ".jpg" else 0)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "suffix, dtype, channels",
    [
        (".png", "uint8", 1),
        (".png", "uint16", 3),
        (".jpg", "uint8", 1),
        (".jpg", "uint8", 3),
        (".bmp", "uint8", 3),
        (".tiff", "uint16", 1),
        (".tiff", "uint8", 3),
    ],
)
def test_truncated_file(tmp_path, suffix, dtype, channels, kept):
    path = tmp_path / f"cut{suffix}"
    write_image(path, picture(channels=channels, dtype=dtype))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(ImageError, match=rf"cut\{suffix}' is damaged or truncated.*on_bad_image"):
        read_image(path)


def test_truncated_file_when_the_decoder_is_lenient(tmp_path, monkeypatch):
    # Older OpenCV versions return the upper half of a truncated JPEG.
    path = tmp_path / "cut.jpg"
    write_image(path, picture())
    path.write_bytes(path.read_bytes()[:-200])
    monkeypatch.setattr(cv2, "imdecode", lambda *_: picture())
    with pytest.raises(ImageError, match="truncated"):
        read_image(path)


def test_damaged_inside(tmp_path):
    path = tmp_path / "a.png"
    write_image(path, picture())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ImageError, match="damaged"):
        read_image(path)


FIVE = picture(channels=5)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_tiff_of_opencv(tmp_path, orientation):
    image = picture(channels=3, dtype="uint16")
    content = cv2.imencode(".tif", image[..., ::-1])[1].tobytes()  # compressed by LZW
    # The tag of the planes, which says what is the default, becomes that of the orientation.
    place = content.index(struct.pack("<HHIH", 284, 3, 1, 1))
    tag = struct.pack("<HHIH", 274, 3, 1, orientation)
    (tmp_path / "a.tif").write_bytes(content[:place] + tag + content[place + len(tag) :])
    expected = image.swapaxes(0, 1) if orientation > 4 else image
    expected = expected[:, ::-1] if orientation in (2, 3, 6, 7) else expected
    expected = expected[::-1] if orientation in (3, 4, 7, 8) else expected
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)


def seeds():
    """Small whole files of every kind, by suffix."""
    files = []
    gray, colour = Image.fromarray(picture(channels=1)[..., 0]), Image.fromarray(picture())
    for suffix, kind in ((".png", "PNG"), (".jpg", "JPEG"), (".bmp", "BMP"), (".tif", "TIFF")):
        for image in (gray, colour):
            content = io.BytesIO()
            options = {} if kind == "BMP" else {"icc_profile": ANY_PROFILE[:40]}
            image.save(content, kind, **options)
            files.append((suffix, content.getvalue()))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        content = io.BytesIO()
        colour.save(content, "TIFF", compression=compression)
        files.append((".tif", content.getvalue()))
    for options in ({"tile": (16, 16)}, {"rowsperstrip": 5, "byteorder": ">"}, {"bigtiff": True}):
        content = io.BytesIO()
        tifffile.imwrite(content, FIVE, photometric="minisblack", planarconfig="contig", **options)
        files.append((".tif", content.getvalue()))
    content = io.BytesIO()
    colour.quantize(7).save(content, "PNG", transparency=0)
    files.append((".png", content.getvalue()))
    files.append((".png", cv2.imencode(".png", picture(dtype="uint16"))[1].tobytes()))
    files.append((".tif", cv2.imencode(".tif", picture(dtype="uint16"))[1].tobytes()))
    return files


SEEDS = seeds()


@settings(max_examples=400)
@given(st.data())
def test_damaged_files_are_read_or_refused(data):
    suffix, content = data.draw(st.sampled_from(SEEDS))
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers are at the front, but those of TIFF may be at the end.
        near = st.integers(0, min(200, len(content) - 1))
        place = data.draw(near | near.map(lambda i: len(content) - 1 - i))
        what = data.draw(st.sampled_from(["flip", "bytes", "huge", "cut"]))
        if what == "flip":
            content[place] ^= 1 << data.draw(st.integers(0, 7))
        elif what == "bytes":
            new = data.draw(st.binary(min_size=1, max_size=4))
            content[place : place + len(new)] = new
        elif what == "huge":
            content[place : place + 4] = b"\xff\xff\xff\x7f"
        elif len(content) > 1:
            del content[max(place, 1) :]
    read_or_refuse(suffix, bytes(content))


@settings(max_examples=100)
@given(
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0"]
    ),
    st.binary(max_size=300),
    st.sampled_from([".png", ".jpg", ".bmp", ".tif"]),
)
def test_random_bytes_are_refused(start, content, suffix):
    read_or_refuse(suffix, start + content)


def read_or_refuse(suffix, content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        began = time.process_time()
        with warnings.catch_warnings():
            # Pillow and tifffile warn of what they read over.
            warnings.simplefilter("ignore")
            try:
                image, _ = read_image_with_profile(path)
            except ImageError as error:
                assert str(path) in str(error)
            else:
                assert image.dtype in ("uint8", "uint16") and image.ndim == 3 and image.size
                assert image.nbytes <= 2**27
        assert time.process_time() - began < 20


def png_claiming(width, height):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = io.BytesIO()
    Image.fromarray(picture(4, 4)).save(content, "PNG")
    content = content.getvalue()
    checksum = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return content[:16] + header + checksum + content[33:]


def png_with_a_chunk_of(length):
    """OpenCV takes as much memory as the chunk says that it has bytes."""
    content = io.BytesIO()
    Image.fromarray(picture(4, 4)).save(content, "PNG")
    content = content.getvalue()
    place = content.index(b"IDAT")
    return content[: place - 4] + struct.pack(">I", length) + content[place:]


def tiff_claiming(side, channels=1, one_strip=False):
    content = io.BytesIO()
    image, planes = picture(4, 4, channels), "contig" if channels > 1 else None
    image = image if channels > 1 else image[..., 0]
    tifffile.imwrite(content, image, photometric="minisblack", planarconfig=planes, byteorder="<")
    content = bytearray(content.getvalue())
    # Width, height and rows in a strip, a long each.
    for code in (256, 257, 278) if one_strip else (256, 257):
        place = content.index(struct.pack("<HHII", code, 4, 1, 4))
        content[place + 8 : place + 12] = struct.pack("<I", side)
    return bytes(content)


@pytest.mark.parametrize(
    "suffix, content, match",
    [
        (".png", png_claiming(13_000, 13_000), "claims 13000x13000 pixels, far more than its"),
        (".png", png_claiming(100_000, 100_000), "claims 100000x100000 pixels, far more"),
        (".png", png_with_a_chunk_of(0xFF7F0149), "the file ends before the image does"),
        (".tif", tiff_claiming(60_000), "claims 60000x60000 pixels, far more"),
        (".tif", tiff_claiming(2**31, 5), "claims 2147483648x2147483648 pixels, far more"),
        (".tif", tiff_claiming(4_000), "ends before the image does"),
        (".tif", tiff_claiming(4_000, 5, one_strip=True), "fewer bytes than pixels"),
    ],
)
def test_lying_headers(tmp_path, suffix, content, match):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with pytest.raises(ImageError, match=rf"a\{suffix}' is damaged or truncated.*{match}"):
                read_image(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_a_large_flat_image_is_no_lie(tmp_path):
    # Deflate makes this 999 times smaller; Pillow alone refuses more than 179 megapixels.
    image = np.zeros((14_000, 14_000, 1), "uint8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        write_image(tmp_path / "a.png", image)
        assert read_image(tmp_path / "a.png").shape == image.shape


def test_bad_files(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "a.webp").touch()
    (tmp_path / "a.gif").touch()
    (tmp_path / "a.tga").touch()
    (tmp_path / "video.png").write_bytes(b"\0\0\0\x20ftypisom" + bytes(20))
    Image.fromarray(np.zeros((4, 4), "float32")).save(tmp_path / "float.tiff")
    Image.fromarray(picture()).save(tmp_path / "gif.png", "GIF")
    for name, match in {
        "text.png": "not an image, 10 bytes",
        "gif.png": "is a GIF by its content.*Convert it to .png",
        "video.png": "is a video by its content.*Save its frames as .png",
        "a.gif": "holds moving pictures.*Save its frames",
        "empty.png": "not an image, 0 bytes",
        "a.webp": "not an image, 0 bytes",
        "a.tga": "unsupported format. Convert it to one of .png",
        "float.tiff": "float32 values; expected 8 or 16 bits",
        "missing.png": "No such file",
    }.items():
        with pytest.raises(ImageError, match=match) as caught:
            read_image(tmp_path / name)
        assert name in str(caught.value)


def test_channels(tmp_path):
    colour = np.full((4, 4, 3), (255, 0, 0), "uint8")
    write_image(tmp_path / "c.png", colour)
    write_image(tmp_path / "g.png", colour[..., :1])
    write_image(tmp_path / "a.png", np.concatenate([colour, colour[..., :1]], -1))
    with pytest.raises(ImageError, match=r"c\.png' has 3 channels \(colour\); expected 1 channel "):
        read_image(tmp_path / "c.png", channels=1)
    with pytest.raises(ImageError, match=r"4 channels \(colour and alpha\).*convert_channels=True"):
        read_image(tmp_path / "a.png", channels=3)
    # ITU-R 601: red counts 0.299.
    gray = read_image(tmp_path / "c.png", channels=1, convert_channels=True)
    assert gray.shape == (4, 4, 1) and set(gray.ravel()) == {76}
    for name in ("g.png", "a.png"):
        image = read_image(tmp_path / name, channels=3, convert_channels=True)
        assert image.shape == (4, 4, 3)
    np.testing.assert_array_equal(image, colour)
    write_image(tmp_path / "la.png", np.concatenate([colour[..., :1], colour[..., 1:2]], -1))
    assert read_image(tmp_path / "la.png").shape == (4, 4, 2)
    for channels in (1, 3):
        image = read_image(tmp_path / "la.png", channels, convert_channels=True)
        np.testing.assert_array_equal(image, np.full((4, 4, channels), 255))
    with pytest.raises(ImageError, match=r"2 channels \(gray and alpha\); expected 1"):
        read_image(tmp_path / "la.png", channels=1)
    with pytest.raises(ImageError, match="only gray"):
        read_image(tmp_path / "c.png", channels=5, convert_channels=True)


def test_bad_writes(tmp_path):
    for name, image, match in [
        ("a.gif", picture(), "use one of"),
        ("a.png", picture()[..., 0], "expected \\(height, width, channels\\)"),
        ("a.tif", picture()[:0], "expected \\(height, width, channels\\)"),
        ("a.png", picture(channels=5), "holds 1, 2, 3, 4 channels, not 5 channels"),
        ("a.bmp", picture(channels=2), "not 2 channels \\(gray and alpha\\)"),
        ("a.png", picture().astype("float32"), "not float32"),
        ("a.jpg", picture(channels=4), "holds 1, 3 channels, not 4 .*alpha"),
        ("a.jpg", picture(dtype="uint16"), "not uint16"),
        ("a.jpg", np.zeros((1, 70_000, 1), "uint8"), "cannot hold an image of 70000x1"),
    ]:
        with pytest.raises(ImageError, match=match):
            write_image(tmp_path / name, image)
    with pytest.raises(ImageError, match="profiles of up to 16707345 bytes, not 17000000"):
        write_image(tmp_path / "a.jpg", picture(), bytes(17_000_000))
    (tmp_path / "file").touch()
    with pytest.raises(ImageError, match="Cannot write"):
        write_image(tmp_path / "file" / "a.png", picture())
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_list_images(tmp_path):
    for name in ["b.PNG", "sub/a.jpg", "notes.txt", ".hidden.png", ".hidden/c.png", "sub/z.tif"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_images(tmp_path) == ["b.PNG", "sub/a.jpg", "sub/z.tif"]
    (tmp_path / "none").mkdir()
    with pytest.raises(ImageError, match="No image in the folder .*none.* Expected files"):
        list_images(tmp_path / "none")
    with pytest.raises(ImageError, match="does not exist"):
        list_images(tmp_path / "absent")
    with pytest.raises(ImageError, match="is a file; expected a folder"):
        list_images(tmp_path / "notes.txt")


def test_resize_averages_areas():
    image = np.array([[0, 100, 10, 30], [100, 200, 50, 30]], "uint8")[..., None]
    np.testing.assert_array_equal(resize(image, (1, 2))[..., 0], [[100, 30]])
    stripes = np.tile(np.array([0, 255], "uint8"), (60, 60))[..., None]
    # Without antialiasing, fine stripes come back as coarse ones.
    assert np.ptp(resize(stripes, (30, 60)).astype(int)) <= 1


def test_resize_keeps_16_bits():
    image = picture(dtype="uint16")
    small = resize(image, (12, 20))
    assert small.dtype == "uint16"
    blocks = image.reshape(12, 2, 20, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - blocks).max() <= 1


sizes = st.tuples(st.integers(1, 20), st.integers(1, 20))


@settings(max_examples=100, deadline=None)
@given(
    sizes, sizes, st.integers(1, 5), st.sampled_from(["uint8", "uint16", "float32"]), st.integers()
)
def test_resize_stays_within_range(size, new_size, channels, dtype, seed):
    image = np.random.default_rng(abs(seed)).random((*size, channels))
    scale = 1.0 if dtype == "float32" else np.iinfo(dtype).max
    image = (image * scale).astype(dtype)
    resized = resize(image, new_size)
    assert resized.shape == (*new_size, channels) and resized.dtype == dtype
    assert resized.min() >= image.min() and resized.max() <= image.max()
    flat = np.full_like(image, image[0, 0, 0])
    np.testing.assert_allclose(resize(flat, new_size), flat[0, 0, 0], rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(sizes, st.integers(1, 4), st.integers(1, 3))
def test_enlarging_by_whole_factors_and_back_returns_close(size, factor, channels):
    rows, columns = np.mgrid[: size[0], : size[1]]
    image = np.repeat((rows * 5 + columns * 5)[..., None], channels, -1).astype("uint8")
    large = resize(image, (size[0] * factor, size[1] * factor))
    assert np.abs(resize(large, size).astype(int) - image).max() <= 3
