import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.metrics import FrechetDistance, frechet_distance


def moments(count, width, seed):
    features = np.random.default_rng(seed).normal(seed % 3, 1 + seed % 2, (count, width))
    return features.mean(0), np.cov(features, rowvar=False)


@pytest.mark.filterwarnings("ignore:.*rank:UserWarning")
@pytest.mark.parametrize("case", ["many", "uneven", "few"])
def test_as_torch_fidelity_and_clean_fid_have_it(golden, case):
    numbers, script = golden("distances")
    estimate = FrechetDistance()(*script.features(case))
    assert estimate.value == pytest.approx(numbers[case]["fid_torch_fidelity"], rel=1e-6)
    assert estimate.value == pytest.approx(numbers[case]["fid_clean_fid"], rel=1e-6)
    assert estimate.low is estimate.high is None


def test_by_hand():
    # Where covariances commute the distance is that of means and of standard deviations.
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    first, second = (turn @ np.diag(variances) @ turn.T for variances in ([9.0, 1.0], [4.0, 16.0]))
    found = frechet_distance(np.array([1.0, 2.0]), first, np.array([4.0, 6.0]), second)
    assert found == pytest.approx(25 + (3 - 2) ** 2 + (1 - 4) ** 2)
    assert frechet_distance([0.0], [[4.0]], [1.0], [[0.0]]) == pytest.approx(5)


def test_covariances_that_do_not_commute():
    first, second = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 4.0]])
    # For 2x2: tr((S1 S2)^(1/2))^2 = tr(S1 S2) + 2 sqrt(det(S1 S2)).
    root = np.sqrt(np.trace(first @ second) + 2 * np.sqrt(np.linalg.det(first @ second)))
    found = frechet_distance(np.zeros(2), first, np.zeros(2), second)
    assert found == pytest.approx(4 + 5 - 2 * root)


@pytest.mark.parametrize("count", [2, 10, 200])
def test_equal_sets_have_no_distance_whatever_the_rank(count):
    mean, covariance = moments(count, 100, 1)
    assert frechet_distance(mean, covariance, mean, covariance) < 1e-9


def test_sets_of_low_rank_in_different_directions():
    first, second = np.zeros((50, 50)), np.zeros((50, 50))
    first[0, 0], second[1, 1] = 4.0, 9.0
    zero = np.zeros(50)
    assert frechet_distance(zero, first, zero, second) == pytest.approx(13)


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 30))
def test_symmetric_and_the_same_after_a_turn(seed, width, count):
    first, second = moments(count, width, seed), moments(count, width, seed + 1)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(0, 1, (width, width)))[0]
    turned = [part for m, c in (first, second) for part in (turn @ m, turn @ c @ turn.T)]
    expected = frechet_distance(*first, *second)
    assert frechet_distance(*second, *first) == pytest.approx(expected, rel=1e-7, abs=1e-7)
    assert frechet_distance(*turned) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_warns_of_few_images_and_says_the_rank():
    draw = np.random.default_rng(0)
    many = draw.normal(0, 1, (2048, 3))
    few = np.repeat(draw.normal(0, 1, (20, 1)), 3, axis=1)
    with pytest.warns(UserWarning, match="`generated` has 20 images.*rank 1 of 3") as caught:
        FrechetDistance()(many, few)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FrechetDistance()(many, many)


def test_features_of_one_value():
    features = np.random.default_rng(0).normal(0, 1, (2048, 1))
    expected = 9 + features.var(ddof=1)
    assert FrechetDistance()(features, 2 * features + 3).value == pytest.approx(
        (3 + features.mean()) ** 2 + expected - 9
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0], np.eye(2), [0], np.eye(1)), r"one shape \(d,\)"),
        (([[0]], np.eye(1), [[0]], np.eye(1)), r"one shape \(d,\)"),
        (([0, 0], np.eye(3), [0, 0], np.eye(2)), r"`covariance` must have the shape \(2, 2\)"),
        (([0, 0], np.eye(2), [0, 0], np.ones(2)), "`other_covariance` must have the shape"),
        (([0, np.nan], np.eye(2), [0, 0], np.eye(2)), "`mean` or `covariance` has values"),
        (([0, 0], np.eye(2), [0, 0], [[1, 1], [0, 1]]), "`other_covariance` must be symmetric"),
        (([0, 0], np.diag([1, -1]), [0, 0], np.eye(2)), "`covariance` has the eigenvalue -1"),
    ],
)
def test_refuses_what_are_no_moments(arguments, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(*arguments)


def test_refuses_one_image():
    with pytest.raises(ValueError, match="needs 2 images .* `real` has 1"):
        FrechetDistance()(np.zeros((1, 3)), np.zeros((5, 3)))
