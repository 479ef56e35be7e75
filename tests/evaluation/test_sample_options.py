import pytest

from keras_simgan.evaluation import SampleOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_size": 10}, "`sample_size` must be a whole number from 20. Received: 10"),
        ({"sample_size": 25.0}, "whole number"),
        ({"on_bad_image": "ignore"}, "`on_bad_image`.*'ignore'"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SampleOptions(**options)
    assert SampleOptions(20, on_bad_image="skip").sample_size == 20
