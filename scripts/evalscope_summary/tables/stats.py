"""`summary_stats`: statistics over the runs of a group."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..layouts import COUNT, OF_ONE, STATS_HEAD, metric_columns, stats_columns
from .groups import Groups, groups

_AT_ONCE = 1000
"""Runs whose statistics are in memory at a time, unless one group has more: they take many times their memory."""


def statistics(raw: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """One row per group of runs, in the order of the groups: the columns of `layouts.stats_columns`.

    Args:
        raw: `summary_raw`.
        settings: `columns`, `slo`, `statistics` (which ones), and what `groups.groups` needs.
    """
    return pd.concat(list(statistics_by_parts(raw, settings)), ignore_index=True)


def statistics_by_parts(raw: pd.DataFrame, settings: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """What `statistics` makes, as a table that is never in memory as a whole."""
    grouped = groups(raw, settings)
    metrics = [column.name for column in metric_columns(settings["columns"], settings["slo"])]
    names = [column.name for column in stats_columns(settings)]
    names = [name for name in names if name == COUNT.name or name in grouped.labels]
    head = len(STATS_HEAD)
    for some in grouped.parts(_AT_ONCE):
        labels = grouped.labels.iloc[some].assign(**{COUNT.name: pd.array(grouped.sizes[some], dtype="Int64")})[names]
        cells = of_groups(raw, grouped, metrics, settings["statistics"], some).set_index(labels.index)
        yield pd.concat([labels[names[:head]], cells, labels[names[head:]]], axis=1)


def of_groups(
    raw: pd.DataFrame, grouped: Groups, metrics: Sequence[str], wanted: Sequence[str], some: slice = slice(None)
) -> pd.DataFrame:
    """Statistics of some metrics over the values there are: a row per group, empty where one is not defined.

    Args:
        raw: `summary_raw`.
        grouped: its groups.
        metrics: columns of `summary_raw`.
        wanted: statistics, see `layouts.STATISTICS`.
        some: of the groups.
    """
    runs, sizes = grouped.runs(some), grouped.sizes[some]
    values = np.column_stack([raw[name].to_numpy(np.float64, na_value=np.nan)[runs] for name in metrics])
    of_run = np.repeat(np.arange(len(sizes)), sizes)
    repeated = sizes > 1
    several = np.repeat(repeated, sizes)
    cells = np.full((len(sizes), len(wanted), len(metrics)), np.nan)
    for index, name in enumerate(wanted):
        if name in OF_ONE:  # the statistic of one value is the value, and in most trees nearly all groups have one run
            cells[~repeated, index] = values[~several]
    if repeated.any():
        of_several = _Values(pd.DataFrame(values[several]), of_run[several])
        for index, name in enumerate(wanted):
            cells[repeated, index] = getattr(of_several, name)
    cells[~np.isfinite(cells)] = np.nan
    names = [f"{metric}_{name}" for metric in metrics for name in wanted]
    return pd.DataFrame(cells.transpose(0, 2, 1).reshape(len(sizes), len(names)), columns=names, copy=False)


Cells = NDArray[np.float64]


class _Values:
    """The statistics of values by group: a row per group, a column per metric, NaN where one is not defined."""

    def __init__(self, values: pd.DataFrame, of_run: NDArray[np.int64]) -> None:
        # Not float64: pandas 3.1 sums that otherwise where no cell of any column is empty, so that the last digits of a
        # metric would depend on the others.
        self._groups = values.astype("Float64").groupby(of_run)

    def _agg(self, function: str) -> Cells:
        cells: Cells = self._groups.agg(function).to_numpy(np.float64, na_value=np.nan)
        return cells

    @cached_property
    def avg(self) -> Cells:
        cells: Cells = np.clip(self._agg("mean"), self.min, self.max)  # rounding may put it beside equal values
        return cells

    @cached_property
    def std(self) -> Cells:
        return self._agg("std")  # n - 1

    @cached_property
    def min(self) -> Cells:
        return self._agg("min")

    @cached_property
    def max(self) -> Cells:
        return self._agg("max")

    @property
    def median(self) -> Cells:
        return self._agg("median")

    @property
    def cv(self) -> Cells:
        with np.errstate(divide="ignore", invalid="ignore"):  # x / 0 is infinite or NaN: empty
            return self.std / self.avg

    @property
    def ci95(self) -> Cells:
        from scipy.special import stdtrit  # takes long to import

        counts = self._agg("count")
        several = np.where(counts > 1, counts, np.nan)
        different, place = np.unique(several, return_inverse=True)
        quantiles = stdtrit(different - 1, 0.975)  # of Student's t
        cells: Cells = self.std / np.sqrt(several) * quantiles[place.reshape(several.shape)]
        return cells
