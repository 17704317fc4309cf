"""The columns of `summary_raw` and `summary_stats`: name, type, unit, description, source, definition. Header,
parsing, statistics, documentation and the types of every format come from this table alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from . import formats, patterns

Type = Literal["text", "integer", "float", "boolean"]

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
        origin: where the cells come from, for columns that `formats` has no keys of.
        recomputed: with `metrics: recomputed`, the formula over the request rows; empty if the column stays as
            reported or can't be derived.
        percent: for percentile columns the percentile, else None.
        metric: for percentile columns the metric's name in `formats.PERCENTILE_KEYS`, else empty.
    """

    name: str
    type: Type
    unit: str
    description: str
    origin: str = ""
    recomputed: str = ""
    percent: int | None = None
    metric: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of evalscope's files that the column comes from, newest spelling first."""
        if self.metric:
            return formats.PERCENTILE_KEYS[self.metric]
        return formats.SUMMARY_KEYS.get(self.name, ())

    @property
    def source(self) -> str:
        """Where the cells come from: file and keys, newest spelling first, or in words."""
        if not self.keys:
            return self.origin
        file = formats.PERCENTILE if self.metric else formats.SUMMARY
        keys = (f"`{key}`{' / 1000' if formats.divisor(key) != 1 else ''}" for key in self.keys)
        return f"{file}: {' or '.join(keys)}{f', else {self.origin}' if self.origin else ''}"

    def described(self, metrics: str = "reported") -> dict[str, str]:
        """What is documented of the column: unit, description, source and definition, under these names.

        Args:
            metrics: the setting that the table was made with.
        """
        if metrics == "recomputed" and self.name in PERFORMANCE:
            source = formats.DATABASE if self.recomputed else ""
            definition = self.recomputed or "not derivable from the request rows: always empty"
        else:
            source = self.source
            definition = f"as evalscope reported it; changed in {self.breaks}" if self.breaks else self.description
        return {"unit": self.unit, "description": self.description, "source": source, "definition": definition}

    @property
    def breaks(self) -> str:
        """The releases that changed what evalscope reports here, empty if none did."""
        own = [definition for definition in formats.DEFINITIONS if definition.covers(self.name, self.metric)]
        changes = [(b.release, b.change) for definition in own for b in definition.breaks]
        changes.sort(key=lambda change: formats.release(change[0]))
        return "; ".join(f"{release}: {change}" for release, change in changes)


@dataclass(frozen=True)
class PercentileMetric:
    """A metric of `benchmark_percentile.json`: its name in `formats.PERCENTILE_KEYS`, the end of its columns' names,
    unit, meaning, and the values that are ranked when it is recomputed."""

    name: str
    suffix: str
    unit: str
    description: str
    recomputed: str


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
    PercentileMetric("latency", "latency_", "s", "latency of a request", "latency"),
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
    PercentileMetric("input_tokens", "input_tokens", "tokens", "input tokens of a request", "prompt_tokens"),
    PercentileMetric("output_tokens", "output_tokens", "tokens", "output tokens of a request", "completion_tokens"),
    PercentileMetric("decode", "decode_(tok/s)", "tok/s", "1 / time per output token of a request", f"1 / ({TPOT})"),
    PercentileMetric(
        "input", "input_(tok/s)", "tok/s", "input tokens / latency of a request", "prompt_tokens / latency"
    ),
)
"""The metrics that `columns: all` adds, as far as evalscope reports them."""


def _percentiles(percents: Sequence[int], metrics: Sequence[PercentileMetric]) -> Iterator[Column]:
    for percent in percents:
        name = {0: "minimum", 100: "maximum"}.get(percent, f"P{percent}")
        rank = {0: "smallest", 100: "largest"}.get(percent, f"the ceil(n * {percent} / 100)-th smallest of n")
        for metric in metrics:
            filled = percent in PERCENTS and metric in PERCENTILE_METRICS
            yield Column(
                f"{percent}p_{metric.suffix}",
                "float",
                metric.unit,
                f"{name} of the {metric.description}",
                f"{formats.DATABASE} by the release's own rule" if filled else "",
                f"{rank} values of {metric.recomputed}",
                percent,
                metric.name,
            )


_GPU_MEMORY = f"{formats.DATABASE}: `max_gpu_memory_cost`, none where all are 0"

STANDARD: tuple[Column, ...] = (
    Column(
        "timestamp",
        "text",
        "",
        "start of the test, local time of the client (YYYYMMDD_HHMMSS)",
        "the nearest folder above the run, or itself, that is named YYYYMMDD_HHMMSS",
    ),
    Column(
        "config",
        "text",
        "",
        "folders between the results tree and the timestamp",
        "path of the run; where it has none, args `alias`, `name`, the name folder, `model`",
    ),
    Column("model", "text", "", "model as given to evalscope", "args `model`"),
    Column("parallel", "integer", "requests", "concurrency; empty for an open loop", "args `parallel`"),
    Column(
        "prompt_length",
        "text",
        "",
        "`long`, `medium` or `short`: from the prompt, else from names",
        "args `prompt`, else a word in config's last component, else in the data set's file name",
    ),
    Column(
        "max_tokens", "integer", "tokens", "limit of output tokens (of a range, the upper bound)", "args `max_tokens`"
    ),
    Column("requests", "integer", "", "requests that finished"),
    Column(
        "time_taken",
        "float",
        "s",
        "duration of the test",
        recomputed="latest completed_time - earliest start_time, each of all requests, failed ones too, without 0",
    ),
    Column(
        "output_throughput",
        "float",
        "tok/s",
        "output tokens of all requests / duration",
        recomputed="sum of completion_tokens / time_taken",
    ),
    Column(
        "total_throughput",
        "float",
        "tok/s",
        "input and output tokens of all requests / duration",
        "(input_tokens + output_tokens) * succeeded / time_taken (up to 0.13.2)",
        recomputed="sum of prompt_tokens and completion_tokens / time_taken",
    ),
    Column(
        "request_throughput",
        "float",
        "req/s",
        "successful requests / duration",
        recomputed="number of successful requests / time_taken",
    ),
    Column("latency", "float", "s", "mean latency of a request", recomputed="mean of latency"),
    Column(
        "ttft",
        "float",
        "s",
        "mean time to first token (TTFT)",
        recomputed="mean of first_chunk_latency of streamed requests, without 0",
    ),
    Column("token_latency", "float", "s", "mean time per output token (TPOT)", recomputed=f"mean of {TPOT}"),
    Column(
        "inter_token_latency",
        "float",
        "s",
        "mean inter-token latency (ITL)",
        recomputed="mean of all intervals between chunks, of all requests",
    ),
    Column("input_tokens", "float", "tokens", "mean input tokens of a request", recomputed="mean of prompt_tokens"),
    Column(
        "output_tokens", "float", "tokens", "mean output tokens of a request", recomputed="mean of completion_tokens"
    ),
    Column(
        "avg_gpu_memory", "float", "GiB", "mean peak GPU memory of the client process (local models only)", _GPU_MEMORY
    ),
    Column("max_gpu_memory", "float", "GiB", "largest peak GPU memory of the client process", _GPU_MEMORY),
    Column("min_gpu_memory", "float", "GiB", "smallest peak GPU memory of the client process", _GPU_MEMORY),
    *_percentiles(PERCENTS, PERCENTILE_METRICS),
    Column("name", "text", "", "`--alias`, else `--name`", "args `alias`, else `name`"),
    Column(
        "number", "integer", "requests", "requests asked for (multi-turn from 1.7.0: conversations)", "args `number`"
    ),
    Column("rate", "float", "req/s", "request rate asked for; empty if unlimited", "args `rate`"),
    Column("max_tokens_low", "integer", "tokens", "lower bound where `max_tokens` is a range", "args `max_tokens`"),
    Column("min_tokens", "integer", "tokens", "lower limit of output tokens", "args `dataset_args`, else `min_tokens`"),
    Column("api", "text", "", "evalscope's API plugin", "args `api`"),
    Column("dataset", "text", "", "evalscope's dataset plugin", "args `dataset`"),
    Column("dataset_file", "text", "", "last component of the dataset's path", "args `dataset_path`"),
    Column(
        "min_prompt_length",
        "integer",
        "tokens",
        "lower limit of the prompt (characters without a tokenizer)",
        "args `dataset_args`, else `min_prompt_length`",
    ),
    Column(
        "max_prompt_length",
        "integer",
        "tokens",
        "upper limit of the prompt (characters without a tokenizer)",
        "args `dataset_args`, else `max_prompt_length`; none from 131072 on",
    ),
    Column(
        "prefix_length",
        "integer",
        "tokens",
        "length of the common prefix of random prompts",
        "args `dataset_args`, else `prefix_length`",
    ),
    Column("stream", "boolean", "", "whether replies were streamed", "args `stream`: true where it says so"),
    Column("succeeded", "integer", "", "requests that succeeded"),
    Column("failed", "integer", "", "requests that failed"),
    Column("stream_requests", "integer", "", "requests that asked for streaming, failed ones too"),
    Column("non_stream_requests", "integer", "", "requests that did not, failed ones too"),
    Column(
        "input_throughput",
        "float",
        "tok/s",
        "input tokens of all requests / summed latency (input-only APIs; recomputed: all runs, / duration)",
        recomputed="sum of prompt_tokens / time_taken",
    ),
    Column("turns", "float", "", "mean turns of a request (multi-turn)"),
    Column("cache_hit_rate", "float", "%", "share of input tokens served from the KV cache"),
    Column("first_turn_ttft", "float", "s", "mean TTFT of first turns"),
    Column("subsequent_turn_ttft", "float", "s", "mean TTFT of later turns"),
    Column("decoded_tokens_per_iter", "float", "tokens", "mean tokens of a decoding step (speculative decoding)"),
    Column("spec_accept_rate", "float", "", "acceptance rate of speculative decoding (0 to 1)"),
    Column("steady_itl", "float", "s", "mean ITL after the hand-over from prefill to decode"),
    Column("pd_handoff_latency", "float", "s", "mean latency of the hand-over from prefill to decode"),
    Column("pd_handoff_overhead", "float", "s", "mean of what the hand-over takes beyond a steady interval"),
    Column(
        "evalscope_at_least",
        "text",
        "",
        "lowest evalscope release that can have written the run",
        "the keys, fields and columns that the run's files have",
    ),
    Column(
        "evalscope_below",
        "text",
        "",
        "lowest later release that can't have; empty: none known",
        "the keys, fields and columns that the run's files lack",
    ),
    Column("run", "text", "", "path of the run folder below the results tree", "path of the folder"),
)

FURTHER: tuple[Column, ...] = (
    *_percentiles(FURTHER_PERCENTS, PERCENTILE_METRICS),
    *_percentiles((1, 5, *PERCENTS, 0, 100), FURTHER_METRICS),
)

BY_NAME = {column.name: column for column in (*STANDARD, *FURTHER)}

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
)
"""The label columns that runs can be grouped by, in the default order of `group_by`."""

COUNT = Column("count", "integer", "", "number of runs in the group", "summary_raw: its rows")
SUCCESS_SHARE = Column(
    "success_share",
    "float",
    "",
    "requests that succeeded / requests, of all runs of the group (0 to 1)",
    "summary_raw: succeeded, requests",
)

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


PERFORMANCE = frozenset(
    column.name
    for column in BY_NAME.values()
    if column.keys and column.type == "float" and column.name not in GROUP_LABELS
)
"""The columns that `metrics: recomputed` takes from the request rows, or leaves empty."""

STATISTIC_MEANINGS: Mapping[str, tuple[str, bool]] = {
    # statistic → meaning, whether it has the unit of its metric
    "avg": ("mean of the runs' values", True),
    "std": ("sample standard deviation (n - 1), empty below two values", True),
    "min": ("smallest value", True),
    "max": ("largest value", True),
    "median": ("median", True),
    "cv": ("coefficient of variation: std / avg, empty below two values or where avg is 0", False),
    "ci95": ("half the width of the 95 % confidence interval of the mean (Student t), empty below two values", True),
}
STATISTICS = tuple(STATISTIC_MEANINGS)
"""The values of the setting `statistics`."""


def raw_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_raw`, in order.

    Args:
        settings: `columns` (`standard`: 109, `all`: 189) and `label_pattern` (its columns stand after `run`).
    """
    added = pattern_columns(settings["label_pattern"])
    return (*STANDARD, *added, *(FURTHER if settings["columns"] == "all" else ()))


def pattern_columns(pattern: str) -> tuple[Column, ...]:
    """The columns that a `label_pattern` adds."""
    origin = f"path of the run: `{pattern}`"
    return tuple(Column(name, "text", "", f"`{name}` of label_pattern", origin) for name in patterns.names(pattern))


def metric_columns(which: str) -> tuple[Column, ...]:
    """The columns of `summary_raw` that `summary_stats` has statistics of, in its order."""
    standard = [c.name for c in STANDARD if c.metric]
    further = [c.name for c in FURTHER] if which == "all" else []
    return tuple(BY_NAME[name] for name in (*_FIRST_METRICS, *standard, *_LAST_METRICS, *further))


def stats_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_stats`, in order; all statistics are floats.

    Args:
        settings: `columns`, `label_pattern`, and `statistics` (of each metric, in this order).
    """
    columns = []
    for name in STATS_HEAD:
        columns.append(BY_NAME.get(name) or COUNT)
    for metric in metric_columns(settings["columns"]):
        columns += [statistic_column(metric, statistic) for statistic in settings["statistics"]]
    return (*columns, *(BY_NAME[name] for name in STATS_TAIL), *pattern_columns(settings["label_pattern"]))


def statistic_column(metric: Column, statistic: str) -> Column:
    """The column of `summary_stats` with a statistic of a metric."""
    meaning, has_unit = STATISTIC_MEANINGS[statistic]
    note = "; a mean of percentiles, not the percentile of all requests" if metric.metric and statistic == "avg" else ""
    return Column(
        f"{metric.name}_{statistic}",
        "float",
        metric.unit if has_unit else "",
        f"{meaning}: {metric.description}{note}",
        f"summary_raw: {metric.name}",
    )


TABLES = {"raw": raw_columns, "stats": stats_columns}
"""Table → its columns, for the settings that they depend on."""

FORMATS = ("csv", "json", "parquet", "xlsx")
"""The formats of the tables."""

COLUMN_SETTINGS = ("columns", "label_pattern", "statistics")
"""The settings that the columns of the tables depend on."""

MERGE_SETTINGS = ("metrics", "fill_percentiles", "prompt_long_chars", "label_pattern")
"""The settings that the rows of `summary_raw` depend on."""

GROUP_SETTINGS = ("group_by", "repeat_pattern", "label_pattern")
"""The settings that groups of runs depend on."""


def label_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns that runs can be grouped by: those of every table, and those of `label_pattern`."""
    return (*(BY_NAME[name] for name in GROUP_LABELS), *pattern_columns(settings["label_pattern"]))


def label_names(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of `label_columns`."""
    return tuple(column.name for column in label_columns(settings))


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
