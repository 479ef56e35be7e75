"""Which files of several folders belong together, by name."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from keras_simgan.data.files import ImageError
from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.listing import list_folder


def pair_names(
    folders: dict[str, Path],
    match: str | None = None,
    skip: bool = False,
    rules: Mapping[str, LabelRule] | None = None,
) -> tuple[list[dict[str, str]], list[tuple[str, str]]]:
    """Matches the images of folders by their names relative to the folder, without suffix.

    Args:
        folders: The folders, by the argument that gave each.
        match: A regular expression: the part of a name that it finds, or its first group, is
            compared in place of the whole name.
        skip: Whether to leave out names that are not in every folder, and what is no regular file,
            instead of failing.
        rules: What is a label in each folder, and so no image.

    Returns:
        The file names of each match by argument, sorted; and `(name, reason)` of what was left out.

    Raises:
        ImageError: If a folder is missing or empty, a file has no partner, or several could be it.
        ValueError: If `match` is no regular expression.
    """
    try:
        pattern = None if match is None else re.compile(match)
    except re.error as error:
        raise ValueError(f"`match` is no regular expression: {error}. Got: {match!r}") from error
    files: dict[str, dict[str, str]] = {}
    alone: list[tuple[str, str]] = []
    for argument, folder in folders.items():
        listed, no_files = list_folder(folder, (rules or {}).get(argument, LabelRule()), skip)
        files[argument] = _by_key(folder, listed, pattern)
        alone += no_files
    problems = []
    for argument, names in files.items():
        for other, partners in files.items():
            missing = [names[key] for key in names if key not in partners]
            if missing:
                where = repr(str(folders[other]))
                problems.append(
                    f"{len(missing)} of {len(names)} images in {str(folders[argument])!r} "
                    f"have no partner in {where}: {_some(missing)}"
                )
                alone += [(name, f"{name!r} has no partner in {where}.") for name in missing]
    if problems and not skip:
        raise ImageError(
            f"{'; '.join(problems)}. Expected the same names but for the suffix. Add or take out "
            'the files, pass `on_bad_image="skip"` to go on without them, or `match` if a part of '
            "the names tells what belongs together."
        )
    first = next(iter(files.values()))
    common = [key for key in first if all(key in names for names in files.values())]
    if not common:
        raise ImageError(
            f"No two images belong together: {'; '.join(problems)}. Pass `match` if a part of the "
            "names tells what does."
        )
    pairs = [{argument: names[key] for argument, names in files.items()} for key in common]
    return pairs, list(dict(alone).items())


def _by_key(folder: Path, names: list[str], pattern: re.Pattern | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        key = str(PurePosixPath(name).with_suffix(""))
        if pattern is not None:
            part = pattern.search(key)
            key = (part[1 if pattern.groups else 0] or "") if part else ""
            if not key:
                raise ImageError(
                    f"The name of {str(folder / name)!r} has nothing that `match` finds: "
                    f"{pattern.pattern!r}."
                )
        if key in found:
            raise ImageError(
                f"{found[key]!r} and {name!r} in {str(folder)!r} are both named {key!r}; expected "
                "one image of each name. Take one out."
            )
        found[key] = name
    return found


def _some(names: list[str], count: int = 3) -> str:
    shown = ", ".join(repr(name) for name in names[:count])
    return shown + (", ..." if len(names) > count else "")
