"""The generator of pix2pix."""

from __future__ import annotations

import keras
from keras import layers

from keras_simgan.layers import CropToMatch, PadToMultiple, PersistentDropout
from keras_simgan.networks.network import Network, check_image_shape, output_dtype
from keras_simgan.networks.normalization import (
    check_normalization,
    has_bias,
    initializer,
    normalize,
)


@keras.saving.register_keras_serializable(package="keras_simgan")
class UNetGenerator(Network):
    """The generator that halves an image down to a point, and hands each size across on the way up.

    Isola et al. 2016, appendix 6.1.1, after Ronneberger et al. 2015. Level k halves the image and
    has min(2^(k-1), 8) filters; on the way up each level doubles it, and is joined with what the
    level had on the way down:

        encoder C64-C128-C256-C512-C512-C512-C512-C512, leaky relu of slope 0.2
        decoder C512-CD512-CD512-CD512-C256-C128-C64, relu, then a convolution and tanh

    4x4 kernels, stride 2; normalization after each convolution but the first, the innermost and the
    last; dropout (D) at levels 5 to `depth - 1`, as in the authors' code (the paper's text has it
    one level deeper). In colour with 8 levels and batch normalization 54,413,955 parameters.

    The noise of the paper is dropout, which stays on at inference, and an image is normalized by
    its own statistics there: `inference_dropout` and `statistics`. Either way a translation depends
    on the image alone, in `predict`, in files and in an export.

    The output has the input's height and width, whatever they are: images are continued to a
    multiple of 2^depth by their mirror image, and cropped back.

    Args:
        image_shape: `(height, width, channels)`. Height and width may be None.
        filters: Channels of the first level.
        depth: Levels: 8 for 256x256, 7 for 128x128. At least 2.
        output_channels: Channels of the output; those of the input when left out.
        normalization: `"batch"`, `"instance"`, or None for none.
        dropout: The rate of dropout; 0 for none.
        inference_dropout: Whether dropout stays on at inference, as in the paper; see
            `layers.PersistentDropout`.
        statistics: What batch normalization takes at inference: each `"image"`'s own, as in the
            paper, or the `"moving"` averages; see `layers.ImageBatchNormalization`.
        seed: Seed of dropout.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Raises:
        ValueError: An argument out of range.

    Input: `(batch, height, width, channels)`, an image in [-1, 1] or a label map of one channel a
    class. Output: images in [-1, 1], `(batch, height, width, output_channels)`.

    Example:
        >>> network = UNetGenerator((64, 64, 12), filters=4, depth=5, output_channels=3)
        >>> network.output_shape
        (None, 64, 64, 3)
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        filters: int = 64,
        depth: int = 8,
        output_channels: int | None = None,
        normalization: str | None = "batch",
        dropout: float = 0.5,
        inference_dropout: bool = True,
        statistics: str = "image",
        seed: int = 0,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        check_normalization(normalization)
        if not isinstance(depth, int) or depth < 2:
            raise ValueError(f"`depth` must be an integer of at least 2; got {depth!r}.")
        dtype = keras.dtype_policies.get(dtype)
        output_channels = output_channels or image_shape[-1]

        def channels(level):
            return filters * 2 ** min(level - 1, 3)

        # Layers
        def convolution(kind, name, count, bias, relu_follows=True):
            # On even sizes "same" pads one pixel on each side.
            return kind(
                count,
                4,
                2,
                padding="same",
                use_bias=bias,
                kernel_initializer=initializer(normalization, relu_follows),
                dtype=dtype,
                name=name,
            )

        def norm(name, x):
            return normalize(normalization, f"{name}_norm", dtype, statistics)(x)

        def down(level, x):
            name = f"down_{level}"
            if level > 1:
                x = layers.LeakyReLU(0.2, dtype=dtype, name=f"{name}_leaky_relu")(x)
            x = convolution(layers.Conv2D, name, channels(level), has_bias(normalization))(x)
            return norm(name, x) if 1 < level < depth else x

        def up(level, x):
            name = f"up_{level}"
            x = layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)
            if level == 1:
                return convolution(
                    layers.Conv2DTranspose, name, output_channels, True, relu_follows=False
                )(x)
            count = channels(level - 1)
            x = convolution(layers.Conv2DTranspose, name, count, has_bias(normalization))(x)
            x = norm(name, x)
            if dropout and 5 <= level < depth:
                x = PersistentDropout(
                    dropout,
                    seed + level,
                    inference=inference_dropout,
                    dtype=dtype,
                    name=f"{name}_dropout",
                )(x)
            return x

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        x = PadToMultiple(2**depth, dtype=dtype, name="pad_to_multiple")(inputs)
        skips = []
        for level in range(1, depth + 1):
            x = down(level, x)  # (batch, height / 2^level, width / 2^level, channels)
            skips.append(x)
        for level in range(depth, 0, -1):
            if level < depth:
                x = layers.Concatenate(dtype=dtype, name=f"join_{level}")([skips[level - 1], x])
            x = up(level, x)  # (batch, 2 height / 2^level, 2 width / 2^level, channels)
        x = layers.Activation("tanh", dtype=output_dtype(dtype), name="tanh")(x)
        outputs = CropToMatch(dtype=output_dtype(dtype), name="crop_to_match")([x, inputs])

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "filters": filters,
                "depth": depth,
                "output_channels": output_channels,
                "normalization": normalization,
                "dropout": dropout,
                "inference_dropout": inference_dropout,
                "statistics": statistics,
                "seed": seed,
            },
            dtype=dtype,
            name=name,
        )
