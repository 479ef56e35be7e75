import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan import losses, models, networks

SHAPE = (12, 16, 1)


def refiner():
    return networks.Refiner(SHAPE, filters=2, blocks=1)


def discriminator():
    return networks.PatchDiscriminator(SHAPE, filters=2, layers=1)


class Plain(models.GAN):
    directions = {"source_to_target": "generator"}

    def generate(self, batch, training=True):
        return self.generator(batch[0], training=training)

    def generator_losses(self, batch, fakes, training=True):
        return {"adversarial": self.generator_adversarial_loss("discriminator", fakes)}

    def discriminator_losses(self, batch, fakes, training=True):
        return self.discriminator_adversarial_losses("discriminator", batch[1], fakes)


def plain(**arguments):
    return Plain({"generator": refiner()}, {"discriminator": discriminator()}, **arguments)


# Names


def test_each_network_is_an_attribute_of_its_name():
    model = plain(frozen={"reader": refiner()})
    assert list(model.networks) == ["generator", "discriminator", "reader"]
    assert model.generator is model.networks["generator"] is model.generators["generator"]
    assert not model.reader.trainable_variables and model.reader.non_trainable_variables
    with pytest.raises(TypeError):
        model.generators["another"] = refiner()


@pytest.mark.parametrize(
    ("generators", "message"),
    [
        ([refiner()], r"`generators` of a GAN must be a dictionary that names each network once"),
        ({"heads": [refiner()]}, r"(?s)`heads` is \[<Refiner.*Of several networks name each"),
        ({"layers": refiner()}, "names a network 'layers'; expected a name that can be"),
        ({"the generator": refiner()}, "names a network 'the generator'"),
        ({3: refiner()}, "names a network 3"),
        ({"discriminator": refiner()}, "Two networks of a GAN are named 'discriminator'"),
    ],
)
def test_names_that_are_none(generators, message):
    with pytest.raises(ValueError, match=message):
        models.GAN(generators, {"discriminator": discriminator()})


def test_one_network_under_two_names():
    network = refiner()
    with pytest.raises(ValueError, match="same network twice, as `generator` and `inverse`"):
        models.GAN({"generator": network, "inverse": network}, {})


def test_networks_that_share_layers_are_refused():
    """Loaded from a file they would part."""
    shared = keras.layers.Conv2D(1, 3, padding="same", name="shared")
    inputs = keras.Input(SHAPE)
    features = shared(inputs)
    generator = keras.Model(inputs, keras.layers.Activation("tanh")(features))
    critic = keras.Model(inputs, keras.layers.Conv2D(1, 1)(features))
    with pytest.raises(
        ValueError, match="`generator` and `critic` of a GAN share the variable.*sh"
    ):
        models.GAN({"generator": generator}, {"critic": critic})


def test_a_network_inside_another_is_refused():
    encoder = refiner()
    inputs = keras.Input(SHAPE)
    decoder = keras.Model(inputs, keras.layers.Conv2D(1, 1)(encoder(inputs)))
    with pytest.raises(ValueError, match="(?s)share the variable.*derive the other from it"):
        models.GAN({"encoder": encoder, "decoder": decoder}, {})


def test_layers_in_a_list_are_refused_where_they_are_assigned():
    """CUT's projection heads, as they would come back untrained."""

    class Heads(Plain):
        def __init__(self, generators, discriminators, **kwargs):
            super().__init__(generators, discriminators, **kwargs)
            self.heads = [keras.layers.Dense(2)]

    with pytest.raises(
        ValueError, match=r"(?s)layer 'dense.*\(`heads`\) of a Heads is part of non"
    ):
        Heads({"generator": refiner()}, {"discriminator": discriminator()})


@pytest.mark.parametrize("hidden", ["built", "nested", "loss", "before", "appended"])
def test_hidden_networks_are_refused(hidden, tmp_path):
    class Hidden(Plain):
        def __init__(self, generators, discriminators, **kwargs):
            if hidden == "before":
                self.extra = refiner()
            super().__init__(generators, discriminators, **kwargs)
            if hidden == "built":
                self.extra = refiner()
            if hidden == "nested":
                self.extra = {"of": [(refiner(),)]}
            if hidden == "loss":
                self.consistency = losses.LabelConsistency(refiner())
            if hidden == "appended":
                self.extra = []

    given = {"generator": refiner()}, {"discriminator": discriminator()}
    message = "(?s)part of none of its named networks.*`generators`, `discriminators` or `frozen`"
    if hidden != "appended":
        # Torch itself refuses a module that is assigned before its owner is made.
        before = r"|cannot assign module before Module.__init__\(\) call"
        with pytest.raises((ValueError, AttributeError), match=message + before):
            Hidden(*given)
        return
    model = Hidden(*given)
    model.extra.append(refiner())
    for refused in (model.compile, lambda: model.save_to_preset(tmp_path / "preset")):
        with pytest.raises(ValueError, match=message):
            refused()


def test_a_view_of_a_named_network_is_welcome():
    class View(Plain):
        def __init__(self, generators, discriminators, **kwargs):
            super().__init__(generators, discriminators, **kwargs)
            self.encoder = keras.Model(
                self.generator.input, self.generator.get_layer("stem").output
            )

    model = View({"generator": refiner()}, {"discriminator": discriminator()})
    assert model.encoder.output_shape == (None, 12, 16, 2)


# Configuration


def test_a_subclass_writes_no_get_config():
    class Other(Plain):
        def __init__(self, generator, judge, weights=(1.0, 2.0), **kwargs):
            super().__init__({"generator": generator}, {"discriminator": judge}, **kwargs)
            self.given_weights = tuple(weights)

    model = Other(refiner(), judge=discriminator(), adversarial_loss="hinge", name="mine")
    clone = Other.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    assert clone.name == "mine" and clone.given_weights == (1.0, 2.0)
    assert isinstance(clone.adversarial_loss, losses.HingeLoss)
    assert clone.generator.get_config() == model.generator.get_config()


def test_a_constructor_without_a_name_or_more():
    class Small(Plain):
        def __init__(self, filters):
            generator = networks.Refiner(SHAPE, filters=filters, blocks=1)
            super().__init__({"generator": generator}, {"discriminator": discriminator()})

    model = Small(3)
    assert model.get_config() == {"filters": 3}
    assert Small.from_config(model.get_config()).generator.get_layer("stem").filters == 3


def test_networks_made_by_the_constructor_come_back_from_a_preset(tmp_path):
    class Made(Plain):
        def __init__(self, filters=3):
            generator = networks.Refiner(SHAPE, filters=filters, blocks=1)
            super().__init__({"generator": generator}, {"discriminator": discriminator()})

    model = Made()
    model.save_to_preset(tmp_path)
    loaded = Made.from_preset(tmp_path)
    alone = Made.from_preset(tmp_path, direction="source_to_target")
    for network in (loaded.generator, alone):
        for found, saved in zip(network.get_weights(), model.generator.get_weights(), strict=True):
            np.testing.assert_array_equal(found, saved)


def test_what_cannot_be_saved_says_so(tmp_path):
    class Given(Plain):
        def __init__(self, thing, **kwargs):
            super().__init__({"generator": refiner()}, {"discriminator": discriminator()}, **kwargs)

    with pytest.raises((ValueError, TypeError, NotImplementedError)):
        Given(object()).save_to_preset(tmp_path / "preset")
    assert not (tmp_path / "preset" / "metadata.json").exists()


# Summary


def test_summary_counts_no_memories(small_simgan, small_cyclegan):
    for model in (small_simgan(history_size=100), small_cyclegan(pool_size=50)):
        lines = []
        model.summary(print_fn=lambda line, lines=lines, **_: lines.append(line))
        parameters = sum(network.count_params() for network in model.networks.values())
        # And the step.
        assert f"Total params: {parameters + 1:,}" in "".join(lines)
        assert sum(v.size for v in map(np.asarray, values_of(model))) > 2 * parameters


def values_of(model):
    return [ops.convert_to_numpy(variable) for variable in model.variables]


# Loading in a fresh process


@pytest.mark.parametrize("order", ["keras_simgan, keras", "keras, keras_simgan"])
def test_keras_finds_every_class_after_import_keras_simgan(order, small_cyclegan, tmp_path):
    small_cyclegan(adversarial_loss="hinge").save(tmp_path / "model.keras")
    code = f"""
import {order}
model = keras.saving.load_model({str(tmp_path / "model.keras")!r})
print(type(model).__module__, type(model.generator).__name__, model.adversarial_loss.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = "keras_simgan.models.cyclegan Refiner hinge_loss"
    assert done.stdout.splitlines()[-1] == expected
