"""Data sets go to workers, pickled where these are processes of their own."""

import multiprocessing
import operator
import pickle
from concurrent.futures import ProcessPoolExecutor

import keras
import numpy as np
import pytest

from keras_simgan.data import paired, unpaired, write_folder

PHOTOS = np.random.default_rng(0).integers(0, 256, (2, 6, 4, 5, 3)).astype("uint8")
MAPS = np.random.default_rng(1).integers(0, 3, (6, 4, 5, 1)).astype("uint8")
ON_DISK = {"memory_limit": 0}


def folders(tmp_path):
    for name, images in (("source", PHOTOS[0]), ("target", PHOTOS[1]), ("maps", MAPS)):
        write_folder(tmp_path / name, images)
    np.savez(tmp_path / "source.npz", images=PHOTOS[0])
    np.savez(tmp_path / "pairs.npz", source=PHOTOS[0], target=PHOTOS[1])
    return {name: tmp_path / name for name in ("source", "target", "maps")}


def tf_data(*arrays):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0])


SOURCES = {
    "folders": lambda at: unpaired(at["source"], at["target"], batch_size=2),
    "folders on disk": lambda at: unpaired(at["source"], at["target"], batch_size=2, **ON_DISK),
    "npz": lambda at: unpaired(at["source"].with_suffix(".npz"), PHOTOS[1], batch_size=2),
    "arrays": lambda at: unpaired(*PHOTOS, batch_size=2, crop_size=(2, 3), flip=True),
    "tf.data": lambda at: unpaired(tf_data(PHOTOS[0]), PHOTOS[1], batch_size=2),
    "pairs of folders": lambda at: paired(at["source"], at["target"], batch_size=2),
    "pairs on disk": lambda at: paired(at["source"], at["target"], batch_size=2, **ON_DISK),
    "maps": lambda at: paired(at["maps"], at["target"], classes=3, instances=at["maps"], **ON_DISK),
    "pairs in npz": lambda at: paired(at["source"].with_name("pairs.npz"), batch_size=2),
    "pairs of arrays": lambda at: paired(MAPS, PHOTOS[0], classes=3, flip=True),
    "pairs of tf.data": lambda at: paired(tf_data(PHOTOS[0], PHOTOS[1])),
    "held out": lambda at: paired(at["source"], at["target"], **ON_DISK).hold_out(2)[0],
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_pickled_data_set_gives_the_same_batches(tmp_path, source):
    dataset = SOURCES[source](folders(tmp_path))
    dataset.set_epoch(3)
    copy = pickle.loads(pickle.dumps(dataset))
    assert (len(copy), copy.epoch, copy.skipped) == (len(dataset), 3, dataset.skipped)
    for batch, other in zip(dataset, copy, strict=True):
        keras.tree.map_structure(np.testing.assert_array_equal, batch, other)


def test_a_worker_that_is_spawned(tmp_path, backend):
    """As on macOS and Windows, where it inherits nothing."""
    if backend != "torch":
        pytest.skip("the same whatever the backend, and a worker takes seconds to start")
    at = folders(tmp_path)
    dataset = unpaired(at["source"], at["target"], batch_size=2, **ON_DISK)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        batch = pool.submit(operator.getitem, dataset, 1).result(timeout=100)
    for part, expected in zip(batch, dataset[1], strict=True):
        np.testing.assert_array_equal(part, expected)
