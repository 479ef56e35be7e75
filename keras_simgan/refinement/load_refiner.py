"""The refiner of a model, a network or a preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from keras_simgan import presets
from keras_simgan.data.label_maps import LabelMaps
from keras_simgan.presets.folder import METADATA, metadata_of
from keras_simgan.refinement.image_refiner import SOURCE_TO_TARGET, ImageRefiner
from keras_simgan.refinement.label_map_refiner import KEYS, LabelMapRefiner


def load_refiner(
    model: keras.Model | str | Path,
    direction: str = SOURCE_TO_TARGET,
    tile: int | tuple[int, int] | None = None,
    overlap: int | None = None,
    label_maps: dict[str, Any] | None = None,
    instances: str | Path | None = None,
) -> ImageRefiner:
    """Makes an `ImageRefiner` of a model, a network or a preset, or a `LabelMapRefiner`.

    Args:
        model: What `ImageRefiner` takes, or what `presets.load` takes: a name or a folder. Of a
            preset only the network of this direction is loaded.
        direction: See `ImageRefiner`.
        tile: See `ImageRefiner`.
        overlap: See `ImageRefiner`.
        label_maps: See `LabelMapRefiner`. Of a preset that was trained on label maps, what differs
            from its `metadata.json`, such as the `colours` of other maps of the same classes.
        instances: See `LabelMapRefiner`.

    Raises:
        ValueError: As for the two; or if `instances` are given and the source is no label map.
    """
    if not isinstance(model, keras.Model):
        if of_preset := _label_maps_of(model):
            label_maps = {**of_preset, **(label_maps or {})}
        model, direction = presets.load(model, direction=direction), SOURCE_TO_TARGET
    if label_maps is not None:
        return LabelMapRefiner(model, label_maps, instances, direction, tile, overlap)
    if instances is not None:
        raise ValueError(
            "`instances` (--instances) goes with label maps, but neither the preset nor "
            "`label_maps` says that this model was trained on them."
        )
    return ImageRefiner(model, direction, tile, overlap)


def _label_maps_of(preset: str | Path) -> dict[str, Any] | None:
    found = metadata_of(preset).get("label_maps")
    if not found:
        return None
    try:
        LabelMaps(found.get("classes"), found.get("colours"), found.get("ignore"))
        if others := sorted(set(found) - set(KEYS)):
            raise ValueError(f"{others} is none of {', '.join(KEYS)}.")
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{METADATA} of the preset {preset}: `label_maps`: {error}") from error
    return found
