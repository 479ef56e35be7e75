"""Text of others, such as names of files, made safe to show."""

import unicodedata

# Control and format characters, halves of surrogate pairs, private ones, ends of lines.
_OBEYED = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def printable(text: object, keep: str = "") -> str:
    r"""Escapes what a terminal or a page would obey instead of show.

    That is control characters, of which some move the cursor or change colours, and those that
    change the direction of the text around them.

    Args:
        text: What to show.
        keep: Characters that stay as they are, such as `"\n"` of several lines.

    Returns:
        The text in one line, but for what is kept.

    Example:
        >>> printable("red\x1b[31m\n.png")
        'red\\x1b[31m\\n.png'
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _OBEYED and character not in keep
        else character
        for character in str(text)
    )
