import numpy as np
import pytest
from keras import ops

from keras_simgan.layers import PersistentDropout


def numpy(x):
    return ops.convert_to_numpy(x)


def test_one_mask_for_every_image_and_call():
    layer = PersistentDropout(0.25, seed=3)
    x = np.ones((4, 32, 32, 4), "float32")
    once = numpy(layer(x))
    np.testing.assert_array_equal(once, numpy(layer(x)))
    np.testing.assert_array_equal(once[:1].repeat(4, 0), once)
    assert set(np.unique(once)) == {0.0, np.float32(1 / 0.75)}
    assert (once == 0).mean() == pytest.approx(0.25, abs=0.03)
    # The same on every backend, so written down once.
    assert (once[0, 0, :3] > 0).astype(int).tolist() == [[1, 1, 0, 1], [1, 1, 0, 1], [1, 1, 0, 0]]


def test_seeds_differ_and_training_draws_anew():
    x = np.ones((1, 16, 16, 4), "float32")
    layer = PersistentDropout(0.5, seed=1)
    assert (numpy(layer(x)) != numpy(PersistentDropout(0.5, seed=2)(x))).any()
    drawn = [numpy(layer(x, training=True)) for _ in range(2)]
    assert (drawn[0] != drawn[1]).any()


def test_off_at_inference_where_asked_for():
    x = np.ones((1, 4, 4, 1), "float32")
    for layer in (PersistentDropout(0.5, inference=False), PersistentDropout(0.0)):
        np.testing.assert_array_equal(numpy(layer(x)), x)
    clone = PersistentDropout.from_config(PersistentDropout(0.5, 7, False).get_config())
    assert (clone.rate, clone.seed, clone.inference) == (0.5, 7, False)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_bad_rate(rate):
    with pytest.raises(ValueError, match=r"`rate` must be in \[0, 1\); got"):
        PersistentDropout(rate)
