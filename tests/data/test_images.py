import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_simgan.data import ImageError, list_images, read_image, resize, write_image

random = np.random.default_rng(0)


def picture(height=24, width=40, channels=3, dtype="uint8"):
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels)).astype(dtype)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lossless_round_trip(tmp_path, suffix, channels, dtype):
    image = picture(channels=channels, dtype=dtype)
    path = tmp_path / "sub" / f"a{suffix}"
    if suffix == ".bmp" and dtype == "uint16":
        with pytest.raises(ImageError, match="holds uint8, not uint16"):
            write_image(path, image)
        return
    write_image(path, image)
    again = read_image(path)
    assert again.dtype == dtype
    # The bmp of 32 bits is the one format whose fourth channel readers disagree about.
    np.testing.assert_array_equal(again[..., :3], image[..., :3])
    if suffix != ".bmp":
        np.testing.assert_array_equal(again, image)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


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


def test_bad_files(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "a.webp").touch()
    Image.fromarray(np.zeros((4, 4), "float32")).save(tmp_path / "float.tiff")
    for name, match in {
        "text.png": "not an image, 10 bytes",
        "empty.png": "not an image, 0 bytes",
        "a.webp": "unsupported format. Convert it to one of .png",
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
    with pytest.raises(ImageError, match="only gray"):
        read_image(tmp_path / "c.png", channels=5, convert_channels=True)


def test_bad_writes(tmp_path):
    for name, image, match in [
        ("a.gif", picture(), "use one of"),
        ("a.png", picture()[..., 0], "expected \\(height, width, 1, 3 or 4\\)"),
        ("a.png", picture(channels=4)[..., :2], "expected \\(height, width"),
        ("a.png", picture().astype("float32"), "not float32"),
        ("a.jpg", picture(channels=4), "no alpha"),
        ("a.jpg", picture(dtype="uint16"), "not uint16"),
    ]:
        with pytest.raises(ImageError, match=match):
            write_image(tmp_path / name, image)
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
