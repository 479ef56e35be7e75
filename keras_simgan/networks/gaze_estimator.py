"""The gaze estimator that SimGAN is judged by."""

from __future__ import annotations

import keras
from keras import layers

from keras_simgan.networks.network import Network, check_image_shape, output_dtype


@keras.saving.register_keras_serializable(package="keras_simgan")
class GazeEstimator(Network):
    """The convolutional network that reads a gaze direction from an eye.

    Shrivastava et al. 2017, section 3.1: 3x3 convolutions of 32, 32 and 64 filters, 3x3 max pooling
    with stride 2, convolutions of 80 and 192, 2x2 max pooling with stride 2, fully connected layers
    of 9600, 1000 and 3, and L2 normalization; convolutions without padding. At 35x55 the flattened
    map has exactly 9,600 values, so "FC9600" is most naturally that map; set `fc9600_dense` to have
    a dense layer of 9,600 units besides. Train it with plain `compile(loss="mse")` on unit vectors.
    Larger images, such as GazeGAN's 128x128, are brought near the paper's size by `pooling`.

    Args:
        image_shape: `(height, width, channels)`, at least 20x20 after pooling.
        filters: Filters of the five convolutions.
        dense_units: Units of the hidden dense layer.
        fc9600_dense: Whether a dense layer of 9,600 units comes before it.
        pooling: Factor by which the mean of the pixels shrinks the images before the first
            convolution; 1 leaves them as they are.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Input: images in [-1, 1], shape `(batch, height, width, channels)`. Output: unit vectors
    `(x, y, z)`, shape `(batch, 3)`, in the convention of `data.pitch_yaw_to_vector`.

    Example:
        >>> GazeEstimator((35, 55, 1)).output_shape
        (None, 3)
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        filters: tuple[int, int, int, int, int] = (32, 32, 64, 80, 192),
        dense_units: int = 1000,
        fc9600_dense: bool = False,
        pooling: int = 1,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        height, width, channels = check_image_shape(image_shape)
        if not isinstance(pooling, int) or pooling < 1:
            raise ValueError(f"`pooling` must be an integer from 1; got {pooling!r}.")
        if height is None or width is None or min(height, width) // pooling < 20:
            raise ValueError(
                f"A gaze estimator needs images of known size, at least 20x20 pixels after "
                f"pooling; got image_shape={(height, width, channels)} and pooling={pooling}."
            )
        image_shape = (height, width, channels)
        if len(filters) != 5:
            raise ValueError(f"`filters` must name five convolutions' filters; got {filters!r}.")
        dtype = keras.dtype_policies.get(dtype)

        # Layers
        convolutions = [
            layers.Conv2D(
                count,
                3,
                activation="relu",
                kernel_initializer="he_normal",
                dtype=dtype,
                name=f"conv_{index + 1}",
            )
            for index, count in enumerate(filters)
        ]
        shrink = layers.AveragePooling2D(pooling, dtype=dtype, name="shrink")
        pool_1 = layers.MaxPooling2D(3, 2, dtype=dtype, name="pool_1")
        pool_2 = layers.MaxPooling2D(2, 2, dtype=dtype, name="pool_2")
        dense = [
            layers.Dense(
                units,
                activation="relu",
                kernel_initializer="he_normal",
                dtype=dtype,
                name=f"dense_{units}",
            )
            for units in ([9600] if fc9600_dense else []) + [dense_units]
        ]
        head = layers.Dense(3, dtype=dtype, name="direction")
        normalize = layers.UnitNormalization(dtype=output_dtype(dtype), name="unit_length")

        # Functional model
        inputs = keras.Input(image_shape, name="eyes")
        x = inputs if pooling == 1 else shrink(inputs)
        for convolution in convolutions[:3]:
            x = convolution(x)
        x = pool_1(x)
        for convolution in convolutions[3:]:
            x = convolution(x)
        x = layers.Flatten(dtype=dtype, name="flatten")(pool_2(x))  # (batch, 9600) at 35x55
        for layer in dense:
            x = layer(x)
        outputs = normalize(head(x))  # (batch, 3)

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "filters": list(filters),
                "dense_units": dense_units,
                "fc9600_dense": fc9600_dense,
                "pooling": pooling,
            },
            dtype=dtype,
            name=name,
        )
