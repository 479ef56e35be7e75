import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_simgan.layers import ImagePool

SHAPE = (1, 2, 1)


def numbered(first, count):
    """Images that name themselves: two values of a byte each."""
    numbers = np.arange(first, first + count)
    levels = np.stack([numbers // 256, numbers % 256], axis=1)
    return (levels / 127.5 - 1.0).astype("float32").reshape(count, *SHAPE)


def numbers_of(images):
    levels = np.round((ops.convert_to_numpy(images).reshape(-1, 2) + 1.0) * 127.5).astype(int)
    return [int(high * 256 + low) for high, low in levels]


def numbers_stored(pool):
    high, low = ops.convert_to_numpy(pool.images).reshape(-1, 2).astype(int).T
    return [int(number) for number in high * 256 + low]


@settings(max_examples=15)
@given(
    capacity=st.sampled_from([1, 3, 10]),
    batches=st.lists(st.sampled_from([1, 2, 5, 12]), min_size=1, max_size=10),
    seed=st.integers(0, 2**40),
)
def test_pool_does_what_it_documents(capacity, batches, seed):
    pool = ImagePool(capacity, SHAPE, seed=seed)
    stored, first = 0, 1
    slots = numbers_stored(pool)
    for batch in batches:
        images = numbered(first, batch)
        entering = list(range(first, first + batch))
        passed_on = pool(images)
        assert passed_on.shape == images.shape
        leaving, new_slots = numbers_of(passed_on), numbers_stored(pool)
        kept = min(batch, capacity)
        assert leaving[kept:] == entering[kept:]
        changed = {
            i: (a, b) for i, (a, b) in enumerate(zip(slots, new_slots, strict=True)) if a != b
        }
        if stored < capacity:
            # It fills: everything passes through and is stored, each image in a slot of its own.
            assert leaving == entering
            assert {place: new for place, (_, new) in changed.items()} == {
                (stored + i) % capacity: entering[i] for i in range(kept)
            }
        else:
            # What came out instead of an image was in the slot that the image has now.
            swaps = [(out, new) for out, new in zip(leaving, entering, strict=True) if out != new]
            assert sorted(changed.values()) == sorted(swaps)
        stored = min(stored + batch, capacity)
        assert int(pool.stored) == stored
        slots, first = new_slots, first + batch
    assert int(pool.calls) == len(batches)


@pytest.mark.parametrize(("capacity", "batch", "calls"), [(16, 8, 100), (10, 1, 200)])
def test_half_of_the_images_are_swapped_and_every_place_is_used(capacity, batch, calls):
    pool = ImagePool(capacity, SHAPE, seed=3)
    while int(pool.stored) < capacity:
        pool(numbered(0, capacity))
    slots, swapped, replaced = numbers_stored(pool), 0, np.zeros(capacity, int)
    for call in range(calls):
        first = 100 + call * batch
        leaving = numbers_of(pool(numbered(first, batch)))
        swapped += sum(number < first for number in leaving)
        now = numbers_stored(pool)
        replaced += np.array(now) != np.array(slots)
        slots = now
    # Within three standard deviations.
    assert abs(swapped / (calls * batch) - 0.5) < 3 * 0.5 / np.sqrt(calls * batch)
    assert replaced.sum() == swapped
    # Each place is taken 25 or 10 times in the mean.
    mean = swapped / capacity
    assert np.all(np.abs(replaced - mean) < 3 * np.sqrt(mean))


def test_bytes_come_back_exactly():
    levels = np.arange(256).reshape(128, *SHAPE)
    images = (levels / 127.5 - 1.0).astype("float32")
    pool = ImagePool(128, SHAPE, seed=1)
    pool(images)
    np.testing.assert_array_equal(ops.convert_to_numpy(pool.images), levels)
    back = ops.convert_to_numpy(pool(np.full_like(images, 2.0)))
    returned = back[back.max(axis=(1, 2, 3)) < 2.0]
    assert 40 < len(returned) < 90
    found = np.round((returned + 1.0) * 127.5).astype(int)
    np.testing.assert_allclose(returned, found / 127.5 - 1.0, atol=1e-7)
    assert {tuple(image) for image in found.reshape(-1, 2)} <= {
        (level, level + 1) for level in range(0, 256, 2)
    }
    # And again, through the store a second time.
    pool = ImagePool(len(returned), SHAPE)
    pool(returned)
    np.testing.assert_array_equal(ops.convert_to_numpy(pool.images), found)


@settings(max_examples=15)
@given(
    level=st.floats(-1.0, 1.0, width=32),
    storage=st.sampled_from(["uint8", "bfloat16", "float32"]),
)
def test_storage_keeps_the_values(level, storage):
    pool = ImagePool(1, SHAPE, storage=storage)
    pool(np.full((1, *SHAPE), level, "float32"))
    while True:  # until it is swapped out
        back = ops.convert_to_numpy(pool(np.full((1, *SHAPE), 5.0, "float32")))
        if back.max() <= 1.0:
            break
    tolerance = {"uint8": 1 / 255 + 1e-6, "bfloat16": 2**-8, "float32": 0.0}[storage]
    assert np.abs(back - level).max() <= tolerance


def test_no_swap_leaves_the_stored_values_untouched():
    """An image that stays is read and written; in every type it must stay what it was."""
    for storage in ("uint8", "bfloat16", "float32"):
        pool = ImagePool(6, SHAPE, storage=storage, seed=2)
        pool(np.random.default_rng(0).uniform(-1, 1, (6, *SHAPE)).astype("float32"))
        before = ops.convert_to_numpy(ops.cast(pool.images, "float32")).copy()
        for _ in range(5):
            passed_on = ops.convert_to_numpy(pool(np.full((6, *SHAPE), 1.0, "float32")))
            after = ops.convert_to_numpy(ops.cast(pool.images, "float32")).copy()
            stays = [(a == b).all() for a, b in zip(before, after, strict=True)]
            assert sum(stays) >= (passed_on == 1.0).all(axis=(1, 2, 3)).sum()
            before = after


def test_seed_decides_the_draws():
    def outputs(seed):
        pool = ImagePool(6, SHAPE, seed=seed)
        return [numbers_of(pool(numbered(1 + 4 * call, 4))) for call in range(8)]

    assert outputs(3) == outputs(3)
    assert outputs(3) != outputs(4)


def test_draws_are_the_same_on_every_backend(golden):
    expected, script = golden("image_pool")
    assert script.draws() == expected


def test_draws_resume_after_saving(tmp_path):
    model = keras.Sequential([keras.Input(SHAPE), ImagePool(5, SHAPE, seed=9)])
    pool = model.layers[-1]
    for call in range(4):
        pool(numbered(3 * call, 3))
    model.save(tmp_path / "pool.keras")
    resumed = keras.models.load_model(tmp_path / "pool.keras").layers[-1]
    assert numbers_stored(resumed) == numbers_stored(pool)
    swapped = 0
    for call in range(4, 10):
        leaving = numbers_of(pool(numbered(3 * call, 3)))
        assert numbers_of(resumed(numbered(3 * call, 3))) == leaving
        swapped += sum(number < 3 * call for number in leaving)
    assert swapped


def test_config_round_trip():
    pool = ImagePool(5, SHAPE, storage="bfloat16", seed=9, name="past")
    clone = ImagePool.from_config(pool.get_config())
    assert clone.get_config() == pool.get_config()
    assert (clone.capacity, clone.image_shape, clone.seed) == (5, SHAPE, 9)
    assert clone.nbytes == 5 * 2 * 2
    assert not pool.trainable_variables
    assert pool.compute_output_shape((None, *SHAPE)) == (None, *SHAPE)


@pytest.mark.parametrize("capacity", [0, -3, 2.0, "8"])
def test_bad_capacity(capacity):
    with pytest.raises(ValueError, match="`capacity` must be a positive integer"):
        ImagePool(capacity, SHAPE)
