"""The command `keras-simgan presets`."""

import argparse

from keras_simgan.cli.arguments import add_command
from keras_simgan.cli.say import say


def add_presets(commands: argparse._SubParsersAction) -> None:
    """Adds the command `presets`.

    Args:
        commands: Where to.
    """
    add_command(commands, "presets", _presets, "list the trained models", "  keras-simgan presets")


def _presets(arguments: argparse.Namespace) -> None:
    from keras_simgan.presets import presets

    for name, metadata in presets().items():
        sizes = metadata.get("image_shape", [])
        shape = "x".join("any" if size is None else str(size) for size in sizes)
        say(f"{name}  {shape}  licence: {metadata.get('license', 'not stated')}")
        say(f"    {metadata.get('description', '')}")
