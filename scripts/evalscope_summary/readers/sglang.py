"""Results of SGLang's `bench_serving`: a run is a line of a file to which each start appends one."""

import itertools
import math
import re
from array import array
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any

from ..columns import BY_NAME, PERCENTILE_COLUMNS
from ..record import Part, Record, Values, Wanted
from . import ranks
from .base import Difference
from .cells import Checked
from .keys import Key, Keys, config_of, digest_of, finish, origins_of, put, taken, value_at
from .requests import Requests
from .result_files import Document, ResultFiles

LABELS: Keys = {
    "model": (Key("server_info.model_path"),),  # 0.5.6, of servers that are SGLang; all else in there may be secret
    "name": (Key("tag"),),  # 0.5.6
    "parallel": (Key("max_concurrency"),),
    "rate": (Key("request_rate"),),
    "api": (Key("backend"),),
    "dataset": (Key("dataset_name"),),
}

COUNTS: Keys = {"succeeded": (Key("completed"),)}

METRICS: Keys = {
    "time_taken": (Key("duration"),),
    "output_throughput": (Key("output_throughput"),),
    "total_throughput": (Key("total_throughput"),),  # 0.5.6
    "request_throughput": (Key("request_throughput"),),
    "input_throughput": (Key("input_throughput"),),
    "latency": (Key("mean_e2e_latency_ms", 1000),),
    "ttft": (Key("mean_ttft_ms", 1000),),
    "token_latency": (Key("mean_tpot_ms", 1000),),
    "inter_token_latency": (Key("mean_itl_ms", 1000),),
    "decoded_tokens_per_iter": (Key("accept_length"),),
    "cache_hit_rate": (Key("cache_report.cache_hit_rate_pct"),),  # 0.5.15, with --cache-report
}

PERCENTILES = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "latency": "e2e_latency"}
"""Our metric → what it is called in `p99_ttft_ms` and `median_ttft_ms`."""

SUMS = {"input_tokens": "total_input_tokens", "output_tokens": "total_output_tokens"}
"""Column → key of the sum over the requests that succeeded; 0 where it was not counted (multi-turn)."""

PERCENTILE_KEYS: Keys = {
    column: (Key(f"{'median' if percent == 50 else f'p{percent}'}_{PERCENTILES[metric]}_ms", 1000),)
    for (percent, metric), column in PERCENTILE_COLUMNS.items()
    if metric in PERCENTILES and percent in (50, 90, 95, 99)
}

RETOKENIZED = "total_output_tokens_retokenized"
"""Tokens of the replies by the client's tokenizer."""

TRACE = "trace"
"""The rate of a trace that is replayed."""

_MADE_UP = re.compile(r"(?:sglang|vllm|lmdeploy|trt|gserver|truss)[a-z-]*_[0-9]{4}_([0-9]{1,12})_.+\.jsonl")
"""The names that it makes up: backend, date without the year, number of prompts, lengths or data set."""

_ENOUGH = 0.9  # share of the tokens that is in the replies: less can't come from another tokenizer's counting alone
_NUMBERS = ("completed", "mean_e2e_latency_ms", "total_output_tokens", RETOKENIZED)
_KEYS = frozenset({"dataset_name", "sharegpt_output_len", "random_range_ratio", *_NUMBERS})


class Sglang(ResultFiles):
    """See `base.Reader` and `result_files.ResultFiles`."""

    name = "sglang"
    endings = (".jsonl", ".json")
    indexed = True
    rows_file = "the arrays that `--output-details` adds to a line"
    marks = re.compile(rb'"sharegpt_output_len"\s*:')
    names = _MADE_UP
    workload_arguments = MappingProxyType({TRACE: "false: whether a trace was replayed"})
    differences = (
        Difference(
            "output tokens",
            "unless the server sends a usage block, the tokens that were *asked for* count, not those that came, in"
            " `output_tokens`, output and total throughput and TPOT: a `requested-tokens` warning says where it shows",
            "0.4.6.post5 to 0.5.23; real runs",
        ),
        Difference("timestamp, model, number, failed", "not recorded; `failed` only with `--output-details`", "all"),
        Difference(
            "throughput", "of requests that succeeded / loop and one more request for the server's info", "source"
        ),
        Difference("percentiles", "linear interpolation; median, P90, P95, P99 as the release has them", "recomputed"),
        Difference(
            "ttft", "up to the first chunk with content, as evalscope from 1.13.0 on", "0.4.6.post5, 0.5.23; recomputed"
        ),
        Difference("token_latency", "TPOT as evalscope from 1.13.0 on, of the tokens above", "source"),
        Difference(
            "inter_token_latency",
            "all intervals between chunks pooled; per token where the server reports an accept length",
            "0.4.6.post5, 0.5.23; recomputed",
        ),
        Difference(
            "latency", "up to the last line of the stream; recomputed: up to the last chunk with content", "source"
        ),
        Difference("input_tokens", "planned by the client, not counted by the server", "source"),
    )

    def is_run(self, content: Mapping[str, Any]) -> bool:
        """Whether it has the keys that stand in all releases."""
        return content.keys() >= _KEYS and not any(isinstance(content[key], (str, list, dict)) for key in _NUMBERS)

    def applies(self, content: Mapping[str, Any], column: str) -> bool:
        """An embedding generates nothing."""
        return not ("embedding" in str(content.get("backend")) and BY_NAME[column].generation)

    def record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        """See `result_files.ResultFiles`."""
        content = document.content
        checked = Checked(document.path.rpartition("/")[2])
        record = Record(document.run)
        common, reported = record.common.values, record.reported.values
        common |= {"stream": True} | _labels(document, checked, self.chosen_name(document.path))
        common |= taken(checked, content, COUNTS)
        if made_up := _MADE_UP.fullmatch(checked.file):
            common["number"] = int(made_up[1])
        errors = content.get("errors")
        if isinstance(errors, list) and len(errors) >= common.get("succeeded", 0):
            common |= {"number": len(errors), "failed": len(errors) - common.get("succeeded", 0)}
        if "succeeded" in common:
            common["requests"] = common["succeeded"] + common.get("failed", 0)
        reported |= taken(checked, content, METRICS) | taken(checked, content, PERCENTILE_KEYS)
        totals = {column: checked.number(key, content.get(key)) for column, key in SUMS.items()}
        for column, total in totals.items():
            if total and common.get("succeeded"):
                reported[column] = total / common["succeeded"]
        seconds = reported.get("time_taken")
        if seconds and "total_throughput" not in reported and all(totals.values()):
            reported["total_throughput"] = sum(total or 0 for total in totals.values()) / seconds
        record.arguments = {TRACE: digest_of(content.get("request_rate") == TRACE)}
        if requested_tokens(content) and common.get("succeeded"):
            record.note("warning", "requested-tokens", checked.file, REQUESTED)
        if "filled" in wanted:
            record.derived["filled"] = Part(ranks.filled(_succeeded(content), reported))
        finish(record, checked, lambda column: self.applies(content, column))
        return record

    def rows(self, content: Mapping[str, Any]) -> Iterator[Requests] | None:
        """The arrays of `--output-details`, which have no times of start."""
        errors, ttfts, itls = (content.get(key) for key in ("errors", "ttfts", "itls"))
        if not (isinstance(errors, list) and isinstance(ttfts, list) and isinstance(itls, list)):
            return None
        return iter((_requests(content, errors),)) if errors and len(errors) == len(ttfts) == len(itls) else None

    def origins(self) -> Mapping[str, str]:
        """The keys, and in words what is made of several."""
        return (
            origins_of(LABELS, COUNTS, METRICS, PERCENTILE_KEYS)
            | {column: f"`{key}` / `completed`" for column, key in SUMS.items()}
            | {
                "config": "folders of the file, but those that are only a time",
                "name": "`tag`, else the file's name, where it is not made up by SGLang",
                "number": "the length of `errors`, else what stands in a name that SGLang made up",
                "failed": "the length of `errors` - `completed`",
                "requests": "`completed` + failed, as far as these are known",
                "total_throughput": "the key, else (`total_input_tokens` + `total_output_tokens`) / `duration`",
                "max_tokens": "`random_output_len` of random data sets, else `sharegpt_output_len`",
                "max_tokens_low": "`random_output_len` * `random_range_ratio` of random data sets",
                "min_prompt_length": "`random_input_len` * `random_range_ratio` of random data sets",
                "max_prompt_length": "`random_input_len` of random data sets",
                "stream": "always true, but for embeddings",
                "run": "path of the file, `#`, number of the line",
            }
        )


REQUESTED = (
    "it seems to count the output tokens that were asked for, not those that came, as it does where the server sends no"
    " usage block: output_tokens, output and total throughput may be far too high, and TPOT too low; run it again with"
    """ --extra-request-body '{"stream_options": {"include_usage": true}}' (from about 0.5.6 on)"""
)


def requested_tokens(content: Mapping[str, Any]) -> bool:
    """Whether it shows that the tokens are those that were asked for: the replies hold less, or there are exactly as
    many as asked for, and less time is between two of them than between two chunks."""
    checked = Checked("")
    counted = (checked.number(key, content.get(key)) for key in ("total_output_tokens", RETOKENIZED, "completed"))
    total, generated, completed = counted
    if not total or generated is None or completed is None:
        return False
    if generated and _ENOUGH <= generated / total <= 1 / _ENOUGH:
        return False
    tpot, itl = content.get("mean_tpot_ms"), content.get("mean_itl_ms")
    asked = content.get("random_output_len")
    exactly = type(asked) is int and total == completed * asked and content.get("random_range_ratio") == 1
    shorter = type(tpot) is float and type(itl) is float and 0 < tpot < itl
    return bool(generated < _ENOUGH * total or (exactly and shorter))


def _labels(document: Document, checked: Checked, chosen: str | None) -> Values:
    """The labels; `chosen` is what somebody called the file."""
    content = document.content
    rate = content.get("request_rate")
    unlimited = rate == TRACE or (isinstance(rate, float) and math.isinf(rate))
    labels = taken(checked, content | {"request_rate": None} if unlimited else content, LABELS)
    if chosen:
        labels.setdefault("name", chosen)
    config = config_of(document.path, labels.get("name"), labels.get("model"), "sglang")
    if config:
        labels["config"] = config
    is_random = str(content.get("dataset_name")).startswith("random")
    key = "random_output_len" if is_random else "sharegpt_output_len"
    limits = {"max_tokens": checked.count(key, content.get(key))}
    if is_random:
        ratio = checked.number("random_range_ratio", content.get("random_range_ratio"))
        longest = checked.count("random_input_len", content.get("random_input_len"))
        limits |= {
            "max_tokens_low": _low(limits["max_tokens"], ratio),
            "max_prompt_length": longest,
            "min_prompt_length": _low(longest, ratio),
        }
        if limits["max_tokens_low"] == limits["max_tokens"]:
            del limits["max_tokens_low"]
    return labels | {column: limit for column, limit in limits.items() if limit is not None}


def _low(high: int | None, ratio: float | None) -> int | None:
    """The lower end of lengths that are drawn from a range."""
    return None if high is None or ratio is None or ratio > 1 else max(int(high * ratio), 1)


def _array(content: Mapping[str, Any], key: str) -> list[Any]:
    column = value_at(content, key)
    return column if isinstance(column, list) else []


def _succeeded(content: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Metric → its values over the requests that succeeded, in seconds, as far as details have them."""
    errors = _array(content, "errors")

    def own(key: str) -> list[Any]:
        return [value for value, error in zip(_array(content, key), errors, strict=False) if not error]

    intervals = [interval for each in own("itls") if isinstance(each, list) for interval in each]
    return {"ttft": own("ttfts"), "itl": intervals}


def _requests(content: Mapping[str, Any], errors: list[Any]) -> Requests:
    """The requests. How long they took is the time to the first token and all intervals after it."""
    requests = Requests()
    count = len(errors)
    failed = [bool(error) for error in errors]

    def values(key: str) -> list[Any]:
        column = [*_array(content, key)[:count]]
        column += [None] * (count - len(column))
        return [None if bad else value for value, bad in zip(column, failed, strict=True)]

    requests.succeeded = array("b", [not one for one in failed])
    requests.stream = array("d", [1.0]) * count
    requests.start = array("d", [math.nan]) * count
    requests.end = array("d", [math.nan]) * count
    put(requests, "ttft", "ttfts", values("ttfts"))
    put(requests, "input_tokens", "input_lens", values("input_lens"))
    tokens = [None] * count if requested_tokens(content) else values("output_lens")
    put(requests, "output_tokens", "output_lens", tokens)
    intervals = [times if isinstance(times, list) else [] for times in values("itls")]
    put(requests, "intervals", "itls", [*itertools.chain.from_iterable(intervals)])
    requests.interval_counts = array("q", map(len, intervals))
    given = iter(requests.intervals)
    lengths = zip(requests.ttft, requests.interval_counts, strict=True)
    requests.latency = array("d", (ttft + sum(itertools.islice(given, number)) for ttft, number in lengths))
    return requests


READER = Sglang()
