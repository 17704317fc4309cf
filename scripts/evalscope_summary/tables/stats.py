"""`summary_stats`: statistics over the runs of a group."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..layouts import COUNT, STATS_HEAD, metric_columns, stats_columns
from .groups import Groups, groups

_AT_ONCE = 16  # metrics: pandas needs memory for many times their values


def statistics(raw: pd.DataFrame, settings: Mapping[str, Any]) -> pd.DataFrame:
    """One row per group of runs, in the order of the groups: the columns of `layouts.stats_columns`.

    Args:
        raw: `summary_raw`.
        settings: `columns`, `statistics` (which ones), and what `groups.groups` needs.
    """
    found = groups(raw, settings)
    metrics = [column.name for column in metric_columns(settings["columns"])]
    labels = found.labels.assign(**{COUNT.name: pd.array(found.sizes, dtype="Int64")})
    cells = of_groups(raw, found, metrics, settings["statistics"])
    names = [column.name for column in stats_columns(settings) if column.name in labels]
    head = len(STATS_HEAD)
    return pd.concat([labels[names[:head]], cells, labels[names[head:]]], axis=1)


def of_groups(raw: pd.DataFrame, found: Groups, metrics: Sequence[str], wanted: Sequence[str]) -> pd.DataFrame:
    """Statistics of some metrics over the values there are: a row per group, empty where one is not defined.

    Args:
        raw: `summary_raw`.
        found: its groups.
        metrics: columns of `summary_raw`.
        wanted: statistics, see `layouts.STATISTICS`.
    """
    cells = np.empty((len(found.sizes), len(metrics), len(wanted)))
    for begin in range(0, len(metrics), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        values = _Values(raw[list(metrics[some])], found.of_run)
        for index, name in enumerate(wanted):
            statistic = getattr(values, name)
            cells[:, some, index] = np.where(np.isfinite(statistic), statistic, np.nan)
    names = [f"{metric}_{name}" for metric in metrics for name in wanted]
    return pd.DataFrame(cells.reshape(len(found.sizes), len(names)), columns=names, copy=False)


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
