"""Trains the GazeGAN, or the plain CycleGAN beside it, that makes rendered colour eyes real.

Source: 3,000 labelled 128x128 eyes of `data.EyeRenderer`, or the path-traced ones. Target: the 505
real colour eyes, unlabelled. Skins and light vary in both, so the networks have no normalization,
which would give all eyes one palette, and the identity loss keeps what is bright bright. After
every epoch of 250 steps the model is kept as a preset. Run again, it goes on where it stopped;
`gaze_drift.py` measures the result. `--gaze-weight 0` is the same CycleGAN without the gaze part:
the same networks, initial weights, images and order.

    KERAS_SIMGAN_DATA=... python benchmarks/colour_eyes.py --estimator runs/gaze_estimator.keras
    KERAS_SIMGAN_DATA=... python benchmarks/train_gaze_translator.py \
        --estimator runs/gaze_estimator.keras --out runs/gazegan
    KERAS_SIMGAN_DATA=... python benchmarks/train_gaze_translator.py --gaze-weight 0 \
        --estimator runs/gaze_estimator.keras --out runs/plain
"""

import argparse
from pathlib import Path

import keras
from colour_eyes import SIZE, real_colour_eyes, synthetic_colour_eyes

from keras_simgan import callbacks, data, models, networks, schedules

STEPS = 250


def build(options: argparse.Namespace) -> models.GazeGAN:
    """The GazeGAN for these options, compiled."""
    keras.utils.set_random_seed(options.seed)
    shape = (SIZE, SIZE, 3)
    normalization = None if options.normalization == "none" else options.normalization

    def generator():
        return networks.ResNetGenerator(
            shape,
            options.filters,
            options.blocks,
            upsampling="resize",
            normalization=normalization,
            dtype=options.dtype,
        )

    def discriminator():
        return networks.PatchDiscriminator(
            shape, options.filters, normalization=normalization, dtype=options.dtype
        )

    model = models.GazeGAN(
        generator(),
        generator(),
        discriminator(),
        discriminator(),
        keras.models.load_model(options.estimator, compile=False),
        gaze_weight=options.gaze_weight,
        gaze_on=options.gaze_on,
        identity_weight=options.identity_weight,
        seed=options.seed,
    )
    steps = STEPS * options.epochs
    rates = [schedules.LinearDecay(2e-4, steps // 2, steps - steps // 2) for _ in range(2)]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("renderer", "path_traced"), default="renderer")
    parser.add_argument("--estimator", type=Path, required=True, help="frozen, a .keras file")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--gaze-weight", type=float, default=100.0)
    parser.add_argument("--gaze-on", choices=("translated", "cycled"), default="translated")
    parser.add_argument("--identity-weight", type=float, default=0.5)
    parser.add_argument("--normalization", choices=("instance", "none"), default="none")
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=8, help=f"of {STEPS} steps")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="mixed_bfloat16")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    synthetic, _ = synthetic_colour_eyes(options.source, 3000)
    photos = real_colour_eyes()
    train = data.unpaired(
        synthetic,
        photos,
        batch_size=options.batch_size,
        steps_per_epoch=STEPS,
        seed=options.seed,
        flip=True,
    )
    model = build(options)
    model.fit(
        train,
        epochs=options.epochs,
        verbose=2,
        callbacks=[
            callbacks.Backup(options.out / "backup"),
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
            callbacks.ImageGrid(
                options.out / "samples", data.to_unit(synthetic[:8]), data.to_unit(photos[:8])
            ),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: model.save_to_preset(
                    options.out / "preset", overwrite=True
                )
            ),
        ],
    )


if __name__ == "__main__":
    main()
