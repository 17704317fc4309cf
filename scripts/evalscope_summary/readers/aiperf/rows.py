"""The requests of a run of AIPerf: a line of JSON each, which is read in parts that fit into memory."""

import errno
import itertools
import os
import stat
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ... import jsonfile
from ...columns import FILLED, PERCENTILE_COLUMNS
from ...record import Values
from .. import ranks, recompute
from ..keys import put
from ..requests import Requests
from ..result_files import NoRequests
from ..sample import Sample
from . import summary

_LONGEST = 2**24  # bytes of a line; a request with 100,000 chunks has two million
_AT_ONCE = 2**22  # bytes of a part

_DURATIONS = {"latency": "request_latency", "ttft": "time_to_first_token"}
_TOKENS = {"input_tokens": "input_sequence_length", "output_tokens": "output_sequence_length"}
_BEFORE = 10**13  # nanoseconds between the zero of our clock and the first request: another may have begun earlier


class Rows(NamedTuple):
    """Some requests.

    Attributes:
        requests: as for all tools.
        token_latency: of each, in seconds as AIPerf computed it; NaN without one.
    """

    requests: Requests
    token_latency: "array[float]"


def read(path: str, streamed: bool, expected: Any) -> Iterator[Rows]:
    """The requests of a run without its warm-up, in parts.

    Args:
        path: of the file.
        streamed: whether replies were.
        expected: the number of requests that succeeded, as the summary has it.

    Raises:
        NoRequests: it can't be read, or does not hold all requests that the summary is of.
    """
    succeeded, zero = 0, None
    with _opened(path) as file:
        lines = _lines(file)
        while some := list(_some(lines)):
            rows = [row for row in some if row["metadata"].get("benchmark_phase", "profiling") == "profiling"]
            if not rows:
                continue
            zero = zero if zero is not None else _zero(rows)
            part = _made(rows, streamed, zero)
            succeeded += sum(part.requests.succeeded)
            yield part
    if not isinstance(expected, int | float) or succeeded != expected:
        raise NoRequests(f"its rows are of {succeeded} requests that succeeded, and the summary is of others")


def _opened(path: str) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening a FIFO would wait for a writer
    except OSError as error:
        raise NoRequests.because(f"its rows can't be read: {error.strerror}", error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoRequests(f"its rows can't be read: {os.strerror(errno.EINVAL)}")
    return os.fdopen(descriptor, "rb")


def _lines(file: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """Length and content of each line."""
    number = 0
    while True:
        try:
            line = file.readline(_LONGEST)
        except OSError as error:
            raise NoRequests.because(f"its rows can't be read: {error.strerror}", error) from error
        if not line:
            return
        number += 1
        if line.isspace():
            continue
        try:
            row = jsonfile.parse(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not all(isinstance(row.get(key), dict) for key in ("metadata", "metrics")):
            raise NoRequests(f"line {number} of its rows is cut off, or damaged")
        yield len(line), row


def _some(lines: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    size = 0
    for length, row in lines:
        size += length
        yield row
        if size > _AT_ONCE:
            return


def _zero(rows: list[dict[str, Any]]) -> int:
    """The zero of a clock that has all times of a run without losing their nanoseconds."""
    starts = [start for row in rows if type(start := row["metadata"].get("request_start_ns")) is int]
    return min(starts, default=_BEFORE) - _BEFORE


def _made(rows: list[dict[str, Any]], streamed: bool, zero: int) -> Rows:
    requests = Requests()
    failed = [bool(row.get("error")) for row in rows]
    count = len(rows)
    requests.succeeded = array("b", [not one for one in failed])
    requests.stream = array("d", [float(streamed)]) * count
    for name, key in (("start", "request_start_ns"), ("end", "request_end_ns")):
        put(requests, name, key, [_on_clock(row["metadata"].get(key), zero) for row in rows])
    kept = [{} if bad else row["metrics"] for row, bad in zip(rows, failed, strict=True)]
    for name, metric in _DURATIONS.items():
        put(requests, name, metric, [_seconds(metrics.get(metric)) for metrics in kept])
    for name, metric in _TOKENS.items():
        put(requests, name, metric, [_value(metrics.get(metric)) for metrics in kept])
    intervals = [_intervals(metrics.get("inter_chunk_latency")) for metrics in kept]
    put(requests, "intervals", "inter_chunk_latency", [*itertools.chain.from_iterable(intervals)])
    requests.interval_counts = array("q", map(len, intervals))
    own = Requests()
    put(own, "latency", "inter_token_latency", [_seconds(metrics.get("inter_token_latency")) for metrics in kept])
    return Rows(requests, own.latency)


def _on_clock(nanoseconds: Any, zero: int) -> Any:
    return _divided(nanoseconds - zero, 1e9) if type(nanoseconds) is int else nanoseconds


def _divided(value: Any, divisor: float | None) -> Any:
    """A quotient; a text, which is counted as unusable, of what has none."""
    if divisor and (type(value) is float or (type(value) is int and abs(value) < 2**64)):
        return value / divisor
    return None if value is None else str(type(value))


def _value(block: Any) -> Any:
    return block.get("value") if isinstance(block, dict) else block


def _divisor(block: Any) -> float | None:
    """What a duration is divided by to be in seconds; None if its unit is none."""
    unit = block.get("unit") if isinstance(block, dict) else None
    return summary.SECONDS.get(unit) if isinstance(unit, str) else None


def _seconds(block: Any) -> Any:
    return _divided(_value(block), _divisor(block))


def _intervals(block: Any) -> list[Any]:
    values, divisor = _value(block), _divisor(block)
    return [_divided(one, divisor) for one in values] if isinstance(values, list) else []


def filled(parts: Iterator[Rows], reported: Values) -> Values:
    """The standard percentile columns that a summary lacks, by linear interpolation.

    Args:
        parts: the requests of the run.
        reported: the cells that the summary has.

    Raises:
        NoRequests: from `parts`.
    """
    missing = [pair for pair in FILLED if PERCENTILE_COLUMNS[pair] not in reported]
    if not missing:
        return {}
    with ExitStack() as stack:
        samples = {metric: stack.enter_context(closing(Sample())) for _, metric in missing}
        for part in parts:
            for metric, values in _values(part):
                if metric in samples:
                    samples[metric].add(values)
        return {
            PERCENTILE_COLUMNS[percent, metric]: _linear(samples[metric], percent)
            for percent, metric in missing
            if samples[metric].count
        }


def _values(part: Rows) -> Iterator[tuple[str, Any]]:
    """Metric → its values of the requests that succeeded; failed ones have none."""
    latency, first, prompt, completion = (
        recompute.values_of(numbers)
        for numbers in (
            part.requests.latency,
            part.requests.ttft,
            part.requests.input_tokens,
            part.requests.output_tokens,
        )
    )
    yield "latency", latency
    yield "ttft", first
    yield "itl", recompute.usable_intervals(part.requests)
    yield "tpot", recompute.values_of(part.token_latency)
    with np.errstate(over="ignore"):
        yield "output", recompute.divide(completion, latency)
        yield "total", recompute.divide(prompt + completion, latency)


def _linear(values: Sample, percent: int) -> float:
    """`ranks.linear` of values that need not be in memory."""
    place = percent / 100 * (values.count - 1)
    below = int(place)
    around = [values.smallest(below), values.smallest(min(below + 1, values.count - 1))]
    return ranks.linear(around, 100 * (place - below))
