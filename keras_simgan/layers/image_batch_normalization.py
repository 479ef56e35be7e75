"""Batch normalization as pix2pix has it at inference."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

STATISTICS = ("image", "moving")


@keras.saving.register_keras_serializable(package="keras_simgan")
class ImageBatchNormalization(keras.layers.BatchNormalization):
    r"""Batch normalization that takes each image's own statistics at inference.

    Ioffe and Szegedy 2015; over a batch in training, for each channel

        y = gamma (x - mean x) / sqrt(var x + epsilon) + beta

    Isola et al. 2016, section 3.4, translate with the statistics of the test batch, "an instance of
    one image", instead of moving averages. Here every image is a batch of its own at inference,
    whatever it is translated together with: what `predict` makes of an image depends on no other.
    Trained on batches of one image the layer then does at inference what it did in training.

    Args:
        statistics: What is taken at inference: `"image"`, or `"moving"` for the moving averages, as
            `keras.layers.BatchNormalization` does.
        **kwargs: Arguments of `keras.layers.BatchNormalization`; the last axis holds the channels.

    Raises:
        ValueError: Other statistics.

    Input and output have shape `(batch, height, width, channels)`.

    Example:
        >>> layer = ImageBatchNormalization()
        >>> images = ops.reshape(ops.arange(8.0), (2, 2, 2, 1))
        >>> [round(float(x), 2) for x in ops.ravel(layer(images))[:5]]
        [-1.34, -0.45, 0.45, 1.34, -1.34]
    """

    def __init__(self, statistics: str = "image", **kwargs: Any):
        super().__init__(**kwargs)
        if statistics not in STATISTICS:
            raise ValueError(f"`statistics` must be one of {STATISTICS}; got {statistics!r}.")
        self.statistics = statistics

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """The normalized images."""
        if training or self.statistics == "moving":
            return super().call(inputs, training=training, mask=mask)
        x = inputs
        if keras.backend.standardize_dtype(x.dtype) in ("float16", "bfloat16"):
            x = ops.cast(x, "float32")
        mean, variance = ops.moments(x, axes=(1, 2), keepdims=True)
        x = (x - mean) * ops.rsqrt(variance + self.epsilon)
        if self.scale:
            x = x * ops.cast(self.gamma, x.dtype)
        if self.center:
            x = x + ops.cast(self.beta, x.dtype)
        return ops.cast(x, inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        """All arguments, but for `synchronized`, which is set where a model trains."""
        config = {**super().get_config(), "statistics": self.statistics}
        config.pop("synchronized")
        return config
