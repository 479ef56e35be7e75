"""pix2pix on facades, label colours to photos, beside the same networks in plain PyTorch.

Three trainings of the same size, from the same initial weights, that are shown the same crops in
the same order; then all are scored on the 50 validation pairs.

    export KERAS_SIMGAN_DATA=... OMP_NUM_THREADS=1
    python benchmarks/pix2pix_torch.py --epochs 30 --out runs/facades_torch
    KERAS_BACKEND=tensorflow python benchmarks/facades.py train --arm gan --out runs/facades_gan
    KERAS_BACKEND=tensorflow python benchmarks/facades.py train --arm l1 --out runs/facades_l1
    KERAS_BACKEND=torch python benchmarks/facades.py score

A training is interrupted and run again as one likes: it goes on after its last whole epoch. About
25 minutes each on one idle core. `facades_pairs.py` says what data this needs; `score` writes
benchmarks/results/facades.md and .json, and runs/facades.png, the sheet: it holds photos, and so
stays out of the project.

    KERAS_BACKEND=torch python benchmarks/facades.py parity

plays five steps of ours and of plain PyTorch from the same weights on the same batches.
"""

import argparse
import json
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import cv2
import keras
import numpy as np
import torch
from facades_pairs import SIZE, TRAIN, load_pairs, scaled, shown
from pix2pix_torch import NLayerDiscriminator, Training, UnetGenerator, to_tensor, translate

from keras_simgan import metrics, models, networks, schedules

RESULTS = Path(__file__).parent / "results"


class ShownPairs(keras.utils.PyDataset):
    """The batches of `facades_pairs.shown` for `fit`, epoch by epoch.

    Args:
        pairs: As `shown` takes them.
        seed: As `shown` takes it.
    """

    def __init__(self, pairs: tuple[np.ndarray, np.ndarray], seed: int):
        super().__init__()
        self.pairs, self.seed = pairs, seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Goes to an epoch, from 0: what a resumed training goes on with."""
        self._batches = list(shown(self.pairs, self.seed, epoch))

    def __len__(self) -> int:
        return len(self.pairs[0])

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return self._batches[index]


def generator(filters: int, depth: int = 7, dropout: float = 0.5, **options) -> keras.Model:
    """Our U-Net for RGB of any size."""
    return networks.UNetGenerator(
        (None, None, 3), filters=filters, depth=depth, dropout=dropout, **options
    )


def discriminator(filters: int, layers: int = 3) -> keras.Model:
    """Our discriminator of label colours and photo."""
    return networks.PatchDiscriminator(
        (None, None, 6), filters=filters, layers=layers, normalization="batch"
    )


def train(options: argparse.Namespace) -> None:
    """Trains our U-Net, with a discriminator or by L1 alone."""
    keras.utils.set_random_seed(options.seed)
    initial = torch.load(options.initial)
    network = networks.from_torch_state_dict(generator(options.filters), initial["generator"])
    half = options.epochs * TRAIN // 2

    def adam():
        rate = schedules.LinearDecay(2e-4, options.epochs * TRAIN - half, half)
        return keras.optimizers.Adam(rate, beta_1=0.5, epsilon=1e-8)

    pairs = ShownPairs(load_pairs("train"), options.seed)
    begin_epoch = []
    if options.arm == "gan":
        opponent = networks.from_torch_state_dict(
            discriminator(options.filters), initial["discriminator"]
        )
        model = models.Pix2Pix(network, opponent)
        model.compile(adam(), adam())
    else:
        model = network
        model.compile(adam(), "mean_absolute_error", loss_weights=[100.0])
        # A GAN's `fit` does this by itself.
        begin_epoch = [
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: pairs.set_epoch(epoch)
            )
        ]
    options.out.mkdir(parents=True, exist_ok=True)
    model.fit(
        pairs,
        epochs=options.epochs,
        shuffle=False,
        verbose=2,
        callbacks=[
            *begin_epoch,
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
            keras.callbacks.BackupAndRestore(str(options.out / "backup"), delete_checkpoint=False),
        ],
    )
    network.save_weights(options.out / "generator.weights.h5")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("--arm", choices=("gan", "l1"), required=True)
    training.add_argument("--initial", type=Path, default="runs/facades_torch/initial.pt")
    training.add_argument("--filters", type=int, default=32)
    training.add_argument("--epochs", type=int, default=30)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    torch.set_num_threads(1)
    train(options)


if __name__ == "__main__":
    main()
