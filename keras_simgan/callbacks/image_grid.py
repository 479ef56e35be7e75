"""Pictures of what the model makes of the same images, epoch by epoch."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan.callbacks._samples import check_fits
from keras_simgan.data.images import write_image
from keras_simgan.metrics.image_checks import checked_images
from keras_simgan.ranges import from_unit

_SMALLEST_SIDE = 96  # pixels; smaller images are enlarged for the eye


class ImageGrid(keras.callbacks.Callback):
    """Writes a picture after each epoch: source images above what the model makes of them.

    The file `epoch_0001.png` has one column for each image. With a model of one direction, such as
    `SimGAN`, the rows are the source, the model's output, and, to compare with, an unrelated target
    image. With a model that also translates back, such as `CycleGAN`, they are

        source, translated to the target domain, translated back;
        target, translated to the source domain, translated back.

    Small images are enlarged by repeating pixels; gray ones are shown in colour where others are.

    Args:
        folder: Where the pictures go.
        source: Images in [-1, 1], shape `(n, height, width, 1 or 3)`.
        target: As many images of the same size for the further rows; left out when `None`.
        tensorboard: A log folder. Each picture also goes there as the image summary `image_grid`,
            whose step is the epoch, from 0. Needs TensorFlow and TensorBoard on every backend; on
            JAX and torch, `tf.config.set_visible_devices([], "GPU")` keeps TensorFlow from taking
            the GPU's memory.
        shown: Pictures to show in place of a source that is none, such as label maps; as many and
            as large.

    Raises:
        ValueError: If the images do not have the shape and range above, if `source` and `target`
            differ in number or size, or, before the first step of a training, if the model takes
            others.
        ImportError: If `tensorboard` is given and TensorFlow or TensorBoard is not installed.

    Example:
        >>> images = np.zeros((4, 36, 60, 1), "float32")
        >>> callback = ImageGrid("samples", images)
    """

    def __init__(
        self,
        folder: str | Path,
        source: np.ndarray,
        target: np.ndarray | None = None,
        tensorboard: str | Path | None = None,
        shown: np.ndarray | None = None,
    ):
        super().__init__()
        self.source = source if shown is not None else checked_images("source", source, (1, 3))
        self.shown = self.source if shown is None else checked_images("shown", shown, (1, 3))
        if self.shown.shape[:3] != self.source.shape[:3]:
            raise ValueError(
                f"`shown` must be as many and as large as `source`, {self.source.shape[:3]}. "
                f"Received the shape {self.shown.shape}."
            )
        self.target = None if target is None else checked_images("target", target, channels=(1, 3))
        if self.target is not None and self.target.shape[:3] != self.source.shape[:3]:
            raise ValueError(
                f"`target` must have the shape of `source`, {self.source.shape}, but for the "
                f"channels, as both stand in one picture. Received the shape {self.target.shape}."
            )
        if tensorboard is not None:
            missing = [name for name in ("tensorflow", "tensorboard") if find_spec(name) is None]
            if missing:
                raise ImportError(
                    f"`tensorboard` needs {' and '.join(missing)}, not installed here. Run `pip "
                    f"install {' '.join(missing)}`, or leave `tensorboard` out: the pictures go to "
                    "`folder` without."
                )
        self.folder, self.tensorboard = Path(folder), tensorboard
        self._writer: Any = None  # TensorFlow's, which may be absent

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Refuses images that the model cannot translate, before any training.

        Args:
            logs: Not used.
        """
        directions = getattr(self.model, "directions", ())
        if "source_to_target" in directions:
            check_fits("source", self.source, self.model, "source_to_target")
        if "target_to_source" in directions and self.target is not None:
            check_fits("target", self.target, self.model, "target_to_source")

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the picture of this epoch.

        Args:
            epoch: The epoch, from 0; the file counts from 1.
            logs: Not used.
        """
        rows = self._rows()
        channels = max(row.shape[-1] for row in rows)
        rows = [np.broadcast_to(row, (*row.shape[:3], channels)) for row in rows]
        grid = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
        scale = -(-_SMALLEST_SIDE // min(self.source.shape[1:3]))
        grid = from_unit(np.repeat(np.repeat(grid, scale, axis=0), scale, axis=1))
        write_image(self.folder / f"epoch_{epoch + 1:04d}.png", grid)
        if self.tensorboard is not None:
            self._write_summary(grid, epoch)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes TensorBoard's file.

        Args:
            logs: Not used.
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _rows(self) -> list[np.ndarray]:
        targets = [] if self.target is None else [self.target]
        if "target_to_source" not in getattr(self.model, "directions", ()):
            refined = self.model(keras.ops.convert_to_tensor(self.source), training=False)
            return [self.shown, keras.ops.convert_to_numpy(refined), *targets]
        rows = []
        for images, there, back in (
            (self.source, "source_to_target", "target_to_source"),
            *((target, "target_to_source", "source_to_target") for target in targets),
        ):
            translated = self.model.translate(images, direction=there)
            # Clipped as the picture shows it: a network without tanh may leave the range.
            shown = np.clip(translated, -1.0, 1.0)
            rows += [images, shown, self.model.translate(shown, direction=back)]
        return rows

    def _write_summary(self, grid: np.ndarray, epoch: int) -> None:
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.tensorboard))
        with self._writer.as_default():
            tf.summary.image("image_grid", grid[None], step=epoch)
        self._writer.flush()
