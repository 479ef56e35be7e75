"""Files on disk: written whole or not at all, and read only where they are regular files."""

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: How names begin of what is written beside its place. Hidden, so no reader of a folder takes it.
TEMPORARY_PREFIX = ".keras_simgan-part-"
#: What the system says where there is no room for a file.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHUNK = 2**20


@contextlib.contextmanager
def replacing(path: str | Path, sync: bool = False) -> Iterator[Path]:
    """Gives a hidden path beside a file to write to, and moves that into its place at the end.

    Whatever has the file's name, a link for one, is replaced and never written into; and nobody can
    know the hidden name before it is taken.

    Args:
        path: Where the file is to appear, whole or not at all. Its folder is made.
        sync: Wait until it is on the disk, so that it survives a power cut too.

    Yields:
        The path of an empty file to write to. Its name is short and ends as that of `path`, as some
        writers go by a suffix.

    Raises:
        OSError: If the file cannot be written.

    Example:
        >>> with replacing("notes/a.txt") as temporary:
        ...     _ = temporary.write_text("whole")
        >>> Path("notes/a.txt").read_text()
        'whole'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _new_name(path.parent, ending=path.name[-12:])
    temporary.touch(exist_ok=False)  # O_EXCL: it follows no link
    try:
        yield temporary
        if sync:
            _wait_for(temporary, os.O_RDWR)
        os.replace(temporary, path)
        if sync and os.name != "nt":  # which has no such thing for folders
            _wait_for(path.parent, os.O_RDONLY)
    finally:
        with contextlib.suppress(OSError):  # it is not there once it was moved
            temporary.unlink()


def check_room(folder: str | Path, size: int) -> None:
    """Raises where a file of so many bytes would not find room in a folder.

    To be asked before a library writes that does not stand a full disk: HDF5 prints tracebacks, and
    may take the process down with it.

    Args:
        folder: The folder. It is made.
        size: The bytes.

    Raises:
        OSError: If there is no room.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    if not hasattr(os, "posix_fallocate"):
        if shutil.disk_usage(folder).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return
    with tempfile.TemporaryFile(dir=folder) as file:  # that has no name to be left behind
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno in FULL:
                raise


@contextlib.contextmanager
def temporary_folder(parent: str | Path) -> Iterator[Path]:
    """Gives a new hidden folder, which is removed at the end with all that is in it.

    Unlike those of `tempfile` others may write into it as far as the umask allows, such as the
    workers of a cluster.

    Args:
        parent: Where.

    Yields:
        The folder.
    """
    folder = _new_name(Path(parent))
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished(folder: str | Path) -> None:
    """Removes what killed processes left in a folder of what they wrote beside its place.

    To be called only where nobody else is writing there.

    Args:
        folder: The folder. What is in its folders stays.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(TEMPORARY_PREFIX):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.is_file(follow_symlinks=False):
                Path(entry).unlink(missing_ok=True)


def _wait_for(path: Path, flags: int) -> None:
    """Waits until a file's content, or a folder's names, are on the disk."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _new_name(parent: Path, ending: str = "") -> Path:
    return parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{ending}"


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a regular file for reading; a pipe or a device neither blocks nor is read.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be opened, or is no regular file.

    Example:
        >>> open_regular("/dev/zero")
        Traceback (most recent call last):
        OSError: [Errno 22] not a regular file, but a device: '/dev/zero'
    """
    file = open(path, "rb", opener=_open_at_once)
    mode = os.fstat(file.fileno()).st_mode
    if not stat.S_ISREG(mode):
        file.close()
        kind = "pipe" if stat.S_ISFIFO(mode) else "device"
        raise OSError(errno.EINVAL, f"not a regular file, but a {kind}", str(path))
    return file


def _open_at_once(path: str, flags: int) -> int:
    # A pipe that nobody writes to would block here. Windows has no such pipes, and no such flag.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_regular(path: str | Path) -> bytes:
    """Reads a regular file, as long as it is when it is opened.

    Args:
        path: The file.

    Raises:
        OSError: If it cannot be read, or is no regular file.
    """
    with open_regular(path) as file:
        return file.read(os.fstat(file.fileno()).st_size)


def copy_regular(path: str | Path, copy: BinaryIO | None = None) -> str:
    """Reads a regular file in pieces, as long as it is when it is opened, and copies them.

    Args:
        path: The file.
        copy: What to write them to, if anything.

    Returns:
        The SHA-256 of what was read.

    Raises:
        OSError: If it cannot be read, is no regular file, or `copy` cannot be written.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        left = os.fstat(file.fileno()).st_size
        while piece := file.read(min(left, _CHUNK)):
            left -= len(piece)
            digest.update(piece)
            if copy is not None:
                copy.write(piece)
    return digest.hexdigest()
