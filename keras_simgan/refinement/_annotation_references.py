"""Which parts of a JSON document name images, and whether these were left out."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from keras_simgan.refinement._annotation_names import IMAGE_KEY, OTHER_KEY, Names, Unclear, is_word

_IMAGE_ID = re.compile(r"(?:image|img)[_ -]?id", re.IGNORECASE)
# Keys of numbers that may be images' names.
_NUMBER_KEY = re.compile(r"(?:image|img|frame|photo|picture)(?:[ _-]?id)?", re.IGNORECASE)
_ID_BYTES = 2**28


class JsonObject(list):
    """A JSON object as its pairs, which keeps their order and keys that occur twice."""


class References:
    """What a JSON document says of images.

    Args:
        data: The document, with `JsonObject` for its objects.
        names: What the names in it mean.
    """

    def __init__(self, data, names: Names):
        self._names = names
        self._counts: dict[tuple, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._ids: dict = {}
        self._asked_ids: set = set()
        self._survey(data, ())
        if self._asked_ids and not self._ids:
            self._ids = _ids_beside(names)
        self._keyed: set[int] = set()
        self._tables: set[int] = set()
        self._lists: set[int] = set()
        self._stems: set[int] = set()
        #: Of each array and object with an image that was left out: what it says of images in
        #: fields of its own, and anywhere.
        self._found: dict[int, tuple[set[bool], set[bool]]] = {}
        self._look(data, ())

    def of(self, node: list) -> tuple[set[bool], set[bool]]:
        """What an array or object says in fields of its own, and anywhere within.

        Args:
            node: The array or object.

        Returns:
            Two sets, with `True` for images that were left out and `False` for others; both empty
            where it names none that was left out.
        """
        return self._found.get(id(node), (set(), set()))

    def of_key(self, node: JsonObject, key: str) -> bool:
        """Whether a key of an object is the name of an image that was left out.

        Args:
            node: The object.
            key: Its key.
        """
        return self._names.resolved(key, id(node) in self._keyed) is True

    def of_item(self, node: list, value) -> bool | None:
        """The same of a text or number in an array of names, `None` where it names no image.

        Args:
            node: The array.
            value: One of its items.
        """
        if id(node) not in self._lists or not isinstance(value, str):
            return None
        return self._names.resolved(value, id(node) in self._stems)

    def is_table(self, node: JsonObject) -> bool:
        """Whether each entry of an object is about images of its own.

        Args:
            node: The object.
        """
        return id(node) in self._tables

    def is_list_of_images(self, node: list) -> bool:
        """Whether an array holds names of images, and nothing else.

        Args:
            node: The array or object.
        """
        return not isinstance(node, JsonObject) and all(
            isinstance(value, str) and (self._names.is_image(value) or id(node) in self._stems)
            for value in node
        )

    def _survey(self, node, path: tuple) -> None:
        """Counts at each place the texts, and those that are names without suffix."""
        if isinstance(node, JsonObject):
            _note_id(self._ids, dict(node), self._names)
            for key, value in node:
                self._count((*path, None), key)
                if isinstance(value, str | int) and _IMAGE_ID.fullmatch(key):
                    if len(self._asked_ids) < 2:
                        self._asked_ids.add(value)
                self._survey(value, (*path, _step(key)))
        elif isinstance(node, list):
            are_names = _NUMBER_KEY.fullmatch(_key(path))
            for place, value in enumerate(node):
                if isinstance(value, str | list) or are_names:
                    self._survey(value, (*path, _place(path, place)))
        elif isinstance(node, str) or (isinstance(node, int) and _NUMBER_KEY.fullmatch(_key(path))):
            self._count(path, str(node))

    def _count(self, path: tuple, text: str) -> None:
        count = self._counts[path]
        count[0] += 1
        if not self._names.is_image(text):
            verdict = self._names.resolved(text, True)
            count[1] += verdict is not None
            count[2] += is_word(text)
            count[3] += verdict is True

    def _are_stems(self, path: tuple) -> bool:
        """Whether the values at a place are images' names without suffix."""
        total, stems, words, left_out = self._counts.get(path, (0, 0, 0, 0))
        key = _key(path)
        if not stems or 2 * stems < total or OTHER_KEY.search(key):
            return False
        if 2 * words >= total or IMAGE_KEY.fullmatch(key) or _IMAGE_ID.fullmatch(key):
            return True
        if left_out and len(path) == 1:
            raise Unclear("it has numbers that may be names of images that were left out")
        return False

    def _look(self, node, path: tuple) -> tuple[set[bool], set[bool]]:
        if isinstance(node, JsonObject):
            found = self._of_object(node, path)
        elif isinstance(node, list):
            found = self._of_array(node, path)
        else:
            verdict = self._of_scalar(node, path)
            return (set(), set()) if verdict is None else ({verdict}, {verdict})
        if True in found[1]:
            self._found[id(node)] = found
        return found

    def _of_object(self, node: JsonObject, path: tuple) -> tuple[set[bool], set[bool]]:
        keyed = self._are_stems((*path, None))
        if keyed:
            self._keyed.add(id(node))
        own: set[bool] = set()
        within: set[bool] = set()
        are_rows = bool(node)
        for key, value in node:
            verdict = self._names.resolved(key, keyed)
            mine, inside = self._look(value, (*path, _step(key)))
            within |= inside if verdict is None else {*inside, verdict}
            own |= mine if verdict is None else set()
            are_rows &= isinstance(value, list) and bool(mine) and any(map(str.isdigit, key))
        if are_rows:
            self._tables.add(id(node))
            own = set()
        return own, within

    def _of_array(self, node: list, path: tuple) -> tuple[set[bool], set[bool]]:
        own: set[bool] = set()
        within: set[bool] = set()
        images = scalars = 0
        are_names = _NUMBER_KEY.fullmatch(_key(path))
        for place, value in enumerate(node):
            if not isinstance(value, str | list) and not are_names:
                scalars += 1
                continue
            inner = (*path, _place(path, place))
            mine, inside = self._look(value, inner)
            within |= inside
            if not isinstance(value, list):
                scalars += 1
                own |= mine
                if isinstance(value, str) and self._names.is_image(value):
                    images += 1
                elif isinstance(value, str) and self._are_stems(inner):
                    images += 1
                    self._stems.add(id(node))
        if images == scalars:
            self._lists.add(id(node))
            own = set()
        return own, within

    def _of_scalar(self, value, path: tuple) -> bool | None:
        key = _key(path)
        if isinstance(value, str | int) and _IMAGE_ID.fullmatch(key):
            if self._ids:
                return self._ids.get(value)
            if len(self._asked_ids) > 1 and not self._are_stems(path):
                raise Unclear(f"no file says which image has the {key} {value!r}")
        if isinstance(value, str) or (isinstance(value, int) and _NUMBER_KEY.fullmatch(key)):
            return self._names.resolved(str(value), self._are_stems(path))
        return None


def _step(key: str) -> str | int:
    """The part of a place that a key makes: keys with digits are one of many."""
    return 0 if any(map(str.isdigit, key)) else key


def _place(path: tuple, place: int) -> int:
    """The same of an array: in arrays of arrays each item is a column."""
    return place if path and isinstance(path[-1], int) else 0


def _key(path: tuple) -> str:
    """The last key on the way to a place."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def _note_id(ids: dict, fields: dict, names: Names) -> None:
    """Notes the id of an image, as COCO has it: of an object with an id and an image."""
    key = next(filter(_IMAGE_ID.fullmatch, fields), "id")
    number = fields.get(key)
    if not isinstance(number, str | int):
        return
    verdicts = {
        verdict
        for value in fields.values()
        if isinstance(value, str)
        and names.is_image(value)
        and (verdict := names.resolved(value)) is not None
    }
    if verdicts:
        verdict = verdicts.pop() if len(verdicts) == 1 else None
        ids[number] = verdict if ids.get(number, verdict) == verdict else None


def _ids_beside(names: Names) -> dict:
    """The ids of images in other JSON files: of the annotation's folder, or else of those near."""
    known = names.images.ids
    if names.folder not in known:
        folder = names.source / names.folder
        known[names.folder] = _ids_in(sorted(folder.glob("*.json")), names)
        if not known[names.folder] and names.folder:
            near = [*folder.parent.glob("*.json"), *folder.parent.glob("*/*.json")]
            known[names.folder] = _ids_in(sorted(near), names)
    return known[names.folder]


def _ids_in(paths: list[Path], names: Names) -> dict:
    ids: dict = {}
    for path in paths:
        try:
            if not path.is_file() or path.stat().st_size > _ID_BYTES:
                continue
            content = path.read_bytes()
            data = json.loads(content) if b'id"' in content else None
        except (OSError, ValueError, RecursionError):
            continue
        name = path.relative_to(names.source).as_posix()
        listed = data.get("images") if isinstance(data, dict) else data
        there = Names(name, names.source, names.source, names.images)
        for image in listed if isinstance(listed, list) else ():
            if isinstance(image, dict):
                _note_id(ids, image, there)
    return ids
