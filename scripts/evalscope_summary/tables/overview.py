"""`summary_overview`: what one opens first. A row per group of runs, the labels that vary, and the main metrics."""

import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..columns import Column
from ..languages import translated
from ..layouts import (
    COUNT,
    OVERVIEW_AVERAGES,
    OVERVIEW_PERCENTILES,
    OVERVIEW_SLO,
    PROBLEM_COUNT,
    SUCCESS_SHARE,
    label_names,
    overview_layout,
)
from ..problems import Problem
from .frame import cells_of
from .groups import groups
from .shown import by_weight, label_names_of, metric_texts, on_a_line
from .stats import of_groups

_OF_RUNS = ("run", "requests", "succeeded")
_COLUMNS_IN_A_REPORT = 12
_LABELS_IN_A_REPORT = 6
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
        settings: `layouts.GROUP_SETTINGS`, and `slo`.
    """
    return [*label_names(settings), *_OF_RUNS, *OVERVIEW_AVERAGES, *OVERVIEW_PERCENTILES, *_slo_metrics(settings)]


def _slo_metrics(settings: Mapping[str, Any]) -> list[str]:
    return [*OVERVIEW_SLO] if settings["slo"] else []


def overview(raw: pd.DataFrame, settings: Mapping[str, Any], problems: Sequence[Problem] = ()) -> Overview:
    """Make the overview.

    Args:
        raw: `summary_raw`, or its `inputs`.
        settings: `layouts.GROUP_SETTINGS`, and `slo`.
        problems: of `summary_problems`.
    """
    grouped = groups(raw, settings)
    different = grouped.labels.nunique(dropna=False)
    varying = [name for name in label_names(settings) if name == "config" or different[name] > 1]
    common = {name: cells_of(cells)[0] for name, cells in grouped.labels.drop(columns=varying).items() if len(cells)}
    requests = raw[["requests", "succeeded"]].groupby(grouped.of_run).sum().astype("float64")
    share = requests["succeeded"] / requests["requests"].where(requests["requests"] > 0)
    wrong = raw["run"].map(Counter(problem.run for problem in problems)).fillna(0).groupby(grouped.of_run).sum()
    parts = [
        grouped.labels[varying],
        pd.Series(grouped.sizes, dtype="Int64", name=COUNT.name),
        share.rename(SUCCESS_SHARE.name),
        of_groups(raw, grouped, list(OVERVIEW_AVERAGES), ("avg", "std")),
        of_groups(raw, grouped, list(OVERVIEW_PERCENTILES), ("avg",)),
        *([of_groups(raw, grouped, slo, ("avg", "std"))] if (slo := _slo_metrics(settings)) else ()),
        wrong.astype("Int64").rename(PROBLEM_COUNT.name),
    ]
    return Overview(overview_layout(varying, settings), pd.concat(parts, axis=1), common)


def markdown(
    content: Overview, runs: int, problems: Sequence[Problem], metrics: str, language: str = "en"
) -> Iterator[str]:
    """The lines of the overview as Markdown: the labels and metrics that tell most, at most twelve columns, with `±`
    the standard deviation where there is one.

    Args:
        content: the overview.
        runs: their number.
        problems: of `summary_problems`.
        metrics: the setting.
        language: the setting.
    """

    def text(english: str) -> str:
        return translated(english, language)

    groups_ = f"{len(content.table)} group{'' if len(content.table) == 1 else 's'}"
    yield text(f"{runs} run{'' if runs == 1 else 's'} in {groups_}; metrics as {metrics}.")
    if shared := [f"{name} {_text(value)}" for name, value in content.common.items() if value is not None]:
        yield from ("", text(f"The same in all groups: {', '.join(shared)}."))
    if codes := Counter(problem.code for problem in problems):
        yield from ("", text(f"Problems: {', '.join(f'{number} {code}' for code, number in codes.most_common())}."))
    if len(content.table):
        labels = label_names_of(content.columns)
        shown = [name for name in labels if name in by_weight(labels)[:_LABELS_IN_A_REPORT]]
        texts = {name: [_text(value) for value in cells_of(content.table[name])] for name in shown}
        texts |= itertools.islice(metric_texts(content.table, True).items(), _COLUMNS_IN_A_REPORT - len(shown))
        yield from ("", *_table([text(name) for name in texts], list(texts.values()), len(shown)))
        if others := [name for name in labels if name not in shown]:
            yield from (
                "",
                text(f"Groups differ in these labels, too, which are in the CSV file: {', '.join(others)}."),
            )


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


@functools.lru_cache(10_000, typed=True)
def _text(value: Any) -> str:
    """A label in Markdown, with nothing in it that means something there."""
    shown = on_a_line(value)
    cut = shown if len(shown) <= _WIDEST_IN_A_REPORT else shown[: _WIDEST_IN_A_REPORT - 1] + "…"
    return re.sub(r"([\\`*\[\]<>|&])", r"\\\1", cut)
