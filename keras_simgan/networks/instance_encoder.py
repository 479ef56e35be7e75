"""The encoder of pix2pixHD."""

from __future__ import annotations

import keras

from keras_simgan.layers import InstanceAverage
from keras_simgan.networks.network import Network, check_image_shape, output_dtype
from keras_simgan.networks.resnet_generator import ResNetGenerator


@keras.saving.register_keras_serializable(package="keras_simgan")
class InstanceEncoder(Network):
    """Says of every instance in a photo what it looks like, in a few numbers.

    Wang et al. 2018 (pix2pixHD), section 3.4: a generator that halves the photo `downsamplings`
    times and doubles it again, without blocks between (`ResNetGenerator`), of 16 filters, to three
    channels and tanh; then the mean over each instance (`layers.InstanceAverage`). Trained with the
    generator, which is given the features beside the label map, it learns what a label map leaves
    open, such as the colour of a car; `evaluation.InstanceStyles` draws such features where there
    is no photo.

    Args:
        image_shape: `(height, width, channels)` of the photo. Height and width may be None.
        output_channels: Numbers that describe an instance.
        filters: Channels of the first layer; twice as many after each halving.
        downsamplings: How often the photo is halved.
        normalization: As in `ResNetGenerator`.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Input: a dictionary of `"image"`, photos in [-1, 1], shape `(batch, height, width, channels)`,
    and `"instances"`, int32 of shape `(batch, height, width, 1)`. Output: features in [-1, 1],
    shape `(batch, height, width, output_channels)`, alike over each instance.

    Example:
        >>> network = InstanceEncoder((None, None, 3), filters=2, downsamplings=1)
        >>> photo = keras.random.uniform((1, 8, 8, 3), -1, 1)
        >>> features = network({"image": photo, "instances": keras.ops.ones((1, 8, 8, 1), "int32")})
        >>> bool(keras.ops.all(features == features[:, :1, :1]))
        True
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        output_channels: int = 3,
        filters: int = 16,
        downsamplings: int = 4,
        normalization: str | None = "instance",
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        dtype = keras.dtype_policies.get(dtype)

        # Functional model
        image = keras.Input(image_shape, name="image")
        instances = keras.Input((*image_shape[:2], 1), dtype="int32", name="instances")
        features = ResNetGenerator(
            image_shape,
            filters,
            blocks=0,
            output_channels=output_channels,
            normalization=normalization,
            downsamplings=downsamplings,
            dtype=dtype,
            name="features",
        )(image)
        average = InstanceAverage(dtype=output_dtype(dtype), name="instance_average")
        outputs = average([features, instances])

        # Config
        super().__init__(
            inputs={"image": image, "instances": instances},
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "output_channels": output_channels,
                "filters": filters,
                "downsamplings": downsamplings,
                "normalization": normalization,
            },
            dtype=dtype,
            name=name,
        )
