"""How good each refined image is."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from keras_simgan import metrics
from keras_simgan.evaluation.image_sample import ImageSample
from keras_simgan.metrics import FeatureExtractor

_BATCH_SIZE = 64


@dataclass(frozen=True)
class ImageScores:
    """A score for each refined image; higher is better.

    Attributes:
        values: Shape `(n,)`.
        name: What the scores are.
    """

    values: np.ndarray
    name: str


def recorded_scores(
    manifest: tuple[dict, list[dict]] | None, refined: ImageSample
) -> ImageScores | None:
    """The scores that the refinement wrote down.

    Args:
        manifest: Its header, and a dictionary a file.
        refined: The refined images.

    Returns:
        The scores; `None` where there is no manifest, or it does not score each of these images.
    """
    lines = {line["output"]: line for line in manifest[1] if "scores" in line} if manifest else {}
    if not refined.rows.keys() <= lines.keys():
        return None
    kind = "realism" if "realism" in next(iter(lines.values()))["scores"] else "label_agreement"
    values = np.array([lines[name]["scores"][kind] for name in refined.rows])
    return ImageScores(values, f"{kind.replace('_', ' ')}, from the refinement's manifest")


def measure_realism(
    synthetic: ImageSample, refined: ImageSample, real: np.ndarray, extractor: FeatureExtractor
) -> ImageScores:
    """How real each refined image is to a critic that tells synthetic from real images.

    Args:
        synthetic: The synthetic images, from whose features the critic learns.
        refined: What it judges.
        real: Features of the real images, shape `(n, d)`, which it learns from too.
        extractor: What they are features of.

    Returns:
        Probabilities of being real; all are 0.5 where the critic cannot tell synthetic from real
        images.
    """
    with warnings.catch_warnings():
        # RealismCritic warns where it finds no difference; equal scores show it.
        warnings.simplefilter("ignore", UserWarning)
        critic = metrics.RealismCritic.fit(real, synthetic.features, extractor)
    rows = np.arange(len(refined))
    values = [
        critic(refined.images[rows[start : start + _BATCH_SIZE]])
        for start in range(0, len(rows), _BATCH_SIZE)
    ]
    return ImageScores(
        np.concatenate(values), "realism, by a critic that tells synthetic from real images"
    )
