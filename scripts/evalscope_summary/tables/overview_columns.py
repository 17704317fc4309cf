"""The columns of `summary_overview`, and which table a CSV file of ours is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..columns import BY_NAME, COUNT, SUCCESS_SHARE, TABLES, Column, pattern_columns, statistic_column
from .csv_lines import PROBLEM_COLUMNS, csv_header

AVERAGES = {
    # column of summary_raw → what the report calls it
    "request_throughput": "requests/s",
    "output_throughput": "output tok/s",
    "latency": "latency (s)",
    "ttft": "TTFT (s)",
    "token_latency": "TPOT (s)",
    "inter_token_latency": "ITL (s)",
}
PERCENTILES = {
    f"{percent}p_{metric}_": f"P{percent} {metric.upper() if metric != 'latency' else metric} (s)"
    for metric in ("latency", "ttft", "tpot", "itl")
    for percent in (50, 99)
}


def with_labels(labels: Sequence[str], label_pattern: str) -> tuple[Column, ...]:
    """The columns of an overview in which these labels vary."""
    by_name = BY_NAME | {column.name: column for column in pattern_columns(label_pattern)}
    return (
        *(by_name[name] for name in labels),
        COUNT,
        SUCCESS_SHARE,
        *(statistic_column(BY_NAME[name], statistic) for name in AVERAGES for statistic in ("avg", "std")),
        *(statistic_column(BY_NAME[name], "avg") for name in PERCENTILES),
    )


def overview_columns(path: Path, label_pattern: str) -> tuple[Column, ...]:
    """The columns of an overview that was written as CSV."""
    header = csv_header(path)
    return with_labels(header[: header.index(COUNT.name)], label_pattern)


def columns_of(path: Path, settings: Mapping[str, Any]) -> tuple[str, tuple[Column, ...]]:
    """Which table a CSV file of ours is, by its name, and its columns.

    Args:
        path: such as `summary_raw.csv`.
        settings: `columns.COLUMN_SETTINGS`.
    """
    table = path.stem.rpartition("_")[2]
    if table == "overview":
        return table, overview_columns(path, settings["label_pattern"])
    return table, PROBLEM_COLUMNS if table == "problems" else TABLES[table](settings)
