"""The coarse-to-fine generator of pix2pixHD."""

from __future__ import annotations

from typing import Any

import keras

from keras_simgan.layers import AverageHalving, CropToMatch, PadToMultiple
from keras_simgan.networks.network import Network, check_image_shape, output_dtype
from keras_simgan.networks.resnet_generator import ResNetGenerator

STAGES = ("global", "enhancer", "both")


@keras.saving.register_keras_serializable(package="keras_simgan")
class LocalEnhancer(Network):
    """A global generator, and a local enhancer around it for images twice as large.

    Wang et al. 2018 (pix2pixHD), section 3.1. The enhancer G2 takes an image x to half its size,
    adds what the global generator G1, without its last convolution, makes of the halved image, and
    goes on to the output in residual blocks:

        G(x) = back(front(x) + features of G1(halved x))
        front: c7s1-32, d64     back: R64 three times, u32, c7s1-3 and tanh

    with layers as in `ResNetGenerator`, half as many filters as G1 has, and `layers.AverageHalving`
    before G1. The output has the input's height and width, whatever they are.

    It is one network that holds G1 whole, and `stage` says what it is at the time, in training and
    out of it, in files, presets and exports:

    - `"global"`: G1 by itself, on images as they are given, which are half as large where the
      paper's sizes are kept. All of G1 trains and nothing else.
    - `"enhancer"`: both. The enhancer trains; G1 is frozen.
    - `"both"`: both, and both train, all but G1's last convolution, which is not used.

    A new stage applies from the next call on: functions that were made for `predict` and `fit` are
    dropped. Within a GAN set it by `models.Pix2PixHD.start_stage`, which does the same to the GAN.

    Args:
        global_generator: G1, a `ResNetGenerator` that takes images of any size. It is not copied.
        image_shape: `(height, width, channels)`, G1's channels; any size when left out, without
            which stages cannot have images of different sizes.
        blocks: Residual blocks of the enhancer.
        stage: The stage to begin with.
        dtype: Data type or policy of the enhancer's layers; G1's when left out. The output is
            float32, or float64 in float64.
        name: Name of the network.

    Input: images in [-1, 1] or label maps, shape `(batch, height, width, channels)`. Output: images
    in [-1, 1], shape `(batch, height, width, output channels of G1)`.

    Raises:
        ValueError: A global generator of another kind, for one size only or with an odd number of
            filters; other channels; or an unknown stage.

    Example:
        >>> coarse = ResNetGenerator((None, None, 4), filters=8, blocks=1, output_channels=3)
        >>> network = LocalEnhancer(coarse, blocks=1, stage="global")
        >>> network(keras.ops.zeros((1, 16, 32, 4))).shape[1:3] == (16, 32)
        True
        >>> network.stage = "enhancer"
        >>> coarse.trainable_variables
        []
    """

    def __init__(
        self,
        global_generator: ResNetGenerator,
        image_shape: tuple[int | None, int | None, int] | None = None,
        blocks: int = 3,
        stage: str = "both",
        dtype: str | keras.DTypePolicy | None = None,
        name: str | None = None,
    ):
        if not isinstance(global_generator, ResNetGenerator):
            raise ValueError(
                "`global_generator` must be a `networks.ResNetGenerator`, around which the "
                f"enhancer is built. Received: {global_generator!r}."
            )
        if global_generator.image_shape[:2] != (None, None):
            raise ValueError(
                "`global_generator` takes images of one size, "
                f"{global_generator.image_shape[:2]}, and would be given those of half the size. "
                "Make its height and width None; `for_image_shape((None, None, channels))` does "
                "so with a trained one."
            )
        config = global_generator.get_config()
        if config["filters"] % 2:
            raise ValueError(
                "`global_generator` must have an even number of filters, for the enhancer has half "
                f"as many; got {config['filters']}."
            )
        image_shape = check_image_shape(image_shape or global_generator.image_shape)
        if image_shape[-1] != global_generator.image_shape[-1]:
            raise ValueError(
                f"`image_shape` has {image_shape[-1]} channels, but `global_generator` takes "
                f"{global_generator.image_shape[-1]}."
            )
        dtype = global_generator._layer_dtype if dtype is None else keras.dtype_policies.get(dtype)

        # Both parts of the enhancer are those of a generator that halves its input once.
        enhancer = ResNetGenerator.from_config(
            {
                **config,
                "filters": config["filters"] // 2,
                "blocks": blocks,
                "downsamplings": 1,
                "dtype": dtype,
                "name": "enhancer",
            }
        )
        halved = enhancer.get_layer("down_1_relu").output
        front = keras.Model(enhancer.input, halved, name="front")
        back = keras.Model(halved, enhancer.get_layer("tanh").output, name="back")
        last = global_generator.get_layer(f"up_{config['downsamplings']}_relu").output
        features = keras.Model(global_generator.input, last, name="global_features")

        # Functional model
        inputs = keras.Input(image_shape, name="images")
        multiple = 2 ** (config["downsamplings"] + 1)
        padded = PadToMultiple(multiple, minimum=2 * multiple, dtype=dtype, name="pad_to_multiple")(
            inputs
        )
        half = AverageHalving(dtype=dtype, name="halve")(padded)
        x = keras.layers.Add(dtype=dtype, name="add")([front(padded), features(half)])
        outputs = CropToMatch(dtype=output_dtype(dtype), name="crop_to_match")([back(x), inputs])

        # Config
        super().__init__(
            inputs=inputs,
            outputs=outputs,
            config={"image_shape": image_shape, "blocks": blocks},
            dtype=dtype,
            name=name,
        )
        self.global_generator = global_generator
        self.enhancer = enhancer
        self.stage = stage

    @property
    def stage(self) -> str:
        """`"global"`, `"enhancer"` or `"both"`; to be set."""
        return self._stage

    @stage.setter
    def stage(self, stage: str) -> None:
        if stage not in STAGES:
            raise ValueError(f"`stage` must be one of {STAGES}; got {stage!r}.")
        self._stage = stage
        self.global_generator.trainable = stage != "enhancer"
        self.enhancer.trainable = stage != "global"
        # Always, for TensorFlow's layers take no notice of a value that they have already, and so
        # do not hand it on to theirs.
        self.global_generator.get_layer("head").trainable = stage == "global"
        self.train_function = self.test_function = self.predict_function = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The images that the network makes at its stage."""
        if self.stage == "global":
            return self.global_generator(inputs, training=training)
        return super().call(inputs, training=training, mask=mask)

    def get_config(self) -> dict[str, Any]:
        """All arguments, with the stage as it is."""
        return {
            **super().get_config(),
            "global_generator": keras.saving.serialize_keras_object(self.global_generator),
            "stage": self.stage,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Network:
        """The network that `get_config` described, with new weights."""
        generator = keras.saving.deserialize_keras_object(
            config["global_generator"], custom_objects=custom_objects
        )
        return super().from_config({**config, "global_generator": generator}, custom_objects)
