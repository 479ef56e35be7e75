import numpy as np

from keras_simgan.data import write_folder
from keras_simgan.evaluation import SampleOptions, evaluate


def test_larger_images_are_brought_to_the_size_of_the_synthetic_ones(folders, extractor, tmp_path):
    images = np.random.default_rng(0).integers(0, 255, (20, 40, 30, 1), "uint8")
    write_folder(tmp_path / "large", images)
    found = evaluate(
        folders["synthetic"], folders["refined"], tmp_path / "large", extractor=extractor
    )
    assert found.real.images[np.array([0])].shape == (1, 16, 16, 1)
    options = SampleOptions(image_size=(12, 14))
    found = evaluate(*folders.values(), extractor=extractor, sample=options)
    assert found.synthetic.images[np.array([0])].shape == (1, 12, 14, 1)
