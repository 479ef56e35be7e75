"""The discriminator of pix2pix and CycleGAN."""

from __future__ import annotations

import keras

from keras_simgan.networks.network import Network, check_image_shape, output_dtype
from keras_simgan.networks.normalization import (
    check_normalization,
    has_bias,
    initializer,
    normalize,
)


@keras.saving.register_keras_serializable(package="keras_simgan")
class PatchDiscriminator(Network):
    """The fully convolutional discriminator that judges overlapping patches.

    Isola et al. 2016 and Zhu et al. 2017, appendix: C64-C128-C256-C512 and a convolution to one
    value; 4x4 kernels, stride 2 in the first `layers`, then 1; padding 1; leaky relu of slope 0.2;
    instance normalization without parameters on all but the first and the last. With 3 layers each
    value sees 70x70 pixels (1: 16, 2: 34, 4: 142, 5: 286); with none it is the PixelGAN of pix2pix,
    C64-C128 of 1x1 kernels and stride 1. In colour 2,764,737 parameters, and a 30x30 map at
    256x256.

    Args:
        image_shape: `(height, width, channels)`. Height and width may be None. A conditional
            discriminator, as pix2pix's, has the channels of condition and image together.
        filters: Channels of the first layer; each next has twice as many, 8 times at most.
        layers: Layers with stride 2.
        normalization: `"instance"`, `"batch"`, as in pix2pix, or None for none. Instance
            normalization takes the mean and the contrast of each channel out of what is judged, so
            that a domain's variety of colours goes unseen; without it the weights start from He et
            al. 2015 and training is less calm.
        padding: Zeros on each side of what a kernel runs over: 1, or 2 as in pix2pixHD.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Input: images in [-1, 1], shape `(batch, height, width, channels)`. Output: one value a patch,
    shape `(batch, rows, columns, 1)`; no activation.

    Example:
        >>> network = PatchDiscriminator((256, 256, 3))
        >>> network.count_params(), network.output_shape
        (2764737, (None, 30, 30, 1))
        >>> PatchDiscriminator((256, 256, 6), normalization="batch").output_shape  # pix2pix
        (None, 30, 30, 1)
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        filters: int = 64,
        layers: int = 3,
        normalization: str | None = "instance",
        padding: int = 1,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        if padding not in (1, 2):
            raise ValueError(f"`padding` must be 1 or 2; got {padding!r}.")
        _check_size(image_shape, layers, padding)
        check_normalization(normalization)
        dtype = keras.dtype_policies.get(dtype)

        # Layers
        def convolution(name, count, strides, x, bias=True, relu_follows=True):
            if layers:
                x = keras.layers.ZeroPadding2D(padding, dtype=dtype, name=f"{name}_pad")(x)
            return keras.layers.Conv2D(
                count,
                4 if layers else 1,
                strides,
                use_bias=bias,
                kernel_initializer=initializer(normalization, relu_follows),
                dtype=dtype,
                name=name,
            )(x)

        to_float32 = keras.layers.Activation("linear", dtype=output_dtype(dtype), name="float32")

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        x = inputs
        for index in range(max(layers, 1) + 1):
            conv = f"conv_{index + 1}"
            strides = 2 if index < layers else 1
            bias = index == 0 or has_bias(normalization)
            x = convolution(conv, filters * 2 ** min(index, 3), strides, x, bias)
            if index:
                x = normalize(normalization, f"{conv}_norm", dtype)(x)
            x = keras.layers.LeakyReLU(0.2, dtype=dtype, name=f"{conv}_leaky_relu")(x)
        # The authors' PixelGAN has a bias here only where its normalization has none.
        bias = layers > 0 or has_bias(normalization)
        x = convolution("patches", 1, 1, x, bias, relu_follows=False)
        outputs = to_float32(x)  # (batch, rows, columns, 1)

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "filters": filters,
                "layers": layers,
                "normalization": normalization,
                "padding": padding,
            },
            dtype=dtype,
            name=name,
        )


def _check_size(image_shape: tuple, count: int, padding: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError(f"`layers` must be an integer of at least 0; got {count!r}.")
    if not count:
        return
    for size in image_shape[:2]:
        if size is None:
            continue
        for index in range(count + 2):
            size = (size + 2 * padding - 4) // (2 if index < count else 1) + 1
        if size < 1:
            raise ValueError(
                f"Images of {image_shape[0]}x{image_shape[1]} are too small for a "
                f"PatchDiscriminator of {count} layers; pass fewer `layers`."
            )
