"""Percentiles from a run's request rows, by the rule of the release that wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import formats
from .database import Rows

Values = NDArray[np.float64]

_SCALED = frozenset({"ttft", "itl", "tpot"})  # what a file of 1.7.0 or later holds in milliseconds


@dataclass(frozen=True)
class Lists:
    """The values that percentiles are taken from, per metric of `formats.PERCENTILE_KEYS`, ascending, without NaN.

    Attributes:
        values: in the unit of the release's file.
        scrambled: metrics whose list held a NaN; before 1.13.0 evalscope sorted it with the others, so that what
            it reports there depends on the order of the requests.
    """

    values: Mapping[str, Values]
    scrambled: frozenset[str]


def lists(rows: Rows, columns: frozenset[str], window: formats.Window) -> Lists:
    """The value lists of a run, over the population of its release.

    TTFT, TPOT and decode are over the streamed rows from 1.10.0 on (all rows if none is streamed), the others over
    all. TPOT before 0.17.1 is chunk time / output tokens.

    Args:
        rows: the successful requests.
        columns: the columns that the database has.
        window: which releases can have written the run.
    """
    latency, first = np.array(rows.latency), np.array(rows.first_chunk_latency)
    prompt, completion = np.array(rows.prompt_tokens), np.array(rows.completion_tokens)
    tpot = np.array(rows.time_per_output_token)
    streamed = np.array(rows.is_stream) == 1
    scale = formats.percentile_scale(window)
    if "time_per_output_token" not in columns:
        tpot = _divide(np.array(rows.chunk_time), completion)
    elif streamed.any() and window.certainly_since("1.13.0"):
        tpot[tpot == 0] = np.nan  # replies of one token
    if streamed.any():
        first, tpot = first[streamed], tpot[streamed]
    raw = {
        "ttft": first * scale,
        "itl": np.array(rows.intervals) * scale,
        "tpot": tpot * scale,
        "latency": latency,
        "output": _divide(completion, latency),
        "total": _divide(prompt + completion, latency),
        "input_tokens": prompt,
        "output_tokens": completion,
        "decode": _divide(np.ones_like(tpot), tpot),
        "input": _divide(prompt, latency),
    }
    clean = {name: np.sort(values[~np.isnan(values)]) for name, values in raw.items()}
    return Lists(clean, frozenset(name for name, values in raw.items() if len(clean[name]) < len(values)))


def _divide(dividend: Values, divisor: Values) -> Values:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(divisor == 0, np.nan, dividend / divisor)


def percentile(values: Values, percent: int, nearest: bool, decimals: int) -> float | None:
    """One element of an ascending list, rounded as the release did; None of an empty list."""
    if not len(values):
        return None
    return round(float(values[formats.rank(len(values), percent, nearest)]), decimals)


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


def rank_rule(
    values: Lists, reported: Mapping[tuple[int, str], float], decimals: int, window: formats.Window
) -> RankRule:
    """Find the rank rule by reproducing what the file reports.

    Args:
        values: the run's value lists.
        reported: (percentile, metric) → number in the file, in the file's unit.
        decimals: decimals of the release's percentiles.
        window: which releases can have written the run; decides where both rules fit, or none.
    """
    misses: dict[bool, set[str]] = {False: set(), True: set()}
    for (percent, metric), number in reported.items():
        if metric in values.scrambled and not window.certainly_since("1.13.0"):
            continue
        for nearest, missed in misses.items():
            own = percentile(values.values[metric], percent, nearest, decimals)
            if own is None or abs(own - number) > 1e-9 * max(1.0, abs(number)):
                missed.add(metric)
    fits = {nearest: not missed for nearest, missed in misses.items()}
    if fits[True] != fits[False]:
        return RankRule(fits[True], True, ())
    default = window.certainly_since(formats.NEAREST_RANK_SINCE)
    return RankRule(default, False, tuple(sorted(misses[default])))


def in_seconds(number: float, metric: str, window: formats.Window) -> float:
    """A percentile in the unit of the release's file, converted to the unit of our columns."""
    return number / formats.percentile_scale(window) if metric in _SCALED else number
