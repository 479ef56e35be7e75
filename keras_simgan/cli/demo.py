"""The command `keras-simgan demo`."""

import argparse

from keras_simgan.cli.arguments import DEFAULT, add_command


def add_demo(commands: argparse._SubParsersAction) -> None:
    """Adds the command `demo`.

    Args:
        commands: Where to.
    """
    parser = add_command(
        commands,
        "demo",
        _demo,
        "render eyes, refine them, report what it changes",
        "  keras-simgan demo --out demo",
        "Needs no data. Takes about three minutes on two CPU cores.",
    )
    parser.add_argument("--out", default="demo", metavar="DIR", help=DEFAULT)


def _demo(arguments: argparse.Namespace) -> None:
    from keras_simgan.reporting.demo import run_demo

    run_demo(arguments.out)
