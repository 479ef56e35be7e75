"""The names and signatures that users build on change on purpose only."""

import difflib
import importlib.util
import pathlib

import pytest

SCRIPT = pathlib.Path(__file__).parent / "golden" / "make_public_api.py"
spec = importlib.util.spec_from_file_location("make_public_api", SCRIPT)
make_public_api = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_public_api)


def test_public_api_is_the_one_in_the_snapshot():
    snapshot = make_public_api.PATH.read_text().splitlines()
    found = make_public_api.public_api().splitlines()
    difference = difflib.unified_diff(
        snapshot, found, "public_api.txt", "the package", n=12, lineterm=""
    )
    report = "\n".join(difference)
    if report:
        pytest.fail(
            f"The public API is not the one of tests/golden/public_api.txt:\n{report}\nIf users "
            "shall see this, renew it with `python tests/golden/make_public_api.py`, and say in "
            "CHANGELOG.md what changed.",
            pytrace=False,
        )


def test_every_argument_and_result_has_a_type():
    lines = make_public_api.PATH.read_text().splitlines()
    assert [line for line in lines if make_public_api.UNTYPED in line] == []


class Base:
    def __init__(self, size: int, *, name: "str | None" = None):
        pass

    def inherited(self):
        pass


class Derived(Base):
    def call(self, *inputs, training=False) -> float:
        pass

    @classmethod
    def build(cls, folder: "pathlib.Path", count: pathlib.Path = 3) -> None:
        pass

    @property
    def size(self):
        pass

    def _private(self):
        pass


def described(*arguments):
    return list(make_public_api.describe("room.Derived", Derived, *arguments))


def test_an_exported_base_lists_what_it_gives():
    assert described({Base}) == [
        "class room.Derived(Base)",
        "    classmethod build(folder: Path, count: Path = 3) -> None",
        "    call(*inputs: untyped, training: untyped = False) -> float",
        "    size: property",
    ]


def test_a_private_base_counts_as_the_class_itself():
    assert described()[1] == "    __init__(size: int, *, name: str | None = None)"
    assert "    inherited() -> untyped" in described()


def test_what_is_too_long_for_a_line_has_a_line_for_each_argument():
    def function(first_argument: int = 0, *, second_argument: str = "a" * 60):
        pass

    assert make_public_api.signature("  function", function).splitlines() == [
        "  function(",
        "      first_argument: int = 0,",
        "      *,",
        f"      second_argument: str = {'a' * 60!r},",
        "  ) -> untyped",
    ]
