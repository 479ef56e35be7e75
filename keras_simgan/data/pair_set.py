"""Images that belong together, from wherever they come, at one size."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data._npz import load_npz
from keras_simgan.data._read_all import read_all, resize_all, warn_of_skipped
from keras_simgan.data.files import ImageError
from keras_simgan.data.instance_maps import InstanceMaps
from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.pair_names import pair_names
from keras_simgan.data.pair_part import PairPart
from keras_simgan.data.photos import Photos

_PARTS = ("source", "target", "instances")


class PairSet:
    """Rows of images that belong together, in memory or on disk.

    Make one with `PairSet.open`.

    Attributes:
        parts: What each column is, by argument: `source`, `target` and perhaps `instances`.
        size: `(height, width)`.
        names: The sources' file names relative to the folder, or row numbers as text.
        skipped: `(name, reason)` of each pair that was left out.
        in_memory: Whether the pixels are in memory, else they are read from disk when asked for.
    """

    def __init__(
        self,
        parts: dict[str, PairPart],
        size: tuple[int, int],
        names: list[str],
        stacks: list[np.ndarray] | None,
        read: Callable[[str], Sequence[np.ndarray]] | None = None,
        skipped: list[tuple[str, str]] | None = None,
    ):
        self.parts, self.size, self.names, self.skipped = parts, size, names, skipped or []
        self.in_memory = stacks is not None
        self._stacks, self._read = stacks, read

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.names)

    def __getitem__(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Returns pairs by row, as they are kept: pixels, indices and ids.

        Args:
            rows: Row numbers, shape `(n,)`.

        Returns:
            An array of shape `(n, height, width, channels)` for each part.
        """
        if self._stacks is not None:
            return tuple(stack[rows] for stack in self._stacks)
        assert self._read is not None
        read = [self._read(self.names[row]) for row in rows]
        return tuple(np.stack(images) for images in zip(*read, strict=True))

    def subset(self, rows: Sequence[int]) -> "PairSet":
        """Some of the pairs.

        Args:
            rows: Their row numbers, in the order they are to have.
        """
        stacks = None if self._stacks is None else [stack[list(rows)] for stack in self._stacks]
        return PairSet(self.parts, self.size, [self.names[row] for row in rows], stacks, self._read)

    @classmethod
    def open(
        cls,
        images: dict[str, Any],
        parts: dict[str, PairPart],
        size: tuple[int, int] | None,
        side_by_side: str | None,
        match: str | None,
        on_bad_image: str,
        npz_keys: Sequence[str],
        memory_limit: int,
        rules: Mapping[str, LabelRule] | None = None,
    ) -> "PairSet":
        """Opens what `paired` takes.

        Instance maps may come inside an `.npz` or a `tf.data.Dataset`, then unannounced.

        Args:
            images: What was given, by argument: `source`, `target` and perhaps `instances`.
            parts: What each of them is.
            size: `(height, width)` to resize to, or that of the first pair.
            side_by_side: See `paired`.
            match: See `paired`.
            on_bad_image: See `paired`.
            npz_keys: See `paired`.
            memory_limit: See `paired`.
            rules: What is a label in each folder, and so left out.

        Raises:
            ImageError: If there is nothing, or something cannot be used.
            ValueError: If the arguments do not go together.
        """
        source, target = images["source"], images["target"]
        if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() != ".npz":
            folders = {k: _folder(v, k) for k, v in images.items() if v is not None}
            if target is None and side_by_side is None:
                raise ValueError(
                    "`target` is missing. Pass its folder, or `side_by_side` if each image of "
                    "`source` holds both halves."
                )
            pairs, alone = pair_names(folders, match, on_bad_image == "skip", rules)
            reader = _PairReader(folders, pairs, parts, size, side_by_side)
            return cls._open_folders(reader, alone, on_bad_image, memory_limit)
        if side_by_side is not None or match is not None:
            raise ValueError("`side_by_side` and `match` are for folders of images.")
        if hasattr(source, "as_numpy_iterator"):
            if target is not None or "instances" in images:
                raise ValueError(
                    "A tf.data.Dataset yields all that belongs together: leave `target` and "
                    "`instances` out."
                )
            parts, stacks = _load_tf_data(source, parts, size, memory_limit)
        else:
            if isinstance(source, str | os.PathLike):
                if target is not None:
                    raise ValueError("An .npz file holds both halves: leave `target` out.")
                arrays, _ = load_npz(Path(source), npz_keys, "npz_keys")
                images = {**images, **dict(zip(_PARTS, arrays, strict=False))}
                if len(arrays) == 3:
                    parts = {**parts, "instances": InstanceMaps()}
            stacks = _together(images, parts, size)
        names = [str(row) for row in range(len(stacks[0]))]
        return cls(parts, stacks[0].shape[1:3], names, stacks)

    @classmethod
    def _open_folders(
        cls,
        reader: "_PairReader",
        alone: list[tuple[str, str]],
        on_bad_image: str,
        memory_limit: int,
    ) -> "PairSet":
        folder, names = reader.folders["source"], list(reader.pairs)
        stacks, rows, skipped = read_all(
            reader.read, names, lambda: reader.settled, folder, on_bad_image, memory_limit
        )
        skipped = alone + skipped
        warn_of_skipped(skipped, len(names) + len(alone), folder)
        assert reader.size is not None  # the first good pair's
        good = [names[row] for row in rows]
        return cls(reader.parts, reader.size, good, stacks, reader.read, skipped)


class _PairReader:
    """Reads pairs of files; the first good one settles the size and what else is left open."""

    def __init__(
        self,
        folders: dict[str, Path],
        pairs: list[dict[str, str]],
        parts: dict[str, PairPart],
        size: tuple[int, int] | None,
        side_by_side: str | None,
    ):
        self.folders, self.parts, self.size = folders, parts, size
        self.pairs = {pair["source"]: pair for pair in pairs}
        self.side_by_side, self.settled = side_by_side, False

    def read(self, name: str) -> list[np.ndarray]:
        paths = {k: self.folders[k] / file for k, file in self.pairs[name].items()}
        raw = {k: self.parts[k].read(path) for k, path in paths.items()}
        if self.side_by_side is not None:
            whole = paths.setdefault("target", paths["source"])
            both = raw.get("target")
            if both is None:
                # Photos need not be read twice; of a palette, the halves mean different things.
                same = isinstance(self.parts["source"], Photos)
                both = raw["source"] if same else self.parts["target"].read(whole)
                raw["source"] = _half(raw["source"], whole, self.side_by_side == "source_left")
            raw["target"] = _half(both, whole, self.side_by_side == "source_right")
        sizes = {k: image.shape[:2] for k, image in raw.items()}
        if len(set(sizes.values())) > 1:
            found = ", ".join(
                f"{k} {str(paths[k])!r} {height}x{width}" for k, (height, width) in sizes.items()
            )
            raise ImageError(
                f"Images that belong together differ in size (height x width): {found}. Resize "
                'them, take them out, or pass `on_bad_image="skip"` to go on without such pairs.'
            )
        # Labels first: a photo settles the channel count, which only a good pair should.
        order = sorted(self.parts, key=lambda k: isinstance(self.parts[k], Photos))
        images = {k: self.parts[k].fit(raw[k], paths[k]) for k in order}
        self.size = self.size or sizes["source"]
        self.settled = True
        return [self.parts[k].resize(images[k], self.size) for k in self.parts]


def _half(image: np.ndarray, path: Path, left: bool) -> np.ndarray:
    width = image.shape[1]
    if width % 2:
        raise ImageError(
            f"The side-by-side image {str(path)!r} is {width} pixels wide, which is odd; expected "
            "two halves of one width."
        )
    return image[:, : width // 2] if left else image[:, width // 2 :]


def _folder(folder: Any, argument: str) -> Path:
    if not isinstance(folder, str | os.PathLike):
        raise ValueError(
            f"`source` is a folder, but `{argument}` is a {type(folder).__name__}; expected a "
            "folder too, as they are matched by name."
        )
    return Path(folder)


def _together(
    images: dict[str, Any], parts: dict[str, PairPart], size: tuple[int, int] | None
) -> list[np.ndarray]:
    """Checks arrays whose rows belong together, and brings them to one size."""
    for argument in parts:
        given = images[argument]
        if given is None or isinstance(given, str | os.PathLike):
            raise ValueError(
                f"`source` holds arrays, but `{argument}` is {given!r}; expected an array too."
            )
    stacks = {k: part.array(images[k], k) for k, part in parts.items()}
    for what, expected, found in (
        ("rows", "as many", {k: str(len(stack)) for k, stack in stacks.items()}),
        ("pixels", "one size", {k: "x".join(map(str, s.shape[1:3])) for k, s in stacks.items()}),
    ):
        if len(set(found.values())) > 1:
            listed = ", ".join(f"`{k}` has {value}" for k, value in found.items())
            raise ImageError(f"Of {what}, {listed}; expected {expected} of each.")
    size = size or stacks["source"].shape[1:3]
    return [resize_all(stacks[k], size, part.resize) for k, part in parts.items()]


def _load_tf_data(
    dataset: Any, parts: dict[str, PairPart], size: tuple[int, int] | None, memory_limit: int
) -> tuple[dict[str, PairPart], list[np.ndarray]]:
    if int(dataset.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ImageError(
            "`source` is an endless tf.data.Dataset; expected a finite one. Leave out `.repeat()`: "
            "the pairs are repeated and shuffled here."
        )
    chunks: list[list[np.ndarray]] = []
    taken = 0
    for number, element in enumerate(dataset.as_numpy_iterator()):
        if not isinstance(element, tuple) or len(element) not in (2, 3):
            raise ImageError(
                "`source` is a tf.data.Dataset of other elements than expected: (source, target) "
                "or (source, target, instances)."
            )
        arrays = [np.asarray(part) for part in element]
        if arrays[1].ndim != 4:  # a target without the batch's axis
            arrays = [array[None] for array in arrays]
        if len(element) == 3:
            parts = {**parts, "instances": InstanceMaps()}
        try:
            chunk = _together(dict(zip(_PARTS, arrays, strict=False)), parts, size)
        except ImageError as error:
            raise ImageError(f"Element {number} of the tf.data.Dataset: {error}") from error
        size = size or chunk[0].shape[1:3]
        chunks.append(chunk)
        taken += sum(array.nbytes for array in chunk)
        if taken > memory_limit:
            raise ImageError(
                f"The tf.data.Dataset takes more than {memory_limit:,} bytes after {number + 1} "
                "elements. Take fewer, write them to a folder, or raise `memory_limit`."
            )
    if not chunks:
        raise ImageError("`source` is an empty tf.data.Dataset.")
    return parts, [np.concatenate(column) for column in zip(*chunks, strict=True)]
