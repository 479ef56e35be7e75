import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.metrics import DomainClassifierAccuracy, Estimate, proxy_a_distance
from keras_simgan.metrics._linear_classifier import fit_classifier
from keras_simgan.metrics.domain_classifier import _area, _area_interval, held_out_log_odds


def sets(distance=0.0, count=100, dimensions=4, seed=0):
    draw = np.random.default_rng(seed)
    return draw.normal(0, 1, (count, dimensions)), draw.normal(distance, 1, (count, dimensions))


def test_the_scores_are_those_of_newtons_method():
    draw = np.random.default_rng(0)
    scores = DomainClassifierAccuracy().scores(
        draw.normal(0, 1, (61, 7)), draw.normal(0.5, 1.3, (45, 7))
    )
    expected = {
        "accuracy": (0.699271402550091, 0.5644019131078548, 0.7999741220332784),
        "area_under_curve": (0.7759562841530054, 0.6231184346404437, 0.8743482456794311),
    }
    for name, numbers in expected.items():
        estimate = scores[name]
        found = (estimate.value, estimate.low, estimate.high)
        np.testing.assert_allclose(found, numbers, rtol=0, atol=1e-7)


def test_the_classifier_is_that_of_scikit_learn(golden):
    expected, script = golden("domain_classifier")
    for shape, numbers in zip(script.SHAPES, expected, strict=True):
        real, generated = script.features(*shape)
        classifier = fit_classifier(real[:-5], generated[:-5])
        odds = [classifier.decision_function(part[-5:]) for part in (real, generated)]
        np.testing.assert_allclose(np.concatenate(odds), numbers["log_odds"], rtol=1e-5, atol=1e-6)
        assert _area(*odds) == pytest.approx(numbers["area_under_curve"])
        shares = (odds[0] > 0).mean(), (odds[1] <= 0).mean()
        assert np.mean(shares) == pytest.approx(numbers["accuracy"])


def test_chance_and_certainty():
    same = DomainClassifierAccuracy().scores(*sets(count=1000))
    assert same["accuracy"].low < 0.5 < same["accuracy"].high
    assert same["area_under_curve"].low < 0.5 < same["area_under_curve"].high
    apart = DomainClassifierAccuracy().scores(*sets(distance=9.0))
    for estimate in apart.values():
        assert estimate.value == estimate.high == 1.0
        assert 0.9 < estimate.low < 1.0


def test_each_image_is_judged_by_a_classifier_that_did_not_see_it():
    """Noise in as many features as images: fitted, a classifier knows all by heart."""
    real, generated = sets(count=60, dimensions=200)
    classifier = fit_classifier(real, generated)
    odds = [classifier.decision_function(part) for part in (real, generated)]
    assert odds[0].min() > 0 > odds[1].max()
    assert DomainClassifierAccuracy()(real, generated).value == pytest.approx(0.5, abs=0.15)
    parts = held_out_log_odds(real, generated, 7)
    assert [len(part) for part, _ in parts] == [9, 9, 9, 9, 8, 8, 8]
    # Moving one image moves its own odds only in the fold that holds it out, where all others are
    # judged by the classifier that they were judged by before.
    moved = real.copy()
    moved[0] += 5
    changed = [
        np.flatnonzero(a[0] != b[0]).size + np.flatnonzero(a[1] != b[1]).size
        for a, b in zip(parts, held_out_log_odds(moved, generated, 7), strict=True)
    ]
    assert sorted(changed)[0] == 1 and sorted(changed)[1] > 10


def test_accuracy_counts_both_domains_alike():
    """Nine times as many real images; a classifier that always says real would have 0.9."""
    draw = np.random.default_rng(3)
    accuracy = DomainClassifierAccuracy()(draw.normal(0, 1, (900, 3)), draw.normal(0, 1, (100, 3)))
    assert accuracy.low < 0.5 < accuracy.high and abs(accuracy.value - 0.5) < 0.08


def test_the_true_accuracy_of_two_normal_distributions():
    """Means 2 apart: the best line is right with the probability of a normal below 1, 0.8413."""
    draw = np.random.default_rng(1)
    scores = DomainClassifierAccuracy().scores(
        draw.normal(0, 1, (5000, 1)), draw.normal(2, 1, (5000, 1))
    )
    assert scores["accuracy"].low < 0.8413 < scores["accuracy"].high
    # The area is that of a normal below the square root of 2.
    assert scores["area_under_curve"].low < 0.9214 < scores["area_under_curve"].high
    assert scores["accuracy"].high - scores["accuracy"].low < 0.03


@pytest.mark.parametrize(("distance", "accuracy", "area"), [(0.0, 0.5, 0.5), (2.0, 0.8413, 0.9214)])
def test_interval_holds_the_truth_as_often_as_it_says(distance, accuracy, area):
    """Of 200 draws at 95 % fewer than 180 would be a chance of 1 in 500."""
    inside = dict.fromkeys(("accuracy", "area_under_curve"), 0)
    for seed in range(200):
        scores = DomainClassifierAccuracy().scores(*sets(distance, 100, 1, seed))
        for name, truth in (("accuracy", accuracy), ("area_under_curve", area)):
            inside[name] += scores[name].low <= truth <= scores[name].high
    assert min(inside.values()) >= 180


def test_interval_of_the_area_by_hand():
    """Newcombe's equation holds at both limits, for half of the images."""
    n, m, area = 30, 20, 0.8
    for true in _area_interval(area, 2 * n, 2 * m):
        spread = 1 + 24 * ((1 - true) / (2 - true) + true / (1 + true))
        assert (area - true) ** 2 == pytest.approx(
            1.959964**2 * true * (1 - true) * spread / (n * m), rel=1e-5
        )


@given(seed=st.integers(0, 1000))
def test_area_against_all_pairs_with_ties(seed):
    real, generated = np.random.default_rng(seed).integers(0, 4, (2, 7)).astype("float64")
    pairs = real[:, None] - generated
    assert _area(real, generated) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))


@given(seed=st.integers(0, 1000), scale=st.floats(1e-3, 1e3), shift=st.floats(-100, 100))
def test_units_and_constant_features_do_not_matter(seed, scale, shift):
    real, generated = sets(0.5, 25, 3, seed)
    plain = DomainClassifierAccuracy().scores(real, generated)
    scaled = [
        np.column_stack([np.full(len(x), shift), x * scale + shift]) for x in (real, generated)
    ]
    rescaled = DomainClassifierAccuracy().scores(*scaled)
    for name in plain:
        assert rescaled[name].value == pytest.approx(plain[name].value, abs=0.021)


def test_same_numbers_again_and_float32_alike():
    real, generated = sets(0.7)
    first = DomainClassifierAccuracy().scores(real, generated)
    assert DomainClassifierAccuracy().scores(real, generated) == first
    halves = DomainClassifierAccuracy()(real.astype("float32"), generated.astype("float32"))
    assert halves.value == pytest.approx(first["accuracy"].value, abs=0.011)


@pytest.mark.parametrize(("accuracy", "expected"), [(0.5, 0), (0.4, 0), (0.75, 1), (1, 2), (0, 0)])
def test_proxy_a_distance(accuracy, expected):
    assert proxy_a_distance(accuracy) == pytest.approx(expected)
    estimate = proxy_a_distance(Estimate(accuracy, 0.3, 1.0))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((expected, 0.0, 2.0))
    assert proxy_a_distance(Estimate(accuracy)) == Estimate(pytest.approx(expected), None, None)


@pytest.mark.parametrize("accuracy", [-0.1, 1.1, float("nan"), 95])
def test_proxy_a_distance_refuses(accuracy):
    with pytest.raises(ValueError, match="from 0 to 1"):
        proxy_a_distance(accuracy)


@pytest.mark.parametrize("folds", [1, 0, 2.5, None])
def test_refuses_folds(folds):
    with pytest.raises(ValueError, match="`folds` must be an integer from 2"):
        DomainClassifierAccuracy(folds)


def test_refuses_features():
    real, generated = sets(count=8)
    for bad, message in (
        (real[:4], "A classifier of 5 folds needs 5 images of each set.*`generated` has 4"),
        (real[:, :2], "one extractor. Received 4 values an image and 2"),
        (real[:, None], r"must be features \(n, d\).*Received the shape \(8, 1, 4\)"),
        (real[:, :0], r"must be features \(n, d\)"),
        (np.where(real > 0, np.nan, real), "`generated` has values that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            DomainClassifierAccuracy()(real, bad)
