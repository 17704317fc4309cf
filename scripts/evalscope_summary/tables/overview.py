"""`summary_overview`: what one opens first. A row per group of runs, the labels that vary, and the main metrics."""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from ..columns import Column
from ..layouts import (
    COUNT,
    OVERVIEW_AVERAGES,
    OVERVIEW_PERCENTILES,
    SUCCESS_SHARE,
    label_names,
    overview_layout,
)
from ..problems import Problem, printable
from .csv import read_csv
from .files import overview_columns
from .frame import cells_of
from .groups import groups
from .stats import of_groups

_HEADER = ("runs", "success", *OVERVIEW_AVERAGES.values())
_REQUESTS = ("requests", "succeeded")
_ON_A_TERMINAL = 20  # rows
_WIDEST = 40  # characters of a label there
_WIDEST_IN_A_REPORT = 300  # each row is filled up to the widest


@dataclass(frozen=True)
class Overview:
    """The overview of a table of runs.

    Attributes:
        columns: `config` and the labels that vary, then always the same.
        table: a row per group.
        common: the labels that all groups have in common, None where they are empty.
    """

    columns: tuple[Column, ...]
    table: pd.DataFrame
    common: dict[str, Any]


def inputs(settings: Mapping[str, Any]) -> list[str]:
    """The columns of `summary_raw` that the overview is made of.

    Args:
        settings: `layouts.GROUP_SETTINGS`.
    """
    return [*label_names(settings), *_REQUESTS, *OVERVIEW_AVERAGES, *OVERVIEW_PERCENTILES]


def overview(raw: pd.DataFrame, settings: Mapping[str, Any]) -> Overview:
    """Make the overview.

    Args:
        raw: `summary_raw`, or its `inputs`.
        settings: `layouts.GROUP_SETTINGS`.
    """
    found = groups(raw, settings)
    different = found.labels.nunique(dropna=False)
    varying = [name for name in label_names(settings) if name == "config" or different[name] > 1]
    common = {name: cells_of(cells)[0] for name, cells in found.labels.drop(columns=varying).items() if len(cells)}
    requests = raw[list(_REQUESTS)].groupby(found.of_run).sum().astype("float64")
    share = requests["succeeded"] / requests["requests"].where(requests["requests"] > 0)
    parts = [
        found.labels[varying],
        pd.Series(found.sizes, dtype="Int64", name=COUNT.name),
        share.rename(SUCCESS_SHARE.name),
        of_groups(raw, found, list(OVERVIEW_AVERAGES), ("avg", "std")),
        of_groups(raw, found, list(OVERVIEW_PERCENTILES), ("avg",)),
    ]
    return Overview(overview_layout(varying, settings["label_pattern"]), pd.concat(parts, axis=1), common)


def markdown(made: Overview, runs: int, problems: Sequence[Problem], metrics: str) -> Iterator[str]:
    """The lines of the overview as Markdown, with `±` the standard deviation where there is one.

    Args:
        made: the overview.
        runs: their number.
        problems: of `summary_problems`.
        metrics: the setting.
    """
    yield f"{runs} runs in {len(made.table)} groups; metrics as {metrics}."
    if shared := [f"{name} {_text(value)}" for name, value in made.common.items() if value is not None]:
        yield from ("", f"The same in all groups: {', '.join(shared)}.")
    if codes := Counter(problem.code for problem in problems):
        yield from ("", f"Problems: {', '.join(f'{number} {code}' for code, number in codes.most_common())}.")
    if len(made.table):
        labels = _labels(made.columns)
        header = [*labels, *_HEADER, *OVERVIEW_PERCENTILES.values()]
        columns = [
            *([_text(value) for value in cells_of(made.table[name])] for name in labels),
            *_numbers(made.table),
            *([_short(value) for value in cells_of(made.table[f"{name}_avg"])] for name in OVERVIEW_PERCENTILES),
        ]
        yield from ("", *_table(header, columns, len(labels)))


def _table(header: Sequence[str], columns: Sequence[Sequence[str]], left: int) -> Iterator[str]:
    """The lines of a table in Markdown: what `tabulate` writes as `pipe`, which takes five times as long and keeps
    several copies of all cells.

    Args:
        header: of the columns.
        columns: the cells of each.
        left: how many columns are aligned to the left.
    """
    widths = [max(len(name) + 2, *map(len, cells)) for name, cells in zip(header, columns, strict=True)]
    row = "| " + " | ".join(f"{{:{'<' if i < left else '>'}{width}}}" for i, width in enumerate(widths)) + " |"
    yield row.format(*header)
    rules = ("-" * (width + 1) for width in widths)
    yield "|" + "|".join(f":{rule}" if i < left else f"{rule}:" for i, rule in enumerate(rules)) + "|"
    yield from itertools.starmap(row.format, zip(*columns, strict=True))


def _labels(columns: Sequence[Column]) -> list[str]:
    return [column.name for column in columns[: columns.index(COUNT)]]


def _numbers(table: pd.DataFrame) -> Iterator[list[str]]:
    """The columns below `_HEADER`, as texts."""
    yield [str(count) for count in cells_of(table[COUNT.name])]
    shares = cells_of(table[SUCCESS_SHARE.name])
    yield ["" if share is None else f"{_short(100 * share)} %" for share in shares]
    for name in OVERVIEW_AVERAGES:
        pairs = zip(cells_of(table[f"{name}_avg"]), cells_of(table[f"{name}_std"]), strict=True)
        yield [_short(average) + ("" if spread is None else f" ± {_short(spread)}") for average, spread in pairs]


def _short(value: float | None) -> str:
    """Four significant digits, without an exponent for large numbers."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def _on_a_line(value: Any) -> str:
    return "" if value is None else printable(str(value))


@functools.lru_cache(10_000, typed=True)
def _text(value: Any) -> str:
    """A label in Markdown, with nothing in it that means something there."""
    shown = _on_a_line(value)
    cut = shown if len(shown) <= _WIDEST_IN_A_REPORT else shown[: _WIDEST_IN_A_REPORT - 1] + "…"
    return re.sub(r"([\\`*\[\]<>|&])", r"\\\1", cut)


def on_a_terminal(path: Path, label_pattern: str) -> str:
    """The first rows and the averages of an overview that was written as CSV, to look at."""
    columns = overview_columns(path, label_pattern)
    labels = _labels(columns)
    table = read_csv(path, columns)
    some = table.head(_ON_A_TERMINAL)
    shown = [*([_on_a_line(value)[:_WIDEST] for value in cells_of(some[name])] for name in labels), *_numbers(some)]
    text = tabulate(list(zip(*shown, strict=True)), [*labels, *_HEADER], disable_numparse=True)
    left = len(table) - len(some)
    return text + (f"\n… and {left} more in {path}" if left else "")
