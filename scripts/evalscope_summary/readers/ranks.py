"""Percentiles of a tool's request rows by the tool's own rule, to fill in what its file lacks."""

import bisect
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..columns import FILLED, PERCENTILE_COLUMNS
from ..record import Values


def linear(ordered: Sequence[float], percent: float) -> float:
    """A percentile by linear interpolation, to the last bit as numpy's `percentile` computes it.

    Args:
        ordered: at least one value, in ascending order.
        percent: 0 to 100.
    """
    place = percent / 100 * (len(ordered) - 1)
    below = math.floor(place)
    share = place - below
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    if share >= 0.5:
        return high - (high - low) * (1 - share)
    return low + (high - low) * share


def cumulative(values: Iterable[tuple[float, float]], percents: Iterable[float]) -> list[float]:
    """Percentiles as the smallest value at which the sum of shares reaches them. Shares are added as floats, in the
    order of the values, as numpy's `cumsum` does: 6 of 12 equal shares are less than one half.

    Args:
        values: with their weights, at least one, all positive.
        percents: 0 to 100.
    """
    ordered = sorted(values)
    total = sum(weight for _, weight in ordered)
    sums = [*itertools.accumulate(weight / total for _, weight in ordered)]
    return [ordered[min(bisect.bisect_left(sums, percent / 100), len(sums) - 1)][0] for percent in percents]


def usable(values: Iterable[Any]) -> list[float]:
    """What is a measured duration or number of tokens: finite and positive."""
    return [value for value in values if type(value) in (float, int) and 0 < value < math.inf]


def filled(rows: Mapping[str, Iterable[Any]], reported: Values) -> Values:
    """The standard percentile columns that the file lacks, by linear interpolation.

    Args:
        rows: metric of `columns.PERCENTILE_METRICS` → the values of all requests that succeeded, in the column's unit.
        reported: the cells that the file has.
    """
    cells: Values = {}
    for metric, members in itertools.groupby(sorted(FILLED, key=lambda pair: pair[1]), key=lambda pair: pair[1]):
        missing = [(percent, column) for percent, _ in members if (column := _column(percent, metric)) not in reported]
        ordered = sorted(usable(rows.get(metric, ()))) if missing else []
        if ordered:
            cells |= {column: linear(ordered, percent) for percent, column in missing}
    return cells


def _column(percent: int, metric: str) -> str:
    return PERCENTILE_COLUMNS[percent, metric]
