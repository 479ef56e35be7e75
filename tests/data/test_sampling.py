import numpy as np
import pytest

from keras_simgan.data import ImageError, sample_images, to_unit, write_folder, write_image


@pytest.fixture
def folder(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 8, 1)).astype("uint8")
    write_folder(tmp_path, images)
    return tmp_path, images


def test_a_sample_has_its_names_and_is_the_same_again(folder):
    path, images = folder
    names, sample = sample_images(path, 5)
    assert names == sorted(set(names)) and len(names) == 5
    np.testing.assert_array_equal(sample, to_unit(images[[int(name[:6]) for name in names]]))
    assert sample_images(path, 5)[0] == names
    assert sample_images(path, 5, seed=1)[0] != names
    assert len(sample_images(path, 50)[0]) == 20


def test_size_and_channels(folder):
    path, _ = folder
    assert sample_images(path, 2, (3, 4), 3)[1].shape == (2, 3, 4, 3)
    write_image(path / "000000.png", np.zeros((9, 9, 4), "uint8"))
    assert sample_images(path, 20)[1].shape == (20, 9, 9, 3)
    with pytest.raises(ImageError, match="does not exist"):
        sample_images(path / "absent", 2)
