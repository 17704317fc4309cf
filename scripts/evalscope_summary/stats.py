"""`summary_stats`: statistics over the runs of a group."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from .columns import COUNT, label_names, metric_columns
from .groups import Group, groups
from .tables import Row


def statistics(raw: pl.DataFrame, settings: Mapping[str, Any]) -> list[Row]:
    """One row per group of runs, in the order of the groups.

    Args:
        raw: `summary_raw`.
        settings: `columns`, `statistics` (which ones), and what `groups.groups` needs.
    """
    found = groups(raw.select(label_names(settings)).rows(named=True), settings)
    metrics = [column.name for column in metric_columns(settings["columns"])]
    return [
        {**group.labels, COUNT.name: len(group.rows), **cells}
        for group, cells in zip(found, of_groups(raw, found, metrics, settings["statistics"]), strict=True)
    ]


def of_groups(
    raw: pl.DataFrame, found: Sequence[Group], metrics: Sequence[str], wanted: Sequence[str]
) -> list[dict[str, float | None]]:
    """Statistics of some metrics over the values there are, per group; None where one is not defined.

    Args:
        raw: `summary_raw`.
        found: its groups.
        metrics: columns of `summary_raw`.
        wanted: statistics, see `columns.STATISTICS`.
    """
    number = [0] * len(raw)
    for index, group in enumerate(found):
        for row in group.rows:
            number[row] = index
    cells = [_statistic(pl.col(metric), name).alias(f"{metric}_{name}") for metric in metrics for name in wanted]
    table = raw.select(metrics).group_by(pl.Series("group", number, pl.Int64)).agg(cells).sort("group").drop("group")
    finite = pl.all().cast(pl.Float64)
    return table.select(pl.when(finite.is_finite()).then(finite)).rows(named=True)


def _statistic(values: pl.Expr, name: str) -> pl.Expr:
    if name == "avg":
        return values.mean().clip(values.min(), values.max())  # rounding may put it beside equal values
    if name == "cv":
        return values.std(ddof=1) / _statistic(values, "avg")  # x / 0 is infinite or NaN: empty
    if name == "ci95":
        return values.std(ddof=1) / values.count().sqrt() * values.count().map_elements(_t, pl.Float64)
    return values.std(ddof=1) if name == "std" else getattr(values, name)()


def _t(count: int) -> float | None:
    """The 97.5 % quantile of Student's t for the mean of so many values."""
    from scipy.special import stdtrit  # takes long to import

    return float(stdtrit(count - 1, 0.975)) if count > 1 else None
