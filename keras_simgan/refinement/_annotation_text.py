"""Taking images out of CSV and of lists without touching the rest of the text."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath

from keras_simgan.refinement._annotation_names import IMAGE_KEY, OTHER_KEY, Names, Unclear, is_word

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")
_WORD = re.compile(r"[^\s,;]+")
# Boxes, scores or counts: what follows the line of an image's name, as WIDER FACE has it.
_NUMBERS = re.compile(r"[\s\d.,;+eE-]*\d[\s\d.,;+eE-]*")
_LIST = re.compile(r"train|val|test|split|list|image|file|ids?\b", re.IGNORECASE)


def rewrite_csv(text: str, names: Names) -> str:
    """Takes the rows that name an image that was left out from a CSV text, and moves its paths.

    Where no cell is a name with suffix, a column of names without suffix says which image a row is
    about: one of which half of the cells are such.

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
    stems = _stem_column(field, text, delimiter, names) if names.drops else None
    rows: list[str] = []
    row: list[str] = []
    is_left_out = False
    for match in field.finditer(text):
        raw, end = match.groups()
        quoted, value = raw.startswith('"'), _cell(raw)
        if quoted and (len(raw) < 2 or raw[1:].count('"') % 2 == 0):
            raise Unclear(f"a quote is not closed in it ({raw[:30]!r})")
        is_left_out = (
            is_left_out
            or names.is_left_out(value)
            or (len(row) == stems and names.resolved(value, True) is True)
        )
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


def _cell(raw: str) -> str:
    return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


def _stem_column(field: re.Pattern, text: str, delimiter: str, names: Names) -> int | None:
    """The column of images' names without suffix, `None` where there is none."""
    cells: Counter[int] = Counter()
    stems: Counter[int] = Counter()
    words: Counter[int] = Counter()
    headers: list[str] = []
    column = rows = 0
    for match in field.finditer(text):
        value = _cell(match.group(1)).strip()
        if names.resolved(value) is not None:
            return None
        if not rows:
            headers.append(value)
        elif value:
            cells[column] += 1
            stems[column] += names.resolved(value, True) is not None
            words[column] += is_word(value)
        column += 1
        if match.group(2) != delimiter:
            column, rows = 0, rows + 1
    found = [
        (not IMAGE_KEY.fullmatch(header), column)
        for column, header in enumerate(headers)
        if stems[column]
        and 2 * stems[column] >= cells[column]
        and not OTHER_KEY.search(header)
        and (IMAGE_KEY.fullmatch(header) or 2 * words[column] >= cells[column])
    ]
    return min(found)[1] if found else None


def rewrite_list(text: str, names: Names) -> str:
    """Takes the lines of images that were left out from a list of images, and moves its paths.

    A list has the path of an image as the first or last word of each line, or as the whole of it;
    empty lines and those that begin with `#` do not count, nor lines of numbers below a line that
    is a name: these go with it. A few other lines may be among them. Names may lack the suffix
    where each line has another one, or in a folder `ImageSets`, as Pascal VOC has it. Any other
    text is left alone.

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
    items = ["" if item.startswith("#") else item for item in items]
    named = [bool(item) and _names_image(item, names) for item in items]
    are_stems = not any(named) and names.drops and _are_stems(items, names)
    if are_stems:
        named = [bool(item) and _stem(item, names) is not None for item in items]
    others = [
        item
        for item, is_named in zip(items, named, strict=True)
        if item and not is_named and not _NUMBERS.fullmatch(item)
    ]
    if not sum(named) > len(others):
        return text
    kept, is_left_out, is_block = [], False, False
    for line, item, is_named in zip(lines, items, named, strict=True):
        if is_named:
            is_left_out = _is_left_out(item, names, are_stems)
            is_block = names.is_image(item) or len(item.split()) == 1
            if may_move:
                line = line.replace(item, _moved_item(item, names), 1)
        elif not (is_block and _NUMBERS.fullmatch(item)):
            is_left_out = False
        if not is_left_out:
            kept.append(line)
    return "".join(kept)


def _are_stems(items: list[str], names: Names) -> bool:
    items = [item for item in items if item]
    stems = [stem for item in items if (stem := _stem(item, names)) is not None]
    if "ImageSets" in PurePosixPath(names.folder).parts:
        return bool(stems)
    # Classes come again and again, and are numbers; names of images do neither.
    others = [item for item in items if not _NUMBERS.fullmatch(item) or item in stems]
    if 2 * len(stems) < len(others) or len(set(stems)) < len(stems):
        return False
    if 2 * sum(map(is_word, stems)) >= len(stems):
        return bool(stems)
    is_list = _LIST.search(PurePosixPath(names.name).stem) and len(stems) == len(items)
    return bool(is_list and all(len(item.split()) == 1 for item in items))


def _stem(item: str, names: Names) -> str | None:
    """What of a line is the name of an image without suffix."""
    for part in dict.fromkeys([item, item.split()[0]]):
        if names.resolved(part, True) is not None:
            return part
    return None


def _is_left_out(item: str, names: Names, are_stems: bool) -> bool:
    if are_stems:
        return names.resolved(_stem(item, names) or "", True) is True
    return any(map(names.is_left_out, {item, *_WORD.findall(item)}))


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
