"""Means over the instances in an image."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_simgan")
class InstanceAverage(keras.layers.Layer):
    """Replaces the features of every pixel by their mean over its instance.

    Wang et al. 2018 (pix2pixHD), section 3.4: so an encoder can say of an object what it looks like
    as a whole, and nothing of where in it. With instances s

        y[p] = mean of x[q] over all q with s[q] = s[p]

    in each image by itself. An image may have as many instances as pixels; ids are any integers,
    such as those of Cityscapes up to 33,999, and need not follow each other.

    Args:
        **kwargs: Arguments of `keras.layers.Layer`.

    Call with a list `[features, instances]`: floats of shape `(batch, height, width, channels)` and
    int32 of shape `(batch, height, width, 1)`. The output has the features' shape and data type;
    sums are taken in float32, or in float64 for such features.

    Example:
        >>> features = ops.reshape(ops.arange(4.0), (1, 1, 4, 1))
        >>> instances = ops.reshape(ops.convert_to_tensor([26001, 7, 7, 26001]), (1, 1, 4, 1))
        >>> [float(value) for value in InstanceAverage()([features, instances])[0, 0, :, 0]]
        [1.5, 1.5, 1.5, 1.5]
    """

    def call(self, inputs: Any) -> Any:
        """The features' means."""
        features, instances = inputs
        batch, height, width, channels = ops.shape(features)
        pixels = height * width
        ids = ops.reshape(ops.cast(instances, "int32"), (batch, pixels))
        # Sorted, equal ids stand together: how many others come before is a number below `pixels`
        # for each instance, whatever the ids are, and nothing's shape depends on their values.
        order = ops.argsort(ids, axis=1)
        ranked = ops.take_along_axis(ids, order, axis=1)
        begins = ops.cast(ranked[:, 1:] != ranked[:, :-1], "int32")
        ranks = ops.pad(ops.cumsum(begins, axis=1), ((0, 0), (1, 0)))
        ranks = ops.take_along_axis(ranks, ops.argsort(order, axis=1), axis=1)
        place = ops.reshape(ranks + pixels * ops.arange(batch, dtype="int32")[:, None], (-1,))

        kind = keras.backend.standardize_dtype(features.dtype)
        values = ops.cast(features, "float64" if kind == "float64" else "float32")
        values = ops.reshape(values, (batch * pixels, channels))
        ones = ops.ones_like(values[:, :1])
        both = ops.segment_sum(ops.concatenate([values, ones], -1), place, batch * pixels)
        both = ops.take(both, place, axis=0)
        means = ops.reshape(both[:, :-1] / both[:, -1:], ops.shape(features))
        return ops.cast(means, kind)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        """The features' shape."""
        features, _ = input_shape
        return tuple(features)
