import re

import keras
import numpy as np
import pytest

from keras_simgan.data import unpaired
from keras_simgan.networks import GazeEstimator
from keras_simgan.runs import gaze_estimator
from keras_simgan.runs.folder import RunError
from keras_simgan.runs.gaze_estimator import _GazeBatches, new_estimator, train_estimator


@pytest.mark.parametrize(
    "size, pooling",
    [
        ((36, 60), 1),
        ((90, 90), 1),
        ((128, 128), 2),
        ((128, 160), 2),
        ((256, 256), 4),
        ((30, 600), 1),
    ],
)
def test_large_images_are_pooled(size, pooling, monkeypatch):
    monkeypatch.setattr(
        gaze_estimator, "GazeEstimator", lambda image_shape, pooling, name: (image_shape, pooling)
    )
    assert new_estimator((*size, 1)) == ((*size, 1), pooling)


def test_small_images_are_refused():
    with pytest.raises(RunError, match="at least 20x20 pixels; these are 19x60"):
        new_estimator((19, 60, 1))


def numbered(count, size=(4, 6), **options):
    """Images whose pixels are all different, with a gaze each."""
    pixels = np.arange(count * size[0] * size[1]).reshape(count, *size, 1).astype("uint16")
    data = unpaired(pixels, pixels, batch_size=count, **options)
    gaze = np.stack([np.linspace(0.1, 0.2, count), np.linspace(0.3, 0.4, count)], axis=1)
    return data, gaze


def pixel(value):
    return np.rint((value + 1) / 2 * 65535).astype(int)


def test_batches_are_windows_with_the_gaze_of_their_image():
    data, gaze = numbered(8, crop_size=(3, 4), flip=True)
    batches = _GazeBatches(data, gaze, np.arange(6), seed=0)
    places, flips, orders = set(), set(), set()
    for _ in range(20):
        assert len(batches) == 1
        images, vectors = batches[0]
        assert images.shape == (6, 3, 4, 1)
        rows = pixel(images[:, 0, 0, 0]) // 24
        assert sorted(rows) == list(range(6))
        orders.add(tuple(rows))
        for image, vector, row in zip(pixel(images[..., 0]), vectors, rows, strict=True):
            mirrored = image[0, 1] < image[0, 0]
            if mirrored:
                image = image[:, ::-1]
            top, left = divmod(image[0, 0] - 24 * row, 6)
            whole = np.arange(24).reshape(4, 6) + 24 * row
            np.testing.assert_array_equal(image, whole[top : top + 3, left : left + 4])
            pitch, yaw = gaze[row]
            expected = (-np.cos(pitch) * np.sin(yaw) * (-1 if mirrored else 1), -np.sin(pitch))
            np.testing.assert_allclose(vector[:2], expected, atol=1e-6)
            places.add((int(top), int(left)))
            flips.add(bool(mirrored))
        batches.on_epoch_end()
    assert places == {(top, left) for top in (0, 1) for left in (0, 1, 2)}
    assert flips == {False, True}
    assert len(orders) > 1


def test_held_out_images_come_in_order_as_they_are():
    data, gaze = numbered(100, crop_size=(2, 4), flip=True)
    batches = _GazeBatches(data, gaze, np.arange(30, 100))
    assert len(batches) == 2
    images = np.concatenate([batches[0][0], batches[1][0]])
    np.testing.assert_array_equal(
        pixel(images[..., 0]), np.arange(2400).reshape(100, 4, 6)[30:, 1:3, 1:5]
    )


@pytest.mark.graph
def test_training_learns_and_tells_the_error(tmp_path, capsys):
    """The place of an edge tells the yaw."""
    places = np.random.default_rng(0).integers(3, 17, 480)
    rows = np.where(np.arange(20) < places[:, None], 255, 0)
    images = np.repeat(rows[:, None, :, None], 20, axis=1).astype("uint8")
    gaze = np.stack([np.zeros(480), 0.05 * (9.5 - places)], axis=1)
    keras.utils.set_random_seed(0)
    estimator = GazeEstimator((20, 20, 1), filters=(8, 8, 8, 8, 16), dense_units=64)
    data = unpaired(images, images, batch_size=1)
    file = tmp_path / "estimator.keras"
    train_estimator(estimator, data, gaze, epochs=25, seed=0, file=file)
    told = capsys.readouterr().out.splitlines()[-1]
    own, mean = map(float, re.findall(r"([0-9.]+) (?:degrees )?off", told))
    assert "on 48 source images held out" in told
    assert own < 0.5 * mean
    assert mean == pytest.approx(np.degrees(np.abs(gaze[:, 1])).mean(), rel=0.15)
    for kept, trained in zip(
        keras.saving.load_model(file).get_weights(), estimator.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(kept, trained)
    assert [path.name for path in tmp_path.iterdir()] == ["estimator.keras"]


@pytest.fixture
def noise():
    """An estimator, twenty images of noise, and random gaze for them."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (20, 20, 20, 1)).astype("uint8")
    gaze = random.uniform(-0.5, 0.5, (20, 2))
    keras.utils.set_random_seed(0)
    estimator = GazeEstimator((20, 20, 1), filters=(4, 4, 4, 4, 8), dense_units=32)
    return estimator, unpaired(images, images, batch_size=1), gaze


def test_an_estimator_that_reads_nothing_is_warned_of(noise, tmp_path):
    with pytest.warns(UserWarning, match="reads hardly any gaze: it is .* degrees off on 2 source"):
        train_estimator(*noise, epochs=1, seed=0, file=tmp_path / "estimator.keras")


def test_weights_that_are_not_finite(noise, tmp_path):
    noise[0].layers[-2].bias.assign([np.nan] * 3)
    with pytest.raises(RunError, match="weights are no longer finite"):
        train_estimator(*noise, epochs=1, seed=0, file=tmp_path / "estimator.keras")
    assert not list(tmp_path.iterdir())
