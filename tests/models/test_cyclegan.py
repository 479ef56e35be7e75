import keras
import numpy as np
import pytest
from gan_contract import GANContract
from keras import ops

from keras_simgan import losses, models, networks
from keras_simgan.layers import ImagePool

GENERATORS = {"generator", "inverse_generator"}
DISCRIMINATORS = {"target_discriminator", "source_discriminator"}


def train(model, images, **arguments):
    x, y = images
    return model.fit(x, y, **{"batch_size": 4, "shuffle": False, "verbose": 0, **arguments}).history


def predict(network, images):
    """By a plain call, as `predict` would compile each network anew."""
    said = network(images, training=False)
    return keras.tree.map_structure(lambda t: ops.convert_to_numpy(ops.stop_gradient(t)), said)


def played(named):
    return {name: float(ops.stop_gradient(value)) for name, value in named.items()}


def measure(model, source, target, training=False):
    """All losses of both turns, outside of any training."""
    return played(model.losses_of((source, target), training))


def assert_same(one, other):
    """Difference 0.0, variable by variable."""
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.astype("float64"), b.astype("float64"))


def expected_losses(model, source, target, cycle=(10.0, 10.0), identity=0.5):
    """Equations 1 to 3 in NumPy, from what each network says alone."""
    there, back = model.generator, model.inverse_generator
    fake_target, fake_source = predict(there, source), predict(back, target)

    def distance(one, other):
        return np.abs(one - other).mean()

    def squares(discriminator, images, label):
        return np.square(predict(discriminator, images) - label).mean()

    expected = {
        "generator_adversarial": squares(model.target_discriminator, fake_target, 1),
        "inverse_adversarial": squares(model.source_discriminator, fake_source, 1),
        "source_cycle": cycle[0] * distance(predict(back, fake_target), source),
        "target_cycle": cycle[1] * distance(predict(there, fake_source), target),
        "target_discriminator_fake": squares(model.target_discriminator, fake_target, 0) / 2,
        "target_discriminator_real": squares(model.target_discriminator, target, 1) / 2,
        "source_discriminator_fake": squares(model.source_discriminator, fake_source, 0) / 2,
        "source_discriminator_real": squares(model.source_discriminator, source, 1) / 2,
    }
    if identity:
        expected["source_identity"] = cycle[0] * identity * distance(predict(back, source), source)
        expected["target_identity"] = cycle[1] * identity * distance(predict(there, target), target)
    return expected


# Losses


@pytest.mark.parametrize(
    ("cycle_weight", "pair", "identity"),
    [(10.0, (10.0, 10.0), 0.5), ((7.0, 3.0), (7.0, 3.0), 0.25), (2, (2.0, 2.0), 0)],
)
def test_losses_are_those_of_the_paper(small_cyclegan, colour_images, cycle_weight, pair, identity):
    model = small_cyclegan(cycle_weight=cycle_weight, identity_weight=identity)
    source, target = colour_images[:, :4]
    expected = expected_losses(model, source, target, pair, identity)
    assert measure(model, source, target) == pytest.approx(expected, rel=1e-5)
    fakes = model.generate((source, target), training=False)
    for fake, network, images in zip(
        (fakes["target"], fakes["source"]),
        (model.generator, model.inverse_generator),
        (source, target),
        strict=True,
    ):
        np.testing.assert_allclose(
            ops.convert_to_numpy(ops.stop_gradient(fake)), predict(network, images), atol=1e-5
        )


@pytest.mark.parametrize("on", ["translated", "cycled"])
def test_label_consistency_is_where_it_is_asked_for(small_cyclegan, label_model, colour_images, on):
    consistency = losses.LabelConsistency(label_model(), "l1", weight=3.0)
    model = small_cyclegan(label_consistency=consistency, label_consistency_on=on)
    source, target = colour_images[:, :4]
    images = predict(model.generator, source)
    if on == "cycled":
        images = predict(model.inverse_generator, images)
    reads = consistency.model
    expected = expected_losses(model, source, target)
    expected["label_consistency"] = 3.0 * sum(
        np.abs(a - b).mean()
        for a, b in zip(predict(reads, source), predict(reads, images), strict=True)
    )
    assert measure(model, source, target) == pytest.approx(expected, rel=1e-4)


def test_discriminators_see_the_fakes_of_the_generator_turn(compiled_cyclegan, colour_images):
    # With a rate this large, images translated anew after the generator turn would differ.
    model = compiled_cyclegan(learning_rate=0.5, pool_size=0)
    images = colour_images[:, :4]
    expected = expected_losses(model, *images)
    logs = {name: values[0] for name, values in train(model, images).items()}
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-4)
    assert logs["loss"] == pytest.approx(sum(expected.values()), rel=1e-4)
    after = expected_losses(model, *images)
    assert abs(after["target_discriminator_fake"] - expected["target_discriminator_fake"]) > 0.01


def test_generators_that_change_nothing_lose_nothing_but_the_adversarial_loss(
    small_cyclegan, colour_images
):
    def same():
        return keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Identity()])

    model = small_cyclegan(generator=same(), inverse_generator=same())
    found = measure(model, *colour_images[:, :4])
    for name in ("source_cycle", "target_cycle", "source_identity", "target_identity"):
        assert found[name] == 0.0
    assert found["generator_adversarial"] > 0.1


def test_batches_of_different_sizes(small_cyclegan, colour_images):
    model = small_cyclegan()
    source, target = colour_images[0, :3], colour_images[1, :5]
    expected = expected_losses(model, source, target)
    assert measure(model, source, target) == pytest.approx(expected, rel=1e-5)


class Counted(keras.layers.Layer):
    """Notes the size of each batch that goes through."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def call(self, inputs):
        self.batches.append(inputs.shape[0])
        return inputs


def counted_generator(*more):
    layers = [Counted(), *more, keras.layers.Conv2D(3, 1)]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    layers[0].batches.clear()
    return network


def test_identity_goes_through_with_the_cycle(small_cyclegan, colour_images):
    there, back = counted_generator(), counted_generator()
    model = small_cyclegan(generator=there, inverse_generator=back)
    source, target = colour_images[0, :4], colour_images[1, :3]
    expected = expected_losses(model, source, target)
    for network in (there, back):
        network.layers[0].batches.clear()
    fakes = model.generate((source, target))
    found = played(model.generator_losses((source, target), fakes))
    # Translation, then the cycle and identity.
    assert (there.layers[0].batches, back.layers[0].batches) == ([4, 6], [3, 8])
    assert found == pytest.approx({name: expected[name] for name in found}, rel=1e-4)


def test_a_generator_turn_left_out_is_two_batches_instead_of_six(compiled_cyclegan, colour_images):
    there, back = counted_generator(), counted_generator()
    model = compiled_cyclegan(
        {"run_eagerly": True}, generator=there, inverse_generator=back, pool_size=0
    )
    x, y = colour_images[:, :4]
    model.inspect_data(x, y)
    for turns, expected in (((False, True), 1), ((True, True), 3)):
        model.turns = lambda step, turns=turns: turns
        for network in (there, back):
            network.layers[0].batches.clear()
        model.train_on_batch(x, y)
        # Four images in a batch; the cycle and the identity go through as one.
        found = [sum(network.layers[0].batches) // 4 for network in (there, back)]
        assert found == [expected, expected]


def test_batch_normalization_sees_identity_and_cycle_apart(small_cyclegan, colour_images):
    networks_of = {
        name: counted_generator(keras.layers.BatchNormalization()) for name in GENERATORS
    }
    model = small_cyclegan(**networks_of)
    source, target = colour_images[0, :4], colour_images[1, :3] * 0.1 + 0.5
    there = model.generator
    alone = there(target, training=True)
    expected = 5.0 * np.abs(ops.convert_to_numpy(ops.stop_gradient(alone)) - target).mean()
    there.layers[0].batches.clear()
    fakes = model.generate((source, target))
    found = played(model.generator_losses((source, target), fakes))
    assert there.layers[0].batches == [4, 3, 3]
    assert found["target_identity"] == pytest.approx(expected, rel=1e-4)


# Turns and pools


def test_each_turn_moves_both_of_its_networks_and_no_other(
    small_cyclegan, label_model, colour_images, moved, values
):
    model = small_cyclegan(label_consistency=losses.LabelConsistency(label_model()))
    model.turns = lambda step: (ops.equal(step, 0), ops.equal(step, 1))
    model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01))
    frozen = values(model.label_consistency.model.variables)
    logs = {}
    for turn in (0, 1):
        assert moved(model, lambda: logs.update(train(model, colour_images[:, :4]))) == (
            DISCRIMINATORS if turn else GENERATORS
        )
        assert int(model.generator_optimizer.iterations) == 1
        assert int(model.discriminator_optimizer.iterations) == turn
        assert all((logs[name] == [0.0]) == bool(turn) for name in logs if name.endswith("_cycle"))
        assert int(model.target_pool.calls) == int(model.source_pool.calls) == turn
        assert_same(frozen, values(model.label_consistency.model.variables))


def test_discriminators_see_images_of_the_pools(compiled_cyclegan, colour_images):
    """Full pools, and optimizers that stand still, so that all can be computed before."""
    model = compiled_cyclegan(learning_rate=0.0, pool_size=3, seed=4)
    stored = np.random.default_rng(5).integers(0, 256, (2, 3, 8, 8, 3), dtype="uint8")
    expected, pools = {}, {}
    images = colour_images[:, :4]
    for domain, index, generator, discriminator in (
        ("target", 0, model.generator, model.target_discriminator),
        ("source", 1, model.inverse_generator, model.source_discriminator),
    ):
        pool = getattr(model, f"{domain}_pool")
        pool.images.assign(stored[index])
        pool.stored.assign(3)
        clone = ImagePool.from_config(pool.get_config())
        for variable, value in zip(clone.variables, pool.variables, strict=True):
            variable.assign(value)
        fakes = predict(generator, images[index])
        seen = ops.convert_to_numpy(clone(fakes))
        old = stored[index] / 127.5 - 1.0
        recalled = [any(np.abs(image - other).max() < 1e-5 for other in old) for image in seen]
        assert any(recalled) and not all(recalled)
        assert recalled == [np.abs(a - b).max() > 1e-5 for a, b in zip(seen, fakes, strict=True)]
        name = f"{domain}_discriminator_fake"
        expected[name] = np.square(predict(discriminator, seen)).mean() / 2
        assert abs(expected[name] - np.square(predict(discriminator, fakes)).mean() / 2) > 1e-3
        pools[domain] = clone
    logs = train(model, images)
    assert {name: logs[name][0] for name in expected} == pytest.approx(expected, rel=1e-4)
    for domain, clone in pools.items():
        pool = getattr(model, f"{domain}_pool")
        levels, others = (ops.convert_to_numpy(p.images).astype(int) for p in (pool, clone))
        # In one byte, fakes that differ by their rounding may differ by one level.
        assert np.abs(levels - others).max() <= 1
        assert int(pool.calls) == 1
    # The two pools draw differently.
    assert model.target_pool.seed != model.source_pool.seed


def test_evaluate_changes_nothing_and_asks_no_pool(compiled_cyclegan, colour_images, state):
    model = compiled_cyclegan()
    before = state(model)
    measured = model.evaluate(*colour_images, batch_size=5, return_dict=True, verbose=0)
    assert_same(before, state(model))
    expected = expected_losses(model, *colour_images)
    assert measured == pytest.approx(expected | {"loss": sum(expected.values())}, rel=1e-4)


# State


@pytest.mark.graph
def test_losses_are_the_same_on_every_backend(golden, float64):
    expected, script = golden("cyclegan_losses")
    found = script.train()
    assert found.keys() == expected.keys()
    for name, entries in expected.items():
        np.testing.assert_allclose(found[name], entries, rtol=1e-9, err_msg=name)


# Translation


def test_translate_goes_either_way(small_cyclegan, colour_images):
    model = small_cyclegan()
    source, target = colour_images
    there = model.translate(source, batch_size=5)
    assert there.shape == source.shape and np.abs(there).max() <= 1.0
    np.testing.assert_allclose(there, predict(model.generator, source), atol=1e-5)
    np.testing.assert_allclose(there, model.predict(source, verbose=0), atol=1e-5)
    back = model.translate(target, direction="target_to_source")
    np.testing.assert_allclose(back, predict(model.inverse_generator, target), atol=1e-5)
    assert np.abs(back - model.translate(target)).max() > 0.1
    # Each image by itself, in its place.
    alone = model.translate(source[7:8])
    np.testing.assert_allclose(alone[0], there[7], atol=1e-5)


@pytest.mark.parametrize("direction", ["both", "source_to_source", None])
def test_wrong_direction(small_cyclegan, small_simgan, colour_images, images, direction):
    with pytest.raises(
        ValueError,
        match=f"CycleGAN translates source_to_target and target_to_source. .*={direction!r}",
    ):
        small_cyclegan().translate(colour_images[0], direction=direction)
    with pytest.raises(ValueError, match="A SimGAN translates source_to_target. Received"):
        small_simgan().translate(images[0], direction="target_to_source")


def test_translate_refuses_images_out_of_range(small_cyclegan, colour_images):
    with pytest.raises(ValueError, match=r"`images` must be in \[-1, 1\]; found values from"):
        small_cyclegan().translate(colour_images[0] * 255)


def test_gray_and_colour(compiled_cyclegan, colour_images, moved, tmp_path):
    arguments = dict(source_shape=(8, 8, 1), target_shape=(8, 8, 3), identity_weight=0)
    model = compiled_cyclegan(**arguments)
    gray, colour = colour_images[0, :8, :, :, :1], colour_images[1, :8]
    expected = expected_losses(model, gray[:4], colour[:4], identity=0)
    assert measure(model, gray[:4], colour[:4]) == pytest.approx(expected, rel=1e-5)
    assert moved(model, lambda: train(model, (gray, colour))) == GENERATORS | DISCRIMINATORS
    assert model.translate(gray).shape == colour.shape
    assert model.translate(colour, direction="target_to_source").shape == gray.shape
    assert model.target_pool.image_shape == (8, 8, 3)
    assert model.source_pool.image_shape == (8, 8, 1)


@pytest.mark.parametrize(
    ("generators", "discriminators"),
    [(((8, 8, 3), (8, 8, 3)), None), (None, (8, 8, 3)), (((8, 8, 3), None), None), (None, None)],
)
def test_sizes_that_some_networks_leave_open(
    small_cyclegan, colour_images, generators, discriminators
):
    anywhere = (None, None, 3)
    one, other = generators or (None, None)
    given = {
        name: networks.Refiner(shape or anywhere, filters=2, blocks=1)
        for name, shape in (("generator", one), ("inverse_generator", other))
    } | {
        name: networks.PatchDiscriminator(discriminators or anywhere, filters=2, layers=1)
        for name in DISCRIMINATORS
    }
    model = small_cyclegan(**given, pool_size=3 if one and other else 0)
    model.compile()
    measured = model.evaluate(*colour_images[:, :4], return_dict=True, verbose=0)
    expected = expected_losses(model, *colour_images[:, :4])
    assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=1e-4)


# Defaults and configuration


def test_defaults_are_the_papers():
    shape = (256, 256, 3)
    generators = [networks.ResNetGenerator(shape) for _ in range(2)]
    discriminators = [networks.PatchDiscriminator(shape) for _ in range(2)]
    assert sum(n.count_params() for n in (*generators, *discriminators)) == 28_285_832
    model = models.CycleGAN(*generators, *discriminators, pool_size=0)
    assert (model.cycle_weight, model.identity_weight) == (10.0, 0.5)
    assert model.adversarial_loss.get_config() == losses.LeastSquaresLoss().get_config()
    assert model.label_consistency is None
    for optimizer in model.default_optimizers():
        assert isinstance(optimizer, keras.optimizers.Adam)
        assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)


def test_pools_of_the_paper_hold_50(small_cyclegan):
    model = models.CycleGAN(
        **{
            name: getattr(small_cyclegan(), name)
            for name in ("generator", "inverse_generator", *sorted(DISCRIMINATORS))
        }
    )
    assert model.pool_size == model.target_pool.capacity == model.source_pool.capacity == 50


def test_config_round_trip_names_every_argument(small_cyclegan, label_model):
    model = small_cyclegan(
        cycle_weight=(3.0, 4.0),
        identity_weight=0.25,
        adversarial_loss=losses.LeastSquaresLoss(generator_label=0.8),
        label_consistency=losses.LabelConsistency(label_model(), "cosine", weight=6.0),
        label_consistency_on="cycled",
        pool_size=7,
        seed=5,
        name="mine",
    )
    clone = models.CycleGAN.from_config(model.get_config())
    assert clone.get_config() == model.get_config()
    assert (clone.cycle_weight, clone.identity_weight) == ((3.0, 4.0), 0.25)
    assert clone.adversarial_loss.generator_label == 0.8
    assert (clone.label_consistency.distance, clone.label_consistency.weight) == ("cosine", 6.0)
    assert (clone.label_consistency_on, clone.name) == ("cycled", "mine")
    assert clone.target_pool.capacity == 7
    assert clone.target_pool.seed == model.target_pool.seed != clone.source_pool.seed


# Bad input


@pytest.mark.parametrize(
    "arguments",
    [
        {"cycle_weight": -1.0},
        {"cycle_weight": (1.0, -1.0)},
        {"cycle_weight": (1.0, 2.0, 3.0)},
        {"cycle_weight": (1.0,)},
        {"cycle_weight": "10"},
        {"cycle_weight": float("nan")},
        {"identity_weight": -0.5},
        {"identity_weight": None},
    ],
)
def test_bad_weights(small_cyclegan, arguments):
    with pytest.raises(ValueError, match="(?s)`cycle_weight` must be one weight or two.*Received"):
        small_cyclegan(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"label_consistency_on": "source"}, r"`label_consistency_on` must be one of.*'source'"),
        ({"label_consistency": "gaze"}, "`label_consistency` must be a `losses.LabelConsistency`"),
        ({"adversarial_loss": "least_cubes"}, "(?s)'least_cubes'|least_cubes.*least_squares"),
        ({"cycle_distance": "l3"}, r"`cycle_distance` must be one of \['l1', 'l2'\]; got 'l3'"),
        ({"pool_size": -1}, "`pool_size` must be an integer of at least 0; got -1"),
        ({"pool_size": 2.5}, "`pool_size` must be an integer of at least 0; got 2.5"),
        ({"pool_size": None}, "`pool_size` must be an integer of at least 0; got None"),
    ],
)
def test_bad_arguments(small_cyclegan, arguments, message):
    with pytest.raises(ValueError, match=message):
        small_cyclegan(**arguments)


@pytest.mark.parametrize("name", sorted(GENERATORS | DISCRIMINATORS))
def test_unbuilt_network(small_cyclegan, name):
    with pytest.raises(ValueError, match="network of a CycleGAN must be a built `keras.Model`"):
        small_cyclegan(**{name: keras.Sequential([keras.layers.Conv2D(3, 1)])})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("generator", r"`generator` gives images of shape \(None, 4, 4, 3\), but the target"),
        ("inverse_generator", r"`inverse_generator` gives .*\(None, 4, 4, 3\), but the source"),
    ],
)
def test_generator_that_changes_the_size(small_cyclegan, name, message):
    halves = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.AveragePooling2D(2)])
    with pytest.raises(ValueError, match=message):
        small_cyclegan(**{name: halves})


@pytest.mark.parametrize("name", sorted(DISCRIMINATORS))
def test_discriminator_of_other_images(small_cyclegan, name):
    gray = networks.PatchDiscriminator((8, 8, 1), filters=2, layers=1)
    domain = name.partition("_")[0]
    with pytest.raises(
        ValueError,
        match=rf"(?s)`{name}` takes images of shape \(None, 8, 8, 1\), but the {domain} domain's",
    ):
        small_cyclegan(**{name: gray})


@pytest.mark.parametrize("name", sorted(DISCRIMINATORS))
@pytest.mark.parametrize("flat", [True, False])
def test_discriminator_of_other_than_one_or_two_logits(small_cyclegan, name, flat):
    last = [keras.layers.Flatten(), keras.layers.Dense(3)] if flat else [keras.layers.Conv2D(3, 3)]
    discriminator = keras.Sequential([keras.Input((8, 8, 3)), *last])
    with pytest.raises(ValueError, match=f"(?s)`{name}` must give one logit a patch.*output shape"):
        small_cyclegan(**{name: discriminator})


@pytest.mark.parametrize(
    ("one", "other"),
    [("generator", "inverse_generator"), ("source_discriminator", "target_discriminator")],
)
def test_network_given_twice(small_cyclegan, one, other):
    network = getattr(small_cyclegan(), one)
    with pytest.raises(ValueError, match="CycleGAN was given the same network twice"):
        small_cyclegan(**{one: network, other: network})


def test_identity_loss_needs_domains_of_one_shape(small_cyclegan):
    shapes = dict(source_shape=(8, 8, 1), target_shape=(8, 8, 3))
    with pytest.raises(ValueError, match=r"(?s)8, 1\) and \(None, 8, 8, 3\).*identity_weight=0"):
        small_cyclegan(**shapes)
    doubles = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.UpSampling2D()])
    halves = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.AveragePooling2D(2)])
    arguments = dict(generator=doubles, inverse_generator=halves, target_shape=(16, 16, 3))
    with pytest.raises(ValueError, match=r"(?s)same size and channels.*identity_weight=0"):
        small_cyclegan(**arguments)
    small_cyclegan(**arguments, identity_weight=0)


def test_unknown_image_size_needs_pools_of_none(small_cyclegan):
    def anywhere():
        return networks.ResNetGenerator((None, None, 3), filters=2, blocks=1)

    with pytest.raises(ValueError, match="(?s)image pool needs images of known size.*pool_size=0"):
        small_cyclegan(generator=anywhere(), inverse_generator=anywhere())
    model = small_cyclegan(generator=anywhere(), inverse_generator=anywhere(), pool_size=0)
    assert model.translate(np.zeros((1, 5, 7, 3), "float32")).shape == (1, 5, 7, 3)
    assert model.target_pool is None


class TestContract(GANContract):
    xla = False  # as Keras chooses it, the golden losses above are by XLA

    def build(self, policy=None):
        shape = (8, 8, 3)
        # Refiners, whose graphs are small: the contract is about the game.
        generators = [networks.Refiner(shape, filters=2, blocks=1, dtype=policy) for _ in range(2)]
        discriminators = [
            networks.PatchDiscriminator(shape, filters=2, layers=1, dtype=policy) for _ in range(2)
        ]
        pool_size = 0 if keras.config.floatx() == "float64" else 3
        # A model that reads labels, with all that could move: statistics and a seed too.
        inputs = keras.Input(shape)
        x = keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 3, strides=2)(inputs))
        x = keras.layers.Flatten()(keras.layers.Dropout(0.5, seed=1)(x))
        reads = keras.Model(inputs, [keras.layers.Dense(count)(x) for count in (2, 3)])
        return models.CycleGAN(
            *generators,
            *discriminators,
            cycle_weight=(4.0, 3.0),
            label_consistency=losses.LabelConsistency(reads, "l2", weight=2.0),
            pool_size=pool_size,
        )

    def batch(self):
        draws = np.random.default_rng(8).uniform(-1, 1, (2, 8, 8, 8, 3))
        return tuple(draws.astype("float32"))
