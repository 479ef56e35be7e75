import keras
import numpy as np
import pytest

from keras_simgan.metrics import FeatureExtractor, ReferenceStatistics, feature_extractor
from keras_simgan.networks import FeatureNetwork


@pytest.fixture(scope="module")
def extractor():
    keras.utils.set_random_seed(0)
    return FeatureExtractor(FeatureNetwork((None, None, 3), filters=(4, 6), features=5), "tiny")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (12, 16, 16, 1)).astype("float32")


@pytest.fixture
def reference(extractor, images):
    return ReferenceStatistics.of(images, extractor)


@pytest.fixture
def path(reference, tmp_path):
    reference.save(tmp_path / "reference.npz")
    return tmp_path / "reference.npz"


def test_statistics_are_numpys(reference, extractor, images):
    features = extractor(images).astype("float64")
    np.testing.assert_array_equal(reference.features, features.astype("float16"))
    np.testing.assert_allclose(reference.mean, features.mean(axis=0), atol=1e-12)
    centred = features - features.mean(axis=0)
    np.testing.assert_allclose(reference.covariance, centred.T @ centred / 11, atol=1e-12)
    assert reference.mean.dtype == reference.covariance.dtype == "float64"
    assert (reference.count, reference.extractor) == (12, "tiny")
    assert reference.checksum == extractor.checksum


def test_rows_are_a_random_part_and_the_moments_of_all(reference, extractor, images):
    part = ReferenceStatistics.of(images, extractor, rows=5, seed=3)
    assert part.features.shape == (5, 5) and part.count == 12
    np.testing.assert_array_equal(part.mean, reference.mean)
    rows = [np.flatnonzero((reference.features == row).all(axis=1)) for row in part.features]
    chosen = np.concatenate(rows)
    assert len(set(chosen)) == 5 and (chosen == np.sort(chosen)).all()
    again = ReferenceStatistics.of(images, extractor, rows=5, seed=3)
    np.testing.assert_array_equal(part.features, again.features)
    reseeded = ReferenceStatistics.of(images, extractor, rows=5, seed=4)
    assert (part.features != reseeded.features).any()


def test_one_feature_has_a_covariance_matrix():
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    images = np.zeros((3, 2, 2, 1), "float32")
    images[1] = 1.0
    reference = ReferenceStatistics.of(images, model)
    np.testing.assert_allclose(reference.covariance, [[1 / 3]])


def test_features_that_half_precision_does_not_hold_are_kept_in_float32(images):
    inputs = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Rescaling(1e6, offset=1e6)(pooled))
    reference = ReferenceStatistics.of(images, model)
    assert reference.features.dtype == "float32" and np.isfinite(reference.features).all()


def test_saving_keeps_every_bit(reference, path):
    loaded = ReferenceStatistics.load(str(path))
    for name in ("features", "mean", "covariance"):
        found, expected = getattr(loaded, name), getattr(reference, name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    for name in ("count", "extractor", "checksum"):
        assert getattr(loaded, name) == getattr(reference, name)
        assert type(getattr(loaded, name)) is type(getattr(reference, name))


def test_saving_replaces_and_leaves_nothing_else(reference, path):
    path.write_bytes(b"old")
    reference.save(path)
    assert ReferenceStatistics.load(path).count == 12
    assert [file.name for file in path.parent.iterdir()] == ["reference.npz"]
    reference.save(path.parent / "new" / "folder" / "reference.npz")
    assert (path.parent / "new" / "folder" / "reference.npz").is_file()


def test_nothing_is_pickled(path):
    with np.load(path, allow_pickle=False) as file:
        assert all(file[name].dtype.kind in "fiU" for name in file.files)


def test_check(reference, extractor):
    reference.check(extractor)
    with pytest.raises(ValueError, match="features of 'tiny'.*cannot be compared.*'small'"):
        reference.check("small")
    weights = feature_extractor("small").checksum
    assert weights not in (reference.checksum, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": np.zeros((1, 4, 4, 1), "float32")}, "two images at least; got 1"),
        ({"rows": 1}, "`rows` must be an integer from 2; got 1"),
        ({"rows": 2.5}, "`rows` must be an integer from 2; got 2.5"),
    ],
)
def test_bad_arguments(images, extractor, arguments, message):
    with pytest.raises(ValueError, match=message):
        ReferenceStatistics.of(**{"images": images, "extractor": extractor, **arguments})


def test_of_a_preset():
    reference = ReferenceStatistics.from_preset("simgan_eyes_36x60")
    reference.check("small")
    assert reference.count == 1000 and reference.features.shape == (1000, 192)


def test_of_a_presets_folder(path):
    with pytest.raises(ValueError, match="is not a preset: there is no config.json"):
        ReferenceStatistics.from_preset(path.parent)
    (path.parent / "config.json").write_text("{}")
    assert ReferenceStatistics.from_preset(path.parent).count == 12
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="is not a reference .* or it is damaged"):
        ReferenceStatistics.from_preset(path.parent)
    path.unlink()
    with pytest.raises(ValueError, match="keeps no reference.npz.*ReferenceStatistics.of"):
        ReferenceStatistics.from_preset(path.parent)


def test_no_such_preset():
    with pytest.raises(ValueError, match="There is no preset 'simgan_eyes'"):
        ReferenceStatistics.from_preset("simgan_eyes")


def test_bad_ending(reference, tmp_path):
    with pytest.raises(ValueError, match=r"must end in .npz; got .*reference.npy"):
        reference.save(tmp_path / "reference.npy")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no reference .*none.npz.*save\(path\)"):
        ReferenceStatistics.load(tmp_path / "none.npz")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no archive",
        lambda content: content[: len(content) // 2],
        lambda content: content[:200] + bytes(40) + content[240:],
    ],
)
def test_damaged_files(path, damage):
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="is not a reference .* or it is damaged"):
        ReferenceStatistics.load(path)


def rewrite(path, **changes):
    with np.load(path) as file:
        fields = {**file, **changes}
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": None}, "is not a reference"),
        ({"format": None}, "is not a reference"),
        ({"format": 2}, "is of format 2; this version reads 1"),
        ({"mean": np.zeros(4)}, r"is damaged: .* shapes \[\(12, 5\), \(4,\), \(5, 5\)\]"),
        ({"covariance": np.zeros(5)}, "is damaged"),
        ({"features": np.zeros(5)}, "is damaged"),
        ({"features": np.full((12, 5), np.nan)}, "not finite"),
        ({"count": 3}, "is damaged: features, mean and covariance of 3 images"),
        ({"mean": np.array([None] * 5)}, "is not a reference"),
    ],
)
def test_wrong_contents(path, changes, message):
    rewrite(path, **changes)
    with pytest.raises(ValueError, match=message):
        ReferenceStatistics.load(path)
