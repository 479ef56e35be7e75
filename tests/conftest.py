"""What the tests of the networks, of the training and of evaluations share.

The suite runs on one backend per process, chosen by KERAS_BACKEND.
"""

# ruff: noqa: E402
import getpass
import importlib.util
import json
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

# Read when the backends are imported: one thread, no accelerator (the numbers of tests/golden are
# those of CPUs); JAX compiles fast rather than well, and what it compiled once not again, as each
# test has its model.
for name, value in {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "JAX_PLATFORMS": "cpu",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_COMPILATION_CACHE_DIR": os.path.join(
        tempfile.gettempdir(), f"keras-simgan-tests-jax-{getpass.getuser()}"
    ),
}.items():
    os.environ.setdefault(name, value)
# Compiles in 40 % of the time. A jaxlib that does not know a flag ends the process, so only those
# that were tried get it.
if os.environ.get("KERAS_BACKEND") == "jax" and version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import hypothesis
import keras
import numpy as np
import pytest
from gan_contract import in_float64

from keras_simgan import models, networks
from keras_simgan.backend import value_and_gradients
from keras_simgan.data import write_folder

hypothesis.settings.register_profile(
    "keras_simgan", deadline=None, derandomize=True, max_examples=25
)
hypothesis.settings.load_profile("keras_simgan")


#: Where GANs are trained for a few steps. TensorFlow runs them operation by operation, as tracing a
#: step, and compiling it with XLA, takes it as long as ten to fifty steps. What tests a trained
#: graph says so, `pytest.mark.graph`; a GAN's contract does so for its losses.
OF_FEW_STEPS = ("models", "runs", "callbacks", "cli", "test_examples.py", "test_docstrings.py")


def pytest_configure(config):
    config.addinivalue_line("markers", "graph: TensorFlow traces what it runs, see conftest.py")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before the fixtures, which train as well."""
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        place = item.path.relative_to(Path(__file__).parent).parts[0]
        traced = place not in OF_FEW_STEPS or item.get_closest_marker("graph") is not None
        tf.config.run_functions_eagerly(not traced)


IMAGE_SHAPE = (12, 16, 1)
SMALL_STAGES = ((8, 3, 2), ("max_pool", 3, 1), (8, 1, 1))
COLOUR_SHAPE = (8, 8, 3)


@pytest.fixture(scope="session")
def backend():
    """The name of the backend that runs."""
    return keras.config.backend()


@pytest.fixture
def float64():
    """Everything in float64, where backends agree to 1e-9 whatever the processor."""
    with in_float64():
        yield


@pytest.fixture
def lowered_cost():
    """Counts the floating point operations of a function of a model, as JAX gives it to XLA."""

    def count(model, function):
        import jax

        variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]

        def stateless(values):
            mapping = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping) as scope:
                result = function()
            return result, [scope.get_current_value(variable) for variable in variables]

        # Not compiled: JAX leaves out what nothing needs before that, which is what is counted.
        lowered = jax.jit(stateless).lower([v.value for v in variables])
        return lowered.cost_analysis()["flops"]

    return count


@pytest.fixture(scope="session")
def images():
    """Synthetic and real images, arrays of shape (12, 12, 16, 1) in [-1, 1]."""
    draws = np.random.default_rng(0).uniform(-1, 1, (2, 12, *IMAGE_SHAPE))
    return draws.astype("float32")


@pytest.fixture(scope="session")
def small_simgan():
    """Builds a SimGAN for the images, with the same weights whatever the backend."""

    def build(policy=None, weights_seed=1, refiner=None, discriminator=None, **arguments):
        model = models.SimGAN(
            refiner or networks.Refiner(IMAGE_SHAPE, filters=8, blocks=1, dtype=policy),
            discriminator
            or networks.RefinerDiscriminator(IMAGE_SHAPE, stages=SMALL_STAGES, dtype=policy),
            **{
                "history_size": 8,
                "refiner_warmup": 0,
                "discriminator_warmup": 0,
                **arguments,
            },
        )
        draw = np.random.default_rng(weights_seed)
        for variable in model.trainable_variables:
            variable.assign(draw.normal(0, 0.1, variable.shape).astype("float32"))
        return model

    return build


@pytest.fixture(scope="session")
def compiled_simgan(small_simgan):
    """Builds the same, compiled with Adam for both turns; `compile_arguments` go to `compile`."""

    def build(compile_arguments=None, learning_rate=1e-3, **arguments):
        model = small_simgan(**arguments)
        model.compile(
            keras.optimizers.Adam(learning_rate),
            keras.optimizers.Adam(learning_rate),
            **(compile_arguments or {}),
        )
        return model

    return build


@pytest.fixture(scope="session")
def colour_images():
    """Source and target images, arrays of shape (12, 8, 8, 3) in [-1, 1]."""
    draws = np.random.default_rng(3).uniform(-1, 1, (2, 12, *COLOUR_SHAPE))
    return draws.astype("float32")


@pytest.fixture(scope="session")
def small_cyclegan(with_drawn_weights):
    """Builds a CycleGAN, or `cls`, of small networks, for the colour images where nothing is said.

    The weights are the same whatever the backend.
    """

    def build(
        cls=models.CycleGAN,
        source_shape=COLOUR_SHAPE,
        target_shape=COLOUR_SHAPE,
        policy=None,
        weights_seed=1,
        **arguments,
    ):
        def generator(one, other):
            if one[-1] == other[-1]:  # a small graph, for all that is not about its network
                return networks.Refiner(one, filters=2, blocks=1, dtype=policy)
            return networks.ResNetGenerator(
                one, filters=2, blocks=1, output_channels=other[-1], dtype=policy
            )

        def discriminator(shape):
            return networks.PatchDiscriminator(shape, filters=2, layers=1, dtype=policy)

        model = cls(
            **{
                "generator": generator(source_shape, target_shape),
                "inverse_generator": generator(target_shape, source_shape),
                "target_discriminator": discriminator(target_shape),
                "source_discriminator": discriminator(source_shape),
                "pool_size": 3,
                **arguments,
            }
        )
        return with_drawn_weights(model, weights_seed)

    return build


@pytest.fixture(scope="session")
def compiled_cyclegan(small_cyclegan):
    """Builds the same, compiled with SGD for both turns; `compile_arguments` go to `compile`."""

    def build(compile_arguments=None, learning_rate=0.01, **arguments):
        model = small_cyclegan(**arguments)
        model.compile(
            keras.optimizers.SGD(learning_rate),
            keras.optimizers.SGD(learning_rate),
            **(compile_arguments or {}),
        )
        return model

    return build


@pytest.fixture(scope="session")
def label_model(with_drawn_weights):
    """Builds a model with two outputs for the colour images, which has all that could move.

    That is weights, statistics of batch normalization and a random layer.
    """

    def build(shape=COLOUR_SHAPE, seed=7):
        inputs = keras.Input(shape)
        x = keras.layers.Conv2D(2, 3, strides=2)(inputs)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Dropout(0.5, seed=1)(x)
        x = keras.layers.Flatten()(x)
        outputs = [keras.layers.Dense(count)(x) for count in (2, 3)]
        return with_drawn_weights(keras.Model(inputs, outputs), seed)

    return build


@pytest.fixture(scope="session")
def with_drawn_weights():
    """Gives a model weights that do not depend on the backend."""

    def give(model, seed):
        draw = np.random.default_rng(seed)
        for variable in model.trainable_variables:
            variable.assign(draw.normal(0, 0.1, variable.shape).astype("float32"))
        return model

    return give


@pytest.fixture(scope="session")
def values():
    """Copies of variables as arrays."""

    def copy(variables):
        return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]

    return copy


@pytest.fixture(scope="session")
def gradients():
    """The gradients of a scalar function of arrays, as arrays; zeros where it has none."""

    def of(function, *arrays):
        variables = [keras.Variable(array) for array in arrays]
        _, found = value_and_gradients(
            lambda: (function(*(variable.value for variable in variables)), ()),
            variables,
            variables,
        )
        return [
            np.zeros_like(array) if gradient is None else keras.ops.convert_to_numpy(gradient)
            for array, gradient in zip(arrays, found, strict=True)
        ]

    return of


@pytest.fixture(scope="session")
def state(values):
    """Everything that training changes: the model's variables and its optimizers'."""
    return lambda model: values([*model.variables, *model.optimizer.variables])


@pytest.fixture(scope="session")
def moved(values):
    """Runs an action and says which of the networks it moved."""

    def names(model, action):
        present = [name for name in NETWORKS if hasattr(model, name)]
        before = {name: values(getattr(model, name).variables) for name in present}
        action()
        return {
            name
            for name in present
            if any(
                (a != b).any()
                for a, b in zip(before[name], values(getattr(model, name).variables), strict=True)
            )
        }

    return names


NETWORKS = (
    *("refiner", "discriminator"),
    *("generator", "inverse_generator", "target_discriminator", "source_discriminator"),
    "gaze_estimator",
)


@pytest.fixture(scope="session")
def golden():
    """The numbers of a golden file, by its name, and the script that made it."""

    def read(name):
        folder = Path(__file__).parent / "golden"
        spec = importlib.util.spec_from_file_location(name, folder / f"make_{name}.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        return json.loads((folder / f"{name}.json").read_text()), script

    return read


def bars(seed, low, high, labels, size=16):
    """Gray images of a bright bar on noise, lying for label 0 and standing for label 1."""
    draw = np.random.default_rng(seed)
    images = draw.integers(low, high, (len(labels), size, size, 1))
    for image, label in zip(images, labels, strict=True):
        place = draw.integers(4, 12)
        image[(slice(place, place + 2), slice(None))[:: 1 - 2 * label]] += 90
    return images.astype("uint8")


@pytest.fixture
def folders(tmp_path):
    """Paths of 24 synthetic, refined and real images with labels; refined ones lie in between."""
    labels = np.arange(24) % 2
    gaze = np.random.default_rng(5).uniform(-0.3, 0.3, (24, 2))
    both = {"kind": labels, "gaze": gaze}
    synthetic = bars(0, 0, 60, labels)
    write_folder(tmp_path / "synthetic", synthetic, both)
    write_folder(tmp_path / "refined", synthetic + 50, both)
    write_folder(tmp_path / "real", bars(1, 70, 150, labels), both)
    return {name: tmp_path / name for name in ("synthetic", "refined", "real")}


@pytest.fixture(scope="session")
def extractor(with_drawn_weights):
    """A small model that turns gray images of any size into features."""
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="tiny")
    return with_drawn_weights(model, 3)
