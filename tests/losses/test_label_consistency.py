import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan import models
from keras_simgan.losses import LabelConsistency, SelfRegularization

# What a model that says its pixels reads in two images, before and after.
BEFORE = np.array([[1.0, 0.0, 0.0], [0.0, 3.0, 4.0]], "float32").reshape(2, 1, 1, 3)
AFTER = np.array([[0.0, 1.0, 0.0], [0.0, 6.0, 8.0]], "float32").reshape(2, 1, 1, 3)


@pytest.fixture(scope="module")
def reader():
    """Says the three values of an image."""
    return keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])


def value(loss, before, after):
    return float(ops.stop_gradient(loss(before, after)))


# Distances


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        ("l1", ((1 + 1) / 3 + (3 + 4) / 3) / 2),
        ("l2", ((1 + 1) / 3 + (9 + 16) / 3) / 2),
        ("cosine", (1 + 0) / 2),  # a right angle; the same direction
    ],
)
def test_hand_worked(reader, distance, expected):
    loss = LabelConsistency(reader, distance)
    assert value(loss, BEFORE, AFTER) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert value(loss, BEFORE, BEFORE) == pytest.approx(0.0, abs=1e-6)
    weighted = LabelConsistency(reader, distance, weight=2.5)
    assert value(weighted, BEFORE, AFTER) == pytest.approx(2.5 * expected, rel=1e-5, abs=1e-6)


def test_cosine_of_opposite_vectors_is_two(reader):
    assert value(LabelConsistency(reader, "cosine"), BEFORE, -3 * BEFORE) == pytest.approx(2.0)


def test_hand_worked_kullback_leibler(reader):
    loss = LabelConsistency(reader, "kullback_leibler")
    before = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]], "float32").reshape(2, 1, 1, 3)
    after = np.array([[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]], "float32").reshape(2, 1, 1, 3)
    # 1/2 log 2 + 0 + 1/4 log 1/2; and log 2, as 0 log 0 is 0.
    assert value(loss, before, after) == pytest.approx((0.25 + 1.0) * np.log(2) / 2, rel=1e-4)
    # The other way: 1/4 log 1/2 + 1/2 log 2; 1/2 log(1/2) and a half where there was nothing.
    assert value(loss, after[:1], before[:1]) == pytest.approx(0.25 * np.log(2), rel=1e-4)
    impossible = value(loss, after[1:], before[1:])
    assert 5.0 < impossible < 10.0


def test_maps_are_compared_pixel_by_pixel():
    """Such as a segmentation: along the last axis, then the mean over pixels."""
    same = keras.Sequential([keras.Input((1, 2, 3)), keras.layers.Identity()])
    before = np.array([[1, 0, 0], [0, 3, 4]], "float32").reshape(1, 1, 2, 3)
    after = np.array([[0, 1, 0], [0, 6, 8]], "float32").reshape(1, 1, 2, 3)
    assert value(LabelConsistency(same, "cosine"), before, after) == pytest.approx(0.5, abs=1e-6)
    assert value(LabelConsistency(same, "l1"), before, after) == pytest.approx(1.5)


def test_several_outputs_are_each_compared():
    inputs = keras.Input((1, 1, 3))
    flat = keras.layers.Flatten()(inputs)
    # A mean over all values at once would weigh the pair by its two values and the rest by three.
    outputs = {"pair": flat[:, 1:], "twice": [keras.layers.Rescaling(2.0)(flat)]}
    loss = LabelConsistency(keras.Model(inputs, outputs), "l1")
    assert value(loss, BEFORE, AFTER) == pytest.approx((1 / 2 + 7 / 2) / 2 + 2 * 1.5)


@keras.saving.register_keras_serializable(package="tests")
def largest(before, after):
    return ops.max(ops.abs(after - before), axis=-1)


def test_custom_distance(reader):
    loss = LabelConsistency(reader, largest, weight=3.0)
    assert value(loss, BEFORE, AFTER) == pytest.approx(3.0 * (1 + 4) / 2)
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert clone.distance is largest
    assert value(clone, BEFORE, AFTER) == value(loss, BEFORE, AFTER)


def test_distance_of_the_whole_batch_is_refused(reader):
    distance = keras.losses.MeanSquaredError()
    with pytest.raises(ValueError, match="(?s)`distance` must give a value.*whole.*reduction=None"):
        value(LabelConsistency(reader, distance), BEFORE, AFTER)
    each = keras.losses.MeanSquaredError(reduction=None)
    expected = value(LabelConsistency(reader, "l2"), BEFORE, AFTER)
    assert value(LabelConsistency(reader, each), BEFORE, AFTER) == pytest.approx(expected)


def test_sample_weights_are_of_images(reader):
    loss = LabelConsistency(reader, "l1")
    weighted = loss(BEFORE, AFTER, sample_weight=np.array([0.0, 2.0]))
    assert float(ops.stop_gradient(weighted)) == pytest.approx(7 / 3)


# Gradients


def test_gradients_go_to_the_images_after_alone(reader, gradients):
    loss = LabelConsistency(reader, "l2", weight=3.0)
    before, after = gradients(loss, BEFORE, AFTER)
    assert np.abs(before).max() == 0.0
    # 3 * 2 (b - a) / 3 values / 2 images.
    np.testing.assert_allclose(after, AFTER - BEFORE, rtol=1e-5)


def test_gradients_go_through_the_frozen_model(label_model, gradients, colour_images):
    loss = LabelConsistency(label_model(), "l2")
    before, after = gradients(loss, *colour_images[:, :2])
    assert np.abs(before).max() == 0.0
    assert np.abs(after).max() > 1e-5


@pytest.mark.parametrize("distance", ["l1", "l2", "cosine", "kullback_leibler"])
def test_gradients_are_finite_where_a_norm_or_a_logarithm_is_not(reader, gradients, distance):
    nothing = np.zeros((1, 1, 1, 3), "float32")
    loss = LabelConsistency(reader, distance)
    for before, after in ((BEFORE[:1], nothing), (nothing, nothing), (BEFORE, BEFORE)):
        assert np.isfinite(value(loss, before, after))
        assert np.isfinite(gradients(loss, before, after)[1]).all()


def test_model_is_frozen_and_asked_as_in_inference(label_model, colour_images):
    model = label_model()
    assert len(model.trainable_variables) == 8
    loss = LabelConsistency(model, "l2")
    assert not model.trainable_variables
    before, after = colour_images[:, :4]
    # `predict` uses the stored statistics and drops nothing out; so does the loss.
    expected = sum(
        np.square(a - b).mean()
        for a, b in zip(
            model.predict(before, verbose=0), model.predict(after, verbose=0), strict=True
        )
    )
    assert value(loss, before, after) == pytest.approx(expected, rel=1e-4)
    assert value(loss, before, after) == value(loss, before, after)


# In SimGAN


@pytest.fixture
def reading_simgan(compiled_simgan, label_model):
    """A SimGAN whose refiner warm-up loses nothing but the label's consistency."""

    def build(distance="l1"):
        return compiled_simgan(
            label_consistency=LabelConsistency(label_model((12, 16, 1)), distance, weight=5.0),
            self_regularization=SelfRegularization(weight=0.0),
            refiner_warmup=2,
        )

    return build


def test_simgan_keeps_the_label(reading_simgan, images, moved, values):
    model = reading_simgan()
    reads = model.label_consistency.model
    frozen = values(reads.variables)
    source, target = images[:, :4]
    refined = model.refiner.predict(source, verbose=0)
    expected = 5.0 * sum(
        np.abs(a - b).mean()
        for a, b in zip(
            reads.predict(source, verbose=0), reads.predict(refined, verbose=0), strict=True
        )
    )
    logs = {}

    def train():
        logs.update(model.fit(source, target, batch_size=4, epochs=1, verbose=0).history)

    assert moved(model, train) == {"refiner"}
    assert logs["label_consistency"][0] == pytest.approx(expected, rel=1e-4)
    assert logs["loss"][0] == pytest.approx(expected, rel=1e-4)
    train()
    assert logs["label_consistency"][0] < expected
    for before, after in zip(frozen, values(reads.variables), strict=True):
        np.testing.assert_array_equal(before, after)
    assert len(model.optimizer._trainable_variables) == len(model.trainable_variables)


def test_simgan_saves_the_model_that_reads(reading_simgan, images, values, tmp_path):
    model = reading_simgan()
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    expected = model.evaluate(*images[:, :4], return_dict=True, verbose=0)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(*images[:, :4], return_dict=True, verbose=0) == expected
    preset = models.SimGAN.from_preset(tmp_path / "preset")
    for other in (loaded, preset):
        assert other.label_consistency.model is not model.label_consistency.model
        assert not other.label_consistency.model.trainable_variables
        assert other.label_consistency.weight == 5.0
        for one, another in zip(
            values(model.label_consistency.model.weights),
            values(other.label_consistency.model.weights),
            strict=True,
        ):
            np.testing.assert_array_equal(one, another)


# Serialization and bad input


def test_config_round_trip(reader):
    loss = LabelConsistency(reader, "cosine", weight=0.5, name="keep")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert isinstance(clone, LabelConsistency) and clone.model is not reader
    assert (clone.distance, clone.weight, clone.name) == ("cosine", 0.5, "keep")
    assert not clone.model.trainable
    assert value(clone, BEFORE, AFTER) == pytest.approx(value(loss, BEFORE, AFTER))


@pytest.mark.parametrize("distance", ["l3", None, 2, ["l1"]])
def test_unknown_distance(reader, distance):
    with pytest.raises(ValueError, match="(?s)`distance` must be one of.*cosine.*function of two"):
        LabelConsistency(reader, distance)


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_bad_weight(reader, weight):
    with pytest.raises(ValueError, match="`weight` must not be below 0; got"):
        LabelConsistency(reader, weight=weight)


@pytest.mark.parametrize("unbuilt", [False, True])
def test_no_model_and_model_that_is_not_built(unbuilt):
    model = keras.Sequential([keras.layers.Flatten()]) if unbuilt else "estimator"
    with pytest.raises(ValueError, match="`model` must be a built `keras.Model`. Received"):
        LabelConsistency(model)
