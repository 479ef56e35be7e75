"""Looks of instances, learnt from a data set and drawn where there is no photo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from sklearn.cluster import KMeans

from keras_simgan.disk import replacing


class InstanceStyles:
    """What an encoder has seen of each class's instances, as a few typical features a class.

    Wang et al. 2018 (pix2pixHD), section 3.4: the features of all instances of a class are brought
    to K means, and at test time each instance is given one of its class's, drawn alike.

    Args:
        centers: For each class, its index, typical features: shape `(count, channels)`.
        classes: Channels of the label maps that are classes, the first ones; others, such as
            instances' edges, may follow.

    Raises:
        ValueError: No features, of differing channels, or of a class that is not.

    Example:
        >>> styles = InstanceStyles({1: np.array([[0.5, -0.5]])}, classes=2)
        >>> labels = np.eye(2)[np.array([[[0, 1]]])]
        >>> styles.draw(labels, instances=np.array([[[[4], [9]]]]), seed=0).tolist()
        [[[[0.0, 0.0], [0.5, -0.5]]]]
    """

    def __init__(self, centers: Mapping[int, np.ndarray], classes: int):
        self.classes = int(classes)
        self.centers = {int(k): np.asarray(v, "float32") for k, v in sorted(centers.items())}
        shapes = {index: features.shape for index, features in self.centers.items()}
        if (
            len({shape[1:] for shape in shapes.values()}) != 1
            or not all(len(shape) == 2 and shape[0] for shape in shapes.values())
            or not all(0 <= index < self.classes for index in shapes)
        ):
            raise ValueError(
                f"`centers` must give a class from 0 to {self.classes - 1} features of shape "
                f"(count, channels), all of the same channels. Received the shapes: {shapes}."
            )

    @property
    def channels(self) -> int:
        """Channels of the features."""
        return next(iter(self.centers.values())).shape[1]

    @classmethod
    def of(
        cls,
        encoder: keras.Model,
        batches: Iterable,
        classes: int,
        clusters: int = 10,
        seed: int = 0,
    ) -> Self:
        """Encodes the instances of a data set and finds the means of each class.

        Args:
            encoder: Such as `networks.InstanceEncoder`, of a trained `models.Pix2PixHD`.
            batches: Batches `(source, target)` as `Pix2PixHD.fit` takes them with an encoder: an
                iterable of them, once through, or a `keras.utils.PyDataset`.
            classes: Channels of the label maps that are classes, the first ones.
            clusters: Means of a class, K; fewer where it has fewer instances.
            seed: Seed of where the means begin.

        Raises:
            ValueError: No instances, or maps that do not fit each other.
        """
        if isinstance(batches, keras.utils.PyDataset):
            dataset = batches
            batches = (dataset[index] for index in range(dataset.num_batches))
        seen: dict[int, list] = {}
        for source, target in batches:
            features = _numpy(
                encoder({"image": target, "instances": source["instances"]}, training=False)
            )
            labels, ids = _numpy(source["labels"]), _numpy(source["instances"])
            _check(labels, ids, classes)
            for image in range(len(ids)):
                place, kinds = _instances(labels[image], ids[image], classes)
                flat = features[image].reshape(-1, features.shape[-1])
                sums = np.stack([np.bincount(place, channel) for channel in flat.T], axis=-1)
                means = sums / np.bincount(place)[:, None]
                for kind in np.unique(kinds[kinds >= 0]):
                    seen.setdefault(int(kind), []).append(means[kinds == kind])
        if not seen:
            raise ValueError("There is no instance of any class in `batches`.")
        return cls(
            {kind: _means(np.concatenate(found), clusters, seed) for kind, found in seen.items()},
            classes,
        )

    def draw(self, labels: Any, instances: Any, seed: int = 0) -> np.ndarray:
        """Draws the features of every instance: one of its class's, each as likely.

        Args:
            labels: Label maps, one channel a class and any other, shape
                `(batch, height, width, channels)`.
            instances: Ids, integers of shape `(batch, height, width, 1)`.
            seed: The same draws for the same seed; an image's depend on the images before it.

        Returns:
            float32 of shape `(batch, height, width, channels)`, to be joined to the label maps; 0
            where a class has no features.

        Raises:
            ValueError: Maps that do not fit each other.
        """
        labels, ids = _numpy(labels), _numpy(instances)
        _check(labels, ids, self.classes)
        draw = np.random.default_rng(seed)
        maps = np.zeros((*ids.shape[:3], self.channels), "float32")
        for image in range(len(ids)):
            place, kinds = _instances(labels[image], ids[image], self.classes)
            drawn = np.zeros((len(kinds), self.channels), "float32")
            for index, kind in enumerate(kinds):
                if kind in self.centers:
                    drawn[index] = draw.choice(self.centers[kind])
            maps[image] = drawn[place].reshape(maps[image].shape)
        return maps

    def save(self, path: str | Path) -> None:
        """Writes the features into an `.npz` file."""
        arrays: dict[str, Any] = {"classes": self.classes}
        arrays |= {f"class_{index}": features for index, features in self.centers.items()}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads what `save` wrote; nothing is unpickled.

        Raises:
            ValueError: Another file.
        """
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if name.startswith("class_")]
            if "classes" not in file.files or not names:
                raise ValueError(
                    f"{path} holds no instance styles, which are `classes` and `class_...`; it "
                    f"holds {file.files}."
                )
            centers = {int(name.removeprefix("class_")): file[name] for name in names}
            return cls(centers, int(file["classes"]))


def _numpy(values: Any) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else keras.ops.convert_to_numpy(values)


def _check(labels: np.ndarray, ids: np.ndarray, classes: int) -> None:
    if labels.ndim != 4 or labels.shape[-1] < classes or ids.shape != (*labels.shape[:3], 1):
        raise ValueError(
            f"Label maps must have shape (batch, height, width, channels) with {classes} channels "
            f"at least, and instances (batch, height, width, 1); got {labels.shape} and "
            f"{ids.shape}."
        )


def _instances(labels: np.ndarray, ids: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """For each pixel of an image its instance's place, and for each instance its class, or -1."""
    found, place = np.unique(ids.ravel(), return_inverse=True)
    place = place.ravel()
    table = np.zeros((len(found), classes))
    np.add.at(table, place, labels[..., :classes].reshape(-1, classes))
    return place, np.where(table.any(axis=1), table.argmax(axis=1), -1)


def _means(features: np.ndarray, clusters: int, seed: int) -> np.ndarray:
    distinct = len(np.unique(features, axis=0))
    means = KMeans(min(clusters, distinct), n_init=3, random_state=seed).fit(features)
    return means.cluster_centers_
