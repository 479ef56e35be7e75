"""Files written whole or not at all, under names that nobody can know, and read if regular."""

import errno
import hashlib
import io
import os
import stat
import threading

import pytest

from keras_simgan.data.files import ImageError
from keras_simgan.data.files import replacing as replacing_for_users
from keras_simgan.disk import (
    TEMPORARY_PREFIX,
    copy_regular,
    open_regular,
    read_regular,
    remove_unfinished,
    replacing,
    temporary_folder,
)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.png"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert not path.exists() and temporary.suffix == ".png"
    assert path.read_text() == "new"
    with pytest.raises(KeyError), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_two_writers_never_have_one_name(tmp_path):
    with replacing(tmp_path / "a") as one, replacing(tmp_path / "a") as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"


@pytest.mark.parametrize("letter", ["x", "ü", "\N{EYE}"])
def test_a_name_as_long_as_names_may_be(tmp_path, letter):
    path = tmp_path / (letter * ((255 - 4) // len(letter.encode())) + ".png")
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_links_are_replaced_and_never_written_through(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "symbolic").symlink_to("mine")
    (tmp_path / "hard").hardlink_to(tmp_path / "mine")
    for name in ("symbolic", "hard"):
        with replacing(tmp_path / name) as temporary:
            temporary.write_text("new")
        assert (tmp_path / name).read_text() == "new"
        assert not (tmp_path / name).is_symlink()
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_name_that_is_taken_is_refused(tmp_path, monkeypatch):
    """As it would be if somebody guessed it."""
    (tmp_path / "mine").write_text("mine")
    monkeypatch.setattr("secrets.token_hex", lambda length: "guessed")
    (tmp_path / f"{TEMPORARY_PREFIX}guesseda.png").symlink_to("mine")
    with pytest.raises(FileExistsError), replacing(tmp_path / "a.png"):
        pass
    with pytest.raises(ImageError, match="Cannot write .*a.png': File exists"):
        with replacing_for_users(tmp_path / "a.png"):
            pass
    assert (tmp_path / "mine").read_text() == "mine"


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("a")
    with temporary_folder(tmp_path) as folder:
        assert stat.S_IMODE(folder.stat().st_mode) & 0o666 == stat.S_IMODE(
            (tmp_path / "a").stat().st_mode
        )
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert not folder.exists()


def test_what_was_left_unfinished_is_removed_and_nothing_else(tmp_path):
    own = tmp_path / f"{TEMPORARY_PREFIX}0123.png"
    own.touch()
    (tmp_path / f"{TEMPORARY_PREFIX}4567").mkdir()
    (tmp_path / f"{TEMPORARY_PREFIX}4567/shards").touch()
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    (tmp_path / f"{TEMPORARY_PREFIX}89ab").symlink_to("kept")
    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "absent")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{TEMPORARY_PREFIX}89ab", "kept"]
    assert (tmp_path / "kept/file").exists()


def test_a_regular_file_is_read_as_long_as_it_was(tmp_path, monkeypatch):
    content = os.urandom(3 * 2**20 + 5)
    (tmp_path / "a").write_bytes(content)
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "link") == content
    copy = io.BytesIO()
    assert copy_regular(tmp_path / "a", copy) == hashlib.sha256(content).hexdigest()
    assert copy.getvalue() == content
    # Somebody goes on writing.
    look, size = os.fstat, 10
    monkeypatch.setattr(
        os, "fstat", lambda file: os.stat_result([*look(file)[:6], size, *look(file)[7:]])
    )
    assert read_regular(tmp_path / "a") == content[:size]
    assert copy_regular(tmp_path / "a") == hashlib.sha256(content[:size]).hexdigest()


@pytest.mark.parametrize("read", [open_regular, read_regular, copy_regular])
def test_pipes_devices_and_sockets_neither_block_nor_end_never(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name, reason in {"pipe": "but a pipe", "device": "but a device"}.items():
        found = []
        thread = threading.Thread(
            target=lambda name=name, found=found: found.append(error_of(read, tmp_path / name)),
            daemon=True,
        )
        thread.start()
        thread.join(10)
        assert found and found[0].errno == errno.EINVAL and reason in str(found[0])
    with pytest.raises(OSError):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent")


def error_of(function, path):
    try:
        function(path)
    except OSError as error:
        return error
    return None
