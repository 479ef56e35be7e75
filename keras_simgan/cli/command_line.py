"""The command `keras-simgan`: train, refine, evaluate, presets, demo."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn, TextIO

from keras_simgan.cli.demo import add_demo
from keras_simgan.cli.evaluate import add_evaluate
from keras_simgan.cli.presets import add_presets
from keras_simgan.cli.refine import add_refine
from keras_simgan.cli.say import say
from keras_simgan.cli.train import add_train
from keras_simgan.printable import printable

# Keras and TensorFlow take seconds to import, so each command imports what it needs: --help and
# mistyped options answer at once.

_PYTHONS_OWN = warnings.showwarning


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: The arguments; those of the process when `None`.

    Returns:
        0 when done, 2 after an error, which is on stderr, 130 when interrupted.
    """
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow would take all of a GPU's memory, on JAX and torch too, where it only writes logs.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            arguments.run(arguments)
        except KeyboardInterrupt:
            print("\nInterrupted. Run the same command again to go on.", file=sys.stderr)
            return 130
        except (ValueError, TypeError, OSError, ImportError) as error:
            if arguments.debug:
                raise
            say(f"keras-simgan: error: {' '.join(str(error).split())}", sys.stderr)
            return 2
        except MemoryError as error:
            if arguments.debug:
                raise
            say(f"keras-simgan: error: not enough memory. {error}".strip(), sys.stderr)
            return 2
    return 0


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    if issubclass(category, UserWarning):
        say(f"warning: {message}", sys.stderr)
    else:
        _PYTHONS_OWN(message, category, filename, lineno, file, line)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Ends with what is wrong; argparse would show arguments as they are."""
        super().error(printable(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras-simgan",
        description="Makes synthetic training images realistic and keeps their labels.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n"
        "  keras-simgan demo\n"
        "  keras-simgan train simgan --source renders/ --target photos/ --out runs/eyes\n"
        "  keras-simgan refine runs/eyes renders/ refined/\n"
        "  keras-simgan evaluate --synthetic renders/ --refined refined/ --real photos/\n"
        "  keras-simgan train cyclegan --source horses/ --target zebras/ --out runs/zebras\n"
        "`keras-simgan COMMAND --help` tells the options of a command.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_train(commands)
    add_refine(commands)
    add_evaluate(commands)
    add_presets(commands)
    add_demo(commands)
    return parser
