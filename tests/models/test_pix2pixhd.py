import keras
import numpy as np
import pytest
from gan_contract import GANContract, arrays, assert_equal, draw_weights
from keras import ops

from keras_simgan import models, networks
from keras_simgan.layers import DiffAugment
from keras_simgan.losses import PerceptualLoss

CLASSES = 4


def pairs(count=8, size=8, seed=1):
    """Label maps and photos."""
    draw = np.random.default_rng(seed)
    labels = np.eye(CLASSES, dtype="float32")[draw.integers(0, CLASSES, (count, size, size))]
    return labels, draw.uniform(-1, 1, (count, size, size, 3)).astype("float32")


def encoded_pairs(count=4):
    labels, photos = pairs(count)
    ids = np.where(np.arange(8)[:, None] < 5, 26001, labels.argmax(-1))[..., None].astype("int32")
    return {"labels": labels, "instances": ids}, photos


def build(size=None, policy=None, encoder=None, styles=0, stage="both", **arguments):
    coarse = networks.ResNetGenerator(
        (None, None, CLASSES + styles),
        filters=8,
        blocks=1,
        output_channels=3,
        normalization=None,  # which on maps of four pixels makes much of rounding
        downsamplings=1,
        dtype=policy,
    )
    shape = (size, size)
    patches = dict(filters=4, layers=1, normalization=None, dtype=policy)
    return models.Pix2PixHD(
        networks.LocalEnhancer(coarse, (*shape, CLASSES + styles), blocks=1, stage=stage),
        networks.MultiScaleDiscriminator((*shape, CLASSES + 3), **patches),
        encoder,
        **arguments,
    )


def with_encoder(**arguments):
    encoder = networks.InstanceEncoder((None, None, 3), 2, filters=2, downsamplings=1)
    return build(encoder=encoder, styles=2, **arguments)


def extractor():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(2, 3, activation="relu")(inputs)
    return keras.Model(inputs, [x, keras.layers.AveragePooling2D(2)(x)])


def compiled(model, **arguments):
    rate = keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01)
    draw_weights(model).compile(*rate, **{"jit_compile": False, **arguments})
    return model


def train(model, batch, **arguments):
    return model.fit(*batch, **{"batch_size": 4, "shuffle": False, "verbose": 0, **arguments})


class TestContract(GANContract):
    def build(self, policy=None, **arguments):
        return build(8, policy, **arguments)

    def batch(self):
        return pairs()


# Losses


def numpy_losses(model, labels, photos, fakes):
    """All losses, from what the discriminator says."""

    def judged(images):
        outputs = model.discriminator(np.concatenate([labels, images], -1), training=False)
        return keras.tree.map_structure(
            lambda x: ops.convert_to_numpy(ops.stop_gradient(x)), outputs
        )

    real, fake = judged(photos), judged(fakes)
    matching = sum(
        0.5 * (4 / 2) * np.abs(a - b).mean()  # 2 scales; 2 layers besides the map
        for of_real, of_fake in zip(real, fake, strict=True)
        for a, b in zip(of_real[:-1], of_fake[:-1], strict=True)
    )
    return {
        "adversarial": sum(np.square(scale[-1] - 1).mean() for scale in fake),
        "feature_matching": 10 * matching,
        "discriminator_fake": 0.5 * sum(np.square(scale[-1]).mean() for scale in fake),
        "discriminator_real": 0.5 * sum(np.square(scale[-1] - 1).mean() for scale in real),
    }


def test_losses_of_the_paper_in_numpy():
    labels, photos = pairs(4)
    model = compiled(build(perceptual_loss=PerceptualLoss(extractor(), [0.5, 2.0], 3.0)))
    found = model.evaluate(labels, photos, return_dict=True, verbose=0)
    fakes = model.predict(labels, verbose=0)
    expected = numpy_losses(model, labels, photos, fakes)
    seen = [model.perceptual_extractor.predict(x, verbose=0) for x in (photos, fakes)]
    expected["perceptual"] = 3.0 * sum(
        weight * np.abs(a - b).mean() for weight, a, b in zip((0.5, 2.0), *seen, strict=True)
    )
    assert found.keys() == expected.keys() | {"loss"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name


def test_without_feature_matching_any_discriminator_will_do():
    labels, photos = pairs(4)
    model = models.Pix2PixHD(
        networks.ResNetGenerator((8, 8, CLASSES), 2, blocks=1, output_channels=3),
        networks.PatchDiscriminator((8, 8, CLASSES + 3), 2, layers=1),
        feature_matching_weight=0.0,
        adversarial_loss="hinge",
    )
    history = train(compiled(model), (labels, photos)).history
    assert set(history) == {"adversarial", "discriminator_fake", "discriminator_real", "loss"}


def test_the_perceptual_extractor_is_kept_and_does_not_move(tmp_path):
    model = compiled(build(perceptual_loss=PerceptualLoss(extractor())))
    before = arrays(model.perceptual_extractor.weights)
    train(model, pairs())
    assert_equal(before, arrays(model.perceptual_extractor.weights))
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    for loaded in (
        keras.models.load_model(tmp_path / "model.keras"),
        models.Pix2PixHD.from_preset(tmp_path / "preset"),
    ):
        assert loaded.perceptual_loss.extractor is loaded.perceptual_extractor
        assert_equal(before, arrays(loaded.perceptual_extractor.weights))


# Stages

MOVES = {
    "global": {"global"},
    "enhancer": {"enhancer"},
    "both": {"global", "enhancer"},
}


def parts(model):
    generator = model.generator
    head = generator.global_generator.get_layer("head").weights
    of_head = {id(weight) for weight in head}
    return {
        "global": [w for w in generator.global_generator.weights if id(w) not in of_head],
        "head": head,
        "enhancer": generator.enhancer.weights,
        "discriminator": model.discriminator.weights,
    }


def test_stages_move_what_they_should_and_keep_the_rest(tmp_path):
    model = build()
    steps = 0
    for stage in ("global", "enhancer", "both"):
        before = {name: arrays(weights) for name, weights in parts(model).items()}
        model.start_stage(stage)
        with pytest.raises(ValueError, match=r"(?i)call `compile\(\)`"):
            train(model, pairs())
        for name, weights in parts(model).items():
            assert_equal(before[name], arrays(weights))
        if not steps:
            compiled(model)
            before = {name: arrays(weights) for name, weights in parts(model).items()}
        else:
            model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
        train(model, pairs(4, 6 if stage == "global" else 8))
        steps += 1
        assert int(model.step) == steps
        moved = {
            name
            for name, weights in parts(model).items()
            if any((a != b).any() for a, b in zip(before[name], arrays(weights), strict=True))
        }
        expected = MOVES[stage] | {"discriminator"} | ({"head"} if stage == "global" else set())
        assert moved == expected, stage
        # What is deployed is what has been trained.
        labels, photos = pairs(2)
        translated = model.translate(labels)
        coarse = model.generator.global_generator.predict(labels, verbose=0)
        assert (np.abs(translated - coarse).max() == 0.0) == (stage == "global")
        np.testing.assert_allclose(model.predict(labels, verbose=0), translated, atol=1e-6)
        model.save(tmp_path / "model.keras")
        model.save_to_preset(tmp_path / "preset", overwrite=True)
        for loaded in (
            keras.models.load_model(tmp_path / "model.keras"),
            models.Pix2PixHD.from_preset(tmp_path / "preset", direction="source_to_target"),
        ):
            generator = getattr(loaded, "generator", loaded)
            assert generator.stage == stage
            assert_equal(arrays(model.generator.weights), arrays(generator.weights))
            np.testing.assert_array_equal(generator.predict(labels, verbose=0), translated)


def test_a_file_of_a_stage_goes_on_as_the_model_does(tmp_path):
    model = build(stage="enhancer")
    compiled(model)
    train(model, pairs(4))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert train(model, pairs(4)).history == train(loaded, pairs(4)).history
    assert_equal(arrays(model.variables), arrays(loaded.variables))
    # Between stages there is nothing to compile.
    model.start_stage("both")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert not loaded.compiled and int(loaded.step) == 2
    assert len(loaded.trainable_variables) == len(model.trainable_variables)


def test_a_generator_without_stages_says_so():
    model = models.Pix2PixHD(
        networks.ResNetGenerator((8, 8, CLASSES), 2, blocks=1, output_channels=3),
        networks.MultiScaleDiscriminator((8, 8, CLASSES + 3), 2, layers=1),
    )
    with pytest.raises(ValueError, match="needs a generator with stages.*ResNetGenerator"):
        model.start_stage("global")
    with pytest.raises(ValueError, match="`stage` must be one of"):
        build().start_stage("first")


# The encoder


def test_the_generator_is_given_styles_and_the_discriminator_is_not(tmp_path):
    model = compiled(with_encoder())
    for weight in model.trainable_variables:
        weight.assign(3 * weight)  # so that styles have a say
    source, photos = encoded_pairs()
    seen = {"image": photos, "instances": source["instances"]}
    styles = model.encoder.predict(seen, verbose=0)
    assert np.abs(styles[:, :5] - styles[:, :1, :1]).max() < 1e-5  # one instance
    joined = np.concatenate([source["labels"], styles], -1)
    fakes = model.translate(joined)
    expected = numpy_losses(model, source["labels"], photos, fakes)
    found = model.evaluate(source, photos, return_dict=True, verbose=0)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3), name
    before = arrays(model.encoder.trainable_variables)
    train(model, (source, photos))
    after = arrays(model.encoder.trainable_variables)
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_equal(after, arrays(loaded.encoder.trainable_variables))


def test_an_encoder_needs_instances():
    model = compiled(with_encoder())
    for source in (pairs(4)[0], {"labels": pairs(4)[0]}):
        with pytest.raises(ValueError, match="(?s)With an encoder the source must be.*instances"):
            train(model, (source, pairs(4)[1]))


# Bad input


def test_channels_that_do_not_fit():
    coarse = networks.ResNetGenerator((None, None, 6), 2, blocks=1, output_channels=3)
    discriminator = networks.MultiScaleDiscriminator((None, None, 9), 2, layers=1)
    models.Pix2PixHD(coarse, discriminator)
    encoder = networks.InstanceEncoder((None, None, 3), 2, filters=2, downsamplings=1)
    with pytest.raises(
        ValueError, match="(?s)gives 2, so label maps have 4.*must take 7; it takes 9"
    ):
        models.Pix2PixHD(coarse, discriminator, encoder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"feature_matching_weight": -1.0}, "`feature_matching_weight` must not be below 0"),
        ({"perceptual_loss": "vgg19"}, "`perceptual_loss` must be a `losses.PerceptualLoss`"),
        ({"augment": DiffAugment()}, "takes no `augment`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
