import keras
import numpy as np
from keras import ops

from keras_simgan.layers import ResidualBlock


def test_block_adds_its_input_before_the_last_relu():
    block = ResidualBlock(1, kernel_size=1)
    block.build((None, 2, 3, 1))
    for convolution, weight, bias in ((block.first, 2.0, 1.0), (block.second, 0.5, 1.0)):
        convolution.set_weights([np.full((1, 1, 1, 1), weight), np.full((1,), bias)])
    inputs = np.array([[[[2.0], [-2.0], [0.1]], [[-0.8], [0.0], [10.0]]]], "float32")
    # relu(x + relu(2 x + 1) / 2 + 1)
    expected = np.maximum(inputs + 0.5 * np.maximum(2.0 * inputs + 1.0, 0.0) + 1.0, 0.0)
    outputs = ops.convert_to_numpy(ops.stop_gradient(block(inputs)))
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    # By hand: 2 + 0.5 * 5 + 1; -2 + 0 + 1, cut only after the addition; -0.8 + 0 + 1.
    np.testing.assert_allclose(outputs[0, 0, :2, 0], [5.5, 0.0], atol=1e-6)
    np.testing.assert_allclose(outputs[0, 1, 0, 0], 0.2, atol=1e-6)


def test_parameters_and_config():
    block = ResidualBlock(4, kernel_size=5, name="block", dtype="mixed_bfloat16")
    block.build((None, None, None, 4))
    assert block.count_params() == 2 * (5 * 5 * 4 * 4 + 4)
    clone = ResidualBlock.from_config(block.get_config())
    assert (clone.filters, clone.kernel_size, clone.name) == (4, 5, "block")
    assert clone.compute_dtype == clone.first.compute_dtype == "bfloat16"
    assert clone.compute_output_shape((None, 7, 9, 4)) == (None, 7, 9, 4)
    assert keras.saving.get_registered_name(ResidualBlock) == "keras_simgan>ResidualBlock"
