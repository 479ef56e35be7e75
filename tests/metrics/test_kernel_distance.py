import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.metrics import KernelDistance, kernel_distance


def sets(count, others, seed=0, width=5, shift=0.4):
    draw = np.random.default_rng(seed)
    return draw.normal(0, 1, (count, width)), draw.normal(shift, 1, (others, width))


def test_by_hand():
    # Of one value: k(1, 2) = 27, k(0, 1) = 1, and between them 1, 8, 1, 27 and so on.
    real, generated = np.array([[1.0], [2.0]]), np.array([[0.0], [1.0]])
    between = (1 + 8 + 1 + 27) / 4
    assert KernelDistance()(real, generated).value == pytest.approx(27 + 1 - 2 * between)


@pytest.mark.parametrize("case", ["many", "few"])
def test_as_torch_fidelity_and_clean_fid_have_it(golden, case):
    numbers, script = golden("distances")
    value = KernelDistance()(*script.features(case)).value
    assert value == pytest.approx(numbers[case]["kid_whole_torch_fidelity"], rel=1e-6)
    assert value == pytest.approx(numbers[case]["kid_whole_clean_fid"], rel=1e-6)


def test_the_mean_over_subsets_as_torch_fidelity_has_it(golden):
    numbers, script = golden("distances")
    value = KernelDistance(subsets=400, subset_size=90)(*script.features("uneven")).value
    assert value == pytest.approx(numbers["uneven"]["kid_of_many_subsets"], rel=0.05)


def test_a_seed_repeats_the_subsets():
    real, generated = sets(40, 50)
    first, again, different = (KernelDistance(5, 20, seed)(real, generated) for seed in (1, 1, 2))
    assert first == again
    assert first.value != different.value


@given(st.integers(0, 1000))
def test_the_order_of_images_and_of_sets_does_not_matter(seed):
    real, generated = sets(12, 12, seed)
    shuffled = np.random.default_rng(seed).permutation(real)
    expected = KernelDistance()(real, generated)
    for found in (KernelDistance()(shuffled, generated), KernelDistance()(generated, real)):
        assert found.value == pytest.approx(expected.value)
        assert found.low == pytest.approx(expected.low)
        assert found.high == pytest.approx(expected.high)


@given(st.integers(0, 1000), st.floats(0, 3))
def test_the_interval_holds_the_value(seed, shift):
    estimate = KernelDistance(6, 15)(*sets(20, 30, seed, shift=shift))
    assert estimate.low < estimate.value < estimate.high


@pytest.mark.parametrize("subset_size", [1000, 30])
@pytest.mark.parametrize("shift", [0.0, 0.1, 0.4])
def test_no_bias_and_an_interval_that_holds_the_true_distance(shift, subset_size):
    # Images drawn from finite populations: the true distance is the one between those.
    draw = np.random.default_rng(0)
    real = np.maximum(draw.normal(0.2, 1, (400, 6)), 0)
    generated = real + shift

    def mean_kernel(x, y):
        return np.mean((x @ y.T / 6 + 1) ** 3)

    true = mean_kernel(real, real) + mean_kernel(generated, generated)
    true -= 2 * mean_kernel(real, generated)
    estimates = [
        KernelDistance(10, subset_size)(
            real[draw.integers(0, 400, 60)], generated[draw.integers(0, 400, 60)]
        )
        for _ in range(300)
    ]
    values = np.array([estimate.value for estimate in estimates])
    assert abs(values.mean() - true) < 3 * values.std() / np.sqrt(len(values))
    held = np.mean([estimate.low <= true <= estimate.high for estimate in estimates])
    # Of 300 simulations 95 in 100 give or take three standard errors.
    assert 0.91 <= held <= 0.99


def test_more_images_narrow_the_interval():
    few, many = (
        np.mean([e.high - e.low for e in (KernelDistance()(*sets(n, n, s)) for s in range(20))])
        for n in (100, 400)
    )
    assert 1.8 < few / many < 2.4


def test_what_single_images_contribute_is_told_from_their_pairs():
    # In sets of one distribution a single image contributes nothing.
    found = np.array(
        [kernel_distance._subset(*sets(20, 20, seed, shift=0))[1][:2] for seed in range(300)]
    )
    assert (np.abs(found.mean(0)) < 3 * found.std(0) / np.sqrt(300)).all()


def test_pairs_of_both_sets_and_the_choice_of_subsets_widen_the_interval():
    across = kernel_distance._interval(0.0, np.array([0, 0, 0, 0, 1.0]), 10, 20, 0.0)
    choice = kernel_distance._interval(0.0, np.zeros(5), 10, 20, 0.25)
    assert across[1] == -across[0] == pytest.approx(1.96 * np.sqrt(4 / 200), rel=1e-4)
    assert choice[1] == -choice[0] == pytest.approx(1.96 * 0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("count", "arguments"), [(2, {}), (3, {}), (20, {"subsets": 1, "subset_size": 10})]
)
def test_no_interval_where_it_could_not_be_told(count, arguments):
    estimate = KernelDistance(**arguments)(*sets(count, 20))
    assert np.isfinite(estimate.value)
    assert estimate.low is estimate.high is None


@pytest.mark.parametrize(
    ("real", "generated", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "needs 2 images of each set at least. `real` has 1"),
        (np.zeros((5, 3)), np.zeros((0, 3)), "`generated` has 0"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "3 values an image and 4"),
        (np.zeros(5), np.zeros((5, 3)), "`real` must be features"),
        (np.zeros((5, 2, 2, 1)), np.zeros((5, 3)), "`real` must be features"),
        (np.zeros((5, 0)), np.zeros((5, 0)), "`real` must be features"),
        (np.zeros((5, 1)), np.array([[0], [1], [np.nan]]), "not finite, first in row 2"),
    ],
)
def test_refuses_other_features(real, generated, message):
    with pytest.raises(ValueError, match=message):
        KernelDistance()(real, generated)


@pytest.mark.parametrize("bad", [{"subsets": 0}, {"subset_size": 1}, {"subset_size": 2.5}])
def test_refuses_other_subsets(bad):
    with pytest.raises(ValueError, match=f"`{next(iter(bad))}` must be an integer from"):
        KernelDistance(**bad)
