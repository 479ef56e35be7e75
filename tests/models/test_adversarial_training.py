import warnings

import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan import losses
from keras_simgan.models import batches


def train(model, images, **arguments):
    x, y = images
    return model.fit(x, y, **{"batch_size": 4, "shuffle": False, "verbose": 0, **arguments}).history


# Moving averages


def test_averages_are_deployed_and_training_goes_on_with_the_weights(
    small_simgan, images, values, tmp_path
):
    def build():
        model = small_simgan(refiner_turns=1)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), ema_momentum=0.5)
        return model

    # By hand: the first turn's weights, then half of the average and half of the weights.
    by_hand = None
    model = build()
    for start in (0, 4, 8):  # a training each, which leaves the weights alone when it ends
        train(model, images[:, start : start + 4])
        weights = values(model.refiner.trainable_variables)
        by_hand = (
            weights
            if by_hand is None
            else [0.5 * a + 0.5 * w for a, w in zip(by_hand, weights, strict=True)]
        )
    with model.deployed():
        for found, expected in zip(values(model.refiner.trainable_variables), by_hand, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        averaged = model.refiner.predict(images[0], verbose=0)
    for found, expected in zip(values(model.refiner.trainable_variables), weights, strict=True):
        np.testing.assert_array_equal(found, expected)
    trained = model.refiner.predict(images[0], verbose=0)
    assert np.abs(averaged - trained).max() > 1e-4

    np.testing.assert_array_equal(model.translate(images[0]), averaged)
    np.testing.assert_array_equal(model.deployed_network().predict(images[0], verbose=0), averaged)
    assert model.deployed_network(averaged=False) is model.refiner
    np.testing.assert_array_equal(model.predict(images[0], verbose=0), averaged)
    np.testing.assert_array_equal(model.translate(images[0], averaged=False), trained)
    for given, expected in (({}, averaged), ({"averaged": False}, trained)):
        model.save_to_preset(tmp_path / str(len(given)), **given)
        loaded = type(model).from_preset(tmp_path / str(len(given)))
        np.testing.assert_allclose(loaded.translate(images[0]), expected, atol=1e-6)

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.translate(images[0]), averaged)
    np.testing.assert_array_equal(loaded.translate(images[0], averaged=False), trained)


def test_translating_amid_a_training_changes_nothing_in_it(small_simgan, images, state):
    """Callbacks put the averages in and the weights back."""
    seen = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.translate(images[0]))

    found = []
    for callbacks in ([Look()], []):
        model = small_simgan(refiner_turns=1)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), ema_momentum=0.5)
        train(model, images, epochs=2, callbacks=callbacks)
        found.append(state(model))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(seen[0] - seen[1]).max() > 1e-4
    np.testing.assert_array_equal(seen[1], model.translate(images[0]))


def test_averages_of_an_optimizer_that_keeps_them(small_simgan, images):
    model = small_simgan(refiner_turns=1)
    model.compile(keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.9), "adam")
    train(model, images)
    assert np.abs(model.translate(images[0]) - model.translate(images[0], averaged=False)).max() > 0


def test_averages_that_are_not_kept(small_simgan, images):
    model = small_simgan()
    for _ in range(2):
        with pytest.raises(ValueError, match="no moving averages.*ema_momentum=0.999"):
            model.translate(images[0], averaged=True)
        model.compile()
    with pytest.raises(ValueError, match=r"`ema_momentum` must be in \[0, 1\); got 1"):
        model.compile(ema_momentum=1)


# What fit refuses


def test_fit_takes_the_batch_size_by_position(compiled_simgan, images):
    model = compiled_simgan()
    model.fit(images[0], images[1], 6, verbose=0)
    assert int(model.step) == 2


def test_validation_data_are_looked_at_once(compiled_simgan, images, monkeypatch):
    seen, first_batch = [], batches.first_batch

    def counted(x, y=None):
        seen.append(x)
        return first_batch(x, y)

    monkeypatch.setattr(batches, "first_batch", counted)
    validation = tf_data(*images)
    train(compiled_simgan(), images, validation_data=validation, epochs=3)
    assert len(seen) == 2 and seen[1] is validation


@pytest.mark.graph  # eagerly, TensorFlow warns itself
def test_a_training_of_no_epochs_does_not_warn(compiled_simgan, images):
    model = compiled_simgan(refiner_warmup=0, discriminator_warmup=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(model, images, epochs=2, initial_epoch=2)
    assert int(model.step) == 0


def test_fit_refuses_weights_by_name(compiled_simgan, images):
    model = compiled_simgan()
    with pytest.raises(TypeError, match="SimGAN has no classes that `class_weight` could weigh"):
        train(model, images, class_weight={0: 1.0})
    with pytest.raises(ValueError, match="(?s)without sample weights: its losses"):
        train(model, images, sample_weight=np.ones(12))
    assert int(model.step) == 0


def tf_data(x, y):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(4)


def torch_loader(x, y):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    return torch.utils.data.DataLoader(data, batch_size=4)


def generator(x, y):
    return ((x[start : start + 4], y[start : start + 4]) for start in (0, 4, 8))


@pytest.mark.parametrize("form", [tf_data, torch_loader, generator])
@pytest.mark.parametrize("place", ["source", "target"])
def test_images_of_data_sets_are_range_checked(form, place, compiled_simgan, images):
    """A `tf.data` set of floats from 0 to 255 would train silently."""
    model = compiled_simgan()
    given = {"source": images[0], "target": images[1]}
    given[place] = (given[place] + 1) * 127.5
    data = form(*given.values())
    message = rf"`{place}` must be in \[-1, 1\]; found values from .* to 25\d"
    with pytest.raises(ValueError, match=message):
        model.fit(data, verbose=0)
    assert int(model.step) == 0
    if form is not generator:
        with pytest.raises(ValueError, match=message):
            train(model, images, validation_data=data)
        with pytest.raises(ValueError, match=message):
            model.evaluate(data, verbose=0)
    assert int(model.step) == 0


def test_a_generator_loses_no_batch_by_being_looked_at(compiled_simgan, images):
    _, data = batches.first_batch(generator(*images))
    seen = list(data)
    assert len(seen) == 3
    for one, other in zip(seen, generator(*images), strict=True):
        np.testing.assert_array_equal(one, other)
    model = compiled_simgan()
    model.fit(generator(*images), verbose=0)
    assert int(model.step) >= 3  # Keras plays a generator's first batch twice on TensorFlow


def test_only_images_have_a_range():
    draw = np.random.default_rng(0)
    images = draw.uniform(-1, 1, (2, 4, 4, 3)).astype("float32")
    source = {
        "image": images,
        "label_map": draw.integers(0, 35, (2, 4, 4, 1)),
        "one_hot": np.eye(4, dtype="float32")[draw.integers(0, 4, (2, 4, 4))],
        "instance": draw.integers(0, 30_000, (2, 4, 4, 1)),
        "class": np.array([3, 7]),
        "noise": draw.normal(0, 9, (2, 4, 4, 3)).astype("float32"),
        "vector": draw.normal(0, 9, (2, 16)).astype("float32"),
    }
    (first, target), _ = batches.first_batch(source, images)
    assert {name: len(value) for name, value in first.items()} == dict.fromkeys(source, 1)
    with pytest.raises(ValueError, match=r"`x.photo` must be in \[-1, 1\]; found values .* to 25"):
        batches.first_batch({**source, "photo": images * 255}, images)
    with pytest.raises(ValueError, match="`x.image` must be floats.*one of uint8"):
        batches.first_batch({**source, "image": (images * 9).astype("uint8")}, images)
    with pytest.raises(ValueError, match="`y` must be floats.*one of int64"):
        batches.first_batch(source, np.zeros((2, 4, 4, 3), "int64"))
    batches.first_batch(draw.normal(0, 9, (2, 16)), images)  # noise by itself


def test_cast_leaves_integers_and_nesting():
    source = {"image": np.zeros((1, 2, 2, 1)), "class": np.zeros((1,), "int32")}
    cast = batches.cast((source, np.zeros((1, 2, 2, 1))))
    dtypes = keras.tree.map_structure(lambda t: keras.backend.standardize_dtype(t.dtype), cast)
    assert dtypes == ({"image": "float32", "class": "int32"}, "float32")


# Warm-ups


@pytest.mark.graph  # eagerly, TensorFlow warns itself
def test_a_training_within_the_warm_up_warns_before_and_after(compiled_simgan, images):
    model = compiled_simgan(refiner_warmup=10, discriminator_warmup=2)
    with pytest.warns(UserWarning, match="within the warm-up of 12 steps") as caught:
        train(model, images, epochs=2)
    told = [str(each.message) for each in caught if "warm-up" in str(each.message)]
    assert [text.split(", ")[0] for text in told] == [
        "This training will end at step 6",
        "This training has ended at step 6",
    ]
    with pytest.warns(UserWarning, match="will end at step 12"):
        train(model, images, epochs=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(model, images)  # three steps beyond


def test_a_stopped_training_warns_when_it_ends(compiled_simgan, images):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    model = compiled_simgan(refiner_warmup=4, discriminator_warmup=0)
    with pytest.warns(UserWarning, match="has ended at step 3"):
        train(model, images, epochs=5, callbacks=[Stop()])


# Losses of any kind


@pytest.mark.parametrize(
    "name", ["non_saturating", "minimax", "least_squares", "hinge", "wasserstein", "local"]
)
def test_every_gan_takes_every_loss(name, small_simgan, small_cyclegan, images, colour_images):
    for model, pairs in (
        (small_simgan(adversarial_loss=name), images),
        (small_cyclegan(adversarial_loss=name), colour_images),
    ):
        batch = batches.cast(tuple(pairs[:, :4]))
        found = model.losses_of(batch, training=False)
        of = losses.adversarial_loss(name)
        fakes = model.generate(batch, training=False)
        judged = "discriminator" if hasattr(model, "discriminator") else "target_discriminator"
        fake, real = (
            ops.convert_to_numpy(ops.stop_gradient(model.judge(judged, part, training=False)))
            for part in (fakes["target"] if isinstance(fakes, dict) else fakes, batch[1])
        )
        logit = [
            part[..., :1] - part[..., 1:] if part.shape[-1] == 2 else part for part in (fake, real)
        ]
        key = next(k for k in found if k in ("refiner_adversarial", "generator_adversarial"))
        for loss, values in (
            (key, of.fool(ops.convert_to_tensor(logit[0]))),
            (f"{judged}_real", of.real(ops.convert_to_tensor(logit[1]))),
        ):
            expected = ops.convert_to_numpy(values).mean()
            assert float(ops.stop_gradient(found[loss])) == pytest.approx(expected, rel=1e-4)


def test_losses_must_keep_their_names(compiled_simgan, images):
    model = compiled_simgan()
    train(model, images)
    with pytest.raises(ValueError, match="loss 'new' is not among those of the first batch"):
        model.record({"new": 1.0}, 4)
