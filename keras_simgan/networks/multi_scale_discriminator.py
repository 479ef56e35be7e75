"""The discriminator of pix2pixHD."""

from __future__ import annotations

from typing import Any

import keras

from keras_simgan.layers import AverageHalving
from keras_simgan.networks.network import Network, check_image_shape
from keras_simgan.networks.patch_discriminator import PatchDiscriminator


@keras.saving.register_keras_serializable(package="keras_simgan")
class MultiScaleDiscriminator(Network):
    """Patch discriminators of an image, of its half, of its quarter; they hand out their features.

    Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional
    GANs", section 3.2: at each scale of a pyramid (`layers.AverageHalving`) a `PatchDiscriminator`
    of its own, C64-C128-C256-C512 and a convolution to one value with padding 2. The finest judges
    patches of 70x70 pixels, each next twice as large ones, so that both details and the whole are
    judged. `losses.feature_matching` compares the features. Two scales of 39 channels (35 classes,
    instance edges, colour) have 5,603,202 parameters.

    Args:
        image_shape: `(height, width, channels)`, the channels of condition and image together.
            Height and width may be None.
        filters: Channels of the first layer; each next has twice as many, 8 times at most.
        layers: Layers with stride 2 at each scale.
        scales: Scales; the paper has 3 at 2048x1024, its code 2.
        normalization: As in `PatchDiscriminator`.
        dtype: Data type or policy of the layers. The values are float32, or float64 in float64.
        name: Name of the network.

    Input: images in [-1, 1], with their condition's channels before, shape
    `(batch, height, width, channels)`, of any size. Output: a list of scales, the finest first,
    each a list of the features after every layer, `layers + 1` of them, and last the map of values
    `(batch, rows, columns, 1)`, no activation: a form that every `losses.AdversarialLoss` takes.

    Raises:
        ValueError: A bad image shape, or scales or layers that are no positive integers.

    Example:
        >>> network = MultiScaleDiscriminator((256, 512, 39))
        >>> network.count_params()
        5603202
        >>> images = keras.ops.zeros((1, 32, 64, 4))
        >>> features = MultiScaleDiscriminator((32, 64, 4), filters=2)(images)
        >>> [tuple(scale[-1].shape) for scale in features]
        [(1, 7, 11, 1), (1, 5, 7, 1)]
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        filters: int = 64,
        layers: int = 3,
        scales: int = 2,
        normalization: str | None = "instance",
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        for argument, count in (("layers", layers), ("scales", scales)):
            if not isinstance(count, int) or count < 1:
                raise ValueError(f"`{argument}` must be an integer of at least 1; got {count!r}.")
        dtype = keras.dtype_policies.get(dtype)

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        x, outputs = inputs, []
        for index in range(1, scales + 1):
            patches = PatchDiscriminator(
                (None, None, image_shape[-1]),
                filters,
                layers,
                normalization,
                padding=2,
                dtype=dtype,
            )
            ends = [f"conv_{layer}_leaky_relu" for layer in range(1, layers + 2)]
            features = [patches.get_layer(end).output for end in ends]
            scale = keras.Model(
                patches.inputs, [*features, *patches.outputs], name=f"scale_{index}"
            )
            outputs.append(scale(x))
            if index < scales:
                x = AverageHalving(dtype=dtype, name=f"halve_{index}")(x)

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "filters": filters,
                "layers": layers,
                "scales": scales,
                "normalization": normalization,
            },
            dtype=dtype,
            name=name,
        )

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The list of scales, of one too, where Keras would hand out its only item."""
        outputs = super().call(inputs, training=training, mask=mask)
        return outputs if self._arguments["scales"] > 1 else [outputs]

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """The same of shapes and data types."""
        outputs = super().compute_output_spec(inputs, training=training, mask=mask)
        return outputs if self._arguments["scales"] > 1 else [outputs]
