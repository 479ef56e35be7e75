"""What the commands' arguments share. Imports nothing that takes time."""

import argparse
import textwrap
from collections.abc import Callable

DEFAULT = "default: %(default)s"


def add_command(
    commands: argparse._SubParsersAction,
    name: str,
    run: Callable[[argparse.Namespace], None] | None,
    summary: str,
    example: str,
    description: str = "",
) -> argparse.ArgumentParser:
    """Adds a command with its help.

    Args:
        commands: Where to.
        name: Its name.
        run: What it does with its arguments; `None` where further commands follow.
        summary: A line for the list of commands.
        example: Lines that show its use, indented.
        description: What its own help says after the summary.

    Returns:
        The command's parser.
    """
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}. {description}".strip(), 80),
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the whole trace of an error")
    parser.set_defaults(run=run)
    return parser


def add_on_bad_image(parser: argparse.ArgumentParser) -> None:
    """Adds `--on-bad-image`.

    Args:
        parser: Where to.
    """
    parser.add_argument(
        "--on-bad-image",
        choices=("error", "skip"),
        default="error",
        help="stop at images that cannot be used, or leave them out; " + DEFAULT,
    )


def positive(text: str) -> int:
    """Reads a whole number above 0.

    Args:
        text: As typed.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def count(text: str) -> int:
    """Reads a whole number from 0 up.

    Args:
        text: As typed.
    """
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def not_negative(text: str) -> float:
    """Reads a finite number from 0 up.

    Args:
        text: As typed.
    """
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 up")
    return value
