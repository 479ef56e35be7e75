"""Colour eyes of 128x128 pixels, real and synthetic, and gaze estimators that read them.

What GazeGAN's benchmarks share. Real eyes are photos of KERAS_SIMGAN_DATA/eyes, without labels.
Synthetic ones have labels and come from `data.EyeRenderer` or are path-traced; the renderer's are
framed as the photos are: eyes about 105 pixels wide, somewhat below the middle, so that the
discriminator has no reason to ask for other places, sizes or gazes.

    KERAS_SIMGAN_DATA=... python benchmarks/colour_eyes.py --estimator runs/gaze_estimator.keras

trains and saves the estimator that GazeGAN keeps frozen; about 5 minutes on one core.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import cv2
import keras
import numpy as np

from keras_simgan import networks
from keras_simgan.data import EyeRenderer, pitch_yaw_to_vector, to_unit, vector_to_pitch_yaw
from keras_simgan.metrics.angular_error import angular_error

SIZE = 128
TRAINING, TESTING, JUDGING = 0, 1, 2  # the people who are looked at
FIELDS_OF_VIEW = (33.0, 36.0, 39.0)  # millimetres that 128 pixels span
GAZE = {"gaze_mean": (-2.0, 0.0), "gaze_std": (8.0, 12.0)}
HEAD = {"head_mean": (-5.0, 0.0), "head_std": (8.0, 12.0)}
FILTERS = (16, 24, 32, 48, 64)
BATCH = 32
JUDGE_SEED = 7


def data_folder() -> Path:
    """KERAS_SIMGAN_DATA/eyes, or an end with the reason."""
    folder = Path(os.environ.get("KERAS_SIMGAN_DATA", "")) / "eyes"
    if "KERAS_SIMGAN_DATA" not in os.environ or not folder.is_dir():
        sys.exit(
            "This needs real eyes that do not come with the project: set KERAS_SIMGAN_DATA to a "
            "folder with eyes/real_colour_128x160.npz."
        )
    return folder


def real_colour_eyes() -> np.ndarray:
    """The middle of each real photo: uint8 (505, 128, 128, 3)."""
    with np.load(data_folder() / "real_colour_128x160.npz") as file:
        return _middle(file["images"])


def synthetic_colour_eyes(
    source: str, count: int, people: int = TRAINING
) -> tuple[np.ndarray, np.ndarray]:
    """Labelled synthetic eyes: uint8 (n, 128, 128, 3) and gaze (n, 2), pitch and yaw in radians.

    `people` is `TRAINING` (GAN and its estimator), `TESTING` or `JUDGING` (the estimator that
    measures the GAN); no person is in two of them. `"path_traced"` has fewer open eyes than one may
    ask for, and gives what there is: 304, 126 and 189.
    """
    if source == "path_traced":
        with np.load(data_folder() / "path_traced_colour_128x160.npz") as file:
            group = np.digitize(file["skin"], (10, 14))
            rows = np.flatnonzero((file["aperture"] > 9) & (group == people))[:count]
            return _middle(file["images"][rows]), file["gaze"][rows]
    images, gaze = np.empty((count, SIZE, SIZE, 3), "uint8"), np.empty((count, 2), "float32")
    height, width = 208, 160
    renderers = [
        EyeRenderer((height, width), 3, people, field_of_view=field * width / SIZE, **GAZE, **HEAD)
        for field in FIELDS_OF_VIEW
    ]
    for index in range(count):
        image, labels = renderers[index % len(renderers)].render(1, start=index)
        # Photos are cut by hand or by a detector: the eye is not quite in one place.
        across, down = np.random.default_rng((people, index)).normal((0, 26), (6, 8))
        left = int(np.clip(16 - across, 0, width - SIZE))
        top = int(np.clip(40 - down, 0, height - SIZE))
        images[index] = image[0, top : top + SIZE, left : left + SIZE]
        gaze[index] = labels["gaze"][0]
    return images, gaze


def _middle(images: np.ndarray) -> np.ndarray:
    left = (images.shape[2] - SIZE) // 2
    return np.ascontiguousarray(images[:, :, left : left + SIZE])


def augment(images: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """Random gamma, exposure, contrast, hue, blur, noise, shift and size; uint8 in and out.

    None of them changes the gaze. Below strength 1 nothing moves either, as if another camera had
    taken the same picture.
    """
    out = np.empty_like(images)
    moves = strength >= 1.0
    for index, image in enumerate(images):
        x = image.astype("float32") / 255
        zoom = 1 + 0.06 * moves * rng.uniform(-1, 1)
        shift = (1 - zoom) * 63.5 + 5 * moves * rng.uniform(-1, 1, 2)
        x = cv2.warpAffine(
            x,
            np.float32([[zoom, 0, shift[0]], [0, zoom, shift[1]]]),
            (SIZE, SIZE),
            borderMode=cv2.BORDER_REPLICATE,
        )
        x = cv2.GaussianBlur(x, (0, 0), 0.1 + 2.4 * strength * rng.uniform() ** 2)
        gray = x.mean(-1, keepdims=True)
        x = gray + (x - gray) * (1 + strength * rng.uniform(-1, 0.6))
        x *= np.exp(0.25 * strength * rng.normal(size=3)).astype("float32")
        x = np.maximum(x, 0) ** np.float32(np.exp(0.7 * strength * rng.uniform(-1, 1)))
        x *= np.float32(1 + strength * rng.uniform(-0.5, 0.25))
        x += np.float32(0.07 * strength * rng.uniform() ** 2) * rng.standard_normal(
            x.shape, dtype=np.float32
        )
        out[index] = (x.clip(0, 1) * 255).astype("uint8")
    return out


def train_estimator(
    images: np.ndarray,
    gaze: np.ndarray,
    seed: int = 0,
    filters: tuple[int, ...] = FILTERS,
    dense_units: int = 128,
    epochs: int = 24,
    estimator: keras.Model | None = None,
) -> keras.Model:
    """Trains a gaze estimator on strongly augmented eyes, so that it reads translated ones too.

    Args:
        images: uint8 (n, 128, 128, 3).
        gaze: Pitch and yaw in radians (n, 2).
        seed: Of the weights, the order and the augmentation.
        filters: Filters of the convolutions of `networks.GazeEstimator`.
        dense_units: Its hidden units.
        epochs: Passes over the images.
        estimator: Another network to train in its place, with the same input and output.

    Returns:
        The network: images in [-1, 1] to unit vectors in `data.pitch_yaw_to_vector`'s convention.
    """
    keras.utils.set_random_seed(seed)
    if estimator is None:
        estimator = networks.GazeEstimator(
            (SIZE, SIZE, 3), filters, dense_units, pooling=4, name="gaze_estimator"
        )
    steps = epochs * -(-len(images) // BATCH)
    warmup = max(1, steps // 20)
    schedule = keras.optimizers.schedules.CosineDecay(
        1e-5, steps - warmup, warmup_target=2e-3, warmup_steps=warmup
    )
    estimator.compile(keras.optimizers.Adam(schedule), "mse")
    vectors = pitch_yaw_to_vector(gaze).astype("float32")
    for epoch in range(epochs):
        shown = to_unit(augment(images, np.random.default_rng((seed, epoch))))
        history = estimator.fit(shown, vectors, batch_size=BATCH, epochs=1, verbose=0).history
        print(f"epoch {epoch + 1} of {epochs}: mse {history['loss'][0]:.5f}", flush=True)
    return estimator


def train_judge(count: int, epochs: int = 24) -> keras.Model:
    """An estimator with nothing in common with `train_estimator`'s: network, seed nor people."""
    keras.utils.set_random_seed(JUDGE_SEED)
    rendered = synthetic_colour_eyes("renderer", count, JUDGING)
    # There are few path-traced eyes: four times each, they are a ninth of all at 6,000.
    traced = [
        np.repeat(part, 4, axis=0) for part in synthetic_colour_eyes("path_traced", 1000, JUDGING)
    ]
    images, gaze = (np.concatenate(parts) for parts in zip(rendered, traced, strict=True))
    return train_estimator(images, gaze, JUDGE_SEED, epochs=epochs, estimator=_judge_network())


def _judge_network() -> keras.Model:
    """A strided network that sees pixels relative to their own image's mean and deviation."""
    inputs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.LayerNormalization(axis=(1, 2, 3), center=False, scale=False)(inputs)
    x = keras.layers.AveragePooling2D(2)(x)
    for filters, kernel, stride in ((24, 5, 2), (32, 3, 1), (48, 3, 2), (64, 3, 1), (64, 3, 2)):
        x = keras.layers.Conv2D(
            filters, kernel, stride, "same", activation="relu", kernel_initializer="he_normal"
        )(x)
    x = keras.layers.Dense(128, activation="relu", kernel_initializer="he_normal")(
        keras.layers.Flatten()(x)
    )
    return keras.Model(
        inputs, keras.layers.UnitNormalization()(keras.layers.Dense(3)(x)), name="judge"
    )


def read_gaze(estimator: keras.Model, images: np.ndarray) -> np.ndarray:
    """Pitch and yaw in radians (n, 2) of uint8 or [-1, 1] images."""
    return vector_to_pitch_yaw(estimator.predict(to_unit(images), batch_size=BATCH, verbose=0))


def degrees_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Angles between gazes given as pitch and yaw, in degrees, one an eye."""
    return keras.ops.convert_to_numpy(angular_error(one, other))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--estimator", type=Path, required=True, help=".keras file to write")
    parser.add_argument("--source", choices=("renderer", "path_traced"), default="renderer")
    parser.add_argument("--count", type=int, default=6000, help="eyes to train on")
    parser.add_argument("--epochs", type=int, default=24)
    options = parser.parse_args()
    if options.estimator.exists():
        sys.exit(f"{options.estimator} exists already; delete it or name another file.")
    started = time.time()
    train = synthetic_colour_eyes(options.source, options.count)
    print(f"{len(train[0])} eyes after {time.time() - started:.0f} s", flush=True)
    estimator = train_estimator(*train, epochs=options.epochs)
    options.estimator.parent.mkdir(parents=True, exist_ok=True)
    estimator.save(options.estimator)
    images, gaze = synthetic_colour_eyes(options.source, 500, TESTING)
    mean = np.broadcast_to(train[1].mean(0), gaze.shape)
    for name, shown in (
        ("as rendered", images),
        ("strongly augmented", augment(images, np.random.default_rng(0))),
    ):
        error = degrees_between(read_gaze(estimator, shown), gaze)
        print(f"held-out eyes {name}: {error.mean():.2f} degrees, median {np.median(error):.2f}")
    print(f"always the mean gaze: {degrees_between(mean, gaze).mean():.2f} degrees")
    print(f"{estimator.count_params():,} parameters, {time.time() - started:.0f} s")


if __name__ == "__main__":
    main()
