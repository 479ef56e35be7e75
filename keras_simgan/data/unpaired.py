"""Batches of two unpaired image domains, in an order that survives an interruption."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_simgan.data._read_all import MEMORY_LIMIT
from keras_simgan.data.epochs import EpochBatches, check_crop_size
from keras_simgan.data.image_set import ImageSet


def unpaired(
    source: Any,
    target: Any,
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    batch_size: int = 64,
    seed: int = 0,
    *,
    shuffle: bool = True,
    steps_per_epoch: int | None = None,
    convert_channels: bool = False,
    on_bad_image: str = "error",
    npz_key: str = "images",
    memory_limit: int = MEMORY_LIMIT,
    crop_size: tuple[int, int] | None = None,
    flip: bool = False,
    label_folders: Sequence[str] | None = None,
    label_patterns: Sequence[str] | None = None,
    with_labels: bool = True,
    labels_encoding: str | None = None,
    **kwargs: Any,
) -> "UnpairedDataset":
    """Pairs batches of two image domains at random, for `model.fit`.

    Each domain may be:

    - a folder of png, jpg, bmp, tiff, webp and avif files, with sub-folders, without masks and
      other images that are labels (see `list_images`);
    - an `.npz` file with the images under `npz_key`; its other arrays with as many rows are labels;
    - an array `(n, height, width, channels)`: `uint8`, `uint16`, or floats in [-1, 1];
    - a finite `tf.data.Dataset` of images, `(image, label)` or `{"image": ...}`, batched or not.

    The images are decoded and resized (antialiased) once and kept in memory at 8 or 16 bits. A
    folder that would take more than `memory_limit` bytes is checked once and then read from disk
    batch by batch.

    `crop_size` and `flip` augment both domains, each image anew each time it is seen. CycleGAN (Zhu
    et al. 2017) trains with `image_size=(286, 286), crop_size=(256, 256), flip=True`.

    Args:
        source: The synthetic images.
        target: The real images.
        image_size: `(height, width)` that all images are resized to, before they are cropped; the
            size of the first source image when left out.
        channels: The channel count to expect; that of the first source image when left out.
        batch_size: Images of each domain in a batch. All batches are full.
        seed: Chooses the order.
        shuffle: Whether to shuffle. Pass `False` for validation data, which is then neither flipped
            nor cropped at random: it takes the central window.
        steps_per_epoch: Batches in an epoch; one pass over `source` when left out.
        convert_channels: Whether to convert images with other channels than `channels` (gray to
            colour, colour to gray, alpha dropped) instead of failing.
        on_bad_image: `"error"`, or `"skip"` to go on without files that cannot be used; they are
            warned of and listed in `dataset.skipped`.
        npz_key: The name of the images in `.npz` files.
        memory_limit: The most bytes that one domain's pixels may take in memory.
        crop_size: `(height, width)` of a window cut out of each image, all its places equally
            likely; the whole image when left out.
        flip: Whether to mirror each image left to right with probability 1/2.
        label_folders: Names of folders whose images are labels, in either domain; see
            `list_images`.
        label_patterns: Patterns of the names of images that are labels, likewise.
        with_labels: Whether to read the labels of a source folder, or of a source `.npz` file.
        labels_encoding: What `labels.csv` or `labels.json` is written in; see `read_labels`.
        **kwargs: Passed to `keras.utils.PyDataset`: `workers`, `max_queue_size`.

    Returns:
        An `UnpairedDataset`.

    Raises:
        ImageError: If a folder is missing or empty, or an image is damaged or does not fit.
        LabelError: If the source's labels do not fit its images.
        ValueError: If an argument is out of range.

    Example:
        >>> renders = np.zeros((100, 36, 60, 1), "uint8")
        >>> photos = np.zeros((70, 36, 60, 1), "uint8")
        >>> train = unpaired(renders, photos, image_size=(36, 60), batch_size=32)
        >>> source_batch, target_batch = train[0]
        >>> source_batch.shape, len(train)
        ((32, 36, 60, 1), 3)
        >>> train = unpaired(renders, photos, crop_size=(32, 56), flip=True, batch_size=32)
        >>> train.image_shape
        (32, 56, 1)
    """
    # An impossible window is told before thousands of images are read.
    check_crop_size(crop_size, image_size)
    options: dict[str, Any] = {
        "convert_channels": convert_channels,
        "on_bad_image": on_bad_image,
        "npz_key": npz_key,
        "memory_limit": memory_limit,
        "label_folders": label_folders,
        "label_patterns": label_patterns,
    }
    source_images = ImageSet.open(
        source,
        "source",
        image_size,
        channels,
        with_labels=with_labels,
        labels_encoding=labels_encoding,
        **options,
    )
    height, width, channels = source_images.shape
    check_crop_size(crop_size, (height, width))
    target_images = ImageSet.open(
        target, "target", (height, width), channels, with_labels=False, **options
    )
    return UnpairedDataset(
        source_images,
        target_images,
        batch_size,
        seed,
        shuffle,
        steps_per_epoch,
        crop_size,
        flip,
        **kwargs,
    )


class UnpairedDataset(EpochBatches):
    """Batches `(source, target)` of two image domains; made by `unpaired`.

    Each domain is shuffled on its own, anew for each pass over it. The batch at an index is a pure
    function of `(seed, epoch, index)`, so two runs see the same batches whatever the backend and
    the number of workers. In an epoch of one pass over the source, the images that fill no batch
    are left out, others each time; the target goes on from epoch to epoch, repeated.

    With `crop_size` and `flip`, each image of each domain gets its own window and its own toss,
    drawn from `(seed, domain, epoch, index)` when the batch is made. Unshuffled data takes the
    central window and is not mirrored.

    A training that is resumed starts at a later epoch, of which Keras tells its callbacks but not
    its data: `set_epoch` is the way to say so. And `fit` shuffles the order of the batches once
    more, from a state that no checkpoint holds, unless it is told not to. The models of this
    package see to both; other models need `fit(train, shuffle=False, callbacks=[
    keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: train.set_epoch(epoch))])`.
    An interruption amid an epoch repeats that epoch from its beginning.

    Attributes:
        source_names: The source's file names, or row numbers as text, in the order of the labels.
        source_labels: A dictionary of arrays with one row for each source image. They belong to the
            image as resized, not cropped and not flipped, whatever the batches show; training uses
            none of them.
        skipped: `(file name, reason)` of each image that was left out.
        image_shape: `(height, width, channels)` of the batches' images, that is after cropping.

    Args:
        source: The synthetic images.
        target: The real images.
        batch_size: Images of each domain in a batch.
        seed: Chooses the order.
        shuffle: Whether to shuffle.
        steps_per_epoch: Batches in an epoch; one pass over `source` when `None`. Give it here, not
            to `fit`, which would let one epoch's order run into the next.
        crop_size: `(height, width)` of the window cut out of each image; all of it when `None`.
        flip: Whether to mirror each image left to right with probability 1/2.
        **kwargs: Passed to `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        source: "ImageSet",
        target: "ImageSet",
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        crop_size: tuple[int, int] | None = None,
        flip: bool = False,
        **kwargs: Any,
    ):
        check_crop_size(crop_size, target.shape[:2])
        super().__init__(
            len(source),
            source.shape[:2],
            batch_size,
            seed,
            shuffle,
            steps_per_epoch,
            crop_size,
            flip,
            # Reading from disk is worth threads; memory is fast enough without.
            **{"workers": 1 if source.in_memory and target.in_memory else 4, **kwargs},
        )
        self.source, self.target = source, target
        self.source_names, self.source_labels = source.names, source.labels
        self.skipped = source.skipped + target.skipped
        self.image_shape = (*(self.crop_size or source.shape[:2]), source.shape[-1])

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns batch `index` of the current epoch.

        Args:
            index: From 0 to `len(self) - 1`.

        Returns:
            `(source, target)`, `float32` in [-1, 1], shape `(batch, height, width, channels)` each.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"Batch {index} of {len(self)}.")
        # Read once: Keras may go to the next epoch while a worker is here.
        epoch = self.epoch
        source_rows, target_rows = self.rows(epoch, index)
        (source,) = self._augment((self.source[source_rows],), 0, epoch, index)
        (target,) = self._augment((self.target[target_rows],), 1, epoch, index)
        return source, target

    def rows(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Tells which images make up a batch.

        Args:
            epoch: The epoch, from 0.
            index: The batch in the epoch, from 0.

        Returns:
            The rows of the source's and of the target's images, `(batch_size,)` each.
        """
        # Unshuffled data, such as validation data, is the same in every epoch.
        epoch = epoch if self.shuffle else 0
        offset = index * self.batch_size
        return (
            self._stream(0, len(self.source), epoch * self._stride + offset),
            self._stream(1, len(self.target), epoch * len(self) * self.batch_size + offset),
        )
