"""Taking images out of JSON without touching the rest of the text."""

from __future__ import annotations

import json
import re

from keras_simgan.refinement._annotation_names import Names, Unclear

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
_DECODER = json.JSONDecoder()


class _Object(list):
    """A JSON object as its pairs, which keeps their order and keys that occur twice."""


def rewrite_json(text: str, names: Names) -> str:
    """Takes the images that were left out from a JSON text, and moves its paths.

    Args:
        text: The JSON.
        names: What the names in it mean.

    Raises:
        Unclear: If it is no valid JSON, or does not say what belongs to an image.
    """
    if not names.drops and not _may_move(text, names):
        return text
    data = _parsed(text)
    cuts = _cuts(data, names) if names.drops else {}
    if cuts:
        _cut_annotations(data, cuts)
        start = _after_space(text, 0)
        pieces, position = [], 0
        for begin, end in _spans(text, start, cuts):
            pieces.append(text[position:begin])
            position = end
        text = "".join([*pieces, text[position:]])
    return _repointed(text, names)


def rewrite_json_lines(text: str, names: Names) -> str:
    """The same for a text of one JSON value a line: whole lines are taken out.

    Args:
        text: The lines.
        names: What the names in them mean.

    Raises:
        Unclear: If a line is no valid JSON.
    """
    if not names.drops and not _may_move(text, names):
        return text
    kept = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        if line.strip():
            item = _parsed(line)
            if _is_record_left_out(item, names):
                continue
        kept.append(line)
    return _repointed("".join(kept), names)


def _parsed(text: str):
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except (ValueError, RecursionError) as error:
        raise Unclear(f"it is not valid JSON ({error})") from error


def _is_record_left_out(item, names: Names) -> bool:
    """Whether a row, an array or an object, names an image that was left out."""
    values = [value for _, value in item] if isinstance(item, _Object) else item
    return isinstance(values, list) and any(
        isinstance(value, str) and names.is_left_out(value) for value in values
    )


def _cuts(node, names: Names) -> dict:
    """What to take out of an array or object: by place, `True` or the same of what is there."""
    cuts: dict[int, bool | dict] = {}
    nested: bool | dict
    if isinstance(node, _Object):
        # An object of objects is a table, whose rows may be records of images.
        is_table = all(isinstance(value, _Object) for _, value in node)
        for place, (key, value) in enumerate(node):
            if names.is_left_out(key) or (is_table and _is_record_left_out(value, names)):
                cuts[place] = True
            elif nested := _cuts(value, names):
                cuts[place] = nested
        _refuse_columns(node, cuts, names)
    elif isinstance(node, list):
        for place, value in enumerate(node):
            if isinstance(value, str):
                nested = names.is_left_out(value)
            elif not isinstance(value, list):
                continue
            elif _is_record_left_out(value, names):
                nested = True
                if not isinstance(value, _Object) and _are_images(value, names):
                    raise Unclear(
                        "it has arrays of images in an array, which may be rows or lists, and "
                        "names images that were left out"
                    )
            else:
                nested = _cuts(value, names)
            if nested:
                cuts[place] = nested
    return cuts


def _are_images(values: list, names: Names) -> bool:
    return all(isinstance(value, str) and names.is_image(value) for value in values)


def _refuse_columns(node: _Object, cuts: dict, names: Names) -> None:
    """Refuses arrays side by side, of which one names images and one may say what they show."""
    columns = [value for _, value in node if isinstance(value, list)]
    for place, nested in cuts.items():
        value = node[place][1]
        if nested is True or isinstance(value, _Object):
            continue
        strings = any(isinstance(value[index], str) for index in nested)
        for neighbour in columns if strings else []:
            same = neighbour is not value and len(neighbour) == len(value)
            if same and not _are_images(neighbour, names):
                raise Unclear(
                    f"the array {node[place][0]!r} names images that were left out, and another of "
                    "the same length may belong to it item by item"
                )


def _cut_annotations(data, cuts: dict) -> None:
    """Adds what belongs to the COCO images that are taken out: all with their `image_id`."""
    if not isinstance(data, _Object):
        return
    left_out = set()
    for place, nested in cuts.items():
        if data[place][0] == "images" and isinstance(nested, dict):
            images = data[place][1]
            removed = [images[index] for index in nested if isinstance(images[index], _Object)]
            left_out |= {_field(image, "id") for image in removed}
    left_out.discard(None)
    for place, (key, values) in enumerate(data):
        if not left_out or key == "images" or not isinstance(values, list):
            continue
        for index, value in enumerate(values):
            if isinstance(value, _Object) and _field(value, "image_id") in left_out:
                nested = cuts.setdefault(place, {})
                if nested is not True:
                    nested[index] = True


def _field(item: _Object, name: str):
    """A number or text of an object, `None` where there is none."""
    for key, value in item:
        if key == name:
            return None if isinstance(value, list) else value
    return None


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
