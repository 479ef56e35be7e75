"""Taking images out of JSON without touching the rest of the text."""

from __future__ import annotations

import json
import re

from keras_simgan.refinement._annotation_names import Names, Unclear
from keras_simgan.refinement._annotation_references import JsonObject, References

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_DECODER = json.JSONDecoder()


def rewrite_json(text: str, names: Names) -> str:
    """Takes the images that were left out from a JSON text, and moves its paths.

    What belongs to an image is the item of an array, or the entry of a table, that names it in a
    field of its own, however deep: `{"data": {"image": "a.png"}}`. A table is an object whose keys
    are images or have a digit each, and whose values name images. The ids of COCO's images count as
    their names, also where another file of the folder says which they are; and so do names without
    suffix, where at least half of the values at one place are such.

    Args:
        text: The JSON.
        names: What the names in it mean.

    Raises:
        Unclear: If it is no valid JSON, or does not say what belongs to an image.
    """
    if not names.drops and not _may_move(text, names):
        return text
    data = _parsed(text)
    if names.drops and (cuts := _cuts(data, names)):
        pieces, position = [], 0
        for begin, end in _spans(text, _after_space(text, 0), cuts):
            pieces.append(text[position:begin])
            position = end
        text = "".join([*pieces, text[position:]])
    return _repointed(text, names)


def rewrite_json_lines(text: str, names: Names) -> str:
    """The same for a text of one JSON value a line, as if these were the items of an array.

    Args:
        text: The lines.
        names: What the names in them mean.

    Raises:
        Unclear: If a line is no valid JSON.
    """
    if not names.drops and not _may_move(text, names):
        return text
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    items = [_parsed(line) if line.strip() else JsonObject() for line in lines]
    for place, cuts in (_cuts(items, names) if names.drops else {}).items():
        line, position, pieces = lines[place], 0, []
        for begin, end in _spans(line, _after_space(line, 0), cuts) if cuts is not True else ():
            pieces.append(line[position:begin])
            position = end
        lines[place] = "" if cuts is True else "".join([*pieces, line[position:]])
    return _repointed("".join(lines), names)


def _parsed(text: str):
    try:
        return json.loads(text, object_pairs_hook=JsonObject)
    except (ValueError, RecursionError) as error:
        raise Unclear(f"it is not valid JSON ({error})") from error


def _cuts(data, names: Names) -> dict:
    """What to take out of an array or object: by place, `True` or the same of what is there."""
    try:
        references = References(data, names)
        return _cuts_of(data, references, is_row=False)
    except RecursionError as error:
        raise Unclear("it is nested too deep") from error


def _cuts_of(node, references: References, is_row: bool) -> dict:
    cuts: dict[int, bool | dict] = {}
    is_object = isinstance(node, JsonObject)
    are_rows = references.is_table(node) and not is_row if is_object else True
    for place, value in enumerate(node if isinstance(node, list) else ()):
        if is_object:
            key, value = value
            if references.of_key(node, key):
                cuts[place] = True
                continue
        if not isinstance(value, list):
            if not is_object and references.of_item(node, value) is True:
                cuts[place] = True
            continue
        own, within = references.of(value)
        if True not in within:
            continue
        if are_rows and own and within == {True}:
            cuts[place] = True
        elif not is_object and references.is_list_of_images(value):
            raise Unclear(
                "it has arrays of images in an array, which may be rows or lists, and names images "
                "that were left out"
            )
        elif nested := _cuts_of(value, references, is_row=are_rows):
            cuts[place] = nested
    if is_object:
        _refuse_columns(node, cuts, references)
    return cuts


def _refuse_columns(node: JsonObject, cuts: dict, references: References) -> None:
    """Refuses arrays side by side, of which one names images and one may say what they show."""
    for place, nested in cuts.items():
        value = node[place][1]
        if nested is True or isinstance(value, JsonObject):
            continue
        scalars = any(not isinstance(value[index], list) for index in nested)
        for key, neighbour in node:
            # Rows beside an `index`, as pandas has it.
            if not isinstance(neighbour, list) or isinstance(neighbour, JsonObject):
                continue
            if not scalars and key != "index":
                continue
            same = neighbour is not value and len(neighbour) == len(value)
            if same and not references.is_list_of_images(neighbour):
                raise Unclear(
                    f"the array {node[place][0]!r} names images that were left out, and another of "
                    "the same length may belong to it item by item"
                )


def _after_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return position if space is None else space.end()


def _children(text: str, start: int) -> list[tuple[int, int, int]]:
    """Where each item of an array or object begins, where its value begins, and where it ends."""
    found = []
    position = _after_space(text, start + 1)
    while text[position] not in "]}":
        begin = position
        if text[start] == "{":
            colon = _after_space(text, _DECODER.raw_decode(text, begin)[1])
            position = _after_space(text, colon + 1)
        end = _DECODER.raw_decode(text, position)[1]
        found.append((begin, position, end))
        position = _after_space(text, end)
        if text[position] == ",":
            position = _after_space(text, position + 1)
    return found


def _spans(text: str, start: int, cuts: dict) -> list[tuple[int, int]]:
    """The parts of the text to take out, in order."""
    children = _children(text, start)
    last = max((i for i in range(len(children)) if cuts.get(i) is not True), default=-1)
    spans = []
    for place in sorted(place for place in cuts if place <= last):
        if cuts[place] is True:
            spans.append((children[place][0], children[place + 1][0]))
        else:
            spans += _spans(text, children[place][1], cuts[place])
    if last + 1 < len(children):
        # With the comma before, as JSON has none after the last item.
        spans.append((children[last][2] if last >= 0 else children[0][0], children[-1][2]))
    return spans


def _may_move(text: str, names: Names) -> bool:
    forms = {
        form
        for marker in names.markers
        for is_ascii in (True, False)
        for plain in [json.dumps(marker, ensure_ascii=is_ascii)[1:-1]]
        for form in (plain, plain.replace("/", "\\/"))
    }
    return any(form in text for form in forms)


def _repointed(text: str, names: Names) -> str:
    if not _may_move(text, names):
        return text

    def moved(match):
        raw = match.group()
        value = json.loads(raw)
        new = names.repointed(value)
        if new == value:
            return raw
        encoded = json.dumps(new, ensure_ascii=raw.isascii())
        return encoded.replace("/", "\\/") if "\\/" in raw else encoded

    return _STRING.sub(moved, text)
