import numpy as np

from keras_simgan.runs.options import CycleGANOptions, SimGANOptions
from keras_simgan.runs.training import compile_arguments, read_data


def test_flips_and_crops(folders):
    common = {"source": str(folders / "renders"), "target": str(folders / "photos")}
    common |= {"batch_size": 2}
    assert not read_data(SimGANOptions(**common)).train.flip  # SimGAN has no such option
    data = read_data(CycleGANOptions(**common, crop=(12, 16)))
    assert data.train.flip and data.train.crop_size == (12, 16)
    # What is watched are the windows in the middle, in order.
    whole = data.train.source[np.arange(5)]
    np.testing.assert_array_equal(data.samples[0], whole[:, 6:18, 4:20])
    assert not read_data(CycleGANOptions(**common, no_flip=True)).train.flip


def test_the_momentum_of_an_average_is_handed_on_when_given():
    folders = {"source": "renders", "target": "photos"}
    assert compile_arguments(SimGANOptions(**folders)) == {}
    assert compile_arguments(CycleGANOptions(**folders, ema=0.99)) == {"ema_momentum": 0.99}
