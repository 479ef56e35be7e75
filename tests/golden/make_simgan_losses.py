"""Makes simgan_losses.json: the losses of a small SimGAN, epoch by epoch.

    KERAS_BACKEND=tensorflow python tests/golden/make_simgan_losses.py

tests/models/test_simgan.py trains the same on each backend and compares, in float64 and without
stores of bytes, so that no processor's rounding decides. Run this again only where a change of the
losses is meant, and say so in the CHANGELOG.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_simgan import losses, models, networks


def train() -> dict[str, list[float]]:
    """Two warm-ups, then rounds of two refiner turns and one discriminator turn; 12 steps."""
    draw = np.random.default_rng(2026)
    source, target = draw.uniform(-1, 1, (2, 15, 12, 16, 1)).astype("float32")
    model = models.SimGAN(
        networks.Refiner((12, 16, 1), filters=8, blocks=1),
        networks.RefinerDiscriminator((12, 16, 1)),
        self_regularization=losses.SelfRegularization(
            5.0, [("identity", 1.0), ("image_gradients", 0.5)]
        ),
        history_size=0,
        refiner_warmup=2,
        discriminator_warmup=1,
    )
    for variable in model.trainable_variables:
        variable.assign(draw.normal(0, 0.1, variable.shape).astype("float32"))
    # Powers of two, the same in float32, which TensorFlow casts such numbers through.
    adam = keras.optimizers.Adam(2**-10, beta_2=1 - 2**-10, epsilon=2**-20)
    model.compile(keras.optimizers.SGD(2**-3), adam)
    history = model.fit(source, target, batch_size=5, epochs=4, shuffle=False, verbose=0).history
    measured = model.evaluate(source, target, batch_size=5, return_dict=True, verbose=0)
    refined = model.predict(source, verbose=0)
    return {
        **{name: [float(value) for value in entries] for name, entries in history.items()},
        **{f"evaluated_{name}": [float(value)] for name, value in measured.items()},
        "mean_of_refined_images": [float(value) for value in refined.mean(axis=(1, 2, 3))],
    }


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "models")]
    from gan_contract import in_float64

    path = Path(__file__).with_name("simgan_losses.json")
    with in_float64():
        path.write_text(json.dumps(train(), indent=1) + "\n")
    print(f"wrote {path}")
