import itertools
import types

import numpy as np
import pytest

from keras_simgan.evaluation import Agreement, Transfer, verdict
from keras_simgan.evaluation.verdict import _is_ahead
from keras_simgan.metrics import Estimate, TransferScore


def around(value, reach=0.01):
    return Estimate(value, value - reach, value + reach)


def by_distance(
    before,
    after,
    agreement=None,
    precision=(0.5, 0.5),
    recall=(0.5, 0.6),
    classified=(1.0, 0.6),
):
    def pair(synthetic, refined):
        return {"synthetic": around(synthetic), "refined": around(refined), "floor": around(0.0)}

    return types.SimpleNamespace(
        distances={
            "kernel distance": pair(before, after),
            "precision": pair(*precision),
            "recall": pair(*recall),
            "domain classifier accuracy": pair(*classified),
        },
        agreement=agreement,
        transfer=None,
    )


def by_transfer(
    synthetic,
    refined,
    gain,
    over_augmented,
    chance,
    error=True,
    agreement=None,
    spread=0.1,
    seeds=3,
    recall=(0.5, 0.6),
):
    def score(mean, gain=None):
        return TransferScore(around(mean), (mean - spread, mean, mean + spread)[:seeds], gain, None)

    scores = {
        "synthetic": score(synthetic),
        "augmented": score(refined + over_augmented[0] * (1 if error else -1), around(1.0)),
        "refined": score(refined, Estimate(*gain)),
    }
    unit = "degrees" if error else "% right"
    transfer = Transfer(scores, Estimate(*over_augmented), unit, error, chance, 500)
    # A distance that says the opposite does not count.
    return types.SimpleNamespace(
        distances=by_distance(0.1, 0.9, recall=recall).distances,
        agreement=agreement,
        transfer=transfer,
    )


@pytest.mark.parametrize(
    ("before", "after", "train", "said"),
    [
        (0.5, 0.1, None, "to the real images went from 0.50"),
        (0.5, 0.49, False, "a difference that may be chance"),
        (0.5, 0.481, False, "may be chance"),
        (0.5, 0.479, None, "to 0.479"),
        (0.1, 0.5, False, "looks less real"),
    ],
)
def test_a_distance_says_nearer_and_never_train_on_it(before, after, train, said):
    found = verdict(by_distance(before, after))
    assert found.train is train and said in found.sentence
    nearer = "Nearer to the photos; whether it trains better is not known: give --labels. "
    assert found.sentence.startswith("Do not train on" if train is False else nearer)
    assert "Train on" not in " ".join([found.sentence, *found.remarks])
    assert any("is unknown" in remark for remark in found.remarks)
    assert "do not overlap" in found.rule


@pytest.mark.parametrize(
    ("mean", "distance", "bound", "holds"),
    [
        (Estimate(3.0, 2.8, 3.2), "angle", 5.0, True),
        (Estimate(4.9, 4.7, 5.1), "angle", 5.0, False),
        (Estimate(0.97, 0.96, 0.98), "class", 0.95, True),
        (Estimate(0.96, 0.94, 0.98), "class", 0.95, False),
        (Estimate(0.95, 0.93, 0.97), "iou", 0.9, True),
        (Estimate(1.0, 0.9, 1.1), "keypoints", 2.0, True),
    ],
)
def test_labels_must_agree_with_the_whole_interval(mean, distance, bound, holds):
    agreement = Agreement(mean, distance, bound)
    assert agreement.holds is holds
    found = verdict(by_distance(0.5, 0.1, agreement))
    assert found.train is (None if holds else False)
    assert ("labels still fit" if holds else "labels no longer fit") in found.sentence
    assert str(mean) in " ".join([found.sentence, *found.remarks])


def test_what_speaks_against_it_is_in_the_headline():
    found = verdict(by_distance(0.5, 0.1, recall=(0.81, 0.47), classified=(0.9, 0.99)))
    assert found.sentence.endswith(
        "Not all measures agree: recall fell from 0.810 (0.800 to 0.820) to 0.470 (0.460 to "
        "0.480), and a classifier tells refined from real images in 0.990 (0.980 to 1.000) of "
        "cases, synthetic ones in 0.900 (0.890 to 0.910)."
    )
    assert any("in 99 % of cases" in remark for remark in found.remarks)
    found = verdict(by_distance(0.5, 0.1, precision=(0.6, 0.2), classified=(0.99, 0.99)))
    assert "precision fell from 0.6" in found.sentence and "a classifier" not in found.sentence
    found = verdict(by_distance(0.5, 0.1, precision=(0.6, 0.59)))
    assert not any("fell" in text or "cases" in text for text in (found.sentence, *found.remarks))


def test_what_speaks_against_it_is_told_beside_another_answer():
    for found in (
        verdict(by_distance(0.5, 0.49, recall=(0.81, 0.47))),
        verdict(by_transfer(9.0, 8.0, (1.0, 0.4, 1.6), (0.5, 0.2, 0.8), 11.0, recall=(0.8, 0.4))),
    ):
        assert "recall" not in found.sentence
        assert any("Not all measures agree: recall fell from" in each for each in found.remarks)


@pytest.mark.parametrize(
    ("scores", "train", "said"),
    [
        ((9.0, 8.0, (1.0, 0.4, 1.6), (0.5, 0.2, 0.8), 11.0), True, "better than plain augment"),
        ((9.0, 8.0, (1.0, 0.4, 1.6), (0.5, -0.2, 1.1), 11.0), True, "about as well"),
        ((9.0, 8.0, (1.0, 0.4, 1.6), (-0.5, -0.8, -0.2), 11.0), False, "comes to 7.5 degrees"),
        # Where plain augmentation is better, it does not matter whether the gain is chance.
        ((9.0, 8.9, (0.1, -0.2, 0.4), (-0.5, -0.8, -0.2), 11.0), False, "comes to 8.4 degrees"),
        ((9.0, 8.0, (1.0, -0.1, 2.1), (0.5, 0.2, 0.8), 11.0), False, "may be chance"),
        ((8.0, 9.0, (-1.0, -1.6, -0.4), (0.5, 0.2, 0.8), 11.0), False, "which is worse"),
        ((9.0, 8.0, (1.0, 0.4, 1.6), (0.5, 0.2, 0.8), 7.9), False, "Do not decide by these"),
    ],
)
def test_networks_decide_where_there_are_labels(scores, train, said):
    found = verdict(by_transfer(*scores))
    assert found.train is train
    assert said in " ".join([found.sentence, *found.remarks])
    assert "500 real" in found.sentence and "degrees" in found.sentence


def test_trainings_that_differ_among_themselves_decide_nothing():
    scores = (9.0, 8.0, (1.0, 0.4, 1.6), (0.5, 0.2, 0.8), 11.0)
    found = verdict(by_transfer(*scores, spread=0.6))
    assert not found.train and "may be chance" in found.sentence
    assert any("from 8.4 to 9.6 on the synthetic" in remark for remark in found.remarks)
    # Better than each of the synthetic ones, but not than each of the augmented ones.
    found = verdict(by_transfer(*scores, spread=0.4))
    assert found.train and any("about as well" in remark for remark in found.remarks)
    assert not any("--seeds" in remark for remark in found.remarks)
    assert any("kernel distance to the real images went from 0.1" in x for x in found.remarks)
    worse = (8.0, 9.0, (-1.0, -1.6, -0.4), (0.5, 0.2, 0.8), 11.0)
    assert "may be chance" in verdict(by_transfer(*worse, spread=0.6)).sentence
    outdone = (9.0, 8.0, (1.0, 0.4, 1.6), (-0.5, -0.8, -0.2), 11.0)
    assert verdict(by_transfer(*outdone, spread=0.4)).train


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_trainings_decide_nothing(seeds):
    scores = (9.0, 8.0, (1.0, 0.4, 1.6), (0.5, 0.2, 0.8), 11.0)
    found = verdict(by_transfer(*scores, seeds=seeds))
    assert not found.train and "may be chance" in found.sentence
    assert any(f"With --seeds {seeds} " in remark for remark in found.remarks)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_scores_are_ahead_by_an_exact_test(count):
    ranks = np.arange(2.0 * count)
    chosen = list(itertools.combinations(range(2 * count), count))
    sums = np.array([sum(rows) for rows in chosen])
    for rows, found in zip(chosen, sums, strict=True):
        others = np.delete(ranks, rows)
        assert _is_ahead(ranks[list(rows)], others) == (np.mean(sums >= found) <= 0.05)
    # Equal ones are not ahead.
    assert not _is_ahead(np.array([2.0, 3, 4]), np.array([0.0, 1, 2]))


#: The largest number of the second scores above one of the first, summed over these, that is still
#: significant: as tables have it (one-sided, 5 %), and as the recursion by hand that SciPy replaced
#: gave it, with ties counted as above.
CRITICAL = {
    **{3: 0, 4: 1, 5: 4, 6: 7, 7: 11, 8: 15, 9: 21, 10: 27, 12: 42, 15: 72, 20: 138},
    **{1: -1, 2: -1},
}


@pytest.mark.parametrize("tie", [0.0, 0.5])
@pytest.mark.parametrize("count", sorted(CRITICAL))
def test_critical_values_are_those_of_tables(count, tie):
    second = np.arange(1.0, count + 1)
    for above in range(count**2 + 1):
        # Each of the first is put below as many of the second as are left to go above it.
        left = [min(count, max(0, above - count * index)) for index in range(count)]
        first = count + 0.5 + tie - np.array(left)
        assert (second[None] >= first[:, None]).sum() == above
        assert _is_ahead(first, second) == (above <= CRITICAL[count])


def test_higher_is_better_for_classes():
    gain = (5.0, 4.0, 6.0), (1.0, 0.5, 1.5)
    found = verdict(by_transfer(70.0, 75.0, *gain, 10.0, error=False))
    assert found.train and "75 % right" in found.sentence and "+5" in found.sentence
    assert not verdict(by_transfer(70.0, 75.0, *gain, 80.0, error=False)).train


def test_labels_that_disagree_are_told_beside_a_gain():
    agreement = Agreement(Estimate(7.0, 6.8, 7.2), "angle", 5.0)
    scores = (9.0, 8.0, (1.0, 0.4, 1.6), (0.5, 0.2, 0.8), 11.0)
    found = verdict(by_transfer(*scores, agreement=agreement))
    assert found.train and any("do not agree as expected" in each for each in found.remarks)
