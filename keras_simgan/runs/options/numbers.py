"""Numbers as they are typed on a command line."""

import argparse


def positive(text: str) -> int:
    """Reads a whole number above 0.

    Args:
        text: As typed.

    Raises:
        argparse.ArgumentTypeError: If it is not above 0.
    """
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def count(text: str) -> int:
    """Reads a whole number from 0 up.

    Args:
        text: As typed.

    Raises:
        argparse.ArgumentTypeError: If it is below 0.
    """
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def not_negative(text: str) -> float:
    """Reads a finite number from 0 up.

    Args:
        text: As typed.

    Raises:
        argparse.ArgumentTypeError: If it is below 0, infinite or no number.
    """
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 up")
    return value


def momentum(text: str) -> float:
    """Reads a number between 0 and 1, both excluded.

    Args:
        text: As typed.

    Raises:
        argparse.ArgumentTypeError: If it is not between them.
    """
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def share(text: str) -> float:
    """Reads a number from 0 to below 1.

    Args:
        text: As typed.

    Raises:
        argparse.ArgumentTypeError: If it is not among them.
    """
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return value
