"""What merging forward passes gains in a CycleGAN's training step.

A step needs each generator for a translation and for the identity loss, and each discriminator for
fakes and for real images. `models.in_one_batch` sends such a pair through as one batch. Here
the same model is trained that way and with separate calls, round after round in turn; the losses
are the same. Reported are the medians over the rounds of pairs/s in wall time and in CPU time,
which other work on the machine hardly changes.

    python benchmarks/merged_forwards.py --backends tensorflow   # 2 minutes on 2 cores

Writes benchmarks/results/merged_forwards.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

RESULTS = Path(__file__).parent / "results"
SETTINGS = ((32, 16), (64, 1), (128, 1))  # pixels a side, batch
FILTERS, BLOCKS, ROUNDS = 32, 6, 3


def trainer(size: int, batch: int, merged: bool):
    """Returns a function that trains so many steps."""
    import keras
    import numpy as np

    from keras_simgan import models, networks
    from keras_simgan.models.in_one_batch import in_one_batch

    def separate(network, batches, training):
        return [network(images, training=training) for images in batches]

    shape = (size, size, 3)
    keras.utils.set_random_seed(0)
    model = models.CycleGAN(
        *(networks.ResNetGenerator(shape, FILTERS, BLOCKS) for _ in range(2)),
        *(networks.PatchDiscriminator(shape, FILTERS, layers=2) for _ in range(2)),
    )
    model.compile()
    source, target = np.random.default_rng(0).uniform(-1, 1, (2, 8 * batch, *shape))
    images = source.astype("float32"), target.astype("float32")

    def train(steps: int) -> float:
        way = in_one_batch if merged else separate
        with (
            mock.patch("keras_simgan.models.cyclegan.in_one_batch", way),
            mock.patch("keras_simgan.models.gan.in_one_batch", way),
        ):
            history = model.fit(
                *(domain[: steps * batch] for domain in images),
                batch_size=batch,
                shuffle=False,
                verbose=0,
            )
        return history.history["loss"][0]

    return train


def measure() -> dict:
    """Of this process's backend: for each setting the speeds of both ways."""
    results = {}
    for size, batch in SETTINGS:
        trainers = {way: trainer(size, batch, way == "merged") for way in ("merged", "separate")}
        first = {way: train(2) for way, train in trainers.items()}
        assert abs(first["merged"] / first["separate"] - 1) < 1e-3, first
        steps = max(2, min(8, 2**18 // (size * size * batch)))
        speeds = {way: {"wall": [], "cpu": []} for way in trainers}
        for _ in range(ROUNDS):
            for way, train in trainers.items():
                wall, cpu = time.perf_counter(), time.process_time()
                train(steps)
                speeds[way]["wall"].append(steps * batch / (time.perf_counter() - wall))
                speeds[way]["cpu"].append(steps * batch / (time.process_time() - cpu))
        results[f"{size}x{size}, batch {batch}"] = {
            way: {clock: statistics.median(values) for clock, values in each.items()}
            for way, each in speeds.items()
        }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax", "torch"])
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        import keras

        print(json.dumps({"keras": keras.__version__, "results": measure()}))
        return
    rows, version = [], ""
    for backend in options.backends:
        done = subprocess.run(
            [sys.executable, __file__, "--worker"],
            env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
        version = answer["keras"]
        for setting, each in answer["results"].items():
            merged, separate = each["merged"], each["separate"]
            rows.append(
                f"| {backend} | {setting} | {merged['wall']:.2f} | {separate['wall']:.2f} | "
                f"{merged['wall'] / separate['wall']:.2f} | {merged['cpu'] / separate['cpu']:.2f} |"
            )
            print(rows[-1], flush=True)
    command = f"python benchmarks/merged_forwards.py --backends {' '.join(options.backends)}"
    text = f"""# Merged forward passes in a CycleGAN step

The same CycleGAN ({FILTERS} filters, {BLOCKS} blocks, identity loss, float32), with cycle and
identity, fake and real going through as one batch, and with separate calls. Above 1: merging is
faster. The ratio in CPU time hardly changes when other work shares the machine.

| backend | images | merged, pairs/s | separate, pairs/s | ratio | ratio in CPU time |
| --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Command: `{command}`, medians of {ROUNDS} rounds in turn. Keras {version}, Python
{platform.python_version()}, {platform.machine()} CPU, {len(os.sched_getaffinity(0))} cores.
"""
    (RESULTS / "merged_forwards.md").write_text(text)


if __name__ == "__main__":
    main()
