"""Pairs of facades at 128x128, in the order and crops in which all trainings see them.

CMP Facades (Tylecek and Sara 2013) as pix2pix has them: KERAS_SIMGAN_DATA/facades/train holds 1.jpg
to 400.jpg, photo left, label colours right. Pairs 1 to 350 are for training, 351 to 400 for
validation. As in pix2pix, an image is loaded larger (143x143; with the authors 286x286), cropped at
random and mirrored in half of all cases.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SIZE, LOADED = 128, 143
TRAIN, LAST = 350, 400


def facades_folder() -> Path:
    """KERAS_SIMGAN_DATA/facades/train, or an end with the reason."""
    folder = Path(os.environ.get("KERAS_SIMGAN_DATA", "")) / "facades" / "train"
    if "KERAS_SIMGAN_DATA" not in os.environ or not folder.is_dir():
        sys.exit(
            "This needs pairs that do not come with the project: set KERAS_SIMGAN_DATA to a folder "
            "with facades/train/1.jpg to 400.jpg, photo left, label colours right."
        )
    return folder


def load_pairs(part: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Label colours and photos, resized with Pillow's antialiasing bicubic filter.

    Args:
        part: `"train"`, pairs 1 to 350, or `"validation"`, pairs 351 to 400.
        size: Height and width.

    Returns:
        Label colours and photos, both uint8, shape `(n, size, size, 3)`.
    """
    numbers = {"train": range(1, TRAIN + 1), "validation": range(TRAIN + 1, LAST + 1)}[part]
    labels, photos = [], []
    for number in numbers:
        with Image.open(facades_folder() / f"{number}.jpg") as file:
            pair = file.convert("RGB")
        middle = pair.width // 2
        for images, left in ((photos, 0), (labels, middle)):
            half = pair.crop((left, 0, left + middle, pair.height))
            images.append(np.asarray(half.resize((size, size), Image.Resampling.BICUBIC)))
    return np.stack(labels), np.stack(photos)


def scaled(images: np.ndarray) -> np.ndarray:
    """uint8 to float32 in [-1, 1]."""
    return images.astype("float32") / 127.5 - 1.0


def shown(
    pairs: tuple[np.ndarray, np.ndarray], seed: int, epoch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of one pair, in [-1, 1], shape `(1, 128, 128, 3)`: each pair once an epoch.

    Args:
        pairs: Label colours and photos, uint8, shape `(n, 143, 143, 3)`.
        seed: With `epoch`, decides on order, crops and mirrors.
        epoch: From 0.
    """
    rng = np.random.default_rng((seed, epoch))
    for index in rng.permutation(len(pairs[0])):
        top, left = rng.integers(LOADED - SIZE + 1, size=2)
        step = 1 if rng.random() < 0.5 else -1
        source, target = (
            scaled(half[index, top : top + SIZE, left : left + SIZE][None, :, ::step])
            for half in pairs
        )
        yield source, target
