"""How well a classifier tells generated from real."""

from __future__ import annotations

import math

import numpy as np
from sklearn.metrics import roc_auc_score

from keras_simgan.metrics._features_pair import checked_pair
from keras_simgan.metrics._linear_classifier import fit_classifier
from keras_simgan.metrics.estimate import NORMAL_QUANTILE, Estimate

# The folds' classifiers are fitted to much the same images; see `DomainClassifierAccuracy`.
_DESIGN_EFFECT = 2.0


class DomainClassifierAccuracy:
    r"""How often a classifier that is new to the images tells generated from real ones.

    The classifier is a logistic regression on the standardised features, penalised by |w|^2 / 2,
    both domains counting alike; never the GAN's own discriminator, which is no judge in its own
    case. The images are dealt into folds, and each fold is judged by a classifier fitted to all
    the others, so that none is judged by a classifier that has seen it.

        accuracy = (share of real taken for real + share of generated taken for generated) / 2

    0.5 is chance: the classifier finds no difference. 1.0 is a difference that it always sees.
    Images that are nearly the same, such as neighbouring frames, leak from fold to fold and make
    it look larger.

    The 95 % interval of the accuracy joins the Wilson intervals of both shares (Zou and Donner
    2008, "Construction of confidence limits about effect measures"), and that of the area is the
    fifth method of Newcombe 2006, "Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic, part 2". Both have a width at 1 too. They take images as independent,
    but count each as half a one: the folds' classifiers are fitted to much the same images, and
    over draws of both domains from one distribution this made the variance up to twice as large.

    Args:
        folds: How many parts the images are dealt into, from 2.

    Raises:
        ValueError: If `folds` is not an integer from 2.

    Call with features of real and of generated images, each `(n, d)` with at least `folds` rows. It
    returns an `Estimate` of the accuracy. The draw of the folds is fixed: the same features give
    the same numbers.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> real, generated = draw.normal(0, 1, (200, 4)), draw.normal(5, 1, (200, 4))
        >>> DomainClassifierAccuracy()(real, generated).value
        1.0
    """

    def __init__(self, folds: int = 5):
        if not isinstance(folds, int) or folds < 2:
            raise ValueError(f"`folds` must be an integer from 2. Received: {folds!r}.")
        self.folds = folds

    def __call__(self, real: np.ndarray, generated: np.ndarray) -> Estimate:
        """The balanced accuracy on held-out images.

        Args:
            real: Features of real images, shape `(n, d)`.
            generated: Features of generated images, shape `(m, d)`.

        Raises:
            ValueError: Features of other shapes, too few, or not finite.
        """
        return self.scores(real, generated)["accuracy"]

    def scores(self, real: np.ndarray, generated: np.ndarray) -> dict[str, Estimate]:
        """Accuracy and area under the receiver's curve, of the same classifiers.

        The area is the share of pairs of a real and a generated image, both of one held-out fold,
        in which the real one is taken for the more real; 0.5 is chance.

        Args:
            real: Features of real images, shape `(n, d)`.
            generated: Features of generated images, shape `(m, d)`.

        Returns:
            `{"accuracy": Estimate, "area_under_curve": Estimate}`.

        Raises:
            ValueError: Features of other shapes, too few, or not finite.
        """
        real, generated = checked_pair(
            real, generated, self.folds, f"A classifier of {self.folds} folds"
        )
        folds = held_out_log_odds(real, generated, self.folds)
        real_odds, generated_odds = map(np.concatenate, zip(*folds, strict=True))
        # A fold of n real and m generated images has n m pairs.
        pairs = [len(positives) * len(negatives) for positives, negatives in folds]
        area = float(np.average([_area(*fold) for fold in folds], weights=pairs))
        return {
            "accuracy": _mean_of_shares(real_odds > 0, generated_odds <= 0),
            "area_under_curve": Estimate(area, *_area_interval(area, len(real), len(generated))),
        }


def proxy_a_distance(accuracy: float | Estimate) -> float | Estimate:
    r"""The proxy A-distance of two domains (Ben-David et al. 2007).

        distance = max(0, 2 (1 - 2 error)),   error = 1 - accuracy

    0: a classifier does not tell the domains apart. 2: it always does.

    Args:
        accuracy: Balanced accuracy on held-out images, from 0 to 1, as `DomainClassifierAccuracy`
            gives it.

    Returns:
        A number, or for an `Estimate` the `Estimate` with its interval.

    Raises:
        ValueError: If the accuracy is not from 0 to 1.

    Example:
        >>> proxy_a_distance(0.75)
        1.0
    """
    if isinstance(accuracy, Estimate):
        low, high = (None if a is None else _distance(a) for a in (accuracy.low, accuracy.high))
        return Estimate(_distance(accuracy.value), low, high)
    return _distance(accuracy)


def _distance(accuracy: float) -> float:
    if not 0 <= accuracy <= 1:
        raise ValueError(f"`accuracy` must be from 0 to 1. Received: {accuracy!r}.")
    return max(0.0, 2 * (1 - 2 * (1 - float(accuracy))))


def held_out_log_odds(
    real: np.ndarray, generated: np.ndarray, folds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The logarithm of the odds of being real, by classifiers that did not see the image.

    Args:
        real: Features, float64, shape `(n, d)`.
        generated: Features, shape `(m, d)`.
        folds: How many classifiers to fit.

    Returns:
        For each fold those of its real and of its generated images.
    """
    # Images are often in an order, such as by person: it is broken, always in the same way.
    draw = np.random.default_rng(0)
    fold_of = [draw.permutation(len(features)) % folds for features in (real, generated)]
    odds = []
    for fold in range(folds):
        held_out = [each == fold for each in fold_of]
        classifier = fit_classifier(real[~held_out[0]], generated[~held_out[1]])
        odds.append(
            (
                classifier.decision_function(real[held_out[0]]),
                classifier.decision_function(generated[held_out[1]]),
            )
        )
    return odds


def _mean_of_shares(*correct: np.ndarray) -> Estimate:
    """The mean of two shares of correct answers (Zou and Donner 2008)."""
    shares = [Estimate.of_share(int(each.sum()), len(each), _DESIGN_EFFECT) for each in correct]
    value = sum(share.value for share in shares) / 2
    intervals = [share.interval for share in shares]
    values = [share.value for share in shares]
    lower = math.dist(values, [low for low, _ in intervals]) / 2
    upper = math.dist(values, [high for _, high in intervals]) / 2
    return Estimate(value, value - lower, value + upper)


def _area(real: np.ndarray, generated: np.ndarray) -> float:
    """The share of pairs in which the real one is higher; ties count half."""
    labels = np.repeat([1, 0], [len(real), len(generated)])
    return float(roc_auc_score(labels, np.concatenate([real, generated])))


def _area_interval(area: float, n: float, m: float) -> tuple[float, float]:
    """All areas whose standard deviation would not make the one found unlikely."""
    n, m = n / _DESIGN_EFFECT, m / _DESIGN_EFFECT
    factor = (n + m) / 2 - 1

    def is_likely(true):
        variance = true * (1 - true) / (n * m)
        variance *= 1 + factor * ((1 - true) / (2 - true) + true / (1 + true))
        return (area - true) ** 2 <= NORMAL_QUANTILE**2 * variance

    limits = []
    for outside in (0.0, 1.0):
        # Bisection by hand: where the area is 0 or 1 it is a root itself, and not the limit.
        inside = area
        for _ in range(60):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if is_likely(middle) else (inside, middle)
        limits.append(inside)
    return limits[0], limits[1]
