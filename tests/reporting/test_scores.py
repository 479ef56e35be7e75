import re

from keras_simgan.reporting.scores import score_tables


def cells(html):
    """Rows of a table, its caption first."""
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)<", row) for row in html.split("<tr>")[1:]]
    return [re.search("<caption>([^<]*)<", html)[1], *rows]


def test_scores_are_tabled_by_group():
    scores = {
        "real_eyes": 500,
        "error_in_degrees": 1 / 3,
        "gaze_error": {
            "small_net": {"error": 7.12345, "interval": [6.5, 8.25]},
            "large_net": {"error": 6.0, "seeds": (1, 2, 3)},
        },
    }
    plain, group = map(cells, score_tables(scores))
    assert plain == [
        "Scores",
        ["measure", "value"],
        ["real eyes", "500"],
        ["error in degrees", "0.3333"],
    ]
    assert group == [
        "gaze error",
        ["case", "error", "interval", "seeds"],
        ["small net", "7.123", "6.5 to 8.25", ""],
        ["large net", "6", "", "(1, 2, 3)"],
    ]


def test_groups_inside_groups_have_tables_of_their_own():
    tables = score_tables({"outer": {"count": 2, "inner": {"a": {"x": 1.5}}}})
    assert [cells(html) for html in tables] == [
        ["outer", ["measure", "value"], ["count", "2"]],
        ["inner", ["case", "x"], ["a", "1.5"]],
    ]
    assert score_tables({}) == []
