"""What `evalscope perf` writes, release by release: the one home of this knowledge.

Everything here is data, or a few lines that pick from the data. Supporting a new evalscope release means adding
rows here (a mark in `ARGS_MARKS`, new key spellings in `SUMMARY_KEYS` or `PERCENTILE_KEYS`) and a fixture in
`tests/fixtures/runs`. Nothing in a result folder names the release that wrote it, so everything is recognised
by the keys and columns that are there.
"""

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..releases import Window

# --- files and folders -----------------------------------------------------------------------------------------

SUMMARY = "benchmark_summary.json"
ARGS = "benchmark_args.json"
PERCENTILE = "benchmark_percentile.json"
DATABASE = "benchmark_data.db"
JOURNAL = DATABASE + "-journal"  # left behind by a killed run, or of a run that goes on (rollback journal, >= 1.1.1)
WAL = DATABASE + "-wal"

RUN_FILES = (SUMMARY, ARGS, DATABASE)
"""A folder that holds any of these is a run."""

REQUIRED_FILES = (SUMMARY, ARGS)
"""A run without one of these is incomplete: evalscope writes args and summary last but for the percentiles."""

SOURCE_FILES = (SUMMARY, ARGS, PERCENTILE, DATABASE, JOURNAL, WAL)
"""The files that a record is made from, so their sizes and times are a run's signature."""

SOURCES = frozenset(SOURCE_FILES)

LOG = "benchmark.log"  # in the parent of the levels, or beside a single run (>= 0.8.0)
AGENTX = "agentx_summary.json"  # AgentX scenarios (>= 1.12.0) have no benchmark_* files

_OTHER_FILES = "agentx_sweep_summary progress sla_summary speed_benchmark trace_summary workload_throughput"
KNOWN_FILES = SOURCES | {AGENTX, *(f"{name}.json" for name in (*_OTHER_FILES.split(), "workload_timeline"))}
"""What evalscope writes: no file of another tool is called so."""

FOREIGN_FOLDERS = frozenset({"wandb", "swanlab"})
"""Folders of other tools inside a results tree, not entered (hidden folders are not entered either)."""

AGENTX_FOLDER = "aiperf"
"""The folder of an AgentX level that is the run of another tool which the level is made of."""

TIMESTAMP = re.compile(r"[0-9]{8}_[0-9]{6}")
LEVEL = re.compile(
    r"(?:parallel_-?[0-9]+|rate_-?[0-9]+(?:\.[0-9]+)?)_number_[0-9]+"
    r"|sla_(?:parallel|rate)_-?[0-9]+(?:\.[0-9]+)?_run_[0-9]+"
)
SLA_FOLDER = "sla_tuning"
_REPLACED_IN_NAMES = re.compile(r'[<>:"|?*]')


def is_timestamp(folder: str) -> bool:
    """Whether a folder name is evalscope's `YYYYMMDD_HHMMSS` (naive local time of the client)."""
    return TIMESTAMP.fullmatch(folder) is not None


def is_level(folder: str) -> bool:
    """Whether a folder name is that of one load level: of a sweep, of an open loop, or of SLA auto-tuning."""
    return LEVEL.fullmatch(folder) is not None


def folders_of_name(name: str) -> tuple[str, ...]:
    """The folder names that `--name` makes: one, or several where a `/` nests (0.13.1 to 1.5.2)."""
    return tuple(part for part in _REPLACED_IN_NAMES.sub("_", name).split("/") if part)


# --- benchmark_summary.json ------------------------------------------------------------------------------------

WALL_S1 = "Time taken for tests (senconds)"  # (sic) 0.7.0 and 0.8.0
RESULT_DB = "Result DB path"  # up to 0.15.1
STREAM_REQUESTS = "Stream Requests"  # from 1.10.0
EMBEDDING_INPUT = "Input token throughput (tok/s)"  # from 1.4.2
NOT_APPLICABLE = "Not Applicable Metrics"  # list of key names, decision APIs from 1.14.0

SUMMARY_KEYS: Mapping[str, tuple[str, ...]] = {
    # column: every spelling so far, newest first; a key that ends in "(ms)" holds milliseconds
    "time_taken": ("Test Duration (s)", "Time taken for tests (s)", WALL_S1),
    "parallel": ("Concurrency", "Number of concurrency"),
    "rate": ("Request Rate (req/s)", "Request rate (req/s)"),
    "requests": ("Total Requests", "Total requests"),
    "succeeded": ("Success Requests", "Succeed requests"),
    "failed": ("Failed Requests", "Failed requests"),
    "stream_requests": (STREAM_REQUESTS,),
    "non_stream_requests": ("Non-Stream Requests",),
    "output_throughput": (
        "Output Throughput (tok/s)",
        "Output token throughput (tok/s)",
        "Throughput(average tokens/s)",  # 0.8.1 to 0.13.2: sounds like the total, is output only
        "Throughput(average output tokens per second)",
    ),
    "total_throughput": ("Total Throughput (tok/s)", "Total token throughput (tok/s)"),
    "request_throughput": ("Req Throughput (req/s)", "Request throughput (req/s)", "Average QPS"),
    "input_throughput": ("Input Throughput (tok/s)", EMBEDDING_INPUT),
    "latency": ("Avg Latency (s)", "Average latency (s)"),
    "ttft": ("Avg TTFT (ms)", "TTFT (ms)", "Average time to first token (s)"),
    "token_latency": ("Avg TPOT (ms)", "TPOT (ms)", "Average time per output token (s)"),
    "inter_token_latency": (
        "Avg ITL (ms)",
        "ITL (ms)",
        "Average inter-token latency (s)",
        "Average package latency (s)",
    ),
    "input_tokens": ("Avg Input Tokens", "Average input tokens per request"),
    "output_tokens": ("Avg Output Tokens", "Average output tokens per request"),
    "turns": ("Avg Turns/Request", "Average input turns per request"),
    "cache_hit_rate": ("KV Cache Hit Rate (%)", "Average approx KV cache hit rate (%)"),
    "first_turn_ttft": ("Avg First-Turn TTFT (ms)", "First-Turn TTFT (ms)"),
    "subsequent_turn_ttft": ("Avg Subsequent-Turn TTFT (ms)", "Subsequent-Turn TTFT (ms)"),
    "decoded_tokens_per_iter": (
        "Avg Decoded Tok/Iter",
        "Decoded Tok/Iter",
        "Average decoded tokens per iter (tok/iter)",
    ),
    "spec_accept_rate": ("Spec. Accept Rate", "Approx speculative decoding acceptance rate"),
    "steady_itl": ("Avg Steady ITL (ms)",),
    "pd_handoff_latency": ("Avg PD Handoff Latency (ms)",),
    "pd_handoff_overhead": ("Avg PD Handoff Overhead (ms)",),
}

# --- benchmark_percentile.json ---------------------------------------------------------------------------------

PERCENTILE_LABELS = ("Percentiles", "Percentile")  # the key of a row's label: from 0.16.0, before

ITL_SECONDS = "ITL (s)"  # 0.14.0 to 1.6.1
TPOT_SECONDS = "TPOT (s)"  # 0.8.1 to 0.13.2 (where it holds ITL values), 0.15.0 to 1.6.1
OUTPUT_P4 = "Output throughput(tok/s)"  # 0.15.0 and 0.15.1

PERCENTILE_KEYS: Mapping[str, tuple[str, ...]] = {
    "ttft": ("TTFT (ms)", "TTFT (s)", "First Chunk Latency (s)"),
    "itl": ("ITL (ms)", ITL_SECONDS),
    "tpot": ("TPOT (ms)", TPOT_SECONDS),
    "latency": ("Latency (s)",),
    "output": ("Output (tok/s)", OUTPUT_P4, "Throughput(tokens/s)"),
    "total": ("Total (tok/s)", "Total throughput(tok/s)"),
    "input_tokens": ("Input tokens",),
    "output_tokens": ("Output tokens",),
    "decode": ("Decode (tok/s)",),
    "input": ("Input (tok/s)",),
}


_PERCENTS = {"min": 0, "max": 100} | {f"{percent}%": percent for percent in range(100)}


def percentile_label(text: Any) -> int | None:
    """The percentile that a row's label names (`"25%"` → 25, `min` → 0, `max` → 100), or None."""
    return _PERCENTS.get(text) if isinstance(text, str) else None


def first_key(keys: Iterable[str], content: Container[str]) -> str | None:
    """The first of several spellings of a key that is there."""
    for key in keys:
        if key in content:
            return key
    return None


def percentile_key(metric: str, row: Container[str]) -> str | None:
    """The key under which a percentile row with these keys holds `metric`, or None.

    From 0.8.1 to 0.13.2 `TPOT (s)` holds inter-token latencies; those releases have no `ITL (s)` beside it.
    """
    if TPOT_SECONDS in row and ITL_SECONDS not in row and metric in ("itl", "tpot"):
        return TPOT_SECONDS if metric == "itl" else None
    return first_key(PERCENTILE_KEYS[metric], row)


def divisor(key: str) -> float:
    """What a value under this key is divided by to be in the column's unit: 1000 for milliseconds, else 1."""
    return 1000.0 if key.endswith("(ms)") else 1.0


# --- benchmark_data.db -----------------------------------------------------------------------------------------

SUCCEEDED = "success IN (1, 'True')"  # the text in releases up to 0.6.1

INTERVALS = ("inter_token_latencies", "chunk_times")
"""The column with the times between chunks of a reply, from 1.1.1 on; before, the times of the chunks themselves."""

TPOT_COLUMN = "time_per_output_token"
"""TPOT of a request, from 0.17.1 on; before, releases ranked `chunk_time` / `completion_tokens`."""

# --- sentinels and values that do not apply --------------------------------------------------------------------

ZERO_IS_NOT_APPLICABLE = frozenset(
    {
        "ttft",
        "token_latency",
        "inter_token_latency",
        "first_turn_ttft",
        "subsequent_turn_ttft",
        "steady_itl",
    }
)
"""Averages for which evalscope writes 0 when there was nothing to average."""

ZERO_PERCENTILE_IS_NOT_APPLICABLE = frozenset({"ttft", "tpot"})

UNLIMITED = -1  # concurrency of an open loop, request rate without a limit

PROMPT_LENGTH_UNLIMITED = 131072
"""`max_prompt_length` from here on means "no limit" (up to 1.5.x the default was 2**63 - 1)."""


_SENTINELS, _SENTINELS_MS = (-1,), (-1, -1000)  # -1000: -1 that was multiplied to milliseconds, from 1.7.0 on


def sentinels(key: str) -> tuple[int, ...]:
    """The numbers under a key that stand for "no value"."""
    return _SENTINELS_MS if key.endswith("(ms)") else _SENTINELS


def is_input_only(api: Any) -> bool:
    """Whether runs of this API read input and generate nothing, so that generation metrics don't apply."""
    return isinstance(api, str) and ("embedding" in api or "rerank" in api or api in ("systemone", "autotrust"))


def zero_is_not_applicable(column: str, input_only: bool, succeeded: bool) -> bool:
    """Whether 0 stands for "no value" in the summary; as a duration from 1.1.1 to 1.11.0, if no request succeeded."""
    if column == "time_taken":
        return not succeeded
    return column in ZERO_IS_NOT_APPLICABLE or (column == "input_throughput" and not input_only)


# --- which release wrote this? ---------------------------------------------------------------------------------

FIRST_RELEASE = "0.7.0"
"""The first release that writes JSON files; older ones leave only a database and are not looked for."""

ARGS_MARKS: tuple[tuple[str, str], ...] = (
    # a field of benchmark_args.json, the release that added it; no field was ever removed. Newest first.
    ("alias", "1.14.1"),
    ("prefix_count", "1.14.0"),
    ("enable_pd_metrics", "1.12.0"),
    ("dataset_args", "1.9.1"),
    ("data_source", "1.9.0"),
    ("duration", "1.8.0"),
    ("warmup_num", "1.7.1"),
    ("open_loop", "1.7.0"),
    ("multi_turn", "1.6.1"),
    ("sla_fixed_parallel", "1.6.0"),
    ("sla_number_multiplier", "1.5.1"),
    ("enable_progress_tracker", "1.5.0"),
    ("sla_auto_tune", "1.4.1"),
    ("no_timestamp", "1.4.0"),
    ("total_timeout", "1.3.0"),
    ("db_commit_interval", "1.1.1"),
    ("image_patch_size", "1.0.2"),
    ("sleep_interval", "0.17.1"),
    ("repetition_penalty", "0.16.2"),
    ("swanlab_api_key", "0.14.0"),
    ("extra_args", "0.13.2"),
    ("no_test_connection", "0.13.1"),
    ("top_k", "0.12.0"),
    ("outputs_dir", "0.8.0"),
)


@dataclass(frozen=True)
class Evidence:
    """What a run's files show of the release that wrote them.

    Attributes:
        args: content of `benchmark_args.json`.
        summary: content of `benchmark_summary.json`.
        percentile_rows: the row objects of `benchmark_percentile.json`; empty if there is no such file.
        database_columns: column names of table `result`; empty if the database could not be read.
        failed_without_end: a failed request has `completed_time` 0.0.
    """

    args: Mapping[str, Any]
    summary: Mapping[str, Any]
    percentile_rows: Sequence[Mapping[str, Any]] = ()
    database_columns: Container[str] = ()
    failed_without_end: bool = False

    @property
    def row(self) -> Mapping[str, Any]:
        """A row of the percentile file: all have the same keys."""
        return self.percentile_rows[0] if self.percentile_rows else {}

    @property
    def has_streams(self) -> bool:
        """It says which requests were streamed."""
        return "is_stream" in self.database_columns or STREAM_REQUESTS in self.summary

    @property
    def has_four_decimals(self) -> bool | None:
        """A percentile has more than two decimals; None without any (a run without a success has only NaN)."""
        numbers = [v for row in self.percentile_rows for v in row.values() if isinstance(v, float) and math.isfinite(v)]
        return any(round(number, 2) != number for number in numbers) if numbers else None


SIGNS: tuple[tuple[str, str, Callable[[Evidence], bool | None]], ...] = (
    # Where args marks leave a gap, among the runs from the first release on: the second one or later has this sign
    # (True), earlier ones show that they are earlier (False), or it can't be told (None).
    ("0.8.0", "0.8.1", lambda e: WALL_S1 not in e.summary),
    ("0.14.0", "0.16.0", lambda e: RESULT_DB not in e.summary),
    (
        "0.14.0",
        "0.15.0",
        lambda e: (
            (RESULT_DB in e.summary or None)
            and (OUTPUT_P4 in e.row or (False if ITL_SECONDS in e.row and TPOT_SECONDS not in e.row else None))
        ),
    ),
    ("1.4.1", "1.4.2", lambda e: EMBEDDING_INPUT in e.summary or None),
    ("1.9.1", "1.10.0", lambda e: e.has_streams),
    ("1.9.1", "1.11.1", lambda e: False if e.has_streams and e.failed_without_end else None),
    ("1.12.0", "1.13.0", lambda e: e.has_four_decimals),
)


def window(evidence: Evidence) -> Window:
    """The releases that can have written a run, from its files alone: by the newest of `ARGS_MARKS`, and `SIGNS`."""
    newest = next((i for i, mark in enumerate(ARGS_MARKS) if mark[0] in evidence.args), len(ARGS_MARKS))
    at_least = ARGS_MARKS[newest][1] if newest < len(ARGS_MARKS) else FIRST_RELEASE
    releases = Window(at_least, ARGS_MARKS[newest - 1][1] if newest else None)
    for first, bound, is_since in SIGNS:
        if first == at_least:
            since = is_since(evidence)
            if since:
                releases.written_since(bound)
            elif since is not None:
                releases.written_before(bound)
    return releases


WRONG_THROUGHPUT = ("1.1.1", "1.3.0")
_RIGHT_THROUGHPUT = "1.4.0"
"""From the first to the last of two releases, throughputs are divided by the time of another result; then no more."""


def throughput_is_wrong(window: Window) -> bool:
    """Whether the run's throughputs are those of `WRONG_THROUGHPUT`."""
    return window.certainly_since(WRONG_THROUGHPUT[0]) and window.certainly_before(_RIGHT_THROUGHPUT)


# --- percentiles, as each release computed them from its request rows --------------------------------------------


@dataclass(frozen=True)
class PercentileRule:
    """How a release computed percentiles (it interpolated in none).

    Attributes:
        since: the first release that did so.
        nearest: by nearest rank, else by the floor of `count * percent / 100`, one rank too high.
        scale: what seconds of TTFT, ITL and TPOT are multiplied by.
        decimals: to which it rounded, in the unit of its file.
        without_nan: it left NaN out; else it sorted NaN with the other values, so that what it reports of a metric
            that has one depends on the order of the requests.
        without_one_token: replies of one token have no TPOT; else theirs is 0.
    """

    since: str
    nearest: bool
    scale: float
    decimals: int
    without_nan: bool = False
    without_one_token: bool = False


PERCENTILE_RULES = (
    PercentileRule(FIRST_RELEASE, nearest=False, scale=1.0, decimals=4),
    PercentileRule("1.7.0", nearest=False, scale=1000.0, decimals=2),
    PercentileRule("1.11.1", nearest=True, scale=1000.0, decimals=2),
    PercentileRule("1.13.0", nearest=True, scale=1000.0, decimals=4, without_nan=True, without_one_token=True),
)
"""Oldest first."""

NEAREST_RANK_SINCE = next(rule.since for rule in PERCENTILE_RULES if rule.nearest)

RANK_TELLS_FROM = "1.10.0"
"""Runs that can have been written by this release or a later one: there the rank rule may tell which."""

SCALED = frozenset({"ttft", "itl", "tpot"})
"""The metrics that `PercentileRule.scale` is of."""

STREAMED_ONLY = ("ttft", "tpot", "decode")
"""The metrics that releases with a column `is_stream` rank over the streamed requests, if there are any."""


def percentile_rule(window: Window) -> PercentileRule:
    """The rule of the latest release that has certainly come when the run was written."""
    return next(rule for rule in reversed(PERCENTILE_RULES) if window.certainly_since(rule.since))


def rank(count: int, percent: int, nearest: bool) -> int:
    """The index of a percentile in an ascending list of `count` values, by nearest rank or by floor."""
    if percent >= 100:
        return count - 1
    return max(0, math.ceil(count * percent / 100) - 1) if nearest else int(count * percent / 100)
