import numpy as np
import pytest

from keras_simgan import metrics
from keras_simgan.data import ImageError, write_folder
from keras_simgan.evaluation import SampleOptions, evaluate
from keras_simgan.evaluation.image_fit import ImageFit
from keras_simgan.evaluation.image_folders import ImageFolder
from keras_simgan.evaluation.image_sample import ImageSample


def test_samples_are_the_same_names_and_follow_the_seed(folders, extractor):
    first = evaluate(*folders.values(), extractor=extractor, sample=SampleOptions(20))
    again = evaluate(*folders.values(), extractor=extractor, sample=SampleOptions(20))
    other = evaluate(*folders.values(), extractor=extractor, sample=SampleOptions(20, seed=1))
    names = first.refined.images.names
    assert len(names) == 20 and names == first.synthetic.images.names
    assert names == again.refined.images.names and first.distances == again.distances
    assert names != other.refined.images.names and names != sorted(names)
    np.testing.assert_array_equal(first.paired, np.arange(20))


def test_bad_images_stop_or_are_left_out(folders, extractor):
    (folders["real"] / "000002.png").write_bytes(b"not an image")
    with pytest.raises(ImageError, match="000002.png"):
        evaluate(*folders.values(), extractor=extractor)
    with pytest.warns(UserWarning, match="1 of 24 images"):
        found = evaluate(
            *folders.values(), extractor=extractor, sample=SampleOptions(on_bad_image="skip")
        )
    assert len(found.real) == 23 and "000002.png" not in found.real.rows


def test_histograms_count_levels_and_slopes(tmp_path, extractor):
    ramp = np.tile(np.arange(0, 64, 4, dtype="uint8")[:, None, None], (2, 1, 16, 1))
    write_folder(tmp_path / "ramps", ramp)
    folder = ImageFolder(tmp_path / "ramps", ["000000.png", "000001.png"])
    sample = ImageSample.read(
        folder, SampleOptions(), ImageFit((16, 16), 1), metrics.feature_extractor(extractor)
    )
    # Each of 16 rows has its level: 2 images of 16 pixels.
    assert sample.grays[:64:4].tolist() == [32] * 16 and sample.grays.sum() == 512
    # It climbs by 4 levels a pixel wherever there are neighbours.
    assert sample.gradients[3:5].sum() == 2 * 14 * 14 == sample.gradients.sum()
