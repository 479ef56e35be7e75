import numpy as np
import pytest

from keras_simgan.evaluation.augmentation import augmented


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_changes_images_a_little_and_keeps_their_range(channels):
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 20, channels)).astype("float32")
    changed = augmented(images, np.random.default_rng(1))
    assert changed.shape == images.shape and changed.dtype == images.dtype
    assert -1 <= changed.min() and changed.max() <= 1
    assert np.abs(changed - images).mean() > 0.02
    again = augmented(images, np.random.default_rng(1))
    np.testing.assert_array_equal(changed, again)
