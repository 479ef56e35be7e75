import keras
import numpy as np
import pytest

from keras_simgan.losses import LeastSquaresLoss

# Two images of two patches.
PATCHES = np.array([[[0.5], [1.0]], [[-1.0], [2.0]]], "float32").reshape(2, 1, 2, 1)


def parts(loss, patches=PATCHES):
    return [
        float(part(patches))
        for part in (loss.discriminator_fake, loss.discriminator_real, loss.generator)
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        # 1/2 (1/4 + 1 + 1 + 4) / 4, 1/2 (1/4 + 0 + 4 + 1) / 4, and without the 1/2.
        ({}, [0.78125, 0.65625, 1.3125]),
        # GazeGAN: (0.16 + 0.01 + 3.61 + 1.21) / 4 for the generator.
        ({"generator_label": 0.9}, [0.78125, 0.65625, 1.2475]),
        # Smoothed on both sides: 1/2 (0.16 + 0.01 + 3.61 + 1.21) / 4 for the discriminator.
        ({"real_label": 0.9, "generator_label": 0.9}, [0.78125, 0.62375, 1.2475]),
        # Pearson's chi-squared: 1/2 (2.25 + 4 + 0 + 9) / 4, and (1/4 + 1 + 1 + 4) / 4.
        (
            {"fake_label": -1.0, "real_label": 1.0, "generator_label": 0.0},
            [1.90625, 0.65625, 1.5625],
        ),
    ],
)
def test_hand_worked(labels, expected):
    assert parts(LeastSquaresLoss(**labels)) == pytest.approx(expected, rel=1e-6)


def test_reached_labels_lose_nothing():
    loss = LeastSquaresLoss(fake_label=-0.5, real_label=0.75, generator_label=0.9)
    for part, label in (
        (loss.discriminator_fake, -0.5),
        (loss.discriminator_real, 0.75),
        (loss.generator, 0.9),
    ):
        assert float(part(np.full((3, 2, 2, 1), label, "float32"))) == 0.0


def test_mean_does_not_depend_on_the_size_of_the_map():
    small, large = (np.full((2, size, size, 1), 0.3, "float32") for size in (1, 30))
    loss = LeastSquaresLoss()
    assert parts(loss, small) == pytest.approx(parts(loss, large), rel=1e-4)


def test_gradients_are_those_of_the_squares(gradients):
    loss = LeastSquaresLoss(generator_label=0.9)
    (gradient,) = gradients(loss.generator, PATCHES)
    np.testing.assert_allclose(gradient, 2 * (PATCHES - 0.9) / 4, atol=1e-6)
    (gradient,) = gradients(loss.discriminator_fake, PATCHES)
    np.testing.assert_allclose(gradient, PATCHES / 4, atol=1e-6)


def test_half_precision_is_squared_in_float32():
    """299^2 is beyond float16's 65,504."""
    patches = np.full((1, 2, 2, 1), 300.0, "float16")
    assert float(LeastSquaresLoss().generator(patches)) == pytest.approx(299.0**2)


def test_config_round_trip():
    loss = LeastSquaresLoss(-1, 0.5, 0.25, name="mine")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(clone, LeastSquaresLoss) and clone.get_config() == loss.get_config()
    assert (clone.fake_label, clone.real_label, clone.generator_label) == (-1.0, 0.5, 0.25)
    assert clone.name == "mine" and parts(clone) == parts(loss)


def test_labels_that_are_alike_teach_nothing():
    with pytest.raises(ValueError, match="`fake_label` and `real_label` must differ; both are 0.5"):
        LeastSquaresLoss(fake_label=0.5, real_label=0.5)
