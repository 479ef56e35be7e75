"""The presets that come with the package, and how a preset is found by what a user typed."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

BUNDLED = Path(__file__).parent
REFERENCE = "reference.npz"


def presets() -> dict[str, dict]:
    """The bundled presets.

    Returns:
        For each name, its metadata: description, image shape, licence, scores, checksums.

    Example:
        >>> "simgan_eyes_36x60" in presets()
        True
    """
    return {
        path.parent.name: json.loads(path.read_text())
        for path in sorted(BUNDLED.glob("*/metadata.json"))
    }


def find(preset: str | Path) -> Path:
    """The folder of a preset.

    Args:
        preset: A bundled name, a folder, or `"hf://user/repository"`.

    Raises:
        ValueError: There is none of this name.
    """
    name = str(preset)
    if name.startswith("hf://"):
        return _download(name.removeprefix("hf://"))
    if (Path(name) / "config.json").is_file():
        return Path(name)
    bundled = sorted(presets())
    if name in bundled:
        return BUNDLED / name
    if Path(name).exists():
        raise ValueError(
            f"{name} is not a preset: there is no config.json in it. `save_to_preset` writes one."
        )
    nearest = difflib.get_close_matches(name, bundled)
    raise ValueError(
        f"There is no preset {name!r}."
        + (f" Did you mean {' or '.join(map(repr, nearest))}?" if nearest else "")
        + f" Valid are: a bundled name ({', '.join(bundled)}), a folder written by "
        "`save_to_preset`, or 'hf://user/repository'."
    )


def _download(handle: str) -> Path:
    if handle.count("/") != 1:
        raise ValueError(f"'hf://{handle}' is not of the form 'hf://user/repository'.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ValueError(
            f"'hf://{handle}' is on Hugging Face: `pip install huggingface_hub` to download it."
        ) from error
    return Path(snapshot_download(handle, allow_patterns=["*.json", "*.weights.h5", REFERENCE]))
