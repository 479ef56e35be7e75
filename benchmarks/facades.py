"""pix2pix on facades, label colours to photos, beside the same networks in plain PyTorch.

Three trainings of the same size, from the same initial weights, that are shown the same crops in
the same order; then all are scored on the 50 validation pairs.

    export KERAS_SIMGAN_DATA=... OMP_NUM_THREADS=1
    python benchmarks/pix2pix_torch.py --epochs 20 --out runs/facades_torch
    KERAS_BACKEND=tensorflow python benchmarks/facades.py train --arm gan --out runs/facades_gan
    KERAS_BACKEND=tensorflow python benchmarks/facades.py train --arm l1 --out runs/facades_l1
    KERAS_BACKEND=torch python benchmarks/facades.py score

A training may be interrupted: run again, it goes on from its last checkpoint. About
15 to 20 minutes each on one idle core. `facades_pairs.py` says what data this needs; `score` writes
benchmarks/results/facades.md and .json, and runs/facades.png, the sheet: it holds photos, and so
stays out of the project.

    KERAS_BACKEND=torch python benchmarks/facades.py parity

plays five steps of ours and of plain PyTorch from the same weights on the same batches.
"""

import argparse
import copy
from itertools import compress, islice
from pathlib import Path

import keras
import numpy as np
import torch
from facades_pairs import LOADED, SIZE, TRAIN, load_pairs, scaled, shown
from facades_report import report
from pix2pix_torch import (
    NLayerDiscriminator,
    Training,
    UnetGenerator,
    initialize,
    to_tensor,
    translate,
)

from keras_simgan import models, networks, schedules


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
        """Pairs."""
        return len(self.pairs[0])

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A batch of one pair."""
        return self._batches[index]


def generator(filters: int, depth: int = 7, **options) -> keras.Model:
    """Our U-Net for RGB of any size."""
    return networks.UNetGenerator((None, None, 3), filters=filters, depth=depth, **options)


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

    pairs = ShownPairs(load_pairs("train", LOADED), options.seed)
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


def parity(filters: int = 8, steps: int = 5, epsilon: float = 1e-6) -> dict[str, list[float]]:
    """The largest differences between ours and plain PyTorch after the same few steps.

    Full depth, few filters, no dropout, as its draws differ; our order of the turns. Adam moves a
    weight by its rate whatever the size of its gradient, so with the trainings' epsilon of 1e-8
    weights whose gradient is rounding go either way, in PyTorch alone as well: after five steps
    weights are 1e-3 apart. A larger epsilon leaves these be. PyTorch corrects the bias of
    Adam's v before epsilon is added, Keras after it; so PyTorch gets the one that comes to the
    same.

    Returns:
        By name of a loss, or "weights of" a network after the last step: the largest difference
        between ours and PyTorch, and what rounding does: between PyTorch in float32 and float64.
    """
    torch.manual_seed(0)
    plain = {
        "generator": UnetGenerator(filters=filters, depth=7, dropout=0.0),
        "discriminator": NLayerDiscriminator(filters=filters),
    }
    ours = {
        "generator": generator(filters, dropout=0.0),
        "discriminator": discriminator(filters),
    }
    for name, network in plain.items():
        initialize(network)
        networks.from_torch_state_dict(ours[name], network.state_dict())
    exact = {name: copy.deepcopy(network).double() for name, network in plain.items()}
    model = models.Pix2Pix(**ours)
    model.compile(*(keras.optimizers.Adam(2e-4, beta_1=0.5, epsilon=epsilon) for _ in range(2)))
    trainings = [Training(**each, first="generator") for each in (plain, exact)]
    scales = {"l1": 100.0, "discriminator_fake": 0.5, "discriminator_real": 0.5}
    largest: dict[str, list[float]] = {}
    batches = shown(load_pairs("train", LOADED), seed=0, epoch=0)
    for step, (source, target) in enumerate(islice(batches, steps), start=1):
        history = model.fit(source, target, batch_size=1, verbose=0).history
        pair = to_tensor(source), to_tensor(target)
        losses = []
        for training, dtype in zip(trainings, (torch.float32, torch.float64), strict=True):
            training.set("eps", epsilon / (1 - 0.999**step) ** 0.5)
            losses.append(training.step(*(half.to(dtype) for half in pair)))
        for name, loss in losses[0].items():
            mine = history[name][0] / scales.get(name, 1.0)
            before = largest.get(name, [0.0, 0.0])
            found = abs(mine - loss), abs(losses[1][name] - loss)
            largest[name] = [max(both) for both in zip(before, found, strict=True)]
    for name, network in plain.items():
        weights = []
        for other in (ours[name].get_weights(), network, exact[name]):
            if isinstance(other, torch.nn.Module):
                networks.from_torch_state_dict(ours[name], other.state_dict())
                other = ours[name].get_weights()
            moving = [variable.trainable for variable in ours[name].weights]
            weights.append(np.concatenate([each.ravel() for each in compress(other, moving)]))
        apart = [abs(weights[1] - weights[0]), abs(weights[1] - weights[2])]
        largest[f"weights of the {name}"] = [float(each.max()) for each in apart]
        largest[f"mean of weights of the {name}"] = [float(each.mean()) for each in apart]
    return largest


def translations(options: argparse.Namespace) -> dict[str, dict[str, np.ndarray]]:
    """Each arm's photos for the validation labels, by way of inference and arm.

    Ways: `"dropout on"`, the authors', where each image is normalized by its own statistics;
    `"dropout off"`, the same without dropout; `"moving averages"`, without dropout and normalized
    by moving averages.
    """
    sources = scaled(load_pairs("validation", SIZE)[0])
    final = torch.load(options.torch / "final.pt")["generator"]
    ways = {
        "dropout on": {"dropout": True, "statistics": "image"},
        "dropout off": {"dropout": False, "statistics": "image"},
        "moving averages": {"dropout": False, "statistics": "moving"},
    }
    made: dict[str, dict[str, np.ndarray]] = {}
    for way, how in ways.items():
        plain = UnetGenerator(filters=options.filters, depth=7)
        plain.load_state_dict(final)
        made[way] = {
            "L1 alone": _translate(options.l1, sources, options.filters, **how),
            "plain PyTorch": translate(plain, sources, **how),
            "ours": _translate(options.gan, sources, options.filters, **how),
        }
    return made


def _translate(folder: Path, sources: np.ndarray, filters: int, dropout: bool, statistics: str):
    network = generator(filters, inference_dropout=dropout, statistics=statistics)
    network.load_weights(folder / "generator.weights.h5")
    return network.predict(sources, batch_size=10, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="train one of our arms")
    training.add_argument("--arm", choices=("gan", "l1"), required=True)
    training.add_argument("--initial", type=Path, default="runs/facades_torch/initial.pt")
    training.add_argument("--filters", type=int, default=32)
    training.add_argument("--epochs", type=int, default=20)
    training.add_argument("--seed", type=int, default=0)
    training.add_argument("--out", type=Path, required=True)
    commands.add_parser("parity", help="compare a few steps")
    scoring = commands.add_parser("score", help="score all arms on validation pairs")
    for arm in ("torch", "gan", "l1"):
        scoring.add_argument(f"--{arm}", type=Path, default=f"runs/facades_{arm}")
    scoring.add_argument("--filters", type=int, default=32)
    scoring.add_argument("--sheet", type=Path, default="runs/facades.png")
    options = parser.parse_args()

    torch.set_num_threads(1)
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    if options.command == "train":
        train(options)
    elif options.command == "parity":
        for name, (difference, rounding) in parity().items():
            print(f"{name}: {difference:.1e}, by rounding {rounding:.1e}")
    else:
        report(translations(options), parity(), options.sheet)


if __name__ == "__main__":
    main()
