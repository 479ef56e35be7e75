import keras
import numpy as np

from keras_simgan.layers import InstanceAverage
from keras_simgan.networks import InstanceEncoder, ResNetGenerator


def test_parameters_of_the_authors():
    # c7s1-16, d32, d64, d128, d256, u128, u64, u32, u16, c7s1-3.
    widths = [16, 32, 64, 128, 256]
    steps = list(zip(widths, widths[1:], strict=False))
    expected = 49 * 3 * 16 + 16 + 49 * 16 * 3 + 3
    expected += sum(9 * a * b + b for a, b in steps) + sum(9 * a * b + a for a, b in steps)
    assert InstanceEncoder((None, None, 3)).count_params() == expected == 788_803


def test_is_a_generator_without_blocks_and_the_mean_over_instances(with_drawn_weights, tmp_path):
    network = with_drawn_weights(
        InstanceEncoder((9, 14, 3), 2, filters=2, downsamplings=2, normalization=None), seed=1
    )
    plain = ResNetGenerator(
        (9, 14, 3), 2, blocks=0, output_channels=2, normalization=None, downsamplings=2
    )
    plain.set_weights(network.get_weights())
    draw = np.random.default_rng(0)
    photos = draw.uniform(-1, 1, (2, 9, 14, 3)).astype("float32")
    ids = draw.choice(np.array([3, 26001], "int32"), (2, 9, 14, 1))
    expected = keras.ops.convert_to_numpy(
        InstanceAverage()([plain.predict(photos, verbose=0), ids])
    )
    given = {"image": photos, "instances": ids}
    np.testing.assert_allclose(network.predict(given, verbose=0), expected, atol=1e-5)
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    assert type(loaded) is InstanceEncoder and loaded.get_config() == network.get_config()
    np.testing.assert_allclose(loaded.predict(given, verbose=0), expected, atol=1e-5)
