"""How the images that are measured are chosen and read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keras_simgan.data.label_images import LabelRule

#: Of fewer no measure can be computed in both halves of the real images, and no mean is sure.
MINIMUM_IMAGES = 20


@dataclass(frozen=True)
class SampleOptions:
    """Which images of a folder are measured, and what they are brought to.

    Attributes:
        sample_size: How many images of a folder to take at most, from `MINIMUM_IMAGES`. They are
            chosen at random, the same of folders with the same names.
        seed: Of that choice.
        image_size: `(height, width)` to resize all images to, in pixels; that of the first
            synthetic image where left out.
        channels: 1 or 3; that of the first synthetic image where left out.
        convert_channels: Whether to convert images of other channels instead of failing.
        on_bad_image: `"error"`, or `"skip"` to leave out images that cannot be used.
        label_folders: Names of folders whose images are labels and are not measured; see
            `data.list_images`.
        label_patterns: Patterns of the names of images that are labels, likewise.

    Raises:
        ValueError: If `sample_size`, `on_bad_image` or the names of labels have another value.

    Example:
        >>> SampleOptions(sample_size=500).on_bad_image
        'error'
    """

    sample_size: int = 2048
    seed: int = 0
    image_size: tuple[int, int] | None = None
    channels: int | None = None
    convert_channels: bool = False
    on_bad_image: str = "error"
    label_folders: Sequence[str] | None = None
    label_patterns: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Refuses values that cannot be meant."""
        if not isinstance(self.sample_size, int) or self.sample_size < MINIMUM_IMAGES:
            raise ValueError(
                f"`sample_size` must be a whole number from {MINIMUM_IMAGES}. Received: "
                f"{self.sample_size!r}"
            )
        if self.on_bad_image not in ("error", "skip"):
            raise ValueError(
                f'`on_bad_image` must be "error" or "skip". Received: {self.on_bad_image!r}'
            )
        _ = self.label_rule

    @property
    def label_rule(self) -> LabelRule:
        """What tells images from labels."""
        return LabelRule(self.label_folders, self.label_patterns)
