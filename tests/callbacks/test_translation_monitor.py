import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_simgan import models, networks
from keras_simgan.callbacks import TranslationMonitor

DRAW = np.random.default_rng(0).uniform(-0.8, 0.8, (3, 12, 16, 1)).astype("float32")
NUMBERS = ("change", "correlation", "variety")


class Translator:
    """Stands in for a GAN: one function for each direction."""

    def __init__(self, **functions):
        self.functions = functions
        self.directions = dict.fromkeys(functions, "network")
        self.network = SimpleNamespace(input_shape=(None, None, None, None))
        self.step = 0

    def translate(self, images, direction):
        return self.functions[direction](images)


def both(source_to_target, target_to_source):
    return Translator(source_to_target=source_to_target, target_to_source=target_to_source)


def epochs(monitor, *translators):
    """Ends one epoch for each translator; gives the logs and the messages of each."""
    logs, messages = [], []
    monitor.set_model(translators[0])
    monitor.on_train_begin()
    for epoch, translator in enumerate(translators):
        monitor.set_model(translator)
        logs.append({"loss": 1.0})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            monitor.on_epoch_begin(epoch)
            monitor.on_epoch_end(epoch, logs[-1])
        messages.append([str(told.message) for told in caught if told.category is UserWarning])
    return logs, messages


def measure(images, translate):
    (logs,), _ = epochs(TranslationMonitor(images), Translator(source_to_target=translate))
    return logs["source_to_target_change"], logs["source_to_target_correlation"]


@pytest.mark.parametrize(
    ("translate", "change", "correlation"),
    [
        (lambda x: x, 0.0, 1.0),
        (lambda x: -x, 2 * np.abs(DRAW).mean(), -1.0),
        (lambda x: x + 0.1, 0.1, 1.0),
        (lambda x: 0.5 * x, np.abs(DRAW).mean() / 2, 1.0),
        (lambda x: np.full_like(x, 0.3), np.abs(DRAW - 0.3).mean(), 0.0),
        (lambda x: np.where(np.arange(3)[:, None, None, None] == 0, -x, x), None, 1 / 3),
    ],
)
def test_numbers_of_gray_images(translate, change, correlation):
    measured = measure(DRAW, translate)
    if change is not None:
        assert measured[0] == pytest.approx(change, abs=1e-6)
    assert measured[1] == pytest.approx(correlation, abs=1e-6)


def test_correlation_is_that_of_numpy_image_by_image():
    other = np.random.default_rng(1).uniform(-1, 1, DRAW.shape)
    expected = np.mean(
        [np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(DRAW, other, strict=True)]
    )
    assert measure(DRAW, lambda images: other)[1] == pytest.approx(expected, abs=1e-6)


def test_colours_count_by_their_luminance():
    """One red, one green and one blue pixel, whose red and blue the model swaps.

    Luminances before: -0.402, 0.174, -0.772; after: -0.772, 0.174, -0.402, of the same mean -1/3.
    Their covariance over their variance is 0.31763 / 0.45453. The plain means would be constant.
    """
    pixels = 2.0 * np.eye(3).reshape(1, 1, 3, 3) - 1.0
    change, correlation = measure(pixels, lambda images: images[..., ::-1])
    assert change == pytest.approx(8 / 9)
    assert correlation == pytest.approx(0.31763 / 0.45453, abs=1e-4)


@pytest.mark.parametrize("tremble", [0.0, 1e-8])
def test_constant_images_count_as_no_correlation(tremble):
    images = np.concatenate([DRAW[:1], np.full_like(DRAW[:1], -0.2)]).astype("float64")
    images[1] += tremble * DRAW[1]
    assert measure(images, lambda x: x)[1] == pytest.approx(0.5)
    assert measure(images, lambda x: -x)[1] == pytest.approx(-0.5)


def test_every_direction_is_measured_on_its_own_domain():
    model = both(lambda x: x + 0.1, lambda x: -x)
    (logs,), _ = epochs(TranslationMonitor(DRAW, np.full((2, 6, 6, 3), 0.25)), model)
    assert logs == {
        "loss": 1.0,
        "source_to_target_change": pytest.approx(0.1, abs=1e-6),
        "source_to_target_correlation": pytest.approx(1.0),
        "source_to_target_variety": pytest.approx(np.std(DRAW, axis=0).mean()),
        "target_to_source_change": pytest.approx(0.5),
        "target_to_source_correlation": 0.0,
        "target_to_source_variety": 0.0,
    }
    (logs,), _ = epochs(TranslationMonitor(DRAW), model)
    assert [name for name in logs if "target_to_source" in name] == []
    (logs,), _ = epochs(TranslationMonitor(DRAW, DRAW), Translator(source_to_target=abs))
    assert [name for name in logs if "target_to_source" in name] == []


def test_warns_once_and_again_after_a_recovery():
    same = Translator(source_to_target=lambda x: x)
    inverted = Translator(source_to_target=lambda x: -x)
    good = Translator(source_to_target=lambda x: 0.5 * x)
    _, messages = epochs(
        TranslationMonitor(DRAW), same, same, same, good, same, inverted, inverted, good, inverted
    )
    assert [len(told) for told in messages] == [0, 1, 0, 0, 1, 1, 0, 0, 1]
    assert messages[1][0].startswith("Epoch 2: source_to_target changes its images by 0 ")
    assert "`minimum_change` = 0.02" in messages[1][0]
    assert "self-regularization" in messages[1][0] and "generator turns" in messages[1][0]
    assert messages[4][0].startswith("Epoch 5: source_to_target changes")
    assert "correlates with its input by -1.00" in messages[5][0]
    assert "`identity_weight=0.5`" in messages[5][0] and "another seed" in messages[5][0]
    assert messages[8][0].startswith("Epoch 9: what source_to_target makes")


@pytest.mark.parametrize(
    "collapsed", [np.ones_like, lambda x: x[:1] * np.ones_like(x), lambda x: 0.1 + 1e-3 * x]
)
def test_one_output_for_every_input(collapsed):
    good, bad = (Translator(source_to_target=f) for f in (lambda x: 0.5 * x, collapsed))
    logs, messages = epochs(TranslationMonitor(DRAW), good, good, bad, bad, good, bad)
    assert [len(told) for told in messages] == [0, 0, 1, 0, 0, 1]
    assert messages[2][0].startswith("Epoch 3: source_to_target makes nearly the same of all")
    assert "`minimum_variety` = 0.01" in messages[2][0] and "lower weight" in messages[2][0]
    assert logs[1]["source_to_target_variety"] == pytest.approx(0.5 * np.std(DRAW, axis=0).mean())
    # Nothing is known of the variety of one image.
    logs, messages = epochs(TranslationMonitor(DRAW[:1]), bad, bad)
    assert "source_to_target_variety" not in logs[1] and "variety" not in str(messages[1])


def test_directions_and_failures_are_told_apart():
    _, messages = epochs(
        TranslationMonitor(DRAW, DRAW, begin_epoch=0),
        both(lambda x: -x, lambda x: x),
        both(lambda x: x, lambda x: -x),
    )
    assert [told.split()[2:5] for told in messages[0]] == [
        ["what", "source_to_target", "makes"],
        ["target_to_source", "changes", "its"],
    ]
    assert [told.split()[2:5] for told in messages[1]] == [
        ["source_to_target", "changes", "its"],
        ["what", "target_to_source", "makes"],
    ]


def test_thresholds_and_the_first_epoch_judged():
    same, inverted = (Translator(source_to_target=f) for f in (lambda x: x, lambda x: -x))
    minimum = {"minimum_change": 0.0, "minimum_correlation": -1.0, "minimum_variety": 0.0}
    never = TranslationMonitor(DRAW, **minimum, begin_epoch=0)
    black = Translator(source_to_target=np.zeros_like)
    assert epochs(never, same, inverted, black)[1] == [[], [], []]
    a_little = Translator(source_to_target=lambda x: x + 0.1)
    assert epochs(TranslationMonitor(DRAW), *[a_little] * 2)[1] == [[], []]
    strict = TranslationMonitor(DRAW, minimum_change=0.2, begin_epoch=2)
    assert [len(told) for told in epochs(strict, *[a_little] * 3)[1]] == [0, 0, 1]
    # A new training is told again.
    assert [len(told) for told in epochs(strict, *[a_little] * 3)[1]] == [0, 0, 1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_are_logged_as_such(value):
    monitor = TranslationMonitor(DRAW, begin_epoch=0)
    with np.errstate(invalid="ignore"):
        (logs,), _ = epochs(monitor, Translator(source_to_target=lambda x: x * value))
    assert not np.isfinite(list(logs.values())[1:]).any()


@pytest.mark.parametrize("shape", [(12, 16, 1), (4, 12, 16, 2), (0, 12, 16, 1)])
def test_refuses_what_is_no_batch_of_images(shape):
    with pytest.raises(ValueError, match=r"`source` must be images \(n, height, width, 1 or 3\)"):
        TranslationMonitor(np.zeros(shape))
    with pytest.raises(ValueError, match="`target`"):
        TranslationMonitor(DRAW, np.zeros(shape))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (255, r"`source` must be in \[-1, 1\]; found values from"),
        (np.nan, "`source` holds values that are not finite"),
    ],
)
def test_refuses_images_outside_the_range(value, message):
    with pytest.raises(ValueError, match=message):
        TranslationMonitor(DRAW * value)


def test_refuses_before_training_what_does_not_fit(compiled_simgan, images):
    model = compiled_simgan()
    with pytest.raises(ValueError, match=r"`source` has the shape \(2, 8, 8, 1\).*\(12, 16, 1\)"):
        model.fit(*images, verbose=0, callbacks=[TranslationMonitor(images[0][:2, :8, :8])])
    assert int(model.step) == 0
    monitor = TranslationMonitor(DRAW)
    monitor.set_model(Translator(source_to_target=lambda x: x[:, ::2]))
    with pytest.raises(ValueError, match=r"\(3, 12, 16, 1\) to \(3, 6, 16, 1\).*one shape"):
        monitor.on_train_begin()
    plain = keras.Sequential([keras.layers.Dense(1)])
    plain.compile(loss="mse")
    with pytest.raises(TypeError, match="such as SimGAN. Received: Sequential"):
        plain.fit(np.zeros((2, 1)), np.zeros((2, 1)), callbacks=TranslationMonitor(DRAW))


@pytest.mark.parametrize("validates", [False, True])
def test_history_and_later_callbacks_see_the_numbers(validates, compiled_simgan, images, tmp_path):
    """Keras hands the same dictionary to one callback after the other."""
    source, target = images
    before, after = [], []
    model = compiled_simgan()
    history = model.fit(
        source,
        target,
        batch_size=6,
        epochs=2,
        verbose=0,
        validation_data=(source, target) if validates else None,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: before.append({*logs})),
            TranslationMonitor(source[:4], minimum_change=0.0, minimum_correlation=-1.0),
            keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: after.append({*logs})),
            keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
        ],
    ).history
    names = {f"source_to_target_{name}" for name in NUMBERS}
    assert before == [seen - names for seen in after]
    assert [seen & names for seen in after] == [names, names]
    assert ("val_loss" in history) == validates
    header, *rows = [
        line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines() if line
    ]
    for name in names:
        assert [float(row[header.index(name)]) for row in rows] == pytest.approx(history[name])
    # The second epoch's numbers are those of the model as it is now.
    refined = model.predict(source[:4], verbose=0)
    assert history["source_to_target_change"][1] == pytest.approx(
        np.abs(refined - source[:4]).mean(), abs=1e-6
    )
    assert history["source_to_target_change"][0] != history["source_to_target_change"][1]


def test_tensorboard_shows_the_numbers(compiled_simgan, images, tmp_path):
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorflow")
    callbacks = [TranslationMonitor(images[0]), keras.callbacks.TensorBoard(tmp_path)]
    compiled_simgan().fit(*images, verbose=0, callbacks=callbacks)
    (events,) = tmp_path.rglob("events*")
    for name in NUMBERS:
        assert f"epoch_source_to_target_{name}".encode() in events.read_bytes()


def test_watching_changes_no_training(compiled_simgan, images, state):
    """In a fixed order: on torch, any prediction draws from the generator that shuffles arrays."""
    states = []
    for callbacks in ([], [TranslationMonitor(images[0], minimum_correlation=-1.0)]):
        model = compiled_simgan()
        model.fit(*images, batch_size=6, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        states.append(state(model))
    for alone, watched in zip(*states, strict=True):
        np.testing.assert_array_equal(alone, watched)


def test_warm_up_of_simgan_is_not_judged(compiled_simgan, images):
    """A refiner that never moves from identity; two steps an epoch, three of warm-up."""
    refiner = keras.Sequential([keras.Input((12, 16, 1)), keras.layers.Conv2D(1, 1)])
    model = compiled_simgan(
        refiner=refiner, learning_rate=0.0, refiner_warmup=1, discriminator_warmup=2
    )
    for variable, value in zip(refiner.variables, (1.0, 0.0), strict=True):
        variable.assign(np.full(variable.shape, value, "float32"))
    with pytest.warns(UserWarning) as caught:
        model.fit(*images, batch_size=6, epochs=4, verbose=0, callbacks=TranslationMonitor(DRAW))
    told = [str(warning.message) for warning in caught if "Epoch" in str(warning.message)]
    # The second epoch begins at step 2, within the warm-up; the third at step 4.
    assert [message.split(" changes")[0] for message in told] == ["Epoch 3: source_to_target"]


def test_both_directions_of_a_cyclegan(images):
    generators = [networks.ResNetGenerator((12, 16, 1), filters=4, blocks=1) for _ in range(2)]
    discriminators = [
        networks.PatchDiscriminator((12, 16, 1), filters=4, layers=1) for _ in range(2)
    ]
    model = models.CycleGAN(*generators, *discriminators, pool_size=0)
    source, target = images[0][:4], images[1][:3]
    (logs,), _ = epochs(TranslationMonitor(source, target), model)
    for direction, sample in (("source_to_target", source), ("target_to_source", target)):
        change = np.abs(model.translate(sample, direction=direction) - sample).mean()
        assert logs[f"{direction}_change"] == pytest.approx(change, abs=1e-6)
        assert -1 <= logs[f"{direction}_correlation"] <= 1
