"""Whether to train on the refined set, by rules that can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from keras_simgan.reporting.evaluation_result import Agreement, Evaluation

WITH_LABELS = (
    "The rule: yes only if the 95 % interval of the gain on real images, of training on the "
    "refined instead of the synthetic images, lies above zero, the trainings do not differ as much "
    "among themselves (Mann-Whitney test of the seeds' scores at 5 %: of three seeds, the worst on "
    "the refined images beats the best on the synthetic), the network does better than always "
    "giving the same answer, and plain augmentation of the synthetic images does not clearly do "
    "better, by the same two tests."
)
WITHOUT_LABELS = (
    "The rule without labels of real images: yes only if the kernel distance to the real images "
    "fell so far that the 95 % intervals before and after do not overlap, and the labels agree (or "
    "it is said that nobody knows). A smaller distance makes a better training set likely; only a "
    "network trained on it and tested on labelled real images, --labels, shows it."
)


@dataclass(frozen=True)
class Verdict:
    """An answer and its reasons.

    Attributes:
        train: Whether to train on the refined set.
        sentence: The answer and the reason for it.
        remarks: What else to know, a sentence each.
        rule: How it was decided.
    """

    train: bool
    sentence: str
    remarks: tuple[str, ...]
    rule: str


def verdict(evaluation: Evaluation) -> Verdict:
    """Decides whether to train on the refined set.

    Args:
        evaluation: What was measured.
    """
    if evaluation.transfer is not None:
        return _by_transfer(evaluation)
    return _by_distance(evaluation)


def _by_transfer(evaluation: Evaluation) -> Verdict:
    transfer = evaluation.transfer
    synthetic, refined = (transfer.scores[name].mean.value for name in ("synthetic", "refined"))
    gain, over_augmented = transfer.scores["refined"].gain, transfer.over_augmented
    unit = transfer.unit
    numbers = (
        f"trained on the refined images, a small network comes to {refined:.3g} {unit} on "
        f"{transfer.images:,} real ones, trained on the synthetic images to {synthetic:.3g} "
        f"({_signed(gain)})"
    )
    sign = -1 if transfer.lower_is_better else 1
    seeds = {name: sign * np.array(score.seeds) for name, score in transfer.scores.items()}
    # The intervals are those for other images: two trainings on one set often exclude zero too.
    better = gain.low > 0 and _ahead(seeds["refined"], seeds["synthetic"])
    worse = gain.high < 0 and _ahead(seeds["synthetic"], seeds["refined"])
    if sign * (refined - transfer.chance) <= 0:
        train = False
        sentence = (
            f"Do not decide by these networks: {numbers}, but always giving the same answer comes "
            f"to {transfer.chance:.3g} {unit}. Train longer (--steps) or on more images (--sample)."
        )
    elif worse:
        train, sentence = False, f"Do not train on the refined set: {numbers}, which is worse."
    elif over_augmented.high < 0 and _ahead(seeds["augmented"], seeds["refined"]):
        train = False
        augmented = transfer.scores["augmented"].mean.value
        sentence = (
            f"Do not train on the refined set alone: {numbers}, but plain augmentation of the "
            f"synthetic images comes to {augmented:.3g} {unit}, which is better."
        )
    elif not better:
        train = False
        sentence = (
            f"Do not train on the refined set yet: {numbers}, a difference that may be chance."
        )
    else:
        train, sentence = True, f"Train on the refined set: {numbers}, which is better."
    remarks = []
    beats = over_augmented.low > 0 and _ahead(seeds["refined"], seeds["augmented"])
    if train and not beats:
        remarks.append(
            "Plain augmentation of the synthetic images (gamma, shift, blur, noise) does about as "
            f"well: the gain over it is {over_augmented} {unit}. Try both together."
        )
    elif train:
        remarks.append(
            f"It is also better than plain augmentation of the synthetic images (gamma, shift, "
            f"blur, noise): the gain over it is {over_augmented} {unit}."
        )
    if not (better or worse) and (gain.low > 0 or gain.high < 0):
        remarks.append(
            _on_seeds(*(transfer.scores[name].seeds for name in ("synthetic", "refined")))
        )
    distances = evaluation.distances["kernel distance"]
    remarks.append(
        f"The kernel distance to the real images went from {distances['synthetic']} to "
        f"{distances['refined']}; the networks count for more."
    )
    remarks += _on_labels(evaluation.agreement, decided=True)
    return Verdict(train, sentence, tuple(remarks), WITH_LABELS)


def _ahead(ones: np.ndarray, others: np.ndarray) -> bool:
    """Whether scores are higher than others by more than chance, Mann-Whitney's exact test at 5 %.

    Args:
        ones: A score a seed, shape `(k,)`.
        others: As many.
    """
    count = len(ones)
    # Ranks from 1, the highest; an equal one of the others goes before.
    found = count * (count + 1) // 2 + int((others[None] >= ones[:, None]).sum())
    # How many choices of so many ranks have each sum.
    ways = np.zeros((count + 1, count * (3 * count + 1) // 2 + 1))
    ways[0, 0] = 1
    for rank in range(1, 2 * count + 1):
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    return bool(ways[count, : found + 1].sum() <= 0.05 * ways[count].sum())


def _on_seeds(synthetic: tuple[float, ...], refined: tuple[float, ...]) -> str:
    if len(refined) < 3:
        return (
            f"With --seeds {len(refined)} a gain cannot be told from the luck of a training: give "
            "3 or more."
        )
    return (
        f"The trainings differ among themselves, from {min(synthetic):.3g} to "
        f"{max(synthetic):.3g} on the synthetic images and from {min(refined):.3g} to "
        f"{max(refined):.3g} on the refined: more --seeds make this surer."
    )


def _by_distance(evaluation: Evaluation) -> Verdict:
    distances = evaluation.distances["kernel distance"]
    before, after = distances["synthetic"], distances["refined"]
    numbers = f"its kernel distance to the real images went from {before} to {after}"
    agreement = evaluation.agreement
    if after.low > before.high:
        train = False
        sentence = f"Do not train on the refined set: {numbers}, so it looks less real."
    elif after.high >= before.low:
        train = False
        sentence = (
            f"Do not train on the refined set yet: {numbers}, a difference that may be chance."
        )
    elif agreement is not None and not agreement.holds:
        train = False
        sentence = (
            f"Do not train on the refined set: {numbers}, so it looks more real, but its labels "
            f"no longer fit ({agreement.text}, expected {agreement.expected})."
        )
    else:
        known = "and its labels still fit" if agreement else "as far as its labels still fit"
        train = True
        sentence = (
            f"Train on the refined set: {numbers}, so it looks more real, {known}. Whether it also "
            "trains better is not measured: --labels shows it."
        )
    remarks = [*_on_labels(agreement, decided=False), *_against(evaluation)]
    return Verdict(train, sentence, tuple(remarks), WITHOUT_LABELS)


def _against(evaluation: Evaluation) -> list[str]:
    """What got clearly worse, and whether a classifier is fooled."""
    worse = []
    for measure in ("precision", "recall"):
        before, after = (evaluation.distances[measure][name] for name in ("synthetic", "refined"))
        if after.high < before.low:
            worse.append(f"{measure} fell from {before} to {after}")
    remarks = [f"Not all measures agree: {' and '.join(worse)}."] if worse else []
    told = evaluation.distances["domain classifier accuracy"]["refined"]
    if told.low > 0.9:
        remarks.append(
            f"A classifier still tells refined from real images in {100 * told.value:.0f} % of "
            "cases: they are nearer, not alike."
        )
    return remarks


def _on_labels(agreement: Agreement | None, decided: bool) -> list[str]:
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


def _signed(gain) -> str:
    return f"a gain of {gain.value:+.3g}, 95 % interval {gain.low:+.3g} to {gain.high:+.3g}"
