import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.data import (
    ImageError,
    LabelError,
    UnpairedDataset,
    unpaired,
    write_folder,
    write_image,
)
from keras_simgan.data.image_set import ImageSet


def coded(n, size=(4, 6), channels=1, dtype="uint8"):
    """Image i has the value i everywhere."""
    return np.broadcast_to(np.arange(n)[:, None, None, None], (n, *size, channels)).astype(dtype)


def ids(batch):
    return np.rint((batch[:, 0, 0, 0] + 1) * 127.5).astype(int)


def epoch_ids(dataset, epoch):
    dataset.set_epoch(epoch)
    source, target = zip(*dataset, strict=True)
    return np.concatenate([ids(b) for b in source]), np.concatenate([ids(b) for b in target])


def make(n_source=20, n_target=7, batch_size=5, **options):
    return unpaired(coded(n_source), coded(n_target), (4, 6), batch_size=batch_size, **options)


def test_batches():
    dataset = make()
    assert len(dataset) == 4
    for source, target in dataset:
        assert source.shape == target.shape == (5, 4, 6, 1)
        assert source.dtype == target.dtype == "float32"
    with pytest.raises(IndexError):
        dataset[4]


def test_an_epoch_is_one_pass_over_the_source_and_repeats_the_target():
    dataset = make()
    targets = []
    for epoch in range(7):
        source, target = epoch_ids(dataset, epoch)
        np.testing.assert_array_equal(np.sort(source), np.arange(20))
        targets.append(target)
    # 7 epochs of 20 are 20 whole passes over 7 target images, each in an order of its own.
    passes = np.concatenate(targets).reshape(20, 7)
    np.testing.assert_array_equal(np.sort(passes), np.tile(np.arange(7), (20, 1)))
    assert len({tuple(order) for order in passes}) > 15


def test_remainder_is_dropped_in_turn():
    dataset = make(n_source=23)
    assert len(dataset) == 4
    left_out = set()
    for epoch in range(20):
        source = epoch_ids(dataset, epoch)[0]
        assert len(set(source)) == 20
        left_out |= set(range(23)) - set(source)
    assert len(left_out) > 10


def test_steps_per_epoch_sees_every_image_equally_often():
    dataset = make(n_source=6, batch_size=4, steps_per_epoch=3)
    assert len(dataset) == 3
    seen = np.concatenate([epoch_ids(dataset, epoch)[0] for epoch in range(4)])
    np.testing.assert_array_equal(np.bincount(seen), np.full(6, 8))


def test_order_depends_on_seed_and_epoch_alone():
    first = [epoch_ids(make(), epoch) for epoch in range(3)]
    again = [epoch_ids(make(workers=3), epoch) for epoch in (2, 0, 1)]
    for epoch, other in zip((2, 0, 1), again, strict=True):
        np.testing.assert_array_equal(first[epoch], other)
    assert not np.array_equal(first[0][0], first[1][0])
    assert not np.array_equal(first[0][0], epoch_ids(make(seed=1), 0)[0])
    # The domains are shuffled apart from each other.
    source, target = epoch_ids(make(20, 20), 0)
    assert not np.array_equal(source, target)


def test_the_order_of_a_seed_is_pinned():
    """Made before augmentation was there: it must not change what a seed means."""
    source, target = epoch_ids(make(seed=3), 2)
    order = [17, 9, 1, 19, 6, 12, 2, 7, 8, 10, 3, 18, 13, 11, 14, 15, 0, 5, 4, 16]
    np.testing.assert_array_equal(source, order)
    order = [4, 2, 1, 3, 0, 4, 2, 6, 5, 3, 5, 0, 6, 1, 2, 4, 6, 3, 1, 2]
    np.testing.assert_array_equal(target, order)
    # And augmentation must not change the order.
    augmented = make(seed=3, crop_size=(3, 5), flip=True)
    np.testing.assert_array_equal(epoch_ids(augmented, 2), (source, target))


def test_without_shuffling_every_epoch_is_the_same():
    dataset = make(shuffle=False)
    for epoch in (0, 5):
        source, target = epoch_ids(dataset, epoch)
        np.testing.assert_array_equal(source, np.arange(20))
        np.testing.assert_array_equal(target, np.arange(20) % 7)


def mapped(n, size):
    """Channels: the image's number, the pixel's row and its column."""
    number, row, column = np.meshgrid(np.arange(n), *map(np.arange, size), indexing="ij")
    return np.stack([number, row, column], -1).astype("uint8")


def windows(batch):
    """`(number, top, left, mirrored)` of each image, after checking all of its pixels."""
    batch = np.rint((batch + 1) * 127.5).astype(int)
    height, width = batch.shape[1:3]
    found = []
    for image in batch:
        mirrored = image[0, 0, 2] > image[0, -1, 2]
        number, top, left = image[0, -1 if mirrored else 0]
        rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        expected = np.stack([np.full_like(rows, number), top + rows, left + columns], -1)
        np.testing.assert_array_equal(image, expected[:, ::-1] if mirrored else expected)
        found.append((int(number), int(top), int(left), bool(mirrored)))
    return found


def augmented(size=(7, 9), crop_size=(4, 4), n=16, batch_size=8, **options):
    options = {"crop_size": crop_size, "flip": True, **options}
    return unpaired(mapped(n, size), mapped(n, size), batch_size=batch_size, **options)


def epoch_windows(dataset, epoch):
    dataset.set_epoch(epoch)
    return [[windows(images) for images in batch] for batch in dataset]


@given(
    size=st.tuples(st.integers(1, 9), st.integers(2, 9)),
    data=st.data(),
    seed=st.integers(0, 2**40),
    flip=st.booleans(),
)
def test_every_image_is_a_window_of_itself(size, data, seed, flip):
    crop_size = data.draw(st.tuples(st.integers(1, size[0]), st.integers(2, size[1])))
    dataset = augmented(size, crop_size, seed=seed, flip=flip)
    assert dataset.image_shape == (*crop_size, 3)
    rows = dataset.rows(0, 1)
    for images, numbers in zip(dataset[1], rows, strict=True):
        assert images.shape == (8, *crop_size, 3) and images.dtype == "float32"
        found = windows(images)
        assert [number for number, *_ in found] == list(numbers)
        assert flip or not any(mirrored for *_, mirrored in found)


def test_windows_and_flips_are_pinned():
    """The same on every backend, as each of them runs this test."""
    source, target = (windows(images)[:3] for images in augmented(seed=3)[1])
    assert source == [(0, 3, 4, True), (4, 1, 1, False), (7, 1, 4, False)]
    assert target == [(1, 3, 0, True), (5, 2, 2, True), (12, 0, 4, True)]


def test_windows_cover_every_place_and_half_are_mirrored():
    dataset = augmented(n=24, batch_size=24)
    places, mirrored = np.zeros((2, 4, 6), int), np.zeros(2, int)
    for epoch in range(100):
        for domain, found in enumerate(epoch_windows(dataset, epoch)[0]):
            for _, top, left, mirror in found:
                places[domain, top, left] += 1
                mirrored[domain] += mirror
    # 2400 draws in each domain: 100 at each of the 24 places, within five standard deviations.
    assert places.min() > 50 and places.max() < 150
    assert (abs(mirrored - 1200) < 5 * 24.5).all()


def test_augmentation_is_anew_for_each_image_batch_epoch_domain_and_seed():
    def drawn(dataset, epoch, index, domain):
        return [window[1:] for window in epoch_windows(dataset, epoch)[index][domain]]

    base = drawn(augmented(seed=1), 0, 0, 0)
    assert len(set(base)) > 4
    assert base != drawn(augmented(seed=1), 0, 0, 1)
    assert base != drawn(augmented(seed=1), 0, 1, 0)
    assert base != drawn(augmented(seed=1), 1, 0, 0)
    assert base != drawn(augmented(seed=2), 0, 0, 0)


def test_augmentation_is_a_function_of_seed_epoch_and_index(tmp_path):
    dataset, whole = augmented(), []
    for _ in range(4):
        whole.append([dataset[index] for index in range(len(dataset))])
        dataset.on_epoch_end()
    resumed = augmented(workers=3)
    resumed.set_epoch(2)
    for epoch in (2, 3):
        for index in (1, 0):
            np.testing.assert_array_equal(resumed[index], whole[epoch][index])
        resumed.on_epoch_end()
    # From disk, images come the same way.
    write_folder(tmp_path, mapped(16, (7, 9)), {})
    options = {"batch_size": 8, "crop_size": (4, 4), "flip": True, "memory_limit": 0}
    np.testing.assert_array_equal(unpaired(tmp_path, tmp_path, **options)[1], whole[0][1])


@pytest.mark.parametrize("size, place", [((7, 9), (1, 2)), ((8, 4), (2, 0)), ((4, 5), (0, 0))])
def test_validation_takes_the_central_window(size, place):
    dataset = augmented(size, shuffle=False)
    for epoch in (0, 3):
        for index, batch in enumerate(epoch_windows(dataset, epoch)):
            expected = [(8 * index + row, *place, False) for row in range(8)]
            assert batch == [expected, expected]
    # Without a window the images are whole, and not mirrored either.
    whole = augmented(size, None, shuffle=False)
    assert whole.image_shape == (*size, 3)
    assert windows(whole[0][0]) == [(row, 0, 0, False) for row in range(8)]


def test_flip_alone_keeps_the_size():
    found = windows(augmented(crop_size=None)[0][0])
    assert {window[1:3] for window in found} == {(0, 0)}
    assert {window[3] for window in found} == {True, False}


def test_images_are_resized_before_they_are_cropped():
    # Halves of 20 and 220, 4 wide; resized to 8 wide, the central 2 columns are the edge.
    images = np.full((2, 4, 4, 1), 20, "uint8")
    images[:, :, 2:] = 220
    options = {"batch_size": 2, "crop_size": (2, 2), "shuffle": False}
    source, target = unpaired(images, images, (8, 8), **options)[0]
    for batch in (source, target):
        assert batch.shape == (2, 2, 2, 1)
        assert (batch[:, :, 0] < 0).all() and (batch[:, :, 1] > 0).all()


def fit(dataset, initial_epoch, epochs):
    seen = []
    original = type(dataset).__getitem__

    class Spy(type(dataset)):
        def __getitem__(self, index):
            seen.append((self.epoch, index))
            return original(self, index)[0], np.zeros(self.batch_size)

    dataset.__class__ = Spy
    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4, 6, 1)), *layers])
    model.compile("sgd", "mse")
    model.fit(
        dataset,
        epochs=epochs,
        initial_epoch=initial_epoch,
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, _: dataset.set_epoch(epoch))
        ],
    )
    return seen


@pytest.mark.parametrize("workers", [1, 3])
def test_fit_follows_the_epoch_also_when_resumed(workers):
    every = [(epoch, index) for epoch in range(4) for index in range(4)]
    seen = fit(make(workers=workers), 0, 4)
    # Keras looks at a few batches beforehand to learn their shapes.
    assert sorted(seen[-16:]) == every
    resumed = fit(make(workers=workers), 2, 4)
    assert sorted(resumed[-8:]) == every[8:]


def write(folder, images, suffix=".png"):
    for i, image in enumerate(images):
        write_image(folder / f"{'abc'[i % 3]}" / f"{i:03d}{suffix}", image)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff"])
def test_folder_in_memory_and_from_disk_agree(tmp_path, suffix):
    random = np.random.default_rng(0)
    source = random.integers(0, 256, (9, 8, 12, 3)).astype("uint8")
    write(tmp_path / "s", source, suffix)
    options = {"image_size": (8, 12), "batch_size": 3}
    memory = unpaired(tmp_path / "s", coded(2, (8, 12), 3), **options)
    disk = unpaired(tmp_path / "s", coded(2, (8, 12), 3), memory_limit=0, **options)
    assert memory.source.in_memory and not disk.source.in_memory and disk.workers > 1
    order = [int(name[2:5]) for name in memory.source_names]
    for index in range(3):
        rows = memory.rows(0, index)[0]
        expected = source[[order[row] for row in rows]] / 127.5 - 1
        np.testing.assert_allclose(memory[index][0], expected, atol=1e-6)
        np.testing.assert_array_equal(memory[index][0], disk[index][0])


def test_8_and_16_bit_files_in_one_folder(tmp_path):
    write_image(tmp_path / "a.png", np.full((4, 6, 1), 51, "uint8"))
    write_image(tmp_path / "b.png", np.full((4, 6, 1), 13108, "uint16"))
    write_image(tmp_path / "c.png", np.full((4, 6, 1), 255, "uint8"))
    images = ImageSet.open(tmp_path, "source", (4, 6))
    values = images[np.arange(3)][:, 0, 0, 0]
    np.testing.assert_allclose(values, [-0.6, 2 * 13108 / 65535 - 1, 1.0], atol=1e-7)
    # One more than 51 * 257: the two would be equal at 8 bits.
    assert values[0] != values[1]


def test_jpeg_folder_and_resizing(tmp_path):
    write(tmp_path, np.full((4, 20, 30, 1), 200, "uint8"), ".jpg")
    assert ImageSet.open(tmp_path, "source").shape == (20, 30, 1)
    assert unpaired(tmp_path, coded(9), batch_size=2)[0][1].shape == (2, 20, 30, 1)
    images = ImageSet.open(tmp_path, "source", (5, 6))
    np.testing.assert_allclose(images[[0, 3]], 200 / 127.5 - 1, atol=0.02)
    assert images.shape == (5, 6, 1)


def test_npz(tmp_path):
    path = tmp_path / "eyes.npz"
    np.savez(path, images=coded(6), gaze=np.arange(12).reshape(6, 2), version=np.array(3))
    dataset = unpaired(str(path), coded(3), (4, 6), batch_size=2)
    assert dataset.source_labels.keys() == {"gaze"}
    assert dataset.source_names == ["0", "1", "2", "3", "4", "5"]
    rows = dataset.rows(0, 1)[0]
    np.testing.assert_array_equal(ids(dataset[1][0]), rows)
    with pytest.raises(ImageError, match="no array 'faces'; it holds images, gaze"):
        unpaired(path, coded(3), (4, 6), npz_key="faces")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ImageError, match=r"eyes\.npz' is damaged"):
        unpaired(path, coded(3), (4, 6))
    with pytest.raises(ImageError, match=r"gone\.npz' cannot be read"):
        unpaired(tmp_path / "gone.npz", coded(3), (4, 6))


def test_tf_data():
    tf = pytest.importorskip("tensorflow")
    pairs = tf.data.Dataset.from_tensor_slices((coded(10), np.arange(10) * 2))
    dataset = unpaired(pairs, pairs.batch(4), (4, 6), batch_size=5)
    np.testing.assert_array_equal(dataset.source_labels["label"], np.arange(10) * 2)
    source, target = epoch_ids(dataset, 0)
    np.testing.assert_array_equal(np.sort(source), np.arange(10))
    np.testing.assert_array_equal(np.sort(target), np.arange(10))

    named = tf.data.Dataset.from_tensor_slices({"image": coded(10, (8, 12)), "gaze": np.ones(10)})
    dataset = unpaired(named.batch(5), coded(10), (4, 6), batch_size=5)
    assert dataset.source_labels["gaze"].shape == (10,)
    assert dataset[0][0].shape == (5, 4, 6, 1)
    with pytest.raises(ImageError, match="endless.*Leave out `.repeat"):
        unpaired(pairs.repeat(), pairs, (4, 6))
    with pytest.raises(ImageError, match="more than 50 bytes.*memory_limit"):
        unpaired(pairs, pairs, (4, 6), memory_limit=50)
    with pytest.raises(ImageError, match="expected a key 'image'"):
        unpaired(tf.data.Dataset.from_tensor_slices({"x": coded(2)}), pairs, (4, 6))
    with pytest.raises(ImageError, match="empty"):
        unpaired(pairs.take(0), pairs, (4, 6))


def test_labels_ride_along(tmp_path):
    write_folder(tmp_path, coded(8), {"value": np.arange(8) * 10})
    dataset = unpaired(tmp_path, coded(3), (4, 6), batch_size=4)
    for index in range(2):
        rows = dataset.rows(0, index)[0]
        np.testing.assert_array_equal(
            dataset.source_labels["value"][rows], ids(dataset[index][0]) * 10
        )
    (tmp_path / "labels.json").write_text('{"other.png": {"value": 1}}')
    with pytest.raises(LabelError, match="No name in .*labels.json"):
        unpaired(tmp_path, coded(3), (4, 6))
    # Who needs no labels reads none.
    dataset = unpaired(tmp_path, coded(3), (4, 6), batch_size=2, with_labels=False)
    assert dataset.source_labels == {}


def test_labels_in_another_encoding(tmp_path):
    write_folder(tmp_path, coded(1), names=["a.png"])
    (tmp_path / "labels.csv").write_bytes("file,who\na.png,Zoë\n".encode("latin-1"))
    with pytest.raises(LabelError, match="labels.csv' is not in the encoding utf-8: line 2"):
        unpaired(tmp_path, coded(1), batch_size=1)
    dataset = unpaired(tmp_path, coded(1), batch_size=1, labels_encoding="latin-1")
    assert dataset.source_labels["who"].tolist() == ["Zoë"]


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "photos", coded(6), {"value": np.arange(6)})
    return tmp_path / "photos"


def test_truncated_image(folder):
    path = folder / "000002.png"
    path.write_bytes(path.read_bytes()[:-20])
    for memory_limit in (0, 10**6):
        with pytest.raises(ImageError, match=r"000002\.png' is damaged or truncated"):
            unpaired(coded(9), folder, (4, 6), batch_size=2, memory_limit=memory_limit)
        with pytest.warns(
            UserWarning, match="1 of 6 images in .*photos' are skipped: '000002.png'"
        ):
            dataset = unpaired(
                folder,
                coded(9),
                (4, 6),
                batch_size=5,
                on_bad_image="skip",
                memory_limit=memory_limit,
            )
        assert [name for name, _ in dataset.skipped] == ["000002.png"]
        assert "truncated" in dataset.skipped[0][1]
        assert dataset.source_labels["value"].tolist() == [0, 1, 3, 4, 5]
        np.testing.assert_array_equal(np.sort(ids(dataset[0][0])), [0, 1, 3, 4, 5])


def test_one_file_of_another_channel_count(folder):
    write_image(folder / "000003.png", np.zeros((4, 6, 3), "uint8"))
    for channels in (None, 1):
        with pytest.raises(ImageError, match=r"000003\.png' has 3 channels.*expected 1 channel "):
            unpaired(folder, coded(3), (4, 6), channels=channels)
    with pytest.warns(UserWarning, match="skipped: '000003.png'"):
        assert len(unpaired(folder, coded(3), (4, 6), batch_size=1, on_bad_image="skip")) == 5
    for channels in (1, 3):
        dataset = unpaired(
            folder, coded(3), (4, 6), channels=channels, batch_size=6, convert_channels=True
        )
        assert dataset[0][0].shape == dataset[0][1].shape == (6, 4, 6, channels)
    # The target has to have the channels of the source.
    with pytest.raises(ImageError, match=r"`target` has 3 channels; expected 1"):
        unpaired(coded(5), coded(5, channels=3), (4, 6), batch_size=2)


def test_first_file_is_bad(folder):
    (folder / "000000.png").write_text("no image")
    with pytest.warns(UserWarning, match="1 of 6"):
        dataset = unpaired(folder, coded(3), (4, 6), batch_size=5, on_bad_image="skip")
    assert dataset.image_shape == (4, 6, 1)
    for path in folder.glob("*.png"):
        path.write_text("no image")
    with pytest.raises(ImageError, match="None of the 6 images"):
        unpaired(folder, coded(3), (4, 6), on_bad_image="skip")


def test_missing_and_empty_folder(tmp_path):
    with pytest.raises(ImageError, match="absent' does not exist"):
        unpaired(tmp_path / "absent", coded(3), (4, 6))
    with pytest.raises(ImageError, match="No image in the folder"):
        unpaired(coded(3), tmp_path, (4, 6), batch_size=1)


def test_bad_arrays():
    bad = coded(3).astype("float32") / 3 - 0.5
    bad[1, 2, 3, 0] = np.nan
    for images, match in [
        (bad, "`source` holds values that are not finite"),
        (coded(3).astype("float32"), r"`source` must be in \[-1, 1\]; found values from 0 to 2"),
        (coded(3).astype("int64"), "`source`: .*int64; expected uint8"),
        (coded(3)[..., 0], r"`source` has the shape \(3, 4, 6\).*images\[..., None\]"),
        (coded(0), r"`source` has the shape \(0, 4, 6, 1\)"),
    ]:
        with pytest.raises(ImageError, match=match):
            unpaired(images, coded(3), (4, 6), batch_size=1)
    with pytest.warns(UserWarning, match=r"without a negative value.*2 \* images - 1"):
        unpaired(coded(2).astype("float32"), coded(3), (4, 6), batch_size=1)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"batch_size": 0}, "`batch_size` must be a whole number above 0"),
        ({"batch_size": 21}, "20 images, fewer than one batch of 21"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` must be"),
        ({"on_bad_image": "ignore"}, '"error" or "skip". Received: .ignore'),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        make(**options)
    for size in (36, (0, 5), (3, 4, 1)):
        with pytest.raises(ValueError, match="`image_size` must be"):
            unpaired(coded(3), coded(3), size)


@pytest.mark.parametrize("crop_size", [3, (0, 2), (-1, 2), (2.0, 2), (2, 2, 1), "22"])
def test_bad_crop_size(crop_size):
    # Told before the images are looked for.
    with pytest.raises(ValueError, match=r"`crop_size` must be \(height, width\).*Received"):
        unpaired("absent", "absent", (4, 6), crop_size=crop_size)


@pytest.mark.parametrize("crop_size", [(5, 6), (4, 7)])
def test_crop_larger_than_the_images(crop_size):
    match = f"`crop_size` {crop_size[0]}x{crop_size[1]} .*images of 4x6. .*larger `image_size`"
    with pytest.raises(ValueError, match=match):
        unpaired("absent", "absent", (4, 6), crop_size=crop_size)
    # Where the first image settles the size, before the target is read.
    with pytest.raises(ValueError, match=match):
        unpaired(coded(20), "absent", crop_size=crop_size)
    sets = [ImageSet.open(coded(9, size), "source") for size in ((8, 8), (4, 6))]
    with pytest.raises(ValueError, match=match):
        UnpairedDataset(*sets, batch_size=2, crop_size=crop_size)
    assert make(crop_size=(4, 6)).image_shape == (4, 6, 1)


def test_importing_data_imports_no_tensorflow():
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "from keras_simgan import data\n"
        "import numpy as np\n"
        "x = np.zeros((4, 3, 3, 1), 'uint8')\n"
        "print(data.unpaired(x, x, (3, 3), batch_size=2)[1][0].shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )
    assert done.stdout.strip() == "(2, 3, 3, 1)", done.stderr
