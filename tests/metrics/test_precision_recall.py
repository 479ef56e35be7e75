import numpy as np
import pytest

from keras_simgan.metrics import PrecisionRecall, precision_recall


@pytest.mark.parametrize("case", ["many", "uneven", "few"])
def test_as_torch_fidelity_has_it(golden, case):
    numbers, script = golden("distances")
    found = PrecisionRecall()(*script.features(case))
    assert list(found) == ["precision", "recall"]
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(numbers[case][name], rel=1e-6)
        assert estimate.low < estimate.value < estimate.high


def test_by_hand():
    # Real at 0, 1, 3 with balls of 1, 1, 2; generated at -1, 4.5, 9 with balls of 5.5, 4.5, 4.5.
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[-1.0], [4.5], [9.0]])
    found = PrecisionRecall(k=1)(real, generated)
    assert found["precision"].value == pytest.approx(2 / 3)
    assert found["recall"].value == 1.0
    # The second neighbours of 0, 1, 3 are 3, 2, 3 away: 4.5 is inside, 9 is not.
    assert PrecisionRecall(k=2)(real, generated)["precision"].value == pytest.approx(2 / 3)
    far = PrecisionRecall(k=2)(real, generated + 100)
    assert far["precision"].value == far["recall"].value == 0.0


def test_against_all_distances_without_chunks():
    draw = np.random.default_rng(5)
    real, generated = draw.normal(0, 1, (40, 3)), draw.normal(0.5, 1, (30, 3))

    def inside(images, centers, k):
        own = np.sort(np.linalg.norm(centers[:, None] - centers, axis=2), axis=1)[:, k]
        return (np.linalg.norm(images[:, None] - centers, axis=2) <= own).any(axis=1).mean()

    for k in (1, 3, 5):
        found = PrecisionRecall(k)(real, generated)
        assert found["precision"].value == pytest.approx(inside(generated, real, k))
        assert found["recall"].value == pytest.approx(inside(real, generated, k))


def test_precision_sees_bad_images_and_recall_missing_ones():
    draw = np.random.default_rng(0)
    real = draw.normal(0, 1, (200, 3))
    narrow = PrecisionRecall()(real, draw.normal(0, 0.1, (200, 3)))
    wide = PrecisionRecall()(real, draw.normal(0, 10, (200, 3)))
    assert narrow["precision"].value > 0.9 and narrow["recall"].value < 0.1
    assert wide["precision"].value < 0.2 and wide["recall"].value > 0.8


def test_chunks_change_nothing(monkeypatch):
    draw = np.random.default_rng(1)
    sets = draw.normal(0, 1, (50, 4)), draw.normal(0.5, 1, (70, 4))
    expected = PrecisionRecall()(*sets)
    for rows in (1, 7):
        monkeypatch.setattr(precision_recall, "_MEMORY", rows * 70 * 8 / 2**20)
        assert PrecisionRecall()(*sets) == expected


def test_chunks_bound_the_distances_held(monkeypatch):
    monkeypatch.setattr(precision_recall, "_MEMORY", 5 * 20 * 8 / 2**20)
    chunks = precision_recall._distances(np.zeros((33, 2)), np.zeros((20, 2)))
    assert [distances.shape for distances in chunks] == [(5, 20)] * 6 + [(3, 20)]


def test_a_far_shift_of_both_changes_nothing():
    draw = np.random.default_rng(2)
    real, generated = draw.normal(0, 1, (60, 4)), draw.normal(0.5, 1, (60, 4))
    assert PrecisionRecall()(real + 1e8, generated + 1e8) == PrecisionRecall()(real, generated)


def test_images_that_repeat_are_neighbours():
    real = np.repeat(np.arange(3.0), 4)[:, None]
    found = PrecisionRecall(k=3)(real, np.array([[0.0], [0.1], [1.0], [2.0]]))
    assert found["precision"].value == 0.75


def test_refuses_too_few_images():
    with pytest.raises(ValueError, match="k=3 needs 4 images .* `generated` has 3"):
        PrecisionRecall()(np.zeros((5, 2)), np.zeros((3, 2)))


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_refuses_other_neighbours(k):
    with pytest.raises(ValueError, match="`k` must be an integer from 1"):
        PrecisionRecall(k=k)
