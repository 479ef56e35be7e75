"""The digit domains, two ways to augment them, and a classifier: for benchmarks and examples.

Source digits are MNIST's, with labels; target digits are MNIST-M's (on photographs, in colour) or
USPS's (envelopes, gray). Images are uint8, shape `(n, 32, 32, channels)`, three channels with
MNIST-M and one with USPS. KERAS_SIMGAN_DATA/digits holds `mnist.npz` (Keras' file),
`mnist_m_train.npz` and `usps_train.npz` (`x`, `y`).

MNIST-M's image i is built on MNIST's test digit i, so sources come from MNIST's training digits
only. How it was built can be measured there: the edges of MNIST-M's images correlate 0.81 with
those of the digits padded by two pixels and cut off above 0, and at most 0.38 with those of the
digits resized to 32x32, cut off or not. So the source is padded. Of USPS nothing is known but its
images, 16x16 with digits that fill the frame, so with USPS both domains are resized to 32x32.
"""

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers

from keras_simgan.data import to_unit

CHANNELS = {"mnist_m": 3, "usps": 1}
TEST, VALIDATION = 2000, 1000
BATCH = 64
STEPS = 1500


def data_folder() -> Path:
    """KERAS_SIMGAN_DATA/digits, or an end with the reason."""
    folder = Path(os.environ.get("KERAS_SIMGAN_DATA", "")) / "digits"
    if "KERAS_SIMGAN_DATA" not in os.environ or not folder.is_dir():
        sys.exit(
            "This needs digits that do not come with the project: set KERAS_SIMGAN_DATA to a "
            "folder with digits/mnist.npz, digits/mnist_m_train.npz and digits/usps_train.npz."
        )
    return folder


def source_digits(target: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first MNIST training digits, in the frame and with the channels of a target.

    Args:
        target: `"mnist_m"` (padded from 28x28 to 32x32, three equal channels) or `"usps"` (resized,
            one channel).
        count: How many, at most 60,000.

    Returns:
        Images, uint8, shape `(count, 32, 32, channels)`, and labels, shape `(count,)`.
    """
    with np.load(data_folder() / "mnist.npz") as file:
        images, labels = file["x_train"][:count], file["y_train"][:count]
    if target == "mnist_m":
        images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    else:
        images = np.stack([cv2.resize(image, (32, 32)) for image in images])
    return np.repeat(images[..., None], CHANNELS[target], axis=-1), labels


@functools.cache
def target_digits(target: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    """One part of a target domain. Parts are by position, so nothing in them is a choice.

    Args:
        target: `"mnist_m"` or `"usps"`.
        part: `"test"`, the last 2,000 images, for the final number only; `"validation"`, the 1,000
            before, to choose checkpoints and weights by; `"train"`, what comes first, whose labels
            are for the ceiling only.

    Returns:
        Images, uint8, shape `(n, 32, 32, channels)`, and labels, shape `(n,)`.
    """
    with np.load(data_folder() / f"{target}_train.npz") as file:
        images, labels = file["x"], file["y"]
    end = len(images) - TEST
    rows = {
        "train": slice(0, end - VALIDATION),
        "validation": slice(end - VALIDATION, end),
        "test": slice(end, None),
    }[part]
    images = images[rows]
    if target == "usps":
        images = np.stack([cv2.resize(image, (32, 32))[..., None] for image in images])
    return images, labels[rows]


def _affine(image, rng, scale: float, border: int) -> np.ndarray:
    """Up to 10 degrees, 2 pixels, a shear of 0.15, and each axis scaled by 1/scale to scale."""
    turn = np.radians(rng.uniform(-10, 10))
    cos, sin = np.cos(turn), np.sin(turn)
    shear = np.array([[1, rng.uniform(-0.15, 0.15)], [0, 1]])
    stretch = np.diag(scale ** rng.uniform(-1, 1, 2))
    linear = np.array([[cos, -sin], [sin, cos]]) @ shear @ stretch
    centre = (np.array(image.shape[1::-1]) - 1) / 2
    shift = centre - linear @ centre + rng.uniform(-2, 2, 2)
    matrix = np.column_stack([linear, shift]).astype("float32")
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=border)


def augment_colour(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What one does for MNIST-M without a GAN: random geometry, colours, noise, blur and gamma.

    Each channel's black and white become two random levels, so that ink and paper get random
    colours and either may be the brighter one; half of all images are inverted besides. The noise
    has a random strength and a random grain of 1, 2, 4 or 8 pixels.

    Args:
        images: uint8, shape `(n, height, width, 3)`.
        rng: Where the randomness comes from.

    Returns:
        Other images of the same shape and type.
    """
    out = np.empty_like(images)
    height, width = images.shape[1:3]
    for index, image in enumerate(images):
        x = _affine(image / np.float32(255), rng, 1.15, cv2.BORDER_REPLICATE)
        x = 1 - x if rng.random() < 0.5 else x
        low, high = rng.random((2, 3), "float32")
        x = low + (high - low) * x
        grain = 2 ** rng.integers(4)
        noise = rng.standard_normal((height // grain, width // grain, 3), "float32")
        x = x + rng.uniform(0, 0.3) * cv2.resize(noise, (width, height))
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.1, 1.0)).clip(0, 1)
        out[index] = np.rint(255 * x ** np.exp(rng.uniform(-0.5, 0.5)))
    return out


def augment_gray(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What one does for USPS without a GAN: random geometry, stroke width and blur.

    Height and width are scaled by 1/1.4 to 1.4, for frames differ by that much. Strokes become up
    to two pixels wider, or up to one thinner.

    Args:
        images: uint8, white on black, shape `(n, height, width, 1)`.
        rng: Where the randomness comes from.

    Returns:
        Other images of the same shape and type.
    """
    out = np.empty_like(images)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for index, image in enumerate(images[..., 0]):
        x = _affine(image / np.float32(255), rng, 1.4, cv2.BORDER_CONSTANT)
        width = rng.uniform(-0.5, 1)
        morph = cv2.dilate if width > 0 else cv2.erode
        x = x + abs(width) * (morph(x, cross) - x)
        x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.1, 1.5))
        out[index, ..., 0] = np.rint(255 * x.clip(0, 1))
    return out


AUGMENTATIONS = {"mnist_m": augment_colour, "usps": augment_gray}


def augment_translated(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For digits that have a target's looks: random geometry, and in colour what keeps looks.

    Half of the colour images are inverted, and their channels come in a random order: translators
    prefer one palette. Stronger changes, those of `augment_colour`, leave translated digits
    unreadable: their contrast is low already.

    Args:
        images: uint8, shape `(n, height, width, channels)`.
        rng: Where the randomness comes from.

    Returns:
        Other images of the same shape and type.
    """
    out = np.empty_like(images)
    for index, image in enumerate(images):
        x = _affine(image, rng, 1.15, cv2.BORDER_REPLICATE).reshape(image.shape)
        if image.shape[-1] == 3:
            x = (255 - x if rng.random() < 0.5 else x)[..., rng.permutation(3)]
        out[index] = x
    return out


def augment_pairs(target: str) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    """An augmentation of pairs (translated digit, source digit), stacked as channels.

    Of half of the pairs it shows the translated digit under `augment_translated`, of the other half
    the source digit under the target's own augmentation.

    Args:
        target: `"mnist_m"` or `"usps"`.

    Returns:
        The augmentation, from `(n, height, width, 2 channels)` to `(n, height, width, channels)`.
    """

    def augment(pairs, rng):
        translated, source = np.split(pairs, 2, axis=-1)
        chosen = rng.random(len(pairs)) < 0.5
        out = np.empty_like(translated)
        out[chosen] = augment_translated(translated[chosen], rng)
        out[~chosen] = AUGMENTATIONS[target](source[~chosen], rng)
        return out

    return augment


def classifier(image_shape: tuple[int, int, int]) -> keras.Model:
    """A small CNN: images in [-1, 1] to ten logits (no softmax), shape `(batch, 10)`."""
    inputs = keras.Input(image_shape, name="digits")
    x = inputs
    for filters in (16, 32):
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        x = layers.Dropout(0.25)(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10, name="logits")(layers.Dropout(0.5)(x)))


def train_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    seed: int,
    augmentation: Callable[[np.ndarray, np.random.Generator], np.ndarray] | None = None,
    steps: int = STEPS,
) -> keras.Model:
    """Trains `classifier` with Adam at 1e-3, falling to 0 as a cosine.

    However many images there are, it takes `steps` steps of 64, so that few images train as long as
    many. One to two minutes on one CPU core.

    Args:
        images: uint8, shape `(n, height, width, channels)`.
        labels: 0 to 9, shape `(n,)`.
        seed: Of the weights, the order, the dropout and the augmentation.
        augmentation: `augment_colour`, `augment_pairs(target)` or the like, drawn anew whenever an
            image is shown.
        steps: Optimizer steps.

    Returns:
        The trained model: images in [-1, 1] to ten logits (no softmax), shape `(batch, 10)`.
        A model that freezes it calls it with `training=False`.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    shape = (
        augmentation(images[:1], np.random.default_rng(0)).shape if augmentation else images.shape
    )
    model = classifier(shape[1:])
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    passes = -(-steps * BATCH // len(images))
    order = np.concatenate([rng.permutation(len(images)) for _ in range(passes)])[: steps * BATCH]
    for start in range(0, len(order), 100 * BATCH):
        rows = order[start : start + 100 * BATCH]
        shown = augmentation(images[rows], rng) if augmentation else images[rows]
        model.fit(to_unit(shown), labels[rows], batch_size=BATCH, shuffle=False, verbose=0)
    return model


def read_digits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The digit that a trained classifier sees in each uint8 image, shape `(n,)`."""
    return model.predict(to_unit(images), batch_size=500, verbose=0).argmax(-1)
