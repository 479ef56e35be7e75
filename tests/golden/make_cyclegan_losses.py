"""Makes cyclegan_losses.json: the losses of a small CycleGAN, epoch by epoch.

    KERAS_BACKEND=tensorflow python tests/golden/make_cyclegan_losses.py

tests/models/test_cyclegan.py trains the same on each backend and compares, in
float64 and without stores of bytes, so that no processor's rounding decides. Run this again only
where a change of the losses is meant, and say so in the CHANGELOG.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_simgan import losses, models, networks, schedules

SHAPE = (12, 16, 1)


def train() -> dict[str, list[float]]:
    """Six steps with every loss there is: a pair of cycle weights, identity and a label."""
    draw = np.random.default_rng(2026)
    source, target = draw.uniform(-1, 1, (2, 15, *SHAPE)).astype("float32")
    reads = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Conv2D(2, 5, 3), keras.layers.Flatten()]
    )

    def generator(upsampling):
        return networks.ResNetGenerator(SHAPE, filters=4, blocks=1, upsampling=upsampling)

    def discriminator():
        return networks.PatchDiscriminator(SHAPE, filters=4, layers=1)

    given = [generator("transpose"), generator("resize"), discriminator(), discriminator()]
    for network in (*given, reads):
        for variable in network.trainable_variables:
            variable.assign(draw.normal(0, 0.1, variable.shape).astype("float32"))
    model = models.CycleGAN(
        *given,
        cycle_weight=(8.0, 4.0),
        identity_weight=0.25,
        adversarial_loss=losses.LeastSquaresLoss(generator_label=0.9),
        label_consistency=losses.LabelConsistency(reads, "l2", weight=3.0),
        label_consistency_on="cycled",
        pool_size=0,
    )
    model.compile(
        # Powers of two, the same in float32, which TensorFlow casts such numbers through.
        keras.optimizers.SGD(schedules.LinearDecay(2**-11, constant_steps=2, decay_steps=4)),
        keras.optimizers.Adam(2**-13, beta_1=0.5, beta_2=1 - 2**-10, epsilon=2**-20),
    )
    history = model.fit(source, target, batch_size=5, epochs=2, shuffle=False, verbose=0).history
    measured = model.evaluate(source, target, batch_size=4, return_dict=True, verbose=0)
    return {
        **{name: [float(value) for value in entries] for name, entries in history.items()},
        **{f"evaluated_{name}": [float(value)] for name, value in measured.items()},
        **{
            f"mean_{direction}": [
                float(value)
                for value in model.translate(images, direction=direction).mean(axis=(1, 2, 3))
            ]
            for direction, images in (("source_to_target", source), ("target_to_source", target))
        },
    }


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "models")]
    from gan_contract import in_float64

    path = Path(__file__).with_name("cyclegan_losses.json")
    with in_float64():
        path.write_text(json.dumps(train(), indent=1) + "\n")
    print(f"wrote {path}")
