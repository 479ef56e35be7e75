import argparse
from dataclasses import dataclass

import pytest

from keras_simgan.cli.arguments import add_image_options, add_options, required_options
from keras_simgan.runs.options import option
from keras_simgan.runs.options.numbers import positive


@dataclass(frozen=True, kw_only=True)
class Options:
    photos: str = option(help="real images", metavar="PATH")
    image_size: tuple[int, int] | None = option(
        None, "resize to this", type=positive, nargs=2, metavar=("H", "W")
    )
    epochs: int = option(3, type=positive, metavar="N")
    loss: str = option("l1", "of the pixels", choices=("l1", "l2"))
    no_flip: bool = option(False, "do not mirror")
    note: str = "no option"


@pytest.fixture
def parser():
    made = argparse.ArgumentParser(prog="x")
    add_options(made, Options)
    return made


def test_values_and_defaults(parser):
    found = parser.parse_args(["--photos", "a"])
    assert vars(found) == {
        **{"photos": "a", "image_size": None, "epochs": 3, "loss": "l1", "no_flip": False}
    }
    words = "--photos a --image-size 36 60 --epochs 7 --loss l2 --no-flip"
    assert vars(parser.parse_args(words.split())) == {
        **{"photos": "a", "image_size": [36, 60], "epochs": 7, "loss": "l2", "no_flip": True}
    }


def test_help_tells_the_default_where_it_is_a_value(parser, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    options = parser.format_help().split("options:\n")[1].splitlines()
    assert options[1:] == [
        "  --photos PATH     real images",
        "  --image-size H W  resize to this",
        "  --epochs N        default: 3",
        "  --loss {l1,l2}    of the pixels; default: l1",
        "  --no-flip         do not mirror",
    ]


@pytest.mark.parametrize(
    "words, match",
    [
        ([], "the following arguments are required: --photos"),
        (["--photos", "a", "--epochs", "0"], "argument --epochs: 0 is not above 0"),
        (["--photos", "a", "--loss", "l3"], "argument --loss: invalid choice: 'l3'"),
        (["--photos", "a", "--note", "b"], "unrecognized arguments: --note b"),
    ],
)
def test_usage_errors(parser, capsys, words, match):
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    assert match in capsys.readouterr().err


def test_only_some(capsys):
    parser = argparse.ArgumentParser()
    add_options(parser, Options, required_options(Options))
    add_image_options(parser)
    assert vars(parser.parse_args(["--photos", "a"])) == {
        "photos": "a",
        "on_bad_image": "error",
        "label_folders": None,
        "label_patterns": None,
    }
    given = ["--photos", "a", "--label-folders", "--label-patterns", "*_zone", "*_part.png"]
    values = parser.parse_args(given)
    assert (values.label_folders, values.label_patterns) == ([], ["*_zone", "*_part.png"])
