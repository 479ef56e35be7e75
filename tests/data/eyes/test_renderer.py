from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_simgan.data.eyes import EyeRenderer
from keras_simgan.data.gaze import pitch_yaw_to_vector

GOLDEN = Path(__file__).parents[2] / "golden" / "rendered_eyes.npz"
LABELS = {
    "gaze": ((2,), np.float32),
    "gaze_optical": ((2,), np.float32),
    "head": ((2,), np.float32),
    "landmarks_eye": ((16, 2), np.float32),
    "landmarks_iris": ((17, 2), np.float32),
    "pupil": ((2,), np.float32),
    "masks": ((36, 60), np.uint8),
    "eye": ((), np.uint8),
}


def assert_same(first, second):
    np.testing.assert_array_equal(first[0], second[0])
    for name in LABELS:
        np.testing.assert_array_equal(first[1][name], second[1][name], err_msg=name)


@pytest.fixture(scope="module")
def eyes():
    return EyeRenderer(seed=5).render(150)


def pixel_scale(labels):
    """Pixels to a millimetre, from the widest chord of the limbus (radius 5.85 mm)."""
    ring = labels["landmarks_iris"][:, 1:]
    return np.linalg.norm(ring[:, :8] - ring[:, 8:], axis=-1).max(axis=1) / (2 * 5.85)


def test_shapes_and_types(eyes):
    images, labels = eyes
    assert images.shape == (150, 36, 60, 1) and images.dtype == np.uint8
    assert set(labels) == set(LABELS)
    for name, (shape, dtype) in LABELS.items():
        assert labels[name].shape == (150, *shape), name
        assert labels[name].dtype == dtype, name
        assert np.isfinite(labels[name]).all(), name


def test_same_seed_same_eyes(eyes):
    images, labels = EyeRenderer(seed=5).render(4)
    assert_same((images, labels), (eyes[0][:4], {k: v[:4] for k, v in eyes[1].items()}))


def test_a_seed_gives_the_people_it_always_gave():
    """A draw more or less would give other people; another processor rounds a few pixels apart."""
    gray, labels = EyeRenderer(seed=5).render(4)
    colour, _ = EyeRenderer((64, 80), channels=3, seed=6).render(3)
    with np.load(GOLDEN) as golden:
        for name, images in {"gray": gray, "colour": colour, "masks": labels.pop("masks")}.items():
            assert images.shape == golden[name].shape
            assert (images != golden[name]).mean() < 0.01, name
        for name, values in labels.items():
            np.testing.assert_allclose(values, golden[name], atol=1e-4, err_msg=name)


def test_other_seed_other_eyes(eyes):
    images, labels = EyeRenderer(seed=6).render(4)
    assert (images != eyes[0][:4]).mean() > 0.5
    assert not np.isclose(labels["gaze"], eyes[1]["gaze"][:4]).any()


def test_no_eye_comes_twice(eyes):
    assert len(np.unique(eyes[1]["gaze"], axis=0)) == 150


@given(cuts=st.lists(st.integers(1, 4), min_size=1, max_size=3), start=st.integers(0, 120))
@settings(max_examples=12, deadline=None)
def test_batch_size_does_not_matter(eyes, cuts, start):
    renderer, at = EyeRenderer(seed=5), start
    for n in cuts:
        whole = eyes[0][at : at + n], {k: v[at : at + n] for k, v in eyes[1].items()}
        assert_same(renderer.render(n, start=at), whole)
        at += n


@pytest.mark.parametrize("size", [(35, 55), (36, 60), (60, 60), (128, 160)])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_and_channels(size, channels):
    images, labels = EyeRenderer(size, channels, seed=2).render(2)
    assert images.shape == (2, *size, channels)
    assert labels["masks"].shape == (2, *size)
    assert images.std(axis=(1, 2, 3)).min() > 4
    if channels == 3:
        assert (images[..., 0] != images[..., 2]).mean() > 0.5


def test_size_and_channels_change_the_picture_not_the_eye():
    small = EyeRenderer((36, 60), 1, seed=8).render(3)[1]
    large = EyeRenderer((108, 180), 3, seed=8).render(3)[1]
    for name in ("gaze", "gaze_optical", "head", "pupil", "eye"):
        np.testing.assert_array_equal(small[name], large[name])
    for name in ("landmarks_eye", "landmarks_iris"):  # pixel centres: 3 (x + 1/2) = x' + 1/2
        np.testing.assert_allclose(3 * small[name] + 1, large[name], atol=1e-3)


def test_iris_stands_where_the_optical_axis_points():
    """The limbus' centre is 10.4 mm along the axis, which turns with the gaze about one point."""
    fixed = {"gaze_std": (0, 0), "head_mean": (0, 0), "head_std": (0, 0), "eye": "left"}
    ahead = EyeRenderer(seed=3, gaze_mean=(0, 0), **fixed).render(6)[1]
    for pitch, yaw in [(0, 20), (0, -20), (15, 0), (-15, 0), (10, 15)]:
        turned = EyeRenderer(seed=3, gaze_mean=(pitch, yaw), **fixed).render(6)[1]
        np.testing.assert_allclose(np.degrees(turned["gaze"]), [[pitch, yaw]] * 6, atol=1e-4)
        moved = turned["landmarks_iris"][:, 0] - ahead["landmarks_iris"][:, 0]
        vectors = [pitch_yaw_to_vector(eyes["gaze_optical"]) for eyes in (turned, ahead)]
        expected = 10.4 * (vectors[0] - vectors[1])[:, :2] * pixel_scale(ahead)[:, None]
        np.testing.assert_allclose(moved, expected, atol=0.35)  # the scale is known to some 5 %
        if yaw:  # looking to the image's left moves the iris left
            assert (np.sign(moved[:, 0]) == -np.sign(yaw)).all()
        if pitch:  # looking up moves it up
            assert (np.sign(moved[:, 1]) == -np.sign(pitch)).all()


def test_limbus_points_run_from_the_temple_downward(eyes):
    labels = eyes[1]
    points = labels["landmarks_iris"]
    left = labels["eye"] == 0  # a right eye's points are mirrored
    right_of, below = points[:, 1] - points[:, 0], points[:, 5] - points[:, 0]
    assert (right_of[left, 0] > 5).all() and (right_of[~left, 0] < -5).all()
    assert (below[:, 1] > 5).all()


def test_glints_lag_behind_the_iris():
    """The cornea's mirror centre is 5.6 mm out, the iris 10.4: a lamp's image moves 0.54 as far."""
    still = {"gaze_std": (0, 0), "head_mean": (0, 0), "head_std": (0, 0), "eye": "left"}
    spots, centres, glinting = [], [], []
    for yaw in (-2, 12):
        renderer = EyeRenderer((108, 180), equalize=False, gaze_mean=(-5, yaw), seed=1, **still)
        images, labels = renderer.render(60)
        bright = np.where(labels["masks"] >= 2, images[..., 0].astype(float), 0)
        spot = bright >= 0.85 * bright.max(axis=(1, 2), keepdims=True)
        iris = np.array([np.median(b[b > 0]) for b in bright])
        spots.append((spot * np.arange(180)).sum(axis=(1, 2)) / spot.sum(axis=(1, 2)))
        glinting.append((bright.max(axis=(1, 2)) > 3 * iris) & (spot.sum(axis=(1, 2)) < 120))
        centres.append(labels["landmarks_iris"][:, 0, 0])
    both = glinting[0] & glinting[1]
    assert both.sum() >= 10
    lag = (spots[1] - spots[0])[both] / (centres[1] - centres[0])[both]
    np.testing.assert_allclose(np.median(lag), 5.6 / 10.4, atol=0.12)


def test_visual_axis_lies_nasal_of_the_optical_one(eyes):
    labels = eyes[1]
    nasal = np.where(labels["eye"] == 0, 1, -1)  # a left eye's nose is on the image's left
    offset = np.degrees(labels["gaze"] - labels["gaze_optical"])
    assert 4.5 < (offset[:, 1] * nasal).mean() < 5.5
    assert (offset[:, 1] * nasal > 0).all()
    assert 0.8 < offset[:, 0].mean() < 1.8


def test_right_eye_mirrors_the_left_one():
    left_images, left = EyeRenderer(seed=4, gaze_mean=(-8, 6), eye="left").render(5)
    right_images, right = EyeRenderer(seed=4, gaze_mean=(-8, -6), eye="right").render(5)
    np.testing.assert_array_equal(right_images, left_images[:, :, ::-1])
    np.testing.assert_array_equal(right["masks"], left["masks"][:, :, ::-1])
    for name in ("gaze", "gaze_optical", "head"):
        np.testing.assert_allclose(right[name], left[name] * [1, -1], atol=1e-6)
    for name in ("landmarks_eye", "landmarks_iris"):
        np.testing.assert_allclose(right[name][..., 0], 59 - left[name][..., 0], atol=1e-4)
        np.testing.assert_array_equal(right[name][..., 1], left[name][..., 1])
    assert (left["eye"] == 0).all() and (right["eye"] == 1).all()


def test_inner_corner_is_on_the_side_of_the_nose(eyes):
    labels = eyes[1]
    toward_temple = labels["landmarks_eye"][:, 8, 0] - labels["landmarks_eye"][:, 0, 0]
    assert (np.sign(toward_temple) == np.where(labels["eye"] == 0, 1, -1)).all()
    assert 40 < np.abs(toward_temple).mean() < 50


def test_pixels_fill_what_the_landmarks_outline(eyes):
    """Masks come from the painted picture, landmarks from the projected model: they agree."""
    labels = eyes[1]
    y, x = np.mgrid[:36, :60]
    for i in range(len(labels["masks"])):
        mask = labels["masks"][i]
        outline = labels["landmarks_eye"][i].astype(np.float32)
        inside = _inside(outline, x, y)
        assert (inside != (mask > 0)).mean() < 0.025, i
        iris = _inside(labels["landmarks_iris"][i, 1:], x, y) & inside
        seen = mask >= 2
        assert (iris != seen).mean() < 0.025, i
        if seen.sum() > 60:
            for points in (x, y):
                assert abs(points[seen].mean() - points[iris].mean()) < 0.6, i


def _inside(polygon, x, y):
    """Even-odd rule."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / np.where(y1 == y0, 1, y1 - y0) + x0)
    return inside


def test_pupil_label_is_the_pupil_in_the_picture():
    wide = {"gaze_mean": (0, 0), "gaze_std": (0, 0), "head_mean": (0, 0), "head_std": (0, 0)}
    labels = EyeRenderer((108, 180), seed=1, **wide).render(20)[1]
    scale = pixel_scale(labels)
    area = np.pi * (labels["pupil"][:, 1] / 2 * scale) ** 2
    seen = (labels["masks"] == 3).sum(axis=(1, 2))
    assert 0.85 < np.median(seen / area) < 1.1
    np.testing.assert_allclose(labels["pupil"][:, 1] / labels["pupil"][:, 0] / 2, 5.85, atol=0.6)


def test_iris_is_darker_than_the_skin(eyes):
    images, labels = eyes
    darker = [
        np.median(image[mask >= 2]) < np.median(image[mask == 0])
        for image, mask in zip(images[..., 0], labels["masks"], strict=True)
    ]
    assert np.mean(darker) > 0.95


def test_upper_lid_follows_the_gaze():
    still = {"gaze_std": (0, 0), "head_mean": (0, 0), "head_std": (0, 0)}
    heights = []
    for pitch in (-25, -10, 10):
        points = EyeRenderer(seed=2, gaze_mean=(pitch, 0), **still).render(10)[1]["landmarks_eye"]
        heights.append(points[:, 12, 1] - points[:, 4, 1])
    assert (heights[0] < heights[1]).all() and (heights[1] < heights[2]).all()


def test_poses_keep_to_the_asked_range():
    renderer = EyeRenderer(
        (16, 24), seed=1, gaze_mean=(4, -3), gaze_std=(5, 6), head_mean=(2, 7), head_std=(3, 4)
    )
    labels = renderer.render(300)[1]
    for name, mean, std in (("gaze", (4, -3), (5, 6)), ("head", (2, 7), (3, 4))):
        angles = np.degrees(labels[name])
        np.testing.assert_allclose(angles.mean(axis=0), mean, atol=1.2)
        np.testing.assert_allclose(angles.std(axis=0), std, rtol=0.2)
        assert (np.abs(angles - mean) <= 2.5 * np.array(std) + 1e-3).all()


def test_gray_is_equalised_unless_told_otherwise():
    """Equalised, the histogram's quartiles are those of a uniform one."""
    equalised = EyeRenderer(seed=3).render(10)[0]
    plain = EyeRenderer(seed=3, equalize=False).render(10)[0]
    quartiles = np.percentile(equalised, [25, 50, 75], axis=(1, 2, 3))
    np.testing.assert_allclose(quartiles.mean(axis=1), [64, 128, 191], atol=8)
    assert np.abs(np.median(plain, axis=(1, 2, 3)) - 128).mean() > 15
    colour = EyeRenderer(channels=3, seed=3, equalize=True).render(10)[0]
    luma = colour @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(np.median(luma, axis=(1, 2)).mean(), 128, atol=12)


@pytest.mark.parametrize("pitch", [-40, 40])
@pytest.mark.parametrize("yaw", [-40, 40])
def test_extreme_poses_render(pitch, yaw):
    still = {"gaze_std": (0, 0), "head_std": (0, 0)}
    images, labels = EyeRenderer(
        seed=1, gaze_mean=(pitch, yaw), head_mean=(pitch / 2, -yaw), **still
    ).render(3)
    assert images.std(axis=(1, 2, 3)).min() > 40
    turn = np.degrees(np.abs(labels["gaze"] - labels["head"]))
    assert (turn <= 40.001).all()
    for name in LABELS:
        assert np.isfinite(labels[name]).all(), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image_size": (8, 60)}, r"image_size is \(8, 60\); expected \(height, width\)"),
        ({"image_size": 36}, "image_size is 36"),
        ({"channels": 2}, "channels is 2; expected 1"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"field_of_view": 5}, "field_of_view is 5; expected 20 to 120"),
        ({"eye": "both"}, "eye is 'both'"),
        ({"gaze_mean": (0.0,)}, r"gaze_mean is \(0.0,\); expected \(pitch, yaw\)"),
        ({"gaze_std": (-1, 5)}, "gaze_std"),
        ({"head_mean": (0, float("nan"))}, "head_mean"),
        ({"head_std": (90, 0)}, "head_std"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        EyeRenderer(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0,), "n is 0"), ((2.0,), "n is 2.0"), ((1, -1), "start is -1")],
)
def test_bad_render_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        EyeRenderer().render(*arguments)
