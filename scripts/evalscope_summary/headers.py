"""What a column is called where people read it: its name, or in Chinese (`config/headers.zh.json`)."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .columns import BY_NAME, Column

CATALOG = Path(__file__).parents[2] / "config" / "headers.zh.json"
_DESCRIPTIONS = CATALOG.with_name("columns.zh.json")
_RANKS = {0: "最小", 100: "最大"}


@functools.cache
def _catalog() -> dict[str, dict[str, str]]:
    catalog: dict[str, dict[str, str]] = json.loads(CATALOG.read_text("utf-8"))
    return catalog


def heading(column: Column, language: str) -> str:
    """The header of a column: its name (`en`), or a Chinese one with its unit (`zh`); columns of the user's own keep
    their names."""
    if language != "zh":
        return column.name
    known = _chinese(column)
    return f"{known} ({column.unit})" if column.unit and known != column.name else known


def _chinese(column: Column) -> str:
    if column.statistic and column.of in BY_NAME:
        return f"{_chinese(BY_NAME[column.of])} {_catalog()['statistics'].get(column.statistic, column.statistic)}"
    if column.metric in _catalog()["metrics"] and column.percent is not None:
        rank = _RANKS.get(column.percent, f"P{column.percent}")
        return f"{rank} {_catalog()['metrics'][column.metric]}"
    return _catalog()["columns"].get(column.name, column.name)


MEANING = tuple(
    Column(name, "text", "", description)
    for name, description in (
        ("sheet", "where the column is"),
        ("column", "its header there"),
        ("unit", "of its cells, empty for labels and counts"),
        ("meaning", "what its cells are"),
    )
)
"""The columns of a sheet that explains others."""


def meanings(sheets: Mapping[str, Sequence[Column]], language: str) -> Iterator[dict[str, str]]:
    """The rows of a sheet that explains the columns of others.

    Args:
        sheets: name → columns.
        language: `en` or `zh`.
    """
    chinese: dict[str, str] = json.loads(_DESCRIPTIONS.read_text("utf-8")) if language == "zh" else {}
    for sheet, columns in sheets.items():
        for column in columns:
            meaning = chinese.get(column.description, column.description)
            row = (sheet, heading(column, language), column.unit, meaning)
            yield dict(zip((part.name for part in MEANING), row, strict=True))
