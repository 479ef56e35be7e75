"""Options as fields of a dataclass: what the command line and `run.json` need to know of each."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

Options = TypeVar("Options")


class Option(NamedTuple):
    """What is known of an option beside its name and its default, which are the field's.

    Attributes:
        help: What `--help` says of it. The default is added, unless it is `None` or `False`.
        argument: Further arguments of `argparse.ArgumentParser.add_argument`.
        path: Whether it names a file or folder, to be kept as an absolute path.
        may_change: Whether a run may be resumed with another value.
        closing: Whether it comes after the options of a subclass, as those do that every model has.
    """

    help: str
    argument: Mapping[str, Any]
    path: bool
    may_change: bool
    closing: bool


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    path: bool = False,
    may_change: bool = False,
    closing: bool = False,
    **argument: Any,
) -> Any:
    """Makes a field that is an option of the command line.

    A subclass that wants another default only gives that, as in `epochs: int = 200`.

    Args:
        default: Its default; without one the option must be given. `False` makes a switch.
        help: See `Option`.
        path: See `Option`.
        may_change: See `Option`.
        closing: See `Option`.
        **argument: See `Option`.

    Example:
        >>> from dataclasses import dataclass
        >>> from keras_simgan.runs.options import option, options_of
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Options:
        ...     epochs: int = option(20, "passes over the images", type=int, metavar="N")
        >>> options_of(Options)["epochs"].help
        'passes over the images'
    """
    known = Option(help, argument, path, may_change, closing)
    return dataclasses.field(default=default, metadata={"option": known})


def options_of(cls: type) -> dict[str, Option]:
    """The options of a dataclass by name, in the order of `--help`; other fields are none.

    Args:
        cls: The dataclass.
    """
    found = {}
    for field in dataclasses.fields(cls):
        for base in cls.__mro__:  # of a field with another default, the base's has the option
            known = getattr(base, "__dataclass_fields__", {}).get(field.name)
            if known is not None and "option" in known.metadata:
                found[field.name] = known.metadata["option"]
                break
    return dict(sorted(found.items(), key=lambda item: item[1].closing))


def values_of(options: Any) -> dict[str, Any]:
    """The values of options by name, in the order of `--help`.

    Args:
        options: An instance of a dataclass.
    """
    return {name: getattr(options, name) for name in options_of(type(options))}


def changed(options: Any, *names: str) -> dict[str, Any]:
    """Those of the named options that are not their defaults.

    Args:
        options: An instance of a dataclass.
        *names: Names of options that have a default.
    """
    return {
        name: getattr(options, name)
        for name in names
        if getattr(options, name) != getattr(type(options), name)
    }


def read_options(cls: type[Options], values: Mapping[str, Any]) -> Options:
    """Makes options from their values by name, as argparse or JSON gives them.

    Args:
        cls: The dataclass.
        values: What is missing here has its default, what is no option is ignored.

    Raises:
        TypeError: If an option without a default is missing.
        ValueError: If a value is of another type, or options do not go together.
    """
    given = {
        name: tuple(values[name]) if isinstance(values[name], list) else values[name]
        for name in options_of(cls)
        if name in values
    }
    hints = typing.get_type_hints(cls)
    for name, value in given.items():
        if not _is(value, hints[name]):
            expected = str(getattr(hints[name], "__name__", hints[name]))
            raise ValueError(f"{flag(name)} is {value!r}; expected {expected}.")
    return cls(**given)


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as the fields of options are annotated."""
    if isinstance(hint, types.UnionType):
        return any(_is(value, one) for one in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        parts = typing.get_args(hint)
        if not isinstance(value, tuple):
            return False
        if parts[-1] is ...:
            return all(_is(each, parts[0]) for each in value)
        return len(parts) == len(value) and all(map(_is, value, parts))
    if hint is float:
        return type(value) in (float, int)
    return type(value) is hint


def flag(name: str) -> str:
    """An option as it is typed.

    Args:
        name: The field's name.
    """
    return f"--{name.replace('_', '-')}"
