import keras
import numpy as np
import pytest

from keras_simgan.metrics import Estimate, LabelAgreement


def images(count=3):
    return np.random.default_rng(0).uniform(-0.9, 0.9, (count, 4, 4, 1)).astype("float32")


def reads(*values):
    """A model that gives these readings one call after the other."""
    left = list(values)
    return lambda given: np.asarray(left.pop(0))


def compare(distance, before, after, **arguments):
    return LabelAgreement(reads(before, after), distance, **arguments)(
        images(len(after)), images(len(after))
    )


def with_labels(distance, labels, after):
    return LabelAgreement(reads(after), distance)(images(len(after)), labels=labels)


TEN = float(np.radians(10.0))


@pytest.mark.parametrize("by", [compare, with_labels])
@pytest.mark.parametrize(
    ("distance", "given", "after", "expected"),
    [
        ("angle", [[0.0, 0.0], [TEN, 0.0]], [[0.0, TEN], [-TEN, 0.0]], [10.0, 20.0]),
        ("angle", [[0.0, 0.0]], [[1.0, 0.0, 0.0]], [90.0]),
        ("class", [[0.2, 0.8], [0.9, 0.1]], [[0.4, 0.6], [0.1, 0.9]], [1.0, 0.0]),
        ("class", [1, 0, 2], [[0.1, 0.8, 0.1]] * 3, [1.0, 0.0, 0.0]),
        ("class", [1.0, 0.0], [[0.7], [0.6]], [1.0, 0.0]),
        ("class", [[3], [4]], [3, 3], [1.0, 0.0]),
        ("class", [[0.4], [0.4]], [[0.7], [0.1]], [0.0, 1.0]),
        # Class 0: 2 of 3 pixels; class 1: 1 of 2. Class 2 is in neither.
        ("iou", [[[0, 0], [0, 1]]], [[[0, 0], [1, 1]]], [(2 / 3 + 1 / 2) / 2]),
        # Class 7 is in one only.
        ("iou", [[[0, 0], [0, 0]]], [[[7, 0], [0, 0]]], [(0 + 3 / 4) / 2]),
        ("iou", [[[7, 0], [0, 0]]], [[[0, 0], [0, 0]]], [(0 + 3 / 4) / 2]),
        ("iou", [[[1, 1], [0, 0]]], [[[[0.9], [0.6]], [[0.1], [0.2]]]], [1.0]),
        ("keypoints", [[[0, 0], [3, 4]]], [[[0, 0], [0, 0]]], [2.5]),
        ("keypoints", [[0, 0, 3, 4]], [[[0, 2], [3, 4]]], [1.0]),
    ],
)
def test_numbers_by_hand(by, distance, given, after, expected):
    np.testing.assert_allclose(by(distance, given, after), expected, atol=1e-4)


def test_iou_of_many_classes():
    """Against sums over the classes, as this was before scikit-learn's `jaccard_score`."""
    maps = np.random.default_rng(3).integers(-1, 9, (2, 5, 6, 7))
    expected = []
    for a, b in zip(*maps, strict=True):
        labels = sorted({*a.ravel(), *b.ravel()})
        shares = [((a == c) & (b == c)).sum() / ((a == c) | (b == c)).sum() for c in labels]
        expected.append(np.mean(shares))
    np.testing.assert_allclose(compare("iou", *maps), expected, rtol=1e-12)
    flat = np.full((1, 3, 3), 4)
    assert compare("iou", flat, flat).tolist() == [1.0]


def test_argmax_maps_are_those_of_the_indices():
    draw = np.random.default_rng(1)
    before, after = draw.uniform(size=(2, 3, 5, 6, 4))
    expected = with_labels("iou", before.argmax(-1), after)
    np.testing.assert_array_equal(compare("iou", before, after), expected)
    np.testing.assert_array_equal(
        compare("iou", before.argmax(-1).astype("uint8"), after.argmax(-1)[..., None]), expected
    )


def test_the_same_images_agree():
    draw = np.random.default_rng(2)
    for distance, shape, best in (
        ("angle", (3, 2), 0),
        ("class", (3, 4), 1),
        ("iou", (3, 2, 2, 4), 1),
        ("keypoints", (3, 6), 0),
    ):
        readings = draw.uniform(-1, 1, shape)
        np.testing.assert_allclose(compare(distance, readings, readings), best, atol=1e-4)
        agreement = LabelAgreement(lambda x: x, distance)
        assert agreement.higher_is_better == bool(best)


def test_a_function_as_distance():
    def drift(before, after):
        return np.abs(after - before)[:, 0]

    assert compare(drift, [[1.0], [2.0]], [[1.5], [0.0]]).tolist() == [0.5, 2.0]
    assert not LabelAgreement(abs, drift).higher_is_better
    assert LabelAgreement(abs, drift, higher_is_better=True).higher_is_better
    with pytest.raises(ValueError, match=r"shape \(2,\). It returned the shape \(\)"):
        compare(lambda before, after: 1.0, [[1.0], [2.0]], [[1.5], [0.0]])
    ops_drift = compare(
        lambda before, after: keras.ops.mean(keras.ops.abs(after - before), axis=-1),
        np.ones((2, 3), "float32"),
        np.zeros((2, 3), "float32"),
    )
    assert ops_drift.tolist() == [1.0, 1.0]


def test_a_keras_model_reads_in_batches(with_drawn_weights):
    model = with_drawn_weights(
        keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]), 3
    )
    before, after = images(70), images(70)[::-1]
    readings = [model.predict(x, verbose=0) for x in (before, after)]
    expected = np.linalg.norm(readings[0] - readings[1], axis=1)
    found = LabelAgreement(model, "keypoints")(after, before)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    labelled = LabelAgreement(model, "keypoints")(after, labels=readings[0])
    np.testing.assert_allclose(labelled, expected, rtol=1e-5)


def test_estimates():
    agreement = LabelAgreement(lambda x: x[:, 0, 0] > 0, "class")
    light = np.full((50, 2, 2, 1), 0.5)
    same = agreement.estimate(light, before=light)
    # Wilson's lower limit of 50 of 50: 50 / (50 + 1.96^2).
    assert same == Estimate(1.0, pytest.approx(0.92865, abs=1e-4), 1.0)
    assert agreement.mean(np.ones(50)) == same
    assert agreement.estimate(light[:1], labels=[1]) == Estimate(1.0, None, None)
    drift = LabelAgreement(lambda x: x[:, 0, 0], lambda before, after: (after - before)[:, 0])
    after = images(400)
    estimate = drift.estimate(after, before=np.zeros_like(after))
    numbers = after[:, 0, 0, 0].astype("float64")
    assert estimate.value == pytest.approx(numbers.mean(), abs=1e-6)
    reach = 1.96 * numbers.std() / 20
    assert estimate.value - estimate.low == pytest.approx(reach, rel=0.1)
    assert estimate.high - estimate.value == pytest.approx(reach, rel=0.1)


@pytest.mark.parametrize(
    ("distance", "given", "after", "message"),
    [
        ("angle", [[0.0]], [[0.0]], r"\"angle\" compares .* has the shape \(1, 1\)"),
        ("angle", [[0.0, 0.0]], [[0.0, 0.0, 0.0]], "`after` holds a vector of length 0"),
        ("class", [[0.1, 0.9]], [[[0.1, 0.9]]], r"shape \(n,\).*`after` has the shape \(1, 1, 2\)"),
        ("class", [[1.7]], [[0.2]], r"values from 1.7 to 1.7"),
        ("class", [0.5], [1], "compares indices"),
        ("iou", [[0, 1]], [[[0, 1]]], r"shape \(n, h, w\).*shape \(1, 2\)"),
        ("iou", [[[0, 1, 1]]], [[[0, 1]]], r"is \(1, 1, 3\), what the model reads .* \(1, 1, 2\)"),
        ("keypoints", [[0, 0, 0]], [[0, 0, 0]], r"shape \(n, points, 2\).*\(1, 3\)"),
        ("keypoints", [[0, 0]], [[0, 0, 0, 0]], "readings of one shape"),
        ("class", [[np.nan, 1]], [[0, 1]], "not finite"),
        ("class", [["cat"]], [[0, 1]], "array of numbers"),
    ],
)
def test_refuses_readings_and_labels(distance, given, after, message):
    with pytest.raises(ValueError, match=message):
        compare(distance, given, after)
    with pytest.raises(ValueError, match=message):
        with_labels(distance, given, after)


def test_refuses_images():
    agreement = LabelAgreement(lambda x: x[:, 0, 0], "keypoints")
    for bad, message in (
        (images()[0], r"`after` must be images \(n, height, width, channels\)"),
        (images()[:0], "at least one"),
        (images() * 200, r"`after` must be in \[-1, 1\]"),
        (images() * np.nan, "`after` holds values that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            agreement(bad, before=images())
        with pytest.raises(ValueError, match=message.replace("`after`", "`before`")):
            agreement(images(), before=bad)
    for arguments in ({}, {"before": images(), "labels": [1, 2, 3]}):
        with pytest.raises(ValueError, match="Pass one of `before` and `labels`"):
            agreement(images(), **arguments)
    with pytest.raises(ValueError, match="`before` has 2 rows, `after` has 3"):
        agreement(images(), before=images()[:2])
    with pytest.raises(ValueError, match="`labels` has 4 rows, `after` has 3"):
        agreement(images(), labels=np.zeros((4, 2)))


def test_refuses_arguments_and_models():
    with pytest.raises(TypeError, match="`model` must be a `keras.Model` or a function"):
        LabelAgreement("gaze", "angle")
    with pytest.raises(ValueError, match="`distance` must be one of .*'angle'.* Received: 'gaze'"):
        LabelAgreement(abs, "gaze")
    with pytest.raises(ValueError, match="`higher_is_better` is for a distance of your own"):
        LabelAgreement(abs, "angle", higher_is_better=True)
    with pytest.raises(ValueError, match="gives 2 outputs"):
        LabelAgreement(lambda x: [x, x], "angle")(images(), images())
    with pytest.raises(ValueError, match="2 readings of 3 images"):
        LabelAgreement(lambda x: x[:2, 0, 0], "angle")(images(), images())
