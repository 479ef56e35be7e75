"""Pictures of what the model makes of the same images, epoch by epoch."""

from pathlib import Path

import keras
import numpy as np

from keras_simgan.data.images import write_image
from keras_simgan.data.ranges import from_unit

_SMALLEST_SIDE = 96  # pixels; smaller images are enlarged for the eye


class ImageGrid(keras.callbacks.Callback):
    """Writes a picture after each epoch: source images above what the model makes of them.

    The file `epoch_0001.png` has one column for each image: the source, the model's output, and,
    to compare with, an unrelated target image. Small images are enlarged by repeating pixels.

    Args:
        folder: Where the pictures go.
        source: Images in [-1, 1], shape `(n, height, width, 1 or 3)`.
        target: Images of the same shape for the third row; left out when `None`.

    Raises:
        ValueError: If the images do not have the shape above.

    Example:
        >>> images = np.zeros((4, 36, 60, 1), "float32")
        >>> callback = ImageGrid("samples", images)
    """

    def __init__(self, folder: str | Path, source: np.ndarray, target: np.ndarray | None = None):
        super().__init__()
        for name, images in (("source", source), ("target", target)):
            if images is not None and (np.ndim(images) != 4 or np.shape(images)[-1] not in (1, 3)):
                raise ValueError(
                    f"`{name}` must be images (n, height, width, 1 or 3). Received the shape "
                    f"{np.shape(images)}."
                )
        self.folder, self.source, self.target = Path(folder), source, target

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the picture of this epoch.

        Args:
            epoch: The epoch, from 0; the file counts from 1.
            logs: Not used.
        """
        refined = keras.ops.convert_to_numpy(
            self.model(keras.ops.convert_to_tensor(self.source), training=False)
        )
        rows = [self.source, refined] + ([] if self.target is None else [self.target])
        grid = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
        scale = -(-_SMALLEST_SIDE // min(self.source.shape[1:3]))
        grid = np.repeat(np.repeat(grid, scale, axis=0), scale, axis=1)
        write_image(self.folder / f"epoch_{epoch + 1:04d}.png", from_unit(grid))
