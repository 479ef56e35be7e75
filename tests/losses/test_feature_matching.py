import numpy as np
import pytest

from keras_simgan.losses import feature_matching

SHAPES = [[(2, 4, 4, 2), (2, 2, 2, 3), (2, 2, 2, 1)], [(2, 2, 2, 2), (2, 1, 1, 3), (2, 1, 1, 1)]]


def drawn(seed):
    draw = np.random.default_rng(seed)
    return [[draw.normal(size=shape).astype("float32") for shape in scale] for scale in SHAPES]


def test_weights_of_the_authors():
    real, fake = drawn(0), drawn(1)
    expected = 0.0
    scale_weight, layer_weight = 1 / 2, 4 / 2  # 2 scales; 2 layers besides the map
    for scale in range(2):
        for layer in range(2):
            distance = np.abs(fake[scale][layer] - real[scale][layer]).mean()
            expected += scale_weight * layer_weight * distance
    assert float(feature_matching(real, fake)) == pytest.approx(expected, rel=1e-5)
    assert float(feature_matching(real, real)) == 0.0


def test_gradients_go_to_the_features_of_fakes_alone(gradients):
    real, fake = drawn(0), drawn(1)
    flat = [array for outputs in (real, fake) for scale in outputs for array in scale]

    def loss(*arrays):
        nested = [[arrays[3 * s : 3 * s + 3] for s in (start, start + 1)] for start in (0, 2)]
        return feature_matching(*nested)

    found = gradients(loss, *flat)
    assert all(np.abs(gradient).max() == 0.0 for gradient in found[:6])
    for index, gradient in enumerate(found[6:]):
        # Not to the maps of values, which the adversarial loss judges.
        expected = 0.0 if index in (2, 5) else 1 / flat[index].size
        np.testing.assert_allclose(np.abs(gradient), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("real", "fake"),
    [
        (drawn(0)[0][-1], drawn(0)[0][-1]),  # a map
        ([scale[-1] for scale in drawn(0)], [scale[-1] for scale in drawn(0)]),  # scales of maps
        ([[drawn(0)[0][-1]]], [[drawn(0)[0][-1]]]),
        ([], []),
        (drawn(0), drawn(0)[:1]),
        (drawn(0), [scale[1:] for scale in drawn(0)]),
    ],
    ids=["map", "maps", "no features", "nothing", "other scales", "other layers"],
)
def test_outputs_that_cannot_be_compared(real, fake):
    with pytest.raises(ValueError, match="(?s)lists of scales, each a list of features.*Received"):
        feature_matching(real, fake)
