"""Telling two sets of features apart by a line."""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight


def fit_classifier(positives: np.ndarray, negatives: np.ndarray) -> Pipeline:
    r"""Fits a logistic regression on standardised features, both classes counting alike.

    With y = 1 for the first class and 0 for the second, standardised features x, and weights c of
    the classes by which both have the same sum, N / 2 each:

        minimise over w, b:  sum c log(1 + exp(-(2 y - 1) (w . x + b))) + |w|^2 / 2

    Args:
        positives: Features of the first class, float64, shape `(n, d)`.
        negatives: Features of the second, shape `(m, d)`.

    Returns:
        A classifier whose `decision_function(features)` gives the log-odds of the first class.

    Example:
        >>> classifier = fit_classifier(np.array([[3.0], [4.0]]), np.array([[-1.0], [0.0]]))
        >>> (classifier.decision_function([[2.0], [1.0]]) > 0).tolist()
        [True, False]
    """
    features = np.concatenate([positives, negatives])
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    # The best w is a sum of samples, so features wider than that are first turned into their span:
    # as many numbers as images, and the same distances.
    rotation = [PCA()] if features.shape[1] > len(features) else []
    preparation = make_pipeline(StandardScaler(), *rotation)
    # PCA's shares of the variance of constant features: 0 / 0, or in older versions 1 / 0.
    with np.errstate(invalid="ignore", divide="ignore"):
        prepared = preparation.fit_transform(features)
    weights = compute_sample_weight("balanced", labels)
    return make_pipeline(preparation, fit_logistic_regression(prepared, labels, weights))


def fit_logistic_regression(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float = 1.0
) -> LogisticRegression:
    """Minimises the weighted log loss plus `penalty` |w|^2 / 2; the offset is free.

    The function is strictly convex and Newton's method runs to its end, so the result is
    deterministic.

    Args:
        features: Shape `(n, d)`.
        labels: 1 or 0, shape `(n,)`.
        weights: How much each sample counts, shape `(n,)`.
        penalty: Above 0.
    """
    regression = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12)
    with warnings.catch_warnings():
        # Where the start is the optimum already, as for two equal sets, nothing is left to gain.
        warnings.filterwarnings("ignore", "Line search of Newton solver", ConvergenceWarning)
        return regression.fit(features, labels, weights)
