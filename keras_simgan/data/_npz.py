"""Arrays out of `.npz` files."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.disk import open_regular


def load_npz(
    path: Path, keys: Sequence[str], argument: str
) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Reads a file.

    Args:
        path: The file.
        keys: Names of arrays that must be there.
        argument: What gives the keys, for errors.

    Returns:
        The arrays of `keys`, and the others by name.

    Raises:
        ImageError: If it cannot be read, or has no such arrays.
    """
    try:
        with open_regular(path) as opened:
            # NumPy would read a single array, or a pickle, just as well.
            if not zipfile.is_zipfile(opened):
                raise ValueError("it is no archive")
            opened.seek(0)
            with np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    except MemoryError:
        raise
    except Exception as error:  # on damaged files NumPy raises many kinds
        raise ImageError(f"{str(path)!r} is damaged, or not an .npz file: {error}.") from error
    for key in keys:
        if key not in arrays:
            raise ImageError(
                f"{str(path)!r} has no array {key!r}; it holds {', '.join(arrays)}. Pass one of "
                f"them as `{argument}`."
            )
    return [arrays.pop(key) for key in keys], arrays
