"""Trains small GANs on one device and on two, and prints by how much losses and weights differ.

Run by test_several_devices.py in a process of its own, whose backend gets two virtual devices.
"""

import contextlib
import json
import os

# JAX reads this when it starts.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras
import numpy as np

from keras_simgan import losses, models, networks

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 8, *SHAPE)).astype("float32")


def refiner():
    return networks.Refiner(SHAPE, filters=2, blocks=1)


def discriminator(channels=1, **options):
    return networks.PatchDiscriminator((8, 8, channels), filters=2, layers=1, **options)


def simgan():
    """Turns, an image history, and a penalty that draws for each sample."""
    return models.SimGAN(
        refiner(),
        discriminator(),
        history_size=6,
        refiner_warmup=1,
        discriminator_warmup=0,
        refiner_turns=2,
        penalties=[losses.GradientPenalty()],
    )


def pix2pix():
    """Batch normalization."""
    return models.Pix2Pix(
        networks.UNetGenerator(SHAPE, filters=2, depth=2, dropout=0.0),
        discriminator(2, normalization="batch"),
    )


def trained(build, scope):
    with scope:
        model = build()
        draw = np.random.default_rng(1)
        for variable in model.trainable_variables:
            variable.assign(draw.normal(0, 0.1, variable.shape).astype("float32"))
        model.compile(keras.optimizers.SGD(0.01), keras.optimizers.SGD(0.01), ema_momentum=0.5)
        given = {"batch_size": 4, "shuffle": False, "verbose": 0}
        history = model.fit(*IMAGES, epochs=2, validation_data=tuple(IMAGES), **given).history
        numbers = [np.asarray(values) for _, values in sorted(history.items())]
        numbers.append(model.predict(IMAGES[0], batch_size=4, verbose=0))
    return numbers + [keras.ops.convert_to_numpy(variable) for variable in model.variables]


def refusals(strategy):
    """Why each of these is not trained on several devices."""
    images = IMAGES[:, :7]

    def in_float16():
        refiner = networks.Refiner(SHAPE, filters=2, blocks=1, dtype="mixed_float16")
        return models.SimGAN(refiner, discriminator())

    def of_shares():
        inputs = keras.Input(SHAPE)
        return models.SimGAN(
            refiner(), keras.Model(inputs, keras.layers.BatchNormalization()(inputs))
        )

    outside = refiner()
    for build, arguments in (
        (simgan, {}),  # the odd number of images
        (simgan, {"steps_per_execution": 2}),
        (in_float16, {}),
        (lambda: models.SimGAN(outside, discriminator()), {}),
        (of_shares, {}),
    ):
        try:
            with strategy.scope():
                model = build()
                model.compile(**arguments)
            model.fit(*images, batch_size=4, verbose=0)
            yield "nothing"
        except ValueError as error:
            yield str(error)


def main():
    found = {}
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        found["refused"] = list(refusals(strategy))
        scope = strategy.scope
    else:
        devices = keras.distribution.list_devices("cpu")
        assert len(devices) == 2
        scope = keras.distribution.DataParallel(devices=devices).scope
    for build in (simgan, pix2pix):
        one, two = trained(build, contextlib.nullcontext()), trained(build, scope())
        found[build.__name__] = max(
            float(np.max(np.abs(a - b) / (1 + np.abs(a)))) for a, b in zip(one, two, strict=True)
        )
    print(json.dumps(found))


main()
