"""Refining a folder of images into another folder."""

import shutil
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from keras_simgan.data.files import (
    IMAGE_SUFFIXES,
    OTHER_IMAGE_SUFFIXES,
    TEMPORARY_SUFFIX,
    THREADS,
    ImageError,
    list_files,
    list_images,
    read_ahead,
    replacing,
    unsupported_format,
)
from keras_simgan.data.images import read_image, write_image
from keras_simgan.refinement.image_refiner import (
    SOURCE_TO_TARGET,
    ImageRefiner,
    load_refiner,
)
from keras_simgan.refinement.journal import (
    Journal,
    RefinementError,
    fingerprint,
    weights_checksum,
)

# Pixels that go through the network at once, or one image: 64 images of 256x256.
_BATCH_PIXELS = 64 * 256 * 256


@dataclass
class RefinementReport:
    """What `refine_folder` did.

    Attributes:
        refined: Images that were refined now.
        finished_before: Files that an earlier run of the same refinement had finished.
        copied: Other files, such as labels, that were copied now.
        skipped: `(name, reason)` of each image that was left out.
    """

    refined: int = 0
    finished_before: int = 0
    copied: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)


def refine_folder(
    model: "keras.Model | str | Path",
    source: str | Path,
    destination: str | Path,
    *,
    direction: str = SOURCE_TO_TARGET,
    overwrite: bool = False,
    batch_size: int = 64,
    on_bad_image: str = "error",
    progress: bool = True,
) -> RefinementReport:
    """Refines every image of a folder, so that a data set keeps its names, folders and labels.

    Images of any size are refined at their own size, bit depth and channels (see `ImageRefiner`)
    and are written under the same name; JPEG is lossy and written at quality 95. All other files,
    such as `labels.csv`, are copied. Hidden files are left out.

    Files appear whole or not at all. A run that was interrupted, by `kill -9` too, goes on when it
    is called again: a record in the destination (`.keras_simgan_refine.jsonl`) knows what is
    finished. Files that are not in the record are somebody's own and are not replaced without
    `overwrite`. On Linux and macOS two runs into one destination exclude each other.

    Args:
        model: A `SimGAN`, `CycleGAN` or other `models.GAN`, a network that refines, or a preset's
            name or folder.
        source: The folder of synthetic images.
        destination: The folder to write to; made when missing.
        direction: `"source_to_target"`, or `"target_to_source"` where the model also translates
            back. The two are different refiners: each needs a destination of its own.
        overwrite: Whether to replace files that are in the way, and results of another refiner.
        batch_size: Images that are refined at once; fewer where they are large.
        on_bad_image: `"error"`, or `"skip"` to leave out images that cannot be refined; they are
            warned of and listed in the report.
        progress: Whether to show a progress bar.

    Returns:
        A `RefinementReport`.

    Raises:
        RefinementError: If the folders overlap, the destination holds other files of these names
            or results of another refiner, or another run is writing to it.
        ImageError: If the source has no images, or one cannot be refined. What is finished stays.
        ValueError: If an argument is out of range, or the model does not have this direction.

    Example:
        >>> from keras_simgan.data import write_folder
        >>> from keras_simgan.networks import Refiner
        >>> write_folder("renders", np.zeros((2, 36, 60, 1), "uint8"), {"gaze": np.zeros((2, 2))})
        >>> report = refine_folder(Refiner((36, 60, 1)), "renders", "refined", progress=False)
        >>> report.refined, sorted(path.name for path in Path("refined").glob("[!.]*"))
        (2, ['000000.png', '000001.png', 'labels.json'])
    """
    if on_bad_image not in ("error", "skip"):
        raise ValueError(f'`on_bad_image` must be "error" or "skip". Received: {on_bad_image!r}')
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be above 0. Received: {batch_size!r}")
    source, destination = Path(source), Path(destination)
    images = list_images(source)
    _refuse_overlap(source, destination)
    report = RefinementReport()
    others = []
    for name in list_files(source):
        if name.lower().endswith(OTHER_IMAGE_SUFFIXES):
            _skip(report, name, unsupported_format(source / name), on_bad_image)
        elif not name.lower().endswith(IMAGE_SUFFIXES):
            others.append(name)
    refiner = load_refiner(model, direction)
    journal = Journal(destination, weights_checksum(refiner.network), overwrite)
    try:
        _remove_leftovers(destination)
        todo = {
            name: fingerprint(source / name)
            for name in images + others
            if not journal.is_finished(name, source / name)
        }
        report.finished_before = len(images) + len(others) - len(todo)
        if not overwrite:
            _refuse_conflicts(destination, list(todo), journal)
        run = _Run(refiner, source, destination, journal, todo, report, on_bad_image)
        run.copy([name for name in others if name in todo])
        run.refine([name for name in images if name in todo], len(images), batch_size, progress)
    finally:
        journal.close()
    if report.skipped:
        shown = ", ".join(repr(name) for name, _ in report.skipped[:3])
        warnings.warn(
            f"{len(report.skipped)} images in {str(source)!r} were skipped: {shown}"
            + (", ..." if len(report.skipped) > 3 else "")
            + ". Their reasons are in the report.",
            stacklevel=2,
        )
    return report


class _Run:
    """One pass over the files that are left to do."""

    def __init__(
        self,
        refiner: ImageRefiner,
        source: Path,
        destination: Path,
        journal: Journal,
        inputs: dict[str, list[int] | None],
        report: RefinementReport,
        on_bad_image: str,
    ):
        self.refiner, self.source, self.destination = refiner, source, destination
        self.journal, self.inputs, self.report = journal, inputs, report
        self.on_bad_image = on_bad_image

    def copy(self, names: list[str]) -> None:
        self.journal.begin(names)
        for name in names:
            with replacing(self.destination / name) as temporary:
                shutil.copyfile(self.source / name, temporary)
            self.journal.finish(name, self.inputs[name])
        self.report.copied += len(names)

    def refine(self, names: list[str], total: int, batch_size: int, progress: bool) -> None:
        bar = keras.utils.Progbar(total, unit_name="image", verbose=int(progress))
        done = total - len(names)
        if done:
            bar.update(done)
        writing: list = []
        with ThreadPoolExecutor(THREADS) as writers:
            # While a batch is refined, the next is read and the last one written.
            for batch in self._batches(read_ahead(self._read, names), batch_size):
                refined = self._refine(batch)
                self._finish(writing)
                self.journal.begin(list(refined))
                writing = [
                    (name, writers.submit(write_image, self.destination / name, image))
                    for name, image in refined.items()
                ]
                done += len(batch)
                bar.update(done)
            self._finish(writing)
        if done < total:
            bar.update(total)

    def _read(self, name: str) -> tuple[str, np.ndarray | ImageError]:
        try:
            image = read_image(self.source / name)
            self.refiner.check(image)
        except ImageError as error:
            return name, error
        except ValueError as error:
            return name, ImageError(
                f"The image {str(self.source / name)!r} cannot be refined. {error}"
            )
        return name, image

    def _batches(self, read: Iterator, batch_size: int) -> Iterator[dict[str, np.ndarray]]:
        # Images of one shape go through the network together, in the order in which they came.
        groups: dict[tuple, dict[str, np.ndarray]] = {}
        for name, image in read:
            if isinstance(image, ImageError):
                _skip(self.report, name, image, self.on_bad_image)
                continue
            group = groups.setdefault(image.shape, {})
            group[name] = image
            pixels = {shape: len(group) * shape[0] * shape[1] for shape, group in groups.items()}
            if len(group) >= batch_size or pixels[image.shape] >= _BATCH_PIXELS:
                yield groups.pop(image.shape)
            elif sum(map(len, groups.values())) >= 4 * batch_size or (
                sum(pixels.values()) >= 4 * _BATCH_PIXELS
            ):
                # Many sizes: the largest group goes first, so that few images wait in memory.
                yield groups.pop(max(groups, key=lambda shape: len(groups[shape])))
        yield from groups.values()

    def _refine(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        try:
            return dict(zip(batch, self.refiner.refine(list(batch.values())), strict=True))
        except ValueError as error:
            raise RefinementError(
                f"Refining {str(self.source / next(iter(batch)))!r} and the images beside it "
                f"failed: {error}"
            ) from error

    def _finish(self, writing: list) -> None:
        for name, future in writing:
            future.result()
            self.journal.finish(name, self.inputs[name])
            self.report.refined += 1


def _refuse_overlap(source: Path, destination: Path) -> None:
    one, other = source.resolve(), destination.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise RefinementError(
            f"The source {str(source)!r} and the destination {str(destination)!r} are one folder, "
            "or one lies in the other. Choose a destination outside the source."
        )
    if destination.exists() and not destination.is_dir():
        raise RefinementError(f"{str(destination)!r} is a file; expected a folder to write to.")


def _refuse_conflicts(destination: Path, names: list[str], journal: Journal) -> None:
    conflicts = [
        name for name in names if (destination / name).exists() and not journal.is_own(name)
    ]
    if conflicts:
        shown = ", ".join(repr(name) for name in conflicts[:3])
        raise RefinementError(
            f"{len(conflicts)} files in {str(destination)!r} were not written by this refinement: "
            f"{shown}{', ...' if len(conflicts) > 3 else ''}. Nothing was changed. Choose another "
            "destination, or pass `overwrite=True` to replace them."
        )


def _remove_leftovers(destination: Path) -> None:
    for path in destination.rglob(f".*{TEMPORARY_SUFFIX}"):
        path.unlink()


def _skip(report: RefinementReport, name: str, error: ImageError, on_bad_image: str) -> None:
    if on_bad_image == "error":
        raise error
    report.skipped.append((name, str(error)))
