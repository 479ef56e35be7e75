import argparse

import pytest

from keras_simgan.runs.options.numbers import count, momentum, not_negative, positive, share


@pytest.mark.parametrize(
    "read, text, value",
    [
        (positive, "1", 1),
        (count, "0", 0),
        (not_negative, "0", 0.0),
        (not_negative, "2e-4", 0.0002),
        (momentum, "0.999", 0.999),
    ],
)
def test_what_is_read(read, text, value):
    assert read(text) == value and type(read(text)) is type(value)


@pytest.mark.parametrize(
    "read, text, match",
    [
        (positive, "0", "0 is not above 0"),
        (count, "-1", "-1 is below 0"),
        (not_negative, "-0.1", "-0.1 is not a number from 0 up"),
        (not_negative, "inf", "inf is not a number from 0 up"),
        (not_negative, "nan", "nan is not a number from 0 up"),
        (momentum, "0", "0 is not between 0 and 1"),
        (momentum, "1", "1 is not between 0 and 1"),
        (momentum, "nan", "nan is not between 0 and 1"),
        (share, "1", "1 is not from 0 to below 1"),
        (share, "-0.1", "-0.1 is not from 0 to below 1"),
    ],
)
def test_what_is_refused(read, text, match):
    with pytest.raises(argparse.ArgumentTypeError, match=match):
        read(text)


@pytest.mark.parametrize("read, text", [(positive, "1.5"), (count, "many"), (momentum, "much")])
def test_no_numbers(read, text):
    with pytest.raises(ValueError):
        read(text)
