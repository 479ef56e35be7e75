import warnings

import numpy as np
import pytest

from keras_simgan.metrics._linear_classifier import fit_classifier, fit_logistic_regression

# Of the same features, by Newton's method written by hand in NumPy, which scikit-learn replaced.
NEWTON_LOG_ODDS = (
    (
        0.6418495643663045,
        -0.43526126898798395,
        1.4613086529234165,
        0.8830767471618098,
        1.0395439046912096,
        -0.0656765212840246,
        0.21560500187086862,
        -1.9331065495345705,
        -0.5107815520179276,
        -1.0064879818846837,
    ),
    (
        2.2492802154506935,
        -0.2185661013209904,
        4.156323318107114,
        -0.2563323494164072,
        2.3084725887683684,
        -4.023179007984592,
        -4.07317130336213,
        -6.717331034119761,
        0.04815821204884352,
        -3.336606996741419,
    ),
    (
        4.556651383603163,
        2.1086312407361953,
        3.718005372034736,
        3.4358014885775843,
        2.0501566471761468,
        -0.23793985118249883,
        -1.8928709409516873,
        -2.670590136993278,
        -1.033985378055703,
        -1.4568159188607768,
    ),
)


def test_the_log_odds_are_those_of_newtons_method(golden):
    _, script = golden("domain_classifier")
    for shape, expected in zip(script.SHAPES, NEWTON_LOG_ODDS, strict=True):
        real, generated = script.features(*shape)
        classifier = fit_classifier(real[:-5], generated[:-5])
        odds = classifier.decision_function(np.concatenate([real[-5:], generated[-5:]]))
        np.testing.assert_allclose(odds, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("count", "width"), [(40, 3), (12, 30)])
def test_the_gradient_of_the_penalised_log_loss_is_zero(count, width):
    draw = np.random.default_rng(0)
    features = draw.normal(0, 1, (count, width))
    labels = np.arange(count) % 2
    weights = draw.uniform(0.5, 2.0, count)
    for penalty in (1e-3, 1.0, 50.0):
        found = fit_logistic_regression(features, labels, weights, penalty)
        odds = features @ found.coef_[0] + found.intercept_[0]
        residuals = weights * (1 / (1 + np.exp(-odds)) - labels)
        gradient = features.T @ residuals + penalty * found.coef_[0]
        assert np.abs(gradient).max() < 1e-8 and abs(residuals.sum()) < 1e-8


def test_wider_features_than_images_are_turned_without_a_change():
    """The classifier of 8 images is that of the same features among constant ones."""
    draw = np.random.default_rng(0)
    positives, negatives = draw.normal(0, 1, (5, 4)), draw.normal(1, 1, (3, 4))
    wide = [np.pad(part, ((0, 0), (0, 9)), constant_values=7.0) for part in (positives, negatives)]
    narrow_odds = fit_classifier(positives, negatives).decision_function(negatives)
    classifier = fit_classifier(*wide)
    assert classifier[-1].coef_.shape == (1, 8)
    wide_odds = classifier.decision_function(wide[1])
    np.testing.assert_allclose(wide_odds, narrow_odds, rtol=0, atol=1e-9)


@pytest.mark.parametrize("width", [3, 40])
@pytest.mark.parametrize("counts", [(20, 20), (20, 13)])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_constant_features_say_nothing_and_warn_of_nothing(counts, width, value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier = fit_classifier(*(np.full((count, width), value) for count in counts))
    odds = classifier.decision_function(np.full((4, width), value))
    np.testing.assert_allclose(odds, np.zeros(4), rtol=0, atol=1e-12)


def test_equal_sets_warn_of_nothing():
    features = np.random.default_rng(0).normal(0, 1, (30, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier = fit_classifier(features, features)
    np.testing.assert_allclose(classifier.decision_function(features), np.zeros(30), atol=1e-12)
