import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_simgan.ranges import check_unit, from_unit, to_unit


def test_hand_worked_values():
    np.testing.assert_allclose(
        to_unit(np.array([0, 51, 255], "uint8")), [-1.0, -0.6, 1.0], atol=1e-7
    )
    np.testing.assert_allclose(
        to_unit(np.array([0, 13107, 65535], "uint16")), [-1.0, -0.6, 1.0], atol=1e-7
    )
    assert to_unit(np.array([0], "uint8")).dtype == "float32"
    np.testing.assert_array_equal(
        from_unit(np.array([-1.0, 0.0, 1.0, -3.0, 9.0])), [0, 128, 255, 0, 255]
    )
    assert from_unit(np.zeros(1), "uint16").tolist() == [32768]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_pixel_value_survives_the_round_trip(dtype):
    pixels = np.arange(np.iinfo(dtype).max + 1).astype(dtype)
    unit = to_unit(pixels)
    assert unit.min() == -1.0 and unit.max() == 1.0
    np.testing.assert_array_equal(from_unit(unit, dtype), pixels)
    assert from_unit(unit, dtype).dtype == dtype


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        "float32", hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-1, 1, width=32)
    )
)
def test_floats_pass_through_and_quantise_within_half_a_step(unit):
    np.testing.assert_array_equal(to_unit(unit), unit)
    back = to_unit(from_unit(unit, "uint8"))
    assert np.abs(back - unit).max(initial=0) <= 0.5 / 127.5 + 1e-6


@pytest.mark.parametrize(
    "images, error, match",
    [
        (np.array([0.0, 255.0]), ValueError, r"\[-1, 1\]; found values from 0 to 255.*127\.5"),
        (np.array([0.0, 1.002]), ValueError, "from 0 to 1.002"),
        (np.array([0.0, np.nan]), ValueError, "not finite"),
        (np.array([0.0, -np.inf]), ValueError, "not finite"),
        (np.array([0, 1]), TypeError, "int64; expected uint8, uint16"),
        (np.array([True]), TypeError, "bool"),
    ],
)
def test_bad_images(images, error, match):
    with pytest.raises(error, match=match):
        to_unit(images)


def test_rounding_of_half_precision_is_let_through():
    check_unit("images", np.array([-1.0009, 1.0009]))
    check_unit("images", np.zeros((0, 4, 4, 1)))
    with pytest.raises(ValueError, match="`renders`.*to 1.0011"):
        check_unit("renders", np.array([0.0, 1.0011]))


def test_bad_output():
    with pytest.raises(ValueError, match="not finite"):
        from_unit(np.array([np.nan]))
    with pytest.raises(TypeError, match="int32"):
        from_unit(np.zeros(1), "int32")
