"""`summary_stats`: statistics over the runs of a group."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from .columns import GROUP_LABELS, STATS_HEAD, STATS_TAIL, metric_columns, pattern_columns
from .groups import Group, groups
from .tables import Row


def statistics(rows: Iterable[Row], settings: Mapping[str, Any]) -> list[Row]:
    """One row per group of runs, in the order of the groups.

    Args:
        rows: of `summary_raw`, in its order.
        settings: `columns`, `statistics` (which ones), and what `groups.groups` needs.
    """
    found = groups(rows, settings)
    cells = of_groups(found, [column.name for column in metric_columns(settings["columns"])], settings["statistics"])
    names = [name for name in (*STATS_HEAD, *STATS_TAIL) if name in GROUP_LABELS]
    names += [column.name for column in pattern_columns(settings["label_pattern"])]
    return [
        {name: group.labels[name] for name in names} | {"count": len(group.rows)} | own
        for group, own in zip(found, cells, strict=True)
    ]


def of_groups(found: Sequence[Group], metrics: Sequence[str], wanted: Sequence[str]) -> list[Row]:
    """Statistics of some metrics over the values there are, per group; None where one is not defined.

    Args:
        found: the groups.
        metrics: columns of `summary_raw`.
        wanted: statistics, see `columns.STATISTICS`.
    """
    if not found:
        return []
    index = [number for number, group in enumerate(found) for _ in group.rows]
    frame = pd.DataFrame.from_records(
        [tuple(row.get(metric) for metric in metrics) for group in found for row in group.rows], columns=list(metrics)
    ).astype("float64")
    grouped = frame.groupby(index, sort=True)
    tables = {}
    for statistic in wanted:
        table = _statistic(grouped, statistic)
        tables[statistic] = table.astype(object).where(table.abs() < float("inf"), None).to_numpy()
    return [
        {
            f"{metric}_{statistic}": value
            for statistic in wanted
            for metric, value in zip(metrics, tables[statistic][number], strict=True)
        }
        for number in range(len(found))
    ]


def _statistic(grouped: Any, statistic: str) -> pd.DataFrame:
    table: pd.DataFrame
    if statistic == "avg":
        table = grouped.mean().clip(grouped.min(), grouped.max())  # rounding may put it beside equal values
        return table
    table = getattr(grouped, statistic)() if statistic in ("min", "max", "median") else grouped.std(ddof=1)
    if statistic == "cv":
        table = table / _statistic(grouped, "avg")  # x / 0 is infinite or NaN: empty
    if statistic == "ci95":
        from scipy.special import stdtrit  # the quantile of Student's t; takes long to import

        count = grouped.count()
        table = table * stdtrit((count - 1).clip(lower=1), 0.975) / np.sqrt(count)
    return table
