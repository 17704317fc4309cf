"""`summary_compare`: groups of runs beside those that differ from them in one label alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..columns import BY_NAME, Column
from ..comparison import COMPARE_MEASURE
from ..layouts import OVERVIEW_AVERAGES, OVERVIEW_PERCENTILES, OVERVIEW_SLO, compare_labels, label_names
from .errors import NothingToCompare
from .frame import DTYPES, cells_of
from .groups import Groups, groups
from .stats import of_groups

Cells = NDArray[np.float64]

_AT_ONCE = 250  # pairs whose rows are in memory at a time
_SHOWN = 20  # values that a message names


def main_metrics(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The metrics of the overview, which are compared.

    Args:
        settings: `slo`.
    """
    names = (*OVERVIEW_AVERAGES, *OVERVIEW_PERCENTILES, *(OVERVIEW_SLO if settings["slo"] else ()))
    return tuple(BY_NAME[name] for name in names)


def inputs(settings: Mapping[str, Any]) -> list[str]:
    """The columns of `summary_raw` that are compared, and by which runs are grouped."""
    return [*label_names(settings), *(column.name for column in main_metrics(settings))]


@dataclass(frozen=True)
class Pairs:
    """Groups that are set beside each other.

    Attributes:
        groups: the runs that agree in the labels and in `by`.
        values: of each group, its value of `by` as text; empty where it has none.
        baseline: of each pair, the number of its group with the baseline's value; -1 if there is none.
        other: of each pair, that of the other group; -1 if there is none.
    """

    groups: Groups
    values: list[str]
    baseline: NDArray[np.int64]
    other: NDArray[np.int64]

    @property
    def are_alone(self) -> bool:
        """Whether there are groups, and none has a partner."""
        return len(self.other) > 0 and not ((self.baseline >= 0) & (self.other >= 0)).any()


def pairs(raw: pd.DataFrame, settings: Mapping[str, Any]) -> Pairs:
    """Find the groups that differ in one label alone, in the order of the other labels.

    Args:
        raw: `inputs` of `summary_raw`.
        settings: `layouts.GROUP_SETTINGS` and `compare`.

    Raises:
        NothingToCompare: there are runs, and none has the baseline's value.
    """
    by, wanted = settings["compare"]["by"], settings["compare"]["baseline"]
    labels = compare_labels(settings)
    grouped = groups(raw, {**settings, "group_by": [*labels, by]})
    outer = groups(raw, {**settings, "group_by": labels}).of_run[_first_runs(grouped)]  # ascending, as groups are
    values = [_text(value) for value in cells_of(grouped.labels[by])]
    if by in grouped.labels.select_dtypes("float"):
        wanted = _as_float(wanted)
    is_baseline = np.array([value == wanted for value in values], bool)
    if values and not is_baseline.any():
        known = list(dict.fromkeys(values))
        named = ", ".join(repr(value) for value in known[:_SHOWN]) + (", …" if len(known) > _SHOWN else "")
        raise NothingToCompare(
            f"configuration: 'compare' names the baseline {wanted!r}, but no run has it as {by}; there are {named}"
        )
    last = int(outer.max(initial=-1))
    of_outer = np.full(last + 1, -1)  # its group with the baseline's value: one at most
    of_outer[outer[is_baseline]] = np.flatnonzero(is_baseline)
    others = np.bincount(outer[~is_baseline], minlength=last + 1)
    listed = ~is_baseline | (others[outer] == 0)  # a baseline stands for itself where it has no partner
    number = np.flatnonzero(listed)
    return Pairs(grouped, values, of_outer[outer[number]], np.where(is_baseline[number], -1, number))


def _first_runs(grouped: Groups) -> NDArray[np.int64]:
    return np.unique(grouped.of_run, return_index=True)[1]


def _text(value: Any) -> str:
    """A label as tables have it."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_float(text: str) -> str:
    try:
        return str(float(text))
    except ValueError:
        return text


def compare(raw: pd.DataFrame, paired: Pairs, settings: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """The rows of `summary_compare` in parts: one for each pair and metric.

    Args:
        raw: `inputs` of `summary_raw`.
        paired: its `pairs`.
        settings: as for `pairs`, and `slo`.
    """
    metrics = main_metrics(settings)
    names = [column.name for column in metrics]
    statistics = of_groups(raw, paired.groups, names, ("avg", "std")).to_numpy().reshape(-1, len(names), 2)
    present = raw[names].notna().groupby(paired.groups.of_run).sum().to_numpy(np.float64)
    labels = paired.groups.labels[list(compare_labels(settings))]
    for begin in range(0, max(len(paired.other), 1), _AT_ONCE):
        baseline, other = (side[begin : begin + _AT_ONCE] for side in (paired.baseline, paired.other))
        sides = [
            Side(*(_taken(cells, place).ravel() for cells in (statistics[..., 0], statistics[..., 1], present)))
            for place in (baseline, other)
        ]
        low, high = ratio_interval(*sides)
        either = np.where(other >= 0, other, baseline)
        cells = [
            [settings["compare"]["baseline"]] * len(either) * len(names),
            np.repeat([paired.values[group] or None if group >= 0 else None for group in other], len(names)),
            names * len(either),
            [column.unit or None for column in metrics] * len(either),
            *(np.nan_to_num(side.count) for side in sides),
            *(side.mean for side in sides),
            ratio(*sides),
            low,
            high,
        ]
        part = {
            column.name: pd.Series(values, dtype=object).astype(DTYPES[column.type])
            if column.type == "text"
            else pd.Series(values).astype(DTYPES[column.type])
            for column, values in zip(COMPARE_MEASURE, cells, strict=True)
        }
        own_labels = labels.iloc[np.repeat(either, len(names))].reset_index(drop=True)
        yield pd.concat([own_labels, pd.DataFrame(part)], axis=1)


def _taken(cells: Cells, groups_: NDArray[np.int64]) -> Cells:
    """The rows of some groups, NaN for group -1."""
    return np.where(groups_[:, None] >= 0, cells[groups_], np.nan) if len(cells) else np.empty((0, cells.shape[1]))


@dataclass(frozen=True)
class Side:
    """One side of comparisons: of each, the mean of its runs' values, their standard deviation (n - 1), and n."""

    mean: Cells
    std: Cells
    count: Cells


def ratio(baseline: Side, other: Side) -> Cells:
    """The ratio of the means, other / baseline; NaN where one is missing, or the baseline's is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(baseline.mean == 0, np.nan, other.mean / baseline.mean)


def ratio_interval(baseline: Side, other: Side) -> tuple[Cells, Cells]:
    """The ends of the 95 % confidence interval of `ratio`: Fieller's (1954), for two independent samples of normal
    distributions with variances of their own, with Satterthwaite's degrees of freedom at the estimated ratio (Tamhane
    and Logan 2004); what `ttestratio` of the R package mratios gives.

    NaN below two runs on either side, and where the interval has no end: the baseline's mean can't be told from 0.
    Where no side has any spread, both ends are the ratio.
    """
    from scipy.special import stdtrit  # takes long to import

    estimate = ratio(baseline, other)
    with np.errstate(divide="ignore", invalid="ignore"):
        own, others = (side.std**2 / side.count for side in (baseline, other))  # variances of the means
        spread = others + estimate**2 * own
        freedom = spread**2 / (others**2 / (other.count - 1) + estimate**4 * own**2 / (baseline.count - 1))
        square = np.where(spread == 0, 0, stdtrit(np.where(spread > 0, freedom, 1), 0.975)) ** 2
        # the ratios r with (other - r baseline)² <= square (others + r² own)
        a, b, c = baseline.mean**2 - square * own, other.mean * baseline.mean, other.mean**2 - square * others
        root = np.sqrt(np.maximum(b**2 - a * c, 0))
        low, high = (b - root) / a, (b + root) / a
    known = (baseline.count > 1) & (other.count > 1) & np.isfinite(estimate) & (a > 0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def why_alone(paired: Pairs, settings: Mapping[str, Any]) -> str:
    """Why no group has a partner, and what to do.

    Args:
        paired: pairs that are alone.
        settings: as for `pairs`.
    """
    by = settings["compare"]["by"]
    labels = paired.groups.labels
    is_baseline = np.zeros(len(labels), bool)
    is_baseline[paired.baseline[paired.baseline >= 0]] = True
    if is_baseline.all():
        return f"all runs have the baseline's value of {by}, so there is nothing to compare it with"
    guilty = [name for name in compare_labels(settings) if not _share_a_value(labels[name], is_baseline)]
    varying = [name for name in compare_labels(settings) if labels[name].nunique(dropna=False) > 1]
    kept = [name for name in varying if name not in guilty]
    named = f"they also differ in {_listed(guilty or varying)}"
    return (
        f"no group has a partner that differs in {by} alone: {named}; group_by: [{', '.join([*kept, by])}] ignores that"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _share_a_value(label: pd.Series, is_baseline: NDArray[np.bool_]) -> bool:
    """Whether a group of the baseline and another one have the same value."""
    codes = pd.factorize(label, use_na_sentinel=True)[0]
    return bool(np.intersect1d(codes[is_baseline], codes[~is_baseline]).size)
