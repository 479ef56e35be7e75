import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.metrics import peak_signal_to_noise, similarity, structural_similarity
from keras_simgan.ranges import to_unit

BOTH = [structural_similarity, peak_signal_to_noise]


def test_as_scikit_image_has_it(golden):
    numbers, script = golden("distances")
    clean, noisy = script.images()
    np.testing.assert_allclose(
        structural_similarity(clean, noisy), numbers["images"]["ssim"], rtol=1e-9
    )
    np.testing.assert_allclose(
        peak_signal_to_noise(clean, noisy), numbers["images"]["psnr"], rtol=1e-6
    )
    singles = clean.astype("float32"), noisy.astype("float32")
    np.testing.assert_allclose(structural_similarity(*singles), numbers["images"]["ssim"], 1e-4)


@pytest.mark.parametrize("pair", ["negatives", "brighter"])
def test_as_scikit_image_has_it_of_pixels(golden, pair):
    numbers, script = golden("distances")
    a, b = (to_unit(pixels).astype("float64") for pixels in script.pixels()[pair])
    found = structural_similarity(a, b)
    np.testing.assert_allclose(found, numbers["images"]["ssim_of_pixels"][pair], rtol=1e-5)
    assert (found < -0.2).all() if pair == "negatives" else (found > 0.99).all()


def test_flat_images_by_hand():
    # Without variance only the means count: (2 m_a m_b + C1) / (m_a^2 + m_b^2 + C1), C1 = 0.0004,
    # of intensities from 0: -0.5 is 0.5 above black, -0.75 is 0.25.
    a, b = np.full((1, 11, 11, 1), -0.5), np.full((1, 11, 11, 1), -0.75)
    expected = (2 * 0.5 * 0.25 + 0.0004) / (0.25 + 0.0625 + 0.0004)
    np.testing.assert_allclose(structural_similarity(a, b), [expected])
    np.testing.assert_allclose(peak_signal_to_noise(a, b), [10 * np.log10(4 / 0.0625)])


def test_negatives_are_unlike_and_a_little_light_is_like():
    images = np.random.default_rng(0).uniform(-0.9, 0.9, (1, 32, 32, 1))
    assert structural_similarity(images, -images)[0] < -0.5
    assert structural_similarity(images, images + 0.1)[0] > 0.95


def test_equal_images():
    images = np.random.default_rng(0).uniform(-1, 1, (3, 11, 15, 2))
    np.testing.assert_allclose(structural_similarity(images, images), np.ones(3))
    assert (peak_signal_to_noise(images, images) == np.inf).all()


@given(st.integers(0, 1000), st.integers(11, 16), st.integers(11, 16))
def test_symmetric_within_bounds_and_pair_by_pair(seed, height, width):
    a, b = np.random.default_rng(seed).uniform(-1, 1, (2, 3, height, width, 1))
    for measure in BOTH:
        found = measure(a, b)
        np.testing.assert_allclose(measure(b, a), found)
        np.testing.assert_allclose(measure(a[1:2], b[1:2]), found[1:2])
    assert (np.abs(structural_similarity(a, b)) <= 1).all()


def test_batches_change_nothing(monkeypatch):
    a, b = np.random.default_rng(0).uniform(-1, 1, (2, 5, 12, 12, 1))
    expected = structural_similarity(a, b)
    monkeypatch.setattr(similarity, "_BATCH", 2)
    np.testing.assert_array_equal(structural_similarity(a, b), expected)


@pytest.mark.parametrize("measure", BOTH)
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((2, 12, 12, 1)), np.zeros((3, 12, 12, 1)), "pairs of images of one shape"),
        (np.zeros((2, 12, 12, 1)), np.zeros((2, 12, 12, 3)), "pairs of images of one shape"),
        (np.zeros((12, 12, 1)), np.zeros((12, 12, 1)), "`a` must be images"),
        (np.zeros((0, 12, 12, 1)), np.zeros((0, 12, 12, 1)), "at least one"),
        (np.full((1, 12, 12, 1), 9, "uint8"), np.zeros((1, 12, 12, 1)), "`a` must be floats"),
        (np.zeros((1, 12, 12, 1)), np.full((1, 12, 12, 1), 1.1), "`b` must be in .-1, 1."),
        (np.full((1, 12, 12, 1), -1.1), np.zeros((1, 12, 12, 1)), "`a` must be in .-1, 1."),
        (np.zeros((1, 12, 12, 1)), np.full((1, 12, 12, 1), np.nan), "`b` holds .* not finite"),
    ],
)
def test_refuses_other_images(measure, a, b, message):
    with pytest.raises(ValueError, match=message):
        measure(a, b)


@pytest.mark.parametrize("shape", [(1, 10, 20, 1), (1, 20, 10, 1)])
def test_structural_similarity_refuses_images_below_its_window(shape):
    with pytest.raises(ValueError, match=f"from 11x11 pixels.*{shape[1]}x{shape[2]}"):
        structural_similarity(np.zeros(shape), np.zeros(shape))
    assert np.isinf(peak_signal_to_noise(np.zeros(shape), np.zeros(shape))).all()
