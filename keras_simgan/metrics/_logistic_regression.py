"""Telling two sets of features apart by a line, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LogisticRegression:
    r"""A logistic regression on standardised features, both classes counting alike.

    With y = 1 for the first class and 0 for the second, standardised features x, and weights c of
    the classes by which both have the same sum, N / 2 each:

        minimise over w, b:  sum c log(1 + exp(-(2 y - 1) (w . x + b))) + |w|^2 / 2

    These are the defaults of scikit-learn's `LogisticRegression` with `class_weight="balanced"`
    after its `StandardScaler`. The function is strictly convex, so the result is deterministic.

    Attributes:
        mean: What is taken from the features, shape `(d,)`.
        weights: w over the features' standard deviation, shape `(d,)`.
        bias: b.
    """

    mean: np.ndarray
    weights: np.ndarray
    bias: float

    @classmethod
    def fit(cls, ones: np.ndarray, zeros: np.ndarray) -> LogisticRegression:
        """Fits to features of both classes.

        Args:
            ones: Features of the first class, float64, shape `(n, d)`.
            zeros: Features of the second, shape `(m, d)`.
        """
        features = np.concatenate([ones, zeros])
        mean, spread = features.mean(axis=0), features.std(axis=0)
        # A constant feature says nothing; rounding leaves it a spread.
        spread[spread <= 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0
        standard = (features - mean) / spread
        basis = None
        if standard.shape[1] > len(standard):
            # The best w is a sum of samples, so that a problem of their number is enough.
            basis, triangle = np.linalg.qr(standard.T)
            standard = triangle.T
        targets = np.repeat([1.0, 0.0], [len(ones), len(zeros)])
        weights, bias = newton(standard, targets, balance(len(ones), len(zeros)), penalty=1.0)
        weights = weights if basis is None else basis @ weights
        return cls(mean, weights / spread, bias)

    def log_odds(self, features: np.ndarray) -> np.ndarray:
        """The logarithm of the odds that each sample is of the first class, shape `(n,)`.

        Args:
            features: Shape `(n, d)`.
        """
        return (features - self.mean) @ self.weights + self.bias


def balance(ones: int, zeros: int) -> np.ndarray:
    """Weights by which both classes have the same sum, and all the sum `ones + zeros`.

    Args:
        ones: Samples of the first class, which come first.
        zeros: Samples of the second.
    """
    half = (ones + zeros) / 2
    return np.repeat([half / ones, half / zeros], [ones, zeros])


def newton(
    features: np.ndarray, targets: np.ndarray, counts: np.ndarray, penalty: float
) -> tuple[np.ndarray, float]:
    """Minimises the penalised log loss by Newton's method with step halving.

    Args:
        features: Shape `(n, d)`.
        targets: Probabilities of the first class, shape `(n,)`.
        counts: How much each sample counts, shape `(n,)`.
        penalty: Factor of |w|^2 / 2; the bias is free.

    Returns:
        w of shape `(d,)`, and b.
    """
    design = np.column_stack([features, np.ones(len(features))])
    ridge = np.append(np.full(features.shape[1], penalty), 0.0)
    solution = np.zeros(design.shape[1])

    def loss(point):
        logits = design @ point
        each = np.logaddexp(0.0, logits) - targets * logits
        return counts @ each + 0.5 * ridge @ point**2

    now = loss(solution)
    for _ in range(100):
        odds = sigmoid(design @ solution)
        gradient = design.T @ (counts * (odds - targets)) + ridge * solution
        if np.abs(gradient).max() < 1e-9 * len(features):
            break
        curvature = (design.T * (counts * odds * (1.0 - odds))) @ design + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while (then := loss(solution - size * step)) > now and size > 1e-10:
            size /= 2
        if then >= now:
            break  # nothing is left to gain but rounding
        solution, now = solution - size * step, then
    return solution[:-1], float(solution[-1])


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) of an array, without overflow.

    Args:
        logits: x.
    """
    return np.exp(-np.logaddexp(0.0, -logits))
