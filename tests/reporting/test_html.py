import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import cv2
import jinja2
import numpy as np
import pytest

from keras_simgan import reporting
from keras_simgan.reporting import Page, gallery, image_tag, pair_gallery, table
from keras_simgan.reporting.html import (
    arrow,
    code,
    facts,
    made_by,
    paragraph,
    render,
    sheet,
    side_by_side,
    subheading,
    switch,
)

_VOID = {"meta", "img", "input", "br", "path", "line"}
_STYLE = (Path(reporting.__file__).parent / "report.css").read_text(encoding="utf-8")


class _Checker(HTMLParser):
    """Collects the tags, and fails where they do not nest."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parse(html):
    checker = _Checker()
    checker.feed(html)
    assert not checker.open
    return checker.tags


_WRITTEN = """</p></title><script>alert('1')</script> & "two" &amp; {{ 1 }}"""
_IMAGE = np.zeros((4, 6, 1), "uint8")


def _page(text):
    page = Page(text, text, text)
    page.section(text, paragraph("A"))
    return page.html().replace(_STYLE, "")


@pytest.mark.parametrize(
    ("make", "texts", "attributes"),
    [
        (_page, 5, 1),  # title, heading, lead, link and heading of the section; the generator
        (paragraph, 1, 0),
        (lambda text: paragraph("A", text), 0, 1),
        (subheading, 1, 0),
        (code, 1, 0),
        (switch, 1, 0),
        (lambda text: image_tag(_IMAGE, text), 0, 1),
        (lambda text: sheet(_IMAGE, text, text), 1, 1),
        (lambda text: gallery([[(_IMAGE, text)]], ["A"]), 1, 0),
        (lambda text: gallery([[(_IMAGE, "A")]], [text]), 1, 0),
        (lambda text: pair_gallery(_IMAGE[None], _IMAGE[None], ["A"], (text, text)), 2, 0),
        (lambda text: facts([(text, text)]), 2, 0),
        (lambda text: table([text], [[text, text]], text), 4, 1),
    ],
)
def test_what_a_user_writes_stays_text(make, texts, attributes):
    html = make(_WRITTEN)
    checker = _Checker()
    checker.feed(html)
    assert not checker.open and "<script" not in html
    assert checker.texts.count(_WRITTEN) == texts
    values = [value for _, each in checker.tags for value in each.values()]
    assert values.count(_WRITTEN) == attributes


def test_a_name_that_a_template_lacks_is_an_error():
    assert render("paragraph", text="A", kind="") == "<p>A</p>"
    with pytest.raises(jinja2.UndefinedError, match="'kind' was not provided"):
        render("paragraph", text="A")


def test_blocks_stand_side_by_side_as_they_are():
    html = side_by_side(paragraph("a & b"), subheading("c"))
    assert [tag for tag, _ in parse(html)] == ["div", "p", "h3"] and "<p>a &amp; b</p>" in html


@pytest.mark.parametrize("channels", [1, 3])
def test_image_survives_the_page(channels):
    image = np.arange(6 * 4 * channels, dtype="uint8").reshape(6, 4, channels)
    ((tag, attributes),) = parse(image_tag(image, 'an "eye" <1>'))
    assert tag == "img" and attributes["alt"] == 'an "eye" <1>'
    assert (attributes["width"], attributes["height"]) == ("4", "6")
    data = base64.b64decode(attributes["src"].removeprefix("data:image/png;base64,"))
    decoded = cv2.imdecode(np.frombuffer(data, "uint8"), cv2.IMREAD_UNCHANGED)
    expected = image[..., 0] if channels == 1 else image[..., ::-1]
    np.testing.assert_array_equal(decoded, expected)


def test_page_is_whole_escaped_and_self_contained(tmp_path):
    page = Page("Eyes <b>", "test", "a & b")
    page.section("First & only", paragraph("1 < 2"), table(["a", "b"], [["x<y", 1]], "T"))
    path = tmp_path / "new" / "report.html"
    page.write(path)
    html = path.read_text(encoding="utf-8")
    tags = parse(html)
    assert "Eyes &lt;b&gt;" in html and "1 &lt; 2" in html and "x&lt;y" in html
    assert [tag for tag, _ in tags].count("h1") == 1
    # Every link leads to a place on the page, and nothing is fetched.
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    links = [attributes["href"] for tag, attributes in tags if tag == "a"]
    assert links == ["#main", "#s1"] and {link[1:] for link in links} <= ids
    assert not re.search(r'(src|href)="(?!#|data:)', html) and "url(" not in html
    assert made_by(path, "test") and not made_by(path, "another")


def test_gallery_shows_change_and_draws_on_both():
    before = np.full((2, 4, 6, 1), 100, "uint8")
    after = before.copy()
    after[0, 0, 0] = 110
    drawn = [arrow(np.array([1, 1]), np.array([4, 1]))] * 2
    html = pair_gallery(before, after, ["one", "two"], overlays=drawn, difference_gain=2.0)
    tags = parse(html)
    images = [attributes for tag, attributes in tags if tag == "img"]
    assert [image["alt"] for image in images[:3]] == [
        "synthetic: one",
        "refined: one",
        "what changed: one",
    ]
    data = base64.b64decode(images[2]["src"].split(",")[1])
    change = cv2.imdecode(np.frombuffer(data, "uint8"), cv2.IMREAD_UNCHANGED)
    assert change[0, 0] == 148 and (change.ravel()[1:] == 128).all()
    assert sum(tag == "svg" for tag, _ in tags) == 4  # two eyes, before and after


def test_gallery_shows_groups_of_any_length_and_size():
    small, large = np.zeros((4, 6, 1), "uint8"), np.zeros((8, 5, 3), "uint8")
    html = gallery(
        [[(small, "a"), (large, "b & c")], [(large, "d")]], ["one", "two <2>"], wide=True
    )
    tags = parse(html)
    images = [attributes for tag, attributes in tags if tag == "img"]
    assert [image["alt"] for image in images] == ["a: one", "b & c: one", "d: two <2>"]
    assert [image["width"] for image in images] == ["6", "5", "5"]
    assert html.count("<figure>") == 2 and 'class="gallery wide"' in html and "<svg" not in html
    with pytest.raises(ValueError):
        gallery([[(small, "a")]], [])


def test_facts_are_terms_and_descriptions():
    html = facts([("what <1>", 2), ("b", "c & d")])
    assert [tag for tag, _ in parse(html)] == ["dl", *["div", "dt", "dd"] * 2]
    assert "what &lt;1&gt;" in html and "<dd>c &amp; d</dd>" in html


def test_arrow_ends_where_it_points():
    path = re.search(r'class="arrow" d="([^"]*)"', arrow([1, 2], [5, 2]))[1]
    assert path.startswith("M1.0 2.0L5.0 2.0")
    # Barbs of 3 pixels back along the arrow and 1.8 to each side.
    assert "M5.0 2.0L2.0 3.8" in path and "M5.0 2.0L2.0 0.2" in path
    assert "nan" not in arrow([1, 1], [1, 1])
