"""What runs on pairs share: reading them, and showing label maps."""

import colorsys
import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_simgan.data.paired import PairedDataset, paired
from keras_simgan.ranges import to_unit
from keras_simgan.runs.folder import RunError
from keras_simgan.runs.options.paired import PairedOptions
from keras_simgan.runs.training import SAMPLES, RunData


def read_pairs(options: PairedOptions) -> RunData[PairedDataset]:
    """Reads the pairs of a run.

    Args:
        options: The run's options.

    Raises:
        RunError: If the file of colours cannot be read.
        ImageError: If the images cannot be used.
    """
    colours = _read_colours(options.colours)
    ignore: Any = options.ignore
    if ignore is not None and colours is None:
        ignore = ignore[0]
    common: dict[str, Any] = {
        "side_by_side": options.side_by_side,
        "match": options.match,
        "classes": options.classes,
        "colours": colours,
        "ignore": ignore,
        "convert_channels": options.convert_channels,
        "on_bad_image": options.on_bad_image,
        "crop_size": options.crop,
        "label_folders": options.label_folders,
        "label_patterns": options.label_patterns,
    }
    train = paired(
        options.source,
        options.target,
        options.image_size,
        options.channels,
        options.batch_size,
        options.seed,
        instances=options.instances,
        steps_per_epoch=options.steps_per_epoch,
        flip=not options.no_flip,
        **common,
    )
    pairs, validation = train.pairs, None
    if options.validation_source:
        pairs = paired(
            options.validation_source,
            options.validation_target,
            pairs.size,
            train.image_shape[-1],
            instances=options.validation_instances,
            **common,
        ).pairs
        validation = _in_order(pairs, min(options.batch_size, len(pairs)), options.crop)
    samples: Any = _in_order(pairs, min(SAMPLES, len(pairs)), options.crop)[0]
    shown, described = None, {}
    if options.label_maps:
        shown = _picture(samples[0], colours, bool(options.instances))
        described["label_maps"] = {
            "classes": train.source_shape[-1] - bool(options.instances),
            "colours": colours,
            "ignore": ignore,
            "instances": bool(options.instances),
        }
    return RunData(train, validation, samples, {"pairs": len(train.pairs)}, shown, described)


def _in_order(pairs: Any, batch_size: int, crop_size: Any) -> PairedDataset:
    return PairedDataset(pairs, batch_size, shuffle=False, crop_size=crop_size)


def _read_colours(path: str | None) -> list[list[int]] | None:
    if path is None:
        return None
    try:
        colours = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(colours, list) or not all(len(colour) == 3 for colour in colours):
            raise TypeError
    except OSError as error:
        raise RunError(f"--colours: no file {path!r}.") from error
    except (ValueError, TypeError) as error:
        raise RunError(
            f"--colours: {path!r} is not a JSON list of [red, green, blue], one a class."
        ) from error
    return colours


def _picture(source: np.ndarray, colours: list[list[int]] | None, edges: bool) -> np.ndarray:
    """Label maps in colours, in [-1, 1]; boundaries of instances, and what is no class, black."""
    labels = source[..., :-1] if edges else source
    classes = labels.shape[-1]
    if colours is None:
        # Hues a golden section apart, so that neighbours differ.
        hues = (np.arange(classes) * 0.618) % 1
        colours = [[int(255 * x) for x in colorsys.hsv_to_rgb(hue, 0.6, 0.9)] for hue in hues]
    picture = labels @ np.asarray(colours, "float32")
    if edges:
        picture *= 1 - source[..., -1:]
    return to_unit(picture.astype("uint8"))
