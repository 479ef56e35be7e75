"""CamVid's street photos with their label maps, and a network that labels photos: for benchmarks.

KERAS_SIMGAN_DATA/camvid holds `train` and `val`, each with `image/NAME.jpg` and `label/NAME.png`,
480x360, one class index a pixel. The validation photos are frames of one drive that training
photos come from as well, a third of a second apart: 30 photos, but one street.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
from keras import layers

from keras_simgan.data import to_unit

CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
UNLABELLED = len(CLASSES)
FULL = (360, 480)  # height, width of the photos as they come
SHOWN = (120, 160)  # of what generators draw and segmentation networks get to train on
INPUT = (96, 128)  # of what segmentation networks see
STEPS, BATCH = 250, 8


def data_folder() -> Path:
    """KERAS_SIMGAN_DATA/camvid, or an end with the reason."""
    folder = Path(os.environ.get("KERAS_SIMGAN_DATA", "")) / "camvid"
    if "KERAS_SIMGAN_DATA" not in os.environ or not folder.is_dir():
        sys.exit(
            "This needs photos that do not come with the project: set KERAS_SIMGAN_DATA to a "
            "folder with camvid/train and camvid/val, each with image/NAME.jpg and label/NAME.png."
        )
    return folder


def read_part(part: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """All photos of a part, their label maps and their names, in the order of the names.

    Args:
        part: `"train"` or `"val"`.

    Returns:
        Photos, uint8, shape `(n, 360, 480, 3)`; labels, uint8, shape `(n, 360, 480)`; names.
    """
    names = sorted(path.stem for path in (data_folder() / part / "image").glob("*.jpg"))
    photos, maps = [], []
    for name in names:
        photo = cv2.imread(str(data_folder() / part / "image" / f"{name}.jpg"))
        photos.append(cv2.cvtColor(photo, cv2.COLOR_BGR2RGB))
        labels = data_folder() / part / "label" / f"{name}.png"
        maps.append(cv2.imread(str(labels), cv2.IMREAD_UNCHANGED))
    return np.stack(photos), np.stack(maps), names


def reduce_photos(photos: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Photos at another `(height, width)`, each new pixel the mean of the old ones it covers."""
    return np.stack(
        [cv2.resize(photo, size[::-1], interpolation=cv2.INTER_AREA) for photo in photos]
    )


def reduce_labels(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Label maps at another `(height, width)`, by the nearest pixel."""
    return np.stack(
        [cv2.resize(each, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT) for each in maps]
    )


def segmenter() -> keras.Model:
    """A small segmentation network: a U with two skips around a stack of dilated convolutions.

    Works at half of the photo's size and below, in bfloat16; 412,979 parameters.

    Returns:
        A model from photos in [-1, 1], shape `(batch, height, width, 3)`, both multiples of 8, to
        logits (no softmax), shape `(batch, height, width, 11)`.
    """
    kind = {"dtype": "mixed_bfloat16"}

    def convolve(x, filters, strides=1, dilation=1):
        x = layers.Conv2D(
            filters, 3, strides, "same", dilation_rate=dilation, use_bias=False, **kind
        )(x)
        return layers.ReLU(**kind)(layers.BatchNormalization(momentum=0.95, **kind)(x))

    def double(x, skip, filters):
        x = layers.UpSampling2D(interpolation="bilinear", **kind)(x)
        return convolve(layers.Concatenate(**kind)([x, skip]), filters)

    inputs = keras.Input((None, None, 3), name="photos")
    half = convolve(convolve(inputs, 24, strides=2), 24)
    quarter = convolve(convolve(half, 48, strides=2), 48)
    x = convolve(quarter, 96, strides=2)
    for dilation in (1, 2, 4):
        x = layers.Add(**kind)([x, convolve(x, 96, dilation=dilation)])
    x = double(double(x, quarter, 48), half, 32)
    x = layers.Conv2D(len(CLASSES), 1, dtype="float32")(x)
    logits = layers.UpSampling2D(interpolation="bilinear", dtype="float32", name="logits")(x)
    return keras.Model(inputs, logits)


def augment(
    photos: np.ndarray, maps: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Photos and their maps as a segmentation network sees them in training, all arms alike.

    A window of 0.8 to 1 times the photo's size, mirrored or not, then `INPUT`; the photo brighter
    or darker, with more or less contrast, and with a slight tint.

    Args:
        photos: uint8, shape `(n, height, width, 3)`.
        maps: Labels, uint8, shape `(n, height, width)`.
        rng: Where the randomness comes from.

    Returns:
        Photos, float32 in [-1, 1], shape `(n, *INPUT, 3)`, and maps, shape `(n, *INPUT)`.
    """
    shown, labels = [], []
    for photo, each in zip(photos, maps, strict=True):
        height, width = each.shape
        scale = rng.uniform(0.8, 1.0)
        window = round(scale * height), round(scale * width)
        top, left = (rng.integers(0, room + 1) for room in np.subtract(each.shape, window))
        rows, columns = slice(top, top + window[0]), slice(left, left + window[1])
        step = -1 if rng.random() < 0.5 else 1
        shown.append(reduce_photos(photo[None, rows, columns], INPUT)[0, :, ::step])
        labels.append(reduce_labels(each[None, rows, columns], INPUT)[0, :, ::step])
    x = to_unit(np.stack(shown))
    gain = rng.uniform(0.8, 1.25, (len(x), 1, 1, 1)) * rng.uniform(0.95, 1.05, (len(x), 1, 1, 3))
    x = x * gain + rng.uniform(-0.15, 0.15, (len(x), 1, 1, 1))
    return x.clip(-1, 1).astype("float32"), np.stack(labels)


def class_weights(maps: np.ndarray) -> np.ndarray:
    """1 / log(1.02 + share of the pixels) of each class (Paszke et al. 2016); 0 for unlabelled.

    Args:
        maps: Labels, shape `(n, height, width)`.

    Returns:
        Shape `(12,)`; the pixels' mean is 1.
    """
    counts = np.bincount(maps.ravel(), minlength=UNLABELLED + 1)[:UNLABELLED]
    share = counts / counts.sum()
    weights = 1 / np.log(1.02 + share)
    return np.append(weights / (share * weights).sum(), 0.0).astype("float32")


def train_segmenter(
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    weights: np.ndarray,
    seed: int,
    steps: int = STEPS,
    rate: float = 3e-3,
) -> keras.Model:
    """Trains `segmenter` with Adam, its rate falling to 0 as a cosine.

    However many photos there are, it takes `steps` steps of 8.

    Args:
        parts: Sets of photos and maps, uint8; each gives the same number of photos to each batch.
        weights: Of the classes in the cross-entropy: `class_weights`.
        seed: Of the weights, the order and the augmentation.
        steps: Optimizer steps.
        rate: The highest learning rate, reached after a tenth of the steps.

    Returns:
        The trained network.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = segmenter()
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, steps - steps // 10, warmup_target=rate, warmup_steps=steps // 10
    )
    model.compile(
        keras.optimizers.Adam(schedule),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    each = BATCH // len(parts)
    orders = []
    for photos, _ in parts:
        passes = -(-steps * each // len(photos))
        orders.append(np.concatenate([rng.permutation(len(photos)) for _ in range(passes)]))
    for step in range(steps):
        rows = [order[step * each : (step + 1) * each] for order in orders]
        photos, maps = (
            np.concatenate([part[index][chosen] for part, chosen in zip(parts, rows, strict=True)])
            for index in (0, 1)
        )
        x, y = augment(photos, maps, rng)
        # A label must be a class even where its weight is 0.
        model.train_on_batch(x, y % UNLABELLED, sample_weight=weights[y])
    return model


def confusion(model: keras.Model, photos: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """How many pixels of each class are read as each class, photo by photo, at the maps' own size.

    Args:
        model: A trained `segmenter`.
        photos: uint8, shape `(n, height, width, 3)`.
        maps: Labels, uint8, shape `(n, height, width)`; what is unlabelled does not count.

    Returns:
        Shape `(n, 11, 11)`: rows are labels, columns what was read.
    """
    logits = model.predict(to_unit(reduce_photos(photos, INPUT)), batch_size=BATCH, verbose=0)
    counts = np.zeros((len(maps), UNLABELLED, UNLABELLED), int)
    for index, (each, labels) in enumerate(zip(logits, maps, strict=True)):
        read = cv2.resize(each, labels.shape[::-1], interpolation=cv2.INTER_LINEAR).argmax(-1)
        known = labels < UNLABELLED
        pairs = UNLABELLED * labels[known].astype(int) + read[known]
        counts[index] = np.bincount(pairs, minlength=UNLABELLED**2).reshape(counts.shape[1:])
    return counts


def intersection_over_union(counts: np.ndarray) -> np.ndarray:
    """The percentage of each class in sums of `confusion`, shape `(..., 11, 11)` to `(..., 11)`."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    either = counts.sum(-1) + counts.sum(-2) - right
    return 100 * right / np.maximum(either, 1)
