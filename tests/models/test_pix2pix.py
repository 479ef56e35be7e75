import keras
import numpy as np
import pytest
from gan_contract import GANContract, arrays, assert_equal, draw_weights
from keras import ops

from keras_simgan.layers import DiffAugment, PersistentDropout
from keras_simgan.losses import R1Penalty
from keras_simgan.models import Pix2Pix, batches
from keras_simgan.networks import PatchDiscriminator, UNetGenerator

LABELS, SHAPE = (8, 8, 2), (8, 8, 3)


def drawn_pairs(count=8):
    draw = np.random.default_rng(6)
    labels = np.eye(2, dtype="float32")[draw.integers(0, 2, (count, 8, 8))]
    return labels, draw.uniform(-1, 1, (count, *SHAPE)).astype("float32")


def value(tensor):
    return ops.convert_to_numpy(ops.stop_gradient(tensor))


class TestContract(GANContract):
    name = "pix2pix"

    def build(self, policy=None, **arguments):
        return Pix2Pix(
            UNetGenerator(LABELS, 2, 2, 3, dtype=policy),
            PatchDiscriminator((8, 8, 5), 2, layers=1, normalization="batch", dtype=policy),
            **arguments,
        )

    def batch(self):
        return drawn_pairs()


@pytest.fixture
def model():
    return draw_weights(TestContract().build())


def test_losses_in_numpy(model):
    """Equations 1 to 4 of the paper, and its halves."""
    model.compile()
    source, target = drawn_pairs()
    found = model.losses_of(batches.cast((source, target)), training=False)
    fakes = model.generator.predict(source, verbose=0)
    of_fakes, of_real = (
        model.discriminator.predict(np.concatenate([source, images], -1), verbose=0)
        for images in (fakes, target)
    )
    expected = {
        "adversarial": np.log1p(np.exp(-of_fakes)).mean(),
        "l1": 100 * np.abs(fakes - target).mean(),
        "discriminator_fake": np.log1p(np.exp(of_fakes)).mean() / 2,
        "discriminator_real": np.log1p(np.exp(-of_real)).mean() / 2,
    }
    assert {name: float(value(loss)) for name, loss in found.items()} == pytest.approx(
        expected, rel=1e-5
    )


def test_the_weights_of_the_losses(model):
    """Penalties are not halved with the losses of the discriminator."""
    batch = batches.cast(drawn_pairs())
    found = {}
    for weight in (10.0, 20.0):
        other = TestContract().build(l1_weight=weight, penalties=[R1Penalty(weight)])
        draw_weights(other)
        other.compile()
        losses = other.losses_of(batch, training=True)
        found[weight] = {name: float(value(loss)) for name, loss in losses.items()}
    for name in ("l1", "discriminator_r1_penalty"):
        assert found[20.0][name] == pytest.approx(2 * found[10.0][name], rel=1e-5)
    assert found[20.0]["adversarial"] == pytest.approx(found[10.0]["adversarial"], rel=1e-5)


def test_the_condition_is_seen(model):
    """The same image beside another source is judged otherwise."""
    source, target = drawn_pairs()
    outputs = [
        value(model.judge("discriminator", ops.array(target), ops.array(labels), False))
        for labels in (source, source[::-1].copy())
    ]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def test_augmented_discriminators_hand_gradients_to_the_generator():
    """The L1 loss left aside, the only way to the generator is through the augmentation."""
    moved = {}
    for augment in (None, DiffAugment(seed=1)):
        model = draw_weights(TestContract().build(augment=augment, l1_weight=0.0))
        model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(0.0))
        before = model.generator.get_weights()[0]
        model.fit(*drawn_pairs(), batch_size=8, verbose=0)
        moved[augment is None] = model.generator.get_weights()[0] - before
    assert np.abs(moved[False]).max() > 0
    assert np.abs(moved[False] - moved[True]).max() > 1e-6


def test_dropout_resumes(tmp_path):
    """Its draws are kept with the model; a file of the first epoch's end goes on as the model."""
    images = np.random.default_rng(0).uniform(-1, 1, (2, 4, 8, 8, 1)).astype("float32")

    def build():
        inputs = keras.Input((8, 8, 1))
        x = PersistentDropout(0.5, seed=3)(keras.layers.Conv2D(4, 3, padding="same")(inputs))
        x = keras.layers.Conv2D(1, 1, activation="tanh")(x)
        model = Pix2Pix(keras.Model(inputs, x), PatchDiscriminator((8, 8, 2), 1, layers=0))
        model.compile(jit_compile=keras.config.backend() == "jax")
        return model

    def train(model):
        model.fit(*images, batch_size=2, shuffle=False, verbose=0)

    model = build()
    train(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        train(each)
    assert_equal(arrays(model.variables), arrays(loaded.variables))
    np.testing.assert_array_equal(model.predict(images[0]), loaded.predict(images[0]))


def test_networks_that_do_not_fit():
    with pytest.raises(ValueError, match="`discriminator` must take 5 channels, the source's 2 "):
        Pix2Pix(UNetGenerator(LABELS, 2, 2, 3), PatchDiscriminator(SHAPE, 2, layers=1))
