import os
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.data import ImageError, PairedDataset, paired, write_image


def located(n, size):
    """Sources, targets and instances that tell where each of their pixels was.

    Photos have the image's number, the row and the column as channels; label maps a class, and
    instance maps an id, for each place.
    """
    number, row, column = np.meshgrid(np.arange(n), *map(np.arange, size), indexing="ij")
    place = row * size[1] + column
    photos = np.stack([number, row, column], -1).astype("uint8")
    return place.astype("uint8"), photos, (1000 * number + place).astype("int32")


def places(photos):
    """`(number, row, column)` of each pixel."""
    return np.moveaxis(np.rint((photos + 1) * 127.5).astype(int), -1, 0)


def make(n=8, size=(5, 7), batch_size=4, **options):
    maps, photos, ids = located(n, size)
    return paired(
        maps,
        photos,
        batch_size=batch_size,
        instances=ids,
        return_instances=True,
        **{"classes": size[0] * size[1], "crop_size": (3, 4), "flip": True, **options},
    )


def assert_equal(batch, other):
    for images, others in zip(batch, other, strict=True):
        images, others = ((x if isinstance(x, dict) else {"": x}) for x in (images, others))
        assert images.keys() == others.keys()
        for key in images:
            np.testing.assert_array_equal(images[key], others[key])


@given(
    size=st.tuples(st.integers(1, 9), st.integers(2, 9)),
    data=st.data(),
    seed=st.integers(0, 2**40),
    flip=st.booleans(),
)
def test_all_parts_have_the_same_window(size, data, seed, flip):
    crop_size = data.draw(st.tuples(st.integers(1, size[0]), st.integers(2, size[1])))
    dataset = make(size=size, crop_size=crop_size, seed=seed, flip=flip)
    classes = size[0] * size[1]
    assert dataset.image_shape == (*crop_size, 3)
    assert dataset.source_shape == (*crop_size, classes + 1)
    source, target = dataset[1]
    labels, ids = source["labels"], source["instances"]
    assert labels.shape[1:] == dataset.source_shape and target.shape[1:] == dataset.image_shape
    assert labels.dtype == target.dtype == "float32" and ids.dtype == "int32"
    number, row, column = places(target)
    np.testing.assert_array_equal(number[:, 0, 0], dataset.rows(0, 1))
    # A window of one image, perhaps mirrored:
    step = column[:, :1, 1:2] - column[:, :1, :1]
    assert set(step.ravel()) <= ({1, -1} if flip else {1})
    top, left = row[:, :1, :1] + 0 * row, column[:, :1, :1] + 0 * column
    np.testing.assert_array_equal(row - top, np.indices(crop_size)[0] + 0 * row)
    np.testing.assert_array_equal(column - left, step * np.indices(crop_size)[1])
    # And the same of the others.
    np.testing.assert_array_equal(labels[..., :-1].argmax(-1), row * size[1] + column)
    np.testing.assert_array_equal(labels[..., :-1].sum(-1), 1)
    np.testing.assert_array_equal(ids[..., 0], 1000 * number + row * size[1] + column)


def test_windows_and_tosses_are_pinned():
    """The same on every backend, as each of them runs this test."""
    number, row, column = places(make(seed=3)[1][1])
    mirrored = column[:, 0, 0] > column[:, 0, -1]
    found = np.stack([number[:, 0, 0], row[:, 0, 0], column.min((1, 2)), mirrored], -1)
    assert found.tolist() == [[4, 2, 0, 1], [5, 1, 1, 0], [3, 1, 0, 1], [0, 2, 1, 0]]


def test_one_pass_an_epoch_and_the_remainder_in_turn():
    dataset, left_out = make(n=7, batch_size=3), set()
    assert len(dataset) == 2
    for epoch in range(20):
        rows = np.concatenate([dataset.rows(epoch, index) for index in range(2)])
        assert len(set(rows)) == 6
        left_out |= set(range(7)) - set(rows)
    assert len(left_out) > 4
    dataset = make(n=6, batch_size=4, steps_per_epoch=3)
    rows = [dataset.rows(epoch, index) for epoch in range(4) for index in range(3)]
    np.testing.assert_array_equal(np.bincount(np.concatenate(rows)), np.full(6, 8))


def test_a_resumed_run_sees_the_same_batches():
    dataset, whole = make(), []
    for _ in range(4):
        whole.append([dataset[index] for index in range(len(dataset))])
        dataset.on_epoch_end()
    resumed = make(workers=3)
    resumed.set_epoch(2)
    for epoch in (2, 3):
        for index in (1, 0):
            assert_equal(resumed[index], whole[epoch][index])
        resumed.on_epoch_end()
    numbers = [places(target)[0, :, 0, 0].tolist() for _, target in whole[0] + whole[1]]
    assert numbers[:2] != numbers[2:]
    with pytest.raises(IndexError):
        dataset[2]


def test_validation_takes_the_central_window():
    dataset = make(shuffle=False)
    for epoch in (0, 3):
        dataset.set_epoch(epoch)
        number, row, column = places(dataset[1][1])
        np.testing.assert_array_equal(number[:, 0, 0], [4, 5, 6, 7])
        np.testing.assert_array_equal(row[:, :, 0], [[1, 2, 3]] * 4)
        np.testing.assert_array_equal(column[:, 0], [[1, 2, 3, 4]] * 4)


def test_edges_are_those_of_the_window():
    ids = np.zeros((1, 6, 6), int)
    ids[0, :3] = 1  # a boundary in rows 2 and 3
    ids[0, :, 0] = 2  # and one in columns 0 and 1, of which the window shows the latter
    photos = np.zeros((1, 6, 6, 3), "uint8")
    options = {"instances": ids, "crop_size": (4, 4), "shuffle": False}
    source, _ = paired(np.zeros((1, 6, 6), int), photos, classes=2, **options)[0]
    expected = np.zeros((4, 4))
    expected[1:3] = 1
    np.testing.assert_array_equal(source[0, ..., 2], expected)
    np.testing.assert_array_equal(source[0, ..., :2], np.eye(2)[np.zeros((4, 4), int)])
    # Images have them beside their channels too.
    source, _ = paired(photos, photos, **options)[0]
    np.testing.assert_array_equal(source[0, ..., 3], expected)
    np.testing.assert_array_equal(source[..., :3], -1)


def test_photos_are_averaged_and_maps_are_not():
    checkers = np.indices((8, 8)).sum(0)[None] % 2
    photos = np.uint8(checkers * 200)[..., None]
    options = {"instances": 70000 * checkers, "return_instances": True, "classes": 2}
    source, target = paired(checkers, photos, (4, 4), **options)[0]
    np.testing.assert_allclose(target, 100 / 127.5 - 1, atol=1e-6)
    assert set(source["labels"][..., :2].ravel()) == {0, 1}
    assert set(source["instances"].ravel()) <= {0, 70000}


def write_pairs(folder, n=6, size=(5, 7)):
    """Folders `maps` (png), `photos` (bmp), `ids` (16 bits) and `both` (side by side)."""
    maps, photos, ids = located(n, size)
    gray = np.repeat(maps[..., None], 3, -1)
    for i in range(n):
        name = f"{'ab'[i % 2]}/{i:03d}"
        write_image(folder / "maps" / f"{name}.png", maps[i, ..., None])
        write_image(folder / "photos" / f"{name}.bmp", photos[i])
        write_image(folder / "ids" / f"{name}.png", ids[i, ..., None].astype("uint16"))
        write_image(folder / "both" / f"{name}.png", np.concatenate([photos[i], gray[i]], 1))
    # In the order of the folders' names.
    order = [*range(0, n, 2), *range(1, n, 2)]
    return maps[order], photos[order], ids[order]


OPTIONS = {"batch_size": 3, "crop_size": (3, 4), "flip": True}


def test_folders_arrays_npz_and_disk_agree(tmp_path):
    maps, photos, ids = write_pairs(tmp_path)
    options = {"classes": 35, **OPTIONS}
    expected = paired(maps, photos, instances=ids, **options)
    assert expected.names == ["0", "1", "2", "3", "4", "5"]
    folders = tmp_path / "maps", tmp_path / "photos"
    memory = paired(*folders, instances=tmp_path / "ids", **options)
    disk = paired(*folders, instances=tmp_path / "ids", memory_limit=0, **options)
    assert memory.names == disk.names and disk.names[:2] == ["a/000.png", "a/002.png"]
    assert memory.pairs.in_memory and not disk.pairs.in_memory and disk.workers > 1
    np.savez(tmp_path / "pairs.npz", source=maps, target=photos, ids=ids)
    npz = paired(str(tmp_path / "pairs.npz"), npz_keys=("source", "target", "ids"), **options)
    for index in range(2):
        for dataset in (memory, disk, npz):
            assert_equal(dataset[index], expected[index])


@pytest.mark.parametrize("batched", [False, True])
def test_tf_data(batched):
    tf = pytest.importorskip("tensorflow")
    arrays = located(6, (5, 7))
    dataset = tf.data.Dataset.from_tensor_slices(arrays)
    found = paired(dataset.batch(4) if batched else dataset, classes=35, **OPTIONS)
    assert_equal(found[1], paired(*arrays[:2], instances=arrays[2], classes=35, **OPTIONS)[1])
    for bad, message in (
        (dataset.repeat(), "endless"),
        (dataset.take(0), "empty"),
        (dataset.map(lambda source, target, ids: source), "other elements"),
    ):
        with pytest.raises(ImageError, match=message):
            paired(bad, classes=35)
    with pytest.raises(ImageError, match="Element 0 .*the index 20, in 15 of 35"):
        paired(dataset, classes=20)
    with pytest.raises(ImageError, match="more than 600 bytes after 3 elements"):
        paired(dataset, classes=35, memory_limit=600)
    with pytest.raises(ValueError, match="leave `target` and `instances` out"):
        paired(dataset, arrays[1], classes=35)


def test_side_by_side(tmp_path):
    maps, photos, _ = write_pairs(tmp_path)
    gray = np.repeat(maps[..., None], 3, -1)
    for side, arrays in (("source_right", (gray, photos)), ("source_left", (photos, gray))):
        found = paired(tmp_path / "both", side_by_side=side, **OPTIONS)
        assert_equal(found[1], paired(*arrays, **OPTIONS)[1])
    # Colours that stand for classes, read from disk.
    options = {"colours": [(i, i, i) for i in range(35)], "memory_limit": 0, **OPTIONS}
    found = paired(tmp_path / "both", side_by_side="source_right", **options)
    assert_equal(found[1], paired(maps, photos, classes=35, **OPTIONS)[1])
    # Label maps of their own, and only the targets out of the two halves.
    options = {"side_by_side": "source_right", "classes": 35, **OPTIONS}
    found = paired(tmp_path / "maps", tmp_path / "both", **options)
    assert_equal(found[1], paired(maps, photos, classes=35, **OPTIONS)[1])


def test_a_jpg_photo_with_its_map(tmp_path):
    photo = np.zeros((16, 16, 3), "uint8")
    photo[:, 8:] = 200
    write_image(tmp_path / "photos/x.jpg", photo)
    write_image(tmp_path / "maps/x.png", photo[..., :1] // 200)
    source, target = paired(tmp_path / "maps", tmp_path / "photos", classes=2)[0]
    np.testing.assert_allclose(target[0, ..., 0], source[0, ..., 1] * 400 / 255 - 1, atol=0.05)


def test_names_match_by_a_part_of_them(tmp_path):
    maps, photos, _ = located(2, (4, 4))
    for i, city in enumerate(("aachen", "bonn")):
        write_image(tmp_path / f"maps/{city}/{city}_00_gtFine.png", maps[i, ..., None])
        write_image(tmp_path / f"photos/{city}_00_leftImg8bit.png", photos[i])
    folders = tmp_path / "maps", tmp_path / "photos"
    for match in (r"\w+_\d+", r"(\w+)_\d+_"):
        dataset = paired(*folders, classes=16, match=match, batch_size=2, shuffle=False)
        np.testing.assert_array_equal(places(dataset[0][1])[0, :, 0, 0], [0, 1])
    with pytest.raises(ImageError, match=r"aachen_00_gtFine\.png' has nothing that `match` finds"):
        paired(*folders, classes=16, match="leftImg8bit|(x)")
    with pytest.raises(ImageError, match="are both named '_00'"):
        paired(*folders, classes=16, match=r"_\d+")
    with pytest.raises(ValueError, match="`match` is no regular expression"):
        paired(*folders, classes=16, match="(")


def test_channels_are_checked_and_converted(tmp_path):
    write_pairs(tmp_path)
    folders = tmp_path / "maps", tmp_path / "photos"
    options = {"source_channels": 3, "channels": 1}
    with pytest.raises(ImageError, match=r"000\.png' has 1 channel \(gray\); expected 3"):
        paired(*folders, **options)
    dataset = paired(*folders, convert_channels=True, **options)
    assert dataset.source_shape == (5, 7, 3) and dataset.image_shape == (5, 7, 1)
    write_image(tmp_path / "photos/b/003.bmp", np.zeros((5, 7, 1), "uint8"))
    with pytest.raises(ImageError, match=r"003\.bmp' has 1 channel \(gray\); expected 3"):
        paired(*folders)


def damage(folder):
    """Spoils a pair each in five ways; of 8 pairs, 006 and 007 stay good."""
    os.remove(folder / "photos/a/000.bmp")
    os.remove(folder / "maps/b/001.png")
    write_image(folder / "photos/a/002.bmp", np.zeros((5, 9, 3), "uint8"))
    write_image(folder / "maps/b/003.png", np.full((5, 7, 1), 35, "uint8"))
    path = folder / "photos/a/004.bmp"
    path.write_bytes(path.read_bytes()[:60])
    write_image(folder / "ids/b/005.png", np.zeros((5, 7, 3), "uint8"))


MESSAGES = [
    r"'a/000\.png' has no partner in '.*photos'",
    r"'b/001\.bmp' has no partner in '.*maps'",
    r"differ in size .*: source '.*002\.png' 5x7, target '.*002\.bmp' 5x9",
    r"003\.png' holds the index 35, in 35 of 35 pixels; expected 0 to 34",
    r"004\.bmp' is damaged or truncated",
    r"005\.png' has 3 channels; expected one, of ids",
]


def test_bad_pairs_are_skipped_with_both_halves(tmp_path):
    write_pairs(tmp_path, n=8)
    damage(tmp_path)
    folders = tmp_path / "maps", tmp_path / "photos"
    options = {"instances": tmp_path / "ids", "classes": 35, "on_bad_image": "skip"}
    for memory_limit in (2**20, 0):
        with pytest.warns(UserWarning, match="images in '.*maps' are skipped") as caught:
            dataset = paired(*folders, memory_limit=memory_limit, batch_size=2, **options)
        assert caught[0].filename == __file__
        assert dataset.names == ["a/006.png", "b/007.png"]
        np.testing.assert_array_equal(np.sort(places(dataset[0][1])[0, :, 0, 0]), [6, 7])
        for message in MESSAGES:
            assert [reason for _, reason in dataset.skipped if re.search(message, reason)], message
        assert {name[2:5] for name, _ in dataset.skipped} == {f"00{i}" for i in range(6)}


def test_each_bad_pair_is_an_error(tmp_path):
    write_pairs(tmp_path, n=8)
    damage(tmp_path)
    folders = tmp_path / "maps", tmp_path / "photos"
    options = {"instances": tmp_path / "ids", "classes": 35}
    with pytest.raises(ImageError) as caught:
        paired(*folders, **options)
    for message in (
        "1 of 7 images in '.*maps' have no partner in '.*photos': 'a/000.png'",
        "1 of 7 images in '.*photos' have no partner in '.*maps': 'b/001.bmp'",
        "1 of 8 images in '.*ids' have no partner in '.*maps': 'b/001.png'",
    ):
        assert re.search(message, str(caught.value)), caught.value
    for i, message in enumerate(MESSAGES[2:], start=2):
        shutil.rmtree(tmp_path)
        write_pairs(tmp_path, n=8)
        good = paired(*folders, **options)
        assert len(good) == 8
        damage(tmp_path)
        for j in set(range(6)) - {i}:
            for path in tmp_path.glob(f"*/*/{j:03d}.*"):
                path.unlink()
        with pytest.raises(ImageError, match=message):
            paired(*folders, **options)


def test_halves_of_a_folder_that_cannot_be_told(tmp_path):
    write_pairs(tmp_path)
    both, maps, photos = (tmp_path / name for name in ("both", "maps", "photos"))
    write_image(both / "b/odd.png", np.zeros((5, 13, 3), "uint8"))
    with pytest.raises(ImageError, match=r"odd\.png' is 13 pixels wide, which is odd"):
        paired(both, side_by_side="source_left")
    with pytest.warns(UserWarning, match="skipped"):
        dataset = paired(both, side_by_side="source_left", on_bad_image="skip")
    assert [name for name, _ in dataset.skipped] == ["b/odd.png"]
    write_image(photos / "a/000.png", np.zeros((5, 7, 3), "uint8"))
    with pytest.raises(ImageError, match=r"'a/000\.bmp' and 'a/000\.png' in '.*photos' are both"):
        paired(maps, photos)
    write_image(both / "b/odd.jpg", np.zeros((5, 14, 3), "uint8"))
    os.remove(both / "b/odd.png")
    with pytest.raises(ImageError, match=r"odd\.jpg' is a jpg"):
        colours = [(i, i, i) for i in range(35)]
        paired(both, side_by_side="source_right", colours=colours)
    write_image(tmp_path / "others/x.png", np.zeros((5, 7, 3), "uint8"))
    with pytest.raises(ImageError, match="No two images belong together"):
        paired(maps, tmp_path / "others", on_bad_image="skip")


MAPS, PHOTOS, IDS = located(4, (5, 7))


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((MAPS, PHOTOS[:3]), {"classes": 35}, "Of rows, `source` has 4, `target` has 3"),
        ((MAPS[:, :4], PHOTOS), {"classes": 35}, "Of pixels, `source` has 4x7, `target` has 5x7"),
        ((MAPS, PHOTOS), {"classes": 35, "instances": IDS[1:]}, "`instances` has 3"),
        ((MAPS, PHOTOS), {}, r"`source` has the shape \(4, 5, 7\)"),
        ((MAPS * 0.5, PHOTOS), {"classes": 35}, "the type float64; expected maps of whole numbers"),
        ((MAPS, PHOTOS), {"classes": 34}, "Row 0 of `source` holds the index 34, in 1 of 35"),
        ((PHOTOS, PHOTOS * 9.0), {}, r"`target`.*\[-1, 1\]"),
        ((PHOTOS, PHOTOS), {"channels": 1}, "`target` has 3 channels; expected 1"),
        ((PHOTOS, None), {}, "`target` is None; expected an array"),
        ((PHOTOS, "folder"), {}, "`target` is 'folder'; expected an array"),
        (("folder", PHOTOS), {}, "`target` is a ndarray; expected a folder"),
        (("folder",), {}, "`target` is missing"),
        (("no_such_folder", "neither"), {}, "'no_such_folder' does not exist"),
        (("pairs.npz", PHOTOS), {}, "leave `target` out"),
        (("pairs.npz",), {}, "'pairs.npz' cannot be read"),
        (("pairs.npz",), {"npz_keys": "source"}, "`npz_keys` must be two or three names"),
        ((PHOTOS, PHOTOS), {"side_by_side": "left"}, '"source_left" or "source_right"'),
        ((PHOTOS, PHOTOS), {"side_by_side": "source_left"}, "for folders of images"),
        ((PHOTOS, PHOTOS), {"ignore": 255}, "pass `classes` or `colours` too"),
        ((MAPS, PHOTOS), {"classes": 35, "source_channels": 1}, "has no `source_channels`"),
        ((PHOTOS, PHOTOS), {"return_instances": True}, "pass `instances`"),
        ((PHOTOS, PHOTOS), {"crop_size": (6, 7)}, "`crop_size` 6x7 .* is larger"),
        (("no_folder", "x"), {"crop_size": (9, 9), "image_size": (8, 8)}, "`crop_size` 9x9"),
        ((PHOTOS, PHOTOS), {"image_size": 8}, "`image_size` must be"),
        ((PHOTOS, PHOTOS), {"batch_size": 5}, "4 images, fewer than one batch of 5"),
        ((PHOTOS, PHOTOS), {"on_bad_image": "ignore"}, '"error" or "skip"'),
    ],
)
def test_what_does_not_go_together(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        paired(*arguments, **options)


def test_npz_without_the_keys(tmp_path):
    np.savez(tmp_path / "a.npz", A=PHOTOS, B=PHOTOS)
    with pytest.raises(ImageError, match="has no array 'source'; it holds A, B.*`npz_keys`"):
        paired(tmp_path / "a.npz")
    dataset = paired(tmp_path / "a.npz", npz_keys=("A", "B"))
    assert isinstance(dataset, PairedDataset) and len(dataset) == 4


def test_hold_out_parts_the_last_pairs():
    photos = np.arange(6, dtype="uint8")[:, None, None, None] * np.ones((1, 4, 6, 3), "uint8")
    whole = paired(photos, photos, batch_size=2, crop_size=(3, 3), flip=True, seed=3)
    train, validation = whole.hold_out(2)
    assert (len(train), len(validation)) == (2, 2)
    seen = {round((train[i][0][j].mean() + 1) * 127.5) for i in (0, 1) for j in (0, 1)}
    assert seen == {0, 1, 2, 3} and train.flip and train.crop_size == (3, 3)
    held = [round((validation[i][0].mean() + 1) * 127.5) for i in range(2)]
    assert held == [4, 5] and not validation.flip
    for count in (0, 6):
        with pytest.raises(ValueError, match="`count` must be from 1 to 5"):
            whole.hold_out(count)
