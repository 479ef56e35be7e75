"""Do distances on the bundled features say how far images are from real ones?

The kernel distance (KID, Binkowski et al. 2018) of pairs of image sets whose order is known: halves
of one set are 0 apart, more blur, noise or gamma is farther, rendered images are farther than
refined ones. Besides the bundled `small` features

    untrained   the same network as it was before training
    pixels      the images themselves

A row's number is the distance with its 95 % interval; numbers of two columns cannot be compared,
their order down a column can. Colour eyes and animals are compared at 64x64. The default refiner
was trained on the renderer's eyes, not on path-traced ones. KERAS_SIMGAN_DATA names the folder of
the real images.

    KERAS_SIMGAN_DATA=... python benchmarks/measure_features.py --reference

`--reference` writes the bundled preset's `reference.npz`, features of the real training eyes.
"""

import argparse
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import cv2
import keras
import numpy as np
from colour_eyes import TESTING, real_colour_eyes, synthetic_colour_eyes
from digits import augment_colour
from transfer_eyes import mirror_half, real_eyes, synthetic_eyes

from keras_simgan import __version__, data, metrics, networks, presets

RESULTS = Path(__file__).parent / "results" / "features.md"
REFERENCE = Path(presets.__file__).parent / "simgan_eyes_36x60" / "reference.npz"
BLURS = (0.5, 0.8, 1.2, 2.0, 3.0)  # pixels
NOISES = (0.01, 0.02, 0.04, 0.08, 0.16)  # of the range from black to white
GAMMAS = (1.1, 1.25, 1.5, 2.0, 3.0)


def degraded(images: np.ndarray, kind: str, strength: float) -> np.ndarray:
    """uint8 images with one degradation."""
    x = images / 255.0
    if kind == "blur":
        x = [cv2.GaussianBlur(image, (0, 0), strength) for image in x]
        x = np.reshape(x, images.shape)
    elif kind == "noise":
        x = x + np.random.default_rng(0).normal(0, strength, x.shape)
    else:
        x = x**strength
    return np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)


def halves(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two random halves of equal size."""
    order = np.random.default_rng(0).permutation(len(images))
    half = len(order) // 2
    return images[order[:half]], images[order[half : 2 * half]]


def ladders(name: str, images: np.ndarray):
    """Groups of pairs in which the distance must rise from row to row."""
    one, other = halves(images)
    for kind, strengths in (("blur", BLURS), ("noise", NOISES), ("gamma", GAMMAS)):
        rows = [(f"{name}, two halves", one, other)]
        rows += [(f"{kind} {x:g}", one, degraded(other, kind, x)) for x in strengths]
        yield f"{name}: {kind}", rows


def digits() -> dict[str, np.ndarray]:
    """2,000 digits each of MNIST and MNIST-M."""
    folder = Path(os.environ["KERAS_SIMGAN_DATA"]) / "digits"
    with np.load(folder / "mnist.npz") as file:
        mnist = np.pad(file["x_train"][:2000, ..., None], ((0, 0), (2, 2), (2, 2), (0, 0)))
    with np.load(folder / "mnist_m_train.npz") as file:
        mnist_m = file["x"][-2000:]
    return {"MNIST": np.repeat(mnist, 3, axis=-1), "MNIST-M": mnist_m}


def animals(name: str) -> np.ndarray:
    """The horses (`trainA`) or zebras (`trainB`), 64x64, each picture once."""
    files = sorted((Path(os.environ["KERAS_SIMGAN_DATA"]) / "horse2zebra" / name).iterdir())
    images = [cv2.imread(str(file))[..., ::-1] for file in files]
    small = [cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in images]
    return np.unique(np.stack(small), axis=0)


def half_size(images: np.ndarray) -> np.ndarray:
    """uint8 images of half the height and width."""
    size = images.shape[2] // 2, images.shape[1] // 2
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in images])


def groups(refiners: list[str]):
    """All groups: a title and rows (name, real, compared), nearest first."""
    real, _ = mirror_half(*real_eyes(0))
    yield from ladders("real gray eyes", real)
    later, _ = mirror_half(*real_eyes(1))
    for source in ("renderer", "path_traced"):
        eyes, _ = mirror_half(*synthetic_eyes(source, 1000))
        rows = [("real gray eyes, recorded later", real, later)]
        for refiner in refiners:
            rows.append((f"{source}, refined by {refiner}", real, translate(eyes, refiner)))
        yield f"gray eyes: {source}", [*rows, (f"{source} as it is", real, eyes)]

    colour = half_size(real_colour_eyes()[:500])
    yield from ladders("real colour eyes", colour)
    for source in ("renderer", "path_traced"):
        eyes = half_size(synthetic_colour_eyes(source, 500, TESTING)[0])
        pairs = [("real colour eyes, two halves", *halves(colour)), (source, colour, eyes)]
        yield f"colour eyes: {source}", pairs

    both = digits()
    one, other = halves(both["MNIST-M"])
    mnist = both["MNIST"][:1000]
    augmented = augment_colour(mnist, np.random.default_rng(0))
    translated = translate(augmented, "cyclegan_mnist_m_32")
    halved = ("MNIST-M, two halves", one, other)
    yield (
        "digits: MNIST-M, augmented",
        [
            halved,
            ("augmented MNIST, translated by cyclegan_mnist_m_32", one, translated),
            ("augmented MNIST", one, augmented),
        ],
    )
    yield "digits: MNIST-M, plain", [halved, ("MNIST", one, mnist)]
    horses, zebras = animals("trainA")[:490], animals("trainB")[:490]
    yield "animals", [("horses, two halves", *halves(horses)), ("zebras", horses, zebras)]


def translate(images: np.ndarray, preset: str) -> np.ndarray:
    """uint8 images, as the preset's network gives them."""
    network = presets.load(preset, direction="source_to_target")
    images = images[..., : network.input_shape[-1]]
    translated = network.predict(data.to_unit(images), batch_size=100, verbose=0)
    return data.from_unit(translated, "uint8")


def extractors(shape: tuple[int, int, int]) -> dict[str, metrics.FeatureExtractor]:
    """The three kinds of features, for images of one shape."""
    keras.utils.set_random_seed(0)
    pixels = keras.Sequential([keras.Input(shape), keras.layers.Flatten()])
    return {
        "small": metrics.feature_extractor("small"),
        "untrained": metrics.FeatureExtractor(networks.FeatureNetwork()),
        "pixels": metrics.FeatureExtractor(pixels),
    }


class Distances:
    """The distance of two sets in each kind of features, each set's features computed once."""

    def __init__(self):
        self.kernel_distance = metrics.KernelDistance()
        self.extractors: dict = {}
        self.features: dict = {}

    def __call__(self, kind: str, real: np.ndarray, compared: np.ndarray):
        """A `metrics.Estimate`."""
        return self.kernel_distance(self._of(kind, real), self._of(kind, compared))

    def _of(self, kind: str, images: np.ndarray) -> np.ndarray:
        if images.shape[1:] not in self.extractors:
            self.extractors[images.shape[1:]] = extractors(images.shape[1:])
        # The images are kept beside their features, so that no other set gets their id.
        key = kind, id(images)
        if key not in self.features:
            extractor = self.extractors[images.shape[1:]][kind]
            self.features[key] = images, extractor(data.to_unit(images))
        return self.features[key][1]


def judged(estimates: list) -> str:
    """Whether the distance rises from row to row, and how many rows are beyond the first for sure.

    That is, their interval begins above the end of the first row's.
    """
    first, *others = estimates
    rises = all(np.diff([estimate.value for estimate in estimates]) > 0)
    seen = sum(estimate.low > first.high for estimate in others)
    return f"{'yes' if rises else 'no'}, {seen} of {len(others)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--refiner", nargs="+", default=["simgan_eyes_36x60"])
    parser.add_argument("--reference", action="store_true")
    options = parser.parse_args()

    begun = time.time()
    kinds = ("small", "untrained", "pixels")
    if options.reference:
        metrics.ReferenceStatistics.of(data.to_unit(real_eyes(0)[0]), "small").save(REFERENCE)
    distances, lines, orders = Distances(), [], []
    for title, rows in groups(options.refiner):
        found = {kind: [distances(kind, *pair) for _, *pair in rows] for kind in kinds}
        distances.features.clear()
        lines += [f"| **{title}** | | | |"]
        lines += [
            f"| {name} | " + " | ".join(str(found[kind][row]) for kind in kinds) + " |"
            for row, (name, *_) in enumerate(rows)
        ]
        orders.append(
            f"| {title} | " + " | ".join(judged(estimates) for estimates in found.values()) + " |"
        )
        print(*lines[-len(rows) - 1 :], orders[-1], sep="\n", flush=True)
    checksum = metrics.feature_extractor("small").checksum
    description = __doc__.split("\n    KERAS_SIMGAN_DATA")[0].rstrip()
    RESULTS.write_text(
        "# What the bundled features are worth\n\n"
        + "\n".join([description, ""])
        + "\nDoes the distance rise from row to row, and how many rows have an interval beyond "
        "that of the first, the real images among each other?\n\n"
        "| group | small | untrained | pixels |\n"
        + "|---|---|---|---|\n"
        + "\n".join(orders)
        + "\n\n| compared | small | untrained | pixels |\n|---|---|---|---|\n"
        + "\n".join(lines)
        + f"\n\n`{shlex.join(['python', *sys.argv])}`, {(time.time() - begun) / 60:.1f} minutes. "
        f"Weights {checksum[:12]}. keras {keras.__version__} on {keras.config.backend()}, "
        f"keras_simgan {__version__}, Python {platform.python_version()}; {platform.machine()} "
        "CPU, one thread.\n"
    )


if __name__ == "__main__":
    main()
