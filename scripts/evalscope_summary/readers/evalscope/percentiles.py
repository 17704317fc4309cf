"""A run's request rows as values to rank and average: by the rule of the release that wrote it, and by the one
definition of `metrics: recomputed`."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..releases import Window
from ..sample import Sample, Values
from . import formats
from .database import Rows


class Measured:
    """The values of a run's successful requests, per metric of `formats.PERCENTILE_KEYS`, in seconds and tokens.

    Add the rows of a database in parts of any size, then take what is wanted.

    Attributes:
        succeeded: number of requests.
        start: earliest start of all requests, failed ones too, on the client's clock; infinite if none was recorded.
        end: latest end of them, 0 if none was recorded.
        unusable: column → number of its values that can't be one (negative, infinite, a text).

    Args:
        columns: the columns that the database has.
        window: which releases can have written the run.
        streamed: whether requests are streamed where the database does not say (args `stream`).
    """

    def __init__(self, columns: frozenset[str], window: Window, streamed: bool) -> None:
        self.columns = columns
        self.rule = formats.percentile_rule(window)
        self.streamed = streamed
        self.succeeded = 0
        self.start = math.inf
        self.end = 0.0
        self.unusable: Counter[str] = Counter()
        self._any_streamed = False
        self._all = {metric: Sample() for metric in formats.PERCENTILE_KEYS}
        self._of_streamed = {metric: Sample() for metric in formats.STREAMED_ONLY}
        self._recomputed = {metric: Sample() for metric in formats.STREAMED_ONLY}

    def close(self) -> None:
        """Remove temporary files."""
        for sample in (*self._all.values(), *self._of_streamed.values(), *self._recomputed.values()):
            sample.close()

    @np.errstate(over="ignore")  # damaged rows may hold any number; what overflows is left out
    def add(self, rows: Rows) -> None:
        """Add some rows."""
        self.unusable += rows.unusable
        self.start = min([self.start, *(time for time in rows.start_time if time > 0)])
        self.end = max([self.end, *(time for time in rows.completed_time if time > 0)])
        intervals = np.array(rows.intervals)
        wrong = ~((intervals >= 0) & (intervals < math.inf))
        if wrong.any():
            intervals[wrong] = math.nan
            self.unusable["intervals"] += int(wrong.sum())
        latency, first = np.array(rows.latency), np.array(rows.first_chunk_latency)
        prompt, completion = np.array(rows.prompt_tokens), np.array(rows.completion_tokens)
        tpot = np.array(rows.time_per_output_token)
        streamed = np.array(rows.is_stream) == 1
        self.succeeded += len(latency)
        self._any_streamed |= bool(streamed.any())
        if formats.TPOT_COLUMN not in self.columns:
            tpot = _divide(np.array(rows.chunk_time), completion)
        for metric, values in {
            "ttft": first,
            "itl": intervals,
            "tpot": tpot,
            "latency": latency,
            "output": _divide(completion, latency),
            "total": _divide(prompt + completion, latency),
            "input_tokens": prompt,
            "output_tokens": completion,
            "decode": _divide(np.ones_like(tpot), tpot),
            "input": _divide(prompt, latency),
        }.items():
            self._all[metric].add(values)
        if self.rule.without_one_token:
            tpot = np.where(tpot == 0, np.nan, tpot)  # they stay where no request is streamed
        self._of_streamed["ttft"].add(first[streamed])
        self._of_streamed["tpot"].add(tpot[streamed])
        self._of_streamed["decode"].add(_divide(np.ones_like(tpot), tpot)[streamed])

        if "is_stream" not in self.columns:
            streamed = np.full_like(streamed, self.streamed)
        own = _divide(latency - first, completion - 1)[streamed & (completion > 1) & (latency > first)]
        self._recomputed["ttft"].add(first[streamed & (first > 0)])
        self._recomputed["tpot"].add(own)
        self._recomputed["decode"].add(_divide(np.ones_like(own), own))

    def by_release(self) -> Mapping[str, Sample]:
        """Metric → values that the release ranked: some over the streamed requests alone (`formats.STREAMED_ONLY`)."""
        return self._all | (self._of_streamed if self._any_streamed else {})

    def recomputed(self) -> Mapping[str, Sample]:
        """Metric → values by the one definition for all releases; see `columns.PERCENTILE_METRICS`."""
        return self._all | self._recomputed


def _divide(dividend: Values, divisor: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(divisor == 0, np.nan, dividend / divisor)


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
            own = as_reported(values[metric], percent, nearest, window, metric)
            if own is None or abs(own - number) > 1e-9 * max(1.0, abs(number)):
                missed.add(metric)
    fits = {nearest: not missed for nearest, missed in misses.items()}
    if fits[True] != fits[False]:
        return RankRule(fits[True], True, ())
    default = release_rule.nearest
    return RankRule(default, False, tuple(sorted(misses[default])))
