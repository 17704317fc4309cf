"""The columns of `summary_raw` and `summary_stats`: name, type, unit, description. Header, parsing, statistics,
documentation and the types of every format come from this table alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from . import formats

Type = Literal["text", "integer", "float", "boolean"]

PERCENTS = (10, 25, 50, 66, 75, 80, 90, 95, 98, 99)
"""The percentiles of the standard columns."""

FURTHER_PERCENTS = (1, 5, 0, 100)
"""The percentiles that `columns: all` adds; 0 is the minimum, 100 the maximum."""


@dataclass(frozen=True)
class Column:
    """A column of `summary_raw`.

    Attributes:
        name: the header.
        type: what the cells hold; every column may be empty.
        unit: unit of the cells, empty for labels and plain counts.
        description: one line for the documentation.
        percent: for percentile columns the percentile, else None.
        metric: for percentile columns the metric's name in `formats.PERCENTILE_KEYS`, else empty.
    """

    name: str
    type: Type
    unit: str
    description: str
    percent: int | None = None
    metric: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of evalscope's files that the column comes from, newest spelling first."""
        if self.metric:
            return formats.PERCENTILE_KEYS[self.metric]
        return formats.SUMMARY_KEYS.get(self.name, ())


@dataclass(frozen=True)
class PercentileMetric:
    """A metric of `benchmark_percentile.json`: its name there, the end of its columns' names, unit and meaning."""

    name: str
    suffix: str
    unit: str
    description: str


PERCENTILE_METRICS = (
    PercentileMetric("ttft", "ttft_", "s", "time to first token"),
    PercentileMetric("itl", "itl_", "s", "inter-token latency (all intervals of all requests)"),
    PercentileMetric("tpot", "tpot_", "s", "time per output token of a request"),
    PercentileMetric("latency", "latency_", "s", "latency of a request"),
    PercentileMetric("output", "output_(tok/s)", "tok/s", "output tokens / latency of a request"),
    PercentileMetric("total", "total_(tok/s)", "tok/s", "input and output tokens / latency of a request"),
)
"""The metrics of the standard columns."""

FURTHER_METRICS = (
    PercentileMetric("input_tokens", "input_tokens", "tokens", "input tokens of a request"),
    PercentileMetric("output_tokens", "output_tokens", "tokens", "output tokens of a request"),
    PercentileMetric("decode", "decode_(tok/s)", "tok/s", "1 / time per output token of a request"),
    PercentileMetric("input", "input_(tok/s)", "tok/s", "input tokens / latency of a request"),
)
"""The metrics that `columns: all` adds, as far as evalscope reports them."""


def _percentiles(percents: Sequence[int], metrics: Sequence[PercentileMetric]) -> Iterator[Column]:
    for percent in percents:
        name = {0: "minimum", 100: "maximum"}.get(percent, f"P{percent}")
        for metric in metrics:
            yield Column(
                f"{percent}p_{metric.suffix}",
                "float",
                metric.unit,
                f"{name} of the {metric.description}",
                percent,
                metric.name,
            )


STANDARD: tuple[Column, ...] = (
    Column("timestamp", "text", "", "start of the test, local time of the client (YYYYMMDD_HHMMSS)"),
    Column("config", "text", "", "folders between the results tree and the timestamp"),
    Column("model", "text", "", "model as given to evalscope"),
    Column("parallel", "integer", "requests", "concurrency; empty for an open loop"),
    Column("prompt_length", "text", "", "`long`, `medium` or `short`: from the prompt, else from names"),
    Column("max_tokens", "integer", "tokens", "limit of output tokens (of a range, the upper bound)"),
    Column("requests", "integer", "", "requests that finished"),
    Column("time_taken", "float", "s", "duration of the test"),
    Column("output_throughput", "float", "tok/s", "output tokens of all requests / duration"),
    Column("total_throughput", "float", "tok/s", "input and output tokens of all requests / duration"),
    Column("request_throughput", "float", "req/s", "successful requests / duration"),
    Column("latency", "float", "s", "mean latency of a request"),
    Column("ttft", "float", "s", "mean time to first token (TTFT)"),
    Column("token_latency", "float", "s", "mean time per output token (TPOT)"),
    Column("inter_token_latency", "float", "s", "mean inter-token latency (ITL)"),
    Column("input_tokens", "float", "tokens", "mean input tokens of a request"),
    Column("output_tokens", "float", "tokens", "mean output tokens of a request"),
    Column("avg_gpu_memory", "float", "GiB", "mean peak GPU memory of the client process (local models only)"),
    Column("max_gpu_memory", "float", "GiB", "largest peak GPU memory of the client process"),
    Column("min_gpu_memory", "float", "GiB", "smallest peak GPU memory of the client process"),
    *_percentiles(PERCENTS, PERCENTILE_METRICS),
    Column("name", "text", "", "`--alias`, else `--name`"),
    Column("number", "integer", "requests", "requests asked for (multi-turn from 1.7.0: conversations)"),
    Column("rate", "float", "req/s", "request rate asked for; empty if unlimited"),
    Column("max_tokens_low", "integer", "tokens", "lower bound where `max_tokens` is a range"),
    Column("min_tokens", "integer", "tokens", "lower limit of output tokens"),
    Column("api", "text", "", "evalscope's API plugin"),
    Column("dataset", "text", "", "evalscope's dataset plugin"),
    Column("dataset_file", "text", "", "last component of the dataset's path"),
    Column("min_prompt_length", "integer", "tokens", "lower limit of the prompt (characters without a tokenizer)"),
    Column("max_prompt_length", "integer", "tokens", "upper limit of the prompt (characters without a tokenizer)"),
    Column("prefix_length", "integer", "tokens", "length of the common prefix of random prompts"),
    Column("stream", "boolean", "", "whether replies were streamed"),
    Column("succeeded", "integer", "", "requests that succeeded"),
    Column("failed", "integer", "", "requests that failed"),
    Column("stream_requests", "integer", "", "requests that asked for streaming, failed ones too"),
    Column("non_stream_requests", "integer", "", "requests that did not, failed ones too"),
    Column("input_throughput", "float", "tok/s", "input tokens / summed latency (input-only APIs)"),
    Column("turns", "float", "", "mean turns of a request (multi-turn)"),
    Column("cache_hit_rate", "float", "%", "share of input tokens served from the KV cache"),
    Column("first_turn_ttft", "float", "s", "mean TTFT of first turns"),
    Column("subsequent_turn_ttft", "float", "s", "mean TTFT of later turns"),
    Column("decoded_tokens_per_iter", "float", "tokens", "mean tokens of a decoding step (speculative decoding)"),
    Column("spec_accept_rate", "float", "", "acceptance rate of speculative decoding (0 to 1)"),
    Column("steady_itl", "float", "s", "mean ITL after the hand-over from prefill to decode"),
    Column("pd_handoff_latency", "float", "s", "mean latency of the hand-over from prefill to decode"),
    Column("pd_handoff_overhead", "float", "s", "mean of what the hand-over takes beyond a steady interval"),
    Column("evalscope_at_least", "text", "", "lowest evalscope release that can have written the run"),
    Column("evalscope_below", "text", "", "lowest later release that can't have; empty: none known"),
    Column("run", "text", "", "path of the run folder below the results tree"),
)

FURTHER: tuple[Column, ...] = (
    *_percentiles(FURTHER_PERCENTS, PERCENTILE_METRICS),
    *_percentiles((1, 5, *PERCENTS, 0, 100), FURTHER_METRICS),
)

BY_NAME = {column.name: column for column in (*STANDARD, *FURTHER)}

PERCENTILE_COLUMNS = {(c.percent, c.metric): c.name for c in (*STANDARD, *FURTHER) if c.metric}
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
)
"""The label columns that runs can be grouped by, in the default order of `group_by`."""

STATS_HEAD = ("config", "count", "model", "parallel", "prompt_length", "max_tokens")
STATS_TAIL = (
    "rate",
    "number",
    "name",
    "max_tokens_low",
    "min_tokens",
    "api",
    "dataset",
    "dataset_file",
    "min_prompt_length",
    "max_prompt_length",
    "prefix_length",
    "stream",
)
STATISTICS = ("avg", "std", "min", "max")

_FIRST_METRICS = (
    "output_throughput",
    "total_throughput",
    "request_throughput",
    "latency",
    "ttft",
    "token_latency",
    "inter_token_latency",
    "input_tokens",
    "output_tokens",
    "time_taken",
    "avg_gpu_memory",
    "max_gpu_memory",
    "min_gpu_memory",
)
_LAST_METRICS = (
    "succeeded",
    "failed",
    "input_throughput",
    "turns",
    "cache_hit_rate",
    "first_turn_ttft",
    "subsequent_turn_ttft",
    "decoded_tokens_per_iter",
    "spec_accept_rate",
    "steady_itl",
    "pd_handoff_latency",
    "pd_handoff_overhead",
)


def raw_columns(which: str) -> tuple[Column, ...]:
    """The columns of `summary_raw`, in order, for the setting `columns` (`standard`: 109, `all`: 189)."""
    return (*STANDARD, *FURTHER) if which == "all" else STANDARD


def metric_columns(which: str) -> tuple[Column, ...]:
    """The columns of `summary_raw` that `summary_stats` has statistics of, in its order."""
    standard = [c.name for c in STANDARD if c.metric]
    further = [c.name for c in FURTHER] if which == "all" else []
    return tuple(BY_NAME[name] for name in (*_FIRST_METRICS, *standard, *_LAST_METRICS, *further))


def stats_columns(which: str) -> tuple[Column, ...]:
    """The columns of `summary_stats`, in order; all statistics are floats in the unit of their metric."""
    columns = []
    for name in STATS_HEAD:
        columns.append(BY_NAME.get(name) or Column("count", "integer", "", "number of runs in the group"))
    for metric in metric_columns(which):
        for statistic in STATISTICS:
            columns.append(Column(f"{metric.name}_{statistic}", "float", metric.unit, metric.description))
    return (*columns, *(BY_NAME[name] for name in STATS_TAIL))


TABLES = {"raw": raw_columns, "stats": stats_columns}
"""Table → its columns, for the setting `columns`."""


def is_type(value: Any, column_type: Type) -> bool:
    """Whether a value read from a file is what a cell of this type may hold (integers fit into 64 bits)."""
    if column_type == "text":
        return isinstance(value, str)
    if column_type == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if column_type == "float":
        return isinstance(value, float) or abs(value) < 2**1023  # a larger integer is no float
    return value == value and abs(value) < 2**63 and value == int(value)
