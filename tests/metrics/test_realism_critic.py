import pickle
import warnings

import keras
import numpy as np
import pytest

from keras_simgan.metrics import DomainClassifierAccuracy, RealismCritic


def pixels(images):
    return images.reshape(len(images), -1)


def images(mean, count=200, seed=0, spread=0.2):
    draw = np.random.default_rng(seed).normal(mean, spread, (count, 4, 4, 1))
    return np.clip(draw, -1, 1).astype("float32")


def test_scores_are_probabilities_in_the_order_of_realism():
    critic = RealismCritic.fit(images(0.3), images(-0.3, seed=1), pixels)
    scores = critic(np.concatenate([images(mean, 1, 5) for mean in (-0.4, -0.05, 0.1, 0.4)]))
    assert scores.dtype == "float64" and scores.shape == (4,)
    assert (np.diff(scores) > 0).all() and scores[0] < 0.02 and scores[-1] > 0.98


def test_calibrated_on_images_it_did_not_see():
    """Of the images given about 0.7, about 0.7 are real; the classifier itself is far too sure.

    With 128 features and 100 images of each set it knows all of them by heart.
    """
    draw = np.random.default_rng(0)
    real, synthetic = (draw.normal(mean, 1, (2000, 128)) for mean in (0.05, -0.05))
    critic = RealismCritic.fit(real[:100], synthetic[:100], pixels)
    test = [part[100:].reshape(-1, 8, 16, 1) for part in (real, synthetic)]
    truth = np.repeat([1, 0], 1900)
    scores = np.concatenate([critic(part) for part in test])
    odds = np.concatenate([critic.classifier.decision_function(pixels(part)) for part in test])
    sure = 1 / (1 + np.exp(-odds))

    def error(probabilities):
        bins = np.clip((probabilities * 5).astype(int), 0, 4)
        return sum(
            abs(probabilities[bins == b].mean() - truth[bins == b].mean()) * (bins == b).mean()
            for b in np.unique(bins)
        )

    assert error(scores) < 0.06 < 0.12 < error(sure)
    assert ((scores > 0.5) == truth).mean() == pytest.approx(
        DomainClassifierAccuracy()(real[:100], synthetic[:100]).value, abs=0.1
    )


def test_platts_numbers_are_those_of_newtons_method():
    """Recorded from the method written by hand in NumPy, which scikit-learn replaced."""
    draw = np.random.default_rng(0)
    real, synthetic = draw.normal(0, 1, (61, 7)), draw.normal(0.5, 1.3, (45, 7))
    for shift, slope, offset, shown, scores in (
        (
            *(0, 0.6228411407827946, -0.061583633743212664, real[:4]),
            (0.47091123441749994, 0.7943760262453857, 0.6716212496587215, 0.49201624043055175),
        ),
        (
            *(30, 0.8247086943543205, 0.14937415109338636, real[:2] + 15),
            (0.5396505516003944, 0.47963959644517556),
        ),
    ):
        critic = RealismCritic.fit(real + shift, synthetic, pixels)
        found = (critic.slope, critic.offset, *critic(shown[:, None, :, None]))
        np.testing.assert_allclose(found, (slope, offset, *scores), rtol=0, atol=1e-7)


def test_sets_of_different_size_count_alike():
    critic = RealismCritic.fit(images(0.05, 1000), images(-0.05, 50, 1), pixels)
    unsure = critic(np.zeros((1, 4, 4, 1), "float32"))
    assert unsure[0] == pytest.approx(0.5, abs=0.25)


def test_features_in_place_of_images_and_a_keras_model():
    real, synthetic = images(0.3), images(-0.3, seed=1)
    mean = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    critics = [
        RealismCritic.fit(real, synthetic, pixels),
        RealismCritic.fit(pixels(real), synthetic, pixels),
        RealismCritic.fit(real, synthetic, mean),
    ]
    scores = [critic(images(0.0, seed=2)) for critic in critics]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-12)
    np.testing.assert_allclose(scores[2], scores[0], rtol=1e-5)


def test_default_extractor():
    critic = RealismCritic.fit(images(0.1, 20, spread=0.4), images(0.1, 20, 1, spread=0.1))
    assert critic(images(0.1, 3, 2, spread=0.4)).min() > critic(images(0.1, 3, 3, spread=0.1)).max()


def test_a_critic_travels_to_other_machines():
    critic = RealismCritic.fit(images(0.3), images(-0.3, seed=1), pixels)
    given = images(0.0, 5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(critic))(given), critic(given))


def test_separable_sets_give_finite_probabilities():
    critic = RealismCritic.fit(images(0.9, 10), images(-0.9, 10, 1), pixels)
    scores = critic(np.concatenate([images(0.9, 10), images(-0.9, 10, 1)]))
    # Platt's (n + 1) / (n + 2) of 10 images, not certainty.
    assert scores[:10].mean() == pytest.approx(11 / 12, abs=0.03)
    assert scores[10:].mean() == pytest.approx(1 / 12, abs=0.03)


def test_warns_where_it_cannot_tell():
    constant = np.zeros((20, 4, 4, 1), "float32")
    with pytest.warns(UserWarning, match="cannot tell real from synthetic") as caught:
        critic = RealismCritic.fit(constant, constant, pixels)
    assert caught[0].filename == __file__
    assert critic(images(0.0, 3)).tolist() == [0.5] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RealismCritic.fit(images(0.3), images(-0.3, seed=1), pixels)


def test_refuses():
    with pytest.raises(
        ValueError, match="A critic needs 5 images of each set at least. `real` has 4"
    ):
        RealismCritic.fit(images(0.3, 4), images(0, 9), pixels)
    critic = RealismCritic.fit(images(0.3), images(-0.3, seed=1), pixels)
    with pytest.raises(ValueError, match=r"Received the shape \(4, 4, 1\)"):
        critic(images(0.0)[0])
    with pytest.raises(ValueError, match=r"shape \(2, 4\); the critic was fitted to 16 features"):
        critic(images(0.0, 2)[:, ::2, ::2])
