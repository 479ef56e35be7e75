"""What `evaluate` found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_simgan.data.image_set import ImageSet
from keras_simgan.evaluation.image_sample import ImageSample
from keras_simgan.evaluation.label_agreement import Agreement
from keras_simgan.evaluation.transfer import Transfer
from keras_simgan.metrics import Estimate

_COLUMNS = ("synthetic", "refined", "floor")
_SHORT = {"kernel distance": "KID", "Frechet distance": "FID"}
_BETTER = {
    "kernel distance": "lower",
    "Frechet distance": "lower",
    "domain classifier accuracy": "near 0.5",
    "precision": "higher",
    "recall": "higher",
}


@dataclass
class Evaluation:
    """What `evaluate` measured.

    Attributes:
        distances: By measure (`"kernel distance"`, `"Frechet distance"`,
            `"domain classifier accuracy"`, `"precision"`, `"recall"`) and by what was compared with
            the real images: `"synthetic"`, `"refined"` and `"floor"`, which is one half of the real
            images compared with the other.
        similarity: `"SSIM"` and `"PSNR"` (decibels) of refined and synthetic images.
        agreement: Of the labels, where a model that reads them was given.
        transfer: What a network trained on them is worth, where labels were given.
        synthetic: The synthetic images.
        refined: The refined images.
        real: The real images; `None` where a reference took their place.
        originals: The synthetic images of the names of refined ones.
        paired: For each of them the row of the refined image.
        nearest: For each refined image the row of the real image with the nearest features.
        scores: For each refined image how good it is.
        score_name: What the scores are.
        manifest: What `refine_dataset` wrote down: the header, and a dictionary a file.
        facts: How the numbers were made, for the reader.
        distance_prefix: What the extractor puts before KID and FID, which are those of the
            reference Inception network.
    """

    distances: dict[str, dict[str, Estimate]]
    similarity: dict[str, Estimate]
    agreement: Agreement | None
    transfer: Transfer | None
    synthetic: ImageSample
    refined: ImageSample
    real: ImageSample | None
    originals: ImageSet
    paired: np.ndarray
    nearest: np.ndarray | None
    scores: np.ndarray
    score_name: str
    manifest: tuple[dict, list[dict]] | None
    facts: dict[str, str]
    distance_prefix: str

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The headers and the rows of the one table."""
        headers = ["measure (better)", "synthetic", "refined", "real, half to half"]
        rows = []
        for measure, of in self.distances.items():
            short = f", {self.distance_prefix}{_SHORT[measure]}" if measure in _SHORT else ""
            label = f"{measure}{short} ({_BETTER[measure]})"
            rows.append([label, *(str(of[name]) for name in _COLUMNS)])
        for measure, value in self.similarity.items():
            unit = ", dB" if measure == "PSNR" else ""
            rows.append([f"{measure} to synthetic{unit}", "", str(value), ""])
        if self.agreement:
            name = {"angle": "angle, degrees", "keypoints": "distance of points"}
            distance = name.get(self.agreement.distance, self.agreement.distance)
            better = "higher" if self.agreement.higher_is_better else "lower"
            label = f"label before and after, {distance} ({better})"
            rows.append([label, "", str(self.agreement.mean), ""])
        if self.transfer:
            scores, unit = self.transfer.scores, self.transfer.unit
            better = "lower" if self.transfer.lower_is_better else "higher"
            means = {name: str(score.mean) for name, score in scores.items()}
            gains = str(scores["refined"].gain), str(self.transfer.over_augmented)
            rows += [
                [f"trained on it, {unit} ({better})", means["synthetic"], means["refined"], ""],
                [f"the same, augmented, {unit} ({better})", means["augmented"], "", ""],
                [f"gain over synthetic, {unit} (higher)", "", gains[0], ""],
                [f"gain over augmented, {unit} (higher)", "", gains[1], ""],
            ]
        return headers, rows

    def __str__(self) -> str:
        """The table as text."""
        headers, rows = self.table()
        widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [headers, ["-" * width for width in widths], *rows]
        )
