import keras
import pytest

from keras_simgan.evaluation import Agreement, AgreementOptions, evaluate
from keras_simgan.metrics import Estimate


def test_label_agreement_compares_before_and_after(folders, extractor):
    inputs = keras.Input((16, 16, 1))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Concatenate()([mean, mean]))
    options = AgreementOptions(model, "keypoints")
    found = evaluate(*folders.values(), agreement=options, extractor=extractor).agreement
    # Both coordinates move by 50 levels, 100 / 255 in the range of the networks.
    assert found.mean.value == pytest.approx(2**0.5 * 100 / 255, abs=1e-5)
    assert found.holds and found.bound == 2.0
    options = AgreementOptions(model, "keypoints", bound=0.5)
    found = evaluate(*folders.values(), agreement=options, extractor=extractor).agreement
    assert not found.holds and found.bound == 0.5


def test_classes_that_all_agree_are_not_sure_to(folders, extractor):
    inputs = keras.Input((16, 16, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="zeros")(pooled))
    found = evaluate(
        *folders.values(), agreement=AgreementOptions(model, "class"), extractor=extractor
    ).agreement
    # Wilson's lower limit of 24 of 24, which is below the bound.
    assert found.mean.value == 1.0 and found.mean.low == pytest.approx(
        24 / (24 + 1.96**2), abs=1e-4
    )
    assert not found.holds


def test_label_model_of_another_size_is_refused(folders, extractor):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match=r"takes images of shape \(8, 8, 1\)"):
        evaluate(
            *folders.values(), agreement=AgreementOptions(model, "keypoints"), extractor=extractor
        )


def test_unknown_distance_is_refused():
    with pytest.raises(ValueError, match="`distance` must be one of angle.*'l2'"):
        AgreementOptions(len, "l2")


@pytest.mark.parametrize(
    ("distance", "text", "expected"),
    [
        ("angle", "between the labels read before and after is 4 degrees", "at most 5"),
        ("class", "the same in a share of 4", "at least 5"),
        ("iou", "of the masks read before and after is 4", "at least 5"),
        ("keypoints", "are 4 apart", "at most 5"),
    ],
)
def test_agreement_is_said_in_words(distance, text, expected):
    agreement = Agreement(Estimate(4.0), distance, 5.0)
    assert text in agreement.text and agreement.expected == expected
