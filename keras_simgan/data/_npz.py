"""Arrays out of `.npz` files."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError


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
    if path.exists() and not path.is_file():  # reading a FIFO would wait for ever
        raise ImageError(f"{str(path)!r} is no regular file; expected an .npz file.")
    try:
        with np.load(path, allow_pickle=False) as file:
            for key in keys:
                if key not in file:
                    raise ImageError(
                        f"{str(path)!r} has no array {key!r}; it holds {', '.join(file.files)}. "
                        f"Pass one of them as `{argument}`."
                    )
            others = {name: file[name] for name in file.files if name not in keys}
            return [file[key] for key in keys], others
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{str(path)!r} is damaged, or not an .npz file: {error}.") from error
