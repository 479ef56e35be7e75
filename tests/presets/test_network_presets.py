"""A preset may hold a network alone, and any preset may keep a reference of real images."""

import numpy as np
import pytest

from keras_simgan import metrics, presets
from keras_simgan.networks import FeatureNetwork


@pytest.fixture
def network(with_drawn_weights):
    network = FeatureNetwork((None, None, 3), filters=(4, 6), features=5, name="tiny")
    return with_drawn_weights(network, 1)


def test_round_trip(network, tmp_path):
    presets.save(network, tmp_path / "preset", license="Apache-2.0")
    names = {path.name for path in (tmp_path / "preset").iterdir()}
    assert names == {"config.json", "metadata.json", "model.weights.h5"}
    loaded = presets.load(tmp_path / "preset")
    assert type(loaded) is FeatureNetwork and loaded.get_config() == network.get_config()
    for one, other in zip(network.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_damage_and_directions_are_refused(network, tmp_path):
    presets.save(network, tmp_path)
    with pytest.raises(ValueError, match="holds a FeatureNetwork, which has no directions"):
        presets.load(tmp_path, direction="source_to_target")
    weights = tmp_path / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(ValueError, match="weights.h5' is not what the preset was saved"):
        presets.load(tmp_path)


def test_the_bundled_network():
    metadata = presets.presets()["features_small"]
    assert metadata["class"] == "FeatureNetwork" and metadata["image_shape"] == [None, None, 3]
    assert metadata["license"] == "Apache-2.0"
    network = presets.load("features_small")
    assert network.count_params() == metadata["parameters"] == 349_032
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


# References


def test_the_bundled_reference_is_of_the_bundled_features():
    reference = metrics.ReferenceStatistics.from_preset("simgan_eyes_36x60")
    reference.check("small")
    assert reference.count == 1000 and reference.features.shape == (1000, 192)
    exact = reference.features.astype("float64")
    np.testing.assert_allclose(exact.mean(axis=0), reference.mean, atol=2e-3)
    np.testing.assert_allclose(np.cov(exact, rowvar=False), reference.covariance, atol=2e-3)


def test_a_preset_saved_anew_keeps_its_reference(small_simgan, network, tmp_path):
    model = small_simgan(history_size=2)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1))
    metrics.ReferenceStatistics.of(images, network).save(tmp_path / "reference.npz")
    model.save_to_preset(tmp_path)
    model.save_to_preset(tmp_path, overwrite=True)
    assert metrics.ReferenceStatistics.from_preset(tmp_path).count == 4
    assert presets.load(tmp_path).get_config() == model.get_config()


def test_a_preset_without_a_reference_says_so(small_simgan, tmp_path):
    small_simgan(history_size=2).save_to_preset(tmp_path)
    with pytest.raises(ValueError, match="keeps no reference.npz.*ReferenceStatistics.of"):
        metrics.ReferenceStatistics.from_preset(tmp_path)
    with pytest.raises(ValueError, match="There is no preset 'simgan_eyes'"):
        metrics.ReferenceStatistics.from_preset("simgan_eyes")
