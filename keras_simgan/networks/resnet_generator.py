"""The generator of CycleGAN, and the global one of pix2pixHD."""

from __future__ import annotations

import keras
from keras import layers

from keras_simgan.layers import CropToMatch, Doubling, PadToMultiple, ReflectionPadding2D
from keras_simgan.networks.network import Network, check_image_shape, output_dtype
from keras_simgan.networks.normalization import (
    check_normalization,
    has_bias,
    initializer,
    normalize,
)

UPSAMPLING = ("transpose", "resize")


@keras.saving.register_keras_serializable(package="keras_simgan")
class ResNetGenerator(Network):
    """The generator that halves an image twice, transforms it in residual blocks, and doubles it.

    Zhu et al. 2017, appendix: c7s1-64, d128, d256, R256 six or nine times, u128, u64, c7s1-3 and
    tanh; reflection padding; instance normalization without parameters (epsilon 1e-5) and relu
    after every convolution but those that end a block or the network. Inside a block

        x + norm(conv(relu(norm(conv(x)))))

    with no relu after the addition. In colour: 7,837,699 parameters with 6 blocks, which the paper
    has for 128x128, and 11,378,179 with 9, for 256x256 and larger. Padding and cropping are
    those of the authors' PyTorch code to the pixel, so its weights can be carried over.

    With four `downsamplings` it is the global generator of pix2pixHD (Wang et al. 2018), of
    182,546,755 parameters from label maps of 35 classes with instance edges to colour.

    The output has the input's height and width, whatever they are: images are continued to a
    multiple of 2^downsamplings by their mirror image, and cropped back.

    Args:
        image_shape: `(height, width, channels)`. Height and width may be None.
        filters: Channels of the first layer; twice as many after each halving.
        blocks: Residual blocks.
        upsampling: `"transpose"`: transposed convolutions, as in the paper. `"resize"`: nearest
            neighbours, then a convolution (Odena et al. 2016), against checkerboard patterns.
        output_channels: Channels of the output; those of the input when left out.
        normalization: `"instance"`, `"batch"` (see `layers.ImageBatchNormalization`), or None for
            none. Instance normalization forgets each image's own mean colour and contrast at the
            first layer; without it they can be kept, the weights start from He et al. 2015, and
            training is less calm.
        downsamplings: How often the image is halved before the blocks, and doubled after them.
        dtype: Data type or policy of the layers. The output is float32, or float64 in float64.
        name: Name of the network.

    Input and output are images in [-1, 1], shape `(batch, height, width, channels)`.

    Example:
        >>> ResNetGenerator((128, 128, 3), blocks=6).count_params()
        7837699
    """

    def __init__(
        self,
        image_shape: tuple[int | None, int | None, int],
        filters: int = 64,
        blocks: int = 9,
        upsampling: str = "transpose",
        output_channels: int | None = None,
        normalization: str | None = "instance",
        downsamplings: int = 2,
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        image_shape = check_image_shape(image_shape)
        if upsampling not in UPSAMPLING:
            raise ValueError(f"`upsampling` must be one of {UPSAMPLING}; got {upsampling!r}.")
        check_normalization(normalization)
        if not isinstance(downsamplings, int) or downsamplings < 1:
            raise ValueError(
                f"`downsamplings` must be an integer of at least 1; got {downsamplings!r}."
            )
        dtype = keras.dtype_policies.get(dtype)
        output_channels = output_channels or image_shape[-1]

        # Layers
        def convolution(name, count, kernel, strides=1, relu_follows=True):
            return layers.Conv2D(
                count,
                kernel,
                strides,
                use_bias=has_bias(normalization) or name == "head",
                kernel_initializer=initializer(normalization, relu_follows),
                dtype=dtype,
                name=name,
            )

        def reflect(name, padding):
            return ReflectionPadding2D(padding, dtype=dtype, name=f"{name}_pad")

        def norm_relu(name, x):
            x = normalize(normalization, f"{name}_norm", dtype)(x)
            return layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)

        def down(name, count, x):
            x = layers.ZeroPadding2D(1, dtype=dtype, name=f"{name}_pad")(x)
            return norm_relu(name, convolution(name, count, 3, 2)(x))

        def block(name, count, x):
            first, second = f"{name}_first", f"{name}_second"
            y = norm_relu(first, convolution(first, count, 3)(reflect(first, 1)(x)))
            y = convolution(second, count, 3, relu_follows=False)(reflect(second, 1)(y))
            y = normalize(normalization, f"{second}_norm", dtype)(y)
            return layers.Add(dtype=dtype, name=f"{name}_add")([x, y])

        def up(name, count, x):
            if upsampling == "resize":
                x = Doubling(dtype=dtype, name=f"{name}_resize")(x)
                x = convolution(name, count, 3)(reflect(name, 1)(x))
            else:
                x = layers.Conv2DTranspose(
                    count,
                    3,
                    2,
                    use_bias=has_bias(normalization),
                    kernel_initializer=initializer(normalization),
                    dtype=dtype,
                    name=name,
                )(x)
                # The mirror image of `down`, which pads one pixel on each side.
                x = layers.Cropping2D(((1, 0), (1, 0)), dtype=dtype, name=f"{name}_crop")(x)
            return norm_relu(name, x)

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        # At least twice that, for reflection padding reaches 3 pixels far, and 1 after halving.
        multiple = 2**downsamplings
        padded = PadToMultiple(multiple, minimum=2 * multiple, dtype=dtype, name="pad_to_multiple")(
            inputs
        )
        x = norm_relu("stem", convolution("stem", filters, 7)(reflect("stem", 3)(padded)))
        for index in range(1, downsamplings + 1):
            x = down(f"down_{index}", filters * 2**index, x)
        # (batch, height / multiple, width / multiple, multiple filters)
        for index in range(1, blocks + 1):
            x = block(f"block_{index}", multiple * filters, x)
        for index in range(1, downsamplings + 1):
            x = up(f"up_{index}", multiple * filters // 2**index, x)
        x = convolution("head", output_channels, 7, relu_follows=False)(reflect("head", 3)(x))
        x = layers.Activation("tanh", dtype=output_dtype(dtype), name="tanh")(x)
        outputs = CropToMatch(dtype=output_dtype(dtype), name="crop_to_match")([x, inputs])

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={
                "image_shape": image_shape,
                "filters": filters,
                "blocks": blocks,
                "upsampling": upsampling,
                "output_channels": output_channels,
                "normalization": normalization,
                "downsamplings": downsamplings,
            },
            dtype=dtype,
            name=name,
        )
