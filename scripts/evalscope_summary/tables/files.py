"""Which table a CSV file of ours is, and its columns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..columns import Column
from ..layouts import COUNT, PROBLEM_COLUMNS, TABLES, overview_layout
from .csv_lines import csv_header


def overview_columns(path: Path, settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of an overview that was written as CSV.

    Args:
        path: of the file.
        settings: `layouts.COLUMN_SETTINGS`.
    """
    header = csv_header(path)
    return overview_layout(header[: header.index(COUNT.name)], settings)


def columns_of(path: Path, settings: Mapping[str, Any]) -> tuple[str, tuple[Column, ...]]:
    """Which table a CSV file of ours is, by its name, and its columns.

    Args:
        path: such as `summary_raw.csv`.
        settings: `layouts.COLUMN_SETTINGS`.
    """
    table = path.stem.rpartition("_")[2]
    if table == "overview":
        return table, overview_columns(path, settings)
    return table, PROBLEM_COLUMNS if table == "problems" else TABLES[table](settings)
