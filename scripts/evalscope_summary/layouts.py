"""The columns of each table, in order, and the settings that they depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from . import patterns
from .columns import AT_LEAST, BY_NAME, FURTHER, GROUP_LABELS, PERCENTILE_COLUMNS, SLO, STANDARD, Column
from .comparison import COMPARE_MEASURE

COUNT = Column("count", "integer", "", "number of runs in the group", "count", origin="summary_raw: its rows")
SUCCESS_SHARE = Column(
    "success_share",
    "float",
    "",
    "requests that succeeded / requests, of all runs of the group (0 to 1)",
    "statistic",
    origin="summary_raw: succeeded, requests",
)
PROBLEM_COUNT = Column(
    "problems",
    "integer",
    "",
    "rows of summary_problems about runs of the group",
    "count",
    origin="summary_problems: run",
)

STATS_HEAD = ("config", COUNT.name, "model", "parallel", "prompt_length", "max_tokens")
_STATS_TAIL = tuple(
    label for label in dict.fromkeys(("rate", "number", "name", *GROUP_LABELS)) if label not in STATS_HEAD
)

_STATS_METRICS = (
    # in the order of summary_stats
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
    *(column.name for column in STANDARD if column.metric),
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

OVERVIEW_AVERAGES: Mapping[str, str] = {
    # column of summary_raw → what the overview in Markdown and on a terminal calls it
    "request_throughput": "requests/s",
    "output_throughput": "output tok/s",
    "latency": "latency (s)",
    "ttft": "TTFT (s)",
    "token_latency": "TPOT (s)",
    "inter_token_latency": "ITL (s)",
}
OVERVIEW_PERCENTILES: Mapping[str, str] = {
    PERCENTILE_COLUMNS[percent, metric]: f"P{percent} {heading} (s)"
    for metric, heading in {"latency": "latency", "ttft": "TTFT", "tpot": "TPOT", "itl": "ITL"}.items()
    for percent in (50, 99)
}
OVERVIEW_SLO: Mapping[str, str] = {"slo_share": "in SLO", "goodput": "goodput (req/s)"}
"""As `OVERVIEW_AVERAGES`, with the setting `slo`."""

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
_NO_BOUNDS: Mapping[str, float] = MappingProxyType({})

OF_ONE = frozenset({"avg", "min", "max", "median"})
"""The statistics that one value has: itself."""

STATISTICS = tuple(STATISTIC_MEANINGS)
"""The values of the setting `statistics`."""


def raw_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_raw`, in order.

    Args:
        settings: `columns` (`standard`: 111, `all`: 191), `ADDED_SETTINGS` (their columns stand after those), and `slo`
            (its columns are the last metrics of the 111).
    """
    end = STANDARD.index(BY_NAME[AT_LEAST])
    further = FURTHER if settings["columns"] == "all" else ()
    added = added_columns(settings)
    return (*STANDARD[:end], *slo_columns(settings["slo"]), *STANDARD[end:], *added, *further)


def slo_columns(slo: Mapping[str, float]) -> tuple[Column, ...]:
    """The columns that `slo` adds, if it names a bound: what they mean depends on the bounds."""
    bounds = ", ".join(f"{name} ≤ {bound:g} s" for name, bound in slo.items())
    return tuple(replace(column, origin=f"the request rows: {bounds}") for column in SLO) if slo else ()


def added_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of labels that users add, in order: those of `label_pattern`, and the others of labels files.

    Args:
        settings: `ADDED_SETTINGS`.
    """
    pattern, file, in_files = settings["label_pattern"], settings["labels_file"], settings["labels"]
    of_pattern = patterns.names(pattern)
    path = f"path of the run: `{pattern}`"
    return (
        *(
            Column(
                name,
                "text",
                "",
                f"`{name}` of label_pattern",
                "label",
                origin=f"{path}; else {file}: {name}" if name in in_files else path,
            )
            for name in of_pattern
        ),
        *(
            Column(name, "text", "", f"`{name}` of labels_file", "label", origin=f"{file}: {name}")
            for name in in_files
            if name not in of_pattern
        ),
    )


NONE_ADDED: Mapping[str, Any] = {"label_pattern": "", "labels_file": "", "labels": ()}
"""`ADDED_SETTINGS` where there are no such columns."""


def metric_columns(which: str, slo: Mapping[str, float] = _NO_BOUNDS) -> tuple[Column, ...]:
    """The columns of `summary_raw` that `summary_stats` has statistics of, in its order.

    Args:
        which: the setting `columns`.
        slo: the setting.
    """
    return (*(BY_NAME[name] for name in _STATS_METRICS), *(FURTHER if which == "all" else ()), *slo_columns(slo))


def stats_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_stats`, in order; all statistics are floats.

    Args:
        settings: `columns`, `ADDED_SETTINGS`, `slo`, and `statistics` (of each metric, in this order).
    """
    return (
        *(BY_NAME.get(name) or COUNT for name in STATS_HEAD),
        *(
            statistic_column(metric, statistic)
            for metric in metric_columns(settings["columns"], settings["slo"])
            for statistic in settings["statistics"]
        ),
        *(BY_NAME[name] for name in _STATS_TAIL),
        *added_columns(settings),
    )


def statistic_column(metric: Column, statistic: str) -> Column:
    """The column of `summary_stats` with a statistic of a metric."""
    meaning, has_unit = STATISTIC_MEANINGS[statistic]
    note = "; a mean of percentiles, not the percentile of all requests" if metric.metric and statistic == "avg" else ""
    return Column(
        f"{metric.name}_{statistic}",
        "float",
        metric.unit if has_unit else "",
        f"{meaning}: {metric.description}{note}",
        "statistic",
        statistic=statistic,
        of=metric.name,
        origin=f"summary_raw: {metric.name}",
    )


def overview_layout(labels_shown: Sequence[str], settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_overview`, in order.

    Args:
        labels_shown: those that vary.
        settings: `ADDED_SETTINGS` and `slo`.
    """
    by_name = BY_NAME | {column.name: column for column in added_columns(settings)}
    return (
        *(by_name[name] for name in labels_shown),
        COUNT,
        SUCCESS_SHARE,
        *(statistic_column(BY_NAME[name], statistic) for name in OVERVIEW_AVERAGES for statistic in ("avg", "std")),
        *(statistic_column(BY_NAME[name], "avg") for name in OVERVIEW_PERCENTILES),
        *(
            statistic_column(column, statistic)
            for column in slo_columns(settings["slo"])
            for statistic in ("avg", "std")
        ),
        PROBLEM_COUNT,
    )


_LONG_METRICS = {
    # of percentiles: name of the metric → as summary_long calls it, where the mean of it has another name, or none
    "itl": "inter_token_latency",
    "tpot": "token_latency",
    "output": "output_speed",
    "total": "total_speed",
    "decode": "decode_speed",
    "input": "input_speed",
}
_LONG_STATISTICS = {
    # of columns that are no percentile, and no value of the whole run
    **{
        f"{which}_gpu_memory": ("gpu_memory", name)
        for which, name in {"avg": "mean", "max": "max", "min": "min"}.items()
    },
    **{
        name: (name, "mean")
        for name in (
            *("latency", "ttft", "token_latency", "inter_token_latency", "input_tokens", "output_tokens", "turns"),
            *("first_turn_ttft", "subsequent_turn_ttft", "decoded_tokens_per_iter", "steady_itl"),
            *("pd_handoff_latency", "pd_handoff_overhead"),
        )
    },
}


def measured_columns(which: str, slo: Mapping[str, float] = _NO_BOUNDS) -> dict[str, tuple[str, str, str]]:
    """The columns of `summary_raw` that are no labels, in its order → their metric, statistic and unit in
    `summary_long`.

    Args:
        which: the setting `columns`.
        slo: the setting.
    """
    columns = raw_columns({"columns": which, **NONE_ADDED, "slo": slo})
    return {c.name: (*_measured(c), c.unit) for c in columns if c.role in ("count", "memory", "performance")}


def _measured(column: Column) -> tuple[str, str]:
    """A column's metric and statistic in `summary_long`."""
    if column.percent is None:
        return _LONG_STATISTICS.get(column.name, (column.name, "value"))
    statistic = {0: "min", 100: "max"}.get(column.percent, f"p{column.percent}")
    return _LONG_METRICS.get(column.metric, column.metric), statistic


LONG_MEASURE = (
    Column("metric", "text", "", "what was measured: `ttft`", "label", origin="summary_raw: the column's name"),
    Column(
        "statistic",
        "text",
        "",
        "of the run's requests `mean`, `p50`, `p99`, `min`, `max`; `value`: of the run as a whole",
        "label",
        origin="summary_raw: the column's name",
    ),
    Column("value", "float", "", "the cell of summary_raw, in `unit`", "statistic", origin="summary_raw: its cells"),
    Column(
        "unit", "text", "", "unit of `value`; empty for counts and shares", "label", origin="summary_raw: its columns"
    ),
)
"""The last columns of `summary_long`."""


def long_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_long`, in order: the run, its labels, and what was measured.

    Args:
        settings: `ADDED_SETTINGS`.
    """
    return (BY_NAME["run"], *label_columns(settings), *LONG_MEASURE)


def compare_labels(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels that runs have in common which are compared.

    Args:
        settings: `group_by` and `compare`.
    """
    return tuple(name for name in settings["group_by"] if name != settings["compare"].get("by"))


def compare_layout(labels: Sequence[str], settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of `summary_compare`, in order.

    Args:
        labels: of `compare_labels`.
        settings: what label columns depend on.
    """
    known = {column.name: column for column in label_columns(settings)}
    return (*(known[name] for name in labels), *COMPARE_MEASURE)


def compare_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """As `compare_layout`, by the settings alone."""
    return compare_layout(compare_labels(settings), settings)


PROBLEM_COLUMNS = tuple(
    Column(name, "text", "", description, "problem")
    for name, description in (
        ("severity", "`skipped` (the run is not in the table) or `warning` (it is, perhaps with empty cells)"),
        ("code", "what is wrong, one word of a fixed list"),
        ("run", "path of the folder below the results tree"),
        ("file", "name of the file in that folder, empty where no single file is meant"),
        ("message", "what was found and what to do"),
    )
)
"""The columns of `summary_problems`."""

_REQUEST = (
    Column("request", "integer", "", "its place in the order of starts, from 1", "count"),
    Column("start", "float", "s", "when it was sent, since the run's first start", "performance"),
    Column("latency", "float", "s", "from start to end", "performance"),
    Column("ttft", "float", "s", "time to first token; of streamed requests", "performance"),
    Column("token_latency", "float", "s", "time per output token (TPOT); of streamed requests", "performance"),
    Column("inter_token_latency", "float", "s", "mean of the intervals between its chunks", "performance"),
    Column("input_tokens", "float", "tokens", "tokens of the prompt", "performance"),
    Column("output_tokens", "float", "tokens", "tokens of the reply", "performance"),
    Column("succeeded", "boolean", "", "whether it succeeded; else it has no measured values", "count"),
    Column("stream", "boolean", "", "whether its reply was streamed", "label"),
)
REQUEST_MEASURES = tuple(column.name for column in _REQUEST[1:])
"""The columns of a request that are measured, in order."""


def request_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of the request table, in order: the run, its labels, and the request. `stream` is the request's own.

    Args:
        settings: `ADDED_SETTINGS`.
    """
    labels = (column for column in label_columns(settings) if column.name != "stream")
    measured = (replace(column, origin=f"the request rows: {_request_formula(column)}") for column in _REQUEST)
    return (BY_NAME["run"], *labels, *measured)


def _request_formula(column: Column) -> str:
    known = BY_NAME.get(column.name)
    return known.recomputed.removeprefix("mean of ") if known and known.recomputed else column.description


TABLES = {"raw": raw_columns, "stats": stats_columns, "long": long_columns, "compare": compare_columns}
"""Table → its columns, for the settings that they depend on."""

FORMATS = ("csv", "json", "parquet", "xlsx")
"""The formats of the tables."""

ADDED_SETTINGS = ("label_pattern", "labels_file", "labels")
"""The settings that columns are added by; `labels` are the names that are in the labels files (`folder_labels`)."""

COLUMN_SETTINGS = ("columns", *ADDED_SETTINGS, "statistics", "slo")
"""The settings that the columns of the tables depend on."""

MERGE_SETTINGS = ("metrics", "fill_percentiles", "prompt_long_chars", *ADDED_SETTINGS, "slo", "since", "until")
"""The settings that the rows of `summary_raw` depend on."""

REQUEST_SETTINGS = ("prompt_long_chars", *ADDED_SETTINGS)
"""The settings that the labels in the request table depend on."""

GROUP_SETTINGS = ("group_by", "repeat_pattern", *ADDED_SETTINGS)
"""The settings that groups of runs depend on."""


def label_columns(settings: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns that runs can be grouped by: those of every table, and those that users add."""
    return (*(BY_NAME[name] for name in GROUP_LABELS), *added_columns(settings))


def label_names(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of `label_columns`."""
    return tuple(column.name for column in label_columns(settings))


def taken_names() -> frozenset[str]:
    """The names of all columns of all tables that no user added."""
    shape = {"columns": "all", "statistics": STATISTICS, "group_by": GROUP_LABELS}
    settings = {**shape, **NONE_ADDED, "slo": {"latency": 1}, "compare": {}}
    tables = (*(columns(settings) for columns in TABLES.values()), request_columns(settings))
    return frozenset({column.name for table in tables for column in table} | {SUCCESS_SHARE.name, PROBLEM_COUNT.name})
