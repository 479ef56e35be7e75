"""Trains the SimGAN that refines 36x60 gray eyes; the preset `simgan_eyes_36x60` is one of these.

Source: 15,000 eyes of `data.EyeRenderer`, or the path-traced training eyes of
KERAS_SIMGAN_DATA/eyes; those that look at a laptop's screen, as in `transfer_eyes.py`. Target: the
1,000 real training eyes there (MPIIGaze, one person) and their mirror images; their labels are not
used. After every epoch of 1,000 steps the refiner is kept as a preset in `epochs/`, to be compared
with `transfer_eyes.py`. Run again, it goes on where it stopped.

    KERAS_SIMGAN_DATA=... python benchmarks/train_eyes_refiner.py --source renderer --out runs/eyes

On one core of an AMD EPYC (AVX-512 with bfloat16) an epoch takes 3 to 4 minutes.
"""

import argparse
from pathlib import Path

import keras
import numpy as np
from transfer_eyes import mirror_half, real_eyes, synthetic_eyes

from keras_simgan import callbacks, data, losses, models, networks

STEPS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("renderer", "path_traced"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--weight", type=float, default=2.0, help="of the self-regularization")
    parser.add_argument("--filters", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--dtype", default="mixed_bfloat16")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    synthetic, _ = mirror_half(*synthetic_eyes(options.source, 15_000))
    photos, _ = real_eyes(0)
    train = data.unpaired(
        synthetic,
        np.concatenate([photos, photos[:, :, ::-1]]),
        batch_size=options.batch_size,
        steps_per_epoch=STEPS,
    )
    keras.utils.set_random_seed(0)
    shape = (36, 60, 1)
    model = models.SimGAN(
        networks.Refiner(shape, filters=options.filters, dtype=options.dtype),
        networks.RefinerDiscriminator(shape, dtype=options.dtype),
        losses.SelfRegularization(options.weight),
        history_size=6000,
        refiner_warmup=400,
        discriminator_warmup=100,
    )
    model.compile(keras.optimizers.Adam(2e-4, beta_1=0.5), keras.optimizers.Adam(1e-4, beta_1=0.5))
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
            keras.callbacks.BackupAndRestore(str(options.out / "backup"), delete_checkpoint=False),
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
            callbacks.ImageGrid(
                options.out / "samples", data.to_unit(synthetic[:24]), data.to_unit(photos[:24])
            ),
            keep,
        ],
    )


if __name__ == "__main__":
    main()
