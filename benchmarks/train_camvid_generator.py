"""Trains what draws photos of CamVid's label maps, for `transfer_camvid.py`.

A pix2pixHD, without instances: discriminators of two scales, least squares, feature matching. Its
generator is pix2pix's U-Net without dropout, which keeps outlines after few steps, and there is
pix2pix's L1 loss beside: a perceptual loss whose extractor gives the photo back. 120 pairs of
CamVid's training part at 178x134, of which it sees windows of 160x120, mirrored or not. The
learning rate falls over the last ten epochs. After every epoch the generator is kept as a preset
and the training's state beside it. Run again, it goes on where it stopped.

    export KERAS_SIMGAN_DATA=... KERAS_BACKEND=tensorflow TF_NUM_INTRAOP_THREADS=1
    python benchmarks/train_camvid_generator.py --out runs/camvid_pix2pixhd

A quarter of a minute of one core for an epoch.
"""

import argparse
from pathlib import Path

import keras
from camvid import CLASSES, SHOWN, read_part

from keras_simgan import data, losses, models, networks, schedules

JITTER = (134, 178)
CHANNELS = len(CLASSES) + 1  # unlabelled is a class here


def build(options: argparse.Namespace, steps: int) -> models.Pix2PixHD:
    """The Pix2PixHD for these options, compiled to train with `steps` steps an epoch."""
    keras.utils.set_random_seed(options.seed)
    same = keras.Sequential([keras.Input((*SHOWN, 3)), keras.layers.Identity()], name="same")
    model = models.Pix2PixHD(
        networks.UNetGenerator(
            (*SHOWN, CHANNELS),
            options.filters,
            depth=5,
            output_channels=3,
            normalization="instance",
            dropout=0.0,
            dtype=options.dtype,
        ),
        networks.MultiScaleDiscriminator(
            (*SHOWN, CHANNELS + 3), options.discriminator_filters, scales=2, dtype=options.dtype
        ),
        perceptual_loss=losses.PerceptualLoss(same, weight=options.l1_weight),
    )
    constant, falling = options.epochs - options.decay_epochs, options.decay_epochs
    rates = [schedules.LinearDecay(2e-4, steps * constant, steps * falling) for _ in range(2)]
    model.compile(*(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--l1-weight", type=float, default=30.0)
    parser.add_argument("--discriminator-filters", type=int, default=28)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--decay-epochs", type=int, default=10)
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
    model = build(options, len(train))
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
