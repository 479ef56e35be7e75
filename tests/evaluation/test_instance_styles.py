import keras
import numpy as np
import pytest

from keras_simgan.evaluation import InstanceStyles
from keras_simgan.layers import InstanceAverage


@pytest.fixture
def encoder():
    """Says the mean colour of each instance."""
    image = keras.Input((None, None, 2), name="image")
    ids = keras.Input((None, None, 1), dtype="int32", name="instances")
    return keras.Model({"image": image, "instances": ids}, InstanceAverage()([image, ids]))


def scene(colours, seed):
    """Road (class 0, no instances of it), cars (class 2) in these colours; an edge channel."""
    ids = np.zeros((1, 4, 8, 1), "int32")
    photo = np.full((1, 4, 8, 2), -1.0, "float32")
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (4, len(colours), 2))
    for index, colour in enumerate(colours):
        ids[0, :, index] = 26001 + index
        photo[0, :, index] = colour + noise[:, index] - noise[:, index].mean(axis=0)
    labels = np.eye(3, dtype="float32")[np.where(ids[..., 0] > 0, 2, 0)]
    edges = np.ones((1, 4, 8, 1), "float32")
    return {"labels": np.concatenate([labels, edges], -1), "instances": ids}, photo


def test_finds_the_looks_of_each_class_and_draws_them(encoder, tmp_path):
    red, blue = [0.9, 0.1], [0.1, 0.9]
    batches = [scene([red, blue, red], 0), scene([blue, red], 1)]
    styles = InstanceStyles.of(encoder, batches, classes=3, clusters=2)
    assert set(styles.centers) == {0, 2} and styles.channels == 2
    np.testing.assert_allclose(styles.centers[0], [[-1, -1]], atol=1e-6)
    found = styles.centers[2][np.argsort(styles.centers[2][:, 0])]
    np.testing.assert_allclose(found, [blue, red], atol=1e-5)

    source, _ = scene([red] * 8, 2)
    source["labels"][..., 7, :] = 0.0  # of no class
    drawn = [styles.draw(source["labels"], source["instances"], seed) for seed in range(20)]
    cars = np.stack(drawn)[:, 0, :, :7]
    assert drawn[0].shape == (1, 4, 8, 2) and drawn[0].dtype == np.float32
    assert (cars == cars[:, :1]).all()  # alike over an instance
    assert all((image[..., 7, :] == 0).all() for image in drawn)
    share = (cars[:, 0, :, 0] > 0.5).mean()
    assert 0.35 < share < 0.65  # of 140 draws of two
    np.testing.assert_array_equal(styles.draw(source["labels"], source["instances"], 3), drawn[3])

    styles.save(tmp_path / "styles.npz")
    loaded = InstanceStyles.load(tmp_path / "styles.npz")
    assert loaded.classes == 3
    np.testing.assert_array_equal(loaded.draw(source["labels"], source["instances"], 3), drawn[3])


def test_takes_a_data_set_once_through(encoder):
    class Pairs(keras.utils.PyDataset):
        @property
        def num_batches(self):
            return 2

        def __getitem__(self, index):
            return scene([[0.2 * index, 0.5]], seed=index)

    styles = InstanceStyles.of(encoder, Pairs(), classes=3)
    # Two instances are two means, ten being asked for.
    np.testing.assert_allclose(np.sort(styles.centers[2][:, 0]), [0.0, 0.2], atol=1e-6)


def test_errors_say_what_is_wrong(encoder, tmp_path):
    source, photo = scene([[0, 0]], 0)
    with pytest.raises(ValueError, match="no instance of any class"):
        InstanceStyles.of(encoder, [], classes=3)
    with pytest.raises(ValueError, match="(?s)with 5 channels at least.*got .1, 4, 8, 4."):
        InstanceStyles.of(encoder, [(source, photo)], classes=5)
    styles = InstanceStyles({1: np.zeros((1, 2))}, classes=2)
    with pytest.raises(ValueError, match="(?s)instances .batch, height, width, 1.; got"):
        styles.draw(source["labels"], source["instances"][..., 0])
    for centers in ({}, {2: np.zeros((1, 2))}, {0: np.zeros((1, 2)), 1: np.zeros((1, 3))}):
        with pytest.raises(ValueError, match="`centers` must give a class from 0 to 1 features"):
            InstanceStyles(centers, classes=2)
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(ValueError, match=r"(?s)other.npz holds no instance styles.*images"):
        InstanceStyles.load(tmp_path / "other.npz")
