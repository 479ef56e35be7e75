"""Reading a folder into memory, or only checking it where it is too large for that."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from keras_simgan.data.files import ImageError, read_ahead

MEMORY_LIMIT = 2 * 1024**3
_PROGRESS_FROM = 1000  # images; fewer are read in a moment


def read_all(
    read: Callable[[str], Sequence[np.ndarray]],
    names: list[str],
    settled: Callable[[], bool],
    folder: Path,
    on_bad_image: str,
    memory_limit: int,
) -> tuple[list[np.ndarray] | None, list[int], list[tuple[str, str]]]:
    """Reads everything once.

    Args:
        read: Gives the arrays that belong to a name, or raises an ImageError. What the first good
            name settles, such as the size, it keeps.
        names: The names.
        settled: Whether that has been settled.
        folder: Where they are, for messages.
        on_bad_image: `"error"` or `"skip"`.
        memory_limit: The most bytes that the arrays may take.

    Returns:
        The arrays of all good names stacked, or None if they would take too much memory; the good
        names' places in `names`; `(name, reason)` of the others.

    Raises:
        ImageError: Of the first bad name, unless it is to be skipped; or if none is good.
    """

    def try_read(name: str) -> Sequence[np.ndarray] | ImageError:
        try:
            return read(name)
        except ImageError as error:
            return error

    good: list[int] = []
    skipped: list[tuple[str, str]] = []
    stacks: list[np.ndarray] | None = None
    # The first good name settles what is left open before the threads start.
    for name in names:
        if settled():
            break
        try_read(name)
    progress = keras.utils.Progbar(len(names), unit_name="image")
    for number, (name, images) in enumerate(zip(names, read_ahead(try_read, names), strict=True)):
        done = number + 1
        if len(names) >= _PROGRESS_FROM and (done % 100 == 0 or done == len(names)):
            progress.update(done)
        if isinstance(images, ImageError):
            if on_bad_image == "error":
                raise images
            skipped.append((name, str(images)))
            continue
        if not good and len(names) * sum(image.nbytes for image in images) <= memory_limit:
            stacks = [np.empty((len(names), *image.shape), image.dtype) for image in images]
        if stacks is not None:
            stacks = [
                _put(stack, len(good), image) for stack, image in zip(stacks, images, strict=True)
            ]
        good.append(number)
    if not good:
        raise ImageError(
            f"None of the {len(names)} images in {str(folder)!r} can be used. The first: "
            f"{skipped[0][1]}"
        )
    kept = None if stacks is None else [stack[: len(good)] for stack in stacks]
    return kept, good, skipped


def warn_of_skipped(skipped: list[tuple[str, str]], count: int, folder: Path) -> None:
    """Warns of names that were left out; called three calls below what the user called.

    Args:
        skipped: `(name, reason)` of each.
        count: How many names there were.
        folder: Where.
    """
    if skipped:
        warnings.warn(
            f"{len(skipped)} of {count} images in {str(folder)!r} are skipped: "
            + ", ".join(repr(name) for name, _ in skipped[:3])
            + (", ..." if len(skipped) > 3 else "")
            + ". Their reasons are in `skipped`.",
            stacklevel=5,
        )


def resize_all(
    images: np.ndarray,
    size: tuple[int, int] | None,
    resize: Callable[[np.ndarray, tuple[int, int]], np.ndarray],
) -> np.ndarray:
    """Resizes an array of images where it must.

    Args:
        images: Shape `(n, height, width, channels)`.
        size: The new `(height, width)`, or None for their own.
        resize: Resizes one image.
    """
    if size is None or images.shape[1:3] == size:
        return images
    return np.stack([resize(image, size) for image in images])


def _put(stack: np.ndarray, row: int, image: np.ndarray) -> np.ndarray:
    """Writes an image into its row, at 16 bits as soon as one has them."""
    if image.dtype == "uint16" and stack.dtype == "uint8":
        stack = stack.astype("uint16") * 257  # 255 * 257 = 65535
    elif image.dtype == "uint8" and stack.dtype == "uint16":
        image = image.astype("uint16") * 257
    stack[row] = image
    return stack
