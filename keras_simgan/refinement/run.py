"""One run of a refinement, from listing the source to the manifest."""

from __future__ import annotations

import hashlib
import itertools
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from keras_simgan import __version__
from keras_simgan.data.files import ImageError
from keras_simgan.data.label_images import LabelRule
from keras_simgan.networks.checksum import weights_checksum
from keras_simgan.refinement import tfrecords
from keras_simgan.refinement._old_pixels import is_old
from keras_simgan.refinement._side_cars import belongs_to_left_out
from keras_simgan.refinement._source_images import SourceImages
from keras_simgan.refinement.copying import copy_file
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.load_refiner import load_refiner
from keras_simgan.refinement.manifest import MANIFEST, Manifest
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
from keras_simgan.refinement.source import IMAGE, KINDS, LABEL, MAP, OTHER, RECORDS, Source

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
        label_rule: LabelRule,
        label_maps: dict[str, Any] | None,
        instances: str | Path | None,
        scores: dict[str, Callable],
        keep_fraction: float | None,
    ):
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be above 0. Received: {batch_size!r}")
        self.destination = Path(destination)
        self.batch_size, self._skip_bad, self._overwrite = batch_size, skip_bad, overwrite
        self._keep_fraction = keep_fraction
        self._remarks = Remarks()
        self.refiner: ImageRefiner = load_refiner(
            model, direction, tile, overlap, label_maps, instances
        )
        self._files = Source(source, self.refiner, label_rule, skip_bad)
        self.source = self._files.folder
        self._files.refuse_overlap(self.destination, instances)
        self._files.survey(bool(scores))
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
            listed = self._files.listed(self.destination)
            self._record.list_source(listed, self.source, self._refuse_conflicts)
        except BaseException:
            self._record.close()
            raise
        self.report.finished_before = sum(
            self._record.count(FINISHED, REJECTED, kind=kind) for kind in KINDS
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
        self.take_in([], self._files.bad)

    def __enter__(self) -> RefinementRun:
        """Does nothing: the record is open already."""
        return self

    def __exit__(self, *exception) -> None:
        """Closes manifest and record."""
        self._manifest.close()
        self._record.close()
        if "_images" in vars(self):
            self._images.close()

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
        belongs = belongs_to_left_out(name, self._images, self._files.rule.folders)
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
