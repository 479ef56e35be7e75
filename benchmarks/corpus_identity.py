"""What does refining change in images of all kinds, besides their pixels?

    python benchmarks/corpus_identity.py CORPUS_ZIP     # 800 images: about a minute

Refines a corpus of images with networks that give back what they get, and compares each output with
its source in Pillow and in a second reader: tifffile for TIFF, TensorFlow for PNG, OpenCV for all
else. Pixels, mode, depth, orientation and all metadata that Pillow knows are to be as they were, or
to differ in what the documentation names. Results go to `benchmarks/results/corpus_identity.md`.
"""

import argparse
import io
import os
import platform
import re
import sys
import tempfile
import warnings
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import tifffile
from PIL import ExifTags, Image

from keras_simgan import __version__
from keras_simgan.data import ImageError
from keras_simgan.data.formats import kind_of
from keras_simgan.data.formats.tiff import NOT_KEPT
from keras_simgan.data.images import decode_any
from keras_simgan.refinement import read_manifest, refine_dataset

RESULTS = Path(__file__).parent / "results" / "corpus_identity.md"
EXACT = "all as it was"
# What the documentation names: these differences are no surprise.
JPEG_LOSS = "JPEG's loss, at most 1 level on average"
AVIF_LOSS = "AVIF's loss, at most 1 level on average"
WEBP = "WebP is lossless, whatever it was"
WIDER = "palettes and fewer than 8 bits become 8 bits a channel"
ALPHA = "one transparent colour becomes alpha"
NAMED = (JPEG_LOSS, AVIF_LOSS, WEBP, WIDER, ALPHA)


def identity(channels: int) -> keras.Model:
    """A network that gives back its input."""
    image = keras.Input((None, None, channels))
    return keras.Model(image, keras.layers.Activation("linear")(image))


def refine(corpus: Path, work: Path) -> dict[str, tuple[bytes | None, str]]:
    """Refines the corpus; the output of each image, or why there is none, by its name."""
    outcomes: dict[str, tuple[bytes | None, str]] = {}
    groups = defaultdict(list)
    for path in sorted(path for path in corpus.rglob("*") if path.is_file()):
        try:
            channels = decode_any(path, path.read_bytes()).image.shape[-1]
        except ImageError:
            channels = 3  # to be refused
        groups[{2: 1, 4: 3}.get(channels, channels)].append(path)
    for channels, paths in groups.items():
        source, out = work / f"source_{channels}", work / f"out_{channels}"
        for path in paths:
            link = source / path.relative_to(corpus)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)
        refine_dataset(
            identity(channels),
            source,
            out,
            on_bad_image="skip",
            label_folders=(),
            label_patterns=(),
            progress=False,
        )
        for line in read_manifest(out)[1]:
            name = line["input"]
            if line["action"] == "refined":
                outcomes[name] = ((out / name).read_bytes(), "")
            else:
                outcomes[name] = (None, line["reason"])
    return outcomes


def in_pillow(content: bytes) -> Image.Image | None:
    """An image as Pillow gives it; None where it cannot read it."""
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except Exception:
        return None
    return image


def metadata(image: Image.Image) -> dict:
    """All that Pillow knows of an image besides its pixels."""
    known = {}
    for name, value in image.info.items():
        if name not in ("transparency", "exif", "interlace", "progressive", "progression"):
            known[name] = value
    if isinstance(known.get("photoshop"), dict):  # but for thumbnails
        known["photoshop"] = {k: v for k, v in image.info["photoshop"].items() if k != 1036}
    if image.format != "TIFF":
        known |= exif(image)
    if image.format == "PNG":
        known |= {f"text {name}": str(value) for name, value in getattr(image, "text", {}).items()}
    return known


def exif(image: Image.Image) -> dict:
    """What Pillow makes of the EXIF block, but for its thumbnail."""
    try:
        block = image.getexif()
        known = {"exif": dict(block)}
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            known[f"exif {directory.name}"] = dict(block.get_ifd(directory))
        return known
    except Exception as error:  # a broken block is to stay as broken
        return {"exif": repr(error)}


def ignored(image: Image.Image) -> set[str]:
    """What Pillow calls metadata, but says how pixels are stored."""
    names = {"adobe", "adobe_transform", "compression"}
    if image.format == "PNG":  # of animations, which are refused
        names |= {"default_image", "bbox", "blend", "disposal", "duration"}
    if image.format == "BMP" and "dpi" not in image.info:
        names.add("dpi")  # which newer headers always have: 0
    return names


def tags(content: bytes) -> dict:
    """The tags of a TIFF, as tifffile reads them."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        return {
            (tag.code, tag.index if hasattr(tag, "index") else 0): str(tag.value)
            for tag in file.pages.first.tags
            if tag.code not in NOT_KEPT
        }


def second_reader(content: bytes, kind: str) -> np.ndarray | None:
    """The pixels as another program reads them; None where it cannot."""
    try:
        if kind == ".tif":
            with tifffile.TiffFile(io.BytesIO(content)) as file:
                page = file.pages.first
                image = page.asarray()
                if int(page.photometric) == 0:
                    image = (np.iinfo(image.dtype).max if image.dtype != bool else 1) - image
                if image.ndim == 3 and int(page.planarconfig) == 2:
                    image = np.moveaxis(image, 0, -1)
                return image
        if kind == ".png":
            import tensorflow as tf

            depth = tf.uint16 if content[24] == 16 else tf.uint8
            has_alpha = content[25] in (4, 6) or b"tRNS" in content  # TensorFlow's own is wrong
            return tf.io.decode_png(content, channels=3 + has_alpha, dtype=depth).numpy()
        if kind == ".bmp" and (content[28] == 16 or content[30]):
            return None  # OpenCV has the colours of 16 bits and of run lengths wrong
        return cv2.imdecode(np.frombuffer(content, "uint8"), cv2.IMREAD_UNCHANGED)
    except Exception:
        return None


def compare(source: bytes, output: bytes, kind: str) -> set[str]:
    """In what an output differs from its source."""
    found = set()
    old, new = in_pillow(source), in_pillow(output)
    if old is not None:
        found = (
            compare_in_pillow(old, new, kind, source[24] == 8)
            if new
            else {"Pillow cannot read the output"}
        )
    first, second = second_reader(source, kind), second_reader(output, kind)
    if old is None and first is None:
        found.add("no other program reads it")
    elif first is not None and (second is None or first.shape[:2] != second.shape[:2]):
        found.add("the second reader cannot read the output")
    elif first is not None and first.shape == second.shape and first.dtype == second.dtype:
        found |= differences(first.astype("int64"), second.astype("int64"), kind, "second reader")
    elif first is not None and not found & {ALPHA, WIDER}:
        found.add(
            f"second reader: {first.shape} {first.dtype} became {second.shape} {second.dtype}"
        )
    if kind == ".tif":
        old_tags, new_tags = tags(source), tags(output)
        for tag in sorted(old_tags.keys() | new_tags.keys()):
            if old_tags.get(tag) != new_tags.get(tag):
                found.add(f"tag {tag[0]}: {old_tags.get(tag)} became {new_tags.get(tag)}"[:90])
    if kind == ".webp" and b"VP8 " in source[:64]:
        found.add(WEBP)
    return found


def compare_in_pillow(
    old: Image.Image, new: Image.Image, kind: str, is_of_8_bits: bool
) -> set[str]:
    """In what an output differs from its source as Pillow reads the two."""
    found = set()
    if old.format != new.format:
        found.add(f"format {old.format} became {new.format}")
    if old.size != new.size:
        return found | {f"size {old.size} became {new.size}"}
    mode = old.mode
    if old.mode in ("1", "P", "PA", "YCbCr", "RGBX", "RGBa") or "transparency" in old.info:
        mode = new.mode
        found.add(ALPHA if "transparency" in old.info and old.mode != "P" else WIDER)
    if mode != new.mode:
        found.add(f"mode {old.mode} became {new.mode}")
    else:
        before = np.asarray(old.convert(mode) if old.mode != mode else old).astype("int64")
        # Pillow makes alpha of one transparent gray of 8 bits alone.
        if ALPHA not in found or old.mode == "RGB" or (old.mode == "L" and is_of_8_bits):
            found |= differences(before, np.asarray(new).astype("int64"), kind, "Pillow")
    before, after = metadata(old), metadata(new)
    for name in sorted((before.keys() | after.keys()) - ignored(old)):
        if str(before.get(name)) != str(after.get(name)):
            found.add(f"{name}: {str(before.get(name))[:40]} became {str(after.get(name))[:40]}")
    return found


def differences(before: np.ndarray, after: np.ndarray, kind: str, reader: str) -> set[str]:
    """In what pixels differ, as one reader gives them."""
    if before.shape != after.shape:
        return {f"{reader}: shape {before.shape} became {after.shape}"}
    distance = np.abs(before - after).mean()
    if distance == 0:
        return set()
    if kind in (".jpg", ".avif") and distance <= 1:
        return {JPEG_LOSS if kind == ".jpg" else AVIF_LOSS}
    return {f"{reader}: pixels differ by {distance:.2f} on average"}


def short(reason: str) -> str:
    """A reason for refusing, without names and numbers."""
    reason = reason.split("as it is: ")[-1].split("' ", 1)[-1]
    reason = re.sub(r", \d+ bytes\)", ")", reason.split(". ")[0])
    return re.sub(r"\b\d{3,}\b", "N", reason)[:90]


def main() -> None:
    """Refines, compares and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="a zip file of images")
    parser.add_argument("--table", type=Path, default=RESULTS, help="where to write the table")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        with zipfile.ZipFile(arguments.corpus) as file:
            file.extractall(corpus)
        outcomes = refine(corpus, Path(folder) / "work")
        sources = {name: (corpus / name).read_bytes() for name in outcomes}
    rows: dict[str, Counter] = defaultdict(Counter)
    refused: Counter = Counter()
    unexplained = []
    for name, (output, reason) in sorted(outcomes.items()):
        suffix = Path(name).suffix.lower()
        source = sources[name]
        kind = kind_of(source)
        row = (kind or suffix).strip(".").upper().replace("TIF", "TIFF")
        if output is None:
            rows[row]["refused"] += 1
            refused[row, short(reason)] += 1
            if (
                "damaged or truncated" in reason
                and in_pillow(source)
                and second_reader(source, kind or suffix) is not None
            ):
                unexplained.append((name, f"Pillow reads it: {short(reason)}"))
            continue
        found = compare(source, output, kind)
        surprises = found - set(NAMED)
        if surprises:
            rows[row]["unexplained"] += 1
            unexplained += [(name, each) for each in sorted(surprises)]
        elif found:
            rows[row]["named"] += 1
            for each in found:
                rows[row][each] += 1
        else:
            rows[row]["exact"] += 1
    write(arguments.table, arguments.corpus.name, len(outcomes), rows, refused, unexplained)


def write(table: Path, corpus: str, count: int, rows, refused, unexplained) -> None:
    """Writes the results as Markdown."""
    lines = [
        "# What refining changes in image files",
        "",
        f"    python benchmarks/corpus_identity.py {corpus}",
        "",
        f"{count} images of the test folders of Pillow, libvips, scikit-image, image-rs, libpng "
        "and imageio, refined with networks that give back what they get. Each output is compared "
        "with its source in Pillow and in a second reader (tifffile for TIFF, TensorFlow for PNG, "
        "OpenCV for JPEG, WebP, AVIF and BMP without run lengths and of other than 16 bits, whose "
        "colours it gets wrong): pixels, mode, depth, orientation, profile, resolution, EXIF, "
        "text, tags.",
        "",
        f"keras_simgan {__version__}, Keras {keras.__version__} on {keras.backend.backend()}, "
        f"Pillow {Image.__version__}, OpenCV {cv2.__version__}, tifffile {tifffile.__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores of {platform.machine()}.",
        "",
        "| format | all as it was | differs in what is named below | refused | unexplained |",
        "|---|---|---|---|---|",
    ]
    names = ("exact", "named", "refused", "unexplained")
    for row, counts in sorted(rows.items()):
        lines.append(f"| {row} | " + " | ".join(str(counts[name]) for name in names) + " |")
    total = [sum(counts[name] for counts in rows.values()) for name in names]
    lines += [f"| all | {' | '.join(map(str, total))} |", "", "Differences:", ""]
    for each in NAMED:
        lines.append(f"- {each}: {sum(counts[each] for counts in rows.values())} files")
    lines += ["", "Refused, with the way out in the error:", "", "| format | reason | files |"]
    lines.append("|---|---|---|")
    lines += [f"| {row} | {reason} | {n} |" for (row, reason), n in sorted(refused.items())]
    if unexplained:
        lines += ["", "Unexplained:", "", *(f"- {name}: {what}" for name, what in unexplained)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
