"""Do tiles leave seams in refined images?

Photos go through a network in one piece and by tiles of 256 pixels, in three ways:

    no overlap   each tile on its own
    blended      tiles on their own that reach 32 pixels beyond their place, blended linearly
    ours         `refinement.TiledNetwork`: normalized with the whole image's statistics as well

A seam is a step along the whole side of a tile. The step is the mean over the side's pixels of
`image[right] - image[left]`, in which texture averages out, absolute. The same is measured along
the 12 lines to the left of the side and the 12 to its right, its surroundings. `beside its
surroundings` is the largest ratio of a side's step to the largest step around it, and `above all
around` the share of sides where it is above 1; 4 % is chance among 25 lines. Blending spreads a
step over 64 pixels, but does not take it away: `tile off` is how far the mean of a tile is from
that of the same place refined in one piece, the largest of all. `pixel off` is the largest
difference of a pixel. Gray levels of 255.

    KERAS_SIMGAN_DATA=... python benchmarks/tiling_seams.py --sheet sheet.png \
        --generators "horse to zebra=runs/horse2zebra/preset"      # 10 minutes on a core

Writes benchmarks/results/tiling_seams.md.
"""

import argparse
import os
import platform
import resource
import time
from pathlib import Path

import cv2
import keras
import numpy as np

from keras_simgan import presets
from keras_simgan.data import from_unit, list_images, read_image, resize, to_unit, write_image
from keras_simgan.data.images import convert_image_channels
from keras_simgan.refinement import ImageRefiner
from keras_simgan.refinement.tiling import TiledNetwork

RESULTS = Path(__file__).parent / "results"
TILE, OVERLAP, AROUND = 256, 32, 12


def photos(folder: Path, count: int) -> dict[str, np.ndarray]:
    """Street photos as they are, and facades and horses three times as large."""
    streets = folder / "cityscapes_sample" / "train_img"
    found = {f"street {i}": read_image(streets / n) for i, n in enumerate(names(streets, count))}
    for name, place in (("facade", "facades/train"), ("horse", "horse2zebra/trainA")):
        for i, file in enumerate(names(folder / place, count)):
            image = read_image(folder / place / file, channels=3, convert_channels=True)[:, :256]
            found[f"{name} {i}"] = resize(image, (768, 768))
    return found


def names(folder: Path, count: int) -> list[str]:
    return list_images(folder)[:count]


def whole(network, image):
    return np.asarray(network.predict_on_batch(image[None]))[0]


def on_their_own(network, image, overlap):
    """Runs each tile by itself; blends linearly over what neighbours share."""
    result, total = np.zeros_like(image), np.zeros((*image.shape[:2], 1), "float32")
    for top in range(0, image.shape[0], TILE):
        for left in range(0, image.shape[1], TILE):
            ramps, places = [], []
            for start, size in zip((top, left), image.shape, strict=False):
                low, high = max(start - overlap, 0), min(start + TILE + overlap, size)
                at = np.arange(low, high) + 0.5
                ramp = np.ones(high - low)
                if overlap and start > 0:
                    ramp *= np.clip((at - low) / (2 * overlap), 0, 1)
                if overlap and start + TILE < size:
                    ramp *= np.clip((high - at) / (2 * overlap), 0, 1)
                ramps.append(ramp.astype("float32"))
                places.append(slice(low, high))
            share = (ramps[0][:, None] * ramps[1])[..., None]
            result[tuple(places)] += share * whole(network, image[tuple(places)])
            total[tuple(places)] += share
    return result / total


def steps(image: np.ndarray) -> tuple[list[float], list[float]]:
    """For each side of a tile the step there, and the largest around it."""
    at, around = [], []
    for turned in (image, image.swapaxes(0, 1)):
        for top in range(0, turned.shape[0], TILE):
            for side in range(TILE, turned.shape[1], TILE):
                strip = turned[top : top + TILE, side - AROUND - 1 : side + AROUND + 1]
                lines = np.abs(np.diff(strip.mean(axis=0), axis=0)).max(axis=-1)
                at.append(float(lines[AROUND]))
                around.append(float(np.delete(lines, AROUND).max()))
    return at, around


def measure(network, images: dict[str, np.ndarray]) -> tuple[list[str], dict]:
    tiled = TiledNetwork(network, TILE)
    methods = {
        "in one piece": lambda image: whole(network, image),
        "no overlap": lambda image: on_their_own(network, image, 0),
        "blended": lambda image: on_their_own(network, image, OVERLAP),
        "ours": tiled,
    }
    rows, pictures = [], {}
    for name, method in methods.items():
        at, around, off, largest, seconds = [], [], 0.0, 0.0, 0.0
        for photo, image in images.items():
            method(image) if not at else None  # compile first
            began = time.process_time()
            found = 127.5 * (method(image) + 1)
            seconds += time.process_time() - began
            pictures.setdefault(photo, {})[name] = found
            sides, others = steps(found)
            at, around = at + sides, around + others
            apart = found - pictures[photo]["in one piece"]
            largest = max(largest, float(np.abs(apart).max()))
            for top in range(0, apart.shape[0], TILE):
                for left in range(0, apart.shape[1], TILE):
                    mean = apart[top : top + TILE, left : left + TILE].mean(axis=(0, 1))
                    off = max(off, float(np.abs(mean).max()))
        beside = np.divide(at, around)
        rows.append(
            f"| {name} | {max(at):.1f} | {beside.max():.2f} | "
            f"{100 * (beside > 1).mean():.0f} % | "
            f"{off:.3f} | {largest:.3f} | {seconds / len(images):.1f} |"
        )
        print(rows[-1], flush=True)
    return [f"reach {tiled.reach}, overlap {tiled.overlap}", *rows], pictures


def any_size(network):
    return network.for_image_shape((None, None, network.input_shape[-1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--generators", nargs="*", default=[], metavar="NAME=PRESET")
    parser.add_argument("--photos", type=int, default=2, help="of each of the three kinds")
    parser.add_argument("--sheet", type=Path, help="where to draw what was found")
    arguments = parser.parse_args()
    images = photos(Path(os.environ["KERAS_SIMGAN_DATA"]), arguments.photos)
    chosen = dict(one.split("=", 1) for one in arguments.generators)
    chosen["eyes, gray"] = "simgan_eyes_36x60"
    lines = []
    for name, preset in chosen.items():
        network = any_size(ImageRefiner(presets.load(preset)).network)
        channels = network.input_shape[-1]
        unit = {
            photo: to_unit(convert_image_channels(image, channels))
            for photo, image in images.items()
        }
        print(name, flush=True)
        (facts, *rows), pictures = measure(network, unit)
        lines += [
            f"\n{type(network).__name__} trained on {name}; {facts}\n",
            "| tiles | largest step | beside its surroundings | above all around | tile off | "
            "pixel off | seconds a photo |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
        ]
        if arguments.sheet:
            draw(
                arguments.sheet.with_stem(f"{arguments.sheet.stem}_{preset.split('/')[-2:][0]}"),
                pictures,
            )
    kinds = f"{len(images)} photos: streets of 1024x512, facades and horses enlarged to 768x768"
    text = "\n".join(
        [
            "# Seams of tiles",
            "",
            f"{kinds}; tiles of {TILE} pixels. What the columns mean is said in",
            "benchmarks/tiling_seams.py. Gray levels of 255.",
            *lines,
            "",
            f"Command: `python benchmarks/tiling_seams.py --photos {arguments.photos}"
            + (
                f" --generators {' '.join(map(repr, arguments.generators))}`"
                if arguments.generators
                else "`"
            )
            + f". Keras {keras.__version__}, {keras.config.backend()}, Python "
            f"{platform.python_version()}, {platform.machine()} CPU, CPU seconds.",
            "",
        ]
    )
    (RESULTS / "tiling_seams.md").write_text(text)
    print(text)
    print("peak memory, GB:", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def draw(path: Path, pictures: dict) -> None:
    """The first photo of each kind, one method below the other."""
    for photo, methods in pictures.items():
        if photo.endswith(" 0"):
            image = np.concatenate(list(methods.values()))
            image = from_unit(np.clip(image / 127.5 - 1, -1, 1))
            write_image(path.with_stem(f"{path.stem}_{photo.split()[0]}"), image)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
