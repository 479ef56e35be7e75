"""Folders of images: listing, reading ahead, and writing files whole or not at all."""

import contextlib
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".avif")
VIDEO_SUFFIXES = (".apng", ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
# Pictures that are not read here: met in a folder they are reported, never silently passed over.
OTHER_IMAGE_SUFFIXES = (
    *(".gif", ".heic", ".heif", ".jp2", ".jxl", ".exr", ".hdr", ".tga", ".jfif", ".dng"),
    *(".pbm", ".pgm", ".ppm", ".pnm"),
    *VIDEO_SUFFIXES,
)
THREADS = min(8, os.cpu_count() or 1)
TEMPORARY_SUFFIX = ".keras_simgan.tmp"


class ImageError(ValueError):
    """An image that cannot be used. The message names it, what was expected, and the way out."""


def check_on_bad_image(on_bad_image: str) -> None:
    """Refuses what is neither `"error"` nor `"skip"`, with a ValueError."""
    if on_bad_image not in ("error", "skip"):
        raise ValueError(f'`on_bad_image` must be "error" or "skip". Received: {on_bad_image!r}')


def list_images(folder: str | Path) -> list[str]:
    """Lists the images below a folder.

    Args:
        folder: A folder. Sub-folders count; hidden files and folders do not.

    Returns:
        The images' paths relative to `folder`, with forward slashes, sorted.

    Raises:
        ImageError: If the folder is missing, or holds no image.
    """
    names = [n for n in list_files(folder) if n.lower().endswith(IMAGE_SUFFIXES)]
    if not names:
        raise ImageError(
            f"No image in the folder {str(folder)!r} or below it. Expected files that end in "
            f"{', '.join(IMAGE_SUFFIXES)}."
        )
    return names


def list_files(folder: str | Path) -> list[str]:
    """Lists all files below a folder that are not hidden, as `list_images` does.

    Args:
        folder: A folder.

    Returns:
        Paths relative to `folder`, with forward slashes, sorted.

    Raises:
        ImageError: If the folder is missing, is a file, or cannot be read.
    """
    return sorted(walk_files(folder))


def walk_files(folder: str | Path) -> Iterator[str]:
    """Goes through the files of `list_files` in no order, without holding their names in memory.

    Args:
        folder: A folder.

    Yields:
        Paths relative to `folder`, with forward slashes.

    Raises:
        ImageError: If the folder is missing, is a file, or cannot be read.
    """
    folder = Path(folder)
    if not folder.exists():
        raise ImageError(f"The folder {str(folder)!r} does not exist. Check the path.")
    if not folder.is_dir():
        raise ImageError(f"{str(folder)!r} is a file; expected a folder of images.")
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        try:
            with os.scandir(folder / relative) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        if not entry.is_symlink():  # it may lead in a circle
                            waiting.append(f"{relative}{entry.name}/")
                    else:
                        yield relative + entry.name
        except OSError as error:
            raise ImageError(
                f"The folder {error.filename!r} cannot be read: {error.strerror}."
            ) from error


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


def read_ahead(
    function: Callable,
    names: Iterable[str],
    threads: int = THREADS,
    ahead: Callable[[], int] = lambda: 32,
) -> Iterator:
    """Maps names to what a function reads for them, in order, a little ahead in threads.

    Unlike `ThreadPoolExecutor.map` it does not read everything ahead of a slow consumer.

    Args:
        function: Called with each name.
        names: The names.
        threads: How many read at once.
        ahead: How many results may wait, asked for anew each time.

    Yields:
        The function's results.
    """
    names = iter(names)
    pool = ThreadPoolExecutor(threads)
    waiting: deque = deque()
    try:
        while True:
            room = max(ahead() - len(waiting), 0 if waiting else 1)
            waiting.extend(pool.submit(function, name) for name in itertools.islice(names, room))
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Gives a hidden path beside a file to write to, and moves that into its place at the end.

    Args:
        path: Where the file is to appear, whole or not at all. Its folder is made.

    Yields:
        The path to write to.

    Raises:
        ImageError: If the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise ImageError(f"Cannot write {str(path)!r}: {error.strerror}.") from error
    finally:
        with contextlib.suppress(OSError):  # it is not there once it was moved
            temporary.unlink()
