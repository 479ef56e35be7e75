"""Sound files of each kind that users give, for `fuzz.py` to break."""

import csv
import io
import json
import sqlite3
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import tifffile
from PIL import Image

from keras_simgan import data, models, networks, refinement
from keras_simgan.data.files import IMAGE_SUFFIXES
from keras_simgan.data.images import encode_image

SIZE = (24, 32)
NAMES = [f"{i}.png" for i in range(4)]


class Identity(keras.Sequential):
    """A refiner that gives back its images, on no backend: what is tried are files."""

    def __init__(self):
        super().__init__([keras.Input((None, None, 1)), keras.layers.Rescaling(1.0)])

    def predict_on_batch(self, images):
        """What it was given."""
        return images


def material_of(seed: int, corpus: str | None) -> dict[str, list[bytes]]:
    """Contents by the name of a file that holds such a one.

    Args:
        seed: Of pixels and weights.
        corpus: A zip file or folder of further images, or None.
    """
    draw = np.random.default_rng(seed)
    refined = _refined()
    found = {
        **_images(draw),
        **_annotations(),
        "labels.json": [_labels("json"), _labels("vectors")],
        "labels.csv": [_labels("csv")],
        **{f"preset/{name}": [content] for name, content in _preset(draw).items()},
        "arrays.npz": [_npz(draw)],
        **{name: [content] for name, content in refined.items()},
    }
    for name, content in _corpus(corpus):
        suffix = Path(name).suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            found[f"image{suffix}"].append(content)
    return found


def _corpus(path: str | None):
    if path is None:
        return
    if Path(path).is_dir():
        for file in sorted(Path(path).rglob("*")):
            if file.is_file():
                yield file.name, file.read_bytes()
        return
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            yield name, archive.read(name)


def _images(draw) -> dict[str, list[bytes]]:
    """Encoded images by the name of a file that holds such a one."""
    found: dict[str, list[bytes]] = {}
    noise = {c: draw.integers(0, 256, (*SIZE, c)).astype("uint8") for c in (1, 2, 3, 4)}
    for suffix in IMAGE_SUFFIXES:
        made = found.setdefault(f"image{suffix}", [])
        for pixels in noise.values():
            for image in (pixels, pixels.astype("uint16") * 257):
                try:
                    made.append(encode_image(f"a{suffix}", image))
                except data.ImageError:  # that this format has no place for
                    continue
    colour = Image.fromarray(noise[3])
    ways = {
        ".png": [{"optimize": True}, {"dpi": (300, 300)}],
        ".jpg": [{"progressive": True}, {"subsampling": 2, "quality": 50}],
        ".tif": [
            {"compression": name} for name in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")
        ],
        ".webp": [{"lossless": True}, {}],
        ".avif": [{}],
        ".bmp": [{}],
    }
    for suffix, options in ways.items():
        for each in options:
            for image in (colour, colour.quantize(16), colour.convert("1"), colour.convert("CMYK")):
                content = io.BytesIO()
                try:
                    image.save(content, Image.registered_extensions()[suffix], **each)
                except (OSError, KeyError, ValueError):  # no such mode in this format
                    continue
                if suffix in IMAGE_SUFFIXES:
                    found[f"image{suffix}"].append(content.getvalue())
    for options in ({"tile": (16, 16)}, {"planarconfig": "separate", "photometric": "rgb"}):
        content = io.BytesIO()
        pixels = noise[3] if "tile" in options else noise[3].transpose(2, 0, 1)
        tifffile.imwrite(content, pixels, **options)
        found["image.tif"].append(content.getvalue())
    return found


def _annotations() -> dict[str, list[bytes]]:
    boxes = [[1, 2, 3 + i, 4] for i in range(len(NAMES))]
    coco = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(NAMES)],
        "annotations": [{"id": i, "image_id": i, "bbox": box} for i, box in enumerate(boxes)],
        "categories": [{"id": 0, "name": "eye"}],
    }
    rows = "".join(f"{n},{','.join(map(str, box))}\n" for n, box in zip(NAMES, boxes, strict=True))
    xml = "".join(f'<image name="{name}"><box x="1" y="2"/></image>' for name in NAMES)
    return {
        "coco.json": [json.dumps(coco).encode()],
        "by_name.json": [json.dumps(dict(zip(NAMES, boxes, strict=True))).encode()],
        "lines.jsonl": ["".join(json.dumps({"file": name}) + "\n" for name in NAMES).encode()],
        "boxes.csv": [f"file,x,y,w,h\n{rows}".encode()],
        "cvat.xml": [
            f'<?xml version="1.0" encoding="utf-8"?><annotations>{xml}</annotations>'.encode()
        ],
        "data.yaml": [b"path: .\ntrain: train.txt\nnames:\n  0: eye\nimages: [0.png, 3.png]\n"],
        "train.txt": ["".join(f"{name} 1\n" for name in NAMES).encode()],
        "3.xml": [b"<annotation><filename>3.png</filename><path>/data/3.png</path></annotation>"],
    }


def _labels(kind: str) -> bytes:
    rows = {name: {"x": i / 3, "kind": "ab"[i % 2]} for i, name in enumerate(NAMES)}
    if kind == "json":
        return json.dumps(rows).encode()
    if kind == "vectors":
        return json.dumps({name: {"gaze": [0.1, i]} for i, name in enumerate(NAMES)}).encode()
    text = io.StringIO()
    writer = csv.DictWriter(text, ["file", "x", "kind"])
    writer.writeheader()
    writer.writerows({"file": name, **row} for name, row in rows.items())
    return text.getvalue().encode()


def _preset(draw) -> dict[str, bytes]:
    model = models.SimGAN(
        networks.Refiner((*SIZE, 1), filters=2, blocks=1),
        networks.RefinerDiscriminator((*SIZE, 1), stages=((2, 3, 2),)),
    )
    model.set_weights([draw.normal(size=weights.shape) for weights in model.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        model.save_to_preset(folder, description="fuzz")
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _npz(draw) -> bytes:
    content = io.BytesIO()
    images = draw.integers(0, 256, (4, *SIZE, 1)).astype("uint8")
    np.savez_compressed(content, images=images, gaze=draw.normal(size=(4, 2)))
    return content.getvalue()


def _refined() -> dict[str, bytes]:
    """The manifest and the record of a refinement of four images."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "out"
        for index, name in enumerate(NAMES):
            data.write_image(source / name, np.full((*SIZE, 1), index, "uint8"))
        refinement.refine_dataset(Identity(), source, out, progress=False)
        database = sqlite3.connect(out / ".keras_simgan.sqlite")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        return {
            name: (out / name).read_bytes() for name in ("manifest.jsonl", ".keras_simgan.sqlite")
        }
