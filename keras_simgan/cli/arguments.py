"""What the commands' arguments share. Imports nothing that takes time."""

import argparse
import textwrap
from collections.abc import Callable, Iterable

from keras_simgan.runs.options import TrainingOptions, flag, options_of

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


def add_options(
    parser: argparse.ArgumentParser, cls: type, names: Iterable[str] | None = None
) -> None:
    """Adds the options of a dataclass.

    Args:
        parser: Where to.
        cls: A dataclass with fields made by `runs.options.option`.
        names: Those to add; all when `None`.

    Example:
        >>> import argparse
        >>> from keras_simgan.cli.arguments import add_options
        >>> from keras_simgan.runs.options import SimGANOptions
        >>> parser = argparse.ArgumentParser()
        >>> add_options(parser, SimGANOptions, ["image_size", "history"])
        >>> parser.parse_args(["--image-size", "36", "60"])
        Namespace(image_size=[36, 60], history=12800)
    """
    options = options_of(cls)
    for name in options if names is None else names:
        help, argument = options[name].help, dict(options[name].argument)
        if name in required_options(cls):
            argument["required"] = True
        elif (default := getattr(cls, name)) is False:
            argument["action"] = "store_true"
        else:
            argument["default"] = default
            if default is not None:
                help = f"{help}; {DEFAULT}" if help else DEFAULT
        parser.add_argument(flag(name), help=help, **argument)


def required_options(cls: type) -> list[str]:
    """The options of a dataclass that have no default.

    Args:
        cls: The dataclass.
    """
    return [name for name in options_of(cls) if not hasattr(cls, name)]


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Adds which images of a folder are used, as the trainings have it.

    Args:
        parser: Where to.
    """
    add_options(parser, TrainingOptions, ["on_bad_image", "label_folders", "label_patterns"])
