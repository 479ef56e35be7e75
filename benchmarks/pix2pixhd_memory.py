"""Peak memory of pix2pixHD's stages on Cityscapes, with and without rematerialization.

Three steps of each stage, batch 1, with instance boundaries: the global generator by itself at
512x256, the enhancer around it at 1024x512, and both. Each in a process of its own, whose largest
resident set is measured before the networks are built and at the end. `keras.RematScope(mode=
"full")` around the building of the networks lets gradients compute again what they need instead of
keeping it. Networks are narrow; sizes and layers are those of the paper at half its resolution.

    KERAS_SIMGAN_DATA=... OMP_NUM_THREADS=1 python benchmarks/pix2pixhd_memory.py --backends torch

Writes benchmarks/results/pix2pixhd_memory.md.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
SIZES = {"global": (256, 512), "enhancer": (512, 1024), "both": (512, 1024)}
CLASSES, STEPS = 35, 3
CONCLUSION = """`RematScope` around all of it does not pay. On torch it takes nearly twice the time
and saves nothing: probably since the network as a whole is a layer too, so that all of it is
computed again at once and kept after all. On TensorFlow it cannot train: `tf.recompute_grad`
takes no keyword arguments in a graph, and Keras passes `training` as one. On JAX it costs little
and saves nothing.
"""


def peak() -> float:
    """The largest resident set of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(stage: str, remat: bool, filters: int) -> dict:
    """Trains one stage in this process: MiB before and at the end, seconds a step, losses."""
    import keras

    from keras_simgan import data, models, networks

    folder = Path(os.environ["KERAS_SIMGAN_DATA"]) / "cityscapes_sample"
    train = data.paired(
        folder / "train_label",
        folder / "train_img",
        SIZES[stage],
        match=r"\w+_\d+_\d+",
        classes=CLASSES,
        instances=folder / "train_inst",
        flip=True,
        steps_per_epoch=1,
    )
    source, target = train[0]
    before = peak()
    keras.utils.set_random_seed(0)
    scope = keras.RematScope(mode="full") if remat else contextlib.nullcontext()
    with scope:
        coarse = networks.ResNetGenerator(
            (None, None, source.shape[-1]), filters, output_channels=3, downsamplings=4
        )
        model = models.Pix2PixHD(
            networks.LocalEnhancer(coarse, stage=stage),
            networks.MultiScaleDiscriminator(
                (None, None, source.shape[-1] + target.shape[-1]), filters, scales=2
            ),
        )
    model.start_stage(stage)
    model.compile()
    losses, clocks = [], []
    for _ in range(STEPS):
        clock = time.process_time()
        losses.append(model.fit(train, verbose=0).history["loss"][0])
        clocks.append(time.process_time() - clock)
    parameters = sum(each.count_params() for each in (model.generator, model.discriminator))
    return {
        "before": before,
        "peak": peak(),
        "seconds": min(clocks),
        "losses": losses,
        "parameters": parameters,
        "keras": keras.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", nargs="+", default=["tensorflow", "jax", "torch"])
    parser.add_argument("--filters", type=int, default=16, help="of G1 and of D; the paper has 64")
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        stage, remat = options.worker
        print(json.dumps(measure(stage, remat == "remat", options.filters)))
        return
    rows, answer = [], {}
    for backend in options.backends:
        for stage, size in SIZES.items():
            for remat in ("plain", "remat"):
                done = subprocess.run(
                    [sys.executable, __file__, "--filters", str(options.filters)]
                    + ["--worker", stage, remat],
                    env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                    stdout=subprocess.PIPE,
                    text=True,
                )
                if done.returncode:  # its error has been shown
                    rows.append(
                        f"| {backend} | {stage} | {size[1]}x{size[0]} | {remat} | fails | | | |"
                    )
                    print(rows[-1], flush=True)
                    continue
                answer = json.loads(done.stdout.splitlines()[-1])
                losses = ", ".join(f"{loss:.2f}" for loss in answer["losses"])
                rows.append(
                    f"| {backend} | {stage} | {size[1]}x{size[0]} | {remat} | "
                    f"{answer['peak'] - answer['before']:.0f} | {answer['peak']:.0f} | "
                    f"{answer['seconds']:.1f} | {losses} |"
                )
                print(rows[-1], flush=True)
    text = f"""# Memory of pix2pixHD's stages

`LocalEnhancer` around a `ResNetGenerator` of {options.filters} filters, 4 downsamplings and 9
blocks, discriminators of {options.filters} filters at 2 scales, {answer["parameters"]:,}
parameters together, float32, batch 1 of Cityscapes with instance boundaries. `remat`: networks
built within `keras.RematScope(mode="full")`. Memory is what the process held at most above what it
held before the networks were built, and in all; seconds are CPU time of the fastest of {STEPS}
steps.

| backend | stage | images | built | above, MiB | in all, MiB | s/step | loss of each step |
| --- | --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(rows)}

Command: `python benchmarks/pix2pixhd_memory.py --filters {options.filters} --backends \
{" ".join(options.backends)}`. Keras {answer["keras"]}, Python {platform.python_version()},
{platform.machine()} CPU, {len(os.sched_getaffinity(0))} cores.

{CONCLUSION}"""
    (RESULTS / "pix2pixhd_memory.md").write_text(text)


if __name__ == "__main__":
    main()
