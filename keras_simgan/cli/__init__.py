"""The command `keras-simgan`, one file for each of its commands."""

from keras_simgan.cli.command_line import main

__all__ = ["main"]
