"""The columns of `summary_raw`: name, type, unit, role and description. All tables are made of them (`layouts`);
header, parsing, statistics, documentation and the types of every format come from here. What a tool calls a column is
its reader's to know."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "integer", "float", "boolean"]

Role = Literal["place", "label", "count", "memory", "performance", "statistic", "problem"]
"""What a column is for: where a run lies and who wrote it; a label that runs can be grouped by; a count of requests;
GPU memory; performance, which `metrics` decides about; a statistic of a group; a word about a problem."""

PERCENTS = (10, 25, 50, 66, 75, 80, 90, 95, 98, 99)
"""The percentiles of the standard columns."""

FURTHER_PERCENTS = (1, 5, 0, 100)
"""The percentiles that `columns: all` adds; 0 is the minimum, 100 the maximum."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the header.
        type: what the cells hold; every column may be empty.
        unit: unit of the cells, empty for labels and plain counts.
        description: one line for the documentation.
        role: what it is for.
        recomputed: with `metrics: recomputed`, the formula over the request rows; empty if the column stays as
            reported or can't be derived.
        generation: it is about generated tokens, so that it is empty where an API generates none.
        percent: for percentile columns the percentile, else None.
        metric: for percentile columns the metric's name in `PERCENTILE_METRICS` or `FURTHER_METRICS`, else empty.
        statistic: for statistics which one, else empty.
        of: for statistics the column of `summary_raw`, else empty.
        origin: where its cells come from, for what the tables make themselves; else readers know.
    """

    name: str
    type: Type
    unit: str
    description: str
    role: Role = "label"
    recomputed: str = ""
    generation: bool = False
    percent: int | None = None
    metric: str = ""
    statistic: str = ""
    of: str = ""
    origin: str = ""


@dataclass(frozen=True)
class PercentileMetric:
    """A metric that has percentiles: its name, the end of its columns' names, unit, meaning, the values that are ranked
    when it is recomputed, and whether it is about generated tokens."""

    name: str
    suffix: str
    unit: str
    description: str
    recomputed: str
    generation: bool = True


TPOT = (
    "(latency - first_chunk_latency) / (completion_tokens - 1) of streamed requests with completion_tokens > 1"
    " and latency > first_chunk_latency"
)

PERCENTILE_METRICS = (
    PercentileMetric(
        "ttft", "ttft_", "s", "time to first token", "first_chunk_latency of streamed requests, without 0"
    ),
    PercentileMetric(
        "itl", "itl_", "s", "inter-token latency (all intervals of all requests)", "all intervals between chunks"
    ),
    PercentileMetric("tpot", "tpot_", "s", "time per output token of a request", TPOT),
    PercentileMetric("latency", "latency_", "s", "latency of a request", "latency", generation=False),
    PercentileMetric(
        "output", "output_(tok/s)", "tok/s", "output tokens / latency of a request", "completion_tokens / latency"
    ),
    PercentileMetric(
        "total",
        "total_(tok/s)",
        "tok/s",
        "input and output tokens / latency of a request",
        "(prompt_tokens + completion_tokens) / latency",
    ),
)
"""The metrics of the standard columns."""

FURTHER_METRICS = (
    PercentileMetric(
        "input_tokens", "input_tokens", "tokens", "input tokens of a request", "prompt_tokens", generation=False
    ),
    PercentileMetric("output_tokens", "output_tokens", "tokens", "output tokens of a request", "completion_tokens"),
    PercentileMetric("decode", "decode_(tok/s)", "tok/s", "1 / time per output token of a request", f"1 / ({TPOT})"),
    PercentileMetric(
        "input",
        "input_(tok/s)",
        "tok/s",
        "input tokens / latency of a request",
        "prompt_tokens / latency",
        generation=False,
    ),
)
"""The metrics that `columns: all` adds, as far as they are reported."""


def _percentiles(percents: Sequence[int], metrics: Sequence[PercentileMetric]) -> Iterator[Column]:
    for percent in percents:
        name = {0: "minimum", 100: "maximum"}.get(percent, f"P{percent}")
        rank = {0: "smallest", 100: "largest"}.get(percent, f"the ceil(n * {percent} / 100)-th smallest of n")
        for metric in metrics:
            yield Column(
                f"{percent}p_{metric.suffix}",
                "float",
                metric.unit,
                f"{name} of the {metric.description}",
                "performance",
                f"{rank} values of {metric.recomputed}",
                metric.generation,
                percent,
                metric.name,
            )


def _performance(name: str, unit: str, description: str, recomputed: str = "", generation: bool = False) -> Column:
    return Column(name, "float", unit, description, "performance", recomputed, generation)


STANDARD: tuple[Column, ...] = (
    Column("timestamp", "text", "", "start of the test, local time of the client (YYYYMMDD_HHMMSS)", "place"),
    Column("config", "text", "", "folders between the results tree and the timestamp", "label"),
    Column("model", "text", "", "model as given to the tool", "label"),
    Column("parallel", "integer", "requests", "concurrency; empty for an open loop", "label"),
    Column("prompt_length", "text", "", "`long`, `medium` or `short`: from the prompt, else from names", "label"),
    Column("max_tokens", "integer", "tokens", "limit of output tokens (of a range, the upper bound)", "label"),
    Column("requests", "integer", "", "requests that finished", "count"),
    _performance(
        "time_taken",
        "s",
        "duration of the test",
        recomputed="latest completed_time - earliest start_time, each of all requests, failed ones too, without 0",
    ),
    _performance(
        "output_throughput",
        "tok/s",
        "output tokens of all requests / duration",
        recomputed="sum of completion_tokens / time_taken",
        generation=True,
    ),
    _performance(
        "total_throughput",
        "tok/s",
        "input and output tokens of all requests / duration",
        recomputed="sum of prompt_tokens and completion_tokens / time_taken",
        generation=True,
    ),
    _performance(
        "request_throughput",
        "req/s",
        "successful requests / duration",
        recomputed="number of successful requests / time_taken",
    ),
    _performance("latency", "s", "mean latency of a request", recomputed="mean of latency"),
    _performance(
        "ttft",
        "s",
        "mean time to first token (TTFT)",
        recomputed="mean of first_chunk_latency of streamed requests, without 0",
        generation=True,
    ),
    _performance(
        "token_latency", "s", "mean time per output token (TPOT)", recomputed=f"mean of {TPOT}", generation=True
    ),
    _performance(
        "inter_token_latency",
        "s",
        "mean inter-token latency (ITL)",
        recomputed="mean of all intervals between chunks, of all requests",
        generation=True,
    ),
    _performance("input_tokens", "tokens", "mean input tokens of a request", recomputed="mean of prompt_tokens"),
    _performance(
        "output_tokens",
        "tokens",
        "mean output tokens of a request",
        recomputed="mean of completion_tokens",
        generation=True,
    ),
    Column(
        "avg_gpu_memory", "float", "GiB", "mean peak GPU memory of the client process (local models only)", "memory"
    ),
    Column("max_gpu_memory", "float", "GiB", "largest peak GPU memory of the client process", "memory"),
    Column("min_gpu_memory", "float", "GiB", "smallest peak GPU memory of the client process", "memory"),
    *_percentiles(PERCENTS, PERCENTILE_METRICS),
    Column("name", "text", "", "name that was given to the test", "label"),
    Column("number", "integer", "requests", "requests asked for (multi-turn from 1.7.0: conversations)", "label"),
    Column("rate", "float", "req/s", "request rate asked for; empty if unlimited", "label"),
    Column("max_tokens_low", "integer", "tokens", "lower bound where `max_tokens` is a range", "label"),
    Column("min_tokens", "integer", "tokens", "lower limit of output tokens", "label"),
    Column("api", "text", "", "what was called: API plugin, backend or endpoint", "label"),
    Column("dataset", "text", "", "kind of data set, as the tool calls it", "label"),
    Column("dataset_file", "text", "", "last component of the dataset's path", "label"),
    Column(
        "min_prompt_length", "integer", "tokens", "lower limit of the prompt (characters without a tokenizer)", "label"
    ),
    Column(
        "max_prompt_length", "integer", "tokens", "upper limit of the prompt (characters without a tokenizer)", "label"
    ),
    Column("prefix_length", "integer", "tokens", "length of the common prefix of random prompts", "label"),
    Column("stream", "boolean", "", "whether replies were streamed", "label", generation=True),
    Column("succeeded", "integer", "", "requests that succeeded", "count"),
    Column("failed", "integer", "", "requests that failed", "count"),
    Column("stream_requests", "integer", "", "requests that asked for streaming, failed ones too", "count"),
    Column("non_stream_requests", "integer", "", "requests that did not, failed ones too", "count"),
    _performance(
        "input_throughput",
        "tok/s",
        "input tokens of all requests / summed latency (input-only APIs; recomputed: all runs, / duration)",
        recomputed="sum of prompt_tokens / time_taken",
    ),
    _performance("turns", "", "mean turns of a request (multi-turn)"),
    _performance("cache_hit_rate", "%", "share of input tokens served from the KV cache"),
    _performance("first_turn_ttft", "s", "mean TTFT of first turns", generation=True),
    _performance("subsequent_turn_ttft", "s", "mean TTFT of later turns", generation=True),
    _performance(
        "decoded_tokens_per_iter", "tokens", "mean tokens of a decoding step (speculative decoding)", generation=True
    ),
    _performance("spec_accept_rate", "", "acceptance rate of speculative decoding (0 to 1)", generation=True),
    _performance("steady_itl", "s", "mean ITL after the hand-over from prefill to decode", generation=True),
    _performance("pd_handoff_latency", "s", "mean latency of the hand-over from prefill to decode", generation=True),
    _performance(
        "pd_handoff_overhead", "s", "mean of what the hand-over takes beyond a steady interval", generation=True
    ),
    Column("evalscope_at_least", "text", "", "lowest evalscope release that can have written the run", "place"),
    Column("evalscope_below", "text", "", "lowest later release that can't have; empty: none known", "place"),
    Column("run", "text", "", "path of the run below the results tree; `#index` of those that share a file", "place"),
    Column(
        "tool", "text", "", "tool that made the load: `evalscope`, `vllm`, …", "label", origin="what its files hold"
    ),
    Column("tool_version", "text", "", "its release, where its files say it", "place", origin="the tool's files"),
)

FURTHER: tuple[Column, ...] = (
    *_percentiles(FURTHER_PERCENTS, PERCENTILE_METRICS),
    *_percentiles((1, 5, *PERCENTS, 0, 100), FURTHER_METRICS),
)

SLO: tuple[Column, ...] = (
    _performance(
        "slo_share",
        "",
        "share of all requests, failed ones too, that kept every bound of `slo` (0 to 1)",
        recomputed="number of successful requests with every bounded value measured and within its bound / requests",
    ),
    _performance(
        "goodput",
        "req/s",
        "requests that kept every bound of `slo` / duration",
        recomputed="number of successful requests with every bounded value measured and within its bound / time_taken",
    ),
)
"""The columns that the setting `slo` adds at the end of the metrics."""

BY_NAME = {column.name: column for column in (*STANDARD, *FURTHER, *SLO)}

PERCENTILE_COLUMNS = {(c.percent, c.metric): c.name for c in (*STANDARD, *FURTHER) if c.percent is not None}
"""(percentile, metric) → column name."""

FILLED = tuple((percent, metric.name) for percent in PERCENTS for metric in PERCENTILE_METRICS)
"""The (percentile, metric) pairs that are computed from the request rows where the file lacks them."""

GROUP_LABELS = (
    "config",
    "model",
    "parallel",
    "rate",
    "number",
    "prompt_length",
    "max_tokens",
    "max_tokens_low",
    "min_tokens",
    "name",
    "api",
    "dataset",
    "dataset_file",
    "min_prompt_length",
    "max_prompt_length",
    "prefix_length",
    "stream",
    "tool",
)
"""The label columns that runs can be grouped by, in the default order of `group_by`."""

LENGTH = "prompt_length"
"""The label that is decided when tables are made, since a setting has a say in it."""

AT_LEAST, BELOW = "evalscope_at_least", "evalscope_below"
"""The columns with the releases that can have written a run."""

PERFORMANCE = frozenset(column.name for column in BY_NAME.values() if column.role == "performance")
"""The columns that `metrics: recomputed` takes from the request rows, or leaves empty."""


def structure() -> str:
    """Digest of what readers depend on: all of the columns that they fill but their descriptions and formulas."""
    what = [(c.name, c.type, c.role, c.generation, c.percent, c.metric) for c in (*STANDARD, *FURTHER)]
    return hashlib.sha256(repr((what, FILLED)).encode()).hexdigest()[:16]
