import numpy as np
import pytest

from keras_simgan.metrics.image_checks import checked_images


@pytest.mark.parametrize("channels", [None, (4,), (1, 4)])
def test_images_pass_as_they_are(channels):
    images = np.linspace(-1.0005, 1.0005, 2 * 3 * 5 * 4).reshape(2, 3, 5, 4)
    assert checked_images("images", images, channels) is images
    np.testing.assert_array_equal(checked_images("images", images.tolist(), channels), images)


@pytest.mark.parametrize("shape", [(3, 5, 1), (0, 3, 5, 1), (2, 3, 0, 1), (2, 1, 3, 5, 1)])
def test_other_shapes(shape):
    for channels, expected in ((None, "channels"), ((1, 3), "1 or 3")):
        with pytest.raises(ValueError) as caught:
            checked_images("source", np.zeros(shape), channels)
        assert f"`source` must be images (n, height, width, {expected})" in str(caught.value)
        assert f"at least one. Received the shape {shape}" in str(caught.value)


def test_other_channels():
    with pytest.raises(ValueError, match=r"width, 1 or 3\).*the shape \(2, 3, 5, 2\)"):
        checked_images("source", np.zeros((2, 3, 5, 2)), channels=(1, 3))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.0011, r"`target` must be in \[-1, 1\]; found values from 0 to 1.0011.*to_unit"),
        (-9.0, r"`target` must be in \[-1, 1\]; found values from -9 to 0"),
        (np.nan, "`target` holds values that are not finite"),
    ],
)
def test_other_ranges(value, message):
    images = np.zeros((2, 3, 5, 1))
    images[1, 2, 3] = value
    with pytest.raises(ValueError, match=message):
        checked_images("target", images)
