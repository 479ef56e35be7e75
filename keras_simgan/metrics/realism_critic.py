"""How real single images look to a classifier that the GAN never met."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import keras
import numpy as np
from scipy.special import expit
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight

from keras_simgan.metrics._features_pair import checked_pair
from keras_simgan.metrics._linear_classifier import fit_classifier, fit_logistic_regression
from keras_simgan.metrics.domain_classifier import held_out_log_odds
from keras_simgan.metrics.features import feature_extractor

_FOLDS = 5


class RealismCritic:
    r"""Scores how real an image is: the probability that it is real, from 0 to 1.

    The classifier is that of `DomainClassifierAccuracy`, fitted to all images. Its log-odds s are
    too sure of images that it has seen, so they are calibrated (Platt 1999) on log-odds of images
    held out:

        score = 1 / (1 + exp(-(a s + b)))

    with a and b of least log loss, real and synthetic counting alike: 0.5 is an image that is as
    likely to be the one as the other. An order of images that a critic found is one for its own
    features; what they do not see does not count.

    Make it with `RealismCritic.fit`. Call it with images, a float array in [-1, 1] of shape
    `(n, height, width, channels)`; it returns the scores, float64, shape `(n,)`.

    Args:
        classifier: The fitted classifier; its `decision_function` gives log-odds.
        slope: a, at least 0.
        offset: b.
        extractor: What turns images into features.

    Example:
        >>> draw = np.random.default_rng(0)
        >>> dark, light = draw.uniform(-1, 0, (50, 8, 8, 1)), draw.uniform(0, 1, (50, 8, 8, 1))
        >>> critic = RealismCritic.fit(dark, light, lambda x: x.mean(axis=(1, 2)))
        >>> bool(critic(dark).min() > 0.9 and critic(light).max() < 0.1)
        True
    """

    def __init__(self, classifier: Pipeline, slope: float, offset: float, extractor: Callable):
        self.classifier, self.slope, self.offset = classifier, slope, offset
        self.extractor = extractor

    @classmethod
    def fit(
        cls,
        real: np.ndarray,
        synthetic: np.ndarray,
        extractor: Callable[[np.ndarray], np.ndarray] | str | keras.Model = "small",
    ) -> RealismCritic:
        """Fits a critic.

        Args:
            real: Real images in [-1, 1], shape `(n, height, width, channels)`, or their features,
                `(n, d)`; at least 5.
            synthetic: Images as they were before refinement, or their features, alike.
            extractor: A function from images to features, or what `feature_extractor` takes.

        Returns:
            The critic.

        Raises:
            ValueError: Images or features of other shapes, too few, or not finite.

        Warns:
            UserWarning: If the classifier cannot tell real from synthetic; all scores are 0.5.
        """
        if isinstance(extractor, str | keras.Model):
            extractor = feature_extractor(extractor)
        features = [x if np.ndim(x) == 2 else extractor(x) for x in (real, synthetic)]
        real, synthetic = checked_pair(features[0], features[1], _FOLDS, "A critic")
        held_out = zip(*held_out_log_odds(real, synthetic, _FOLDS), strict=True)
        slope, offset = _platt(*map(np.concatenate, held_out))
        if not slope > 0:
            warnings.warn(
                "The critic cannot tell real from synthetic images by these features: all its "
                "scores are 0.5. Choose another `extractor`, or do not select images by realism.",
                stacklevel=2,
            )
            slope = offset = 0.0
        return cls(fit_classifier(real, synthetic), slope, offset, extractor)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The probability of each image to be real, shape `(n,)`.

        Args:
            images: Float array in [-1, 1], shape `(n, height, width, channels)`.

        Raises:
            ValueError: Images of another shape, or other features than the critic was fitted to.
        """
        if np.ndim(images) != 4:
            raise ValueError(
                "A critic is called with images (n, height, width, channels). Received the shape "
                f"{np.shape(images)}."
            )
        features = np.asarray(self.extractor(images), "float64")
        expected = (len(images), self.classifier.n_features_in_)
        if features.shape != expected:
            raise ValueError(
                f"The extractor gave features of shape {features.shape}; the critic was fitted to "
                f"{expected[1]} features an image, so {expected} was expected."
            )
        return expit(self.slope * self.classifier.decision_function(features) + self.offset)


def _platt(real: np.ndarray, synthetic: np.ndarray) -> tuple[float, float]:
    """Platt's slope and offset for log-odds of real and of synthetic images."""
    n, m = len(real), len(synthetic)
    labels = np.repeat([1, 0], [n, m])
    # An image more of each class, so that slope and offset stay finite.
    targets = np.repeat([(n + 1) / (n + 2), 1 / (m + 2)], [n, m])
    weights = compute_sample_weight("balanced", labels)
    odds = np.concatenate([real, synthetic])
    spread = odds.std() or 1.0
    # A target between 0 and 1 is the image once with each label, at the weight of each.
    regression = fit_logistic_regression(
        np.tile(odds / spread, 2)[:, None],
        np.repeat([1, 0], n + m),
        np.concatenate([weights * targets, weights * (1 - targets)]),
        penalty=1e-6,
    )
    return float(regression.coef_[0, 0] / spread), float(regression.intercept_[0])
