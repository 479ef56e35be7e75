"""Taking images out of CSV, lists, YAML and XML without touching the rest of the text."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from xml.parsers import expat
from xml.sax import saxutils

from keras_simgan.refinement._annotation_names import Names, Unclear

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_WORD = re.compile(r"[^\s,;]+")
# Attributes, and text between two tags.
_XML_VALUE = re.compile(r"""(?<==)"[^"<]*"|(?<==)'[^'<]*'|(?<=>)[^<>]+(?=<)""")
# What follows the beginning of a line, `key:`, `-`, `[`, `{` or `,`: quoted, or up to a comment.
_YAML_VALUE = re.compile(
    r"""((?:^[ \t]*|[:,-][ \t]+|[\[{,][ \t]*))"""
    r"""("[^"\n]*"|'[^'\n]*'|[^\s"'\[\]{},\#&*!|>%@`-](?:(?!:[ \t])[^\[\]{},\n])*?)"""
    r"""(?=[ \t]*(?:\r?$|[ \t]\#|[,\]}]))""",
    re.MULTILINE,
)
_YAML_ROOT = re.compile(r"[ \t]*path[ \t]*:[ \t]*")
_YAML_PLAIN = re.compile(r"(?!.*(?:: |:$| #))[^\s\[\]{},\"'#&*!|>%@`?:-][^\[\]{},\r\n]*")


def rewrite_csv(text: str, names: Names) -> str:
    """Takes the rows that name an image that was left out from a CSV text, and moves its paths.

    Args:
        text: Fields separated by comma, semicolon, tab or bar, whichever is most in the first line.
        names: What the names in it mean.

    Raises:
        Unclear: If a quote is not closed.
    """
    may_move = names.may_move(text)
    if not may_move and not names.drops:
        return text
    header = _LINE.match(text)
    delimiter = max(",;\t|", key=header.group().count if header else lambda _: 0)
    plain = rf"[^{re.escape(delimiter)}\r\n]*+"
    field = re.compile(
        rf'("[^"]*+(?:""[^"]*+)*+"{plain}|{plain})({re.escape(delimiter)}|\r\n|\n|\r|\Z)'
    )
    rows, row, is_left_out = [], [], False
    for match in field.finditer(text):
        raw, end = match.groups()
        quoted = raw.startswith('"')
        value = raw
        if quoted:
            value = raw[1:-1].replace('""', '"')
            if len(raw) < 2 or raw[1:].count('"') % 2 == 0:
                raise Unclear(f"a quote is not closed in it ({raw[:30]!r})")
        is_left_out = is_left_out or names.is_left_out(value)
        moved = names.repointed(value) if may_move else value
        if moved != value:
            raw = moved
            if quoted or any(sign in moved for sign in f'{delimiter}"\r\n'):
                raw = '"' + moved.replace('"', '""') + '"'
        row.append(raw + end)
        if end != delimiter:
            rows += [] if is_left_out else row
            row, is_left_out = [], False
    return "".join(rows)


def rewrite_list(text: str, names: Names) -> str:
    """Takes the lines of images that were left out from a list of images, and moves its paths.

    A list has the path of an image as the first or last word of each line, or as the whole of it;
    empty lines and those that begin with `#` do not count. In a folder `ImageSets`, as Pascal VOC
    has it, the first word is a name without suffix. Any other text is left alone.

    Args:
        text: The text.
        names: What the names in it mean.

    Raises:
        Unclear: If a path with a space would take the place of a word.
    """
    may_move = names.may_move(text)
    if not may_move and not names.drops:
        return text
    lines = _LINE.findall(text)
    items = [line.strip() for line in lines]
    items = [None if not item or item.startswith("#") else item for item in items]
    if "ImageSets" in PurePosixPath(names.folder).parts:
        words = [item and item.split()[0] for item in items]
        return "".join(
            line
            for line, word in zip(lines, words, strict=True)
            if not (word and names.is_stem_left_out(word))
        )
    if not all(item is None or _names_image(item, names) for item in items):
        return text
    kept = []
    for line, item in zip(lines, items, strict=True):
        if item is not None:
            if any(map(names.is_left_out, {item, *_WORD.findall(item)})):
                continue
            if may_move:
                line = line.replace(item, _moved_item(item, names), 1)
        kept.append(line)
    return "".join(kept)


def _names_image(item: str, names: Names) -> bool:
    words = _WORD.findall(item)
    return bool(words) and any(map(names.is_image, (item, words[0], words[-1])))


def _moved_item(item: str, names: Names) -> str:
    moved = _WORD.sub(lambda match: names.repointed(match.group()), item)
    if moved == item:
        return names.repointed(item)  # a path of several words
    if len(_WORD.findall(moved)) != len(_WORD.findall(item)) > 1:
        raise Unclear("the destination has a space or comma, which a line of words cannot hold")
    return moved


def rewrite_yaml(text: str, names: Names) -> str:
    """Moves the paths of a YAML text.

    Args:
        text: The text.
        names: What the names in it mean.
    """

    def moved(match):
        before, raw = match.groups()
        value = raw[1:-1] if raw[0] in "\"'" else raw
        line = text[text.rfind("\n", 0, match.start(2)) + 1 : match.start(2)]
        new = names.repointed(value, is_path=bool(_YAML_ROOT.fullmatch(line)))
        if new == value:
            return match.group()
        if raw[0] == "'":
            new = "'" + new.replace("'", "''") + "'"
        elif raw[0] == '"' or not _YAML_PLAIN.fullmatch(new):
            new = json.dumps(new, ensure_ascii=False)
        return before + new

    return _YAML_VALUE.sub(moved, text) if names.may_move(text) else text


def rewrite_xml(text: str, names: Names) -> str:
    """Moves the paths of an XML text.

    Args:
        text: The text.
        names: What the names in it mean.

    Raises:
        Unclear: If it is no well-formed XML, or lists images that were left out.
    """
    try:
        expat.ParserCreate("utf-8").Parse(text.encode("utf-8", "surrogateescape"), True)
    except expat.ExpatError as error:
        raise Unclear(f"it is not well-formed XML ({error})") from error

    def moved(match):
        raw = match.group()
        quote = raw[0] if raw[0] in "\"'" and raw[-1] == raw[0] else ""
        value = saxutils.unescape(
            raw[len(quote) : len(raw) - len(quote)], {"&quot;": '"', "&apos;": "'"}
        )
        if names.is_left_out(value):
            raise Unclear(f"it names {value.strip()!r}, which was left out, beside other images")
        new = names.repointed(value)
        entities = {'"': "&quot;"} if quote == '"' else {"'": "&apos;"} if quote else {}
        return raw if new == value else quote + saxutils.escape(new, entities) + quote

    return _XML_VALUE.sub(moved, text)
