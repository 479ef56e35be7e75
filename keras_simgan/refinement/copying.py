"""Copying the files of a data set that are not refined: labels, masks, notes."""

from __future__ import annotations

import codecs
import hashlib
import warnings
from pathlib import Path

from keras_simgan.data.files import ImageError, replacing
from keras_simgan.disk import copy_regular, open_regular, read_regular
from keras_simgan.refinement import tfrecords
from keras_simgan.refinement._annotation_names import Names
from keras_simgan.refinement._left_out_names import LeftOutNames
from keras_simgan.refinement._old_pixels import embeds_pixels, may_hold_pixels
from keras_simgan.refinement._source_images import SourceImages
from keras_simgan.refinement.annotations import Rewritten, is_annotation, rewrite_annotation
from keras_simgan.refinement.record import Outcome, fingerprint
from keras_simgan.refinement.remarks import EMPTIED, MAY_HOLD, Remarks

# Larger annotations are copied as they are, without being read into memory.
_ANNOTATION_BYTES = 2**28
_CHUNK = 2**20
_CHECK = "Check whether it names images that were left out, or paths into the source."


def copy_file(
    name: str,
    source: Path,
    destination: Path,
    images: SourceImages,
    is_image: bool,
    remarks: Remarks,
    output: str | None = None,
) -> Outcome:
    """Copies a file; annotations are rewritten where they must be.

    Args:
        name: The file, relative to the source.
        source: The folder to read from.
        destination: The folder to write to.
        images: The source's images.
        is_image: Whether the file is an image, such as a mask, and so no annotation.
        remarks: Takes what is to be said at the end of the run.
        output: The copy, relative to the destination; `name` when left out.

    Returns:
        What to note.

    Raises:
        ImageError: If it cannot be copied, or changes meanwhile.

    Warns:
        UserWarning: If it still names images that were left out, is damaged, or its structure is
            not clear.
    """
    path, output = source / name, output or name
    before = fingerprint(path)
    rewritten = None
    try:
        input_sha256 = copy_regular(path)
        if not is_image:
            rewritten = _rewritten(name, source, destination, images)
        with replacing(destination / output) as temporary:
            if rewritten is None or rewritten.content is None:
                with temporary.open("wb") as copy:
                    sha256 = copy_regular(path, copy)
            else:
                temporary.write_bytes(rewritten.content)
                sha256 = hashlib.sha256(rewritten.content).hexdigest()
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
    if rewritten is not None:
        _note(rewritten, path, name, line, remarks)
    return Outcome(output, line, before)


def _note(rewritten: Rewritten, path: Path, name: str, line: dict, remarks: Remarks) -> None:
    """Says what whoever uses the copy must know: in the manifest's line, and in warnings."""
    named = ""
    if rewritten.left_out:
        named = f"names images that were left out, {rewritten.left_out} in all, such as "
        named += repr(rewritten.example)
    if rewritten.problem:
        warnings.warn(
            f"The annotation {str(path)!r} was copied as it is: {rewritten.problem}. "
            + (f"It {named}." if named else _CHECK),
            stacklevel=2,
        )
    elif named:
        warnings.warn(
            f"The copy of {str(path)!r} {named}. Take them out where its readers need all images.",
            stacklevel=2,
        )
    if rewritten.emptied:
        remarks.add(EMPTIED, name)
    if rewritten.embeds or may_hold_pixels(name):
        remarks.add(MAY_HOLD, name)
    notes = [
        f"copied as it is: {rewritten.problem}" if rewritten.problem else "",
        named,
        f"{rewritten.emptied} copies of images became null" if rewritten.emptied else "",
    ]
    if any(notes):
        line["note"] = "; ".join(filter(None, notes))


def _rewritten(name: str, source: Path, destination: Path, images: SourceImages) -> Rewritten:
    """What becomes of a file."""
    path, size = source / name, (source / name).stat().st_size
    if not is_annotation(name) or size > _ANNOTATION_BYTES:
        problem = f"it has more than {_ANNOTATION_BYTES} bytes" if is_annotation(name) else ""
        return _searched(path, Names(name, source, destination, images), problem)
    content = read_regular(path)
    if path.name == tfrecords.INFO:
        return Rewritten(tfrecords.update_info(content, destination / name))
    return rewrite_annotation(name, content, source, destination, images)


def _searched(path: Path, names: Names, problem: str) -> Rewritten:
    """What a file that is copied as it is says of images, without holding it in memory."""
    found, embeds, last = LeftOutNames(names), False, ""
    with open_regular(path) as file:
        chunk = file.read(_CHUNK)
        is_text = b"\0" not in chunk
        encoding = "utf-8"
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            is_text, encoding = True, "utf-16"
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        while chunk and (is_text or file.tell() <= _ANNOTATION_BYTES):
            text = last + decoder.decode(chunk)
            embeds = embeds or (is_text and embeds_pixels(text))
            if names.drops:
                found.search(text, with_stems=is_text)
            # A name may go on in the next chunk.
            last, chunk = text[-256:], file.read(_CHUNK)
    return Rewritten(None, problem, 0, found.count, found.example, embeds)
