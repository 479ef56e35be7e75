"""pix2pix in plain PyTorch, to measure this package's against: networks, steps and a training.

The networks are laid out as the authors' (Isola et al. 2017, github.com/junyanz), so that a state
dict has their names: `model.model.1.model...` in the generator, `model.0.weight` in the
discriminator. So are the losses, Adam's constants, the initial weights and the order of the two
turns. Not theirs: the learning rate falls after each step instead of after each epoch, as
`schedules.LinearDecay` does it, and images are 128x128 (resized to 143x143, cropped).

    KERAS_SIMGAN_DATA=... python benchmarks/pix2pix_torch.py --epochs 20 --out runs/facades_torch

`facades_pairs.py` says what data this needs. Keeps `initial.pt`, `checkpoint.pt` (every 5 epochs,
and a second run goes on from it), `log.csv` and at last `final.pt`.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from facades_pairs import LOADED, TRAIN, load_pairs, shown
from torch import nn
from torch.nn import functional

L1_WEIGHT = 100.0


def to_tensor(images: np.ndarray) -> torch.Tensor:
    """`(n, height, width, channels)` to `(n, channels, height, width)`."""
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1)))


def _normalizer(name: str | None, channels: int) -> list[nn.Module]:
    if name == "batch":
        return [nn.BatchNorm2d(channels)]
    return [nn.InstanceNorm2d(channels)] if name == "instance" else []


class UnetSkipConnectionBlock(nn.Module):
    """Halves its input's size, calls the next smaller block, doubles, and adds the input.

    Args:
        outer: Channels that come out of the doubling half.
        inner: Channels between the two halves.
        inputs: Channels that come in, `outer` unless given.
        submodule: The next smaller block; without one this is the innermost.
        outermost: Whether this one makes the image: no skip connection, and tanh.
        normalization: `"batch"`, `"instance"` or None.
        dropout: The rate after the doubling half, 0 for none.
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        inputs: int | None = None,
        submodule: nn.Module | None = None,
        outermost: bool = False,
        normalization: str | None = "batch",
        dropout: float = 0.0,
    ):
        super().__init__()
        self.outermost = outermost
        bias = normalization != "batch"
        down: list[nn.Module] = [nn.Conv2d(inputs or outer, inner, 4, 2, 1, bias=bias)]
        if not outermost:
            down.insert(0, nn.LeakyReLU(0.2, inplace=True))
        if not outermost and submodule is not None:
            down += _normalizer(normalization, inner)
        doubled = inner if submodule is None else 2 * inner
        up: list[nn.Module] = [
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(doubled, outer, 4, 2, 1, bias=bias or outermost),
        ]
        up += [nn.Tanh()] if outermost else _normalizer(normalization, outer)
        if dropout:
            up.append(nn.Dropout(dropout))
        self.model = nn.Sequential(*down, *([submodule] if submodule is not None else []), *up)

    def forward(self, x):
        """The smaller block's features beside `x`; the image itself where outermost."""
        if self.outermost:
            return self.model(x)
        return torch.cat([x, self.model(x)], 1)


class UnetGenerator(nn.Module):
    """The authors' U-Net: `depth` halvings, widths filters x (1, 2, 4, 8, 8, ...).

    Args:
        inputs: Channels of the source.
        outputs: Channels of the target.
        filters: The widest resolution's channels, 64 with the authors.
        depth: Halvings, at least 5: 8 for 256x256, 7 for 128x128.
        normalization: `"batch"`, `"instance"` or None.
        dropout: The rate of the blocks that have dropout, 0.5 with the authors.
    """

    def __init__(
        self,
        inputs: int = 3,
        outputs: int = 3,
        filters: int = 64,
        depth: int = 8,
        normalization: str | None = "batch",
        dropout: float = 0.5,
    ):
        super().__init__()
        options = {"normalization": normalization}
        wide = 8 * filters
        block = UnetSkipConnectionBlock(wide, wide, **options)
        for _ in range(depth - 5):
            block = UnetSkipConnectionBlock(wide, wide, submodule=block, dropout=dropout, **options)
        for factor in (4, 2, 1):
            block = UnetSkipConnectionBlock(
                factor * filters, 2 * factor * filters, submodule=block, **options
            )
        self.model = UnetSkipConnectionBlock(
            outputs, filters, inputs, submodule=block, outermost=True, **options
        )

    def forward(self, x):
        """Sources to images in [-1, 1], both `(batch, channels, height, width)`."""
        return self.model(x)


class NLayerDiscriminator(nn.Module):
    """The authors' PatchGAN: one logit per patch, 70x70 pixels each with three layers.

    Args:
        inputs: Channels of source and image together.
        filters: Channels of the first layer, 64 with the authors.
        layers: Convolutions of stride 2.
        normalization: `"batch"`, `"instance"` or None.
    """

    def __init__(
        self,
        inputs: int = 6,
        filters: int = 64,
        layers: int = 3,
        normalization: str | None = "batch",
    ):
        super().__init__()
        bias = normalization != "batch"
        modules: list[nn.Module] = [nn.Conv2d(inputs, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)]
        channels = filters
        for number in range(1, layers + 1):
            wider = filters * min(2**number, 8)
            stride = 2 if number < layers else 1
            modules.append(nn.Conv2d(channels, wider, 4, stride, 1, bias=bias))
            modules += [*_normalizer(normalization, wider), nn.LeakyReLU(0.2, True)]
            channels = wider
        self.model = nn.Sequential(*modules, nn.Conv2d(channels, 1, 4, 1, 1))

    def forward(self, x):
        """Source and image, stacked as channels, to logits `(batch, 1, rows, columns)`."""
        return self.model(x)


def initialize(network: nn.Module) -> None:
    """The authors' initial weights: N(0, 0.02), gamma N(1, 0.02), biases and beta 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Training:
    """Two networks, their optimizers, and a step of both turns.

    Args:
        generator: Source to target.
        discriminator: Source and image, stacked as channels, to logits.
        first: Whose turn comes first: `"discriminator"`, as with the authors, or `"generator"`.
            Either way both turns see the fake images of one forward pass.
        rate: Adam's learning rate.
        epsilon: Adam's.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        first: str = "discriminator",
        rate: float = 2e-4,
        epsilon: float = 1e-8,
    ):
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.first = first
        self.optimizers = {
            name: torch.optim.Adam(
                network.parameters(), rate, betas=(0.5, 0.999), eps=epsilon, fused=True
            )
            for name, network in self.networks.items()
        }

    def set(self, name: str, value: float) -> None:
        """Sets a constant of both optimizers, such as `"lr"`."""
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group[name] = value

    def step(self, source: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
        """Trains both networks on one batch, and returns the losses, not yet weighted."""
        fake = self.networks["generator"](source)
        turns = [self._discriminator_turn, self._generator_turn]
        losses = {}
        for turn in turns if self.first == "discriminator" else turns[::-1]:
            losses |= turn(source, target, fake)
        return {name: loss.item() for name, loss in losses.items()}

    def _judge(self, source, image, real: bool):
        logits = self.networks["discriminator"](torch.cat([source, image], 1))
        wanted = torch.full_like(logits, float(real))
        return functional.binary_cross_entropy_with_logits(logits, wanted)

    def _discriminator_turn(self, source, target, fake):
        losses = {
            "discriminator_fake": self._judge(source, fake.detach(), False),
            "discriminator_real": self._judge(source, target, True),
        }
        self._minimize("discriminator", sum(losses.values()) / 2)
        return losses

    def _generator_turn(self, source, target, fake):
        self.networks["discriminator"].requires_grad_(False)
        losses = {
            "adversarial": self._judge(source, fake, True),
            "l1": functional.l1_loss(fake, target),
        }
        self._minimize("generator", losses["adversarial"] + L1_WEIGHT * losses["l1"])
        self.networks["discriminator"].requires_grad_(True)
        return losses

    def _minimize(self, name: str, loss: torch.Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        self.optimizers[name].step()


def translate(
    generator: nn.Module,
    sources: np.ndarray,
    dropout: bool = True,
    statistics: str = "image",
    seed: int = 0,
) -> np.ndarray:
    """Photos for label colours, one by one.

    Args:
        generator: A trained one.
        sources: In [-1, 1], shape `(n, height, width, 3)`.
        dropout: Whether dropout is on, as with the authors.
        statistics: Of batch normalization: each `"image"`'s own, as with the authors, or the
            `"moving"` averages. The first adds to the averages, as any call in training mode does.
        seed: Of the dropout.

    Returns:
        Images in [-1, 1], shape `(n, height, width, 3)`.
    """
    torch.manual_seed(seed)
    generator.train(statistics == "image")
    for module in generator.modules():
        if isinstance(module, nn.Dropout):
            module.train(dropout)
    with torch.no_grad():
        images = torch.cat([generator(to_tensor(source[None])) for source in sources])
    return np.moveaxis(images.numpy(), 1, -1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--filters", type=int, default=32, help="of the generator")
    parser.add_argument("--discriminator-filters", type=int, default=32)
    parser.add_argument("--depth", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--first", choices=("discriminator", "generator"), default="discriminator")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="only measure the seconds of so many steps")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    training = Training(
        UnetGenerator(filters=options.filters, depth=options.depth),
        NLayerDiscriminator(filters=options.discriminator_filters),
        options.first,
    )
    for network in training.networks.values():
        initialize(network)
    pairs = load_pairs("train", LOADED)
    if options.steps:
        for number, (source, target) in enumerate(shown(pairs, options.seed, 0)):
            if number == 3:
                start = time.perf_counter()
            if number == 3 + options.steps:
                break
            training.step(to_tensor(source), to_tensor(target))
        print(f"{(time.perf_counter() - start) / options.steps:.4f} s a step")
        return

    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / "checkpoint.pt"
    begin = 0
    if checkpoint.exists():
        begin = _restore(training, checkpoint)
    else:
        torch.save(_weights(training), options.out / "initial.pt")
    steps, half = options.epochs * TRAIN, options.epochs * TRAIN // 2
    for epoch in range(begin, options.epochs):
        # Dropout of an epoch is the same whether the training was interrupted or not.
        torch.manual_seed((options.seed + 1) * 1_000_000 + epoch)
        start, sums = time.perf_counter(), {}
        for number, (source, target) in enumerate(shown(pairs, options.seed, epoch)):
            done = epoch * TRAIN + number
            training.set("lr", 2e-4 * min(1.0, (steps - done) / (steps - half)))
            for name, loss in training.step(to_tensor(source), to_tensor(target)).items():
                sums[name] = sums.get(name, 0.0) + loss / TRAIN
        row = {"epoch": epoch + 1, **sums, "seconds": time.perf_counter() - start}
        _log(options.out / "log.csv", row)
        if (epoch + 1) % 5 == 0:
            _save(training, checkpoint, epoch + 1)
    torch.save(_weights(training), options.out / "final.pt")


def _weights(training: Training) -> dict:
    return {name: network.state_dict() for name, network in training.networks.items()}


def _save(training: Training, path: Path, epoch: int) -> None:
    optimizers = {name: each.state_dict() for name, each in training.optimizers.items()}
    state = {"epoch": epoch, "networks": _weights(training), "optimizers": optimizers}
    torch.save(state, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").rename(path)


def _restore(training: Training, path: Path) -> int:
    state = torch.load(path)
    for name, network in training.networks.items():
        network.load_state_dict(state["networks"][name])
        training.optimizers[name].load_state_dict(state["optimizers"][name])
    return state["epoch"]


def _log(path: Path, row: dict) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, row)
        if new:
            writer.writeheader()
        writer.writerow({name: round(value, 5) for name, value in row.items()})


if __name__ == "__main__":
    main()
