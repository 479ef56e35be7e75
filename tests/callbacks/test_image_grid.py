import sys
from types import SimpleNamespace

import numpy as np
import pytest

from keras_simgan import models, networks
from keras_simgan.callbacks import ImageGrid
from keras_simgan.data import from_unit, read_image


def test_writes_source_refined_and_target_each_epoch(tmp_path, images, compiled_simgan):
    source, target = images
    model = compiled_simgan()
    callback = ImageGrid(tmp_path / "samples", source[:3], target[:3])
    model.fit(source, target, batch_size=6, epochs=2, verbose=0, callbacks=[callback])
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["epoch_0001.png", "epoch_0002.png"]
    sheet = read_image(tmp_path / "samples" / "epoch_0002.png")
    # 12x16 pixels, enlarged 8 times to 96x128: three rows of three.
    assert sheet.shape == (3 * 96, 3 * 128, 1)
    small = sheet[::8, ::8]
    np.testing.assert_array_equal(small[:12, 16:32], from_unit(source[1]))
    np.testing.assert_array_equal(small[24:, 32:48], from_unit(target[2]))
    refined = from_unit(model.predict(source[:3], verbose=0))
    assert np.abs(small[12:24, :16].astype(int) - refined[0]).max() <= 1
    first = read_image(tmp_path / "samples" / "epoch_0001.png")
    np.testing.assert_array_equal(first[:96], sheet[:96])
    assert (first[96:192] != sheet[96:192]).any()


def test_without_target_has_two_rows_in_colour(tmp_path):
    source = np.zeros((2, 100, 120, 3), "float32")
    callback = ImageGrid(tmp_path, source)
    callback.set_model(lambda images, training: images + 1.0)
    callback.on_epoch_end(0)
    sheet = read_image(tmp_path / "epoch_0001.png")
    assert sheet.shape == (200, 240, 3)
    assert (sheet[:100] == 128).all() and (sheet[100:] == 255).all()


@pytest.mark.parametrize("shape", [(4, 12, 16), (4, 12, 16, 2)])
def test_refuses_what_is_no_batch_of_images(shape):
    good = np.zeros((4, 12, 16, 1))
    with pytest.raises(ValueError, match=r"`source`.*\(n, height, width, 1 or 3\)"):
        ImageGrid("samples", np.zeros(shape))
    with pytest.raises(ValueError, match="`target`"):
        ImageGrid("samples", good, np.zeros(shape))


class Shifter:
    """Translates there by adding 1/4 and back by halving."""

    directions = {"source_to_target": "network", "target_to_source": "network"}

    def translate(self, images, direction):
        return images + 0.25 if direction == "source_to_target" else images / 2


def test_models_that_translate_back_show_both_cycles(tmp_path):
    source, target = np.full((2, 96, 100, 1), 0.5), np.full((2, 96, 100, 1), -0.5)
    callback = ImageGrid(tmp_path, source, target)
    callback.set_model(Shifter())
    callback.on_epoch_end(0)
    sheet = read_image(tmp_path / "epoch_0001.png")
    assert sheet.shape == (6 * 96, 200, 1)
    for row, value in enumerate((0.5, 0.75, 0.375, -0.5, -0.25, 0.0)):
        assert (sheet[96 * row : 96 * (row + 1)] == from_unit(np.array(value))).all(), row

    callback = ImageGrid(tmp_path, source)
    callback.set_model(Shifter())
    callback.on_epoch_end(1)
    np.testing.assert_array_equal(read_image(tmp_path / "epoch_0002.png"), sheet[: 3 * 96])


def test_what_leaves_the_range_is_translated_back_as_it_is_shown(tmp_path):
    callback = ImageGrid(tmp_path, np.full((1, 96, 96, 1), 0.9))
    callback.set_model(Shifter())
    callback.on_epoch_end(0)
    sheet = read_image(tmp_path / "epoch_0001.png")
    assert (sheet[96:192] == 255).all() and (sheet[192:] == from_unit(np.array(0.5))).all()


def test_rows_of_a_cyclegan(tmp_path, images):
    source, target = (part[:2] for part in images)
    generators = [networks.ResNetGenerator((12, 16, 1), filters=4, blocks=1) for _ in range(2)]
    discriminators = [
        networks.PatchDiscriminator((12, 16, 1), filters=4, layers=1) for _ in range(2)
    ]
    model = models.CycleGAN(*generators, *discriminators, pool_size=0)
    callback = ImageGrid(tmp_path, source, target)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    sheet = read_image(tmp_path / "epoch_0001.png")[::8, ::8].reshape(6, 12, 2, 16, 1)
    there = model.translate(source)
    home = model.translate(target, direction="target_to_source")
    expected = [
        source,
        there,
        model.translate(there, direction="target_to_source"),
        target,
        home,
        model.translate(home),
    ]
    for row, batch in zip(sheet, expected, strict=True):
        found = np.swapaxes(row, 0, 1).astype(int)
        assert np.abs(found - from_unit(batch)).max() <= 1


@pytest.mark.parametrize("gray", ["source", "target"])
def test_gray_and_colour_stand_in_one_picture(tmp_path, images, small_cyclegan, gray):
    domains = dict(zip(("source", "target"), images[:, :2, :8, :8], strict=True))
    for name in domains:
        if name != gray:
            domains[name] = np.concatenate([domains[name], -domains[name], domains[name]], axis=-1)
    shapes = {f"{name}_shape": batch.shape[1:] for name, batch in domains.items()}
    model = small_cyclegan(**shapes, identity_weight=0)
    callback = ImageGrid(tmp_path, **domains)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    sheet = read_image(tmp_path / "epoch_0001.png")[::12, ::12].reshape(6, 8, 2, 8, 3)
    for name, row in (("source", 0), ("target", 3)):
        expected = np.broadcast_to(from_unit(domains[name]), (2, 8, 8, 3))
        np.testing.assert_array_equal(np.swapaxes(sheet[row], 0, 1), expected)
    translated = model.translate(domains["source"])
    found = np.swapaxes(sheet[1], 0, 1).astype(int)
    assert np.abs(found - from_unit(translated)).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_go_to_tensorboard(tmp_path, channels):
    pytest.importorskip("tensorflow")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    source = np.random.default_rng(0).uniform(-1, 1, (2, 96, 100, channels))
    callback = ImageGrid(tmp_path / "samples", source, tensorboard=tmp_path / "logs")
    callback.set_model(lambda images, training: -images)
    for epoch in (0, 1, 4):
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    assert len(list((tmp_path / "logs").iterdir())) == 1
    events = accumulator.EventAccumulator(str(tmp_path / "logs"), {"tensors": 0}).Reload()
    assert events.Tags()["tensors"] == ["image_grid"]
    summaries = events.Tensors("image_grid")
    assert [event.step for event in summaries] == [0, 1, 4]
    for event in summaries:
        width, height, encoded = event.tensor_proto.string_val
        assert (width, height) == (b"200", b"192")
        (tmp_path / "shown.png").write_bytes(encoded)
        written = read_image(tmp_path / "samples" / f"epoch_{event.step + 1:04d}.png")
        np.testing.assert_array_equal(read_image(tmp_path / "shown.png"), written)


def test_each_training_has_its_own_event_file(tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("tensorboard")
    callback = ImageGrid(tmp_path / "samples", np.zeros((1, 96, 96, 1)), tensorboard=tmp_path)
    callback.set_model(lambda images, training: images)
    for epoch in range(2):
        callback.on_epoch_end(epoch)
        callback.on_train_end()
    assert len(list(tmp_path.glob("events*"))) == 2


@pytest.mark.parametrize("missing", ["tensorflow", "tensorboard"])
def test_tensorboard_where_it_is_not_installed(missing, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, missing, None)
    images = np.zeros((1, 12, 16, 1))
    with pytest.raises(ImportError, match=f"`tensorboard` needs {missing}.*pip install {missing}"):
        ImageGrid("samples", images, tensorboard=tmp_path)
    ImageGrid("samples", images)


def test_refuses_images_that_do_not_fit(compiled_simgan, images):
    good = np.zeros((4, 12, 16, 1))
    with pytest.raises(ValueError, match=r"`target` must have the shape of `source`, \(4, 12"):
        ImageGrid("samples", good, good[:3])
    with pytest.raises(ValueError, match=r"`source` must be in \[-1, 1\]; .* to 255"):
        ImageGrid("samples", np.full((4, 12, 16, 1), 255, "uint8"))
    model = compiled_simgan()
    with pytest.raises(ValueError, match=r"`source` has the shape \(4, 12, 12, 1\).*\(12, 16, 1\)"):
        model.fit(*images, verbose=0, callbacks=[ImageGrid("samples", good[:, :, :12])])
    assert int(model.step) == 0
    model, shapes = Shifter(), [(12, 16, 1), (16, 16, 1)]
    model.network, model.other = (SimpleNamespace(input_shape=(None, *shape)) for shape in shapes)
    model.directions = {"source_to_target": "network", "target_to_source": "other"}
    callback = ImageGrid("samples", good, good)
    callback.set_model(model)
    with pytest.raises(ValueError, match=r"`target` has the shape \(4, 12, 16, 1\).*\(16, 16, 1\)"):
        callback.on_train_begin()
