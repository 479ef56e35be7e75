"""New label maps out of CamVid's: windows, mirror images, and objects moved from map to map.

Every recombined map starts as a training map. Cars, pedestrians, bicyclists, signs and poles of
other maps are put into it at the row they were seen at, since the camera is the same: what is as
far up in the picture is about as far away and as large. Then a window of it is taken.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import scipy.ndimage
from camvid import CLASSES, reduce_labels, reduce_photos

BUILDING, ROAD, PAVEMENT = (CLASSES.index(name) for name in ("building", "road", "pavement"))
TREE, FENCE, SKY = (CLASSES.index(name) for name in ("tree", "fence", "sky"))
# What is moved: the least pixels of a whole one, what it may cover, and what it must stand on.
COVERED = (BUILDING, ROAD, PAVEMENT, TREE, FENCE)
OBJECTS = {
    CLASSES.index("car"): (300, COVERED, (ROAD,)),
    CLASSES.index("pedestrian"): (80, COVERED, (ROAD, PAVEMENT)),
    CLASSES.index("bicyclist"): (120, COVERED, (ROAD, PAVEMENT)),
    CLASSES.index("sign"): (60, (*COVERED, SKY), ()),
    CLASSES.index("pole"): (80, (*COVERED, SKY), (ROAD, PAVEMENT)),
}
LARGEST = 0.12  # of the picture
COVERS = 0.85  # so much of an object lies on what it may cover
TRIES = 20


@dataclass(frozen=True)
class Piece:
    """An object in the map `donor`; `mask` is its bounding box, from `top` and `left` on."""

    donor: int
    label: int
    top: int
    left: int
    mask: np.ndarray


def find_pieces(maps: np.ndarray) -> dict[int, list[Piece]]:
    """The objects that can be moved: connected pixels of a class that no edge of the map cuts.

    Args:
        maps: Labels, shape `(n, height, width)`.

    Returns:
        For each class of `OBJECTS` its pieces.
    """
    found: dict[int, list[Piece]] = {label: [] for label in OBJECTS}
    height, width = maps.shape[1:]
    for donor, labels in enumerate(maps):
        for label, (least, _, _) in OBJECTS.items():
            numbered, _ = scipy.ndimage.label(labels == label, np.ones((3, 3)))
            for number, (rows, columns) in enumerate(scipy.ndimage.find_objects(numbered), 1):
                mask = numbered[rows, columns] == number
                cut = 0 in (rows.start, columns.start) or rows.stop == height
                if cut or columns.stop == width:
                    continue
                if least <= mask.sum() <= LARGEST * height * width:
                    found[label].append(Piece(donor, label, rows.start, columns.start, mask))
    return found


def fits(labels: np.ndarray, piece: Piece, left: int, mask: np.ndarray) -> bool:
    """Whether an object could stand there: on the ground it needs, hiding but background."""
    _, covered, ground = OBJECTS[piece.label]
    height, width = mask.shape
    under = labels[piece.top : piece.top + height, left : left + width]
    if np.isin(under[mask], covered).mean() < COVERS:
        return False
    if not ground:
        return True
    # The row below its feet.
    feet = mask[-max(1, height // 20) :].any(axis=0)
    below = labels[min(piece.top + height, len(labels) - 1), left : left + width]
    return np.isin(below[feet], ground).mean() >= COVERS


def recombine(
    photos: np.ndarray, maps: np.ndarray, count: int, size: tuple[int, int], seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """New label maps, and the photos that cutting and pasting makes of the old ones.

    Map `i` starts as map `i % n`. It gets up to eight objects, whose class is drawn first, each
    class as likely as another, so that rare things become less rare; half of them are mirrored.
    Then it is mirrored, or not, and a window of 0.6 to 1 times its size is taken.

    Args:
        photos: uint8, shape `(n, height, width, 3)`.
        maps: Labels, uint8, shape `(n, height, width)`.
        count: How many to make.
        size: Their `(height, width)`.
        seed: Of what is random.

    Returns:
        Photos, cut and pasted without any smoothing of seams, uint8, shape `(count, *size, 3)`, and
        maps, uint8, shape `(count, *size)`.
    """
    rng = np.random.default_rng(seed)
    pieces = find_pieces(maps)
    new_photos, new_maps = [], []
    for index in range(count):
        host = index % len(maps)
        photo, labels = photos[host].copy(), maps[host].copy()
        for _ in range(rng.integers(2, 9)):
            candidates = pieces[rng.choice(list(pieces))]
            for _ in range(TRIES):
                piece = candidates[rng.integers(len(candidates))]
                step = rng.choice([-1, 1])
                mask = piece.mask[:, ::step]
                height, width = mask.shape
                left = rng.integers(0, labels.shape[1] - width + 1)
                if piece.donor == host or not fits(labels, piece, left, mask):
                    continue
                box = np.s_[piece.top : piece.top + height, left : left + width]
                origin = np.s_[piece.top : piece.top + height, piece.left : piece.left + width]
                labels[box][mask] = piece.label
                photo[box][mask] = photos[piece.donor][origin][:, ::step][mask]
                break
        scale, step = rng.uniform(0.6, 1.0), rng.choice([-1, 1])
        window = [round(scale * side) for side in labels.shape]
        top, left = (rng.integers(0, room + 1) for room in np.subtract(labels.shape, window))
        rows, columns = slice(top, top + window[0]), slice(left, left + window[1])
        new_photos.append(reduce_photos(photo[None, rows, columns][:, :, ::step], size)[0])
        new_maps.append(reduce_labels(labels[None, rows, columns][:, :, ::step], size)[0])
    return np.stack(new_photos), np.stack(new_maps)


def coloured(maps: np.ndarray) -> np.ndarray:
    """Label maps to look at, uint8, shape `(n, height, width, 3)`."""
    hues = np.arange(len(CLASSES), dtype="float32") * 180 / len(CLASSES)
    palette = np.full((1, len(CLASSES), 3), 220, "uint8")
    palette[0, :, 0] = hues
    rgb = cv2.cvtColor(palette, cv2.COLOR_HSV2RGB)[0]
    return np.concatenate([rgb, np.zeros((1, 3), "uint8")])[maps]
