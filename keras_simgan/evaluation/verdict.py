"""Whether to train on the refined set, by rules that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.stats

from keras_simgan.evaluation.evaluation import Evaluation
from keras_simgan.evaluation.label_agreement import Agreement
from keras_simgan.evaluation.transfer import Transfer, gain_of
from keras_simgan.metrics import Estimate

_SIGNIFICANCE = 0.05
WITH_LABELS = (
    "The rule: yes only if the 95 % interval of the gain on real images, of training on the "
    "refined instead of the synthetic images, lies above zero, the trainings do not differ as much "
    "among themselves (Mann-Whitney test of the seeds' scores at 5 %: of three seeds, the worst on "
    "the refined images beats the best on the synthetic), the network does better than always "
    "giving the same answer, and plain augmentation of the synthetic images does not clearly do "
    "better, by the same two tests."
)
WITHOUT_LABELS = (
    "The rule without labels of real images: no, unless the kernel distance to the real images "
    "fell so far that the 95 % intervals before and after do not overlap, and the labels agree (or "
    "it is said that nobody knows). Then the images are nearer, and no distance shows more. "
    "Whether they train better is shown by networks that are trained and tested with --labels."
)


@dataclass(frozen=True)
class Verdict:
    """An answer and its reasons.

    Attributes:
        train: Whether to train on the refined set; `None` where the images are nearer to real ones
            and no network was trained on them, which would show it.
        sentence: The answer and the reason for it.
        remarks: What else to know, a sentence each.
        rule: How it was decided.
    """

    train: bool | None
    sentence: str
    remarks: tuple[str, ...]
    rule: str


def verdict(evaluation: Evaluation) -> Verdict:
    """Decides whether to train on the refined set.

    Args:
        evaluation: What was measured.
    """
    if evaluation.transfer is not None:
        return _by_transfer(evaluation.transfer, evaluation.distances, evaluation.agreement)
    return _by_distance(evaluation)


def _by_transfer(
    transfer: Transfer,
    distances: Mapping[str, Mapping[str, Estimate]],
    agreement: Agreement | None,
) -> Verdict:
    synthetic, augmented, refined = (
        transfer.scores[name].mean.value for name in ("synthetic", "augmented", "refined")
    )
    over_synthetic = _clear_gain(transfer, "synthetic")
    over_augmented = _clear_gain(transfer, "augmented")
    unit = transfer.unit
    numbers = (
        f"trained on the refined images, a small network comes to {refined:.3g} {unit} on "
        f"{transfer.images:,} real ones, trained on the synthetic images to {synthetic:.3g} "
        f"({_signed(gain_of(transfer.scores['refined']))})"
    )
    above_chance = refined - transfer.chance
    if (-above_chance if transfer.lower_is_better else above_chance) <= 0:
        train = False
        sentence = (
            f"Do not decide by these networks: {numbers}, but always giving the same answer comes "
            f"to {transfer.chance:.3g} {unit}. Train longer (--steps) or on more images (--sample)."
        )
    elif over_synthetic < 0:
        train, sentence = False, f"Do not train on the refined set: {numbers}, which is worse."
    elif over_augmented < 0:
        train = False
        sentence = (
            f"Do not train on the refined set alone: {numbers}, but plain augmentation of the "
            f"synthetic images comes to {augmented:.3g} {unit}, which is better."
        )
    elif over_synthetic == 0:
        train = False
        sentence = (
            f"Do not train on the refined set yet: {numbers}, a difference that may be chance."
        )
    else:
        train, sentence = True, f"Train on the refined set: {numbers}, which is better."
    distance = distances["kernel distance"]
    remarks = [
        *([_augmentation_remark(transfer, over_augmented > 0)] if train else []),
        *([] if over_synthetic else _seed_remarks(transfer)),
        f"The kernel distance to the real images went from {distance['synthetic']} to "
        f"{distance['refined']}; the networks count for more.",
        *_worse_remarks(distances),
        *_label_remarks(agreement, decided=True),
    ]
    return Verdict(train, sentence, tuple(remarks), WITH_LABELS)


def _clear_gain(transfer: Transfer, baseline: str) -> int:
    """1 where training on the refined images is clearly better than on others, -1 where worse.

    0 where the difference may be chance: of the test images, by the gain's interval, or of the
    trainings, by their scores. Two trainings on one set often exclude zero from the interval too.
    """
    over_synthetic = gain_of(transfer.scores["refined"])
    gains = {"synthetic": over_synthetic, "augmented": transfer.over_augmented}
    low, high = gains[baseline].interval
    sign = -1 if transfer.lower_is_better else 1
    refined, others = (sign * np.array(transfer.scores[n].seeds) for n in ("refined", baseline))
    if low > 0 and _is_ahead(refined, others):
        return 1
    return -1 if high < 0 and _is_ahead(others, refined) else 0


def _is_ahead(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether scores are higher than others by more than chance, Mann-Whitney's exact test at 5 %.

    Args:
        first: A score a seed, shape `(k,)`.
        second: The others, shape `(k,)`.
    """
    ranks = scipy.stats.rankdata([*first, *second], method="dense")
    # The exact test knows no ties. Half a rank down, an equal score counts against the first.
    first_ranks, second_ranks = ranks[: len(first)] - 0.5, ranks[len(first) :]
    test = scipy.stats.mannwhitneyu(
        first_ranks, second_ranks, alternative="greater", method="exact"
    )
    # Of three seeds the smallest p-value is 1 / 20 itself, which rounding must not lift.
    return bool(test.pvalue <= _SIGNIFICANCE + 1e-9)


def _augmentation_remark(transfer: Transfer, is_better: bool) -> str:
    gain = f"the gain over it is {transfer.over_augmented} {transfer.unit}"
    if is_better:
        return (
            "It is also better than plain augmentation of the synthetic images (gamma, shift, "
            f"blur, noise): {gain}."
        )
    return (
        "Plain augmentation of the synthetic images (gamma, shift, blur, noise) does about as "
        f"well: {gain}. Try both together."
    )


def _seed_remarks(transfer: Transfer) -> list[str]:
    """Why a gain whose interval excludes zero may still be chance."""
    low, high = gain_of(transfer.scores["refined"]).interval
    synthetic, refined = (transfer.scores[name].seeds for name in ("synthetic", "refined"))
    if low <= 0 <= high:
        return []
    if len(refined) < 3:
        return [
            f"With --seeds {len(refined)} a gain cannot be told from the luck of a training: give "
            "3 or more."
        ]
    return [
        f"The trainings differ among themselves, from {min(synthetic):.3g} to "
        f"{max(synthetic):.3g} on the synthetic images and from {min(refined):.3g} to "
        f"{max(refined):.3g} on the refined: more --seeds make this surer."
    ]


def _by_distance(evaluation: Evaluation) -> Verdict:
    distances, agreement = evaluation.distances, evaluation.agreement
    before, after = (distances["kernel distance"][name] for name in ("synthetic", "refined"))
    numbers = f"kernel distance to the real images went from {before} to {after}"
    (low_before, high_before), (low_after, high_after) = before.interval, after.interval
    train: bool | None = False
    remarks = _worse_remarks(distances)
    if low_after > high_before:
        sentence = f"Do not train on the refined set: the {numbers}, so it looks less real."
    elif high_after >= low_before:
        sentence = (
            f"Do not train on the refined set yet: the {numbers}, a difference that may be chance."
        )
    elif agreement is not None and not agreement.holds:
        sentence = (
            f"Do not train on the refined set: the {numbers}, so it looks more real, but its "
            f"labels no longer fit ({agreement.text}, expected {agreement.expected})."
        )
    else:
        train = None
        said = (
            "Nearer to the photos; whether it trains better is not known: give --labels. "
            f"The {numbers}{', and its labels still fit' if agreement else ''}."
        )
        sentence, remarks = " ".join([said, *remarks]), []
    accuracy = distances["domain classifier accuracy"]["refined"]
    if train is None and accuracy.interval[0] > 0.9:
        remarks.append(
            f"A classifier still tells refined from real images in {100 * accuracy.value:.0f} % of "
            "cases: they are nearer, not alike."
        )
    remarks = [*_label_remarks(agreement, decided=False), *remarks]
    return Verdict(train, sentence, tuple(remarks), WITHOUT_LABELS)


def _worse_remarks(distances: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """What got clearly worse beside the kernel distance, in a sentence; none where nothing did."""
    worse = []
    for measure, values in distances.items():
        before, after = values["synthetic"], values["refined"]
        if measure in ("precision", "recall") and after.interval[1] < before.interval[0]:
            worse.append(f"{measure} fell from {before} to {after}")
        if measure == "domain classifier accuracy" and after.interval[0] > before.interval[1]:
            worse.append(
                f"a classifier tells refined from real images in {after} of cases, synthetic ones "
                f"in {before}"
            )
    return [f"Not all measures agree: {', and '.join(worse)}."] if worse else []


def _label_remarks(agreement: Agreement | None, decided: bool) -> list[str]:
    if agreement is None:
        if decided:
            return []
        return [
            "Whether the refined images still show what their labels say is unknown: give a model "
            "that reads the label, --label-model and --label-distance, or compare the pairs below "
            "by eye."
        ]
    if agreement.holds:
        return [f"The labels agree: {agreement.text} (expected {agreement.expected})."]
    return [
        f"The labels do not agree as expected: {agreement.text} (expected {agreement.expected})."
    ]


def _signed(gain: Estimate) -> str:
    low, high = gain.interval
    return f"a gain of {gain.value:+.3g}, 95 % interval {low:+.3g} to {high:+.3g}"
