"""Trains what makes 36x60 gray eyes real: a SimGAN, a CycleGAN or a GazeGAN.

The preset `simgan_eyes_36x60` is one of these.

Source: 15,000 eyes of `data.EyeRenderer`, or the path-traced training eyes of
KERAS_SIMGAN_DATA/eyes; those that look at a laptop's screen, as in `transfer_eyes.py`. Target: the
1,000 real training eyes there (MPIIGaze, one person) and their mirror images; their labels are not
used. After every epoch of 1,000 steps the refiner is kept as a preset in `epochs/`, to be compared
with `transfer_eyes.py`. Run again, it goes on where it stopped.

The GazeGAN's frozen estimator is a `GazeEstimator` trained on all of these source eyes, augmented
as in the arm `augmented` of `transfer_eyes.py`. But for it and for GazeGAN's smoothed labels the
two translators are the same.

    KERAS_SIMGAN_DATA=... python benchmarks/train_eyes_refiner.py --source renderer --out runs/eyes
    KERAS_SIMGAN_DATA=... python benchmarks/train_eyes_refiner.py --source path_traced \
        --model gazegan --filters 32 --batch-size 4 --epochs 3 --out runs/eyes_gazegan

On one core of an AMD EPYC (AVX-512 with bfloat16) an epoch takes 3 to 4 minutes.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from transfer_eyes import mirror_half, real_eyes, synthetic_eyes, train_estimator

from keras_simgan import callbacks, data, losses, models, networks, schedules

STEPS = 1000
SHAPE = (36, 60, 1)


def build_simgan(options: argparse.Namespace) -> models.SimGAN:
    """The SimGAN for these options, compiled."""
    model = models.SimGAN(
        networks.Refiner(SHAPE, filters=options.filters, dtype=options.dtype),
        networks.RefinerDiscriminator(SHAPE, dtype=options.dtype),
        losses.SelfRegularization(options.weight),
        history_size=6000,
        refiner_warmup=400,
        discriminator_warmup=100,
    )
    model.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(1e-4, beta_1=0.5))
    return model


def build_translator(
    options: argparse.Namespace, synthetic: np.ndarray, gaze: np.ndarray
) -> models.CycleGAN:
    """The CycleGAN or GazeGAN for these options, compiled; the GazeGAN's estimator is trained."""

    def generator():
        return networks.ResNetGenerator(
            SHAPE, options.filters, options.blocks, upsampling="resize", dtype=options.dtype
        )

    def discriminator():
        return networks.PatchDiscriminator(SHAPE, options.filters, layers=2, dtype=options.dtype)

    estimator = None
    if options.model == "gazegan":
        path = options.out / "estimator.keras"
        if not path.exists():
            train_estimator(synthetic, gaze, steps=1000, seed=7, augmented=True).save(path)
        estimator = keras.models.load_model(path, compile=False)
    keras.utils.set_random_seed(0)
    parts = [generator(), generator(), discriminator(), discriminator()]
    if estimator:
        model = models.GazeGAN(*parts, estimator, gaze_weight=options.gaze_weight)
    else:
        model = models.CycleGAN(*parts, identity_weight=0.0)
    steps = STEPS * options.epochs
    rates = [schedules.LinearDecay(2e-4, steps // 2, steps - steps // 2) for _ in range(2)]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("renderer", "path_traced"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", choices=("simgan", "cyclegan", "gazegan"), default="simgan")
    parser.add_argument("--weight", type=float, default=2.0, help="of the self-regularization")
    parser.add_argument("--gaze-weight", type=float, default=500.0)
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=4, help="of a translator's generators")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--dtype", default="mixed_bfloat16")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    synthetic, gaze = mirror_half(*synthetic_eyes(options.source, 15_000))
    photos, _ = real_eyes(0)
    train = data.unpaired(
        synthetic,
        np.concatenate([photos, photos[:, :, ::-1]]),
        batch_size=options.batch_size,
        steps_per_epoch=STEPS,
    )
    if options.model == "simgan":
        keras.utils.set_random_seed(0)
        model = build_simgan(options)
    else:
        model = build_translator(options, synthetic, gaze)
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.save_to_preset(
            options.out / "epochs" / f"{epoch + 1:02d}", overwrite=True
        )
    )
    model.fit(
        train,
        epochs=options.epochs,
        verbose=2,
        callbacks=[
            callbacks.Backup(options.out / "backup"),
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
            callbacks.ImageGrid(
                options.out / "samples", data.to_unit(synthetic[:24]), data.to_unit(photos[:24])
            ),
            keep,
        ],
    )


if __name__ == "__main__":
    main()
