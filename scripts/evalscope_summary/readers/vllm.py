"""Results of `vllm bench serve` and `vllm bench sweep`, and of the `benchmark_serving.py` before them: a run is a JSON
object, which is a file (`--save-result`), or one of the lines of a file (`--append-result`)."""

import itertools
import operator
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
from .keys import Key, Keys, config_of, digest_of, finish, origins_of, put, taken
from .requests import Requests
from .result_files import Document, ResultFiles

LABELS: Keys = {
    "model": (Key("model_id"),),
    "name": (Key("label"),),
    "parallel": (Key("max_concurrency"),),
    "number": (Key("num_prompts"),),
    "rate": (Key("request_rate"),),
    "api": (Key("backend"), Key("endpoint_type")),  # the latter alone in 0.9.2 to 0.10.2
}

COUNTS: Keys = {
    "succeeded": (Key("completed"),),
    "failed": (Key("failed"),),  # 0.11.2
}

METRICS: Keys = {
    "time_taken": (Key("duration"),),
    "output_throughput": (Key("output_throughput"),),
    "total_throughput": (Key("total_token_throughput"),),
    "request_throughput": (Key("request_throughput"),),
    "latency": (Key("mean_e2el_ms", 1000),),
    "ttft": (Key("mean_ttft_ms", 1000),),
    "token_latency": (Key("mean_tpot_ms", 1000),),
    "inter_token_latency": (Key("mean_itl_ms", 1000),),
    "decoded_tokens_per_iter": (Key("spec_decode_acceptance_length"),),  # 0.14.1
    "spec_accept_rate": (Key("spec_decode_acceptance_rate", 100),),
}

PERCENTILES = {"ttft": "ttft", "tpot": "tpot", "itl": "itl", "latency": "e2el"}
"""Our metric → what it is called in `p99_ttft_ms` and `median_ttft_ms`."""

SUMS = {"input_tokens": "total_input_tokens", "output_tokens": "total_output_tokens"}
"""Column → key of the sum over the requests that succeeded."""

INPUT_ONLY_THROUGHPUT = "total_token_throughput"
"""Of pooling backends, which generate nothing, it counts input tokens."""

ARGUMENTS = ("burstiness", "ramp_up_strategy", "ramp_up_start_rps", "ramp_up_end_rps")
"""What changes the load and is in no label."""

METADATA = "metadata"
"""What stands for all that was given with `--metadata`, and the parameters of a sweep: they are keys of their own."""

_NUMBERS = ("duration", "completed", "request_throughput", "total_input_tokens")
_KEYS = frozenset({"model_id", "tokenizer_id", "num_prompts", "request_rate", *_NUMBERS})
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})-([0-9]{2})([0-9]{2})([0-9]{2})")
_PERCENTILE = re.compile(r"p([0-9]+)_(ttft|tpot|itl|e2el)_ms")
_METRIC = {theirs: ours for ours, theirs in PERCENTILES.items()}


class Vllm(ResultFiles):
    """See `base.Reader` and `result_files.ResultFiles`."""

    name = "vllm"
    endings = (".json",)
    rows_file = "the arrays that `--save-detailed` adds to the file"
    marks = re.compile(
        rb'"date"\s*:(?=.*"(?:tokenizer_id|burstiness)"\s*:)|"error_type"\s*:(?=.*"serve_overrides"\s*:)', re.DOTALL
    )
    names = re.compile(r".+qps(-concurrency[0-9]+)?-.+-[0-9]{8}-[0-9]{6}\.json|run=[0-9]+\.json")
    workload_arguments = MappingProxyType(
        {
            "burstiness": "1.0",
            **dict.fromkeys(ARGUMENTS[1:], "null"),
            METADATA: "none: what `--metadata` and a sweep's parameters say",
        }
    )
    differences = (
        Difference("timestamp", "the file has the end of the test; the start is that minus `duration`", "all; source"),
        Difference(
            "throughput", "tokens of requests that succeeded / time of the whole loop, failures included", "all"
        ),
        Difference(
            "percentiles", "linear interpolation (numpy); by default P99 and the median alone", "all; recomputed"
        ),
        Difference(
            "ttft",
            "up to the first chunk with choices, one that says only the role too; from about 0.33.0 on the first with"
            " content, reasoning or a tool call, as evalscope from 1.13.0 on",
            "source of 0.30.0, 0.33.0",
        ),
        Difference("token_latency", "TPOT as evalscope from 1.13.0 on", "0.10.2, 0.33.0; recomputed"),
        Difference(
            "inter_token_latency", "all intervals pooled, of chunks, as evalscope", "0.10.2 to 0.33.0; recomputed"
        ),
        Difference(
            "latency",
            "up to the last chunk with a token; up to 0.28.0 the chunk with the usage is inside. The file has it only"
            " with `--percentile-metrics …,e2el`; from 0.30.0 on it is filled in from `latencies`",
            "source",
        ),
        Difference(
            "input_tokens",
            "by the client's tokenizer up to about 0.18.1, since then as the server counts",
            "source of 0.18.1, 0.20.2",
        ),
        Difference("dataset, max_tokens, prompt lengths", "not recorded: two workloads can look alike", "all; source"),
        Difference("failed", "up to 0.10.2 `num_prompts` - `completed`, or the errors of `--save-detailed`", "source"),
    )

    def is_run(self, content: Mapping[str, Any]) -> bool:
        """Whether it has the keys that stand in all releases; a sweep's warm-up is none."""
        return (
            content.keys() >= _KEYS
            and isinstance(content.get("date"), str)
            and content.get("run_number") != -1
            and not any(isinstance(content[key], (str, list, dict)) for key in _NUMBERS)
        )

    def stopped(self, content: Mapping[str, Any]) -> bool:
        """Whether a sweep wrote it (`--continue-on-error`) in place of a run that failed."""
        return content.keys() >= {"error_type", "error", "serve_overrides"}

    def may_be_own(self, name: str) -> bool:
        """All but the format of PyTorch's benchmarks, which has the same again."""
        return not name.endswith(".pytorch.json")

    def record(self, document: Document, wanted: AbstractSet[Wanted]) -> Record:
        """See `result_files.ResultFiles`."""
        content = document.content
        checked = Checked(document.path.rpartition("/")[2])
        record = Record(document.run)
        common, reported = record.common.values, record.reported.values
        input_only = _is_input_only(content)
        common |= _labels(document, checked, self.chosen_name(document.path))
        common |= taken(checked, content, COUNTS)
        if "failed" not in common and (failed := _failed(content, common)) is not None:
            common["failed"] = failed
        if "succeeded" in common:
            common["requests"] = common["succeeded"] + common.get("failed", 0)
        if not input_only:
            common["stream"] = True
        reported |= taken(checked, content, METRICS) | _percentiles(content, checked)
        for column, key in SUMS.items():
            total = checked.number(key, content.get(key))
            if total is not None and common.get("succeeded"):
                reported[column] = total / common["succeeded"]
        if input_only and INPUT_ONLY_THROUGHPUT in content:
            number = checked.number(INPUT_ONLY_THROUGHPUT, content[INPUT_ONLY_THROUGHPUT])
            if number is not None:
                reported["input_throughput"] = number
        record.arguments = _arguments(content)
        if "filled" in wanted:
            record.derived["filled"] = Part(_filled(content, reported))
        finish(record, checked, lambda column: self.applies(content, column))
        return record

    def applies(self, content: Mapping[str, Any], column: str) -> bool:
        """Pooling backends generate nothing."""
        return not (_is_input_only(content) and BY_NAME[column].generation)

    def rows(self, content: Mapping[str, Any]) -> Iterator[Requests] | None:
        """The arrays of `--save-detailed`. `latencies` are there since about 0.28.0, and `start_times` since 0.14.1."""
        errors, ttfts, itls = (_array(content, key) for key in ("errors", "ttfts", "itls"))
        if not errors or not len(errors) == len(ttfts) == len(itls):
            return None
        return iter((_requests(content, errors),))

    def origins(self) -> Mapping[str, str]:
        """The keys, and in words what is made of several."""
        percentiles = {
            column: f"`p{percent}_{PERCENTILES[metric]}_ms` / 1000{' or `median_…`' if percent == 50 else ''}"
            for (percent, metric), column in PERCENTILE_COLUMNS.items()
            if metric in PERCENTILES
        }
        return (
            percentiles
            | origins_of(LABELS, COUNTS, METRICS)
            | {column: f"`{key}` / `completed`" for column, key in SUMS.items()}
            | {
                "timestamp": "`date` - `duration`",
                "config": "folders of the file, but those that are only a time",
                "requests": "`completed` + `failed`",
                "failed": "`failed`, else the texts in `errors`, else `num_prompts` - `completed`",
                "name": "`label`, else the file's name, where it is not made up by vLLM",
                "latency": "`mean_e2el_ms` / 1000, else the mean of `latencies`",
                "input_throughput": f"`{INPUT_ONLY_THROUGHPUT}` of pooling backends",
                "stream": "always true, but for pooling backends",
                "run": "path of the file",
            }
        )


def _labels(document: Document, checked: Checked, chosen: str | None) -> Values:
    """The labels; `chosen` is what somebody called the file."""
    content = document.content
    rate = content.get("request_rate")
    labels = taken(checked, content if rate != "inf" else content | {"request_rate": None}, LABELS)
    if chosen:
        labels.setdefault("name", chosen)
    config = config_of(document.path, labels.get("name"), labels.get("model"))
    start = _start(content)
    return labels | ({"config": config} if config else {}) | ({"timestamp": start} if start else {})


def _start(content: Mapping[str, Any]) -> str | None:
    """When the test began: the file has the time, to a second, when it was over."""
    match = _DATE.fullmatch(content["date"])
    duration = content["duration"]
    if not match or isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 <= duration < 1e8:
        return None
    import datetime  # not needed to find runs

    try:
        end = datetime.datetime(*map(int, match.groups()))  # type: ignore[arg-type]
        return f"{end - datetime.timedelta(seconds=duration):%Y%m%d_%H%M%S}"
    except (ValueError, OverflowError):
        return None


def _failed(content: Mapping[str, Any], common: Values) -> int | None:
    errors = content.get("errors")
    if isinstance(errors, list):
        return sum(1 for error in errors if error)
    number, succeeded = common.get("number"), common.get("succeeded")
    return None if number is None or succeeded is None or number < succeeded else number - succeeded


def _percentiles(content: Mapping[str, Any], checked: Checked) -> Values:
    keys: dict[str, tuple[Key, ...]] = {}
    for key in content:
        if key.startswith("median_"):
            metric, percent = _METRIC.get(key[7:-3]), 50
        elif match := _PERCENTILE.fullmatch(key):
            metric, percent = _METRIC[match[2]], int(match[1])
        else:
            continue
        column = PERCENTILE_COLUMNS.get((percent, metric or ""))
        if column:
            keys.setdefault(column, (Key(key, 1000),))
    return taken(checked, content, keys)


def _arguments(content: Mapping[str, Any]) -> dict[str, str]:
    """Digests of what changes the load. `--metadata` stands between the number of prompts and the rate, and the
    parameters of a sweep behind everything."""
    keys = list(content)
    begin, end = keys.index("num_prompts") + 1, keys.index("request_rate")
    metadata = {key: content[key] for key in keys[begin:end]}
    if "_benchmark_name" in content or "run_number" in content:
        behind = itertools.dropwhile(lambda key: key not in ("_benchmark_name", "run_number"), keys)
        metadata |= {key: content[key] for key in behind if key != "run_number"}
    given = {key: content.get(key) for key in ARGUMENTS} | {METADATA: metadata}
    return {key: digest_of(value) for key, value in given.items()}


# --- request rows ----------------------------------------------------------------------------------------------------


def _filled(content: Mapping[str, Any], reported: Values) -> Values:
    """The percentiles that the file lacks, and the mean latency, from the arrays that it has."""
    rows = dict(_succeeded(content))
    values = ranks.filled(rows, reported)
    latencies = ranks.usable(rows.get("latency", ()))
    if latencies and "latency" not in reported:
        values["latency"] = sum(latencies) / len(latencies)
    return values


def _is_input_only(content: Mapping[str, Any]) -> bool:
    return "total_output_tokens" not in content


def _requests(content: Mapping[str, Any], errors: list[Any]) -> Requests:
    """The requests; of one that failed only its start counts."""
    requests = Requests()
    count = len(errors)
    failed = [bool(error) for error in errors]
    requests.succeeded = array("b", [not one for one in failed])
    requests.stream = array("d", [1.0]) * count

    def values(key: str) -> list[Any]:
        column = _array(content, key)
        column = [*column[:count], *[None] * (count - len(column))]
        return [None if bad else value for value, bad in zip(column, failed, strict=True)] if any(failed) else column

    put(requests, "start", "start_times", [*_array(content, "start_times"), *[None] * count][:count])
    put(requests, "ttft", "ttfts", values("ttfts"))
    put(requests, "input_tokens", "input_lens", values("input_lens"))
    put(requests, "output_tokens", "output_lens", values("output_lens"))
    intervals = [times if isinstance(times, list) else [] for times in (each or [] for each in values("itls"))]
    put(requests, "intervals", "itls", [*itertools.chain.from_iterable(intervals)])
    requests.interval_counts = array("q", map(len, intervals))
    if "latencies" in content:
        put(requests, "latency", "latencies", values("latencies"))
    else:  # up to the last chunk with a token, as later releases
        given = iter(requests.intervals)
        requests.latency = array(
            "d",
            (t + sum(itertools.islice(given, n)) for t, n in zip(requests.ttft, requests.interval_counts, strict=True)),
        )
    requests.end = array("d", map(operator.add, requests.start, requests.latency))
    return requests


def _array(content: Mapping[str, Any], key: str) -> list[Any]:
    column = content.get(key)
    return column if isinstance(column, list) else []


def _succeeded(content: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Metric → its values over the requests that succeeded, in seconds. Those that failed have an error, and 0.0 where
    nothing else was measured until then; without details they are 0.0 in `latencies`, which is all that there is."""
    errors = _array(content, "errors")

    def own(key: str) -> list[Any]:
        values = _array(content, key)
        if not errors:
            return values
        return [value for value, error in zip(values, errors, strict=False) if not error]

    latencies, ttfts = own("latencies"), own("ttfts")
    yield "latency", latencies
    yield "ttft", ttfts
    yield "itl", [interval for intervals in own("itls") if isinstance(intervals, list) for interval in intervals]
    tpots, outputs, totals = [], [], []
    for tokens_in, tokens, latency, ttft in zip(own("input_lens"), own("output_lens"), latencies, ttfts, strict=False):
        if all(type(value) in (int, float) for value in (tokens_in, tokens, latency, ttft)) and latency > 0:
            outputs.append(tokens / latency)
            totals.append((tokens_in + tokens) / latency)
            if tokens > 1:
                tpots.append((latency - ttft) / (tokens - 1))
    yield "tpot", tpots
    yield "output", outputs
    yield "total", totals


READER = Vllm()
