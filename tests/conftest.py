"""What the tests of the networks and of the training share.

The suite runs on one backend per process, chosen by KERAS_BACKEND.
"""

# ruff: noqa: E402
import getpass
import os
import tempfile

# Read when the backends are imported: one thread, no accelerator (the numbers of tests/golden are
# those of CPUs), and what JAX compiled once is not compiled again, as each test has its model.
for name, value in {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "JAX_PLATFORMS": "cpu",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_COMPILATION_CACHE_DIR": os.path.join(
        tempfile.gettempdir(), f"keras-simgan-tests-jax-{getpass.getuser()}"
    ),
}.items():
    os.environ.setdefault(name, value)

import hypothesis
import keras
import numpy as np
import pytest

from keras_simgan import models, networks

hypothesis.settings.register_profile(
    "keras_simgan", deadline=None, derandomize=True, max_examples=25
)
hypothesis.settings.load_profile("keras_simgan")

IMAGE_SHAPE = (12, 16, 1)
SMALL_STAGES = ((8, 3, 2), ("max_pool", 3, 1), (8, 1, 1))


@pytest.fixture(scope="session")
def backend():
    """The name of the backend that runs."""
    return keras.config.backend()


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
def values():
    """Copies of variables as arrays."""

    def copy(variables):
        return [keras.ops.convert_to_numpy(variable).copy() for variable in variables]

    return copy


@pytest.fixture(scope="session")
def state(values):
    """Everything that training changes: the model's variables and its optimizers'."""
    return lambda model: values([*model.variables, *model.optimizer.variables])


@pytest.fixture(scope="session")
def moved(values):
    """Runs an action and says which of the networks it moved."""

    def names(model, action):
        before = {name: values(getattr(model, name).variables) for name in NETWORKS}
        action()
        return {
            name
            for name in NETWORKS
            if any(
                (a != b).any()
                for a, b in zip(before[name], values(getattr(model, name).variables), strict=True)
            )
        }

    return names


NETWORKS = ("refiner", "discriminator")
