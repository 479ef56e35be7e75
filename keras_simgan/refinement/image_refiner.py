"""Refining images as they are on disk: any size, 8 or 16 bits, gray, colour, with alpha."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from keras_simgan.data.files import IMAGE_SUFFIXES, unsupported_format
from keras_simgan.data.formats import Metadata
from keras_simgan.data.images import decode_image
from keras_simgan.ranges import from_unit, to_unit
from keras_simgan.refinement.scores import shown
from keras_simgan.refinement.tiling import TiledNetwork

SOURCE_TO_TARGET = "source_to_target"


class ImageRefiner:
    """Refines pixel images with a network that works on [-1, 1].

    A network of as many channels as the image refines it as it is. A gray network refines a colour
    image's luminance Y and leaves its chroma Cr, Cb (ITU-R 601) as they are. Alpha, the channel
    after gray or colour, is kept where the network has no channel for it. A colour network refuses
    gray images; a network of any other number of channels takes images of as many.

    A network that gives other channels than it takes, such as a pix2pix that colours gray images,
    takes images of as many channels as it does, with alpha where it gives gray or colour.

    Args:
        model: A `SimGAN`, `CycleGAN` or other `models.GAN`; or a network that maps images in
            [-1, 1] to refined ones of the same height and width. Networks with a method
            `for_image_shape`, such as `networks.Refiner`, take images of any size, others those of
            their own size.
        direction: A key of the model's `directions`: which of its networks refines. A network has
            one direction only, the default.
        tile: Images larger than this many pixels, `(height, width)` or one number for both, are
            refined tile by tile, without seams; see `TiledNetwork` for what that costs. None
            refines every image in one piece.
        overlap: Pixels that a tile reaches beyond its place; see `TiledNetwork`.

    Raises:
        ValueError: If the model does not have this direction, its network gives images of another
            size than it takes, or it cannot be tiled as asked.

    Attributes:
        network: The network.
        action: What the manifest says was done with an image.
        maps_folder: The folder of the destination that images are copied to as well; None for none.
        settings: What else the results depend on, for the manifest; JSON values.

    Example:
        >>> from keras_simgan.networks import Refiner
        >>> refiner = ImageRefiner(Refiner((36, 60, 1), blocks=1))
        >>> refiner.refine([np.zeros((36, 60, 3), "uint8")])[0].shape
        (36, 60, 3)
    """

    action = "refined"
    maps_folder: str | None = None

    def __init__(
        self,
        model: keras.Model,
        direction: str = SOURCE_TO_TARGET,
        tile: int | tuple[int, int] | None = None,
        overlap: int | None = None,
    ):
        if hasattr(model, "directions"):
            self.network = model.deployed_network(direction)
        elif direction == SOURCE_TO_TARGET:
            self.network = model
        else:
            raise ValueError(
                f"{model!r} is no GAN with networks to choose from, so `direction` is of no use "
                f"with it; got {direction!r}. Give the network of that direction, or the GAN."
            )
        shape = getattr(self.network, "input_shape", None)
        output = self.network.output_shape if _is_of_images(shape) else None
        if shape is None or output is None or not _is_of_images(output) or output[:3] != shape[:3]:
            raise ValueError(
                "A refiner maps images (batch, height, width, channels) to images of the same "
                f"height and width. Received: {model!r} with the input shape {shape}."
            )
        self.size, self.channels, self.output_channels = shape[1:3], shape[3], output[3]
        self.settings: dict[str, Any] = {}
        self._any_size = None
        if tile is None and overlap is not None:
            raise ValueError(f"`overlap` is of use with `tile` only. Received: overlap={overlap!r}")
        self._tiled = None if tile is None else TiledNetwork(self.network, tile, overlap)

    @property
    def keeps_channels(self) -> bool:
        """Whether images come out with the channels that they had."""
        return self.output_channels == self.channels

    def inputs(self, source: Path, name: str) -> dict[str, Path]:
        """The files that make one image, by what the manifest calls them, its own first.

        Args:
            source: The folder of the data set.
            name: The image's name relative to it.
        """
        return {"input": source / name}

    def check_name(self, source: Path, name: str) -> None:
        """Raises where an image's name alone tells that it cannot be refined.

        Args:
            source: The folder of the data set.
            name: The image's name relative to it.

        Raises:
            ImageError: If so.
        """
        if not name.lower().endswith(IMAGE_SUFFIXES):
            raise unsupported_format(source / name)

    def decode(self, files: dict[str, tuple[Path, bytes]]) -> tuple[np.ndarray, Metadata | None]:
        """Decodes what `refine` takes of one image.

        Args:
            files: Path and content of each of its `inputs`.

        Returns:
            Its pixels, upright; and what else the refined image is to have of its file.

        Raises:
            ImageError: If a file is damaged, or cannot be written again as it is.
        """
        image, metadata = decode_image(*files["input"])
        if not self.keeps_channels:  # a profile for gray says nothing of colours
            metadata = dataclasses.replace(metadata, profile=None)
        return image, metadata

    def reference(self, images: list[np.ndarray]) -> dict[str, np.ndarray]:
        """What a `LabelAgreement` compares refined images with, by the name of its argument.

        Args:
            images: What was given to `refine`.
        """
        return {"before": shown(np.stack([to_unit(image) for image in images]))}

    def check(self, image: np.ndarray) -> None:
        """Raises where an image does not fit the network.

        Args:
            image: Pixels, shape `(height, width, channels)`.

        Raises:
            ValueError: If the network cannot refine such an image.
        """
        height, width, channels = image.shape
        self._check_channels(channels)
        self._check_size(height, width)

    def _check_channels(self, channels: int) -> None:
        if channels == self.channels:
            return
        pairs = [(1, 1), (3, 3)]  # of the network's channels and of the image's but alpha
        if self.keeps_channels:
            pairs.append((1, 3))
        pair = self.channels, _without_alpha(channels)
        if pair in pairs and not self.keeps_channels and self.output_channels not in (1, 3):
            raise ValueError(
                f"It has an alpha channel, but the refiner makes images of {self.output_channels} "
                "channels, beside which alpha has no place. Take it out of the image."
            )
        if pair not in pairs:
            raise ValueError(
                f"It has {channels} channel{'s' * (channels > 1)}, but the refiner works on "
                f"{self.channels}. Convert it, or use a refiner for such images."
            )

    def _check_size(self, height: int, width: int) -> None:
        if not self._fits(height, width) and not hasattr(self.network, "for_image_shape"):
            raise ValueError(
                f"It is {height}x{width} pixels (height x width), but this refiner takes "
                f"{self.size[0]}x{self.size[1]} alone. Resize it."
            )
        if tiled := self._tiled_for(height, width):
            tiled.check(height, width)

    def refine(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Refines images of one shape.

        Args:
            images: Pixels, shape `(height, width, channels)` each, `uint8` or `uint16`.

        Returns:
            The refined images in the same order, each of its own type and size, with the channels
            that the network gives, and alpha as it was.

        Raises:
            ValueError: If an image does not fit, or the network gives values that are not finite.
        """
        self.check(images[0])
        unit = np.stack([to_unit(image) for image in images])
        channels = unit.shape[-1]
        if channels != self.channels:
            channels = _without_alpha(channels)
        refine = self._predict if channels == self.channels else self._refine_luminance
        refined = np.concatenate([refine(unit[..., :channels]), unit[..., channels:]], axis=-1)
        return [from_unit(new, image.dtype) for new, image in zip(refined, images, strict=True)]

    def _refine_luminance(self, colour: np.ndarray) -> np.ndarray:
        split = np.stack([cv2.cvtColor((x + 1) / 2, cv2.COLOR_RGB2YCrCb) for x in colour])
        split[..., :1] = (self._predict(2 * split[..., :1] - 1) + 1) / 2
        return np.stack([2 * cv2.cvtColor(x, cv2.COLOR_YCrCb2RGB) - 1 for x in split])

    def _predict(self, unit: np.ndarray) -> np.ndarray:
        height, width = unit.shape[1:3]
        if tiled := self._tiled_for(height, width):
            return np.stack([tiled(image) for image in unit])
        network = self.network
        if not self._fits(height, width):
            # One network without a size serves all other sizes.
            if self._any_size is None:
                self._any_size = self.network.for_image_shape((None, None, self.channels))
            network = self._any_size
        return np.asarray(network.predict_on_batch(unit), "float32")

    def _tiled_for(self, height: int, width: int) -> TiledNetwork | None:
        """What refines an image of this size by tiles; none where it is one tile."""
        tiled = self._tiled
        fits = tiled is None or (height <= tiled.tile[0] and width <= tiled.tile[1])
        return None if fits else tiled

    def _fits(self, height: int, width: int) -> bool:
        return all(
            own in (None, given) for own, given in zip(self.size, (height, width), strict=True)
        )


def _is_of_images(shape: Any) -> bool:
    return isinstance(shape, tuple) and len(shape) == 4


def _without_alpha(channels: int) -> int:
    """How many channels are left when alpha, the second after gray or fourth after colour, goes."""
    return {2: 1, 4: 3}.get(channels, channels)
