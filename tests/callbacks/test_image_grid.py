import numpy as np
import pytest

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
