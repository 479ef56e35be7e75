"""Synthetic images beside the refined ones of the same names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from keras_simgan.data.files import ImageError
from keras_simgan.data.image_set import ImageSet
from keras_simgan.evaluation.image_fit import ImageFit
from keras_simgan.evaluation.image_folders import ImageFolders
from keras_simgan.evaluation.image_sample import ImageSample
from keras_simgan.evaluation.sample_options import MINIMUM_IMAGES

_BATCH_SIZE = 64


@dataclass(frozen=True)
class ImagePairs:
    """Images before and after refinement.

    Attributes:
        originals: The synthetic images of the names of refined ones.
        refined: The refined images.
        rows: For each of `originals` the row of the refined image, shape `(n,)`.
    """

    originals: ImageSet
    refined: ImageSet
    rows: np.ndarray

    @classmethod
    def match(
        cls, folders: ImageFolders, fit: ImageFit, synthetic: ImageSample, refined: ImageSample
    ) -> ImagePairs:
        """Finds the original of each refined image that was chosen.

        Args:
            folders: The folders of both.
            fit: What they are brought to.
            synthetic: Those that were chosen.
            refined: The refined ones that were chosen.

        Raises:
            ImageError: If fewer than `MINIMUM_IMAGES` have one that can be used.
        """
        folder, names = folders.of["synthetic"], refined.images.names
        known = set(folder.names)
        # An original may be one that was skipped, or that was not chosen and so was not read yet.
        rows = [
            row
            for row, name in enumerate(names)
            if name in known
            and (name in synthetic.rows or not fit.skip_bad or fit.is_usable(folder.path / name))
        ]
        if len(rows) < MINIMUM_IMAGES:
            raise ImageError(
                f"{len(rows)} of {len(refined)} images taken from "
                f"{str(folders.of['refined'].path)!r} have the name of a usable one in "
                f"{str(folder.path)!r}; expected at least {MINIMUM_IMAGES}. Refine these synthetic "
                "images, or name the folder that the refined ones come from."
            )
        originals = ImageSet(
            fit.shape, [names[row] for row in rows], None, lambda name: fit.read(folder.path / name)
        )
        return cls(originals, refined.images, np.array(rows))

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.rows)

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields images before and after, float32 in [-1, 1], shape `(n, height, width, c)`."""
        for start in range(0, len(self), _BATCH_SIZE):
            rows = self.rows[start : start + _BATCH_SIZE]
            yield self.originals[np.arange(start, start + len(rows))], self.refined[rows]
