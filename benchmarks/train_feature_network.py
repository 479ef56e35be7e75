"""Trains the feature network of the preset `features_small`, without any photo.

Images are drawn (`drawn_images.py`). Each is cut twice, flipped, a little recoloured; the two views
belong together, all other images of the batch do not (SimCLR, Chen et al. 2020, normalized
temperature-scaled cross entropy). Degradations must not be lost, as in augmentations they would be:
both views are degraded alike, and each image is in the batch twice, with two different
degradations, that do not belong together. A second head tells how strong blur, noise, gamma,
contrast, saturation and checkerboard are. Both heads are dropped afterwards. Run again, it goes on
where it stopped.

    KERAS_SIMGAN_DATA=... python benchmarks/train_feature_network.py --out runs/features

It writes the preset to `OUT/preset`; `measure_features.py` says what the features are worth.
"""

import argparse
import shlex
import sys
import time
from pathlib import Path

import cv2
import keras
import numpy as np
from drawn_images import DEGRADATIONS, degradations, degrade, pool
from keras import layers, ops

from keras_simgan import callbacks, networks, presets

SIZE = 48
STEPS = 100


class Views(keras.utils.PyDataset):
    """Batches of views, and how they are degraded, each from seed, epoch and index alone."""

    def __init__(self, images: np.ndarray, sources: int, steps: int, seed: int):
        super().__init__()
        self.images, self.sources, self.steps, self.seed = images, sources, steps, seed
        self.epoch = 0

    def __len__(self):  # noqa: D105
        return self.steps

    def __getitem__(self, index):  # noqa: D105
        draw = np.random.default_rng((self.seed, self.epoch, index))
        chosen = draw.choice(len(self.images), self.sources, replace=False)
        strengths = [degradations(draw) for _ in range(2 * self.sources)]
        sides = draw.integers(SIZE * 5 // 6, self.images.shape[1] * 5 // 6, self.sources)
        views = [
            degrade(_view(self.images[source], side, draw), strengths[2 * row + copy], draw)
            for _ in range(2)
            for row, (source, side) in enumerate(zip(chosen, sides, strict=True))
            for copy in range(2)
        ]
        views = np.stack(views) * 2 - 1
        # The loss of the views compares them with each other: there is nothing to compare with.
        nothing = np.zeros((len(views), 1), "float32")
        return views, {"projection": nothing, "degradation": np.stack(strengths * 2)}


def _view(image: np.ndarray, side: int, draw: np.random.Generator) -> np.ndarray:
    """A square of about this side, flipped or not, in slightly other light, in [0, 1]."""
    side = min(int(side * draw.uniform(0.85, 1.15)), len(image))
    top, left = draw.integers(0, len(image) - side + 1, 2)
    view = image[top : top + side, left : left + side]
    view = cv2.resize(view, (SIZE, SIZE), interpolation=cv2.INTER_AREA) / np.float32(255)
    if draw.random() < 0.5:
        view = view[:, ::-1]
    gain = draw.uniform(0.96, 1.04) * draw.uniform(0.97, 1.03, 3)
    return np.clip(view * gain + draw.uniform(-0.03, 0.03), 0, 1).astype("float32")


def contrast_views(_, projection, temperature: float = 0.2):
    """Cross entropy of finding each view's other view among all others of the batch."""
    unit = ops.normalize(ops.cast(projection, "float32"), axis=-1)
    count = ops.shape(unit)[0]
    rows = ops.arange(count)
    likeness = ops.matmul(unit, ops.transpose(unit)) / temperature
    likeness = likeness - 1e9 * ops.eye(count)
    other = ops.mod(rows + count // 2, count)
    return keras.losses.sparse_categorical_crossentropy(other, likeness, from_logits=True)


def with_heads(network: keras.Model) -> keras.Model:
    """The network with the two heads that it is trained through."""
    images = keras.Input((SIZE, SIZE, 3))
    features = network(images)
    hidden = layers.Dense(256, "relu")(features)
    degradation = layers.Dense(128, "relu")(features)
    return keras.Model(
        images,
        {
            "projection": layers.Dense(64, name="projection")(hidden),
            "degradation": layers.Dense(len(DEGRADATIONS), name="degradation")(degradation),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=6000, help="how many are drawn")
    parser.add_argument("--sources", type=int, default=64, help="images of a step; views: 4 times")
    parser.add_argument("--epochs", type=int, default=7, help=f"of {STEPS} steps")
    parser.add_argument(
        "--decay-epochs",
        type=int,
        default=24,
        help="the learning rate falls by a cosine to 0 over these; fewer epochs stop above 0",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    drawn = options.out / f"images_{options.images}_{options.seed}.npy"
    if not drawn.exists():
        np.save(drawn, pool(options.images, options.seed))
    views = Views(np.load(drawn), options.sources, STEPS, options.seed)
    keras.utils.set_random_seed(options.seed)
    network = networks.FeatureNetwork(name="features_small")
    model = with_heads(network)
    steps = STEPS * options.decay_epochs
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, steps, warmup_target=2e-3, warmup_steps=STEPS
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4),
        loss={"projection": contrast_views, "degradation": "mse"},
        loss_weights={"projection": 1.0, "degradation": 4.0},
        jit_compile=False,
    )
    begun = time.time()
    model.fit(
        views,
        epochs=options.epochs,
        verbose=2,
        shuffle=False,
        callbacks=[
            callbacks.Backup(options.out / "backup"),
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: setattr(views, "epoch", epoch)
            ),
            keras.callbacks.CSVLogger(str(options.out / "log.csv"), append=True),
        ],
    )
    views.epoch = options.epochs  # views that no step has seen
    losses = model.evaluate(views, steps=5, verbose=0, return_dict=True)
    print(f"{(time.time() - begun) / 60:.1f} minutes, {options.epochs} epochs in all: {losses}")
    presets.save(
        network,
        options.out / "preset",
        dtype="float16",
        overwrite=True,
        description="Features of images of any size, to compare sets of images by; no photos used.",
        license="Apache-2.0",
        scores={
            "New views of the training images": {
                "contrastive loss": round(float(losses["projection_loss"]), 4),
                "mean squared error of the degradations": round(
                    float(losses["degradation_loss"]), 4
                ),
            }
        },
        command=shlex.join(["python", *sys.argv]),
    )


if __name__ == "__main__":
    main()
