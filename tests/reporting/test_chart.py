import re

import pytest

from keras_simgan.reporting import step_chart


def test_steps_run_from_edge_to_edge():
    html = step_chart({"a": [2.0, 4.0], "b": [0.0, 1.0]}, [0, 1, 4], "C <1>", "level", "share")
    paths = re.findall(r'<path class="curve c[12]" d="(M56[^"]*)"', html)
    # 640x300 with margins 56, 16, 12, 44: x from 56 (0) to 624 (4), y from 256 (0) to 12 (4).
    assert paths[0] == "M56.0 134.0L198.0 134.0L198.0 12.0L624.0 12.0"
    assert paths[1] == "M56.0 256.0L198.0 256.0L198.0 195.0L624.0 195.0"
    assert "C &lt;1&gt;" in html and "at the end" not in html
    assert re.findall(r'class="tick middle" x="[^"]*" y="274">([^<]*)<', html) == list("01234")


def test_bins_without_a_value_leave_a_gap():
    html = step_chart({"a": [1.0, float("nan"), 1.0]}, [0, 1, 2, 3], "C", "x", "y")
    assert re.search(r'<path class="curve c1" d="(M56[^"]*)"', html)[1].count("M") == 2


@pytest.mark.parametrize(
    ("series", "edges", "message"),
    [
        ({"a": [1.0]}, [0, 1, 2], "3 edges make 2 bins; 'a' has 1 values"),
        ({}, [0, 1], "1 to 4 curves"),
        ({name: [1.0] for name in "abcde"}, [0, 1], "1 to 4 curves"),
    ],
)
def test_what_cannot_be_shown_is_refused(series, edges, message):
    with pytest.raises(ValueError, match=message):
        step_chart(series, edges, "C", "x", "y")
