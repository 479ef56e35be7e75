"""pix2pix: from pairs to a generator that makes one half of the other, and fast copies of GANs.

    python examples/pix2pix_pairs.py --pairs facades/train --side-by-side source_right
    python examples/pix2pix_pairs.py --pairs maps/ --target photos/ --classes 12
    python examples/pix2pix_pairs.py --teacher gazegan_eyes_128 [--pairs RENDERS]

1. The pairs are read: images that hold both halves, or two folders of the same names. With
   `--classes` the source is label maps of that many class indices.
2. `Pix2Pix.fit` trains on all but the last tenth. `samples/` shows sources, what is made of them
   and what it should be, epoch by epoch. Interrupted, the same command goes on at the last epoch.
3. What it makes of the last tenth is compared with the targets: mean difference in levels of 0 to
   255, PSNR, SSIM, beside those of the mean target, which knows nothing of the source.
4. `preset/` is what `keras-simgan refine` takes.

With `--teacher`, a preset that translates well and slowly, the targets are what it makes of the
sources (1,200 rendered eyes without --pairs): distillation. The student here is a U-Net of 16
filters, and the last lines say how much faster it is.

128x128, U-Net of 32 filters, 30 epochs: about 40 minutes of one CPU core for 350 facades.
benchmarks/results/facades.md has what to expect of it, benchmarks/results/distil_eyes.md of the
students.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np

from keras_simgan import callbacks, data, metrics, models, networks, schedules
from keras_simgan.refinement import refine_dataset


def stacked(pairs: data.PairedDataset) -> tuple[np.ndarray, np.ndarray]:
    """All sources and targets in order."""
    batches = [pairs[index] for index in range(len(pairs))]
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def teach(teacher: str, renders: Path | None, out: Path, count: int) -> tuple[Path, Path]:
    """The folders of the renders and of what a preset makes of them."""
    if renders is None:
        renders = out / "renders"
        if not (renders / "labels.json").exists():
            images, labels = data.EyeRenderer((128, 128), channels=3, seed=0).render(count)
            data.write_folder(renders, images, {"gaze": labels["gaze"]})
    refine_dataset(teacher, renders, out / "taught")
    return renders, out / "taught"


def build(pairs: data.PairedDataset, filters: int, taught: bool) -> models.Pix2Pix:
    *size, channels = pairs.source_shape
    output_channels = pairs.image_shape[-1]
    depth = min(4 if taught else 8, int(np.log2(min(size))))
    # What a teacher makes of an image is no matter of chance, and keeps the image's own colours.
    look = {"normalization": None, "dropout": 0.0} if taught else {}
    keras.utils.set_random_seed(0)
    return models.Pix2Pix(
        networks.UNetGenerator(pairs.source_shape, filters, depth, output_channels, **look),
        networks.PatchDiscriminator(
            (*size, channels + output_channels),
            filters,
            layers=3 if min(size) >= 64 else 1,  # patches of 70 pixels, or of 16
            normalization=None if taught else "batch",
        ),
    )


def compare(made: np.ndarray, targets: np.ndarray) -> str:
    made = np.clip(made, -1, 1)
    levels = 127.5 * np.abs(made - targets).mean()
    decibels = metrics.peak_signal_to_noise(made, targets).mean()
    alike = metrics.structural_similarity(made, targets).mean()
    return f"{levels:.1f} levels, PSNR {decibels:.2f} dB, SSIM {alike:.3f}"


def milliseconds(network: keras.Model, images: np.ndarray) -> float:
    times = []
    for _ in range(4):
        start = time.perf_counter()
        network.predict_on_batch(images)
        times.append(time.perf_counter() - start)
    return 1000 * min(times) / len(images)


def main(
    pairs: Path | None,
    out: Path,
    target: Path | None = None,
    side_by_side: str | None = None,
    classes: int | None = None,
    teacher: str | None = None,
    size: int = 128,
    filters: int | None = None,
    epochs: int = 30,
    batch_size: int | None = None,
    count: int = 1200,
) -> str:
    source, taught = pairs, teacher is not None
    if taught:
        source, target = teach(teacher, pairs, out, count)
    jitter = (size, size) if taught else (size * 143 // 128,) * 2  # 286 for 256 in the paper
    whole = data.paired(
        source,
        target,
        jitter,
        batch_size=batch_size or (8 if taught else 1),
        side_by_side=side_by_side,
        classes=classes,
        crop_size=(size, size),
        flip=True,
    )
    train, validation = whole.hold_out(max(1, len(whole.pairs) // 10))
    model = build(train, filters or (16 if taught else 32), taught)
    half = epochs * len(train) // 2
    model.compile(
        *(
            keras.optimizers.Adam(
                schedules.LinearDecay(2e-4, half, epochs * len(train) - half),
                beta_1=0.5,
                epsilon=1e-8,
            )
            for _ in range(2)
        )
    )
    sources, targets = stacked(validation)
    # Label maps are shown as grays.
    grays = np.linspace(-1, 1, classes or 1, dtype="float32")
    shown = sources[:8] @ grays[:, None] if classes else None
    model.fit(
        train,
        epochs=epochs,
        verbose=2,
        callbacks=[
            callbacks.Backup(out / "backup"),
            callbacks.ImageGrid(out / "samples", sources[:8], targets[:8], shown=shown),
        ],
    )
    label_maps = {"classes": classes, "colours": None, "ignore": None, "instances": False}
    described = {"label_maps": label_maps} if classes else {}
    model.save_to_preset(out / "preset", overwrite=True, **described)
    mean = np.mean([batch[1].mean(0) for batch in (train[i] for i in range(len(train)))], axis=0)
    result = compare(model.translate(sources), targets)
    print(f"the mean target: {compare(np.broadcast_to(mean, targets.shape), targets)}")
    print(f"this model: {result}")
    if taught:
        slow = models.GAN.from_preset(teacher, direction="source_to_target")
        before, after = (milliseconds(each, sources[:16]) for each in (slow, model.generator))
        print(f"{after:.1f} ms an image where the teacher takes {before:.1f}")
    print(f"Look at {out / 'samples' / f'epoch_{epochs:04d}.png'}")
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, help="folder of sources, or of both halves")
    parser.add_argument("--target", type=Path, help="folder of targets")
    parser.add_argument("--side-by-side", choices=("source_left", "source_right"))
    parser.add_argument("--classes", type=int, help="of label maps")
    parser.add_argument("--teacher", help="preset or folder whose translations are the targets")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--filters", type=int)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--out", type=Path, default=Path("runs/pix2pix_pairs"))
    options = parser.parse_args()
    if options.pairs is None and options.teacher is None:
        parser.error("give --pairs, or --teacher to make them")
    main(**vars(options))
