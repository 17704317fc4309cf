"""`metrics: recomputed`: the performance cells of a run from its requests, by one definition for all tools.

The formulas in words are in `columns`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from ..columns import PERCENTILE_COLUMNS
from .requests import Requests
from .sample import Sample, Values

_MEANS = {
    # column → metric whose values it is the mean of
    "latency": "latency",
    "ttft": "ttft",
    "token_latency": "tpot",
    "inter_token_latency": "itl",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
}

METRICS = ("ttft", "itl", "tpot", "latency", "output", "total", "input_tokens", "output_tokens", "decode", "input")
"""The metrics that have percentiles; see `columns.PERCENTILE_METRICS` and `FURTHER_METRICS`."""


def divide(dividend: Values, divisor: Values) -> Values:
    """A quotient, NaN where the divisor is 0."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(divisor == 0, np.nan, dividend / divisor)


def values_of(numbers: object) -> Values:
    """An array of `Requests` to compute with, without copying it."""
    return np.asarray(numbers, np.float64)


def first_token(requests: Requests) -> Values:
    """TTFT of each request: of streamed ones, without 0; else NaN."""
    first = values_of(requests.ttft)
    return np.where((values_of(requests.stream) == 1) & (first > 0), first, np.nan)


def token_latency(requests: Requests) -> Values:
    """TPOT of each request: of streamed ones with more than one token, whose latency is longer than TTFT; else NaN."""
    latency, first, tokens = (values_of(n) for n in (requests.latency, requests.ttft, requests.output_tokens))
    defined = (values_of(requests.stream) == 1) & (tokens > 1) & (latency > first)
    return np.where(defined, divide(latency - first, tokens - 1), np.nan)


def usable_intervals(requests: Requests) -> Values:
    """Its intervals; NaN where one is no number of seconds."""
    intervals = values_of(requests.intervals)
    wrong = ~((intervals >= 0) & (intervals < math.inf))
    return np.where(wrong, np.nan, intervals) if wrong.any() else intervals


def percentile(values: Sample, percent: int) -> float | None:
    """The nearest rank: the `ceil(n * percent / 100)`-th smallest of n values, None if there is none."""
    return values.smallest(max(math.ceil(values.count * percent / 100), 1) - 1) if values.count else None


class Duration:
    """The duration of a test, from its requests, which come in parts.

    Attributes:
        start: earliest start of all requests, failed ones too, on the client's clock; infinite if none was recorded.
        end: latest end of them, 0 if none was recorded.
    """

    def __init__(self) -> None:
        self.start = math.inf
        self.end = 0.0

    def add(self, requests: Requests) -> None:
        """Add some requests."""
        start, end = values_of(requests.start), values_of(requests.end)
        self.start = float(start.min(where=start > 0, initial=self.start))
        self.end = float(end.max(where=end > 0, initial=self.end))

    @property
    def seconds(self) -> float | None:
        """From the earliest start to the latest end; None if it can't be told."""
        seconds = self.end - self.start
        return seconds if 0 < seconds < math.inf else None


class Recomputation:
    """Takes the requests of a run in parts, then gives its cells. Memory does not grow with their number.

    Attributes:
        values: metric of `METRICS` → its values.
        succeeded: number of successful requests.
        duration: of the test.
        unusable: the tool's own name of a value, or `intervals` → how many can't be one.
    """

    def __init__(self) -> None:
        self.values: Mapping[str, Sample] = {metric: Sample() for metric in METRICS}
        self.succeeded = 0
        self.duration = Duration()
        self.unusable: Counter[str] = Counter()

    def close(self) -> None:
        """Remove temporary files."""
        for sample in self.values.values():
            sample.close()

    @np.errstate(over="ignore")  # damaged rows may hold any number; what overflows is left out
    def add(self, requests: Requests) -> None:
        """Add some requests."""
        self.duration.add(requests)
        self.unusable += requests.unusable
        intervals = usable_intervals(requests)
        dropped = int(np.isnan(intervals).sum())
        if dropped:
            self.unusable["intervals"] += dropped
        succeeded = np.asarray(requests.succeeded, np.int8) == 1
        self.succeeded += int(succeeded.sum())
        latency, prompt, completion = (
            values_of(numbers)[succeeded]
            for numbers in (requests.latency, requests.input_tokens, requests.output_tokens)
        )
        per_token = token_latency(requests)
        for metric, values in {
            "ttft": first_token(requests),
            "itl": intervals,
            "tpot": per_token,
            "latency": latency,
            "output": divide(completion, latency),
            "total": divide(prompt + completion, latency),
            "input_tokens": prompt,
            "output_tokens": completion,
            "decode": divide(np.ones_like(per_token), per_token),
            "input": divide(prompt, latency),
        }.items():
            self.values[metric].add(values)

    def cells(self, applies: Callable[[str], bool] = lambda column: True) -> dict[str, float]:
        """All performance cells that can be derived; without a success the duration alone.

        Args:
            applies: whether the run can have values in a column.
        """
        values, seconds = self.values, self.duration.seconds
        cells: dict[str, float | None] = {"time_taken": seconds}
        if self.succeeded:
            tokens_in, tokens_out = values["input_tokens"], values["output_tokens"]
            sums = {
                "request_throughput": self.succeeded,
                "output_throughput": tokens_out.total if tokens_out.count else None,
                "total_throughput": tokens_in.total + tokens_out.total if tokens_in.count + tokens_out.count else None,
                "input_throughput": tokens_in.total if tokens_in.count else None,
            }
            if seconds:
                cells |= {column: amount / seconds for column, amount in sums.items() if amount is not None}
            cells |= {column: values[metric].mean for column, metric in _MEANS.items()}
            for (percent, metric), column in PERCENTILE_COLUMNS.items():
                cells[column] = percentile(values[metric], percent)
        return {c: n for c, n in cells.items() if n is not None and math.isfinite(n) and applies(c)}
