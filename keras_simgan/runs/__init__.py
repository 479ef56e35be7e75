"""Training runs in a folder of their own, which are resumed by starting them again."""

import pkgutil

from keras_simgan.runs.registry import MODELS

_PLACES = {
    "PRESET_FOLDER": "keras_simgan.presets.run_preset:PRESET_FOLDER",
    "RunError": "keras_simgan.presets.run_preset:RunError",
    "preset_of": "keras_simgan.presets.run_preset:preset_of",
    **{f"train_{name}": model.train for name, model in MODELS.items()},
}

__all__ = ["MODELS", *_PLACES]


def __getattr__(name: str):
    # Imported when first used: the command line's --help reads the options, and needs no Keras.
    if name in _PLACES:
        return pkgutil.resolve_name(_PLACES[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
