"""The loss that keeps an image's label as a frozen model reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import keras
from keras import ops

from keras_simgan.losses.precision import at_least_float32, mean


def _l1(before, after):
    return ops.abs(after - before)


def _l2(before, after):
    return ops.square(after - before)


def _cosine(before, after):
    return 1.0 - ops.sum(_unit(before) * _unit(after), axis=-1)


def _unit(vectors):
    # Not `ops.normalize`, whose gradient at zero is not a number on torch.
    squares = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squares, keras.config.epsilon()))


def _kullback_leibler(before, after):
    before, after = (ops.clip(p, keras.config.epsilon(), 1.0) for p in (before, after))
    return ops.sum(before * (ops.log(before) - ops.log(after)), axis=-1)


DISTANCES = {"l1": _l1, "l2": _l2, "cosine": _cosine, "kullback_leibler": _kullback_leibler}


@keras.saving.register_keras_serializable(package="keras_simgan")
class LabelConsistency(keras.losses.Loss):
    r"""Distance of what a frozen model reads in an image before and after translation.

        loss = weight mean distance(E(before), E(after))

    With a gaze estimator E and the squared distance this is the second part of GazeGAN's cycle loss
    (Sela et al. 2017); with a classifier and the Kullback-Leibler divergence it is a semantic
    consistency as in CyCADA (Hoffman et al. 2018). Any model serves: gaze, key points, classes,
    segmentation. It is called with `training=False` and never trained; gradients run through it to
    the translated image.

    Args:
        model: The frozen `keras.Model`. Of several outputs each is compared.
        distance: `"l1"`: |a - b|. `"l2"`: (a - b)^2, for coordinates, angles or unit vectors.
            `"cosine"`: 1 - cos(a, b), over the last axis, for vectors. `"kullback_leibler"`:
            sum a log(a / b), over the last axis, for class probabilities (after softmax). Or a
            function of both outputs that gives a value or more for each image, registered with
            Keras if it is to be saved.
        weight: The weight.
        name: Name of the loss.
        **kwargs: Arguments of `keras.losses.Loss`.

    Call with the images before and after, each of the model's input shape, in [-1, 1].

    Raises:
        ValueError: An unknown distance, a negative weight, or a model that is not built; when
            called, a distance that gives one value for the whole batch.

    Example:
        >>> import numpy as np
        >>> mean = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.GlobalAveragePooling2D()])
        >>> loss = LabelConsistency(mean, "l1", weight=10.0)
        >>> images = np.zeros((2, 4, 4, 1), "float32")
        >>> round(float(loss(images, images + 0.1)), 4)
        1.0
    """

    def __init__(
        self,
        model: keras.Model,
        distance: str | Callable = "l2",
        weight: float = 1.0,
        name: str = "label_consistency",
        **kwargs: Any,
    ):
        super().__init__(name=name, **kwargs)
        if not isinstance(model, keras.Model) or not model.built:
            raise ValueError(f"`model` must be a built `keras.Model`. Received: {model!r}.")
        if not callable(distance) and distance not in list(DISTANCES):
            raise ValueError(
                f"`distance` must be one of {sorted(DISTANCES)} or a function of two outputs. "
                f"Received: {distance!r}."
            )
        if not weight >= 0:
            raise ValueError(f"`weight` must not be below 0; got {weight!r}.")
        model.trainable = False
        self.model = model
        self.distance = distance
        self.weight = float(weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each image, shape `(batch,)`."""
        distance = self.distance if callable(self.distance) else DISTANCES[self.distance]
        total = 0.0
        outputs = [keras.tree.flatten(self.model(x, training=False)) for x in (y_true, y_pred)]
        for before, after in zip(*outputs, strict=True):
            each = distance(ops.stop_gradient(at_least_float32(before)), at_least_float32(after))
            if len(each.shape) == 0:
                raise ValueError(
                    f"`distance` must give a value or more for each image; {distance!r} gave one "
                    "for the whole batch. Leave the mean over the batch out of it: a "
                    "`keras.losses.Loss` takes `reduction=None`."
                )
            total += mean(ops.reshape(each, (ops.shape(each)[0], -1)), axes=(1,))
        return self.weight * total

    def get_config(self) -> dict[str, Any]:
        """All arguments."""
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "distance": keras.saving.serialize_keras_object(self.distance),
            "weight": self.weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that `get_config` described."""
        load = keras.saving.deserialize_keras_object
        return cls(
            **{**config, "model": load(config["model"]), "distance": load(config["distance"])}
        )
