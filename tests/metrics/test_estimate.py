import dataclasses

import numpy as np
import pytest

from keras_simgan.metrics import Estimate


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.0123, 0.0101, 0.0144), "0.012 (0.010 to 0.014)"),
        (Estimate(0.5123, 0.5071, 0.5182), "0.512 (0.507 to 0.518)"),
        (Estimate(-0.001, -0.0304, 0.02), "0.00 (-0.03 to 0.02)"),
        (Estimate(123.4, 110.0, 140.0), "123 (110 to 140)"),
        (Estimate(0.25, 0.25, 0.25), "0.25 (0.25 to 0.25)"),
        (Estimate(0.0123456), "0.0123"),
        (Estimate(1.0, 0.5, float("inf")), "1 (0.5 to inf)"),
    ],
)
def test_text(estimate, text):
    assert str(estimate) == text


def test_interval():
    assert Estimate(1.0, 0.5, 2.0).interval == (0.5, 2.0)
    for incomplete in (Estimate(1.0), Estimate(1.0, low=0.5), Estimate(1.0, high=2.0)):
        with pytest.raises(ValueError, match="The estimate 1 has no interval"):
            incomplete.interval  # noqa: B018


def test_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Estimate(1.0).value = 2.0


def test_the_mean_and_an_interval_that_a_seed_repeats():
    values = np.random.default_rng(0).normal(3, 1, 50)
    estimate = Estimate.of_mean(values, seed=1)
    assert estimate.value == values.mean()
    assert estimate.low < estimate.value < estimate.high
    assert estimate == Estimate.of_mean(values, seed=1) != Estimate.of_mean(values, seed=2)
    assert Estimate.of_mean([4, 4, 4]) == Estimate(4.0, 4.0, 4.0)


def test_the_interval_is_as_wide_as_a_normal_mean_has_it():
    values = np.random.default_rng(0).normal(0, 1, 400)
    estimate = Estimate.of_mean(values)
    reach = 1.96 * values.std() / 20
    assert estimate.high - estimate.value == pytest.approx(reach, rel=0.08)
    assert estimate.value - estimate.low == pytest.approx(reach, rel=0.08)


@pytest.mark.parametrize("values", [[], [[1.0]], 1.0, [1.0, np.nan], [np.inf]])
def test_refuses_what_has_no_mean(values):
    with pytest.raises(ValueError, match="list of finite numbers"):
        Estimate.of_mean(values)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # By Wilson's equation in NumPy, which SciPy replaced.
    [
        (0, 7, 0.0, 0.3543304350666874),
        (3, 7, 0.15821985525146973, 0.7495416354723429),
        (7, 7, 0.6456695649333126, 1.0),
        (50, 50, 0.9286524008666414, 1.0),
        (999, 1000, 0.9943574414020421, 0.9998234536293739),
    ],
)
def test_the_interval_of_a_share_is_wilsons(count, total, low, high):
    estimate = Estimate.of_share(count, total)
    found = (estimate.value, estimate.low, estimate.high)
    assert found == pytest.approx((count / total, low, high), rel=0, abs=1e-7)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(3, 7, 0.10602859852189904, 0.8258650465680117), (45, 45, 0.854166815632996, 1.0)],
)
def test_a_design_effect_of_two_counts_items_half(count, total, low, high):
    """Wilson's equation of 3.5 and of 22.5 items."""
    estimate = Estimate.of_share(count, total, design_effect=2.0)
    found = (estimate.value, estimate.low, estimate.high)
    assert found == pytest.approx((count / total, low, high), rel=0, abs=1e-7)


@pytest.mark.parametrize("arguments", [(-1, 5), (6, 5), (0, 0), (1, 5, 0.0), (1, 5, -1.0)])
def test_refuses_what_is_no_share(arguments):
    with pytest.raises(ValueError, match=f"0 <= count <= total.*count={arguments[0]}"):
        Estimate.of_share(*arguments)
