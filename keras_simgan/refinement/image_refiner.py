"""Refining images as they are on disk: any size, 8 or 16 bits, gray, colour, with alpha."""

from pathlib import Path

import cv2
import keras
import numpy as np

from keras_simgan.data.ranges import from_unit, to_unit

SOURCE_TO_TARGET = "source_to_target"


class ImageRefiner:
    """Refines pixel images with a network that works on [-1, 1].

    A network of as many channels as the image refines it as it is. A gray network refines a colour
    image's luminance Y and leaves its chroma Cr, Cb (ITU-R 601) as they are. Alpha is kept. A
    colour network refuses gray images.

    Args:
        model: A `SimGAN`, `CycleGAN` or other `models.GAN`; or a network that maps images in
            [-1, 1] to refined ones of the same shape. Networks with a method `for_image_shape`,
            such as `networks.Refiner`, take images of any size, others those of their own size.
        direction: A key of the model's `directions`: which of its networks refines. A network has
            one direction only, the default.

    Raises:
        ValueError: If the model does not have this direction, or its network gives images of
            another shape than it takes.

    Example:
        >>> from keras_simgan.networks import Refiner
        >>> refiner = ImageRefiner(Refiner((36, 60, 1), blocks=1))
        >>> refiner.refine([np.zeros((36, 60, 3), "uint8")])[0].shape
        (36, 60, 3)
    """

    def __init__(self, model: keras.Model, direction: str = SOURCE_TO_TARGET):
        if hasattr(model, "directions"):
            self.network = getattr(model, model.network_of(direction))
        elif direction == SOURCE_TO_TARGET:
            self.network = model
        else:
            raise ValueError(
                f"{model!r} is no GAN with networks to choose from, so `direction` is of no use "
                f"with it; got {direction!r}. Give the network of that direction, or the GAN."
            )
        shape = getattr(self.network, "input_shape", None)
        if not isinstance(shape, tuple) or len(shape) != 4 or self.network.output_shape != shape:
            raise ValueError(
                "A refiner maps images (batch, height, width, channels) to images of the same "
                f"shape. Received: {model!r} with the input shape {shape}."
            )
        self.size, self.channels = shape[1:3], shape[3]
        self._any_size = None

    def check(self, image: np.ndarray) -> None:
        """Raises where an image does not fit the network.

        Args:
            image: Pixels, shape `(height, width, channels)`.

        Raises:
            ValueError: If the network cannot refine such an image.
        """
        height, width, channels = image.shape
        colour = min(channels, 3)
        if self.channels != colour and (self.channels, colour) != (1, 3):
            raise ValueError(
                f"It has {channels} channel{'s' * (channels > 1)}, but the refiner works on "
                f"{self.channels}. Convert it to colour, or use a refiner for gray images."
            )
        if not self._fits(height, width) and not hasattr(self.network, "for_image_shape"):
            raise ValueError(
                f"It is {height}x{width} pixels (height x width), but this refiner takes "
                f"{self.size[0]}x{self.size[1]} alone. Resize it."
            )

    def refine(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Refines images of one shape.

        Args:
            images: Pixels, shape `(height, width, channels)` each, `uint8` or `uint16`.

        Returns:
            The refined images in the same order, each of its own type and shape.

        Raises:
            ValueError: If an image does not fit, or the network gives values that are not finite.
        """
        self.check(images[0])
        unit = np.stack([to_unit(image) for image in images])
        refined = unit.copy()
        colour = unit[..., :3]
        if self.channels == colour.shape[-1]:
            refined[..., : self.channels] = self._predict(colour)
        else:
            refined[..., :3] = self._refine_luminance(colour)
        return [from_unit(new, image.dtype) for new, image in zip(refined, images, strict=True)]

    def _refine_luminance(self, colour: np.ndarray) -> np.ndarray:
        split = np.stack([cv2.cvtColor((x + 1) / 2, cv2.COLOR_RGB2YCrCb) for x in colour])
        split[..., :1] = (self._predict(2 * split[..., :1] - 1) + 1) / 2
        return np.stack([2 * cv2.cvtColor(x, cv2.COLOR_YCrCb2RGB) - 1 for x in split])

    def _predict(self, unit: np.ndarray) -> np.ndarray:
        network = self.network
        if not self._fits(*unit.shape[1:3]):
            # One network without a size serves all other sizes.
            if self._any_size is None:
                self._any_size = self.network.for_image_shape((None, None, self.channels))
            network = self._any_size
        return np.asarray(network.predict_on_batch(unit))

    def _fits(self, height: int, width: int) -> bool:
        return all(
            own in (None, given) for own, given in zip(self.size, (height, width), strict=True)
        )


def load_refiner(
    model: keras.Model | str | Path, direction: str = SOURCE_TO_TARGET
) -> ImageRefiner:
    """Makes an `ImageRefiner` of a model, a network or a preset.

    Args:
        model: What `ImageRefiner` takes, or what `presets.load` takes: a name or a folder. Of a
            preset only the network of this direction is loaded.
        direction: See `ImageRefiner`.
    """
    if isinstance(model, keras.Model):
        return ImageRefiner(model, direction)
    from keras_simgan import presets

    return ImageRefiner(presets.load(model, direction=direction))
