"""One run of a refinement, from listing the source to the manifest."""

from __future__ import annotations

import hashlib
import itertools
import os
import posixpath
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from keras_simgan import __version__
from keras_simgan.data.files import (
    IMAGE_SUFFIXES,
    OTHER_IMAGE_SUFFIXES,
    ImageError,
    unsupported_format,
    walk_files,
)
from keras_simgan.networks.checksum import weights_checksum
from keras_simgan.refinement import tfrecords
from keras_simgan.refinement._old_pixels import is_old
from keras_simgan.refinement._side_cars import belongs_to_left_out
from keras_simgan.refinement._source_images import SourceImages
from keras_simgan.refinement.annotations import is_label_image
from keras_simgan.refinement.copying import copy_file
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.load_refiner import load_refiner
from keras_simgan.refinement.manifest import MANIFEST, Manifest, is_manifest
from keras_simgan.refinement.record import (
    BEGUN,
    FINISHED,
    REJECTED,
    SKIPPED,
    TODO,
    Outcome,
    Record,
    RefinementError,
    fingerprint,
)
from keras_simgan.refinement.remarks import OLD, UNSURE, Remarks

# A map is the copy of a label map that a photo was made from: a second file of one name.
IMAGE, RECORDS, LABEL, MAP, OTHER = "image", "records", "label", "map", "other"
_REASONS = 10


@dataclass
class RefinementReport:
    """What `refine_dataset` did.

    Attributes:
        refined: Images that were refined now, or made from label maps.
        finished_before: Files that an earlier run of the same refinement had finished.
        copied: Other files, such as labels, that were copied now.
        rejected: Images that the destination leaves out because of `keep_fraction`.
        skipped: Images that could not be refined and were left out.
        reasons: `(name, reason)` of the first skipped images; the manifest has them all.
        manifest: The path of `manifest.jsonl`.
    """

    refined: int = 0
    finished_before: int = 0
    copied: int = 0
    rejected: int = 0
    skipped: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)
    manifest: Path | None = None


class RefinementRun:
    """The refinement of one data set from beginning to end, but for the refining of its images.

    That is left to whoever holds it, in this process or on other machines: `begin_shards` gives
    what is to be refined, `take_in` takes the outcomes, `reject` and `finish` do the rest.
    """

    def __init__(
        self,
        model: keras.Model | str | Path,
        source: str | Path,
        destination: str | Path,
        *,
        direction: str,
        overwrite: bool,
        batch_size: int,
        skip_bad: bool,
        tile: int | tuple[int, int] | None,
        overlap: int | None,
        label_folders: Sequence[str] | None,
        label_maps: dict[str, Any] | None,
        instances: str | Path | None,
        scores: dict[str, Callable],
        keep_fraction: float | None,
    ):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be above 0. Received: {batch_size!r}")
        self.destination = Path(destination)
        source, self._only = tfrecords.locate(source)
        self.source = source
        self.batch_size, self._skip_bad, self._overwrite = batch_size, skip_bad, overwrite
        self._keep_fraction = keep_fraction
        self._label_folders = label_folders
        self._remarks = Remarks()
        has_records = self._survey(bool(scores))
        _refuse_overlap(self.source, self.destination)
        self.refiner: ImageRefiner = load_refiner(
            model, direction, tile, overlap, label_maps, instances
        )
        if instances is not None:
            _refuse_overlap(Path(instances), self.destination, what="folder of instance maps")
        self._survey_for_refiner(has_records)
        self.report = RefinementReport(manifest=self.destination / MANIFEST)
        settings = {
            "refiner": str(model) if isinstance(model, str | Path) else type(model).__name__,
            "weights_sha256": weights_checksum(self.refiner.network),
            "direction": direction,
            "tile": tile,
            "overlap": overlap,
            "batch_size": batch_size,
            "scores": sorted(scores),
            **self.refiner.settings,
        }
        decisive = {key: settings[key] for key in settings if key not in ("refiner", "batch_size")}
        self._record = Record(self.destination, decisive, overwrite)
        try:
            self._record.list_source(self._listed(), self.source, self._refuse_conflicts)
        except BaseException:
            self._record.close()
            raise
        self.report.finished_before = sum(
            self._record.count(FINISHED, REJECTED, kind=kind)
            for kind in (IMAGE, RECORDS, LABEL, MAP, OTHER)
        )
        versions = {
            "keras_simgan": __version__,
            "keras": keras.__version__,
            "backend": f"{keras.config.backend()}",
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        }
        self._manifest = Manifest(
            self.destination,
            {
                "manifest": 1,
                **settings,
                "keep_fraction": keep_fraction,
                "versions": versions,
            },
            goes_on=self._record.recall("manifest") in ("growing", "whole"),
        )

    def __enter__(self) -> RefinementRun:
        """Does nothing: the record is open already."""
        return self

    def __exit__(self, *exception) -> None:
        """Closes manifest and record."""
        self._manifest.close()
        self._record.close()
        if "_images" in vars(self):
            self._images.close()

    def _names(self) -> Iterator[str]:
        names = [self._only] if self._only else walk_files(self.source)
        return (name for name in names if name != MANIFEST)

    def kind(self, name: str) -> str:
        """What a file of the source is.

        Args:
            name: Its name relative to the source.
        """
        if name.lower().endswith(IMAGE_SUFFIXES + OTHER_IMAGE_SUFFIXES):
            return LABEL if is_label_image(name, self._label_folders) else IMAGE
        return RECORDS if tfrecords.is_tfrecord(name) else OTHER

    def _survey(self, is_scored: bool) -> bool:
        """Refuses a source without images, and formats that are not read, before any work.

        Returns:
            Whether there are TFRecord files.
        """
        images = records = False
        label = None
        for name in self._names():
            kind = self.kind(name)
            images |= kind == IMAGE
            records |= kind == RECORDS
            label = name if kind == LABEL else label
            if kind == IMAGE and not name.lower().endswith(IMAGE_SUFFIXES) and not self._skip_bad:
                raise unsupported_format(self.source / name)
        if not images and not records and label is not None:
            raise ImageError(
                f"All images in {str(self.source)!r} lie in folders of labels, such as {label!r}, "
                "and would only be copied. Name the folders that do hold labels with "
                "`label_folders`."
            )
        if not images and not records:
            raise ImageError(
                f"No image in the folder {str(self.source)!r} or below it. Expected files that end "
                f"in {', '.join(IMAGE_SUFFIXES)}, or TFRecord files."
            )
        if records and is_scored:
            raise ValueError(
                f"{str(self.source)!r} holds TFRecord files, from which no image can be left out, "
                "and whose images get no scores. Leave out `critic`, `label_agreement` and "
                "`keep_fraction`, or refine a folder of images."
            )
        own = self.source / MANIFEST
        if not self._only and own.exists() and not is_manifest(own):
            raise RefinementError(
                f"{str(own)!r} has the name of the manifest that refining writes. Rename it, or "
                "move it into a folder of the source."
            )
        return records

    def _survey_for_refiner(self, has_records: bool) -> None:
        """Refuses what only this refiner cannot do, as far as names tell."""
        if has_records and (self.refiner.maps_folder or not self.refiner.keeps_channels):
            raise ValueError(
                f"{str(self.source)!r} holds TFRecord files, whose images keep their channels, but "
                "this model makes other images out of them. Refine a folder of images."
            )
        if self.refiner.maps_folder is None:
            return
        maps = self.source / self.refiner.maps_folder
        if os.path.lexists(maps):
            raise RefinementError(
                f"{str(maps)!r} has the name of the folder that the label maps are copied to. If "
                "the label maps are in it, give it as the source, else rename it."
            )
        for name in self._names():
            if self.kind(name) == IMAGE and not self._skip_bad:
                self.refiner.check_name(self.source, name)

    def _listed(self) -> Iterator[tuple[str, str, dict[str, Path]]]:
        maps, last = self.refiner.maps_folder, None
        for name in self._names():
            if (folder := posixpath.dirname(name)) != last:
                # A link in the destination may lead back: what is replaced there is the source.
                _refuse_overlap(self.source, self.destination, folder)
                if maps is not None:
                    _refuse_overlap(self.source, self.destination, posixpath.join(maps, folder))
                last = folder
            try:
                name.encode()
            except UnicodeEncodeError as error:
                raise ImageError(
                    f"The name of the file {name!r} in {str(self.source)!r} is not valid UTF-8. "
                    "Rename it."
                ) from error
            kind = self.kind(name)
            if kind == IMAGE:
                yield name, kind, self.refiner.inputs(self.source, name)
                if maps is not None:
                    yield posixpath.join(maps, name), MAP, {"input": self.source / name}
            else:
                yield name, kind, {"input": self.source / name}

    def _refuse_conflicts(self) -> None:
        if self._overwrite:
            return
        count, examples = self._record.conflicts()
        manifest = self.destination / MANIFEST
        if self._record.recall("manifest") is None and os.path.lexists(manifest):
            count, examples = count + 1, [*examples, MANIFEST][:3]
        if count:
            shown = ", ".join(map(repr, examples)) + (", ..." if count > len(examples) else "")
            raise RefinementError(
                f"{count} files in {str(self.destination)!r} were not written by this refinement "
                f"of {str(self.source)!r}: {shown}. Nothing was changed. Choose another "
                "destination, or pass `overwrite=True` to replace them."
            )

    def count_images(self, *states: int) -> int:
        """Counts images.

        Args:
            *states: In these states of `record`; all when left out.
        """
        return self._record.count(*(states or range(5)), kind=IMAGE)

    def begin_shards(self) -> Iterator[list[str]]:
        """Goes through the images that are left to do, in shards of `batch_size` names."""
        rest: list[str] = []
        for names in self._record.todo(TODO, BEGUN, kind=IMAGE):
            rest += names
            while len(rest) >= self.batch_size:
                yield self._begun(rest[: self.batch_size])
                del rest[: self.batch_size]
        if rest:
            yield self._begun(rest)

    def _begun(self, names: list[str]) -> list[str]:
        self._record.begin(names)
        return names

    def take_in(self, outcomes: list[Outcome], failed: list[tuple[str, ImageError]]) -> None:
        """Notes what became of a shard.

        Args:
            outcomes: Of the images that were refined.
            failed: Name and error of those that cannot be.

        Raises:
            ImageError: The first of `failed`, unless bad images are skipped.
        """
        self._note(outcomes)
        self.report.refined += len(outcomes)
        if failed and not self._skip_bad:
            raise failed[0][1]
        skipped = [
            Outcome(name, {"input": name, "action": "skipped", "reason": str(error)})
            for name, error in failed
        ]
        self._note(skipped, SKIPPED)
        self.report.skipped += len(failed)
        self.report.reasons += [(name, str(error)) for name, error in failed][
            : _REASONS - len(self.report.reasons)
        ]

    def _note(self, outcomes: list[Outcome], state: int = FINISHED) -> None:
        if outcomes:
            if not self._manifest.appended:
                self._record.remember("manifest", "growing")
            self._record.finish(outcomes, state)
            self._manifest.append(outcome.line for outcome in outcomes)

    def reject(self) -> bool:
        """Leaves out of the destination what `keep_fraction` does not keep.

        Returns:
            Whether images that an earlier run rejected are to come back, and so to be refined.
        """
        total = self._record.count_scored(IMAGE)
        keep = total
        if self._keep_fraction is not None and total:
            keep = max(1, round(self._keep_fraction * total))
        returned = 0
        ranked = enumerate(self._record.ranked(IMAGE), start=1)
        while page := list(itertools.islice(ranked, 1000)):
            leave, come_back = [], []
            for place, (name, line, source, state) in page:
                if place <= keep and state == REJECTED:
                    come_back.append(name)
                elif place > keep and state == FINISHED:
                    (self.destination / name).unlink(missing_ok=True)
                    reason = f"rank {place} of {total}; the best {keep} are kept"
                    rejected = {**line, "action": "rejected", "output": None, "reason": reason}
                    leave.append(Outcome(name, rejected, source))
            self._note(leave, REJECTED)
            self._record.begin(come_back)
            returned += len(come_back)
        self.report.rejected = self._record.count(REJECTED, kind=IMAGE)
        return bool(returned)

    def finish(self) -> None:
        """Refines TFRecord files, copies what is no image, and writes the final manifest."""
        for name in self._left(RECORDS):
            outcome = tfrecords.refine_file(
                self.refiner, self.source, self.destination, name, self.batch_size
            )
            self._note([outcome])
            self.report.refined += outcome.line["images"]
        # Annotations name images: where others are left out than before, they are written anew.
        left_out = hashlib.sha256()
        for names in self._record.todo(REJECTED, SKIPPED, kind=IMAGE):
            left_out.update("\n".join([*names, ""]).encode())
        if self._record.recall("left_out") != left_out.hexdigest():
            for kind in (LABEL, MAP, OTHER):
                for names in self._record.todo(FINISHED, REJECTED, kind=kind):
                    self._record.begin(names)
            self._record.remember("left_out", left_out.hexdigest())
        for kind in (LABEL, MAP, OTHER):
            for name in self._left(kind):
                self._copy(name, kind)
        self._remarks.warn(self.source)
        if self._record.recall("manifest") != "whole" or not self._manifest.path.exists():
            self._manifest.finish(self._record.lines())
            self._record.remember("manifest", "whole")
        if self.report.skipped:
            names = [repr(name) for name, _ in self.report.reasons]
            warnings.warn(
                f"{self.report.skipped} images in {str(self.source)!r} were skipped: "
                + ", ".join(names[:3])
                + (", ..." if self.report.skipped > 3 else "")
                + f". Their reasons are in {str(self._manifest.path)!r}.",
                stacklevel=3,
            )

    def _left(self, kind: str) -> Iterator[str]:
        for names in self._record.todo(TODO, BEGUN, kind=kind):
            for name in names:
                self._record.begin([name])
                yield name

    @cached_property
    def _images(self) -> SourceImages:
        kept, left_out = (
            itertools.chain.from_iterable(self._record.todo(*states, kind=IMAGE))
            for states in ((FINISHED,), (REJECTED, SKIPPED))
        )
        return SourceImages(kept, left_out)

    def _reason_to_leave_out(self, name: str, kind: str) -> str:
        """Why a file is not copied; empty where it is."""
        if kind == MAP:
            state = self._record.state(self._origin(name, kind))
            return "its image is left out" if state in (REJECTED, SKIPPED) else ""
        if kind == OTHER and is_old(name, self.source, self._images):
            self._remarks.add(OLD, name)
            return "it shows images as they were before refining"
        if not self._images.some_left_out:
            return ""
        belongs = belongs_to_left_out(name, self._images, self._label_folders)
        if belongs is None:
            self._remarks.add(UNSURE, name)
        return "its image is left out" if belongs else ""

    def _origin(self, name: str, kind: str) -> str:
        return name.removeprefix(f"{self.refiner.maps_folder}/") if kind == MAP else name

    def _copy(self, name: str, kind: str) -> None:
        origin = self._origin(name, kind)
        if reason := self._reason_to_leave_out(name, kind):
            (self.destination / name).unlink(missing_ok=True)
            line = {"input": origin, "output": None, "action": "rejected", "reason": reason}
            self._note([Outcome(name, line, fingerprint(self.source / origin))], REJECTED)
            return
        folders, is_image = (self.source, self.destination), kind in (LABEL, MAP)
        outcome = copy_file(origin, *folders, self._images, is_image, self._remarks, output=name)
        self._note([outcome])
        self.report.copied += 1


def _refuse_overlap(
    source: Path, destination: Path, folder: str = "", what: str = "source"
) -> None:
    read_from, write_to = source.resolve(), (destination / folder).resolve()
    if folder and write_to.is_relative_to(read_from):
        raise RefinementError(
            f"{str(destination / folder)!r} leads into the source {str(source)!r}, which would be "
            "written to. Remove this link, or choose another destination."
        )
    if read_from.is_relative_to(write_to) or write_to.is_relative_to(read_from):
        raise RefinementError(
            f"The {what} {str(source)!r} and the destination {str(destination)!r} are one folder, "
            f"or one lies in the other. Choose a destination outside the {what}."
        )
    if destination.exists() and not destination.is_dir():
        raise RefinementError(f"{str(destination)!r} is a file; expected a folder to write to.")
