import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from keras_simgan.data.gaze import pitch_yaw_to_vector
from keras_simgan.metrics import AngularError
from keras_simgan.metrics.angular_error import angular_error


def degrees(true, predicted):
    return ops.convert_to_numpy(angular_error(np.asarray(true), np.asarray(predicted)))


@pytest.mark.parametrize(
    ("true", "predicted", "expected"),
    [
        ([0.0, 0.0], [0.0, np.radians(10.0)], 10.0),
        ([np.radians(-20.0), 0.0], [np.radians(5.0), 0.0], 25.0),
        ([0.0, 0.0, -1.0], [0.0, 0.0, -7.0], 0.0),
        ([0.0, 0.0, -1.0], [0.0, 0.0, 2.0], 180.0),
        ([1.0, 0.0, 0.0], [1.0, 1.0, 0.0], 45.0),
        ([0.0, -3.0, 0.0], [5.0, 0.0, 0.0], 90.0),
        # At pitch 60 degrees a yaw of 20 degrees is 2 asin(cos 60 sin 10).
        ([np.pi / 3, 0.0], [np.pi / 3, np.radians(20.0)], 9.961850),
    ],
)
def test_hand_worked_angles(true, predicted, expected):
    np.testing.assert_allclose(degrees([true], [predicted]), [expected], atol=2e-4)


@given(seed=st.integers(0, 10_000))
def test_against_arc_cosine_and_every_mix_of_forms(seed):
    draw = np.random.default_rng(seed)
    true, predicted = draw.uniform(-1.2, 1.2, (2, 6, 2))
    vectors = [pitch_yaw_to_vector(angles) for angles in (true, predicted)]
    cosine = np.clip((vectors[0] * vectors[1]).sum(-1), -1, 1)
    expected = np.degrees(np.arccos(cosine))
    lengths = draw.uniform(0.1, 9.0, (6, 1))
    for a in (true, vectors[0], vectors[0] * lengths):
        for b in (predicted, vectors[1], vectors[1] * lengths):
            np.testing.assert_allclose(degrees(a, b), expected, atol=2e-3)


def test_batch_of_three():
    """On torch a cross product without an axis runs along the batch here."""
    true, predicted = np.zeros((3, 2)), np.radians([[20.0, 0.0], [30.0, 0.0], [0.0, 40.0]])
    np.testing.assert_allclose(degrees(true, predicted), [20.0, 30.0, 40.0], atol=1e-4)


def test_small_angles_are_exact():
    # The arc cosine in float32 answers 0 or 0.028 degrees here.
    tiny = np.radians(0.01)
    assert degrees([[0.0, 0.0]], [[tiny, 0.0]])[0] == pytest.approx(0.01, rel=1e-4)


def test_weighted_mean_over_batches_and_reset():
    metric = AngularError()
    metric.update_state(np.zeros((1, 2)), np.radians([[10.0, 0.0]]))
    metric.update_state(np.zeros((3, 2)), np.radians([[20.0, 0.0]] * 3))
    assert float(metric.result()) == pytest.approx(17.5, rel=1e-5)
    metric.reset_state()
    metric.update_state(np.zeros((2, 2)), np.radians([[3.0, 0.0], [9.0, 0.0]]), [1.0, 3.0])
    assert float(metric.result()) == pytest.approx(7.5, rel=1e-5)


def test_gradient_is_finite_as_a_loss():
    layer = keras.layers.Dense(3, use_bias=False, kernel_initializer="identity")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(0.01), loss=angular_error, metrics=[AngularError()])
    near = np.array([[0.1, 0.0, -1.0], [0.3, 0.2, -0.9]], "float32")
    far = np.array([[0.0, 0.1, -1.0], [-0.3, 0.1, -0.9]], "float32")
    history = model.fit(near, far, epochs=3, verbose=0).history
    assert np.isfinite(ops.convert_to_numpy(layer.kernel)).all()
    assert history["angular_error"][-1] < history["angular_error"][0]


def test_config_round_trip():
    metric = AngularError(name="gaze")
    clone = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert isinstance(clone, AngularError) and clone.name == "gaze"
    clone.update_state([[0.0, 0.0]], [[0.0, np.radians(10.0)]])
    assert float(clone.result()) == pytest.approx(10.0, rel=1e-5)


@pytest.mark.parametrize("size", [1, 4])
def test_bad_shape(size):
    with pytest.raises(ValueError, match=rf"shape \(batch, 3\); got shape \(2, {size}\)"):
        angular_error(np.zeros((2, size)), np.zeros((2, size)))
