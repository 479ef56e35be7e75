"""The command `keras-simgan`: train, refine, evaluate, presets, demo."""

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from keras_simgan._cli_arguments import DEFAULT, add_command
from keras_simgan._cli_evaluate import add_evaluate
from keras_simgan._cli_refine import add_refine
from keras_simgan._cli_train import add_train

# Keras and TensorFlow take seconds to import, so each command imports what it needs: --help and
# mistyped options answer at once.


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: The arguments; those of the process when `None`.

    Returns:
        0 when done, 2 after an error that was told on stderr, 130 when interrupted.
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
            print(f"keras-simgan: error: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
    return 0


def _show_warning(message, category, *where, _show=warnings.showwarning) -> None:
    if issubclass(category, UserWarning):
        print(f"warning: {message}", file=sys.stderr)
    else:
        _show(message, category, *where)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
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
    add_command(commands, "presets", _presets, "list the trained models", "  keras-simgan presets")
    demo = add_command(
        commands,
        "demo",
        _demo,
        "render eyes, refine them, report what it changes",
        "  keras-simgan demo --out demo",
        "Needs no data. Takes about three minutes on two CPU cores.",
    )
    demo.add_argument("--out", default="demo", metavar="DIR", help=DEFAULT)
    return parser


def _presets(arguments: argparse.Namespace) -> None:
    from keras_simgan.presets import presets

    for name, metadata in presets().items():
        sizes = metadata.get("image_shape", [])
        shape = "x".join("any" if size is None else str(size) for size in sizes)
        print(f"{name}  {shape}  licence: {metadata.get('license', 'not stated')}")
        print(f"    {metadata.get('description', '')}")


def _demo(arguments: argparse.Namespace) -> None:
    from keras_simgan.reporting.demo import run_demo

    run_demo(arguments.out)


if __name__ == "__main__":
    sys.exit(main())
