"""Tables of the scores that a preset records."""

from __future__ import annotations

from typing import Any

from keras_simgan.reporting.html import table


def score_tables(scores: dict[str, Any], caption: str = "Scores") -> list[str]:
    """Tables of nested scores: one for what is plain, one for each group, a row for each entry."""
    plain = {key: value for key, value in scores.items() if not isinstance(value, dict)}
    blocks = []
    if plain:
        rows = [[_label(key), _cell(value)] for key, value in plain.items()]
        blocks.append(table(["measure", "value"], rows, caption))
    for key, group in scores.items():
        if not isinstance(group, dict):
            continue
        entries = [value for value in group.values() if isinstance(value, dict)]
        flat = entries and all(
            not isinstance(value, dict) for entry in entries for value in entry.values()
        )
        if flat and len(entries) == len(group):
            columns = list(dict.fromkeys(name for entry in entries for name in entry))
            rows = [
                [_label(name), *(_cell(entry.get(column, "")) for column in columns)]
                for name, entry in group.items()
            ]
            headers = ["case", *(_label(column) for column in columns)]
            blocks.append(table(headers, rows, _label(key)))
        else:
            blocks += score_tables(group, _label(key))
    return blocks


def _label(name: str) -> str:
    return str(name).replace("_", " ")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return " to ".join(_cell(part) for part in value) if len(value) == 2 else str(value)
    return str(value)
