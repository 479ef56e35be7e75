"""Copying the files of a data set that are not refined: labels, masks, notes."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

from keras_simgan.data.files import ImageError, replacing
from keras_simgan.disk import copy_regular, read_regular
from keras_simgan.refinement import tfrecords
from keras_simgan.refinement.annotations import is_annotation, rewrite_annotations
from keras_simgan.refinement.record import Outcome, fingerprint

# Larger annotations are copied as they are, without being read into memory.
_ANNOTATION_BYTES = 2**28


def copy_file(
    name: str,
    source: Path,
    destination: Path,
    is_left_out: Callable[[str], bool],
    is_image: bool,
    output: str | None = None,
) -> Outcome:
    """Copies a file; annotations are rewritten where they must be.

    Args:
        name: The file, relative to the source.
        source: The folder to read from.
        destination: The folder to write to.
        is_left_out: Tells of an image whether the destination leaves it out.
        is_image: Whether the file is an image, such as a mask, and so no annotation.
        output: The copy, relative to the destination; `name` when left out.

    Returns:
        What to note.

    Raises:
        ImageError: If it cannot be copied, or changes meanwhile.
    """
    path, output = source / name, output or name
    before = fingerprint(path)
    try:
        input_sha256 = copy_regular(path)
        content = None if is_image else _rewritten(name, source, destination, is_left_out)
        with replacing(destination / output) as temporary:
            if content is None:
                with temporary.open("wb") as copy:
                    sha256 = copy_regular(path, copy)
            else:
                temporary.write_bytes(content)
                sha256 = hashlib.sha256(content).hexdigest()
            if before != fingerprint(path):
                raise ImageError(
                    f"{str(path)!r} changes while it is read. Wait until it is written."
                )
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be copied: {error.strerror}.") from error
    line = {
        "input": name,
        "output": output,
        "action": "copied" if sha256 == input_sha256 else "rewritten",
        "input_sha256": input_sha256,
        "sha256": sha256,
    }
    return Outcome(output, line, before)


def _rewritten(name: str, source: Path, destination: Path, is_left_out) -> bytes | None:
    """The content of an annotation in the destination; `None` to copy the file as it is."""
    path = source / name
    if not is_annotation(name):
        return None
    if path.stat().st_size > _ANNOTATION_BYTES:
        warnings.warn(
            f"The annotation {str(path)!r} was copied as it is: it has more than "
            f"{_ANNOTATION_BYTES} bytes. Check whether it names images that were left out, or "
            "paths into the source.",
            stacklevel=2,
        )
        return None
    content = read_regular(path)
    if path.name == tfrecords.INFO:
        return tfrecords.update_info(content, destination / name)
    return rewrite_annotations(name, content, source, destination, is_left_out)
