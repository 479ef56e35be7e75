"""The refiner of SimGAN."""

from __future__ import annotations

import keras
from keras import layers

from keras_simgan.layers import ResidualBlock
from keras_simgan.networks.network import Network, check_image_shape, output_dtype


@keras.saving.register_keras_serializable(package="keras_simgan")
class Refiner(Network):
    """The fully convolutional residual network that refines images at their own resolution.

    Shrivastava et al. 2017, section 3: a convolution, residual blocks without normalization, a 1x1
    convolution and tanh; no striding or pooling. For eyes (35, 55, 1): 4 blocks, 296,129
    parameters, receptive field 19 pixels. For hands (224, 224, 1): `blocks=10, stem_kernel=7`,
    741,825 parameters; the paper leaves open whether its 7x7 is meant for the blocks too
    (`block_kernel=7`: 4,018,625).

    Args:
        image_shape: `(height, width, channels)`. Height and width may be None.
        filters: Channels of every hidden layer.
        blocks: Residual blocks.
        stem_kernel: Kernel size of the first convolution.
        block_kernel: Kernel size inside the blocks.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Input and output are images in [-1, 1], shape `(batch, height, width, channels)`.

    Example:
        >>> Refiner((35, 55, 1)).count_params()
        296129
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        filters: int = 64,
        blocks: int = 4,
        stem_kernel: int = 3,
        block_kernel: int = 3,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        dtype = keras.dtype_policies.get(dtype)

        # Layers
        stem = layers.Conv2D(
            filters,
            stem_kernel,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            dtype=dtype,
            name="stem",
        )
        body = [
            ResidualBlock(filters, block_kernel, dtype=dtype, name=f"block_{index + 1}")
            for index in range(blocks)
        ]
        head = layers.Conv2D(image_shape[-1], 1, dtype=dtype, name="head")
        squash = layers.Activation("tanh", dtype=output_dtype(dtype), name="tanh")

        # Functional model
        inputs = keras.Input(image_shape, name="synthetic")
        x = stem(inputs)  # (batch, height, width, filters)
        for block in body:
            x = block(x)
        outputs = squash(head(x))  # (batch, height, width, channels)

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "filters": filters,
                "blocks": blocks,
                "stem_kernel": stem_kernel,
                "block_kernel": block_kernel,
            },
            dtype=dtype,
            name=name,
        )
