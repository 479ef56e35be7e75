"""Which images of a data set are labels of others, such as masks, by their names."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Names of folders whose images are labels, as glob patterns, whatever their case. What is in doubt
#: is not among them: `unknown_labels` looks at the images.
LABEL_FOLDERS = tuple(
    """
    mask masks *[-_]mask *masks masks[-_]* mask_visib* bitmask objectmask
    label labels *[-_]label *labels labels[-_]* labels[tT][rsRS] label-filt label40 labelids
    *trainids label[-_]ind[ei]* label[-_]ma[ps]* label[-_]im* label[-_]colo* labelmap* labelimages
    pixellabel* gt gts gt[-_]* *[-_]gt gtFine* gtCoarse*
    ground?truth* *[-_]ground?truth groundtruth* *[-_]groundtruth
    annotation *annotations annotations[-_]* *annot *annots anno annos *[-_]anno *[-_]annos
    segmentation segmentations *_segmentation *_segmentations segmentation_ma[ps]*
    SegmentationClass* SegmentationObject* classSegmentation instanceSegmentation
    seg segs *_seg *_segs segmap segmaps *semseg semseg* sem?seg*
    semantic semantics semantic[-_]* *_semantic panoptic panoptic[-_]* stuffthingmaps*
    instance instances instance[-_]* instances[-_]* *_instance *_instances instanceids *_inst
    classmap classmaps class_maps colormaps parsing *_parsing image-parse* *densepose*
    1st_manual 2nd_manual manual1 trimap* matte mattes alpha_matte*
    depth* *_depth disparity* disp_occ* disp_noc* normals normals_* *_normals
    flow flow_occ flow_noc optical?flow* forward*flow backward*flow
    heatmap heatmaps saliency?maps
    """.split()
)
#: Names of files, without their suffix, of images that are labels; as `LABEL_FOLDERS`.
LABEL_PATTERNS = tuple(
    """
    *[-_.]mask *[-_.]masks *[-_.]mask[0-9]* *[-_.]mask[-_][0-9]*
    *[-_.]seg *[-_]seg[-_][0-9]* *[-_.]segmentation *[-_]segmentation[-_][0-9]*
    *[-_]superpixels *_attribute_* *[-_]parts_[0-9]*
    *[-_.]semantic?segmentation* *[-_.]instance?segmentation*
    semantic?segmentation* instance?segmentation*
    *[-_.]gt gt[-_]* *[-_.]ground?truth *[-_.]groundtruth
    *[-_.]label *[-_.]labels *[-_]label?viz label label_viz
    *[-_]labelIds *[-_]labelTrainIds *[-_]instanceIds *[-_]instanceTrainIds
    *_gt*_color *[-_]labelColors *[-_]label_color* *[-_]label_colour*
    *[-_]instance_color_rgb *[-_]instance_id_rgb *[-_.]instance *[-_.]instances
    *[-_.]semantic *[-_.]panoptic *[-_.]annotation *[-_.]annotations *[-_.]annot
    *[-_.]trimap *[-_.]matte *[-_.]depth *[-_.]disparity *[-_.]normals
    *.cs *.is
    [0-9][0-9][0-9][0-9][a-z][0-9a-z]_*_L seq[0-9][0-9]vd_*_L
    """.split()  # the last two lines: Falling Things, CamVid
)
# To the known patterns all digits are one, so the names of frames are one name, asked for once.
_DIGITS_ALIKE = str.maketrans("123456789", "0" * 9)
_STAR_AND_SEPARATOR = re.compile(r"\*(\[[-_.]+\]|[-_])")
#: Pictures of people who wear a mask.
_WORN_MASK = re.compile(r"(^|.*[-_ ])(with|without|no|incorrect|face)[-_ ]masks?([-_ (0-9].*)?")


@dataclass(frozen=True)
class LabelRule:
    """Tells the images of a data set that are labels from those that are not.

    Args:
        folders: Names of folders, at any depth and in any case, whose images are labels; they may
            be glob patterns, such as `"*_zones"`. When left out: `LABEL_FOLDERS`. What is given
            replaces them, so `()` is none.
        patterns: Glob patterns of the names of files, in any case, that are labels: `"*_zone"`
            whatever the suffix, `"*_zone.png"` with that one. When left out: `LABEL_PATTERNS`.

    Raises:
        ValueError: If one is a single text, or has a slash.

    Example:
        >>> rule = LabelRule()
        >>> [rule.is_label(name) for name in ("train/masks/1.png", "train/1.png", "1_seg.png")]
        [True, False, True]
        >>> LabelRule(folders=["zones"]).is_label("masks/1.png")
        False
    """

    folders: Sequence[str] | None = None
    patterns: Sequence[str] | None = None

    def __post_init__(self) -> None:
        """Refuses what cannot be meant."""
        for option, example in (("folders", "zones"), ("patterns", "*_zone.png")):
            names = getattr(self, option)
            if names is None:
                continue
            if isinstance(names, str) or not all(isinstance(name, str) for name in names):
                raise ValueError(
                    f"`label_{option}` must be a list of names, such as [{example!r}]. Received: "
                    f"{names!r}"
                )
            names = tuple(name.rstrip("/") for name in names)
            if wrong := [name for name in names if "/" in name or not name]:
                raise ValueError(
                    f"`label_{option}` are names without folders, such as {example!r}, that hold "
                    f"at any depth. Received: {wrong[0]!r}"
                )
            object.__setattr__(self, option, names)

    @property
    def is_settled(self) -> bool:
        """Whether the user has said what labels are, so that nothing is left to suspect."""
        return self.folders is not None or self.patterns is not None

    @property
    def of_label_maps(self) -> LabelRule:
        """The same where label maps are expected: nothing is left out but what the user names."""
        return LabelRule(self.folders or (), self.patterns or ())

    def is_label(self, name: str) -> bool:
        """Whether an image is a label.

        Args:
            name: Its name relative to the data set, with forward slashes.
        """
        folder, _, file = name.rpartition("/")
        return (bool(folder) and _lies_in_labels(folder, self.folders)) or self.is_label_file(file)

    def is_label_file(self, file: str) -> bool:
        """Whether an image is a label by its own name.

        Args:
            file: The name without folders.
        """
        file = file.casefold()
        stem = file.rpartition(".")[0] or file
        if self.patterns is None:
            return _is_known_file(stem.translate(_DIGITS_ALIKE))
        matcher = _matcher(self.patterns)
        return matcher(stem) or matcher(file)


@functools.lru_cache(maxsize=4096)
def _lies_in_labels(folder: str, folders: tuple[str, ...] | None) -> bool:
    parts = folder.casefold().split("/")
    if folders is None:
        known = _matcher(LABEL_FOLDERS)
        return any(known(part) and not _WORN_MASK.fullmatch(part) for part in parts)
    return any(_matcher(folders)(part) for part in parts)


@functools.lru_cache(maxsize=4096)
def _is_known_file(stem: str) -> bool:
    return _matcher(LABEL_PATTERNS)(stem) and not _WORN_MASK.fullmatch(stem)


@functools.lru_cache(maxsize=64)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Tells of a text in lower case whether one of the patterns matches it, or is it."""
    patterns = tuple(pattern.casefold() for pattern in patterns)
    # Most begin with a star and a separator. Together they need a look at a name's separators only,
    # which is twenty times faster, and there may be millions of names.
    ends: dict[str, list[str]] = {}
    others = []
    for pattern in patterns:
        if start := _STAR_AND_SEPARATOR.match(pattern):
            ends.setdefault(start[1], []).append(pattern[start.end() :])
        else:
            others.append(pattern)
    nothing = "$^"
    after_star = [f"{start}(?:{_either(rest)})" for start, rest in ends.items()]
    end = re.compile("|".join(after_star) or nothing)
    whole = re.compile(_either(others) or nothing)

    def matches(text: str) -> bool:
        return bool(end.search(text) or whole.match(text)) or text in patterns

    return matches


def _either(patterns: Sequence[str]) -> str:
    return "|".join(map(fnmatch.translate, patterns))


def is_label_folder(part: str, folders: Sequence[str] | None = None) -> bool:
    """Whether a folder is one of labels because of its name.

    Args:
        part: The folder's own name, without those above it.
        folders: See `LabelRule`.
    """
    return LabelRule(folders).is_label(f"{part}/image")
