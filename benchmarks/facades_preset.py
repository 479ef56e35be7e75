"""Scores `pix2pix_facades`, or another preset like it, on the validation pairs, as its card does.

    KERAS_SIMGAN_DATA=... python benchmarks/facades_preset.py [--preset runs/facades_preset/preset]

It needs KERAS_SIMGAN_DATA/facades with train/351.jpg to 400.jpg and the label maps of class indices
label_index/train/351.png to 400.png. With `--keep` the preset is written, in float16 and with its
scores, into the package.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from facades_pairs import LAST, SIZE, TRAIN, facades_folder, load_pairs, scaled
from facades_report import Scores

from keras_simgan import data, metrics, models, presets

CLASSES = 12
NAME = "pix2pix_facades"
LICENCE = "CC BY-SA 4.0 (that of the CMP Facades it was trained on)"
DESCRIPTION = (
    "pix2pix from label maps of facades, 12 classes, to photos, 128x128; a U-Net of 24 filters."
)


def label_maps() -> np.ndarray:
    """The validation label maps, uint8 (50, 128, 128, 1)."""
    folder = facades_folder().parent / "label_index" / "train"
    maps = [data.read_image(folder / f"{number}.png") for number in range(TRAIN + 1, LAST + 1)]
    pairs = data.paired(
        np.stack(maps), np.stack(maps), (SIZE, SIZE), classes=CLASSES, shuffle=False
    )
    return np.concatenate([pairs[row][0] for row in range(len(pairs))])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--preset", default=NAME)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--sheet", type=Path, default="runs/facades_preset.png")
    options = parser.parse_args()
    model = models.Pix2Pix.from_preset(options.preset)
    sources, real = label_maps(), scaled(load_pairs("validation", SIZE)[1])
    extractor = metrics.feature_extractor("small")
    mean = np.broadcast_to(scaled(load_pairs("train", SIZE)[1]).mean(axis=0), real.shape)
    features = extractor(real)
    made = model.translate(sources)
    scores = {
        name: Scores(images, real, features, extractor).mean
        for name, images in (("the mean photo", mean), ("this preset", made))
    }
    shown = {
        name: {
            "l1_levels": round(127.5 * mean["l1"].value, 2),
            "psnr_decibels": round(mean["psnr"].value, 2),
            "ssim": round(mean["ssim"].value, 3),
            "sharpness": round(mean["sharpness"].value, 2),
            "kernel_distance": round(mean["kernel_distance"].value, 3),
        }
        for name, mean in scores.items()
    }
    print(json.dumps(shown, indent=1))
    grays = np.repeat(sources @ np.linspace(-1, 1, CLASSES)[:, None], 3, axis=-1)
    rows = [np.concatenate(list(images[:48:8]), axis=1) for images in (grays, real, made)]
    data.write_image(options.sheet, data.from_unit(np.clip(np.concatenate(rows), -1, 1)))
    if options.keep:
        metadata = json.loads((Path(options.preset) / "metadata.json").read_text())
        model.save_to_preset(
            presets.BUNDLED / NAME,
            dtype="float16",
            overwrite=True,
            description=DESCRIPTION,
            license=LICENCE,
            label_maps=metadata["label_maps"],
            scores=shown,
        )


if __name__ == "__main__":
    main()
