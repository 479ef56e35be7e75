"""Batches by epoch: an order that survives an interruption, and windows that follow from it."""

import functools
from typing import Any

import keras
import numpy as np


class EpochBatches(keras.utils.PyDataset):
    """What data sets share whose batch is a pure function of `(seed, epoch, index)`.

    Args:
        size: Rows of the domain that an epoch is one pass over.
        image_size: `(height, width)` of the images before they are cropped.
        batch_size: Rows in a batch.
        seed: Chooses the order.
        shuffle: Whether to shuffle.
        steps_per_epoch: Batches in an epoch; one pass when `None`.
        crop_size: `(height, width)` of the window cut out of each image; all of it when `None`.
        flip: Whether to mirror each image left to right with probability 1/2.
        **kwargs: Passed to `keras.utils.PyDataset`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        size: int,
        image_size: tuple[int, int],
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        crop_size: tuple[int, int] | None = None,
        flip: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        for name, value in (("batch_size", batch_size), ("steps_per_epoch", steps_per_epoch)):
            if value is not None and (not isinstance(value, int | np.integer) or value < 1):
                raise ValueError(f"`{name}` must be a whole number above 0. Received: {value!r}")
        if steps_per_epoch is None and size < batch_size:
            raise ValueError(
                f"The source has {size} images, fewer than one batch of {batch_size}. "
                f"Pass `batch_size={size}` or less, or `steps_per_epoch` to repeat them."
            )
        check_crop_size(crop_size, image_size)
        self.batch_size, self.seed, self.shuffle = int(batch_size), int(seed), shuffle
        self.steps_per_epoch = int(steps_per_epoch or size // batch_size)
        # With no number of steps asked for, every epoch starts a new pass over the source.
        self._stride = size if steps_per_epoch is None else self.steps_per_epoch * self.batch_size
        self.epoch = 0
        self.crop_size = None if crop_size is None else (int(crop_size[0]), int(crop_size[1]))
        self.flip = flip

    def __len__(self) -> int:
        """Returns the number of batches in an epoch."""
        return self.steps_per_epoch

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose batches come next.

        Args:
            epoch: The epoch, from 0.
        """
        self.epoch = int(epoch)

    def on_epoch_end(self) -> None:
        """Goes to the next epoch; called by Keras."""
        self.epoch += 1

    def _stream(self, domain: int, size: int, start: int) -> np.ndarray:
        # The domain as an endless row of passes, each in its own order; batch_size rows of it.
        passes, rows = np.divmod(np.arange(start, start + self.batch_size), size)
        if not self.shuffle:
            return rows
        for number in np.unique(passes):
            chosen = passes == number
            rows[chosen] = _permutation(self.seed, domain, int(number), size)[rows[chosen]]
        return rows

    def _augment(
        self, images: tuple[np.ndarray, ...], domain: int, epoch: int, index: int
    ) -> tuple[np.ndarray, ...]:
        """Crops and mirrors batches that belong together, all by the same windows and tosses."""
        if self.crop_size is None and not self.flip:
            return images
        count, size = len(images[0]), images[0].shape[1:3]
        height, width = self.crop_size or size
        slack = size[0] - height, size[1] - width
        if self.shuffle:
            # A spawn key, as `_permutation` has none: the draws are independent of the order.
            seeds = np.random.SeedSequence(self.seed, spawn_key=(domain, epoch, index))
            draw = np.random.default_rng(seeds)
            tops, lefts = (draw.integers(0, room + 1, count) for room in slack)
            mirrored = draw.integers(0, 2, count) * self.flip
        else:
            tops, lefts = (np.full(count, room // 2) for room in slack)
            mirrored = np.zeros(count, int)

        def windows(batch: np.ndarray) -> np.ndarray:
            return np.stack(
                [
                    image[top : top + height, left : left + width][:, :: -1 if mirror else 1]
                    for image, top, left, mirror in zip(batch, tops, lefts, mirrored, strict=True)
                ]
            )

        return tuple(windows(batch) for batch in images)


def check_crop_size(crop_size: Any, image_size: Any) -> None:
    """Refuses an impossible window.

    Args:
        crop_size: `(height, width)`, or None.
        image_size: `(height, width)` of the images, or None where it is not known yet.

    Raises:
        ValueError: If it is no size, or larger than the images.
    """
    if crop_size is None:
        return
    if not is_size(crop_size):
        raise ValueError(f"`crop_size` must be (height, width) in pixels. Received: {crop_size!r}")
    # A wrong `image_size` has an error of its own.
    if is_size(image_size) and any(np.greater(crop_size, image_size)):
        raise ValueError(
            f"`crop_size` {crop_size[0]}x{crop_size[1]} (height x width) is larger than the images "
            f"of {image_size[0]}x{image_size[1]}. Pass a smaller one, or a larger `image_size`."
        )


def check_image_size(image_size: Any) -> tuple[int, int] | None:
    """Returns a size to resize to as a tuple of two integers, or None.

    Args:
        image_size: `(height, width)`, or None.

    Raises:
        ValueError: If it is neither.
    """
    if image_size is None:
        return None
    if not is_size(image_size):
        raise ValueError(
            f"`image_size` must be (height, width) in pixels. Received: {image_size!r}"
        )
    return int(image_size[0]), int(image_size[1])


def is_size(size: Any) -> bool:
    """Whether something is `(height, width)` in pixels."""
    return np.shape(size) == (2,) and all(
        isinstance(side, int | np.integer) and side > 0 for side in size
    )


@functools.lru_cache(maxsize=8)
def _permutation(seed: int, domain: int, number: int, size: int) -> np.ndarray:
    return np.random.default_rng([seed, domain, number]).permutation(size)
