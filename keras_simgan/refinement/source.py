"""The data set that is refined: what its files are, and whether it can be refined at all."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path

from keras_simgan.data.files import (
    IMAGE_SUFFIXES,
    OTHER_IMAGE_SUFFIXES,
    ImageError,
    unsupported_format,
)
from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.listing import all_are_labels, walk_files
from keras_simgan.data.unknown_labels import UnknownLabels
from keras_simgan.refinement import tfrecords
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.manifest import MANIFEST, is_manifest
from keras_simgan.refinement.record import RefinementError

# A map is the copy of a label map that a photo was made from: a second file of one name.
IMAGE, RECORDS, LABEL, MAP, OTHER = KINDS = ("image", "records", "label", "map", "other")


class Source:
    """A folder of images and TFRecord files, or one such file; walked through, never held.

    Args:
        source: What `refine_dataset` takes.
        refiner: What is to refine it. To one of label maps every image is a label map.
        rule: What is a label and no image.
        skip_bad: Whether to leave out what cannot be refined.

    Attributes:
        folder: The folder.
        rule: What is a label and no image.
        bad: Name and error of what is no regular file, once it is `listed`.
    """

    def __init__(
        self, source: str | Path, refiner: ImageRefiner, rule: LabelRule, skip_bad: bool = False
    ):
        self.folder, self._only = tfrecords.locate(source)
        self._refiner, self._skip_bad = refiner, skip_bad
        self.rule = rule if refiner.maps_folder is None else rule.of_label_maps
        self.bad: list[tuple[str, ImageError]] = []
        self._read_from = {self.folder: "source"}

    def _names(self, warn: bool = False) -> Iterator[str]:
        self.bad = []
        note = (lambda *bad: self.bad.append(bad)) if self._skip_bad else None
        names = [self._only] if self._only else walk_files(self.folder, note, warn)
        return (name for name in names if name != MANIFEST)

    def kind(self, name: str) -> str:
        """What a file is.

        Args:
            name: Its name relative to the folder.
        """
        if name.lower().endswith(IMAGE_SUFFIXES + OTHER_IMAGE_SUFFIXES):
            return LABEL if self.rule.is_label(name) else IMAGE
        return RECORDS if tfrecords.is_tfrecord(name) else OTHER

    def survey(self, is_scored: bool) -> None:
        """Refuses, before any work, what cannot be refined as far as names and a few images tell.

        Args:
            is_scored: Whether images get scores.

        Raises:
            ImageError: If there is no image, one of a format that is not read, or what may be a
                label.
            RefinementError: If a name is taken that the refinement needs.
            ValueError: If there are TFRecord files that cannot be refined in this way.
        """
        counts = dict.fromkeys(KINDS, 0)
        label = ""
        unknown = UnknownLabels(self.folder)
        for name in self._names(warn=True):
            kind = self.kind(name)
            counts[kind] += 1
            if kind == LABEL:
                label = min(label, name) if label else name
            if kind == IMAGE:
                if not self._skip_bad:
                    self._check(name)
                if not self.rule.is_settled:
                    unknown.add(name)
        if not counts[IMAGE] and not counts[RECORDS]:
            if label:
                raise all_are_labels(self.folder, counts[LABEL], label)
            raise ImageError(
                f"No image in the folder {str(self.folder)!r} or below it. Expected files that end "
                f"in {', '.join(IMAGE_SUFFIXES)}, or TFRecord files."
            )
        if counts[RECORDS]:
            self._check_records(is_scored)
        unknown.refuse()
        self._check_names()

    def _check(self, name: str) -> None:
        if not name.lower().endswith(IMAGE_SUFFIXES):
            raise unsupported_format(self.folder / name)
        self._refiner.check_name(self.folder, name)

    def _check_records(self, is_scored: bool) -> None:
        if is_scored:
            raise ValueError(
                f"{str(self.folder)!r} holds TFRecord files, from which no image can be left out, "
                "and whose images get no scores. Leave out `critic`, `label_agreement` and "
                "`keep_fraction`, or refine a folder of images."
            )
        if self._refiner.maps_folder or not self._refiner.keeps_channels:
            raise ValueError(
                f"{str(self.folder)!r} holds TFRecord files, whose images keep their channels, but "
                "this model makes other images out of them. Refine a folder of images."
            )

    def _check_names(self) -> None:
        own = self.folder / MANIFEST
        if not self._only and own.exists() and not is_manifest(own):
            raise RefinementError(
                f"{str(own)!r} has the name of the manifest that refining writes. Rename it, or "
                "move it into a folder of the source."
            )
        if self._refiner.maps_folder is None:
            return
        maps = self.folder / self._refiner.maps_folder
        if os.path.lexists(maps):
            raise RefinementError(
                f"{str(maps)!r} has the name of the folder that the label maps are copied to. If "
                "the label maps are in it, give it as the source, else rename it."
            )

    def refuse_overlap(self, destination: Path, instances: str | Path | None) -> None:
        """Refuses to write where is read from.

        Args:
            destination: The folder to write to.
            instances: The folder of instance maps, where there is one.

        Raises:
            RefinementError: If one of them lies in the other, or the destination is a file.
        """
        if instances is not None:
            self._read_from[Path(instances)] = "folder of instance maps"
        for read_from, what in self._read_from.items():
            _refuse_overlap(read_from, destination, what=what)

    def listed(self, destination: Path) -> Iterator[tuple[str, str, dict[str, Path]]]:
        """Goes through the files, as `Record.list_source` takes them; last those that are `bad`.

        Args:
            destination: The folder to write to.

        Raises:
            RefinementError: If a link makes source and destination overlap.
        """
        maps, last = self._refiner.maps_folder, None
        elsewhere = set()
        for name in self._names():
            if (folder := posixpath.dirname(name)) != last:
                last = folder
                self._follow_links(folder, destination)
                written = [folder] if maps is None else [folder, posixpath.join(maps, folder)]
                elsewhere |= {each for each in written if _leads_elsewhere(destination, each)}
            kind = self.kind(name)
            if kind != IMAGE:
                yield name, kind, {"input": self.folder / name}
                continue
            yield name, IMAGE, self._refiner.inputs(self.folder, name)
            if maps is not None:
                yield posixpath.join(maps, name), MAP, {"input": self.folder / name}
        for name, _ in self.bad:
            yield name, self.kind(name), {}
        # A link in the destination may lead back: what is replaced there is the source.
        for folder in elsewhere:
            for read_from, what in self._read_from.items():
                _refuse_overlap(read_from, destination, folder, what)

    def _follow_links(self, folder: str, destination: Path) -> None:
        """Refuses links in the source that lead to the destination, and keeps others in mind."""
        while folder:
            link = self.folder / folder
            if link not in self._read_from and os.path.islink(link):
                _refuse_overlap(link, destination)
                self._read_from[link] = "source"
            folder = posixpath.dirname(folder)


def _leads_elsewhere(destination: Path, folder: str) -> bool:
    return not (destination / folder).resolve().is_relative_to(destination.resolve())


def _refuse_overlap(
    source: Path, destination: Path, folder: str = "", what: str = "source"
) -> None:
    read_from, write_to = source.resolve(), (destination / folder).resolve()
    if folder and write_to.is_relative_to(read_from):
        raise RefinementError(
            f"{str(destination / folder)!r} leads into the {what} {str(source)!r}, which would be "
            "written to. Remove this link, or choose another destination."
        )
    if read_from.is_relative_to(write_to) or write_to.is_relative_to(read_from):
        raise RefinementError(
            f"The {what} {str(source)!r} and the destination {str(destination)!r} are one folder, "
            f"or one lies in the other. Choose a destination outside the {what}."
        )
    if destination.exists() and not destination.is_dir():
        raise RefinementError(f"{str(destination)!r} is a file; expected a folder to write to.")
