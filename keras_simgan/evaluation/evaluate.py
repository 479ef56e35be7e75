"""What a refined set is worth: measured against real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
from sklearn.metrics import pairwise_distances_argmin

from keras_simgan import __version__, metrics
from keras_simgan.data.files import ImageError
from keras_simgan.evaluation.distances import measure_distances
from keras_simgan.evaluation.evaluation import Evaluation
from keras_simgan.evaluation.image_fit import ImageFit
from keras_simgan.evaluation.image_folders import ImageFolder, ImageFolders
from keras_simgan.evaluation.image_pairs import ImagePairs
from keras_simgan.evaluation.image_sample import ImageSample
from keras_simgan.evaluation.label_agreement import AgreementOptions, measure_agreement
from keras_simgan.evaluation.realism import measure_realism, recorded_scores
from keras_simgan.evaluation.sample_options import MINIMUM_IMAGES, SampleOptions
from keras_simgan.evaluation.similarity import measure_similarity
from keras_simgan.evaluation.transfer import ARMS, Transfer, TransferOptions, measure_transfer
from keras_simgan.evaluation.transfer_labels import known, read_transfer_labels
from keras_simgan.metrics import FeatureExtractor, ReferenceStatistics


def evaluate(
    synthetic: str | Path,
    refined: str | Path,
    real: str | Path | None = None,
    *,
    reference: ReferenceStatistics | None = None,
    extractor: str | keras.Model | FeatureExtractor = "small",
    sample: SampleOptions | None = None,
    agreement: AgreementOptions | None = None,
    transfer: TransferOptions | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> Evaluation:
    """Measures whether refined images are nearer to real ones, and better to train on.

    Args:
        synthetic: Folder of the synthetic images.
        refined: Folder of the refined images, under the same names.
        real: Folder of real images.
        reference: Instead of `real`, what is kept of real images.
        extractor: What `metrics.feature_extractor` takes.
        sample: Which images are taken, and what they are brought to.
        agreement: A model that reads the label from an image, to compare it before and after.
        transfer: The label that a small network is trained to read from the synthetic and from the
            refined images, and tested on real ones; see `measure_transfer`.
        log: Is called with a line of text for each step that takes time.

    Returns:
        The `Evaluation`; `verdict` decides by it, `reporting.evaluation_page.build` shows it.

    Raises:
        ImageError: If a folder has too few images, or one that cannot be used.
        LabelError: If the labels do not fit.
        ValueError: If arguments do not fit together, or no refined image has the name of a
            synthetic one.

    Example:
        >>> import tempfile
        >>> from keras_simgan.data import write_folder
        >>> sets = np.random.default_rng(0).integers(0, 255, (3, 20, 12, 12, 1), "uint8")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     folders = [f"{folder}/{name}" for name in ("renders", "refined", "photos")]
        ...     for name, images in zip(folders, sets):
        ...         write_folder(name, images)
        ...     evaluation = evaluate(*folders, sample=SampleOptions(500))
        >>> print(evaluation)  # doctest: +ELLIPSIS
        measure (better) ...
    """
    _check_real(real, reference, transfer)
    extractor = metrics.feature_extractor(extractor)
    if reference is not None:
        reference.check(extractor)
    sample = sample or SampleOptions()
    test = None if transfer is None else transfer.test
    folders = ImageFolders.list(synthetic, refined, real, test, sample)
    fit = ImageFit.settle(sample, folders.of["synthetic"].paths)
    if agreement is not None:
        agreement.check_input(fit.shape)
    # Before any image is read, as a mistake in the labels shows at once.
    labels: dict[str, dict[str, np.ndarray]] = {}
    if transfer is not None:
        labels = read_transfer_labels(folders, transfer.label, transfer.labels_encoding)
    samples = {
        kind: _read_sample(kind, folder, sample, fit, extractor, labels.get(kind, {}), log)
        for kind, folder in folders.of.items()
    }
    before, after = samples["synthetic"], samples["refined"]
    pairs = ImagePairs.match(folders, fit, before, after)

    log(f"Measuring distances on the features of {extractor.name!r}")
    real_features = samples["real"].features if reference is None else reference.features
    real_features = real_features.astype("float32")
    distances = measure_distances(
        {"synthetic": before.features, "refined": after.features}, real_features
    )
    log(f"Comparing {len(pairs):,} images before and after")
    similarity = measure_similarity(pairs)
    agreed = None if agreement is None else measure_agreement(pairs, agreement)
    scores = recorded_scores(folders.manifest, after)
    if scores is None:
        scores = measure_realism(before, after, real_features, extractor)
    transferred = None if transfer is None else _transfer(samples, transfer, log)
    facts = _facts(samples, reference, fit, extractor, sample.seed)
    return Evaluation(
        distances=distances,
        similarity=similarity,
        agreement=agreed,
        transfer=transferred,
        synthetic=before,
        refined=after,
        real=samples.get("real"),
        originals=pairs.originals,
        paired=pairs.rows,
        nearest=None if real is None else _nearest(after.features, real_features),
        scores=scores.values,
        score_name=scores.name,
        manifest=folders.manifest,
        facts=facts,
        distance_prefix=extractor.distance_prefix,
    )


def _check_real(
    real: str | Path | None,
    reference: ReferenceStatistics | None,
    transfer: TransferOptions | None,
) -> None:
    if (real is None) == (reference is None):
        raise ValueError(
            "Pass one of `real` and `reference`: a folder of real images, or what is kept of them."
        )
    if transfer is not None and real is None and transfer.test is None:
        raise ValueError(
            "`transfer` needs labelled real images to test on: pass `real`, or `test` in its "
            "options."
        )


def _read_sample(
    kind: str,
    folder: ImageFolder,
    options: SampleOptions,
    fit: ImageFit,
    extractor: FeatureExtractor,
    labels: Mapping[str, np.ndarray],
    log: Callable[[str], None],
) -> ImageSample:
    count = len(folder.names)
    log(f"Reading {min(options.sample_size, count):,} of {count:,} {kind} images")
    sample = ImageSample.read(folder, options, fit, extractor, labels)
    if len(sample) < MINIMUM_IMAGES:
        raise ImageError(
            f"{str(folder.path)!r} has {len(sample)} images that can be used; expected at least "
            f"{MINIMUM_IMAGES}."
        )
    return sample


def _transfer(
    samples: Mapping[str, ImageSample], options: TransferOptions, log: Callable[[str], None]
) -> Transfer:
    of = {**samples, "test": samples["real" if options.test is None else "test"]}
    of = {name: of[name] for name in ("synthetic", "refined", "test")}
    log(
        f"Training {len(ARMS) * options.seeds} small networks to read {options.label!r}, "
        f"{options.steps:,} steps each"
    )
    for name, sample in of.items():
        rows, _ = known(sample.images.labels[options.label], name, options.label)
        if len(rows) < len(sample):
            log(f"without {len(sample) - len(rows):,} {name} images, which have no label")
    return measure_transfer(of, options)


def _nearest(features: np.ndarray, real: np.ndarray) -> np.ndarray:
    """For each image the row of the real image with the nearest features, by Euclidean distance."""
    # Squared distances are differences of large numbers, for which single precision is too little.
    return pairwise_distances_argmin(features.astype("float64"), real.astype("float64"))


def _facts(
    samples: Mapping[str, ImageSample],
    reference: ReferenceStatistics | None,
    fit: ImageFit,
    extractor: FeatureExtractor,
    seed: int,
) -> dict[str, str]:
    """How the numbers were made, for the reader; no time, so that the same gives the same."""
    counts = {f"{kind} images": f"{len(each):,}" for kind, each in samples.items()}
    if reference is not None:
        counts["real images"] = f"{reference.count:,}, of which features were kept"
    return {
        **counts,
        "image size": f"{fit.size[0]}x{fit.size[1]}, {fit.channels} channels",
        "features": extractor.name,
        "seed of the choice": str(seed),
        "versions": f"keras_simgan {__version__}, Keras {keras.__version__} on "
        f"{keras.config.backend()}",
    }
