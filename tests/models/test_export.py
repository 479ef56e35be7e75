"""What is exported gives what `translate` gives: each direction, any size, in every format."""

import functools

import keras
import numpy as np
import pytest

from keras_simgan import models, networks

FORMATS = {
    "tensorflow": ("tf_saved_model", "litert", "onnx"),
    "jax": ("tf_saved_model",),
    "torch": ("onnx",),
}
FORMAT = pytest.mark.parametrize("format", FORMATS["tensorflow"])


def skip_unless_written(format):
    if format not in FORMATS[keras.config.backend()]:
        pytest.skip("not written on this backend")
    if format == "onnx":
        pytest.importorskip("onnxruntime")
        tool = "tf2onnx" if keras.config.backend() == "tensorflow" else "onnxscript"
        pytest.importorskip(tool)


def in_another_runtime(path, format):
    """A function from images to what the file makes of them."""
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        name = session.get_inputs()[0].name
        return lambda images: session.run(None, {name: images})[0]
    import tensorflow as tf

    if format == "tf_saved_model":
        loaded = tf.saved_model.load(str(path))
        return lambda images: loaded.serve(images).numpy()
    interpreter = tf.lite.Interpreter(str(path))
    given, made = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    # Of LiteRT's own operations alone, without TensorFlow's in its runtime.
    assert not any("Flex" in op["op_name"] for op in interpreter._get_ops_details())

    def run(images):
        interpreter.resize_tensor_input(given["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(made["index"])

    return run


def small(height, width):
    """A CycleGAN whose networks have between them all that must be exported."""
    shape = (height, width, 3)
    generator = networks.ResNetGenerator(
        shape, filters=2, blocks=1, upsampling="resize", normalization="batch"
    )
    inverse = networks.UNetGenerator(shape, filters=1, depth=6, normalization="instance")
    judges = [networks.PatchDiscriminator(shape, filters=2, layers=1) for _ in range(2)]
    model = models.CycleGAN(generator, inverse, *judges, pool_size=0)
    draw = np.random.default_rng(1)
    for variable in model.variables[:-1]:
        if "moving" not in variable.path:
            variable.assign(draw.normal(0, 0.3, variable.shape).astype("float32"))
    return model


def images(count, height, width):
    draw = np.random.default_rng(height)
    return draw.uniform(-1, 1, (count, height, width, 3)).astype("float32")


def suffix(format):
    return {"litert": ".tflite", "onnx": ".onnx"}.get(format, "")


@pytest.fixture(scope="module")
def any_size():
    return small(None, None)


@pytest.fixture(scope="module")
def translated(any_size):
    """Images of two sizes and what the model makes of them, once for all formats."""

    @functools.cache
    def pairs(direction):
        given = [images(*sizes) for sizes in ((1, 17, 23), (3, 5, 40))]
        return [(some, any_size.translate(some, direction)) for some in given]

    return pairs


@pytest.mark.graph
@pytest.mark.parametrize("direction", ["source_to_target", "target_to_source"])
@FORMAT
def test_any_size(any_size, translated, tmp_path, format, direction):
    skip_unless_written(format)
    path = tmp_path / f"network{suffix(format)}"
    refused = {
        ("torch", "target_to_source"): "halves them 6 times.*for_image_shape",
        ("jax", "source_to_target"): "cannot trace.*for_image_shape",
        ("jax", "target_to_source"): "cannot trace.*for_image_shape",
    }
    if message := refused.get((keras.config.backend(), direction)):
        with pytest.raises(ValueError, match=message):
            any_size.export(path, direction=direction, format=format)
        return
    any_size.export(path, direction=direction, format=format, verbose=False)
    run = in_another_runtime(path, format)
    for given, expected in translated(direction):
        np.testing.assert_allclose(run(given), expected, rtol=0, atol=1e-4)


@pytest.mark.graph
@pytest.mark.parametrize("format", ["litert", "onnx"])  # of SavedModels see the GANs' contract
def test_one_size_and_averages(tmp_path, format):
    skip_unless_written(format)
    model = small(17, 23)
    model.compile(ema_momentum=0.5)
    for average in model.generator_optimizer._model_variables_moving_average:
        average.assign(0.5 * average)
    path = tmp_path / f"network{suffix(format)}"
    model.export(path, format=format, verbose=False)
    given = images(2, 17, 23)
    averaged = model.translate(given)
    assert np.abs(averaged - model.translate(given, averaged=False)).max() > 1e-2
    found = in_another_runtime(path, format)(given)
    np.testing.assert_allclose(found, averaged, rtol=0, atol=1e-4)


@FORMAT
def test_what_a_backend_cannot_write_is_refused_with_the_way_out(any_size, tmp_path, format):
    backend = keras.config.backend()
    for given in (any_size, any_size.generator):
        if format not in FORMATS[backend]:
            with pytest.raises(ValueError, match=f"{format}.*{backend}.*KERAS_BACKEND=tensorflow"):
                given.export(tmp_path / "network", format=format)
        with pytest.raises(ValueError, match="png.*tf_saved_model, litert, onnx"):
            given.export(tmp_path / "network", format="png")
    with pytest.raises(ValueError, match="direction='sideways'"):
        any_size.export(tmp_path / "network", direction="sideways", format=format)
    assert not list(tmp_path.iterdir())
