"""Batches of pairs: photos, and the label maps, renders or photos they were made from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_simgan.data._read_all import MEMORY_LIMIT
from keras_simgan.data.epochs import EpochBatches, check_crop_size, check_image_size
from keras_simgan.data.files import check_on_bad_image
from keras_simgan.data.instance_maps import InstanceMaps, instance_edges
from keras_simgan.data.label_images import LabelRule
from keras_simgan.data.label_maps import LabelMaps
from keras_simgan.data.pair_part import PairPart
from keras_simgan.data.pair_set import PairSet
from keras_simgan.data.photos import Photos


def paired(
    source: Any,
    target: Any = None,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    batch_size: int = 1,
    seed: int = 0,
    *,
    side_by_side: str | None = None,
    match: str | None = None,
    source_channels: int | None = None,
    classes: int | None = None,
    colours: Sequence[Sequence[int]] | None = None,
    ignore: int | Sequence[int] | None = None,
    instances: Any = None,
    return_instances: bool = False,
    crop_size: tuple[int, int] | None = None,
    flip: bool = False,
    shuffle: bool = True,
    steps_per_epoch: int | None = None,
    convert_channels: bool = False,
    on_bad_image: str = "error",
    npz_keys: Sequence[str] = ("source", "target"),
    memory_limit: int = MEMORY_LIMIT,
    label_folders: Sequence[str] | None = None,
    label_patterns: Sequence[str] | None = None,
    **kwargs: Any,
) -> "PairedDataset":
    r"""Makes batches of images that belong together, for pix2pix and pix2pixHD.

    The pairs may be:

    - a folder of images that each hold both halves side by side (`side_by_side`);
    - two folders, matched by the files' names relative to the folder, the suffix ignored
      (`a/1.png` with `a/1.jpg`), or by a part of the names (`match`);
    - two arrays `(n, height, width, channels)`: `uint8`, `uint16`, or floats in [-1, 1];
    - an `.npz` file with the arrays of `npz_keys`;
    - a finite `tf.data.Dataset` of `(source, target)` or `(source, target, instances)`, batched or
      not.

    With `classes` or `colours` the source is label maps: images whose pixels are class indices (8
    or 16 bits; of a palette its indices, not its colours), or colours that stand for classes. In
    arrays they are whole numbers `(n, height, width)`. Batches hold them one-hot.

    With `instances`, maps that number the things in an image, the source has one more channel: the
    boundaries between them, see `instance_edges`.

    Photos are resized antialiased, label and instance maps by nearest neighbour. The window of
    `crop_size` and the toss of `flip` are drawn anew each time a pair is seen, the same for all
    that belongs together. Pix2pix (Isola et al. 2017) trains with `image_size=(286, 286),
    crop_size=(256, 256), flip=True`.

    Pixels, indices and ids are kept in memory. A folder that would take more than `memory_limit`
    bytes is checked once and then read from disk batch by batch.

    Args:
        source: What is translated.
        target: What it becomes, always photos or other pictures. Leave it out where `source` holds
            both.
        image_size: `(height, width)` that all images are resized to, before they are cropped; the
            size of the first pair when left out.
        channels: The target's channel count to expect; that of its first image when left out.
        batch_size: Pairs in a batch. All batches are full.
        seed: Chooses the order, windows and tosses.
        side_by_side: `"source_left"` or `"source_right"` where an image holds two halves. With a
            folder of sources and one of targets, it tells which half of the targets' images to
            leave out.
        match: A regular expression for file names (without suffix): what it finds, or its first
            group, must be the same in files that belong together. `r"\w+_\d+_\d+"` matches
            Cityscapes' `aachen_000000_000019_leftImg8bit` and `..._gtFine_labelIds`.
        source_channels: The source's channel count to expect, where it is no label map; that of
            its first image when left out.
        classes: The number of classes of label maps with indices.
        colours: The colour `(r, g, b)` of each class, for label maps with colours.
        ignore: What stands for no class, such as 255, or in maps with colours a colour: there the
            source is 0 in all channels.
        instances: Instance maps, a folder or an array as the source is.
        return_instances: Whether batches hold the instances' ids too.
        crop_size: `(height, width)` of a window cut out of each pair, all its places equally
            likely; the whole image when left out.
        flip: Whether to mirror each pair left to right with probability 1/2.
        shuffle: Whether to shuffle. Pass `False` for validation data, which is then neither flipped
            nor cropped at random: it takes the central window.
        steps_per_epoch: Batches in an epoch; one pass over the pairs when left out.
        convert_channels: Whether to convert photos with other channels than expected (gray to
            colour, colour to gray, alpha dropped) instead of failing.
        on_bad_image: `"error"`, or `"skip"` to go on without pairs of which a file is missing or
            cannot be used; they are warned of and listed in `dataset.skipped`.
        npz_keys: The names of the source, the target and, where there are any, the instances in an
            `.npz` file.
        memory_limit: The most bytes that all pixels may take in memory.
        label_folders: Names of folders whose images are labels and are left out; see `list_images`.
            The known names hold among photos and other pictures only: where label maps or instance
            maps are expected, every image is one. Those given hold everywhere.
        label_patterns: Patterns of the names of images that are labels, likewise.
        **kwargs: Passed to `keras.utils.PyDataset`: `workers`, `max_queue_size`.

    Returns:
        A `PairedDataset`.

    Raises:
        ImageError: If a folder is missing or empty, half a pair is missing, images that belong
            together differ in size, a label map holds what is no class, or an image is damaged or
            does not fit.
        ValueError: If an argument is out of range, or arguments do not go together.

    Example:
        >>> maps = np.zeros((5, 286, 286), "uint8")
        >>> photos = np.zeros((5, 286, 286, 3), "uint8")
        >>> train = paired(maps, photos, classes=12, crop_size=(256, 256), flip=True)
        >>> source_batch, target_batch = train[0]
        >>> source_batch.shape, target_batch.shape, len(train)
        ((1, 256, 256, 12), (1, 256, 256, 3), 5)
    """
    check_on_bad_image(on_bad_image)
    if side_by_side not in (None, "source_left", "source_right"):
        raise ValueError(
            f'`side_by_side` must be "source_left" or "source_right". Received: {side_by_side!r}'
        )
    if len(npz_keys) not in (2, 3) or isinstance(npz_keys, str):
        raise ValueError(f"`npz_keys` must be two or three names. Received: {npz_keys!r}")
    size = check_image_size(image_size)
    # An impossible window is told before thousands of images are read.
    check_crop_size(crop_size, size)
    parts: dict[str, PairPart] = {"source": Photos(source_channels, convert_channels)}
    if classes is not None or colours is not None:
        if source_channels is not None:
            raise ValueError("A label map has no `source_channels`; leave it out.")
        parts["source"] = LabelMaps(classes, colours, ignore)
    elif ignore is not None:
        raise ValueError("`ignore` is for label maps: pass `classes` or `colours` too.")
    parts["target"] = Photos(channels, convert_channels)
    images = {"source": source, "target": target}
    if instances is not None:
        images["instances"], parts["instances"] = instances, InstanceMaps()
    given = LabelRule(label_folders, label_patterns)
    rules = {
        argument: given if isinstance(part, Photos) else given.of_label_maps
        for argument, part in parts.items()
    }
    pairs = PairSet.open(
        images, parts, size, side_by_side, match, on_bad_image, npz_keys, memory_limit, rules
    )
    return PairedDataset(
        pairs,
        batch_size,
        seed,
        shuffle,
        steps_per_epoch,
        crop_size,
        flip,
        return_instances,
        **kwargs,
    )


class PairedDataset(EpochBatches):
    """Batches `(source, target)` of images that belong together; made by `paired`.

    The pairs are shuffled anew for each pass over them. The batch at an index is a pure function of
    `(seed, epoch, index)`: order, windows and tosses, so two runs see the same batches whatever the
    backend and the number of workers. In an epoch of one pass, the pairs that fill no batch are
    left out, others each time. Unshuffled data takes the central window and is not mirrored.

    A training that is resumed starts at a later epoch, of which it must be told with `set_epoch`,
    as `UnpairedDataset` describes; the models of this package do so.

    Attributes:
        names: The sources' file names relative to their folder, or row numbers as text.
        skipped: `(file name, reason)` of each pair that was left out.
        image_shape: `(height, width, channels)` of the batches' targets, that is after cropping.
        source_shape: The same of their sources: channels are classes in a label map, and one more
            with instances.

    Args:
        pairs: The images.
        batch_size: Pairs in a batch.
        seed: Chooses the order.
        shuffle: Whether to shuffle.
        steps_per_epoch: Batches in an epoch; one pass when `None`. Give it here, not to `fit`,
            which would let one epoch's order run into the next.
        crop_size: `(height, width)` of the window cut out of each pair; all of it when `None`.
        flip: Whether to mirror each pair left to right with probability 1/2.
        return_instances: Whether batches hold the instances' ids too.
        **kwargs: Passed to `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is out of range, or `return_instances` without instances.
    """

    def __init__(
        self,
        pairs: PairSet,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        crop_size: tuple[int, int] | None = None,
        flip: bool = False,
        return_instances: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            len(pairs),
            pairs.size,
            batch_size,
            seed,
            shuffle,
            steps_per_epoch,
            crop_size,
            flip,
            # Reading from disk is worth threads; memory is fast enough without.
            **{"workers": 1 if pairs.in_memory else 4, **kwargs},
        )
        has_instances = "instances" in pairs.parts
        if return_instances and not has_instances:
            raise ValueError("`return_instances` needs instance maps: pass `instances`.")
        self.pairs, self.return_instances = pairs, return_instances
        self._given_steps = steps_per_epoch
        self.names, self.skipped = pairs.names, pairs.skipped
        size = self.crop_size or pairs.size
        self.image_shape = (*size, pairs.parts["target"].channels)
        self.source_shape = (*size, pairs.parts["source"].channels + has_instances)

    def __getitem__(self, index: int) -> tuple[np.ndarray | dict[str, np.ndarray], np.ndarray]:
        """Returns batch `index` of the current epoch.

        Args:
            index: From 0 to `len(self) - 1`.

        Returns:
            `(source, target)`, `float32`, shape `(batch, height, width, channels)` each. The target
            is in [-1, 1], and so is the source if it is an image; label maps are one-hot, and
            instance boundaries 0 and 1. With `return_instances` the source is `{"labels": that,
            "instances": ids}`, the ids `int32` of shape `(batch, height, width, 1)`.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} of {len(self)}.")
        # Read once: Keras may go to the next epoch while a worker is here.
        epoch = self.epoch
        kept = self._augment(self.pairs[self.rows(epoch, index)], 0, epoch, index)
        parts = self.pairs.parts
        batch = {k: parts[k].batch(images) for k, images in zip(parts, kept, strict=True)}
        if "instances" not in parts:
            return batch["source"], batch["target"]
        source = np.concatenate([batch["source"], instance_edges(batch["instances"])], axis=-1)
        if self.return_instances:
            return {"labels": source, "instances": batch["instances"]}, batch["target"]
        return source, batch["target"]

    def hold_out(self, count: int) -> tuple["PairedDataset", "PairedDataset"]:
        """Parts the last pairs from the others, to validate with.

        Args:
            count: How many, at least one and fewer than there are.

        Returns:
            The data set of the others, as this one in all else; and that of the last, one a batch,
            in order and neither mirrored nor cropped at random.

        Raises:
            ValueError: Another count.

        Example:
            >>> from keras_simgan.data import paired
            >>> photos = np.zeros((10, 8, 8, 3), "uint8")
            >>> train, validation = paired(photos, photos, flip=True).hold_out(2)
            >>> len(train), len(validation), validation.names
            (8, 2, ['8', '9'])
        """
        total = len(self.pairs)
        if not 0 < count < total:
            raise ValueError(
                f"`count` must be from 1 to {total - 1}, of {total} pairs; got {count}."
            )
        last = self.pairs.subset(range(total - count, total))
        others = PairedDataset(
            self.pairs.subset(range(total - count)),
            self.batch_size,
            self.seed,
            self.shuffle,
            self._given_steps,
            self.crop_size,
            self.flip,
            self.return_instances,
            workers=self.workers,
        )
        validation = PairedDataset(
            last,
            1,
            shuffle=False,
            crop_size=self.crop_size,
            return_instances=self.return_instances,
            workers=self.workers,
        )
        return others, validation

    def rows(self, epoch: int, index: int) -> np.ndarray:
        """Tells which pairs make up a batch.

        Args:
            epoch: The epoch, from 0.
            index: The batch in the epoch, from 0.

        Returns:
            Their rows, `(batch_size,)`.
        """
        # Unshuffled data, such as validation data, is the same in every epoch.
        start = (epoch if self.shuffle else 0) * self._stride + index * self.batch_size
        return self._stream(0, len(self.pairs), start)
