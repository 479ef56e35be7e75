"""Speed and memory of a SimGAN training step, beside the same step in plain PyTorch.

The paper's networks at 35x55x1 (refiner 296,129 parameters, discriminator 75,906), batch 32. One
step is a refiner turn and a discriminator turn, with an image history of 12,800 images and SGD.
Ours runs as a user runs it, `compile()` and `fit` on arrays. PyTorch's is hand-written below: the
same networks, losses, history and optimizers, channels_last, fakes reused between the turns,
gradients taken for the moving networks only.

Each variant is a process of its own, and all stay alive; they take turns, round after round, so
that what else the machine does hits them alike. Reported is the median over the rounds.

    python benchmarks/train_step.py                      # about 5 minutes on 2 idle cores
    python benchmarks/train_step.py --only "jax float32" # one variant and the reference

Writes benchmarks/results/train_step.md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
SHAPE = (35, 55, 1)
HISTORY = 12_800
# name: (Keras backend, or plain PyTorch; dtype)
VARIANTS = {
    "tensorflow float32": ("tensorflow", "float32"),
    "tensorflow mixed_bfloat16": ("tensorflow", "mixed_bfloat16"),
    "jax float32": ("jax", "float32"),
    "jax mixed_bfloat16": ("jax", "mixed_bfloat16"),
    "torch float32": ("torch", "float32"),
    "torch mixed_bfloat16": ("torch", "mixed_bfloat16"),
    "PyTorch float32": ("plain", "float32"),
    "PyTorch autocast bfloat16": ("plain", "bfloat16"),
}
REFERENCE = "PyTorch float32"


def ours(dtype: str, batch: int):
    """Returns a function that trains so many steps, and the versions in use."""
    import keras
    import numpy as np

    from keras_simgan import models, networks

    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(dtype)
    model = models.SimGAN(
        networks.Refiner(SHAPE),
        networks.RefinerDiscriminator(SHAPE),
        history_size=HISTORY,
        refiner_turns=1,
        refiner_warmup=0,
        discriminator_warmup=0,
    )
    model.compile()

    def train(steps: int) -> None:
        images = np.random.default_rng(0).uniform(-1, 1, (2, steps * batch, *SHAPE))
        source, target = images.astype("float32")
        model.fit(source, target, batch_size=batch, shuffle=False, verbose=0)

    backend = keras.config.backend()
    return train, {"keras": keras.__version__, backend: metadata.version(backend)}


def plain(dtype: str, batch: int):
    """The same step in PyTorch alone."""
    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(64, 64, 3, padding=1)
            self.second = nn.Conv2d(64, 64, 3, padding=1)

        def forward(self, x):
            return functional.relu(x + self.second(functional.relu(self.first(x))))

    refiner = nn.Sequential(
        nn.Conv2d(1, 64, 3, padding=1),
        nn.ReLU(),
        *(Block() for _ in range(4)),
        nn.Conv2d(64, 1, 1),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 96, 3, 2, padding=1),
        nn.ReLU(),
        nn.Conv2d(96, 64, 3, 2, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 1, padding=1),
        nn.Conv2d(64, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 1),
        nn.ReLU(),
        nn.Conv2d(32, 2, 1),
    )
    refiner, discriminator = (
        network.to(memory_format=torch.channels_last) for network in (refiner, discriminator)
    )
    moving = [list(network.parameters()) for network in (refiner, discriminator)]
    optimizers = [torch.optim.SGD(parameters, lr=0.126) for parameters in moving]
    history = torch.zeros((HISTORY, 1, *SHAPE[:2]), dtype=torch.uint8)
    stored = 0
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16")

    def cross_entropy(logits, label):
        return -functional.log_softmax(logits.float(), dim=1)[:, label].mean()

    def minimize(loss, turn):
        gradients = torch.autograd.grad(loss, moving[turn])
        for parameter, gradient in zip(moving[turn], gradients, strict=True):
            parameter.grad = gradient
        optimizers[turn].step()

    def mix(fakes):
        nonlocal stored
        half = batch // 2
        new, rest = fakes[:half], fakes[half:]
        old = new
        if stored >= half:
            drawn = history[torch.randint(stored, (half,))]
            old = drawn.float() / 127.5 - 1.0
        slots = torch.arange(stored, stored + half) % HISTORY
        if stored >= HISTORY:
            slots = torch.randperm(HISTORY)[:half]
        history[slots] = ((new + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)
        stored = min(stored + half, HISTORY)
        return torch.cat([old, rest])

    def step(source, target):
        with autocast:
            refined = torch.tanh(refiner(source).float())
            adversarial = cross_entropy(discriminator(refined), 0)
        regularization = 10.0 * (refined - source).abs().mean()
        minimize(adversarial + regularization, 0)
        fakes = mix(refined.detach())
        with autocast:
            fake, real = discriminator(torch.cat([fakes, target])).chunk(2)
            losses = cross_entropy(fake, 1), cross_entropy(real, 0)
        minimize(losses[0] + losses[1], 1)
        return adversarial.item(), regularization.item(), losses[0].item(), losses[1].item()

    def train(steps: int) -> None:
        generator = torch.Generator().manual_seed(0)
        images = torch.rand((2, steps * batch, 1, *SHAPE[:2]), generator=generator) * 2 - 1
        source, target = (
            part.to(memory_format=torch.channels_last).split(batch) for part in images
        )
        for pair in zip(source, target, strict=True):
            step(*pair)

    return train, {"torch": torch.__version__}


def work(name: str, batch: int) -> None:
    """A worker: for each number of steps that comes in, trains and answers with the seconds."""
    backend, dtype = VARIANTS[name]
    train, versions = plain(dtype, batch) if backend == "plain" else ours(dtype, batch)
    train(2)
    answers = sys.stdout
    answers.write(json.dumps(versions) + "\n")
    answers.flush()
    for line in sys.stdin:
        start, cpu_start = time.perf_counter(), time.process_time()
        train(int(line))
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answers.write(json.dumps([seconds, cpu_seconds, peak]) + "\n")
        answers.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8, help="steps of each turn")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, help="variants besides PyTorch's")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--worker", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.batch)
        return

    names = [*options.only, REFERENCE] if options.only else list(VARIANTS)
    workers, versions = {}, {"python": platform.python_version()}
    for name in names:
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
        if VARIANTS[name][0] != "plain":
            environment["KERAS_BACKEND"] = VARIANTS[name][0]
        command = [sys.executable, __file__, "--worker", name, "--batch", str(options.batch)]
        workers[name] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        versions |= json.loads(workers[name].stdout.readline())
        print(f"ready: {name}", flush=True)
    speeds, cpu_speeds, peaks = {name: [] for name in names}, {name: [] for name in names}, {}
    for number in range(options.rounds):
        for name, worker in workers.items():
            worker.stdin.write(f"{options.steps}\n")
            worker.stdin.flush()
            seconds, cpu_seconds, peaks[name] = json.loads(worker.stdout.readline())
            speeds[name].append(options.steps * options.batch / seconds)
            cpu_speeds[name].append(options.steps * options.batch / cpu_seconds)
            print(f"round {number + 1}: {name}: {speeds[name][-1]:.1f} images/s", flush=True)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    report(speeds, cpu_speeds, peaks, versions, options)


def report(speeds: dict, cpu_speeds: dict, peaks: dict, versions: dict, options) -> None:
    """Writes the table, the fastest first."""
    median, cpu_median = (
        {name: statistics.median(values) for name, values in each.items()}
        for each in (speeds, cpu_speeds)
    )
    rows = [
        f"| {median[name] / median[REFERENCE]:.2f} "
        f"| {cpu_median[name] / cpu_median[REFERENCE]:.2f} | {name} | {median[name]:.1f} "
        f"| {min(speeds[name]):.1f} to {max(speeds[name]):.1f} | {peaks[name]:.0f} |"
        for name in sorted(median, key=median.get, reverse=True)
    ]
    text = f"""# A SimGAN training step, beside plain PyTorch

35x55x1, batch {options.batch}, the paper's networks; a step is a refiner turn and a discriminator
turn with the image history. Ratios are speeds over that of `{REFERENCE}` (channels_last) in the
same run: above 1 is faster. Lower case names are backends of this package, trained by `fit`. The
ratio in CPU time, of all cores, hardly changes when other work shares the machine.

| ratio | ratio in CPU time | variant | images/s (median) | range | peak memory (RSS, MiB) |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Command: `{" ".join(["python benchmarks/train_step.py", *sys.argv[1:]])}`, {options.rounds} rounds
of {options.steps} steps, interleaved. {_processor()}, {len(os.sched_getaffinity(0))} cores.
Versions: {", ".join(f"{name} {version}" for name, version in versions.items())}.
"""
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "train_step.md").write_text(text)
    measured = {
        "images_per_second": speeds,
        "images_per_cpu_second": cpu_speeds,
        "peak_mib": peaks,
        "versions": versions,
    }
    (options.out / "train_step.json").write_text(json.dumps(measured, indent=1) + "\n")
    print(text)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor() or "unknown processor"


if __name__ == "__main__":
    main()
