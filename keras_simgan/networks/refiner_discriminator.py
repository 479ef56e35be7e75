"""The discriminator of SimGAN."""

from __future__ import annotations

import keras
from keras import layers

from keras_simgan.networks.network import Network, check_image_shape, output_dtype

EYES = ((96, 3, 2), (64, 3, 2), ("max_pool", 3, 1), (32, 3, 1), (32, 1, 1))
HANDS = ((96, 7, 4), (64, 5, 2), ("max_pool", 3, 2), (32, 3, 2), (32, 1, 1))


@keras.saving.register_keras_serializable(package="keras_simgan")
class RefinerDiscriminator(Network):
    """The local discriminator: for every patch of the image, the logits of real and refined.

    Shrivastava et al. 2017, section 3; convolutions with relu and one max pooling, then a 1x1
    convolution to two linear logits. For eyes (35, 55, 1): 75,906 parameters, a 9x14 map, receptive
    field 23 pixels. For hands (224, 224, 1): `stages=RefinerDiscriminator.HANDS`, 178,050
    parameters, a 7x7 map.

    Args:
        image_shape: `(height, width, channels)`. Height and width may be None.
        stages: What comes before the logits: `(filters or "max_pool", kernel size, strides)` each.
        dtype: Data type or policy of the layers. The logits are float32, or float64 in float64.
        name: Name of the network.

    Input: images in [-1, 1], shape `(batch, height, width, channels)`. Output: logits, shape
    `(batch, rows, columns, 2)`, channel 0 real, channel 1 refined; no activation.

    Example:
        >>> network = RefinerDiscriminator((35, 55, 1))
        >>> network.count_params(), network.output_shape
        (75906, (None, 9, 14, 2))
    """

    EYES = EYES
    HANDS = HANDS

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        stages: tuple = EYES,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        dtype = keras.dtype_policies.get(dtype)

        # Layers
        body = []
        for index, (filters, kernel, strides) in enumerate(stages):
            if filters == "max_pool":
                layer = layers.MaxPooling2D(
                    kernel, strides, padding="same", dtype=dtype, name=f"pool_{index + 1}"
                )
            else:
                layer = layers.Conv2D(
                    filters,
                    kernel,
                    strides,
                    padding="same",
                    activation="relu",
                    kernel_initializer="he_normal",
                    dtype=dtype,
                    name=f"conv_{index + 1}",
                )
            body.append(layer)
        head = layers.Conv2D(2, 1, dtype=dtype, name="logits")
        to_float32 = layers.Activation("linear", dtype=output_dtype(dtype), name="float32")

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        x = inputs
        for layer in body:
            x = layer(x)
        outputs = to_float32(head(x))  # (batch, rows, columns, 2)

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={"image_shape": image_shape, "stages": [list(stage) for stage in stages]},
            dtype=dtype,
            name=name,
        )
