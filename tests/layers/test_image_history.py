import importlib.util
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_simgan.layers import ImageHistory

GOLDEN = Path(__file__).parent.parent / "golden"
SHAPE = (1, 2, 1)


def numbered(first, count):
    """Images that name themselves: two values of a byte each."""
    numbers = np.arange(first, first + count)
    levels = np.stack([numbers // 256, numbers % 256], axis=1)
    return (levels / 127.5 - 1.0).astype("float32").reshape(count, *SHAPE)


def numbers_of(images):
    levels = np.round((np.asarray(images, "float64").reshape(-1, 2) + 1.0) * 127.5).astype(int)
    return [int(high * 256 + low) for high, low in levels]


def numbers_stored(history):
    high, low = ops.convert_to_numpy(history.images).reshape(-1, 2).astype(int).T
    return [int(number) for number in high * 256 + low]


@settings(max_examples=15)
@given(
    capacity=st.sampled_from([1, 3, 4, 10]),
    batches=st.lists(st.sampled_from([1, 2, 3, 5, 8]), min_size=1, max_size=8),
    seed=st.integers(0, 2**40),
)
def test_history_does_what_it_documents(capacity, batches, seed):
    history = ImageHistory(capacity, SHAPE, seed=seed)
    stored, first = 0, 1
    slots = numbers_stored(history)
    for batch in batches:
        images = numbered(first, batch)
        mixed = ops.convert_to_numpy(history(images))
        half = min(batch // 2, capacity)
        assert mixed.shape == images.shape

        # The rest passes through unchanged, and so does all until enough is stored.
        np.testing.assert_array_equal(mixed[half:], images[half:])
        if stored >= half:
            # Never an image that was not stored before this batch.
            assert set(numbers_of(mixed[:half])) <= set(slots[:stored])
        else:
            np.testing.assert_array_equal(mixed[:half], images[:half])

        # The first half is stored, each image in a slot of its own; nothing else changes.
        new_slots = numbers_stored(history)
        changed = [i for i, (a, b) in enumerate(zip(slots, new_slots, strict=True)) if a != b]
        assert sorted(new_slots[i] for i in changed) == list(range(first, first + half))
        if stored < capacity:
            assert set(changed) == {(stored + i) % capacity for i in range(half)}
        stored = min(stored + half, capacity)
        assert int(history.stored) == stored
        assert len(new_slots) == capacity
        slots, first = new_slots, first + batch
    assert int(history.calls) == len(batches)


@settings(max_examples=15)
@given(
    level=st.floats(-1.0, 1.0, width=32),
    storage=st.sampled_from(["uint8", "bfloat16", "float32"]),
)
def test_storage_keeps_the_values(level, storage):
    history = ImageHistory(1, SHAPE, storage=storage)
    history(np.full((2, *SHAPE), level, "float32"))
    back = ops.convert_to_numpy(history(np.zeros((2, *SHAPE), "float32")))
    tolerance = {"uint8": 1 / 255 + 1e-6, "bfloat16": 2**-8, "float32": 0.0}[storage]
    assert np.abs(back[0] - level).max() <= tolerance


def test_values_out_of_range_are_clipped_not_wrapped():
    history = ImageHistory(2, SHAPE)
    history(np.array([1.5, -1.5, 0, 0], "float32").reshape(4, 1, 1, 1) * np.ones(SHAPE, "float32"))
    assert sorted(set(ops.convert_to_numpy(history.images).ravel().tolist())) == [0, 255]


def test_full_history_is_replaced_everywhere_in_time():
    history = ImageHistory(8, SHAPE, seed=1)
    slots, replaced, drawn = None, np.zeros(8, int), []
    for call in range(202):
        new = ops.convert_to_numpy(history(numbered(1 + 8 * call, 8)))
        now = numbers_stored(history)
        if call >= 2:
            replaced += np.array(now) != np.array(slots)
            drawn += [slots.index(number) for number in numbers_of(new[:4])]
        slots = now
    # Four of eight slots a call: half of the calls replace each, and each is drawn one time in 8.
    assert np.all(np.abs(replaced / 200 - 0.5) < 0.12)
    assert np.all(np.abs(np.bincount(drawn, minlength=8) / len(drawn) - 1 / 8) < 0.04)


def test_seed_decides_the_draws():
    def outputs(seed):
        history = ImageHistory(6, SHAPE, seed=seed)
        return [numbers_of(history(numbered(1 + 4 * call, 4))) for call in range(8)]

    assert outputs(3) == outputs(3)
    assert outputs(3) != outputs(4)


def test_memory_of_the_papers_history():
    # 51,200 images as in the widely used implementation, at most 100 MB.
    bytes_an_image = ImageHistory(2, (35, 55, 1)).nbytes // 2
    assert bytes_an_image == 35 * 55
    assert 51_200 * bytes_an_image == 98_560_000 <= 100e6
    assert ImageHistory(3, (4, 5, 3), storage="bfloat16").nbytes == 3 * 60 * 2
    assert ImageHistory(3, (4, 5, 3), storage="float32").nbytes == 3 * 60 * 4
    stored = ops.convert_to_numpy(ImageHistory(2, (35, 55, 1)).images)
    assert stored.nbytes == 2 * bytes_an_image


def test_draws_are_the_same_on_every_backend():
    path = GOLDEN / "make_image_history.py"
    spec = importlib.util.spec_from_file_location("make_image_history", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.draws() == json.loads((GOLDEN / "image_history.json").read_text())


def test_config_round_trip():
    history = ImageHistory(5, SHAPE, storage="bfloat16", seed=9, name="past")
    clone = ImageHistory.from_config(history.get_config())
    assert clone.get_config() == history.get_config()
    assert (clone.capacity, clone.image_shape, clone.seed) == (5, SHAPE, 9)
    assert keras.backend.standardize_dtype(clone.images.dtype) == "bfloat16"
    assert not history.trainable_variables


@pytest.mark.parametrize("capacity", [0, -3, 2.0, "8"])
def test_bad_capacity(capacity):
    with pytest.raises(ValueError, match="`capacity` must be a positive integer"):
        ImageHistory(capacity, SHAPE)


def test_bad_storage():
    with pytest.raises(ValueError, match="`storage` must be uint8, bfloat16 or float32; got 'int4"):
        ImageHistory(4, SHAPE, storage="int4")


@pytest.mark.parametrize("shape", [(4, 4), (None, 4, 1), (4, None, 1)])
def test_bad_image_shape(shape):
    with pytest.raises(ValueError, match="`image_shape` must be .height, width, channels., all"):
        ImageHistory(4, shape)
