"""From two folders to a refined data set: SimGAN on images of your own.

    python examples/simgan_folders.py [--out simgan_folders]

Takes about two minutes on two CPU cores and needs no data. Two folders are made first: `synthetic/`
with rendered eyes and `labels.json`, the gaze of each; and `photos/`, which stands in for yours:
eyes of other people, seen through a dull, blurred, slightly noisy camera, without labels. Then:

1. `data.unpaired` reads both folders and pairs them at random.
2. `SimGAN.fit` trains a small refiner. `samples/epoch_0001.png` and so on show it learn: synthetic
   eyes, the same refined, photos. Interrupted, the same command goes on at the last epoch.
3. `refine_dataset` writes `refined/`: the same names, the same labels.

The last lines are like these (the numbers differ a little between backends). Refined eyes have
moved from the synthetic folder's looks to those of the photos, and their labels are the originals':

    640 images refined, 0 files finished before
    synthetic: brightness 128.8  contrast  73.9  edges  10.0
      refined: brightness 113.8  contrast  46.9  edges   5.0
       photos: brightness 106.8  contrast  42.5  edges   5.3
    labels kept: True. Look at simgan_folders/samples/epoch_0008.png

For your own data, leave out `make_folders` and name your folders in `main`. Real photos need the
full-size refiner, `networks.Refiner(image_shape)`, and some thousands of steps: `keras-simgan train
simgan` is the same training as a command.
"""

import argparse
from pathlib import Path

import cv2
import keras
import numpy as np

from keras_simgan import callbacks, data, losses, models, networks
from keras_simgan.refinement import refine_dataset

IMAGE_SIZE = (36, 60)


def make_folders(synthetic: Path, photos: Path, count: int) -> None:
    images, labels = data.EyeRenderer(IMAGE_SIZE, seed=0).render(count)
    data.write_folder(synthetic, images, {"gaze": labels["gaze"]})
    images, _ = data.EyeRenderer(IMAGE_SIZE, seed=1).render(count)
    noise = np.random.default_rng(0).normal(0.0, 3.0, images.shape)
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 1.0)[..., None] for image in images])
    data.write_folder(photos, np.clip(0.6 * blurred + 30 + noise, 0, 255).astype("uint8"))


def describe(folder: Path) -> str:
    images = np.stack([data.read_image(folder / name) for name in data.list_images(folder)])
    edges = np.abs(np.diff(images.astype("float32"), axis=2)).mean()
    return f"brightness {images.mean():5.1f}  contrast {images.std():5.1f}  edges {edges:5.1f}"


def main(out: Path, count: int = 640, epochs: int = 8, steps_per_epoch: int = 60) -> None:
    synthetic, photos, refined = out / "synthetic", out / "photos", out / "refined"
    if not (photos / "000000.png").exists():
        print(f"Making {synthetic} and {photos}, {count} images each")
        make_folders(synthetic, photos, count)

    train = data.unpaired(
        synthetic, photos, IMAGE_SIZE, batch_size=16, seed=0, steps_per_epoch=steps_per_epoch
    )
    keras.utils.set_random_seed(0)
    model = models.SimGAN(
        networks.Refiner(train.image_shape, filters=16, blocks=2),
        networks.RefinerDiscriminator(train.image_shape),
        self_regularization=losses.SelfRegularization(weight=3.0),
        history_size=512,
        refiner_turns=1,
        refiner_warmup=20,
        discriminator_warmup=20,
    )
    model.compile(keras.optimizers.Adam(5e-4, beta_1=0.5), keras.optimizers.Adam(5e-4, beta_1=0.5))
    rows = np.arange(8)
    model.fit(
        train,
        epochs=epochs,
        verbose=2,
        callbacks=[
            callbacks.Backup(out / "backup"),
            callbacks.ImageGrid(out / "samples", train.source[rows], train.target[rows]),
        ],
    )
    model.save_to_preset(out / "preset", overwrite=True)

    report = refine_dataset(model, synthetic, refined)
    print(f"{report.refined} images refined, {report.finished_before} files finished before")
    for folder in (synthetic, refined, photos):
        print(f"{folder.name:>9}: {describe(folder)}")
    names, before = data.read_folder(synthetic)
    refined_names, after = data.read_folder(refined)
    same = names == refined_names and np.array_equal(before["gaze"], after["gaze"])
    print(f"labels kept: {same}. Look at {out / 'samples' / f'epoch_{epochs:04d}.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("simgan_folders"))
    main(parser.parse_args().out)
