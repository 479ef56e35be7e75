import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_simgan.losses import LocalAdversarialLoss


def test_hand_worked():
    # One image, two patches: softmax (1/4, 3/4) and (1/2, 1/2).
    logits = np.log([[[[1.0, 3.0], [5.0, 5.0]]]]).astype("float32")
    loss = LocalAdversarialLoss()
    refined, real = -np.log(3 / 4 * 1 / 2) / 2, -np.log(1 / 4 * 1 / 2) / 2
    assert float(loss.discriminator_fake(logits)) == pytest.approx(refined, rel=1e-5)
    assert float(loss.discriminator_real(logits)) == pytest.approx(real, rel=1e-5)
    assert float(loss.generator(logits)) == pytest.approx(real, rel=1e-5)


def test_mean_over_the_batch():
    logits = np.log([[[[1.0, 3.0]]], [[[9.0, 1.0]]]]).astype("float32")
    loss = LocalAdversarialLoss()
    each = np.array([-np.log(3 / 4), -np.log(1 / 10)])
    assert float(loss.discriminator_fake(logits)) == pytest.approx(each.mean(), rel=1e-5)


@given(
    shape=st.sampled_from([(1, 1, 1), (2, 3, 4)]),
    seed=st.integers(0, 1000),
)
def test_paper_sum_is_patches_times_this_mean(shape, seed):
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 3, (*shape, 2)).astype("float32")
    probabilities = np.exp(logits.astype("float64"))
    probabilities /= probabilities.sum(-1, keepdims=True)
    loss = LocalAdversarialLoss()
    for label, part in enumerate((loss.discriminator_real, loss.discriminator_fake)):
        paper = -np.log(probabilities[..., label]).sum() / shape[0]
        mean = float(part(logits))
        assert mean * shape[1] * shape[2] == pytest.approx(paper, rel=1e-4, abs=1e-6)


def test_certain_and_wrong_is_large_but_finite():
    logits = np.array([[[[1000.0, -1000.0]]]], "float32")
    assert float(LocalAdversarialLoss().discriminator_fake(logits)) == pytest.approx(2000.0)
    assert float(LocalAdversarialLoss().discriminator_real(logits)) == 0.0


def test_config_round_trip():
    loss = LocalAdversarialLoss(name="mine")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(clone, LocalAdversarialLoss) and clone.name == "mine"
