"""Makes public_api.txt: the names and signatures that users of the package build on.

    python tests/golden/make_public_api.py

tests/test_public_api.py compares on each backend. Whoever runs this again changes what users see,
and says so in CHANGELOG.md.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras_simgan

PATH = Path(__file__).with_name("public_api.txt")
#: Stands for a type that is missing.
UNTYPED = "untyped"
#: Its classes differ from backend to backend, and are no room of users.
BACKEND = "keras_simgan.backend"


def public_api() -> str:
    """The names that each public room exports, with their signatures."""
    names = [name for name in keras_simgan.__all__ if not name.startswith("_")]
    rooms = [importlib.import_module(f"keras_simgan.{name}") for name in names]
    exported = {
        thing for room in rooms for thing in vars(room).values() if _is_exported(thing, room)
    }
    return "\n".join(
        line
        for room in rooms
        for name in sorted(room.__all__)
        for line in describe(f"{room.__name__}.{name}", getattr(room, name), exported)
    )


def describe(name: str, thing: Any, exported: frozenset | set = frozenset()) -> Iterator[str]:
    """A public name: a function, or a class with what it does not inherit from an exported one.

    Args:
        name: With its room.
        thing: What it names.
        exported: The public classes; what a class inherits from them is listed there.
    """
    if not inspect.isclass(thing):
        yield signature(name, thing)
        return
    bases = [base for base in thing.__mro__[1:] if base in exported]
    yield f"class {name}" + "".join(f"({base.__name__})" for base in bases[:1])
    hidden = {base for public in bases for base in public.__mro__}
    owners = [
        owner
        for owner in thing.__mro__
        if owner not in hidden
        and owner.__module__.startswith(thing.__module__.partition(".")[0])
        and not owner.__module__.startswith(BACKEND)
    ]
    members = {key: member for owner in reversed(owners) for key, member in vars(owner).items()}
    for key, member in sorted(members.items()):
        if key.startswith("_") and key not in ("__init__", "__call__"):
            continue
        if isinstance(member, property):
            yield f"    {key}: property"
        elif isinstance(member, classmethod | staticmethod) or inspect.isfunction(member):
            kind = f"{type(member).__name__} " if not inspect.isfunction(member) else ""
            yield signature(f"    {kind}{key}", getattr(thing, key))


def signature(name: str, function: Any) -> str:
    """The name of a function, its arguments and what it returns, on as many lines as it needs.

    Args:
        name: With the indentation.
        function: What it names.
    """
    found = inspect.signature(function)
    arguments, after_star = [], False
    for argument in found.parameters.values():
        if argument.name == "self":
            continue
        if argument.kind is argument.KEYWORD_ONLY and not after_star:
            arguments.append("*")
        after_star |= argument.kind in (argument.KEYWORD_ONLY, argument.VAR_POSITIONAL)
        arguments.append(_argument(argument))
    # A constructor gives nothing, which nobody needs to say.
    is_constructor = name.endswith("__init__")
    returns = "" if is_constructor else f" -> {_type(found.return_annotation)}"
    line = f"{name}({', '.join(arguments)}){returns}"
    if len(line) <= 100:
        return line
    indent = " " * (len(name) - len(name.lstrip()))
    lines = "".join(f"\n{indent}    {argument}," for argument in arguments)
    return f"{name}({lines}\n{indent}){returns}"


def _argument(argument: inspect.Parameter) -> str:
    stars = {argument.VAR_POSITIONAL: "*", argument.VAR_KEYWORD: "**"}.get(argument.kind, "")
    text = f"{stars}{argument.name}: {_type(argument.annotation)}"
    if argument.default is not argument.empty:
        text += " = " + re.sub(r" at 0x[0-9a-f]+", "", repr(argument.default))
    return text


def _type(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return UNTYPED
    # Without the modules, which `from __future__ import annotations` and Keras' own moves change.
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", text)


def _is_exported(thing: Any, room: ModuleType) -> bool:
    return inspect.isclass(thing) and thing.__name__ in room.__all__


if __name__ == "__main__":
    PATH.write_text(public_api() + "\n")
    print(f"wrote {PATH}")
