"""What image files hold besides their pixels stays, and what is about the old pixels goes."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin

from keras_simgan.data import ImageError, read_image, write_image
from keras_simgan.data.images import decode_image, encode_image

random = np.random.default_rng(0)
PROFILE = random.bytes(700)
HAS_AVIF = ".avif" in Image.registered_extensions() and "AVIF" in Image.SAVE


def picture(height=20, width=32, channels=3, dtype="uint8"):
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


def smooth(height=40, width=64):
    """A picture as photos are: what formats that lose something are made for."""
    small = picture(5, 8) // 2 + 64
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def saved(kind, image=None, **options):
    content = io.BytesIO()
    Image.fromarray(picture() if image is None else image).save(content, kind, **options)
    return content.getvalue()


def exif(orientation=6):
    block = Image.Exif()
    block[ExifTags.Base.Orientation], block[ExifTags.Base.Make] = orientation, "Camera"
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLength] = 50.0
    block.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    return block


def exif_with_thumbnail(thumbnail, behind=b""):
    """EXIF of an orientation, and in a second directory a thumbnail."""
    tag, end = struct.Struct("<HHII").pack, bytes(4)
    first = struct.pack("<H", 1) + tag(274, 3, 1, 6) + struct.pack("<I", 26)
    second = struct.pack("<H", 2) + tag(513, 4, 1, 56) + tag(514, 4, 1, len(thumbnail)) + end
    return b"II*\0\x08\0\0\0" + first + second + thumbnail + behind


def written_again(content, name="a"):
    """What refining with a network that changes nothing writes."""
    image, metadata = decode_image(name, content)
    return encode_image(name, image, metadata)


def opened(content):
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", *(["AVIF"] if HAS_AVIF else [])])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_stays_and_pixels_lie_as_they_did(kind, orientation):
    options = {"PNG": {}, "JPEG": {"quality": 98}, "WEBP": {"lossless": True}}.get(kind, {})
    content = saved(kind, smooth(20, 32), exif=exif(orientation), icc_profile=PROFILE, **options)
    image, metadata = decode_image("a", content)
    assert image.shape == ((32, 20, 3) if orientation > 4 else (20, 32, 3))
    assert metadata.profile == PROFILE
    old, new = opened(content), opened(encode_image("a", image, metadata))
    assert new.format == old.format and new.size == old.size
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        assert dict(new.getexif().get_ifd(directory)) == dict(old.getexif().get_ifd(directory))
        assert len(new.getexif().get_ifd(directory))
    assert dict(new.getexif()).keys() == dict(old.getexif()).keys()
    assert new.getexif()[ExifTags.Base.Make] == "Camera"
    assert new.getexif().get(ExifTags.Base.Orientation, 1) == orientation
    assert new.info["icc_profile"] == PROFILE
    distance = np.abs(np.asarray(old).astype(int) - np.asarray(new)).mean()
    assert distance <= (1 if kind in ("JPEG", "AVIF") else 0)


def test_all_chunks_of_a_png_stay_but_those_of_the_pixels():
    text = PngImagePlugin.PngInfo()
    text.add(b"gAMA", struct.pack(">I", 45455))
    text.add(b"cHRM", struct.pack(">8I", *range(31270, 31278)))
    text.add(b"sBIT", bytes((5, 6, 5)))
    text.add(b"bKGD", struct.pack(">3H", 1, 2, 3))
    text.add(b"tIME", bytes(7))
    text.add(b"prVt", b"private", after_idat=True)  # safe to copy, as its last letter says
    text.add(b"prVT", b"of the old pixels")
    text.add_text("Title", "an eye", zip=True)
    text.add_itxt("Author", "N.N.", "en")
    content = saved("PNG", pnginfo=text, dpi=(300, 150), icc_profile=PROFILE)
    new = written_again(content)
    for kept in (b"gAMA", b"cHRM", b"bKGD", b"tIME", b"prVt", b"zTXt", b"iTXt", b"pHYs", b"iCCP"):
        assert new.count(kept) == 1, kept
    assert b"sBIT" not in new and b"prVT" not in new
    assert new.index(b"gAMA") < new.index(b"IDAT") < new.index(b"prVt")
    before, after = opened(content), opened(new)
    np.testing.assert_array_equal(np.asarray(before), np.asarray(after))
    assert after.info == before.info and after.text == before.text


def test_the_background_of_a_palette_stays_a_colour():
    background = PngImagePlugin.PngInfo()
    background.add(b"bKGD", b"\1")
    image = Image.new("P", (4, 4))
    image.putpalette([0, 0, 0, 10, 20, 30])
    content = io.BytesIO()
    image.save(content, "PNG", pnginfo=background)
    new = written_again(content.getvalue())
    place = new.index(b"bKGD") + 4
    assert new[place : place + 6] == struct.pack(">3H", 10, 20, 30)


def test_all_segments_of_a_jpeg_stay_but_those_of_the_pixels():
    old_pixels = b"\xff\xd8 a thumbnail of the old pixels \xff\xd9"
    resources = b"".join(
        b"8BIM" + struct.pack(">HHI", code, 0, len(part)) + part + bytes(len(part) % 2)
        for code, part in ((1036, old_pixels), (1028, b"\x1c\2\x50\0\1N"))
    )
    xmp = b"<x><xmpGImg:image>" + old_pixels + b"</xmpGImg:image><dc:title/></x>"
    content = saved(
        "JPEG", exif=b"Exif\0\0" + exif_with_thumbnail(old_pixels), dpi=(300, 300), comment="kept"
    )
    extra = b""
    for marker, part in {
        0xE1: b"http://ns.adobe.com/xap/1.0/\0" + xmp,
        0xED: b"Photoshop 3.0\0" + resources,
        0xE7: b"of some camera",
        0xEB: b"JP a signature of the old pixels",
    }.items():
        extra += struct.pack(">BBH", 0xFF, marker, len(part) + 2) + part
    content = content[:20] + extra + content[20:]  # behind the JFIF header
    assert content.count(old_pixels) == 3
    new = written_again(content)
    before, after = opened(content), opened(new)
    assert old_pixels not in new and b"signature" not in new and b"of some camera" in new
    assert b"<dc:title/>" in new and b"\x1c\2\x50\0\1N" in new
    assert after.info["comment"] == b"kept" and after.info["dpi"] == (300, 300)
    assert dict(after.getexif()) == dict(before.getexif()) == {274: 6}
    assert not after.getexif().get_ifd(ExifTags.IFD.IFD1)
    assert after.size == before.size and JpegImagePlugin.get_sampling(after) == 0  # 4:4:4


def test_what_lies_behind_a_thumbnail_stays_in_its_place():
    content = saved("JPEG", exif=b"Exif\0\0" + exif_with_thumbnail(b"old pixels", b"maker note"))
    new = written_again(content)
    assert b"old pixels" not in new
    assert b"\0" * 10 + b"maker note" in new


def test_a_broken_exif_block_stays_as_it_is():
    block = b"Exif\0\0II*\0\x08\0\0\0\xff\xff broken"
    assert block in written_again(saved("JPEG", exif=block))


def test_jpeg_loses_less_than_a_level():
    for options in ({"quality": 60}, {"quality": 93}, {"quality": 99, "subsampling": 2}):
        for image in (smooth(), picture()):  # noise is the worst of it
            content = saved("JPEG", image, **options)
            old, new = opened(content), opened(written_again(content))
            assert np.abs(np.asarray(old).astype(int) - np.asarray(new)).mean() < 1


def test_a_jpeg_without_jfif_header_stays_without():
    content = saved("JPEG")
    content = content[:2] + content[20:]
    assert "jfif" not in opened(written_again(content)).info


def test_multi_picture_files_are_refused():
    frames = [Image.fromarray(picture()) for _ in range(2)]
    content = io.BytesIO()
    frames[0].save(content, "MPO", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="a.jpg' cannot be written again.*further pictures.*Conv"):
        decode_image("a.jpg", content.getvalue())


@pytest.mark.parametrize("kind", ["WEBP", *(["AVIF"] if HAS_AVIF else [])])
def test_moving_pictures_of_webp_and_avif_are_refused(kind, tmp_path):
    frames = [Image.fromarray(picture(64, 64)) for _ in range(2)]
    path = tmp_path / f"a.{kind.lower()}"
    frames[0].save(path, kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ImageError, match="cannot be written again.*animation.*on_bad_image"):
        decode_image(path, path.read_bytes())
    assert read_image(path).shape == (64, 64, 3)


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_is_lossless(tmp_path, channels):
    image = picture(channels=channels)
    write_image(tmp_path / "a.webp", image, PROFILE)
    np.testing.assert_array_equal(read_image(tmp_path / "a.webp"), image)
    new = cv2.imread(str(tmp_path / "a.webp"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(new[..., [2, 1, 0, 3][:channels]], image)
    lossy = saved("WEBP", image, xmp=b"<x/>", icc_profile=PROFILE, exact=True)
    old, new = opened(lossy), opened(written_again(lossy))
    np.testing.assert_array_equal(np.asarray(old), np.asarray(new))
    assert new.info["xmp"] == b"<x/>" and new.info["icc_profile"] == PROFILE
    with pytest.raises(ImageError, match="holds 3, 4 channels, not 1 channel"):
        write_image(tmp_path / "gray.webp", image[..., :1])
    with pytest.raises(ImageError, match="WebP cannot hold an image of 16384x1"):
        write_image(tmp_path / "wide.webp", np.zeros((1, 16384, 3), "uint8"))


@pytest.mark.skipif(not HAS_AVIF, reason="this Pillow has no AVIF")
def test_avif_loses_less_than_a_level(tmp_path):
    image = smooth()
    write_image(tmp_path / "a.avif", image, PROFILE)
    assert np.abs(read_image(tmp_path / "a.avif").astype(int) - image).mean() < 1
    content = (tmp_path / "a.avif").read_bytes()
    place = content.index(b"av1C") + 6
    deep = content[:place] + bytes((content[place] | 0x40,)) + content[place + 1 :]
    with pytest.raises(ImageError, match="AVIF of 10 or 12 bits; expected 8"):
        decode_image("a.avif", deep)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_tags_of_a_tiff_stay(byteorder, bigtiff):
    image = picture(channels=4)  # red, green, blue and near infrared
    content = io.BytesIO()
    tifffile.imwrite(
        content,
        image,
        photometric="rgb",
        extrasamples=["unspecified"],
        byteorder=byteorder,
        bigtiff=bigtiff,
        resolution=(300, 150),
        resolutionunit="inch",
        description="a field",
        software="a satellite",
        iccprofile=PROFILE,
        extratags=[
            (274, 3, 1, 6, True),
            (33550, 12, 3, (0.5, 0.5, 0.0), True),
            (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4100000.0, 0.0), True),
            (34735, 3, 4, (1, 1, 0, 0), True),
            (42113, 2, 5, "-999", True),
            (65000, 7, 9, b"private\0\1", True),
            (280, 3, 1, 0, True),
        ],
        metadata=None,
    )
    assert decode_image("a", content.getvalue())[0].shape == (32, 20, 4)
    new = written_again(content.getvalue())
    source = io.BytesIO(content.getvalue())
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(io.BytesIO(new)) as after:
        assert (after.byteorder, after.is_bigtiff) == (byteorder, bigtiff)
        old, page = before.pages.first, after.pages.first
        assert page.extrasamples == old.extrasamples == (0,)  # not alpha
        for tag in old.tags:
            if tag.code not in (259, 273, 278, 279, 280, 317):  # how it is stored
                assert str(page.tags[tag.code].value) == str(tag.value), tag
        assert 280 not in page.tags  # the lowest of the old values
        np.testing.assert_array_equal(page.asarray(), old.asarray())


def test_exif_in_a_tiff_stays():
    block = Image.Exif()
    block.load(exif(1).tobytes())
    content = saved("TIFF", exif=block, dpi=(72, 72))
    new = opened(written_again(content))
    assert new.getexif().get_ifd(ExifTags.IFD.Exif) == {ExifTags.Base.FocalLength: 50.0}
    assert new.getexif().get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert new.info["dpi"] == (72, 72)


def test_planes_of_a_tiff_stay_planes():
    image = picture(channels=5, dtype="uint16")
    content = io.BytesIO()
    tifffile.imwrite(
        content, np.moveaxis(image, -1, 0), photometric="minisblack", planarconfig="separate"
    )
    new = written_again(content.getvalue())
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(new)), np.moveaxis(image, -1, 0))


def test_further_images_in_a_tiff_are_refused():
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as file:
        file.write(picture(), photometric="rgb", subifds=1)
        file.write(picture(10, 16), photometric="rgb")
    with pytest.raises(ImageError, match="a.tif' cannot be written again.*further images"):
        decode_image("a.tif", content.getvalue())


def test_the_resolution_of_a_bmp_stays():
    content = saved("BMP", dpi=(300, 150))
    assert opened(written_again(content)).info["dpi"] == opened(content).info["dpi"]


def test_what_other_networks_change_is_not_said_to_be_as_it_was():
    """Colours made of gray: the file's own word on its channels holds no more."""
    content = io.BytesIO()
    tifffile.imwrite(content, picture(channels=1)[..., 0], photometric="miniswhite")
    metadata = decode_image("a.tif", content.getvalue())[1]
    image = picture()
    new = encode_image("a.tif", image, metadata)
    np.testing.assert_array_equal(np.asarray(opened(new)), image)


def test_a_bmp_or_tiff_that_is_not_read_says_what_it_is():
    header = struct.pack("<2sIHHIIiiHHII", b"BM", 60, 0, 0, 54, 40, 1, 1, 1, 2, 0, 4)
    with pytest.raises(ImageError, match="is a BMP that is not read here .*pixel depth.*to .png"):
        decode_image("a.bmp", header + bytes(20))
    content = io.BytesIO()
    tifffile.imwrite(content, picture(), photometric="rgb", byteorder="<")
    lab = content.getvalue().replace(
        struct.pack("<HHIH", 262, 3, 1, 2), struct.pack("<HHIH", 262, 3, 1, 8)
    )
    with pytest.raises(ImageError, match="3 channels of 8 bits as CIELAB.*Save it as gray or RGB"):
        decode_image("a.tif", lab)


def test_a_wrong_checksum_is_damage():
    content = bytearray(saved("PNG"))
    content[content.index(b"IDAT") + 30] ^= 1
    with pytest.raises(ImageError, match="checksum of its chunk b'IDAT' is wrong"):
        decode_image("a.png", bytes(content))


def test_text_that_expands_is_copied_and_not_expanded():
    text = b"Comment\0\0" + zlib.compress(bytes(2**26))
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + text))
    content = saved("PNG")
    assert chunk in written_again(content[:33] + chunk + content[33:])
