from dataclasses import dataclass, field

import pytest

from keras_simgan.runs.options import changed, flag, option, options_of, read_options, values_of


@dataclass(frozen=True, kw_only=True)
class Base:
    source: str = option(path=True)
    epochs: int = option(20, "passes", may_change=True, metavar="N")
    crop: tuple[int, int] | None = field(default=None, init=False)
    seed: int = option(0, closing=True)


@dataclass(frozen=True, kw_only=True)
class Own(Base):
    filters: int = option(64)
    crop: tuple[int, int] | None = option(None, "windows")
    epochs: int = 200


def test_options_are_ordered_with_what_closes_last():
    assert list(options_of(Base)) == ["source", "epochs", "seed"]  # no crop: it is no option here
    assert list(options_of(Own)) == ["source", "epochs", "crop", "filters", "seed"]


def test_another_default_keeps_the_rest_of_an_option():
    assert options_of(Own)["epochs"] is options_of(Base)["epochs"]
    found = options_of(Own)["epochs"]
    assert (found.help, found.argument, found.may_change) == ("passes", {"metavar": "N"}, True)
    assert not found.path and options_of(Own)["source"].path
    assert (Base(source="a").epochs, Own(source="a").epochs) == (20, 200)


def test_values():
    options = Own(source="a", crop=(8, 9))
    values = {"source": "a", "epochs": 200, "crop": (8, 9), "filters": 64, "seed": 0}
    assert values_of(options) == values and list(values_of(options)) == list(options_of(Own))
    assert values_of(Base(source="a")) == {"source": "a", "epochs": 20, "seed": 0}


def test_options_are_read_from_what_json_and_argparse_give():
    values = {"source": "a", "crop": [8, 9], "run": print, "debug": False}
    assert read_options(Own, values) == Own(source="a", crop=(8, 9))
    with pytest.raises(TypeError, match="source"):
        read_options(Own, {"epochs": 3})


def test_changed():
    options = Own(source="a", filters=32, seed=1)
    assert changed(options, "epochs", "filters") == {"filters": 32}
    assert changed(Own(source="a", epochs=20), "epochs", "seed") == {"epochs": 20}


def test_flag():
    assert flag("image_size") == "--image-size"
