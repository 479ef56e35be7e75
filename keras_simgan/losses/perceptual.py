"""The loss that compares what a fixed network sees in two images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_simgan.losses.precision import at_least_float32, mean

#: Of VGG19's relu1_1 to relu5_1, in pix2pixHD.
VGG19_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
_LAYERS = tuple(f"block{index}_conv1" for index in range(1, 6))
_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
# Half of the range of 8-bit pixels; and the mean of ImageNet's, which Keras' weights expect gone.
_HALF, _MEAN = 127.5, (123.68, 116.779, 103.939)


@keras.saving.register_keras_serializable(package="keras_simgan")
class PerceptualLoss(keras.losses.Loss):
    r"""Distance of two images in the features of a fixed network.

        loss = weight sum over outputs i of w_i mean |E_i(image) - E_i(target)|

    Johnson et al. 2016; as in pix2pixHD (Wang et al. 2018, section 4), whose E is VGG19
    (`vgg19_extractor`). Features may agree where pixels are shifted a little, so details come out
    sharper than an L1 loss on pixels leaves them. E is called with `training=False` and never
    trained; gradients run through it to the image, not to the target.

    Args:
        extractor: A built `keras.Model` of one output or several, which takes images in [-1, 1].
        weights: A weight for each output. When left out, those of pix2pixHD where there are five,
            1/32, 1/16, 1/8, 1/4 and 1, and otherwise 1 each.
        weight: The weight of the sum.
        name: Name of the loss.
        **kwargs: Arguments of `keras.losses.Loss`.

    Call with the targets and the images, each of the extractor's input shape, in [-1, 1].

    Raises:
        ValueError: A model that is not built, weights below 0, or not one for each output.

    Example:
        >>> import numpy as np
        >>> half = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.AveragePooling2D(2)])
        >>> loss = PerceptualLoss(half, weight=10.0)
        >>> images = np.zeros((2, 4, 4, 1), "float32")
        >>> round(float(loss(images, images + 0.1)), 4)
        1.0
    """

    def __init__(
        self,
        extractor: keras.Model,
        weights: Sequence[float] | None = None,
        weight: float = 10.0,
        name: str = "perceptual",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if not isinstance(extractor, keras.Model) or not extractor.built:
            raise ValueError(f"`extractor` must be a built `keras.Model`. Received: {extractor!r}.")
        outputs = getattr(extractor, "outputs", None)  # which a subclassed model does not know
        count = len(outputs) if outputs else len(weights or [1.0])
        if weights is None:
            weights = VGG19_WEIGHTS if count == len(VGG19_WEIGHTS) else [1.0] * count
        if len(weights) != count or not all(value >= 0 for value in (weight, *weights)):
            raise ValueError(
                f"`weights` must be one for each of the extractor's {count} output(s), and no "
                f"weight below 0. Received: weights={list(weights)}, weight={weight!r}."
            )
        extractor.trainable = False
        self.extractor = extractor
        self.weights = [float(value) for value in weights]
        self.weight = float(weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, shape `(batch,)`."""
        targets, images = (
            keras.tree.flatten(self.extractor(x, training=False)) for x in (y_true, y_pred)
        )
        total = 0.0
        for value, target, image in zip(self.weights, targets, images, strict=True):
            target = ops.stop_gradient(at_least_float32(target))
            distance = ops.abs(at_least_float32(image) - target)
            total += value * mean(distance, axes=tuple(range(1, len(distance.shape))))
        return self.weight * total

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **super().get_config(),
            "extractor": keras.saving.serialize_keras_object(self.extractor),
            "weights": self.weights,
            "weight": self.weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that `get_config` described."""
        extractor = keras.saving.deserialize_keras_object(config["extractor"])
        return cls(**{**config, "extractor": extractor})


def vgg19_extractor(weights: str | None = "imagenet") -> keras.Model:
    """VGG19 up to relu5_1, with the features of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1.

    Simonyan and Zisserman 2014, with the weights of `keras.applications.VGG19`. These are Caffe's,
    for pixels from 0 to 255, blue first, less ImageNet's mean. What is returned is this network
    made for images in [-1, 1], red first: all it computes is 127.5 times smaller, biases included
    (a network of relus scales with its input). pix2pixHD feeds images in [-1, 1] to PyTorch's
    weights as they are, which are others, and made for pixels of mean 0 and variance 1: its
    features are of a like size, not the same.

    Args:
        weights: `"imagenet"`, the path of a file of these weights, or None for drawn ones.

    Returns:
        A frozen model from colour images in [-1, 1] of 16 pixels and more, shape
        `(batch, height, width, 3)`, to a list of five feature maps.

    Raises:
        RuntimeError: The weights are not here and cannot be downloaded.
    """
    try:
        network = keras.applications.VGG19(
            include_top=False, weights=weights, input_shape=(None, None, 3)
        )
    except Exception as error:  # Keras raises a bare Exception where a download fails
        raise RuntimeError(
            f"The weights of VGG19 could not be loaded: {error}. Keras downloads them once, into "
            f"~/.keras/models (KERAS_HOME/models). Without a network put {_FILE} there, or pass "
            "its path, `vgg19_extractor(weights=path)`; or give `PerceptualLoss` another "
            "`keras.Model`."
        ) from error
    for layer in network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            blue_first = layer.name == _LAYERS[0]
            layer.set_weights([kernel[:, :, ::-1] if blue_first else kernel, bias / _HALF])
    features = keras.Model(network.inputs, [network.get_layer(name).output for name in _LAYERS])
    images = keras.Input((None, None, 3), name="images")
    offset = [1.0 - value / _HALF for value in _MEAN]
    extractor = keras.Model(
        images, features(keras.layers.Rescaling(1.0, offset)(images)), name="vgg19"
    )
    extractor.trainable = False
    return extractor
