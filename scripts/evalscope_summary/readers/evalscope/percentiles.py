"""A run's request rows as values to rank by the rule of the release that wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..recompute import Recomputation, divide, values_of
from ..releases import Window
from ..sample import Sample
from . import formats
from .database import Rows


class Measured:
    """The values of a run's successful requests, per metric of `formats.PERCENTILE_KEYS`, in seconds and tokens.

    Add the rows of a database in parts of any size, then take what is wanted.

    Attributes:
        by_definition: the same rows by the one definition for all releases.

    Args:
        columns: the columns that the database has.
        window: which releases can have written the run.
    """

    def __init__(self, columns: frozenset[str], window: Window) -> None:
        self.by_definition = Recomputation()
        self._columns = columns
        self._rule = formats.percentile_rule(window)
        self._any_streamed = False
        self._all = {metric: Sample() for metric in formats.STREAMED_ONLY}
        self._of_streamed = {metric: Sample() for metric in formats.STREAMED_ONLY}

    def close(self) -> None:
        """Remove temporary files."""
        self.by_definition.close()
        for sample in (*self._all.values(), *self._of_streamed.values()):
            sample.close()

    @np.errstate(over="ignore")  # damaged rows may hold any number; what overflows is left out
    def add(self, rows: Rows) -> None:
        """Add some rows."""
        self.by_definition.add(rows)
        succeeded = np.asarray(rows.succeeded, np.int8) == 1
        first, completion, tpot, chunk_time, stream = (
            values_of(numbers)[succeeded]
            for numbers in (rows.ttft, rows.output_tokens, rows.token_latency, rows.chunk_time, rows.stream)
        )
        streamed = stream == 1
        self._any_streamed |= "is_stream" in self._columns and bool(streamed.any())
        if formats.TPOT_COLUMN not in self._columns:
            tpot = divide(chunk_time, completion)
        self._all["ttft"].add(first)
        self._all["tpot"].add(tpot)
        self._all["decode"].add(divide(np.ones_like(tpot), tpot))
        if self._rule.without_one_token:
            tpot = np.where(tpot == 0, np.nan, tpot)  # they stay where no request is streamed
        self._of_streamed["ttft"].add(first[streamed])
        self._of_streamed["tpot"].add(tpot[streamed])
        self._of_streamed["decode"].add(divide(np.ones_like(tpot), tpot)[streamed])

    def by_release(self) -> Mapping[str, Sample]:
        """Metric → values that the release ranked: some over the streamed requests alone (`formats.STREAMED_ONLY`)."""
        return {**self.by_definition.values, **(self._of_streamed if self._any_streamed else self._all)}


def in_file(metric: str, window: Window) -> float:
    """What a percentile of a metric in our unit is multiplied by to be in the unit of the release's file."""
    return formats.percentile_rule(window).scale if metric in formats.SCALED else 1.0


def percentile(values: Sample, percent: int, nearest: bool) -> float | None:
    """One of the values, None if there is none.

    Args:
        values: of one metric.
        percent: 0 to 100.
        nearest: by nearest rank, else by floor.
    """
    return values.smallest(formats.rank(values.count, percent, nearest)) if values.count else None


def as_reported(values: Sample, percent: int, nearest: bool, window: Window, metric: str) -> float | None:
    """A percentile in the unit of the release's file, rounded as the release did."""
    number = percentile(values, percent, nearest)
    return None if number is None else round(number * in_file(metric, window), formats.percentile_rule(window).decimals)


@dataclass(frozen=True)
class RankRule:
    """The rank rule that a run's release used.

    Attributes:
        nearest: nearest rank, else floor.
        decided: only this rule reproduces all percentiles that the file reports.
        disagreeing: where neither rule fits, the metrics that this one does not reproduce.
    """

    nearest: bool
    decided: bool
    disagreeing: tuple[str, ...]


def rank_rule(values: Mapping[str, Sample], reported: Mapping[tuple[int, str], float], window: Window) -> RankRule:
    """Find the rank rule by reproducing what the file reports.

    A metric with a NaN takes no part in releases that sorted NaN with the other values.

    Args:
        values: of `Measured.by_release`.
        reported: (percentile, metric) → number in the file, in the file's unit.
        window: which releases can have written the run; decides where both rules fit, or none.
    """
    release_rule = formats.percentile_rule(window)
    misses: dict[bool, set[str]] = {False: set(), True: set()}
    for (percent, metric), number in reported.items():
        if values[metric].dropped and not release_rule.without_nan:
            continue
        for nearest, missed in misses.items():
            computed = as_reported(values[metric], percent, nearest, window, metric)
            if computed is None or abs(computed - number) > 1e-9 * max(1.0, abs(number)):
                missed.add(metric)
    fits = {nearest: not missed for nearest, missed in misses.items()}
    if fits[True] != fits[False]:
        return RankRule(fits[True], True, ())
    default = release_rule.nearest
    return RankRule(default, False, tuple(sorted(misses[default])))
