"""Photos out of label maps, with the interface of `ImageRefiner`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_simgan.data.files import IMAGE_SUFFIXES, ImageError
from keras_simgan.data.index_images import refuse_jpeg
from keras_simgan.data.instance_maps import InstanceMaps, instance_edges
from keras_simgan.data.label_maps import LabelMaps
from keras_simgan.ranges import from_unit
from keras_simgan.refinement.image_refiner import SOURCE_TO_TARGET, ImageRefiner

KEYS = ("classes", "colours", "ignore", "instances")


class LabelMapRefiner(ImageRefiner):
    """Makes photos of label maps with a network that was trained on them, such as a pix2pix's.

    A map is what `data.paired` takes for one: an image of class indices (of a palette its indices),
    or of colours that stand for classes. It goes through the network one-hot, at its own size, with
    the boundaries between instances (`data.instance_edges`) as one more channel where the network
    was trained with them. What the network gives becomes an 8-bit image.

    Args:
        model: As for `ImageRefiner`; its network takes as many channels as there are classes, and
            one more with instances.
        label_maps: What the maps are, a dictionary: `"classes"`, `"colours"` and `"ignore"` as
            `data.paired` takes them, and `"instances"`, whether the network was trained with
            instance maps. A preset's `metadata.json` has it under this name.
        instances: The folder of instance maps, each under its label map's name; suffixes may
            differ.
        direction: See `ImageRefiner`.
        tile: See `ImageRefiner`.
        overlap: See `ImageRefiner`.

    Raises:
        ValueError: As for `ImageRefiner`; if `label_maps` is no such dictionary, the network takes
            another number of channels, or instance maps are missing or of no use.
        ImageError: If there is no folder of instance maps.

    Example:
        >>> from keras_simgan.networks import UNetGenerator
        >>> network = UNetGenerator((16, 16, 5), filters=2, depth=2, output_channels=3)
        >>> refiner = LabelMapRefiner(network, {"classes": 5})
        >>> refiner.refine([np.zeros((16, 16, 1), "uint8")])[0].shape
        (16, 16, 3)
    """

    action = "generated"
    maps_folder = "label_maps"

    def __init__(
        self,
        model: keras.Model,
        label_maps: dict[str, Any],
        instances: str | Path | None = None,
        direction: str = SOURCE_TO_TARGET,
        tile: int | tuple[int, int] | None = None,
        overlap: int | None = None,
    ):
        super().__init__(model, direction, tile, overlap)
        if not isinstance(label_maps, dict) or set(label_maps) - set(KEYS):
            raise ValueError(
                f"`label_maps` must be a dictionary with keys among {', '.join(KEYS)}. Received: "
                f"{label_maps!r}"
            )
        colours, ignore = label_maps.get("colours"), label_maps.get("ignore")
        self._labels = LabelMaps(label_maps.get("classes"), colours, ignore)
        has_instances = bool(label_maps.get("instances"))
        classes = self._labels.channels
        if classes + has_instances != self.channels:
            raise ValueError(
                f"The network takes {self.channels} channels, but label maps of {classes} classes "
                + ("and the boundaries of instances " if has_instances else "")
                + f"make {classes + has_instances}. Check `label_maps`: {label_maps!r}"
            )
        if has_instances and instances is None:
            raise ValueError(
                "This network was trained with the boundaries between instances. Pass the folder "
                "of instance maps, `instances` (--instances)."
            )
        if instances is not None and not has_instances:
            raise ValueError(
                "This network was trained without instance maps, so `instances` (--instances) is "
                f"of no use with it. Received: {str(instances)!r}"
            )
        if instances is not None and not Path(instances).is_dir():
            raise ImageError(f"There is no folder of instance maps {str(instances)!r}.")
        self.instances = None if instances is None else Path(instances)
        # Tuples and NumPy's numbers become what JSON holds.
        colours, ignore = (x if x is None else np.asarray(x).tolist() for x in (colours, ignore))
        self.settings = {
            "label_maps": dict(zip(KEYS, (classes, colours, ignore, has_instances), strict=True))
        }

    def inputs(self, source: Path, name: str) -> dict[str, Path]:
        """The files that make one photo: its label map and, where there are any, its instance map.

        Args:
            source: The folder of the data set.
            name: The label map's name relative to it.
        """
        inputs = super().inputs(source, name)
        if self.instances is not None:
            found = self._instance_maps(name)
            inputs["instances"] = found[0] if found else self.instances / name
        return inputs

    def check_name(self, source: Path, name: str) -> None:
        """Raises where a label map is no png, bmp or tiff, or has no instance map.

        Args:
            source: The folder of the data set.
            name: The label map's name relative to it.

        Raises:
            ImageError: If so.
        """
        super().check_name(source, name)
        refuse_jpeg(source / name)
        if self.instances is None:
            return
        found = self._instance_maps(name)
        if len(found) != 1:
            files = " and ".join(repr(path.name) for path in found) if found else "none"
            raise ImageError(
                f"The label map {str(source / name)!r} needs an instance map of its name, whatever "
                f"its suffix, in {str(self.instances)!r}; found {files}."
            )

    def _instance_maps(self, name: str) -> list[Path]:
        assert self.instances is not None
        stem = (self.instances / name).with_suffix("")
        paths = (stem.with_name(stem.name + suffix) for suffix in IMAGE_SUFFIXES)
        return [path for path in paths if path.is_file()]

    def decode(self, files: dict[str, tuple[Path, bytes]]) -> tuple[np.ndarray, None]:
        """Decodes a label map and its instance map.

        Args:
            files: Path and content of each of its `inputs`.

        Returns:
            Indices and, where there are any, ids, shape `(height, width, 1 or 2)`; None, as a
            photo has nothing of a map's file.

        Raises:
            ImageError: If a file is damaged, holds what is no class, or the two differ in size.
        """
        path, encoded = files["input"]
        indices = self._labels.fit(self._labels.decode(path, encoded), path)
        if "instances" not in files:
            return indices, None
        maps = InstanceMaps()
        ids_path, encoded = files["instances"]
        ids = maps.fit(maps.decode(ids_path, encoded), ids_path)
        if ids.shape != indices.shape:
            raise ImageError(
                f"The label map {str(path)!r} and its instance map {str(ids_path)!r} differ in "
                f"size (height x width): {'x'.join(map(str, indices.shape[:2]))} and "
                f"{'x'.join(map(str, ids.shape[:2]))}."
            )
        return np.concatenate([indices, ids], axis=-1), None

    def reference(self, images: list[np.ndarray]) -> dict[str, np.ndarray]:
        """The label maps' indices, which a `LabelAgreement`'s model is to find in the photos.

        Args:
            images: What was given to `refine`.
        """
        return {"labels": np.stack(images)[..., 0].astype("int32")}

    def check(self, image: np.ndarray) -> None:
        """Raises where a map's size does not fit the network.

        Args:
            image: What `decode` gave.

        Raises:
            ValueError: If so.
        """
        self._check_size(*image.shape[:2])

    def refine(self, images: list[np.ndarray]) -> list[np.ndarray]:
        """Makes photos of maps of one shape.

        Args:
            images: What `decode` gave for each.

        Returns:
            The photos in the same order, `uint8`, shape `(height, width, channels)`.

        Raises:
            ValueError: If a map does not fit, or the network gives values that are not finite.
        """
        self.check(images[0])
        maps = np.stack(images)
        source = self._labels.batch(maps[..., :1])
        if maps.shape[-1] > 1:
            source = np.concatenate([source, instance_edges(maps[..., 1:])], axis=-1)
        return list(from_unit(self._predict(source), "uint8"))
