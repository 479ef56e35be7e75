import keras
import numpy as np
import pytest
from keras import ops

from keras_simgan.layers import InstanceAverage

LARGEST = 2**31 - 1


def averaged_by_numpy(features, instances):
    means = np.empty_like(features)
    for image, ids in enumerate(instances[..., 0]):
        for instance in np.unique(ids):
            means[image][ids == instance] = features[image][ids == instance].mean(axis=0)
    return means


@pytest.mark.parametrize(
    "ids",
    [[7], [0, 7, 24, 26001, 26002], [-5, 0, LARGEST, -LARGEST - 1], range(35)],
    ids=["one", "of Cityscapes", "far apart", "as many as pixels"],
)
def test_is_the_mean_over_each_instance_of_each_image(ids):
    draw = np.random.default_rng(0)
    features = draw.normal(size=(3, 5, 7, 2)).astype("float32")
    instances = draw.choice(np.array(ids, "int32"), (3, 5, 7, 1))
    inputs = keras.Input((None, None, 2)), keras.Input((None, None, 1), dtype="int32")
    model = keras.Model(inputs, InstanceAverage()(list(inputs)))
    assert model.output_shape == (None, None, None, 2)
    # `predict` compiles, where shapes must not depend on the ids.
    found = model.predict((features, instances), batch_size=2, verbose=0)
    np.testing.assert_allclose(found, averaged_by_numpy(features, instances), atol=1e-6)


def test_gradients_are_means_of_gradients(gradients):
    draw = np.random.default_rng(1)
    features, slopes = draw.normal(size=(2, 2, 4, 4, 3)).astype("float32")
    instances = draw.integers(0, 3, (2, 4, 4, 1)).astype("int32")

    def weighted(x):
        return ops.sum(ops.multiply(slopes, InstanceAverage()([x, instances])))

    found = gradients(weighted, features)
    np.testing.assert_allclose(found[0], averaged_by_numpy(slopes, instances), atol=1e-5)


def test_sums_of_half_precision_do_not_overflow():
    features = np.full((1, 64, 64, 1), 60.0, "float16")  # a sum of 245,760
    found = InstanceAverage(dtype="float16")([features, np.zeros((1, 64, 64, 1), "int32")])
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
    np.testing.assert_array_equal(ops.convert_to_numpy(found), features)
