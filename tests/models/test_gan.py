import h5py
import keras
import numpy as np
import pytest
from gan_contract import in_float64
from keras import ops

from keras_simgan import losses, models, networks
from keras_simgan.models.in_one_batch import in_one_batch


def train(model, images, **arguments):
    x, y = images
    return model.fit(x, y, **{"batch_size": 4, "shuffle": False, "verbose": 0, **arguments}).history


def assert_same(one, other):
    """Difference 0.0, variable by variable."""
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.astype("float64"), b.astype("float64"))


@pytest.fixture(scope="module")
def trained(compiled_simgan, images, state):
    """The history and the state after one epoch of three steps, on plain arrays."""
    model = compiled_simgan()
    return train(model, images, validation_data=tuple(images)), state(model)


@pytest.fixture(scope="module")
def trained_in_float64(compiled_simgan, images):
    with in_float64():
        model = compiled_simgan(history_size=0)
        history = train(model, images, validation_data=tuple(images))
        return history, [ops.convert_to_numpy(v) for v in model.trainable_variables]


# Data that `fit` takes


class Pairs(keras.utils.PyDataset):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return tuple(self.images[:, 4 * index : 4 * index + 4])


def tf_data(images):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(tuple(images)).batch(4)


def torch_loader(images):
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(*(torch.from_numpy(part) for part in images))
    return torch.utils.data.DataLoader(data, batch_size=4)


@pytest.mark.graph
@pytest.mark.parametrize("form", [Pairs, tf_data, torch_loader])
def test_fit_takes_every_form_of_data(
    form, trained_in_float64, compiled_simgan, images, values, float64
):
    expected, expected_weights = trained_in_float64
    model = compiled_simgan(history_size=0)
    data = form(images)
    history = model.fit(data, shuffle=False, verbose=0, validation_data=data).history
    assert history.keys() == expected.keys()
    for name in expected:
        assert history[name] == pytest.approx(expected[name], rel=1e-9), name
    for found, weights in zip(values(model.trainable_variables), expected_weights, strict=True):
        np.testing.assert_allclose(found, weights, rtol=1e-9, atol=1e-12)


def test_batches_of_numpys_own_precision(compiled_cyclegan, colour_images):
    # CycleGAN, whose losses compare what networks say, float32, with the images as they come.
    histories = []
    for dtype in ("float32", "float64"):
        data = Pairs(colour_images.astype(dtype))
        model = compiled_cyclegan()
        histories.append(model.fit(data, shuffle=False, verbose=0, validation_data=data).history)
    assert histories[1].keys() == histories[0].keys()
    for name, expected in histories[0].items():
        assert histories[1][name] == pytest.approx(expected, rel=1e-5), name


@pytest.mark.parametrize("form", [Pairs, tf_data, torch_loader])
def test_batches_of_integers_are_refused(form, compiled_simgan, images):
    data = form(((images + 1) * 127.5).astype("uint8"))
    with pytest.raises(ValueError, match=r"must be floats in \[-1, 1\].*one of uint8.*to_unit"):
        compiled_simgan().fit(data, shuffle=False, verbose=0)


def test_logs_and_evaluate_name_every_loss(trained, compiled_simgan, images, state):
    history, _ = trained
    names = {
        "refiner_adversarial",
        "self_regularization",
        "discriminator_refined",
        "discriminator_real",
    }
    assert history.keys() == {
        f"{prefix}{name}" for prefix in ("", "val_") for name in names | {"loss"}
    }
    model = compiled_simgan()
    before = state(model)
    measured = model.evaluate(*images, batch_size=5, return_dict=True, verbose=0)
    assert_same(before, state(model))
    assert measured.keys() == names | {"loss"}
    assert measured["loss"] == pytest.approx(sum(measured[name] for name in names), rel=1e-5)
    # Means over images, so that the last, smaller batch weighs less.
    whole = model.evaluate(*images, batch_size=12, return_dict=True, verbose=0)
    assert measured == pytest.approx(whole, rel=1e-5)


def test_different_batch_sizes_of_source_and_target(compiled_simgan, images):
    class Uneven(Pairs):
        def __getitem__(self, index):
            return self.images[0, :2], self.images[1, :6]

    model = compiled_simgan()
    measured = model.evaluate(Uneven(images), return_dict=True, verbose=0)
    expected = model.evaluate(images[0, :2], images[1, :2], return_dict=True, verbose=0)
    assert measured["discriminator_refined"] == pytest.approx(
        expected["discriminator_refined"], rel=1e-5
    )
    assert measured["discriminator_real"] != pytest.approx(expected["discriminator_real"], rel=1e-5)


# How steps run


def test_data_sets_are_told_the_epoch(compiled_simgan, images):
    class Told(Pairs):
        epochs = []

        def set_epoch(self, epoch):
            self.epochs.append(epoch)

    model, quiet = compiled_simgan(), keras.callbacks.TerminateOnNaN()
    model.fit(Told(images), initial_epoch=2, epochs=4, callbacks=quiet, verbose=0)
    assert Told.epochs == [2, 3]


def test_train_on_batch(compiled_simgan, images):
    model = compiled_simgan(refiner_turns=1)
    logs = model.train_on_batch(*images[:, :4], return_dict=True)
    assert logs["loss"] > 0.0 and int(model.step) == 1


# Precision


def test_mixed_bfloat16_trains_without_loss_scaling(compiled_simgan, images, trained):
    model = compiled_simgan(policy="mixed_bfloat16")
    assert not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    history = train(model, images)
    for name in history:
        assert history[name] == pytest.approx(trained[0][name], rel=0.05), name
    assert {v.dtype for v in model.trainable_variables} == {"float32"}
    assert model.predict(images[0, :4], verbose=0).dtype == np.float32


def test_mixed_float16_scales_the_loss(compiled_simgan, images, trained, state, tmp_path):
    model = compiled_simgan(policy="mixed_float16")
    scaler = model.optimizer
    assert isinstance(scaler, keras.optimizers.LossScaleOptimizer)
    assert float(scaler.dynamic_scale) == 2.0**15
    scaler.dynamic_scale.assign(256.0)
    history = train(model, images)
    for name in history:
        assert history[name] == pytest.approx(trained[0][name], rel=0.05), name
    # Refiner, both, refiner: four turns with finite gradients.
    assert float(scaler.dynamic_scale) == 256.0
    assert int(scaler.step_counter) == 4
    assert int(model.generator_optimizer.iterations) == 3
    assert int(model.discriminator_optimizer.iterations) == 1

    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    assert_same(state(model), state(loaded))


@pytest.mark.graph
def test_overflow_of_one_turn_halves_the_scale_and_leaves_the_other_turn(
    compiled_simgan, images, moved
):
    # 1e6 times 2^15 over the 768 values of a batch is beyond float16's 65,504; the
    # discriminator's gradients at the same scale are not.
    model = compiled_simgan(
        policy="mixed_float16",
        refiner_turns=1,
        self_regularization=losses.SelfRegularization(weight=1e6),
    )
    assert moved(model, lambda: train(model, images[:, :4])) == {"discriminator"}
    assert float(model.optimizer.dynamic_scale) == 2.0**14
    assert int(model.optimizer.step_counter) == 1  # the discriminator turn's
    assert int(model.generator_optimizer.iterations) == 0
    assert int(model.discriminator_optimizer.iterations) == 1
    assert int(model.step) == 1


@pytest.mark.graph
def test_scale_grows_after_enough_finite_turns(compiled_simgan, images):
    model = compiled_simgan(policy="mixed_float16", refiner_turns=1)
    model.optimizer.dynamic_growth_steps = 4
    model.optimizer.dynamic_scale.assign(256.0)
    train(model, images)  # six turns
    assert float(model.optimizer.dynamic_scale) == 512.0
    assert int(model.optimizer.step_counter) == 2


def test_scaled_and_unscaled_gradients_are_the_same_step(compiled_simgan, images, values):
    after = []
    for scale in (1.0, 1024.0):
        model = compiled_simgan(policy="mixed_float16", refiner_turns=1)
        model.optimizer.dynamic_scale.assign(scale)
        train(model, images[:, :4])
        after.append(values(model.trainable_variables))
    for one, other in zip(*after, strict=True):
        # Adam moves by the sign where a gradient is tiny, so a few values may differ.
        assert np.mean(np.abs(one - other)) < 1e-4


def test_auto_scale_loss_off_is_kept_in_a_file(compiled_simgan, images, state, tmp_path):
    model = compiled_simgan({"auto_scale_loss": False}, policy="mixed_float16")
    assert isinstance(model.optimizer, keras.optimizers.MultiOptimizer)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.MultiOptimizer)
    assert_same(state(model), state(loaded))


# State


@pytest.fixture(scope="module")
def saved(compiled_simgan, images, tmp_path_factory):
    """A model after one epoch, and the file it was saved to."""
    model = compiled_simgan(history_size=4)
    train(model, images)
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model.save(path)
    return model, path


def test_keras_file_keeps_everything_and_goes_on_alike(saved, images, state):
    model, path = saved
    loaded = keras.models.load_model(path)
    before = state(model)
    assert_same(before, state(loaded))
    assert int(loaded.step) == 3
    assert int(loaded.generator_optimizer.iterations) == 3
    assert int(loaded.discriminator_optimizer.iterations) == 1
    assert int(loaded.image_history.stored) == 2
    assert any(np.abs(m).max() > 0 for m in map(np.asarray, before[len(model.variables) + 1 :]))

    assert train(model, images) == train(loaded, images)
    assert_same(state(model), state(loaded))
    assert any((a != b).any() for a, b in zip(before, state(model), strict=True))


def test_weights_file_holds_both_optimizers(saved, values, tmp_path):
    """The pattern of the Keras examples, optimizers as plain attributes, loses them."""
    model, _ = saved
    model.save_weights(tmp_path / "model.weights.h5")
    stored = []
    with h5py.File(tmp_path / "model.weights.h5") as file:
        file["optimizer"].visititems(
            lambda name, item: stored.append(item[()]) if isinstance(item, h5py.Dataset) else None
        )
    for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
        for value in values(optimizer.variables):
            assert any(
                np.shape(value) == np.shape(found) and (value == found).all() for found in stored
            )


def test_weights_of_a_model_that_was_not_compiled_load_into_one_that_was(
    small_simgan, compiled_simgan, values, tmp_path
):
    plain = small_simgan(weights_seed=9)
    plain.save_weights(tmp_path / "plain.weights.h5")
    model = compiled_simgan()
    with pytest.warns(UserWarning, match="optimizer"):
        model.load_weights(tmp_path / "plain.weights.h5")
    assert_same(values(plain.variables), values(model.variables))


def test_compile_config_keeps_schedules_and_arguments(small_simgan):
    model = small_simgan()
    assert model.get_compile_config() == {}
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
        "sgd",
        steps_per_execution=1,
        run_eagerly=False,
    )
    clone = small_simgan()
    clone.compile_from_config(model.get_compile_config())
    schedule = clone.generator_optimizer._learning_rate
    assert isinstance(schedule, keras.optimizers.schedules.ExponentialDecay)
    assert isinstance(clone.discriminator_optimizer, keras.optimizers.SGD)
    assert clone.get_compile_config() == model.get_compile_config()


# Callbacks


def rates(model):
    return [
        float(ops.convert_to_numpy(optimizer.learning_rate))
        for optimizer in (model.generator_optimizer, model.discriminator_optimizer)
    ]


@pytest.mark.parametrize("policy", [None, "mixed_float16"])
def test_learning_rate_scheduler_sets_both_rates(policy, compiled_simgan, images):
    model = compiled_simgan(policy=policy)
    model.discriminator_optimizer.learning_rate = 0.01
    halve = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    train(model, images[:, :4], epochs=2, callbacks=[halve])
    assert rates(model) == pytest.approx([0.001 / 4, 0.01 / 4])


@pytest.mark.graph
def test_callbacks_of_keras_work_together(compiled_simgan, images, tmp_path):
    """One training, as each costs a compilation; each callback leaves its own trace."""
    model = compiled_simgan()
    plateau = keras.callbacks.ReduceLROnPlateau(
        "val_loss", factor=0.1, patience=1, min_delta=1e6, verbose=0
    )
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="val_loss", save_best_only=True
    )
    history = train(
        model,
        images,
        epochs=6,
        validation_data=tuple(images),
        callbacks=[
            plateau,
            best,
            keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
            keras.callbacks.EarlyStopping("val_loss", patience=2, min_delta=1e6),
        ],
    )
    assert len(history["loss"]) == 3  # stopped: the first epoch counts as the best
    assert rates(model) == pytest.approx([1e-5, 1e-5])
    assert int(model.step) == 9
    loaded = keras.models.load_model(tmp_path / "best.keras")
    assert int(loaded.step) == 3 * (1 + int(np.argmin(history["val_loss"])))
    header = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert "val_self_regularization" in header


def test_tensorboard(compiled_simgan, images, tmp_path):
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorflow")
    model = compiled_simgan()
    train(model, images, callbacks=[keras.callbacks.TensorBoard(tmp_path)])
    (events,) = tmp_path.rglob("events*")
    for name in ("self_regularization", "discriminator_real", "loss"):
        assert f"epoch_{name}".encode() in events.read_bytes()


def test_terminate_on_nan(compiled_simgan, images):
    model = compiled_simgan()
    head = model.refiner.get_layer("head").bias
    head.assign(np.full(head.shape, np.nan, "float32"))
    train(model, images, epochs=2, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert int(model.step) == 1


def test_swap_ema_weights(small_simgan, images, values):
    model = small_simgan(refiner_turns=1)
    model.compile(
        keras.optimizers.Adam(1e-2, use_ema=True, ema_momentum=0.5), keras.optimizers.Adam(1e-2)
    )
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen["averages"] = values(model.generator_optimizer._model_variables_moving_average)
            seen["refiner"] = values(model.refiner.trainable_variables)

    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    train(model, images, callbacks=[Look(), swap])
    # After the epoch the averages are in the model, and they were not before.
    assert any((a != b).any() for a, b in zip(seen["averages"], seen["refiner"], strict=True))
    for average, now in zip(
        seen["averages"], values(model.refiner.trainable_variables), strict=True
    ):
        np.testing.assert_allclose(average, now, atol=1e-6)


def test_swap_ema_weights_without_averages_is_refused(compiled_simgan, images):
    with pytest.raises(ValueError, match="use_ema=True"):
        train(
            compiled_simgan(),
            images[:, :4],
            callbacks=[keras.callbacks.SwapEMAWeights(swap_on_epoch=True)],
        )


def test_learning_rate_schedules_count_the_turns_of_their_own_network(small_simgan, images):
    model = small_simgan()
    decay = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.1, 0.01])
    model.compile(keras.optimizers.SGD(decay), keras.optimizers.SGD(decay))
    train(model, images[:, :8])  # a refiner turn, then both
    assert rates(model) == pytest.approx([0.01, 0.1])


# Networks that mix samples, or differ in other ways


def batch_norm_discriminator():
    return keras.Sequential(
        [
            keras.Input((12, 16, 1)),
            keras.layers.Conv2D(4, 3, strides=2),
            keras.layers.BatchNormalization(),
            keras.layers.Conv2D(2, 1),
        ]
    )


def test_batch_normalization_sees_real_and_fake_apart(images):
    network = batch_norm_discriminator()
    fake, real = images[0, :4], images[1, :4] * 0.1 + 0.5
    apart = in_one_batch(network, [fake, real], training=True)
    expected = [network(fake, training=True), network(real, training=True)]
    together = network(np.concatenate([fake, real]), training=True)
    for found, alone in zip(apart, expected, strict=True):
        np.testing.assert_allclose(
            *(ops.convert_to_numpy(ops.stop_gradient(part)) for part in (found, alone)), atol=1e-5
        )
    assert float(ops.stop_gradient(ops.max(ops.abs(apart[1] - together[4:])))) > 0.1


def test_networks_without_batch_normalization_see_one_batch(images):
    calls = []

    class Counted(keras.layers.Layer):
        def call(self, inputs):
            calls.append(inputs.shape[0])
            return inputs

    network = keras.Sequential([keras.Input((12, 16, 1)), Counted(), keras.layers.Conv2D(2, 3)])
    calls.clear()
    fake, real = in_one_batch(network, [images[0, :4], images[1, :3]], training=True)
    assert calls == [7]
    assert (fake.shape[0], real.shape[0]) == (4, 3)
    np.testing.assert_allclose(
        ops.convert_to_numpy(ops.stop_gradient(real)),
        network.predict(images[1, :3], verbose=0),
        atol=1e-6,
    )


def test_batch_statistics_and_dropout_seeds_train_and_resume(small_simgan, images, state, tmp_path):
    discriminator = batch_norm_discriminator()
    discriminator.add(keras.layers.Dropout(0.2, seed=1))
    model = small_simgan(discriminator=discriminator, refiner_turns=1)
    model.compile("adam", "adam")
    train(model, images)
    mean = discriminator.layers[1].moving_mean
    assert float(ops.max(ops.abs(mean))) > 0.0
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert_same(state(model), state(loaded))
    assert train(model, images) == train(loaded, images)
    assert_same(state(model), state(loaded))


def test_frozen_layers_stay(compiled_simgan, images, values, small_simgan):
    model = small_simgan(refiner_turns=1)
    stem = model.refiner.get_layer("stem")
    stem.trainable = False
    model.compile("adam", "adam")
    before = values(stem.variables)
    train(model, images[:, :4])
    assert_same(before, values(stem.variables))


# Bad input


def test_unbuilt_network():
    with pytest.raises(ValueError, match=r"SimGAN must be a built `keras.Model`"):
        models.SimGAN(
            keras.Sequential([keras.layers.Conv2D(1, 3)]), networks.RefinerDiscriminator((8, 8, 1))
        )
    with pytest.raises(ValueError, match=r"GAN must be a built `keras.Model`.*'refiner'"):
        models.GAN({"generator": "refiner"}, {})


def test_subclassed_network_is_told_to_become_functional():
    class Brighter(keras.Model):
        def call(self, images):
            return images * 0.5 + 0.5

    images = np.zeros((1, 8, 8, 1), "float32")
    discriminator = networks.RefinerDiscriminator((8, 8, 1), stages=((4, 3, 2), (8, 1, 1)))
    network = Brighter()
    network(images)
    with pytest.raises(ValueError, match=r"(?s)knows its shapes.*Brighter.*keras.Model\(inputs"):
        models.SimGAN(network, discriminator)
    inputs = keras.Input((8, 8, 1))
    model = models.SimGAN(keras.Model(inputs, network(inputs)), discriminator)
    np.testing.assert_array_equal(model.translate(images), images + 0.5)


def test_game_without_losses(images):
    given = {
        "generators": {"refiner": networks.Refiner((12, 16, 1), filters=2, blocks=1)},
        "discriminators": {"discriminator": networks.RefinerDiscriminator((12, 16, 1))},
    }

    class Half(models.GAN):
        def generate(self, batch, training=True):
            return self.refiner(batch[0], training=training)

    class Doubled(Half):
        def generator_losses(self, batch, fakes, training=True):
            return {"loss_of_both": ops.mean(fakes)}

        discriminator_losses = generator_losses

    class Sum(Doubled):
        def discriminator_losses(self, batch, fakes, training=True):
            return {"loss": ops.mean(fakes)}

    for cls, error, message in (
        (models.GAN, TypeError, "GAN must define `generate`"),
        (Half, TypeError, "Half must define `generator_losses`"),
        (Doubled, ValueError, "Two losses of Doubled share a name.*loss_of_both"),
        (Sum, ValueError, "No loss of Sum may be named 'loss'"),
    ):
        model = cls(**given)
        model.compile()
        with pytest.raises(error, match=message):
            train(model, images)
        assert int(model.step) == 0


@pytest.mark.parametrize(
    "arguments", [{"optimizer": "adam"}, {"loss": "mse"}, {"metrics": []}, {"loss_weights": None}]
)
def test_compile_refuses_what_a_gan_does_not_take(small_simgan, arguments):
    with pytest.raises(TypeError, match=f"`generator_optimizer`.*{next(iter(arguments))}"):
        small_simgan().compile(**arguments)


def test_compile_refuses_one_optimizer_for_both(small_simgan):
    both = keras.optimizers.Adam()
    with pytest.raises(ValueError, match="are the same object"):
        small_simgan().compile(both, both)


@pytest.mark.parametrize("wrapper", ["multi", "scale"])
def test_compile_refuses_wrapped_optimizers(small_simgan, wrapper):
    inner = keras.optimizers.Adam()
    wrapped = {
        "multi": lambda: keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(inner)),
        "scale": lambda: keras.optimizers.LossScaleOptimizer(inner),
    }[wrapper]()
    with pytest.raises(ValueError, match="`discriminator_optimizer` must be a plain optimizer"):
        small_simgan().compile("adam", wrapped)
    with pytest.raises(ValueError, match="`generator_optimizer` must be a plain optimizer"):
        small_simgan().compile(wrapped)


def test_optimizers_before_compile(small_simgan):
    with pytest.raises(ValueError, match=r"Call `compile\(\)` on the SimGAN first"):
        _ = small_simgan().generator_optimizer


@pytest.mark.parametrize("place", ["x", "y"])
def test_fit_refuses_images_out_of_range(compiled_simgan, images, place):
    model = compiled_simgan()
    bad = {"x": images[0], "y": images[1]}
    bad[place] = (bad[place] + 1) * 127.5
    with pytest.raises(ValueError, match=rf"`{place}` must be in \[-1, 1\].*to 25[45].*to_unit"):
        model.fit(**bad, verbose=0)
    bad[place] = np.where(images[0] > 0.99, np.nan, images[0])
    with pytest.raises(ValueError, match=f"`{place}` holds values that are not finite"):
        model.fit(**bad, verbose=0)
    bad[place] = np.where(images[0] > 0.99, np.inf, images[0])
    with pytest.raises(ValueError, match=f"`{place}` holds values that are not finite"):
        model.fit(**bad, verbose=0)
    good = (images[0], images[1])
    with pytest.raises(ValueError, match=r"`validation_data` must be in \[-1, 1\]"):
        model.fit(*good, validation_data=(images[0], 255 * images[1]), verbose=0)
    assert int(model.step) == 0


def test_fit_refuses_data_without_pairs(compiled_simgan, images, state):
    model = compiled_simgan()
    before = state(model)
    with pytest.raises(ValueError, match=r"(?s)batches `\(source, target\)`.*no target"):
        model.fit(images[0], batch_size=4, verbose=0)
    with pytest.raises(ValueError, match=r"(?s)batches `\(source, target\)`.*sample weights"):
        model.fit(*images, sample_weight=np.ones(12), batch_size=4, verbose=0)
    assert_same(before, state(model))

    class Alone(Pairs):
        def __getitem__(self, index):
            return self.images[0, :4]

    with pytest.raises(ValueError, match=r"(?s)batches `\(source, target\)`.*no target"):
        model.fit(Alone(images), verbose=0)
