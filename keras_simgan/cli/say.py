"""What the commands print."""

import sys
from typing import TextIO

from keras_simgan.printable import printable


def say(text: object = "", file: TextIO | None = None) -> None:
    """Prints a line. Names of files and other people's words in it cannot steer the terminal.

    Args:
        text: The line.
        file: Where to; the standard output when `None`.
    """
    print(printable(text), file=file or sys.stdout, flush=True)
