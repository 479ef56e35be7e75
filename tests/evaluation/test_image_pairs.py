import numpy as np
import pytest

from keras_simgan.data import ImageError, write_folder
from keras_simgan.evaluation import SampleOptions, evaluate


def test_pairs_are_matched_by_name(folders, extractor):
    (folders["refined"] / "000003.png").unlink()
    (folders["synthetic"] / "000007.png").unlink()
    found = evaluate(*folders.values(), extractor=extractor)
    assert len(found.paired) == 22 and len(found.synthetic) == len(found.refined) == 23
    assert [found.refined.images.names[row] for row in found.paired] == found.originals.names
    assert found.similarity["PSNR"].value == pytest.approx(14.151, abs=1e-3)


@pytest.mark.filterwarnings("ignore:1 of .* are skipped:UserWarning")
@pytest.mark.parametrize("sample_size", [2048, 24])
def test_bad_originals_are_left_out_of_the_pairs(folders, extractor, sample_size):
    # With a sample of 24, further names leave some originals unread when they are paired.
    write_folder(folders["synthetic"] / "more", np.zeros((80, 16, 16, 1), "uint8"))
    (folders["synthetic"] / "000002.png").write_bytes(b"not an image")
    with pytest.raises(ImageError, match="000002.png"):
        evaluate(*folders.values(), extractor=extractor)
    options = SampleOptions(sample_size, on_bad_image="skip")
    found = evaluate(*folders.values(), extractor=extractor, sample=options)
    assert len(found.paired) == 23 and "000002.png" not in found.originals.names
    assert found.similarity["PSNR"].value == pytest.approx(14.151, abs=1e-3)


@pytest.mark.parametrize("others", [5, 200])
def test_few_names_in_common_are_refused(folders, extractor, others):
    images = np.zeros((others, 16, 16, 1), "uint8")
    write_folder(folders["refined"] / "more", images)
    for row in range(5):
        (folders["synthetic"] / f"{row:06d}.png").unlink()
    write_folder(folders["synthetic"] / "fill", images)
    with pytest.raises(ImageError, match=r"\d+ of 24 images taken from .*refined.* expected at"):
        evaluate(*folders.values(), extractor=extractor, sample=SampleOptions(24))
