"""Groups of runs that repeat one test."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..layouts import label_names
from .order import natural_key
from .repeats import without_repeat


@dataclass(frozen=True)
class Groups:
    """The runs of a table, divided into those that agree in the `group_by` columns.

    Attributes:
        of_run: of each run, the number of its group: its row in `labels`.
        labels: a row per group, in the order of the `group_by` columns (digits as numbers, empty first): of each label
            the value that all runs of the group have, empty where they differ; of `config` and `name` without what
            `repeat_pattern` cuts out.
        sizes: of each group, the number of its runs.
    """

    of_run: NDArray[np.int64]
    labels: pd.DataFrame
    sizes: NDArray[np.int64]

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The indices of the runs, group by group, ascending in each."""
        return np.argsort(self.of_run, kind="stable")

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Of each group, where it ends in `_order`."""
        return np.cumsum(self.sizes)

    def runs(self, some: slice) -> NDArray[np.int64]:
        """The indices of the runs of some groups, group by group, ascending in each."""
        begin, end, _ = some.indices(len(self.sizes))
        return (
            self._order[self._ends[begin] - self.sizes[begin] : self._ends[end - 1]] if begin < end else self._order[:0]
        )

    def parts(self, runs: int) -> Iterator[slice]:
        """The groups in slices of at most so many runs, or one group; one slice at least."""
        begin = 0
        while begin < len(self.sizes):
            before = self._ends[begin] - self.sizes[begin]
            end = max(begin + 1, int(np.searchsorted(self._ends, before + runs, side="right")))
            yield slice(begin, end)
            begin = end
        if not begin:
            yield slice(0, 0)

    def repeated(self) -> list[list[int]]:
        """The indices of the runs, ascending, of each group that has several."""
        return [self.runs(slice(group, group + 1)).tolist() for group in np.flatnonzero(self.sizes > 1)]


def groups(table: pd.DataFrame, settings: Mapping[str, Any]) -> Groups:
    """Divide runs into groups.

    Args:
        table: `summary_raw`, or its labels.
        settings: `layouts.GROUP_SETTINGS`; an empty value is a value too.
    """
    labels = table[list(label_names(settings))]
    if settings["repeat_pattern"]:
        labels = labels.assign(
            **{name: _without_repeat(labels[name], settings["repeat_pattern"]) for name in ("config", "name")}
        )
    # places are integers, which pandas groups faster than texts, and they sort as is wanted
    places = pd.DataFrame({name: _places(labels[name]) for name in labels})
    by = list(settings["group_by"])
    of_run = (places.groupby(by).ngroup() if by else pd.Series(0, places.index)).to_numpy(np.int64)
    _, first, sizes = np.unique(of_run, return_index=True, return_counts=True)
    of_group = places.groupby(of_run)
    common = of_group.min() == of_group.max()
    return Groups(of_run, labels.iloc[first].reset_index(drop=True).where(common), sizes)


def _without_repeat(labels: pd.Series, pattern: str) -> pd.Series:
    cut = {text: without_repeat(pattern, text) or None for text in labels.dropna().unique()}
    return labels.map(cut).astype(labels.dtype)


def _places(labels: pd.Series) -> NDArray[np.int64]:
    """Of each label its place among all different ones: digits as numbers, 0 for empty ones."""
    codes, values = pd.factorize(labels)  # -1 where empty
    if isinstance(labels.dtype, pd.StringDtype):
        order = sorted(range(len(values)), key=[natural_key(text) for text in values].__getitem__)
    else:
        order = values.argsort()
    place = np.zeros(len(values) + 1, np.int64)  # the last is that of -1
    place[order] = np.arange(1, len(values) + 1)
    of_labels: NDArray[np.int64] = place[codes]
    return of_labels
