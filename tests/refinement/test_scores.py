import numpy as np

from keras_simgan.refinement.scores import scores_of


class Difference:
    """What a `LabelAgreement` is to the scores: how far apart two batches are, in each image."""

    def __init__(self, higher_is_better):
        self.higher_is_better = higher_is_better

    def __call__(self, images, before):
        return np.abs(images - before).sum(axis=(1, 2, 3))


def test_only_what_is_given_scores():
    assert scores_of(None, None) == {}
    assert list(scores_of(np.mean, None)) == ["realism"]
    assert list(scores_of(np.mean, Difference(True))) == ["realism", "label_agreement"]


def test_alpha_is_not_shown():
    for channels, shown in ((1, 1), (2, 1), (3, 3), (4, 3), (6, 3)):
        seen = []
        scores = scores_of(seen.append, Difference(True))
        after = np.ones((2, 1, 1, channels))
        scores["realism"]({}, after)
        assert seen[0].shape == (2, 1, 1, shown) and (seen[0] == 1).all()
        before = np.zeros((2, 1, 1, shown))
        assert scores["label_agreement"]({"before": before}, after).tolist() == [shown, shown]


def test_higher_is_better():
    before = np.zeros((1, 1, 1, 1))
    score = scores_of(None, Difference(False))["label_agreement"]
    assert score({"before": before}, before + 2) == [-2]
