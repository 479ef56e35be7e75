"""The small network whose features distances between sets of images are computed on."""

from __future__ import annotations

import keras
from keras import layers, ops

from keras_simgan.networks.network import Network, check_image_shape, output_dtype


@keras.saving.register_keras_serializable(package="keras_simgan")
class FeatureNetwork(Network):
    """Describes images of any size by numbers, in which sets of images can be compared.

    A 3x3 convolution, then stages that halve the image: a 3x3 convolution with stride 2 and one
    with stride 1, added to the first. Of the maps of every stage the mean and the standard
    deviation over all positions are taken, which say what is in the image and how much it varies,
    fine textures in the early stages and shapes in the late ones. A linear layer mixes them, and
    batch normalization without a scale gives each feature mean 0 and variance 1 on the training
    images.
    Convolutions are followed by batch normalization, which in inference is a fixed scale: other
    normalizations would hide an image's contrast.

    The bundled weights, `presets.load("features_small")`, are trained on images drawn from numbers,
    as Baradad et al. 2021, "Learning to see by looking at noise"; see the preset's card.

    Args:
        image_shape: `(height, width, channels)`; height and width may be None, for any size.
        filters: Filters of the first convolution and of each stage.
        features: How many features to give.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Input: images in [-1, 1], shape `(batch, height, width, channels)`, of 16 pixels and more for
    features that say something. Output: features, shape `(batch, features)`.

    Raises:
        ValueError: A bad image shape, or filters or features that are no positive integers.

    Example:
        >>> FeatureNetwork((None, None, 3)).output_shape
        (None, 192)
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int] = (None, None, 3),
        filters: tuple[int, ...] = (24, 48, 72, 96),
        features: int = 192,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        counts = [*filters, features]
        if not filters or not all(isinstance(count, int) and count > 0 for count in counts):
            raise ValueError(
                "`filters` and `features` must be positive integers, one filter count at least; "
                f"got filters={filters!r} and features={features!r}."
            )
        dtype = keras.dtype_policies.get(dtype)

        def convolution(x, count, strides, name):
            x = layers.Conv2D(
                count,
                3,
                strides,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
                dtype=dtype,
                name=name,
            )(x)
            x = layers.BatchNormalization(dtype=dtype, name=f"{name}_normalization")(x)
            return layers.Activation("relu", dtype=dtype, name=f"{name}_relu")(x)

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        x = convolution(inputs, filters[0], 1, "stem")
        statistics = _mean_and_deviation(x)
        for index, count in enumerate(filters[1:], start=1):
            x = convolution(x, count, 2, f"stage_{index}_halve")
            y = convolution(x, count, 1, f"stage_{index}_look")
            x = layers.Add(dtype=dtype, name=f"stage_{index}_add")([x, y])
            statistics += _mean_and_deviation(x)
        x = layers.Concatenate(dtype=output_dtype(dtype), name="statistics")(statistics)
        x = layers.Dense(features, use_bias=False, dtype=output_dtype(dtype), name="mix")(x)
        outputs = layers.BatchNormalization(
            center=False, scale=False, dtype=output_dtype(dtype), name="features"
        )(x)  # (batch, features)

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={"image_shape": image_shape, "filters": list(filters), "features": features},
            dtype=dtype,
            name=name,
        )


def _mean_and_deviation(maps) -> list:
    """Over all positions, each `(batch, channels)`; half precision would lose small deviations."""
    maps = ops.cast(maps, "float32")
    # The root has no derivative at 0, where a map is the same everywhere.
    return [ops.mean(maps, axis=(1, 2)), ops.sqrt(ops.var(maps, axis=(1, 2)) + 1e-5)]
