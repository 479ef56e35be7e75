"""The preset that a training run keeps in its folder.

Here and not in `runs/`, so that whoever takes a preset can take a run's folder for it without
knowing how runs are trained.
"""

from pathlib import Path

RUN_FILE = "run.json"
PRESET_FOLDER = "preset"


class RunError(ValueError):
    """A run that cannot be started or resumed. The message says why, and the way out."""


def preset_of(model: str) -> str:
    """Finds the preset that a run has written.

    Args:
        model: The folder of a run; anything else is returned as it is.

    Raises:
        RunError: If the run has not finished an epoch.
    """
    if not (Path(model) / RUN_FILE).is_file():
        return model
    preset = Path(model) / PRESET_FOLDER
    if not (preset / "metadata.json").is_file():
        raise RunError(
            f"The run {model!r} has finished no epoch yet. Start its train command again to go on "
            "with it."
        )
    return str(preset)
