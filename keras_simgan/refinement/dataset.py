"""Refining a data set on disk into another folder."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan.data.files import check_on_bad_image
from keras_simgan.data.label_images import LabelRule
from keras_simgan.refinement.image_refiner import SOURCE_TO_TARGET
from keras_simgan.refinement.record import BEGUN, TODO
from keras_simgan.refinement.run import RefinementReport, RefinementRun
from keras_simgan.refinement.scores import scores_of
from keras_simgan.refinement.shards import ShardRefiner


def refine_dataset(
    model: keras.Model | str | Path,
    source: str | Path,
    destination: str | Path,
    *,
    direction: str = SOURCE_TO_TARGET,
    overwrite: bool = False,
    batch_size: int = 64,
    on_bad_image: str = "error",
    tile: int | tuple[int, int] | None = None,
    overlap: int | None = None,
    label_folders: Sequence[str] | None = None,
    label_patterns: Sequence[str] | None = None,
    label_maps: dict[str, Any] | None = None,
    instances: str | Path | None = None,
    critic: Callable[[np.ndarray], np.ndarray] | None = None,
    label_agreement: Callable | None = None,
    keep_fraction: float | None = None,
    progress: bool = True,
    beam_options: Sequence[str] | None = None,
) -> RefinementReport:
    """Refines a data set, so that it keeps its names, folders and labels.

    Images of any size are refined at their own size, bit depth and channels (see `ImageRefiner`)
    and are written under the same name, in the format of their content, with all that their files
    hold besides pixels; `docs/image_files.md` says what does not stay. In TFRecord files each
    example's image is refined, and so in data sets of TensorFlow Datasets (see `tfrecords`). All
    other files are copied: labels, and images that are masks. Annotations stay as they are, to the
    byte, unless they hold absolute paths into the source, which then point into the destination, or
    name images that were left out; of more than 256 MiB they are copied with a warning. Hidden
    files are left out; links are followed, to each folder once.

    Labels of images that were left out go with them: rows, items and lines of annotations, and
    files beside the images or in a folder of labels. Where that is not clear they stay; a file that
    still names such an image is warned of, with the name, and noted in the manifest.

    What shows images as they were is not handed on silently: copies of pixels in JSON (labelme's
    `imageData`) become `null`; caches that trainers read in place of images (`a.npy` beside
    `a.jpg`, `labels.cache`, `Thumbs.db`) are left out; archives, videos, and texts with pictures in
    them are copied with a warning. Thumbnails that are image files are refined as all images are.

    Of a model that was trained on label maps, such as a pix2pix, each image is a label map, and the
    photo that is made of it has its name (see `LabelMapRefiner`). The map itself is copied, to the
    byte, to the same name in the destination's folder `label_maps`, so photos and labels are a data
    set together.

    `manifest.jsonl` in the destination says of each file what was done, with SHA-256 of input and
    output and, for images, scores. Files appear whole or not at all. A run that was interrupted, by
    `kill -9` too, goes on when it is called again: a record in the destination
    (`.keras_simgan.sqlite`) knows what is finished. Files that are not in the record are
    somebody's own and are not replaced without `overwrite`, nor is what another source gave. Two
    runs into one destination exclude each other. Memory does not grow with the number of files.

    With `keep_fraction` only the best images are kept. An image's rank is the mean, over the given
    scores, of the share of images that it is better than.

    Args:
        model: A `SimGAN`, `CycleGAN` or other `models.GAN`, a network that refines, or a preset's
            name or folder.
        source: A folder of images or TFRecord files, one TFRecord file, or `tfds:NAME` for a
            prepared data set of TensorFlow Datasets.
        destination: The folder to write to; made when missing.
        direction: `"source_to_target"`, or `"target_to_source"` where the model also translates
            back. The two are different refiners: each needs a destination of its own.
        overwrite: Whether to replace files that are in the way, and results of other settings.
        batch_size: Images that are refined at once; fewer where they are large.
        on_bad_image: `"error"`, or `"skip"` to leave out images that cannot be refined; they are
            warned of and listed in the manifest.
        tile: Refine larger images by tiles of this size in pixels; see `ImageRefiner`.
        overlap: Pixels that a tile reaches beyond its place on each side; see `ImageRefiner`.
        label_folders: Names of folders, at any depth, whose images are labels and are copied; see
            `data.list_images`. They replace the known ones, such as `masks`; `()` is none.
        label_patterns: Patterns of the names of images that are labels, likewise.
        label_maps: What the source's label maps are, for a model in memory that was trained on
            them: a dictionary such as `{"classes": 12}`, with `"colours"`, `"ignore"` and
            `"instances"` where they apply; see `LabelMapRefiner`. A preset knows its own.
        instances: A folder of instance maps, each under the name of its label map but for the
            suffix; for models that were trained with them, which need it.
        critic: How real each image is: a function of images in [-1, 1], shape
            `(n, height, width, 1 or 3)`, to n scores, higher is more real;
            `metrics.RealismCritic` is one. A run that goes on needs the same one. Images inside
            TFRecord files get no scores.
        label_agreement: A `metrics.LabelAgreement`, asked for each image with what its model reads
            before and after; of photos made of label maps, with the map and what its model reads
            in the photo. Pixels to ignore are a class of their own there, after the last.
        keep_fraction: The share of images to keep, above 0 and up to 1; needs a score.
        progress: Whether to show a progress bar.
        beam_options: Refine the images with Apache Beam, with these options of its pipeline, such
            as `["--runner=FlinkRunner", ...]`; see `keras_simgan.refinement.beam`. The result is
            the same, the manifest byte for byte.

    Returns:
        A `RefinementReport`.

    Raises:
        RefinementError: If the folders overlap, the destination holds other files of these names
            or results of other settings, another run is writing to it, a folder in it is a link
            into the source or its record is one, or the source has a `manifest.jsonl` of its own,
            or label maps and a folder `label_maps`.
        ImageError: If the source has no images, or one cannot be refined. What is finished stays.
        ValueError: If an argument is out of range, the model does not have this direction or does
            not fit `label_maps` and `instances`, or the source has TFRecord files and scores are
            asked for or the model gives other channels than it takes.
        ImportError: If Apache Beam is asked for and not installed.

    Example:
        >>> from keras_simgan.data import write_folder
        >>> from keras_simgan.networks import Refiner
        >>> write_folder("renders", np.zeros((2, 36, 60, 1), "uint8"), {"gaze": np.zeros((2, 2))})
        >>> refiner = Refiner((36, 60, 1), filters=4, blocks=1)
        >>> report = refine_dataset(refiner, "renders", "refined", progress=False)
        >>> report.refined, sorted(path.name for path in Path("refined").glob("[!.]*"))
        (2, ['000000.png', '000001.png', 'labels.json', 'manifest.jsonl'])
    """
    _check(on_bad_image, critic, label_agreement, keep_fraction)
    scores = scores_of(critic, label_agreement)
    with RefinementRun(
        model,
        source,
        destination,
        direction=direction,
        overwrite=overwrite,
        batch_size=batch_size,
        skip_bad=on_bad_image == "skip",
        tile=tile,
        overlap=overlap,
        label_rule=LabelRule(label_folders, label_patterns),
        label_maps=label_maps,
        instances=instances,
        scores=scores,
        keep_fraction=keep_fraction,
    ) as run:
        if beam_options is None:
            worker = ShardRefiner(run.refiner, run.source, run.destination, scores)
            refine = functools.partial(_refine_here, run, worker, progress)
        else:
            # Apache Beam is optional, and slow to import.
            from keras_simgan.refinement.beam_pipeline import RefineShards, refine_images

            shards = RefineShards(
                model,
                run.source,
                run.destination,
                direction,
                tile,
                overlap,
                critic,
                label_agreement,
                label_maps,
                instances,
            )
            refine = functools.partial(refine_images, run, shards, beam_options)
        while True:
            if run.count_images(TODO, BEGUN):
                refine()
            # Where the ranking changes, images that were rejected before come back.
            if not run.reject():
                break
        run.finish()
    return run.report


def _refine_here(run: RefinementRun, worker: ShardRefiner, progress: bool) -> None:
    total = run.count_images()
    done = total - run.count_images(TODO, BEGUN)
    bar = keras.utils.Progbar(total, unit_name="image", verbose=int(progress))
    bar.update(done)
    for outcomes, failed in worker.refine(run.begin_shards()):
        run.take_in(outcomes, failed)
        done += len(outcomes) + len(failed)
        bar.update(done)


def _check(on_bad_image: str, critic, label_agreement, keep_fraction) -> None:
    check_on_bad_image(on_bad_image)
    if keep_fraction is None:
        return
    if not 0 < keep_fraction <= 1:
        raise ValueError(
            f"`keep_fraction` must be above 0 and at most 1. Received: {keep_fraction!r}"
        )
    if critic is None and label_agreement is None:
        raise ValueError(
            "`keep_fraction` keeps the best images, so it needs a score: pass `critic`, "
            "`label_agreement`, or both."
        )
