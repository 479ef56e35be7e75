import numpy as np

from keras_simgan import metrics
from keras_simgan.data import write_folder
from keras_simgan.evaluation import SampleOptions, evaluate


def test_the_floor_is_half_of_the_real_images_against_the_other(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    assert set(found.distances) == {
        *("kernel distance", "Frechet distance", "domain classifier accuracy"),
        *("precision", "recall"),
    }
    for of in found.distances.values():
        assert list(of) == ["synthetic", "refined", "floor"]
    kernel = found.distances["kernel distance"]
    assert abs(kernel["floor"].value) < kernel["refined"].value < kernel["synthetic"].value


def test_few_that_were_kept_are_compared_alike(folders, extractor):
    write_folder(folders["synthetic"] / "more", np.zeros((80, 16, 16, 1), "uint8"))
    found = evaluate(*folders.values(), extractor=extractor, sample=SampleOptions(40))
    # As many of each, and each that was kept beside its original.
    assert len(found.synthetic) == 40 and len(found.refined) == 24
    for sample, name in ((found.synthetic, "synthetic"), (found.refined, "refined")):
        expected = metrics.KernelDistance()(found.real.features, sample.features[:24])
        assert found.distances["kernel distance"][name] == expected
    assert len(found.paired) == 24 > len(found.synthetic.rows.keys() & found.refined.rows.keys())
