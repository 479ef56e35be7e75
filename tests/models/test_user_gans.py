"""GANs as users write them, each one class outside the package, and the contract for each."""

import keras
import numpy as np
import pytest
from gan_contract import GANContract
from keras import layers, ops

from keras_simgan import models, networks
from keras_simgan.losses import GradientPenalty, R1Penalty
from keras_simgan.schedules import Alternate

SHAPE = (8, 8, 3)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype("float32")


class CUT(models.GAN):
    """Park et al. 2020: a patch of the translation is nearest to the same patch of its source."""

    directions = {"source_to_target": "generator"}

    def __init__(self, generator, heads, discriminator, layer_names, temperature=0.07, **kwargs):
        super().__init__(
            {"generator": generator, "heads": heads},
            {"discriminator": discriminator},
            adversarial_loss="least_squares",
            **kwargs,
        )
        self.encoder = keras.Model(
            generator.input, [generator.get_layer(name).output for name in layer_names]
        )
        self.temperature = temperature

    def generate(self, batch, training=True):
        return self.generator(batch[0], training=training)

    def contrast(self, source, translated, training):
        total = 0.0
        keys, queries = (
            self.heads(self.encoder(images, training=training), training=training)
            for images in (source, translated)
        )
        for key, query in zip(keys, queries, strict=True):  # (batch, patches, units)
            likeness = ops.matmul(query, ops.transpose(ops.stop_gradient(key), (0, 2, 1)))
            scores = ops.log_softmax(likeness / self.temperature, axis=-1)
            total += ops.mean(-ops.diagonal(scores, axis1=1, axis2=2))
        return total / len(keys)

    def generator_losses(self, batch, fakes, training=True):
        return {
            "adversarial": self.generator_adversarial_loss(
                "discriminator", fakes, training=training
            ),
            "contrast": self.contrast(batch[0], fakes, training),
        }

    def discriminator_losses(self, batch, fakes, training=True):
        return self.discriminator_adversarial_losses(
            "discriminator", batch[1], fakes, training=training
        )


class WGANGP(models.GAN):
    """Gulrajani et al. 2017, from noise."""

    def generate(self, batch, training=True):
        return self.generator(batch[0], training=training)

    def generator_losses(self, batch, fakes, training=True):
        return {"adversarial": self.generator_adversarial_loss("critic", fakes, training=training)}

    def discriminator_losses(self, batch, fakes, training=True):
        return self.discriminator_adversarial_losses("critic", batch[1], fakes, training=training)


class ConditionalGAN(models.GAN):
    """Mirza and Osindero 2014: noise and a class make an image, judged as of that class."""

    def generate(self, batch, training=True):
        return self.generator(batch[0], training=training)

    def generator_losses(self, batch, fakes, training=True):
        condition = {"label": batch[0]["label"]}
        return {
            "adversarial": self.generator_adversarial_loss(
                "discriminator", fakes, condition, training
            )
        }

    def discriminator_losses(self, batch, fakes, training=True):
        condition = [{"label": batch[0]["label"]}, {"label": batch[1]["label"]}]
        return self.discriminator_adversarial_losses(
            "discriminator", batch[1]["image"], fakes, condition, training
        )


class TestCUT(GANContract):
    name = "cut"

    def build(self, policy=None, **arguments):
        generator = networks.Refiner(SHAPE, filters=2, blocks=1, dtype=policy)
        names = ["stem", "block_1"]
        heads = [generator.get_layer(name).output for name in names]
        inputs = [keras.Input(head.shape[1:], dtype=head.dtype) for head in heads]

        def head(x, index):
            x = layers.Reshape((-1, x.shape[-1]), dtype=policy)(x)
            x = layers.Dense(4, dtype=policy, name=f"head_{index}")(x)
            return layers.UnitNormalization(dtype=policy or keras.config.floatx())(x)

        return CUT(
            generator,
            keras.Model(inputs, [head(x, index) for index, x in enumerate(inputs)], name="heads"),
            networks.PatchDiscriminator(SHAPE, filters=2, layers=1, dtype=policy),
            names,
            **arguments,
        )

    def batch(self):
        return tuple(drawn(2, 8, *SHAPE, seed=1))

    def test_the_heads_move_with_the_generator_by_its_optimizer(self):
        model = self.compiled()
        before = model.heads.get_weights()
        self.train(model)
        assert all((a != b).any() for a, b in zip(before, model.heads.get_weights(), strict=True))
        assert len(model.generator_optimizer._trainable_variables) == len(
            [*model.generator.trainable_variables, *model.heads.trainable_variables]
        )


class TestWGANGP(GANContract):
    name = "wgan_gp"
    exports = False
    torch_float16 = True

    def build(self, policy=None, **arguments):
        noise, images = keras.Input((6,), name="noise"), keras.Input((8, 8, 1), name="images")
        x = layers.Dense(64, activation="relu", dtype=policy)(noise)
        x = layers.Reshape((8, 8, 1), dtype=policy)(layers.Dense(64, dtype=policy)(x))
        fakes = layers.Activation("tanh", dtype=keras.config.floatx())(x)
        x = layers.Dense(8, activation="softplus", dtype=policy)(layers.Flatten()(images))
        score = layers.Dense(1, dtype=keras.config.floatx())(x)
        return WGANGP(
            {"generator": keras.Model(noise, fakes)},
            {"critic": keras.Model(images, score)},
            adversarial_loss="wasserstein",
            **{
                "penalties": [GradientPenalty(10.0)],
                "turns": Alternate(generator=1, discriminator=5),
                **arguments,
            },
        )

    def batch(self):
        noise = np.random.default_rng(2).normal(0, 3, (8, 6)).astype("float32")  # no range
        return noise, drawn(8, 8, 8, 1, seed=3)

    def test_five_turns_of_the_critic_for_one_of_the_generator(self):
        model = self.compiled()
        self.train(model, epochs=5)  # ten steps
        assert int(model.generator_optimizer.iterations) == 2
        assert int(model.discriminator_optimizer.iterations) == 10

    def test_a_lazy_penalty_is_played_every_other_turn_at_twice_its_weight(self):
        found = {}
        for every in (1, 2):
            seen = []
            model = self.compiled_with(penalties=[R1Penalty(10.0, every=every)])
            for optimizer in model._turn_optimizers:
                optimizer.learning_rate = 0.0
            x, y = self.batch()
            for start in (0, 4):
                model.reset_metrics()
                logs = model.train_on_batch(
                    x[start : start + 4], y[start : start + 4], return_dict=True
                )
                seen.append(float(logs["critic_r1_penalty"]))
            found[every] = seen
        assert found[1][0] > 0 and found[1][1] > 0
        assert found[2] == pytest.approx([2 * found[1][0], 0.0], rel=1e-5)

    def compiled_with(self, **arguments):
        from gan_contract import draw_weights

        model = draw_weights(self.build(**arguments))
        model.compile(keras.optimizers.SGD(1e-2), keras.optimizers.SGD(1e-2))
        return model

    def test_clipped_weights_stay_in_their_limits(self):
        model = self.compiled_with(penalties=[], weight_clipping=0.01)
        assert max(np.abs(w).max() for w in model.critic.get_weights()) > 0.02
        self.train(model)
        assert max(np.abs(w).max() for w in model.critic.get_weights()) <= 0.01 + 1e-9
        assert max(np.abs(w).max() for w in model.generator.get_weights()) > 0.02
        clone = WGANGP.from_config(model.get_config())
        assert clone.critic.trainable_variables[0].constraint.limit == 0.01


def test_spectral_normalization_is_a_layer_of_keras(state, tmp_path):
    critic = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.SpectralNormalization(layers.Conv2D(4, 3, strides=2)),
            layers.Flatten(),
            layers.SpectralNormalization(layers.Dense(1)),
        ]
    )
    contract = TestWGANGP()
    generator = contract.build().generator
    model = WGANGP({"generator": generator}, {"critic": critic}, adversarial_loss="hinge")
    model.compile("sgd", "sgd")
    contract.train(model, epochs=3)
    for layer in (critic.layers[0], critic.layers[2]):
        kernel = ops.convert_to_numpy(layer.layer.kernel)
        largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        assert 0.5 < largest < 1.5  # of the last power iteration, a step ago
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", custom_objects={"WGANGP": WGANGP})
    for one, other in zip(state(model), state(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.graph
class TestConditionalGAN(GANContract):
    name = "conditional"
    every_mode = True
    exports = False
    jax_eager = True
    torch_float16 = True

    def build(self, policy=None):
        noise = keras.Input((4,), name="noise")
        image = keras.Input((6, 6, 1), name="image")
        label = keras.Input((1,), dtype="int32", name="label")
        full = keras.config.floatx()

        def joined(x):
            classes = layers.CategoryEncoding(3, "one_hot", dtype=policy)(label)
            return layers.Concatenate(dtype=policy)([x, classes])

        x = layers.Dense(36, dtype=policy)(joined(noise))
        fakes = layers.Activation("tanh", dtype=full)(layers.Reshape((6, 6, 1), dtype=policy)(x))
        x = layers.Dense(8, activation="softplus", dtype=policy)(joined(layers.Flatten()(image)))
        logit = layers.Dense(1, dtype=full)(x)
        return ConditionalGAN(
            {"generator": keras.Model({"noise": noise, "label": label}, fakes)},
            {"discriminator": keras.Model({"image": image, "label": label}, logit)},
            adversarial_loss="hinge",
        )

    def batch(self):
        draw = np.random.default_rng(4)
        noise = draw.normal(0, 3, (8, 4)).astype("float32")
        labels = draw.integers(0, 3, (2, 8, 1)).astype("int32")
        source = {"noise": noise, "label": labels[0]}
        return source, {"image": drawn(8, 6, 6, 1, seed=5), "label": labels[1]}

    def test_the_class_decides_what_is_made(self):
        model = self.compiled()
        source, _ = self.batch()
        images = [
            model.predict({**source, "label": np.full((8, 1), label, "int32")}, verbose=0)
            for label in (0, 2)
        ]
        assert np.abs(images[0] - images[1]).max() > 1e-3
