"""Refining lists of image files: reading ahead, in batches of one shape, writing behind."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_simgan.data.files import THREADS, ImageError, read_ahead, replacing
from keras_simgan.data.formats import Metadata
from keras_simgan.data.images import encode_image
from keras_simgan.disk import read_regular
from keras_simgan.ranges import to_unit
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.record import Outcome, RefinementError, fingerprint

# Pixels that go through the network at once, or one image: 64 images of 256x256.
_BATCH_PIXELS = 64 * 256 * 256
# Refined pixels that may wait in memory to be written, in bytes; encoders make copies of them.
_BEHIND_BYTES = 2**26
_TRIES = 3
_NO_PIXELS = np.empty((0, 0, 0), "uint8")


@dataclass
class _Image:
    """An image as it was read."""

    name: str
    pixels: np.ndarray
    metadata: Metadata | None
    source: list[int]
    checksums: dict[str, str]

    @property
    def nbytes(self) -> int:
        """What it takes in memory, for `read_ahead`."""
        return self.pixels.nbytes


class ShardRefiner:
    """Refines shards: short lists of images that are consecutive in the data set.

    What a shard gives depends on its own images only, so a data set may be divided between
    processes and machines at the shards' borders and comes out the same.

    Args:
        refiner: The refiner.
        source: The folder to read from.
        destination: The folder to write to.
        scores: By name, functions of what a batch is compared with, `ImageRefiner.reference`, and
            of the refined images, in [-1, 1], shape `(n, height, width, channels)`, to a score of
            each image; higher is better.
    """

    def __init__(
        self,
        refiner: ImageRefiner,
        source: Path,
        destination: Path,
        scores: dict[str, Callable[[dict, np.ndarray], np.ndarray]] | None = None,
    ):
        self.refiner, self.source, self.destination = refiner, source, destination
        self.scores = scores or {}
        self._unwritten: deque[tuple[Future, int]] = deque()

    def refine(
        self, shards: Iterable[list[str]]
    ) -> Iterator[tuple[list[Outcome], list[tuple[str, ImageError]]]]:
        """Refines shards, one after the other.

        While a batch is refined, the next is read and the last one written.

        Args:
            shards: Names, relative to the source.

        Yields:
            For each shard the outcomes, when all is written; and name and error of each image
            that cannot be refined.

        Raises:
            ImageError: If the disk does not take an image.
            RefinementError: If the network fails.
        """
        shards, ahead = itertools.tee(shards)
        names_ahead = itertools.chain.from_iterable(ahead)
        read = read_ahead(self._read, names_ahead)
        with ThreadPoolExecutor(THREADS) as writers:
            pending: tuple[list[Future], list] | None = None
            for names in shards:
                writing: list[Future] = []
                failed: list[tuple[str, ImageError]] = []
                for batch in self._batches(itertools.islice(read, len(names)), failed):
                    writing += self._refine_and_write(batch, writers)
                if pending:
                    yield _written(pending)
                pending = writing, failed
            if pending:
                yield _written(pending)

    def _refine_and_write(
        self, batch: list[_Image], writers: ThreadPoolExecutor
    ) -> list[Future[Outcome | tuple[str, ImageError]]]:
        refined = self._refine(batch)
        scores = self._score(batch, refined)
        writing = []
        for image, pixels, score in zip(batch, refined, scores, strict=True):
            image.pixels = _NO_PIXELS  # they have served, and writing may take long
            writing.append(writers.submit(self._write, image, pixels, score))
            self._unwritten.append((writing[-1], pixels.nbytes))
        while self._unwritten:
            oldest, _ = self._unwritten[0]
            if sum(size for _, size in self._unwritten) > _BEHIND_BYTES:
                oldest.exception()  # waits; `_written` raises it
            if not oldest.done():
                break
            self._unwritten.popleft()
        return writing

    def _read(self, name: str) -> _Image | tuple[str, ImageError]:
        path = self.source / name
        try:
            self.refiner.check_name(self.source, name)
            source: list[int] = []
            files = {}
            for what, file in self.refiner.inputs(self.source, name).items():
                seen, encoded = _read_unchanged(file)
                source += seen
                files[what] = file, encoded
            pixels, metadata = self.refiner.decode(files)
            try:
                self.refiner.check(pixels)
            except ValueError as error:
                raise ImageError(f"The image {str(path)!r} cannot be refined. {error}") from error
        except ImageError as error:
            return name, error
        checksums = {
            f"{what}_sha256": hashlib.sha256(encoded).hexdigest()
            for what, (_, encoded) in files.items()
        }
        return _Image(name, pixels, metadata, source, checksums)

    def _batches(self, read: Iterator, failed: list) -> Iterator[list[_Image]]:
        # Images of one shape go through the network together, in the order in which they came.
        groups: dict[tuple, list[_Image]] = {}
        for image in read:
            if isinstance(image, tuple):
                failed.append(image)
                continue
            shape = image.pixels.shape
            group = groups.setdefault(shape, [])
            group.append(image)
            if (len(group) + 1) * shape[0] * shape[1] > _BATCH_PIXELS:
                yield groups.pop(shape)
        yield from groups.values()

    def _refine(self, batch: list[_Image]) -> list[np.ndarray]:
        try:
            return self.refiner.refine([image.pixels for image in batch])
        except ValueError as error:
            raise RefinementError(
                f"Refining {str(self.source / batch[0].name)!r} and the images beside it failed: "
                f"{error}"
            ) from error

    def _score(self, batch: list[_Image], refined: list[np.ndarray]) -> list[dict[str, float]]:
        if not self.scores:
            return [{} for _ in batch]
        reference = self.refiner.reference([image.pixels for image in batch])
        after = np.stack([to_unit(pixels) for pixels in refined])
        columns = {}
        for name, score in self.scores.items():
            values = np.asarray(score(reference, after), "float64")
            if values.shape != (len(batch),) or not np.isfinite(values).all():
                raise RefinementError(
                    f"The score {name!r} gave {values.shape} values for {len(batch)} images, or "
                    "some that are not finite; expected a number for each image."
                )
            columns[name] = [round(float(value), 6) for value in values]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _write(
        self, image: _Image, refined: np.ndarray, scores: dict[str, float]
    ) -> Outcome | tuple[str, ImageError]:
        path = self.destination / image.name
        try:
            encoded = encode_image(path, refined, image.metadata)
        except ImageError as error:  # too many channels for its format, say
            return image.name, error
        with replacing(path) as temporary:
            temporary.write_bytes(encoded)
        line = {
            "input": image.name,
            "output": image.name,
            "action": self.refiner.action,
            **image.checksums,
            "sha256": hashlib.sha256(encoded).hexdigest(),
            **({"scores": scores} if scores else {}),
        }
        return Outcome(image.name, line, image.source, scores)


def _written(pending: tuple[list[Future], list]) -> tuple[list[Outcome], list]:
    writing, failed = pending
    results = [future.result() for future in writing]
    outcomes = [result for result in results if isinstance(result, Outcome)]
    failed = failed + [result for result in results if not isinstance(result, Outcome)]
    return outcomes, sorted(failed, key=lambda each: each[0])


def _read_unchanged(path: Path) -> tuple[list[int], bytes]:
    """A file's fingerprint and content, where it does not change meanwhile."""
    for _ in range(_TRIES):
        before = fingerprint(path)
        try:
            content = read_regular(path)
        except OSError as error:
            raise ImageError(
                f"The image {str(path)!r} cannot be read: {error.strerror}."
            ) from error
        if before is not None and before == fingerprint(path) and before[0] == len(content):
            return before, content
    raise ImageError(f"The image {str(path)!r} changes while it is read. Wait until it is written.")
