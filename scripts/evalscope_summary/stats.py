"""`summary_stats`: statistics over the runs of a group."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from .columns import BY_NAME, STATISTICS, STATS_HEAD, STATS_TAIL, metric_columns
from .tables import Row, natural


def statistics(rows: Iterable[Row], which: str, group_by: Sequence[str]) -> list[Row]:
    """One row per group of runs, in the order of the `group_by` columns (numbers as numbers, empty first).

    Mean, sample standard deviation (n - 1, empty below two values), minimum and maximum of the values there are; a
    label that is not in `group_by` has the group's common value, or none.

    Args:
        rows: of `summary_raw`, in its order.
        which: setting `columns`.
        group_by: label columns; an empty value is a value too.
    """
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(label) for label in group_by), []).append(row)
    ordered = [groups[key] for key in sorted(groups, key=lambda key: [_order(value) for value in key])]
    if not ordered:
        return []
    metrics = [column.name for column in metric_columns(which)]
    index = [number for number, group in enumerate(ordered) for _ in group]
    frame = pd.DataFrame.from_records(
        [tuple(row.get(metric) for metric in metrics) for group in ordered for row in group], columns=metrics
    ).astype("float64")
    grouped = frame.groupby(index, sort=True)
    smallest, largest = grouped.min(), grouped.max()
    found = {
        "avg": grouped.mean().clip(smallest, largest),  # rounding may put the mean of equal values beside them
        "std": grouped.std(ddof=1),
        "min": smallest,
        "max": largest,
    }
    cells = {
        name: table.astype(object).where(table.abs() < float("inf"), None).to_numpy() for name, table in found.items()
    }
    result = []
    for number, group in enumerate(ordered):
        row = {"count": len(group)}
        for label in (*STATS_HEAD, *STATS_TAIL):
            if label in BY_NAME:
                values = {item.get(label) for item in group}
                row[label] = values.pop() if len(values) == 1 else None
        for statistic in STATISTICS:
            row.update(zip((f"{metric}_{statistic}" for metric in metrics), cells[statistic][number], strict=True))
        result.append(row)
    return result


def _order(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    return (1, natural(value)) if isinstance(value, str) else (1, value)
