"""The requests of a run of GuideLLM."""

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from ...columns import FILLED, PERCENTILE_COLUMNS
from ...record import Values
from .. import cells, ranks
from ..keys import put, value_at
from ..requests import Requests
from ..result_files import NoRequests
from . import formats


def is_warmed_up(content: Mapping[str, Any]) -> bool:
    """Whether there were requests before or after the time that was measured."""
    return any(content.get(f"{phase}_duration") not in formats.UNSAID for phase in ("warmup", "cooldown"))


def rows_of(content: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """The requests that succeeded, and those that failed.

    Raises:
        NoRequests: some are missing, or there are some that are not measured.
    """
    kept: list[list[Any]] = []
    for column, key in (("succeeded", "successful"), ("failed", "errored")):
        rows = value_at(content, f"requests.{key}")
        listed = rows if isinstance(rows, list) else []
        total = next((n for place in formats.COUNTS[column] if (n := value_at(content, place.path)) is not None), None)
        kept.append(listed)
        if len(listed) != total and any(kept):
            raise NoRequests(f"it counts {total} requests that {column}, and has the rows of {len(listed)}")
    if is_warmed_up(content):
        raise NoRequests("its request rows have those of the warm-up and the cool-down among them")
    return kept[0], kept[1]


def _of(rows: Sequence[Any], *keys: str) -> list[Any]:
    """The value of each row at the first of some keys that it has."""
    return [next((row[key] for key in keys if key in row), None) if isinstance(row, dict) else None for row in rows]


def _seconds(values: Sequence[Any]) -> list[Any]:
    return [value / 1000 if type(value) is float else value for value in values]


def requests_of(succeeded: Sequence[Any], failed: Sequence[Any]) -> Requests:
    """The requests of its rows; of one that failed only start and end count."""
    requests = Requests()
    rows = [*succeeded, *failed]
    unknown = [None] * len(failed)
    put(requests, "start", "request_start_time", _of(rows, "request_start_time", "start_time"))
    put(requests, "end", "request_end_time", _of(rows, "request_end_time", "end_time"))
    put(requests, "latency", "request_latency", _of(succeeded, "request_latency") + unknown)
    first = _seconds(_of(succeeded, "time_to_first_token_ms"))
    put(requests, "ttft", "time_to_first_token_ms", first + unknown)
    put(requests, "input_tokens", "prompt_tokens", _of(succeeded, "prompt_tokens") + unknown)
    put(requests, "output_tokens", "output_tokens", _of(succeeded, "output_tokens") + unknown)
    requests.succeeded = array("b", [1] * len(succeeded) + [0] * len(failed))
    requests.stream = array("d", [float(value is not None) for value in first] + [math.nan] * len(failed))
    requests.interval_counts = array("q", bytes(8 * len(rows)))
    return requests


def filled(content: Mapping[str, Any], reported: Values) -> Values:
    """The percentiles that the file lacks, by its own rule."""
    try:
        rows, _ = rows_of(content)
    except NoRequests:
        return {}
    latencies, prompts, tokens = (_of(rows, key) for key in ("request_latency", "prompt_tokens", "output_tokens"))
    firsts, gaps = (_seconds(_of(rows, key)) for key in ("time_to_first_token_ms", "inter_token_latency_ms"))
    given: dict[str, list[tuple[Any, Any]]] = {
        "ttft": [(value, 1) for value in firsts],
        "latency": [(value, 1) for value in latencies],
        "tpot": [(value, count - 1) for value, count in zip(gaps, tokens, strict=True) if _is_number(count)],
        "output": [],
        "total": [],
    }
    for latency, generated, asked in zip(latencies, tokens, prompts, strict=True):
        if all(map(_is_number, (latency, generated, asked))) and latency > 0:
            given["output"].append((generated / latency, 1))
            given["total"].append(((asked + generated) / latency, 1))
    values: Values = {}
    for metric, pairs in given.items():
        known = [(value, weight) for value, weight in pairs if weight > 0 and ranks.usable((value,))]
        lacking = {
            p: column for p, which in FILLED if which == metric and (column := _column(p, metric)) not in reported
        }
        if known and lacking:
            values |= dict(zip(lacking.values(), ranks.cumulative(known, lacking), strict=True))
    return values


def _column(percent: int, metric: str) -> str:
    return PERCENTILE_COLUMNS[percent, metric]


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < cells.ORDINARY
