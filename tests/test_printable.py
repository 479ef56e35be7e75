"""Names of files and other people's words, as a terminal or a page may have them."""

import pytest

from keras_simgan.printable import printable


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain ü 写 \N{EYE} a\N{NO-BREAK SPACE}b", "plain ü 写 \N{EYE} a\N{NO-BREAK SPACE}b"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("two\nlines\r\tback\b\x7f\x9b", r"two\nlines\r\tback\x08\x7f\x9b"),
        ("exe.\N{RIGHT-TO-LEFT OVERRIDE}gnp", r"exe.\u202egnp"),
        ("\N{LEFT-TO-RIGHT ISOLATE}\N{LINE SEPARATOR}\ufeff", r"\u2066\u2028\ufeff"),
        ("half a pair \udcff", r"half a pair \udcff"),
        (ValueError("of\x1bwhat"), r"of\x1bwhat"),
    ],
)
def test_what_would_be_obeyed_is_escaped(text, shown):
    assert printable(text) == shown


def test_lines_may_be_kept():
    assert printable("a\nb\x1b", keep="\n") == "a\nb\\x1b"
