import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from keras_simgan.reporting import Page, line_chart, step_chart


def drawing(figure):
    """The SVG of a chart, without those of its legend."""
    return ElementTree.fromstring(re.search(r'<svg [^>]*role="img".*?</svg>', figure, re.S)[0])


def ticks(figure, axis):
    """Values on the `x` or `y` axis and where they stand in the drawing."""
    groups = drawing(figure).iter("g")
    marks = [group for group in groups if group.get("class", "").startswith(f"{axis}tick_")]
    texts = [mark.find(".//text") for mark in marks]
    values = [float(text.text.replace("\N{MINUS SIGN}", "-")) for text in texts]
    if axis == "x":
        return values, [float(text.get("x")) for text in texts]
    return values, [float(mark.find(".//path").get("d").split()[2]) for mark in marks]


def strokes(figure):
    """Each curve as a reader sees it: its strokes, of points in units of the axes."""
    (x, at_x), (y, at_y) = ticks(figure, "x"), ticks(figure, "y")
    to_x, to_y = np.polyfit(at_x, x, 1), np.polyfit(at_y, y, 1)
    curves = []
    for number in range(1, 5):
        for path in drawing(figure).iterfind(f".//g[@class='curve c{number}']/path"):
            curve = []
            for stroke in path.get("d").split("M")[1:]:
                points = np.array(stroke.replace("L", "").split(), "float64").reshape(-1, 2)
                points = [*dict.fromkeys(map(tuple, points))]  # ends may be drawn twice
                curve.append([(np.polyval(to_x, px), np.polyval(to_y, py)) for px, py in points])
            curves.append(curve)
    return curves


def assert_strokes(figure, expected):
    found = strokes(figure)
    assert [list(map(len, curve)) for curve in found] == [list(map(len, c)) for c in expected]
    for curve, points in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.concatenate(curve), np.concatenate(points), atol=1e-4)


def test_curves_pass_their_values_and_leave_gaps():
    figure = line_chart(
        {"loss": [0.0, 4.0, np.nan, 2.0, 1.0], "b": [1.0, 3.0, np.inf, np.nan]},
        "C",
        "epoch",
        "mean",
    )
    assert_strokes(figure, [[[(1, 0), (2, 4)], [(4, 2), (5, 1)]], [[(1, 1), (2, 3)]]])
    assert ticks(figure, "x")[0] == [1, 2, 3, 4, 5] and ticks(figure, "y")[0] == [0, 1, 2, 3, 4]
    assert ">epoch</text>" in figure and ">mean</text>" in figure
    assert "</svg>loss: 1 at the end</li>" in figure and "</svg>b: 3 at the end</li>" in figure


def test_steps_run_from_edge_to_edge():
    figure = step_chart({"a": [2.0, 4.0], "b": [0.0, 1.0]}, [0, 1, 4], "C", "level", "share")
    first = [(0, 2), (1, 2), (1, 4), (4, 4)]
    assert_strokes(figure, [[first], [[(0, 0), (1, 0), (1, 1), (4, 1)]]])
    assert "</svg>a</li>" in figure and "at the end" not in figure


@pytest.mark.parametrize("gap", [np.nan, np.inf])
def test_bins_without_a_value_leave_a_gap(gap):
    figure = step_chart({"a": [1.0, gap, 3.0]}, [0, 1, 2, 3], "C", "x", "y")
    assert_strokes(figure, [[[(0, 1), (1, 1)], [(2, 3), (3, 3)]]])


@pytest.mark.parametrize(
    "values", [[3.0], [-2.0, -1.0], [1e-9, 2e-9], [0.0, 0.0], [1e6, 3e6], [-50.0, 7.0]]
)
def test_curves_stay_inside_the_axes(values):
    figure = line_chart({"a": values}, "C", "x", "y")
    labels, places = ticks(figure, "y")
    assert len(labels) >= 3 and labels[0] <= min(0.0, *values) and labels[-1] >= max(values)
    path = re.search(r'class="curve c1">\s*<path d="([^"]*)"', figure)[1]
    heights = np.array(re.findall(r"[ML] \S+ (\S+)", path), "float64")
    assert len(heights) == len(values)
    assert (heights >= min(places) - 1e-4).all() and (heights <= max(places) + 1e-4).all()


def test_what_a_user_writes_stays_text():
    written = "<script>alert('1')</script> & \"two\" $\\frac$ of $x$"
    figure = line_chart({written: [1.0, 2.0]}, written, written, written)
    svg = drawing(figure)
    assert svg.get("aria-label") == written and svg.get("role") == "img"
    assert [text.text for text in svg.iter("text")].count(written) == 2  # both axes
    assert "<script" not in figure
    caption = figure.partition("<figcaption>")[2].partition("</figcaption>")[0]
    assert caption == (
        "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &#34;two&#34; $\\frac$ of $x$"
    )


def test_charts_share_a_page_and_its_colours():
    figure = line_chart({name: [1.0, 2.0] for name in "abcd"}, "C", "x", "y")
    page = Page("T", "test")
    page.section("S", figure, figure)
    html = page.html()
    # One id for each section and the main part: a second chart repeats nothing.
    assert re.findall(r'\sid="([^"]*)"', html) == ["main", "s1"]
    assert html.count("<style") == 1 and "url(" not in html and "font-family" not in figure
    # Each colour is the style's own, so the dark page changes it, and the light page needs no more.
    light = dict(re.findall(r"(--\w+): (#\w+);", html.partition("@media")[0]))
    for name, color in re.findall(r"var\((--\w+), (#\w+)\)", figure):
        assert light[name] == color
    colors = re.findall(r'<path d="M1 4H27" style="stroke: var\((--c\d)', figure)
    assert colors == ["--c1", "--c2", "--c3", "--c4"]
    assert not re.search(r"(stroke|fill): #", figure)
    # Told apart without colours.
    assert len(set(re.findall(r'M1 4H27" style="[^"]*dasharray: ([^"]*)"', figure))) == 4


def test_a_chart_is_the_same_whatever_the_settings_of_matplotlib():
    def draw():
        return line_chart({"a": [1.0, 2.0]}, "C", "x", "y")

    expected = draw()
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.grid": True}):
        assert draw() == expected
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize(
    ("series", "edges", "message"),
    [
        ({"a": [1.0]}, [0, 1, 2], "3 edges make 2 bins; 'a' has 1 values"),
        ({}, [0, 1], "1 to 4 curves"),
        ({name: [1.0] for name in "abcde"}, [0, 1], "1 to 4 curves"),
    ],
)
def test_histogram_that_cannot_be_shown_is_refused(series, edges, message):
    with pytest.raises(ValueError, match=message):
        step_chart(series, edges, "C", "x", "y")


@pytest.mark.parametrize("series", [{}, {"a": [np.nan]}, {str(i): [1.0] for i in range(5)}])
def test_curves_that_cannot_be_shown_are_refused(series):
    with pytest.raises(ValueError, match="1 to 4 curves"):
        line_chart(series, "C", "x", "y")
