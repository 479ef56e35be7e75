"""What is kept of a real domain, so that images can be compared with it without its photos."""

from __future__ import annotations

import dataclasses
import io
import math
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.lib import format as npy

from keras_simgan.disk import replacing
from keras_simgan.metrics.features import FeatureExtractor, feature_extractor
from keras_simgan.presets.registry import REFERENCE, find

_FORMAT = 1
_LARGEST = 2**28  # bytes of an array; a covariance of 2048 features takes 2**25
_FIELDS = ("features", "mean", "covariance", "count", "extractor", "checksum")


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceStatistics:
    """Features of real images, their mean and covariance, and the extractor they are of.

    Distances that compare samples take `features`, those that compare Gaussians `mean` and
    `covariance`. The numbers of one extractor mean nothing beside those of another: `check` refuses
    them.

    Args:
        features: Features of up to `rows` of the images, `(m, d)`, float16, or float32 where that
            does not hold them.
        mean: Mean over all images, float64 `(d,)`.
        covariance: Covariance over all images, divided by their count less one, float64 `(d, d)`.
        count: How many images there were.
        extractor: Name of the feature extractor.
        checksum: Its checksum.

    Example:
        >>> photos = np.random.default_rng(0).uniform(-1, 1, (20, 36, 60, 1))
        >>> reference = ReferenceStatistics.of(photos, "small", rows=10)
        >>> reference.features.shape, reference.count
        ((10, 192), 20)
    """

    features: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    count: int
    extractor: str
    checksum: str

    @classmethod
    def of(
        cls,
        images: Any,
        extractor: str | keras.Model | FeatureExtractor = "small",
        rows: int = 2048,
        seed: int = 0,
        batch_size: int = 64,
    ) -> ReferenceStatistics:
        """The statistics of images.

        Args:
            images: Float array `(n, height, width, 1 or 3)` in [-1, 1], two images at least.
            extractor: What `feature_extractor` takes.
            rows: Of how many images to keep the features, chosen at random where there are more.
            seed: Of the choice.
            batch_size: How many images to hold in the extractor at once.

        Raises:
            ValueError: Fewer than two images or rows, or what the extractor refuses.
        """
        extractor = feature_extractor(extractor)
        if not isinstance(rows, int) or rows < 2:
            raise ValueError(f"`rows` must be an integer from 2; got {rows!r}.")
        if len(images) < 2:
            raise ValueError(f"A covariance needs two images at least; got {len(images)}.")
        features = extractor(images, batch_size)
        count = len(features)
        exact = features.astype("float64")
        if count > rows:
            chosen = np.random.default_rng(seed).choice(count, rows, replace=False)
            features = features[np.sort(chosen)]
        fits = np.abs(features).max() <= np.finfo("float16").max
        return cls(
            features=features.astype("float16") if fits else features,
            mean=exact.mean(axis=0),
            covariance=np.cov(exact, rowvar=False).reshape(2 * exact.shape[1:]),
            count=count,
            extractor=extractor.name,
            checksum=extractor.checksum,
        )

    @classmethod
    def from_preset(cls, preset: str | Path) -> ReferenceStatistics:
        """What a preset keeps of the real images it was trained towards.

        `ReferenceStatistics.of(photos).save(folder / "reference.npz")` adds it to a preset.

        Args:
            preset: A bundled name, a folder, or `"hf://user/repository"`.

        Raises:
            ValueError: No such preset, it keeps none, or it is damaged.

        Example:
            >>> ReferenceStatistics.from_preset("simgan_eyes_36x60").count
            1000
        """
        path = find(preset) / REFERENCE
        if not path.is_file():
            raise ValueError(
                f"The preset {preset} keeps no {REFERENCE}. Make one of real images with "
                "`metrics.ReferenceStatistics.of(images)`; `.save` puts it into a preset's folder."
            )
        return cls.load(path)

    def check(self, extractor: str | FeatureExtractor) -> None:
        """Refuses an extractor whose features cannot be compared with these.

        Args:
            extractor: What `feature_extractor` takes.

        Raises:
            ValueError: Its checksum is another.
        """
        extractor = feature_extractor(extractor)
        if extractor.checksum != self.checksum:
            raise ValueError(
                f"The reference holds features of {self.extractor!r} (checksum "
                f"{self.checksum[:12]}), which cannot be compared with those of "
                f"{extractor.name!r} (checksum {extractor.checksum[:12]}). Use the reference's "
                "extractor, or make a reference with `ReferenceStatistics.of(images, extractor)`."
            )

    def save(self, path: str | Path) -> None:
        """Writes a NumPy archive without pickled objects; a file of that name is replaced.

        Args:
            path: The file, `.npz`.

        Raises:
            ValueError: Another ending.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise ValueError(f"`path` must end in .npz; got {str(path)!r}.")
        content = io.BytesIO()
        fields = {name: getattr(self, name) for name in _FIELDS}
        np.savez_compressed(content, format=_FORMAT, **fields)
        with replacing(path) as temporary:
            temporary.write_bytes(content.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> ReferenceStatistics:
        """Reads what `save` wrote.

        Args:
            path: The file.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is no reference, or a damaged one.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"There is no reference {str(path)!r}. `ReferenceStatistics.of(images).save(path)` "
                "makes one."
            )
        try:
            with np.load(path, allow_pickle=False) as file:
                _refuse_bombs(file.zip)
                version = int(file["format"])
                fields = {name: file[name] for name in _FIELDS} if version == _FORMAT else {}
            if version == _FORMAT:
                count = int(fields["count"])
        except Exception as error:  # whatever a damaged file makes NumPy raise
            raise ValueError(
                f"{str(path)!r} is not a reference that `ReferenceStatistics.save` wrote, or it is "
                f"damaged: {error}."
            ) from error
        if version != _FORMAT:
            raise ValueError(
                f"{str(path)!r} is of format {version}; this version reads {_FORMAT}. Make it anew "
                "with `ReferenceStatistics.of(images).save(path)`."
            )
        reference = cls(
            features=fields["features"],
            mean=fields["mean"],
            covariance=fields["covariance"],
            count=count,
            extractor=str(fields["extractor"]),
            checksum=str(fields["checksum"]),
        )
        reference._check_values(path)
        return reference

    def _check_values(self, path: Path) -> None:
        arrays = [self.features, self.mean, self.covariance]
        shapes = [value.shape for value in arrays]
        width = self.features.shape[-1] if self.features.ndim == 2 else None
        if (
            any(value.dtype.kind != "f" for value in arrays)
            or shapes[1:] != [(width,), (width, width)]
            or not 2 <= len(self.features) <= self.count
            or not all(np.isfinite(value).all() for value in arrays)
        ):
            raise ValueError(
                f"{str(path)!r} is damaged: features, mean and covariance of {self.count} images "
                f"have the shapes {shapes} or are not finite numbers. Make it anew with "
                "`ReferenceStatistics.of(images).save(path)`."
            )


def _refuse_bombs(archive: zipfile.ZipFile) -> None:
    """Raises where an archive, once unpacked, or an array by its header would be huge."""
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    for member in archive.infolist():
        with archive.open(member) as file:
            shape, _, dtype = readers[npy.read_magic(file)](file)
        declared = math.prod(shape) * dtype.itemsize
        if declared > member.file_size or member.file_size > _LARGEST:
            raise ValueError(f"{member.filename!r} would take {declared:,} bytes")
