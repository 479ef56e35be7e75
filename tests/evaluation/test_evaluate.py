import numpy as np
import pytest

from keras_simgan import metrics, reporting
from keras_simgan.data import ImageError, read_folder, read_image, to_unit, write_folder
from keras_simgan.evaluation import TransferOptions, evaluate
from keras_simgan.evaluation.evaluate import _nearest


def all_of(folder):
    """Every image of a folder by name, in [-1, 1]."""
    return {name: to_unit(read_image(folder / name)) for name in read_folder(folder)[0]}


def features_of(folder, extractor):
    return metrics.feature_extractor(extractor)(np.stack(list(all_of(folder).values())))


def test_numbers_are_those_of_the_measures_on_all_images(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    features = {name: features_of(folder, extractor) for name, folder in folders.items()}
    for name in ("synthetic", "refined"):
        for measure, distance in (
            ("kernel distance", metrics.KernelDistance()),
            ("precision", lambda *pair: metrics.PrecisionRecall()(*pair)["precision"]),
        ):
            expected = distance(features["real"], features[name])
            assert found.distances[measure][name].value == pytest.approx(expected.value, rel=1e-4)
        told = found.distances["domain classifier accuracy"][name]
        assert told.low <= told.value <= told.high
        assert found.distances["Frechet distance"][name].value > 0
    refined, synthetic = all_of(folders["refined"]), all_of(folders["synthetic"])
    similar = metrics.structural_similarity(
        np.stack(list(synthetic.values())), np.stack([refined[name] for name in synthetic])
    )
    assert found.similarity["SSIM"].value == pytest.approx(similar.mean(), abs=1e-6)
    # Every pixel is 50 of 255 brighter: 20 log10(255 / 50).
    assert found.similarity["PSNR"].value == pytest.approx(14.151, abs=1e-3)
    assert found.agreement is None and found.transfer is None


def test_nearest_real_image_is_that_of_the_nearest_features(folders, extractor):
    found = evaluate(*folders.values(), extractor=extractor)
    apart = found.refined.features[:, None] - found.real.features[None]
    expected = np.linalg.norm(apart.astype("float64"), axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(found.nearest, expected)


def test_nearest_is_by_euclidean_distance():
    draw = np.random.default_rng(0)
    some, others = draw.normal(0, 1, (1500, 6)), draw.normal(0, 1, (40, 6))
    expected = np.linalg.norm(some[:, None] - others[None], axis=-1).argmin(axis=1)
    np.testing.assert_array_equal(_nearest(some, others), expected)


def test_reference_takes_the_place_of_the_photos(folders, extractor):
    real = np.stack(list(all_of(folders["real"]).values()))
    reference = metrics.ReferenceStatistics.of(real, extractor)
    found = evaluate(
        folders["synthetic"], folders["refined"], reference=reference, extractor=extractor
    )
    whole = evaluate(*folders.values(), extractor=extractor)
    assert found.real is None and found.nearest is None
    for name in ("synthetic", "refined"):
        value = found.distances["kernel distance"][name].value
        # Kept at half precision.
        assert value == pytest.approx(whole.distances["kernel distance"][name].value, rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"real": None}, "one of `real` and `reference`"),
        ({"reference": object()}, "one of `real` and `reference`"),
        (
            {"real": None, "reference": object(), "transfer": TransferOptions("kind")},
            "`transfer` needs labelled real images to test on",
        ),
        ({"extractor": "big"}, "no feature extractor 'big'"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_any_work(tmp_path, options, message):
    paths = {"synthetic": tmp_path, "refined": tmp_path, "real": tmp_path}
    with pytest.raises(ValueError, match=message):
        evaluate(**{**paths, **options})


def test_folders_that_do_not_fit_are_refused(folders, extractor, tmp_path):
    images = np.zeros((20, 16, 16, 1), "uint8")
    write_folder(tmp_path / "few", images[:19])
    with pytest.raises(ImageError, match="has 19 images.*at least 20"):
        evaluate(folders["synthetic"], folders["refined"], tmp_path / "few", extractor=extractor)
    write_folder(tmp_path / "other", images, names=[f"x{row}.png" for row in range(20)])
    with pytest.raises(ValueError, match="has the name of one in.*'x0.png'.*'000000.png'"):
        evaluate(folders["synthetic"], tmp_path / "other", folders["real"], extractor=extractor)
    write_folder(tmp_path / "colour", np.zeros((20, 16, 16, 3), "uint8"))
    with pytest.raises(ImageError, match="3 channels"):
        evaluate(folders["synthetic"], folders["refined"], tmp_path / "colour", extractor=extractor)
    write_folder(tmp_path / "alpha", np.zeros((20, 16, 16, 4), "uint8"))
    with pytest.raises(ImageError, match="--convert-channels"):
        evaluate(tmp_path / "alpha", tmp_path / "alpha", folders["real"], extractor=extractor)


def test_it_is_public_where_pages_are_drawn_too():
    assert reporting.evaluate is evaluate


def test_each_step_that_takes_time_is_logged(folders, extractor):
    lines = []
    evaluate(*folders.values(), extractor=extractor, log=lines.append)
    assert lines == [
        "Reading 24 of 24 synthetic images",
        "Reading 24 of 24 refined images",
        "Reading 24 of 24 real images",
        "Measuring distances on the features of 'tiny'",
        "Comparing 24 images before and after",
    ]
