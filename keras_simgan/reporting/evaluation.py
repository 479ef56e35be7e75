"""What a refined set is worth: measured against real images."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_simgan import __version__, metrics
from keras_simgan.data.files import ImageError, list_images
from keras_simgan.data.image_set import ImageSet
from keras_simgan.data.images import read_image
from keras_simgan.metrics import ReferenceStatistics
from keras_simgan.refinement.annotations import is_label_image
from keras_simgan.refinement.manifest import MANIFEST, read_manifest
from keras_simgan.reporting import evaluation_measures as measures
from keras_simgan.reporting.evaluation_result import BOUNDS, Agreement, Evaluation
from keras_simgan.reporting.image_sample import ImageFit, ImageSample
from keras_simgan.reporting.transfer import measure_transfer

# Of fewer no measure can be computed in both halves of the real images, and no mean is sure.
_FEWEST = 20


def evaluate(
    synthetic: str | Path,
    refined: str | Path,
    real: str | Path | None = None,
    *,
    reference: ReferenceStatistics | None = None,
    labels: str | None = None,
    test: str | Path | None = None,
    label_model: keras.Model | None = None,
    label_distance: str | None = None,
    label_bound: float | None = None,
    sample: int = 2048,
    seed: int = 0,
    extractor: str | keras.Model | metrics.FeatureExtractor = "small",
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    convert_channels: bool = False,
    on_bad_image: str = "error",
    steps: int = 500,
    seeds: int = 3,
    trainings: str | Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Evaluation:
    r"""Measures whether refined images are nearer to real ones, and better to train on.

    Args:
        synthetic: Folder of the synthetic images.
        refined: Folder of the refined images, under the same names.
        real: Folder of real images.
        reference: Instead of `real`, what is kept of real images.
        labels: The field of `labels.json` or `labels.csv`, beside the synthetic, the refined and
            the real images, that a small network is trained to read; see `measure_transfer`.
        test: Folder of the labelled real images that it is tested on; `real` where left out.
        label_model: A model that reads the label from an image, for the label's agreement before
            and after.
        label_distance: `"angle"`, `"class"`, `"iou"` or `"keypoints"`; see
            `metrics.LabelAgreement`.
        label_bound: What the mean agreement is to keep to; `BOUNDS` where left out.
        sample: How many images of a folder to take at most. They are chosen at random, the same of
            `synthetic` and `refined`.
        seed: Of that choice.
        extractor: What `metrics.feature_extractor` takes.
        image_size: `(height, width)` to resize all images to; that of the first synthetic image
            where left out.
        channels: 1 or 3; that of the first synthetic image where left out.
        convert_channels: Whether to convert images of other channels instead of failing.
        on_bad_image: `"error"`, or `"skip"` to leave out images that cannot be used.
        steps: Steps of each training, of 64 images.
        seeds: Trainings for each training set.
        trainings: Folder that keeps the finished trainings, so that the same call goes on.
        say: Is told what is being done.

    Returns:
        The `Evaluation`; `verdict` decides by it, `evaluation_page.build` shows it.

    Raises:
        ImageError: If a folder has too few images, or one that cannot be used.
        LabelError: If the labels do not fit.
        ValueError: If arguments do not fit together, or no refined image has the name of a
            synthetic one.

    Example:
        >>> result = evaluate("renders", "refined", "photos")
        >>> print(result, verdict(result).sentence, sep="\n")
    """
    began = time.monotonic()
    _check(real, reference, labels, test, label_model, label_distance, sample, on_bad_image)
    extractor = metrics.feature_extractor(extractor)
    if reference is not None:
        reference.check(extractor)
    manifest = read_manifest(refined) if (Path(refined) / MANIFEST).is_file() else None
    folders = {"synthetic": synthetic, "refined": refined, "real": real, "test": test}
    folders = {kind: Path(folder) for kind, folder in folders.items() if folder is not None}
    names = {kind: list_images(folder) for kind, folder in folders.items()}
    names = _without_labels(names, manifest)
    known = set(names["synthetic"])
    if known.isdisjoint(names["refined"]):
        raise ValueError(
            f"No image in {str(refined)!r} has the name of one in {str(synthetic)!r}: they are "
            f"{names['refined'][:1]} and {names['synthetic'][:1]}. Expected refined images under "
            "the names of their synthetic originals, as `keras-simgan refine` writes them."
        )
    fit = _fit(
        [folders["synthetic"] / name for name in names["synthetic"]],
        image_size,
        channels,
        convert_channels,
        on_bad_image == "skip",
    )
    agreement = None
    if label_model is not None:
        _check_takes(label_model, (*fit.size, fit.channels))
        agreement = metrics.LabelAgreement(label_model, label_distance)

    samples = {}
    for kind, folder in folders.items():
        say(f"Reading {min(sample, len(names[kind])):,} of {len(names[kind]):,} {kind} images")
        labelled = labels is not None and (kind != "real" or test is None)
        samples[kind] = ImageSample.read(
            folder, names[kind], sample, seed, fit, extractor, labelled
        )
        if len(samples[kind]) < _FEWEST:
            raise ImageError(
                f"{str(folder)!r} has {len(samples[kind])} images that can be used; expected at "
                f"least {_FEWEST}."
            )
    before, after = samples["synthetic"], samples["refined"]
    # An original may be one that was skipped, or that was not chosen and so was not read yet.
    rows = [
        row
        for row, name in enumerate(after.images.names)
        if name in known
        and (name in before.rows or not fit.skip_bad or _usable(folders["synthetic"] / name, fit))
    ]
    if len(rows) < _FEWEST:
        raise ImageError(
            f"{len(rows)} of {len(after)} images taken from {str(refined)!r} have the name of a "
            f"usable one in {str(synthetic)!r}; expected at least {_FEWEST}. Refine these "
            "synthetic images, or name the folder that the refined ones come from."
        )
    originals = ImageSet(
        after.images.shape,
        [after.images.names[row] for row in rows],
        None,
        lambda name: fit.read(folders["synthetic"] / name),
    )
    pairs = (originals, after.images, np.array(rows))

    say(f"Measuring distances on the features of {extractor.name!r}")
    of_real = np.asarray((reference if real is None else samples["real"]).features, "float32")
    # As many of each, as some distances fall with the number of images.
    count = min(len(before), len(after))
    distances = measures.distances(
        {"synthetic": before.features[:count], "refined": after.features[:count]}, of_real
    )
    say(f"Comparing {len(rows):,} images before and after")
    similarity = measures.similarity(*pairs)
    if agreement is not None:
        mean = measures.label_agreement(agreement, *pairs)
        bound = BOUNDS[label_distance] if label_bound is None else label_bound
        agreement = Agreement(mean, label_distance, bound)
    scores, score_name = _scores_of(manifest, after)
    if scores is None:
        scores = measures.realism(before.features, after.images, of_real, extractor)
        score_name = "realism, by a critic that tells synthetic from real images"
    transfer = None
    if labels is not None:
        say(f"Training {3 * seeds} small networks to read {labels!r}, {steps:,} steps each")
        transfer = measure_transfer(
            {
                "synthetic": before,
                "refined": after,
                "test": samples["test" if test is not None else "real"],
            },
            labels,
            steps,
            seeds,
            None if trainings is None else Path(trainings),
        )
    counts = {f"{kind} images": f"{len(each):,}" for kind, each in samples.items()}
    if reference is not None:
        counts["real images"] = f"{reference.count:,}, of which features were kept"
    return Evaluation(
        distances,
        similarity,
        agreement,
        transfer,
        before,
        after,
        samples.get("real"),
        originals,
        np.array(rows),
        measures.nearest(after.features, of_real) if real is not None else None,
        scores,
        score_name,
        manifest,
        {
            **counts,
            "image size": f"{fit.size[0]}x{fit.size[1]}, {fit.channels} channels",
            "features": extractor.name,
            "seed of the choice": str(seed),
            "versions": f"keras_simgan {__version__}, Keras {keras.__version__} on "
            f"{keras.config.backend()}",
            "time": f"{time.monotonic() - began:.0f} seconds, finished "
            f"{time.strftime('%Y-%m-%d %H:%M')}",
        },
        extractor.distance_prefix,
    )


def _check(real, reference, labels, test, label_model, label_distance, sample, on_bad) -> None:
    if (real is None) == (reference is None):
        raise ValueError(
            "Pass one of `real` and `reference`: a folder of real images, or what is kept of them."
        )
    if labels is not None and real is None and test is None:
        raise ValueError("`labels` needs labelled real images to test on: pass `real` or `test`.")
    if test is not None and labels is None:
        raise ValueError("`test` does nothing without `labels`, the field of the label; pass both.")
    if (label_model is None) != (label_distance is None):
        raise ValueError("`label_model` and `label_distance` go together; pass both.")
    if label_distance is not None and label_distance not in BOUNDS:
        raise ValueError(
            f"`label_distance` must be one of {', '.join(BOUNDS)}. Received: {label_distance!r}"
        )
    if not isinstance(sample, int) or sample < _FEWEST:
        raise ValueError(f"`sample` must be a whole number from {_FEWEST}. Received: {sample!r}")
    if on_bad not in ("error", "skip"):
        raise ValueError(f'`on_bad_image` must be "error" or "skip". Received: {on_bad!r}')


def _fit(
    paths: list[Path],
    image_size: tuple[int, int] | None,
    channels: int | None,
    convert_channels: bool,
    skip_bad: bool,
) -> ImageFit:
    """Settles what is left open by the first synthetic image that can be read."""
    if image_size is None or channels is None:
        height, width, own = _first(paths, skip_bad).shape
        image_size, channels = image_size or (height, width), channels or own
    if channels not in (1, 3):
        raise ImageError(
            f"The image {str(paths[0])!r} has {channels} channels; distances are measured on "
            "gray or RGB images. Pass `channels=3, convert_channels=True` (--channels 3 "
            "--convert-channels) to leave alpha out."
        )
    return ImageFit(tuple(image_size), channels, convert_channels, skip_bad)


def _first(paths: list[Path], skip_bad: bool) -> np.ndarray:
    for path in paths:
        try:
            return read_image(path)
        except ImageError:
            if not skip_bad or path == paths[-1]:
                raise
    raise AssertionError("list_images gives at least one")


def _usable(path: Path, fit: ImageFit) -> bool:
    try:
        fit.read(path)
    except ImageError:
        return False
    return True


def _without_labels(
    names: dict[str, list[str]], manifest: tuple[dict, list[dict]] | None
) -> dict[str, list[str]]:
    """Without masks and other images that are labels, as the manifest knows them or by folder."""
    kept = {
        kind: [name for name in listed if not is_label_image(name)] or listed
        for kind, listed in names.items()
    }
    if manifest is None:
        return kept
    lines = manifest[1]
    refined = {line["output"] for line in lines if line["action"] == "refined"}
    copied = {
        line["input"]
        for line in lines
        if line["action"] in ("copied", "rewritten")
        or line["action"] == "rejected"
        and "scores" not in line
    }
    return kept | {
        "synthetic": [name for name in names["synthetic"] if name not in copied],
        "refined": [name for name in names["refined"] if name in refined],
    }


def _scores_of(
    manifest: tuple[dict, list[dict]] | None, refined: ImageSample
) -> tuple[np.ndarray | None, str]:
    """The scores that the refinement wrote down; `None` where it did not score these images."""
    lines = {line["output"]: line for line in manifest[1] if "scores" in line} if manifest else {}
    if not refined.rows.keys() <= lines.keys():
        return None, ""
    kind = "realism" if "realism" in next(iter(lines.values()))["scores"] else "label_agreement"
    scores = np.array([lines[name]["scores"][kind] for name in refined.rows])
    return scores, f"{kind.replace('_', ' ')}, from the refinement's manifest"


def _check_takes(model: keras.Model, shape: tuple[int, int, int]) -> None:
    expected = model.input_shape[1:]
    if len(expected) != 3 or any(
        own not in (None, size) for own, size in zip(expected, shape, strict=True)
    ):
        raise ValueError(
            f"The label model takes images of shape {expected}, but these are {shape}. Pass "
            "`image_size` and `channels` that fit it, or another model."
        )
