"""An overview as people look at it: which of its columns and rows are shown where there is not room for all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import pandas as pd

from ..columns import BY_NAME, Column
from ..languages import say, translated
from ..layouts import COUNT, OVERVIEW_AVERAGES, OVERVIEW_PERCENTILES, OVERVIEW_SLO, PROBLEM_COUNT, SUCCESS_SHARE
from ..problems import printable
from ..terminal import shortened, width
from .csv import read_csv
from .files import overview_columns
from .frame import cells_of

RUNS, SUCCESS = "runs", "success"
TELLING = (
    *(RUNS, SUCCESS, *OVERVIEW_SLO.values(), "output tok/s", "P99 TTFT (s)", "TTFT (s)", "requests/s"),
    *("P99 latency (s)", "latency (s)", "TPOT (s)", "P99 TPOT (s)", "ITL (s)", "P99 ITL (s)", "P50 TTFT (s)"),
    *("P50 latency (s)", "P50 TPOT (s)", "P50 ITL (s)"),
)
"""The metrics of an overview, the most telling ones first."""

_ROWS = 20  # on a terminal
_GAP = 2  # between two columns there
_NARROWEST = 12  # a label is shortened to so many characters at most,
_CONFIG = 18  # and `config`, which tells groups apart, to so many
_BEGINNING = 5  # characters that stay of what all labels begin with
_LABELS = 0.45  # part of the width that labels may take
_SPREAD_FROM = 120  # columns of a terminal on which there is room for standard deviations


def label_names_of(columns: Sequence[Column]) -> list[str]:
    """The labels of an overview: what stands before the number of runs."""
    return [column.name for column in columns[: columns.index(COUNT)]]


def by_weight(labels: Iterable[str]) -> list[str]:
    """Labels, those that tell most groups apart first: where the test lies, and its load."""
    first = ("config", "parallel", "rate")
    return sorted(labels, key=lambda name: first.index(name) if name in first else len(first))


def metric_texts(table: pd.DataFrame, spread: bool) -> dict[str, list[str]]:
    """The metrics of an overview as texts, by what they are called, in the order of `TELLING`; without empty ones.

    Args:
        table: a row for each group.
        spread: with `±` the standard deviation of averages, where there is one.
    """
    shares = cells_of(table[SUCCESS_SHARE.name])
    texts = {
        RUNS: [str(count) for count in cells_of(table[COUNT.name])],
        SUCCESS: [_percent(share) for share in shares],
    }
    for name, heading in {**OVERVIEW_AVERAGES, **OVERVIEW_SLO}.items():
        if f"{name}_avg" not in table:
            continue
        text = _percent if BY_NAME[name].unit == "" else short
        pairs = zip(cells_of(table[f"{name}_avg"]), cells_of(table[f"{name}_std"]), strict=True)
        texts[heading] = [
            text(average) + (f" ± {text(deviation)}" if spread and deviation is not None else "")
            for average, deviation in pairs
        ]
    for name, heading in OVERVIEW_PERCENTILES.items():
        texts[heading] = [short(value) for value in cells_of(table[f"{name}_avg"])]
    return {name: texts[name] for name in TELLING if name in (RUNS, SUCCESS) or any(texts.get(name, ()))}


def _percent(share: float | None) -> str:
    return "" if share is None else f"{short(100 * share)} %"


def short(value: float | None) -> str:
    """Four significant digits, without an exponent for large numbers."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def on_a_line(value: Any) -> str:
    """A label on one line, without what a terminal obeys."""
    return "" if value is None else printable(str(value))


def worth_a_look(table: pd.DataFrame) -> pd.DataFrame:
    """The groups in the order in which one should look at them: with problems or failed requests first, then those of
    most runs."""
    wrong = (table[PROBLEM_COUNT.name] > 0) | (table[SUCCESS_SHARE.name] < 1).fillna(False)
    keys = pd.DataFrame({"right": ~wrong, "few": -table[COUNT.name]})
    return table.loc[keys.sort_values(["right", "few"], kind="stable").index]


def on_a_terminal(path: Path, settings: Mapping[str, Any], columns: int) -> str:
    """The first groups of an overview that was written as CSV, in so many columns of a terminal.

    Args:
        path: of the file.
        settings: `layouts.COLUMN_SETTINGS`.
        columns: of the terminal.
    """
    layout = overview_columns(path, settings)
    table = worth_a_look(read_csv(path, layout))
    some = table.head(_ROWS)
    labels = {name: [on_a_line(value) for value in cells_of(some[name])] for name in label_names_of(layout)}
    metrics = metric_texts(some, columns >= _SPREAD_FROM)
    lines, hidden = _fitted(labels, metrics, columns)
    more = len(table) - len(some)
    if more and hidden:
        lines.append(
            say("… {rows} more groups and {columns} more columns: {path}", rows=more, columns=hidden, path=path)
        )
    elif more:
        lines.append(say("… {rows} more groups: {path}", rows=more, path=path))
    elif hidden:
        lines.append(say("… {columns} more columns: {path}", columns=hidden, path=path))
    return "\n".join(lines)


def _fitted(labels: dict[str, list[str]], metrics: dict[str, list[str]], columns: int) -> tuple[list[str], int]:
    """The lines of a table that fits, and how many columns have no room in it."""
    needs = {name: _need(name, cells) for name, cells in (labels | metrics).items()}
    least = {name: min(needs[name], _CONFIG if name == "config" else _NARROWEST) for name in labels}
    chosen: list[str] = []
    for name in by_weight(labels):
        if not chosen or _total([least[label] for label in (*chosen, name)]) <= _LABELS * columns:
            chosen.append(name)
    chosen = [name for name in labels if name in chosen]
    some: list[str] = []
    for name in metrics:
        taken = [*(least[label] for label in chosen), *(needs[metric] for metric in (*some, name))]
        if _total(taken) > columns:
            break
        some.append(name)
    widths = {name: least[name] for name in chosen} | {name: needs[name] for name in some}
    room = columns - _total(list(widths.values()))
    for name in chosen:  # what is left over
        widths[name] += max(0, min(room, needs[name] - widths[name]))
        room = columns - _total(list(widths.values()))
    texts = {name: shortened_apart(cells, widths.get(name, 0)) for name, cells in labels.items()}
    rows = zip(*((texts | metrics)[name] for name in widths), strict=True)
    header, rule = [_heading(name) for name in widths], ["-" * size for size in widths.values()]
    lines = [_line(row, widths, labels) for row in (header, rule, *rows)]
    return lines, len(labels) + len(metrics) - len(widths)


def shortened_apart(cells: Sequence[str], size: int) -> list[str]:
    """Labels that take at most so many columns, without their middle; if they would be the same then, rather without
    most of what they all begin with.

    >>> shortened_apart(["evalscope-0.14.0/p4_n20_short", "evalscope-1.12.0/p4_n20_short"], 18)
    ['evals…0.1…20_short', 'evals…1.1…20_short']
    """
    shorter = [shortened(cell, size) for cell in cells]
    if len(set(shorter)) == len(set(cells)):
        return shorter
    common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(min(cells), max(cells), strict=False)))
    apart = [
        shortened(f"{cell[:_BEGINNING]}…{cell[common:]}" if common > _BEGINNING + 1 else cell, size) for cell in cells
    ]
    return apart if len(set(apart)) > len(set(shorter)) else shorter


def _heading(name: str) -> str:
    return translated(name)


def _need(name: str, cells: Sequence[str]) -> int:
    return max([width(_heading(name)), *map(width, cells)])


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _line(cells: Sequence[str], widths: dict[str, int], labels: dict[str, list[str]]) -> str:
    parts: Iterator[str] = (
        _padded(shortened(cell, size), size, name in labels)
        for cell, (name, size) in zip(cells, widths.items(), strict=True)
    )
    return (" " * _GAP).join(parts).rstrip()


def _padded(text: str, size: int, left: bool) -> str:
    space = " " * (size - width(text))
    return text + space if left else space + text
