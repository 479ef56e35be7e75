"""Folders of small images to evaluate, and what the tests of evaluations share."""

import keras
import numpy as np
import pytest

from keras_simgan.data import write_folder

COUNT, SIZE = 24, 16


def bars(seed, low, high, labels):
    """Gray images of a bright bar on noise, lying for label 0 and standing for label 1."""
    draw = np.random.default_rng(seed)
    images = draw.integers(low, high, (len(labels), SIZE, SIZE, 1))
    for image, label in zip(images, labels, strict=True):
        place = draw.integers(4, 12)
        image[(slice(place, place + 2), slice(None))[:: 1 - 2 * label]] += 90
    return images.astype("uint8")


@pytest.fixture
def folders(tmp_path):
    """Paths of synthetic, refined and real images with labels; refined ones lie in between."""
    labels = np.arange(COUNT) % 2
    gaze = np.random.default_rng(5).uniform(-0.3, 0.3, (COUNT, 2))
    both = {"kind": labels, "gaze": gaze}
    synthetic = bars(0, 0, 60, labels)
    write_folder(tmp_path / "synthetic", synthetic, both)
    write_folder(tmp_path / "refined", synthetic + 50, both)
    write_folder(tmp_path / "real", bars(1, 70, 150, labels), both)
    return {name: tmp_path / name for name in ("synthetic", "refined", "real")}


@pytest.fixture(scope="session")
def extractor(with_drawn_weights):
    """A small model that turns gray images of any size into features."""
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="tiny")
    return with_drawn_weights(model, 3)
