"""Image files: what is read, reading ahead, and writing files whole or not at all."""

import contextlib
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from keras_simgan import disk

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".avif")
VIDEO_SUFFIXES = (".apng", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
# Pictures that are not read here: met in a folder they are reported, never silently passed over.
OTHER_IMAGE_SUFFIXES = (
    *(".gif", ".heic", ".heif", ".jp2", ".jxl", ".exr", ".hdr", ".tga", ".jfif", ".dng"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
    *VIDEO_SUFFIXES,
)
THREADS = min(8, os.cpu_count() or 1)
# What `read_ahead` may read ahead of its consumer: so many results, which take so many bytes
# together with those that are being read. Decoders hold so many copies of an image's pixels.
_AHEAD, _AHEAD_BYTES, _COPIES = 32, 2**28, 4


class ImageError(ValueError):
    """An image that cannot be used. The message names it, what was expected, and the way out."""


def check_on_bad_image(on_bad_image: str) -> None:
    """Refuses what is neither `"error"` nor `"skip"`, with a ValueError."""
    if on_bad_image not in ("error", "skip"):
        raise ValueError(f'`on_bad_image` must be "error" or "skip". Received: {on_bad_image!r}')


def unsupported_format(path: str | Path) -> ImageError:
    """Makes the error for a picture of a format that is not read here.

    Args:
        path: The file.
    """
    if str(path).lower().endswith((".gif", *VIDEO_SUFFIXES)):
        return ImageError(
            f"{str(path)!r} holds moving pictures, which are not read here. Save its frames as "
            ".png, each a file, and take it out of the folder."
        )
    return ImageError(
        f"The image {str(path)!r} has an unsupported format. Convert it to one of "
        f"{', '.join(IMAGE_SUFFIXES)}."
    )


def read_ahead(function: Callable, names: Iterable[str], threads: int = THREADS) -> Iterator:
    """Maps names to what a function reads for them, in order, a little ahead in threads.

    Unlike `ThreadPoolExecutor.map` it does not read everything ahead of a slow consumer, but up to
    32 results, and no more than take 256 MiB together with what is being read. Larger images are
    read one by one, when they are asked for.

    Args:
        function: Called with each name.
        names: The names.
        threads: How many read at once.

    Yields:
        The function's results.
    """
    names = iter(names)
    pool = ThreadPoolExecutor(threads)
    room = _Room()
    places = itertools.count()
    waiting: deque[Future] = deque()
    try:
        while True:
            waiting.extend(
                pool.submit(room.read, function, next(places), name)
                for name in itertools.islice(names, _AHEAD - len(waiting))
            )
            if not waiting:
                return
            result = room.take(waiting.popleft())
            yield result
            del result  # or it would be in memory beside the next
    finally:
        room.close()
        pool.shutdown(cancel_futures=True)


class _Room:
    """The memory of one `read_ahead`: keeps its threads from reading what has no place in it.

    How much an image takes is known when it was read. Until then it is taken to be as large as the
    largest of the last ones; the first is read alone.
    """

    def __init__(self):
        self._changed = threading.Condition()
        self._next = self._running = 0
        self._is_awaited = self._is_closed = False
        self._held: dict[int, int] = {}
        self._last: deque[int] = deque(maxlen=_AHEAD)

    def read(self, function: Callable, place: int, name: str) -> Any:
        """Reads one as soon as there is room, or its consumer waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_room(place))
            if self._is_closed:
                return None
            self._running += 1
        _decoded.bytes = held = 0
        try:
            result = function(name)
            held = _bytes_of(result)
            return result
        finally:
            with self._changed:
                self._running -= 1
                self._held[place] = held
                self._last.append(max(held, _decoded.bytes))
                self._changed.notify_all()

    def _has_room(self, place: int) -> bool:
        if place == self._next and self._is_awaited:
            return True
        if not self._last:
            return not self._running
        reading = _COPIES * max(self._last) * (self._running + 1)
        return sum(self._held.values()) + reading <= _AHEAD_BYTES

    def take(self, future: Future) -> Any:
        """Waits for the next result."""
        self._note(is_awaited=True)
        try:
            return future.result()
        finally:
            self._note(is_awaited=False)

    def _note(self, is_awaited: bool) -> None:
        with self._changed:
            self._is_awaited = is_awaited
            if not is_awaited:
                self._held.pop(self._next, None)
                self._next += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Lets go of the threads that wait."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


_decoded = threading.local()


def note_decoded(count: int) -> None:
    """Tells `read_ahead` how many bytes an image took that its function makes smaller.

    Args:
        count: The bytes of its pixels.
    """
    _decoded.bytes = max(getattr(_decoded, "bytes", 0), count)


def _bytes_of(result: Any) -> int:
    if isinstance(result, list | tuple):
        return sum(map(_bytes_of, result))
    return getattr(result, "nbytes", 0)


@contextlib.contextmanager
def replacing(path: str | Path, sync: bool = False) -> Iterator[Path]:
    """Does what `disk.replacing` does; errors say what is the matter with which file.

    Args:
        path: Where the file is to appear, whole or not at all. Its folder is made.
        sync: Wait until it is on the disk, so that it survives a power cut too.

    Yields:
        The path to write to.

    Raises:
        ImageError: If the file cannot be written.
    """
    try:
        with disk.replacing(path, sync) as temporary:
            yield temporary
    except OSError as error:
        raise ImageError(f"Cannot write {str(path)!r}: {error.strerror or error}.") from error
