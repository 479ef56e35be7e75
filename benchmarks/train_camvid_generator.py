"""Trains what draws photos of CamVid's label maps, for `transfer_camvid.py`.

A pix2pixHD with narrow networks, without instances: its global generator and discriminators of two
scales, least squares and feature matching. 120 pairs of CamVid's training part at 178x134, of which
it sees windows of 160x120, mirrored or not. The learning rate falls over the second half. After
every epoch the generator is kept as a preset and the training's state beside it. Run again, it goes
on where it stopped.

    export KERAS_SIMGAN_DATA=... KERAS_BACKEND=tensorflow TF_NUM_INTRAOP_THREADS=1
    python benchmarks/train_camvid_generator.py --out runs/camvid_pix2pixhd

Half a minute of one core for an epoch.
"""

import argparse
from pathlib import Path

import keras
from camvid import CLASSES, SHOWN, read_part

from keras_simgan import data, models, networks, schedules

JITTER = (134, 178)
CHANNELS = len(CLASSES) + 1  # unlabelled is a class here


def build(options: argparse.Namespace, steps: int) -> models.Pix2PixHD:
    """The Pix2PixHD for these options, compiled to train for `steps` steps."""
    keras.utils.set_random_seed(options.seed)
    model = models.Pix2PixHD(
        networks.ResNetGenerator(
            (*SHOWN, CHANNELS),
            options.filters,
            options.blocks,
            output_channels=3,
            downsamplings=3,
            dtype=options.dtype,
        ),
        networks.MultiScaleDiscriminator(
            (*SHOWN, CHANNELS + 3), options.discriminator_filters, scales=2, dtype=options.dtype
        ),
    )
    rates = [schedules.LinearDecay(2e-4, steps // 2, steps - steps // 2) for _ in range(2)]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--filters", type=int, default=20)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--discriminator-filters", type=int, default=28)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", default="mixed_bfloat16")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    photos, maps, _ = read_part("train")
    train = data.paired(
        maps,
        photos,
        JITTER,
        classes=CHANNELS,
        crop_size=SHOWN,
        flip=True,
        seed=options.seed,
    )
    model = build(options, len(train) * options.epochs)
    keep = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: model.save_to_preset(
            options.out / "preset", overwrite=True
        )
    )
    model.fit(
        train,
        epochs=options.epochs,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(str(options.out / "backup"), delete_checkpoint=False),
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
            keep,
        ],
    )


if __name__ == "__main__":
    main()
