"""`summary_overview`: what one opens first. A row per group of runs, the labels that vary, and the main metrics."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from .columns import BY_NAME, COUNT, SUCCESS_SHARE, TABLES, Column, label_names, pattern_columns, statistic_column
from .groups import groups
from .problems import Problem, printable
from .tables import PROBLEM_COLUMNS, Row, csv_header, read_csv

if TYPE_CHECKING:
    import polars as pl  # takes long to import; the columns alone are needed without it

_AVERAGES = {
    # column of summary_raw → what the report calls it
    "request_throughput": "requests/s",
    "output_throughput": "output tok/s",
    "latency": "latency (s)",
    "ttft": "TTFT (s)",
    "token_latency": "TPOT (s)",
    "inter_token_latency": "ITL (s)",
}
_PERCENTILES = {
    f"{percent}p_{metric}_": f"P{percent} {metric.upper() if metric != 'latency' else metric} (s)"
    for metric in ("latency", "ttft", "tpot", "itl")
    for percent in (50, 99)
}
_HEADER = ("runs", "success", *_AVERAGES.values())
_ON_A_TERMINAL = 20  # rows
_WIDEST = 40  # characters of a label there
_WIDEST_IN_A_REPORT = 300  # each row is filled up to the widest


@dataclass(frozen=True)
class Overview:
    """The overview of a table of runs.

    Attributes:
        columns: `config` and the labels that vary, then always the same.
        rows: one per group.
        common: the labels that all groups have in common.
    """

    columns: tuple[Column, ...]
    rows: list[Row]
    common: Row


def overview(raw: pl.DataFrame, settings: Mapping[str, Any]) -> Overview:
    """Make the overview.

    Args:
        raw: `summary_raw`.
        settings: `columns.GROUP_SETTINGS`.
    """
    from .stats import of_groups

    names = label_names(settings)
    rows = raw.select(*names, "requests", "succeeded").rows(named=True)
    found = groups(rows, settings)
    varying = [name for name in names if name == "config" or len({group.labels[name] for group in found}) > 1]
    common = {name: found[0].labels[name] for name in names if found and name not in varying}
    averages = of_groups(raw, found, list(_AVERAGES), ("avg", "std"))
    percentiles = of_groups(raw, found, list(_PERCENTILES), ("avg",))
    made = [
        {name: group.labels[name] for name in varying}
        | {COUNT.name: len(group.rows), SUCCESS_SHARE.name: _success_share([rows[index] for index in group.rows])}
        | own
        | own_percentiles
        for group, own, own_percentiles in zip(found, averages, percentiles, strict=True)
    ]
    return Overview(_columns(varying, settings["label_pattern"]), made, common)


def _success_share(rows: Sequence[Row]) -> float | None:
    requests = sum(row["requests"] or 0 for row in rows)
    return sum(row["succeeded"] or 0 for row in rows) / requests if requests else None


def _columns(labels: Sequence[str], label_pattern: str) -> tuple[Column, ...]:
    by_name = BY_NAME | {column.name: column for column in pattern_columns(label_pattern)}
    return (
        *(by_name[name] for name in labels),
        COUNT,
        SUCCESS_SHARE,
        *(statistic_column(BY_NAME[name], statistic) for name in _AVERAGES for statistic in ("avg", "std")),
        *(statistic_column(BY_NAME[name], "avg") for name in _PERCENTILES),
    )


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


def overview_columns(path: Path, label_pattern: str) -> tuple[Column, ...]:
    """The columns of an overview that was written as CSV."""
    header = csv_header(path)
    return _columns(header[: header.index(COUNT.name)], label_pattern)


def markdown(made: Overview, runs: int, problems: Sequence[Problem], metrics: str) -> str:
    """The overview as Markdown, with `±` the standard deviation where there is one.

    Args:
        made: the overview.
        runs: their number.
        problems: of `summary_problems`.
        metrics: the setting.
    """
    lines = [f"{runs} runs in {len(made.rows)} groups; metrics as {metrics}."]
    if shared := [f"{name} {_text(value)}" for name, value in made.common.items() if value is not None]:
        lines.append(f"The same in all groups: {', '.join(shared)}.")
    if codes := Counter(problem.code for problem in problems):
        lines.append(f"Problems: {', '.join(f'{number} {code}' for code, number in codes.most_common())}.")
    if made.rows:
        labels = _labels(made.columns)
        header = [*labels, *_HEADER, *_PERCENTILES.values()]
        table = tabulate(
            [[_text(row[name]) for name in labels] + _numbers(row) for row in made.rows],
            header,
            tablefmt="pipe",
            disable_numparse=True,
            colalign=("left",) * len(labels) + ("right",) * (len(header) - len(labels)),
        )
        lines.append(table)
    return "\n\n".join(lines) + "\n"


def _labels(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns[: columns.index(COUNT)]]


def _numbers(row: Row) -> list[str]:
    share = row[SUCCESS_SHARE.name]
    cells = [str(row[COUNT.name]), "" if share is None else f"{_short(100 * share)} %"]
    for name in _AVERAGES:
        average, spread = row[f"{name}_avg"], row[f"{name}_std"]
        cells.append(_short(average) + ("" if spread is None else f" ± {_short(spread)}"))
    return cells + [_short(row[f"{name}_avg"]) for name in _PERCENTILES]


def _short(value: float | None) -> str:
    """Four significant digits, without an exponent for large numbers."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _on_a_line(value: Any) -> str:
    return "" if value is None else printable(str(value))


def _text(value: Any) -> str:
    """A label in Markdown, with nothing in it that means something there."""
    shown = _on_a_line(value)
    cut = shown if len(shown) <= _WIDEST_IN_A_REPORT else shown[: _WIDEST_IN_A_REPORT - 1] + "…"
    return re.sub(r"([\\`*\[\]<>|&])", r"\\\1", cut)


def on_a_terminal(path: Path, label_pattern: str) -> str:
    """The first rows and the averages of an overview that was written as CSV, to look at."""
    columns = overview_columns(path, label_pattern)
    labels = _labels(columns)
    rows = read_csv(path, columns).rows(named=True)
    shown = [
        [_on_a_line(row[name])[:_WIDEST] for name in labels] + _numbers(row)[: len(_HEADER)]
        for row in rows[:_ON_A_TERMINAL]
    ]
    text = tabulate(shown, [*labels, *_HEADER], disable_numparse=True)
    left = len(rows) - len(shown)
    return text + (f"\n… and {left} more in {path}" if left else "")
