"""Refining the images inside TFRecord files, and so data sets of TensorFlow Datasets.

A TFRecord file is a sequence of `tf.train.Example`s. The image is the feature `image/encoded` or
`image` (as TensorFlow's object detection and TensorFlow Datasets call it), or another one if it is
the only one that holds a PNG or JPEG. It is refined and encoded in its own format; all other
features stay as they are, and so do the number and order of the examples. Files are finished one at
a time: a file in which a run was interrupted is begun anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_simgan.data.files import ImageError, replacing
from keras_simgan.data.images import decode_image, encode_image
from keras_simgan.disk import copy_regular, open_regular
from keras_simgan.refinement.image_refiner import ImageRefiner
from keras_simgan.refinement.record import Outcome, fingerprint

INFO = "dataset_info.json"
_IMAGE_FEATURES = ("image/encoded", "image")
_SIGNATURES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"BM": ".bmp"}


def is_tfrecord(name: str) -> bool:
    """Whether a file is a TFRecord file by its name, such as `train.tfrecord-00000-of-00002`.

    Args:
        name: The file.
    """
    parts = Path(name).name.lower().split(".")[1:]
    return any(part.split("-")[0] in ("tfrecord", "tfrecords") for part in parts)


def locate(source: str | Path) -> tuple[Path, str | None]:
    """Finds the folder of a data set.

    Args:
        source: A folder, a TFRecord file, or `tfds:NAME`, the name of a data set that TensorFlow
            Datasets has prepared.

    Returns:
        The folder, and the name of the file in it if it is only one.

    Raises:
        ImageError: If the data set is not there.
    """
    if str(source).startswith("tfds:"):
        return _prepared(str(source).removeprefix("tfds:")), None
    source = Path(source)
    if source.is_file() and is_tfrecord(source.name):
        return source.parent, source.name
    return source, None


def _prepared(name: str) -> Path:
    import tensorflow_datasets as tfds

    try:
        folder = Path(tfds.builder(name).data_path)
    except Exception as error:  # of many kinds: unknown names, versions, configurations
        raise ImageError(f"TensorFlow Datasets has no {name!r}: {error}") from error
    if not (folder / INFO).exists():
        raise ImageError(
            f"The data set {name!r} is not prepared: there is no {str(folder)!r}. Run "
            f"`tfds.load({name!r})` first, which downloads it."
        )
    return folder


def refine_file(
    refiner: ImageRefiner, source: Path, destination: Path, name: str, batch_size: int
) -> Outcome:
    """Refines the image of each example of a TFRecord file.

    Args:
        refiner: The refiner.
        source: The folder to read from.
        destination: The folder to write to.
        name: The file.
        batch_size: Images that are refined at once.

    Returns:
        What to note; `line["images"]` counts the images.

    Raises:
        ImageError: If the file is damaged, changes meanwhile or cannot be written, or an example
            has no image, or several, or one that cannot be refined. No example can be left out,
            for indices and counts beside the file would be wrong.
    """
    import tensorflow as tf

    path = source / name
    before = fingerprint(path)
    try:
        with open_regular(path) as file:
            compression = "GZIP" if file.read(2) == b"\x1f\x8b" else ""
        input_sha256 = copy_regular(path)
    except OSError as error:
        raise ImageError(
            f"The TFRecord file {str(path)!r} cannot be read: {error.strerror}."
        ) from error
    count = 0
    try:
        with replacing(destination / name) as temporary:
            with tf.io.TFRecordWriter(str(temporary), compression or None) as writer:
                for batch in _batches(path, compression, batch_size):
                    for example in _refined(refiner, path, count, batch):
                        writer.write(example)
                    count += len(batch)
            sha256 = copy_regular(temporary)
            if before != fingerprint(path):
                raise ImageError(
                    f"The TFRecord file {str(path)!r} changes while it is read. Wait until it is "
                    "written."
                )
    except tf.errors.OpError as error:  # TensorFlow's own kind of OSError
        raise ImageError(
            f"Cannot read {str(path)!r} or write {str(destination / name)!r}: {error.message}."
        ) from error
    line = {
        "input": name,
        "output": name,
        "action": "refined",
        "images": count,
        "input_sha256": input_sha256,
        "sha256": sha256,
    }
    return Outcome(name, line, before)


def _batches(path: Path, compression: str, batch_size: int) -> Iterator[list[bytes]]:
    import tensorflow as tf

    batch: list[bytes] = []
    try:
        for record in tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator():
            batch.append(record)
            if len(batch) == batch_size:
                yield batch
                batch = []
    except tf.errors.DataLossError as error:
        raise ImageError(
            f"The TFRecord file {str(path)!r} is damaged or truncated: {error.message}."
        ) from error
    if batch:
        yield batch


def _refined(refiner: ImageRefiner, path: Path, first: int, batch: list[bytes]) -> list[bytes]:
    import tensorflow as tf

    examples, images = [], []
    for number, record in enumerate(batch, start=first):
        where = f"{path}, example {number}"
        try:
            example = tf.train.Example.FromString(record)
        except Exception as error:  # protobuf's DecodeError has no public home
            raise ImageError(f"{where!r} is no tf.train.Example: {error}.") from error
        values = _image_values(example, where)
        image, metadata = decode_image(where, values[0])
        images.append(image)
        try:
            refiner.check(image)
        except ValueError as error:
            raise ImageError(f"The image of {where!r} cannot be refined. {error}") from error
        examples.append((example, values, where, metadata))
    for (_, values, where, metadata), image in zip(
        examples, _by_shape(refiner, images), strict=True
    ):
        values[0] = encode_image(where, image, metadata)
    return [example.SerializeToString() for example, *_ in examples]


def _by_shape(refiner: ImageRefiner, images: list[np.ndarray]) -> list[np.ndarray]:
    refined: dict[int, np.ndarray] = {}
    for shape in dict.fromkeys(image.shape for image in images):
        rows = [row for row, image in enumerate(images) if image.shape == shape]
        refined |= zip(rows, refiner.refine([images[row] for row in rows]), strict=True)
    return [refined[row] for row in range(len(images))]


def _image_values(example, where: str):
    """The list of bytes whose first item is the image."""
    features = example.features.feature
    encoded = [
        name
        for name in sorted(features)
        if features[name].bytes_list.value and _suffix(features[name].bytes_list.value[0])
    ]
    named = [name for name in _IMAGE_FEATURES if name in encoded] or encoded
    if not named or (len(named) > 1 and named[0] not in _IMAGE_FEATURES):
        raise ImageError(
            f"{where!r} has the features {sorted(features)}, of which {encoded or 'none'} hold a "
            "PNG, JPEG or BMP; expected `image/encoded` or `image`, or only one such feature."
        )
    values = features[named[0]].bytes_list.value
    if len(values) > 1:
        raise ImageError(
            f"{where!r} has {len(values)} values in the feature {named[0]!r}; expected one image. "
            "Write an example for each image."
        )
    return values


def _suffix(encoded: bytes) -> str:
    return next((s for start, s in _SIGNATURES.items() if encoded.startswith(start)), "")


def update_info(content: bytes, path: Path) -> bytes:
    """Brings the sizes in a data set's `dataset_info.json` up to date.

    Args:
        content: The file in the source.
        path: The file in the destination, beside the refined TFRecord files.

    Returns:
        The content, in which each split's `numBytes` is that of its files.
    """
    info = json.loads(content)
    for split in info.get("splits", []):
        files = path.parent.glob(f"*-{split['name']}.tfrecord*")
        # Each record has 16 bytes of length and checksums around it, which TFDS does not count.
        framing = 16 * sum(map(int, split.get("shardLengths", [])))
        size = sum(file.stat().st_size for file in files) - framing
        if size > 0:
            split["numBytes"] = str(size)
    return json.dumps(info, indent=2).encode()
