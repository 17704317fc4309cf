"""What `evalscope perf` writes, release by release: the one home of this knowledge.

Everything here is data, or a few lines that pick from the data. Supporting a new evalscope release means adding
rows here (a mark in `ARGS_MARKS`, new key spellings in `SUMMARY_KEYS` or `PERCENTILE_KEYS`) and a fixture in
`tests/fixtures/runs`. Nothing in a result folder names the release that wrote it, so everything is recognised
by the keys and columns that are there.
"""

import math
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

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

LOG = "benchmark.log"  # in the parent of the levels, or beside a single run (>= 0.8.0)
AGENTX = "agentx_summary.json"  # AgentX scenarios (>= 1.12.0) have no benchmark_* files

FOREIGN_FOLDERS = frozenset({"wandb", "swanlab", "aiperf"})
"""Folders of other tools inside a results tree, not entered (hidden folders are not entered either)."""

TIMESTAMP = re.compile(r"[0-9]{8}_[0-9]{6}")
LEVEL = re.compile(r"(?:parallel_-?[0-9]+|rate_-?[0-9]+(?:\.[0-9]+)?)_number_[0-9]+")
SLA_LEVEL = re.compile(r"sla_(?:parallel|rate)_-?[0-9]+(?:\.[0-9]+)?_run_[0-9]+")
SLA_FOLDER = "sla_tuning"
_REPLACED_IN_NAMES = re.compile(r'[<>:"|?*]')


def is_timestamp(folder: str) -> bool:
    """Whether a folder name is evalscope's `YYYYMMDD_HHMMSS` (naive local time of the client)."""
    return TIMESTAMP.fullmatch(folder) is not None


def is_level(folder: str) -> bool:
    """Whether a folder name is that of one load level: of a sweep, of an open loop, or of SLA auto-tuning."""
    return LEVEL.fullmatch(folder) is not None or SLA_LEVEL.fullmatch(folder) is not None


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


def is_sentinel(value: float, key: str) -> bool:
    """Whether a number stands for "no value": -1, or -1 that was multiplied to milliseconds (1.7.0 and later)."""
    return value == -1 or (value == -1000 and key.endswith("(ms)"))


def is_input_only(api: str | None) -> bool:
    """Whether runs of this API read input and generate nothing, so that generation metrics don't apply."""
    api = api or ""
    return "embedding" in api or "rerank" in api or api in ("systemone", "autotrust")


GENERATION_COLUMNS = frozenset(
    {
        "ttft",
        "token_latency",
        "inter_token_latency",
        "output_throughput",
        "total_throughput",
        "output_tokens",
        "first_turn_ttft",
        "subsequent_turn_ttft",
        "decoded_tokens_per_iter",
        "spec_accept_rate",
        "steady_itl",
        "pd_handoff_latency",
        "pd_handoff_overhead",
        "stream",
    }
)
"""Columns that stay empty in input-only runs (evalscope writes 0.0 there from 1.7.0 on)."""

GENERATION_PERCENTILES = frozenset({"ttft", "itl", "tpot", "output", "total", "output_tokens", "decode"})

# --- which release wrote this? ---------------------------------------------------------------------------------

Release = tuple[int, ...]


def release(text: str) -> Release:
    """`"1.10.0"` → (1, 10, 0), so that releases compare as numbers."""
    return tuple(int(part) for part in text.split("."))


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


@dataclass
class Window:
    """The releases that can have written a run: from `at_least` up to, not including, `below` (None: no bound)."""

    at_least: str
    below: str | None

    def written_since(self, bound: str) -> None:
        """Note that only `bound` and later can have written it."""
        if release(bound) > release(self.at_least):
            self.at_least = bound

    def written_before(self, bound: str) -> None:
        """Note that `bound` and later can't have written it."""
        if self.below is None or release(bound) < release(self.below):
            self.below = bound

    def certainly_since(self, bound: str) -> bool:
        """Whether the run was written by `bound` or later."""
        return release(self.at_least) >= release(bound)

    def certainly_before(self, bound: str) -> bool:
        """Whether the run was written before `bound`."""
        return self.below is not None and release(self.below) <= release(bound)


def window(
    args: Mapping[str, Any],
    summary: Mapping[str, Any],
    percentile_rows: Iterable[Mapping[str, Any]],
    database_columns: Iterable[str],
    failed_without_end: bool,
) -> Window:
    """The releases that can have written a run, from its files alone.

    Args:
        args: content of `benchmark_args.json`.
        summary: content of `benchmark_summary.json`.
        percentile_rows: the row objects of `benchmark_percentile.json`; empty if there is no such file.
        database_columns: column names of table `result`; empty if the database could not be read.
        failed_without_end: a failed request has `completed_time` 0.0.

    Source: the args marks, narrowed by the summary and percentile eras where marks leave a gap.
    """
    newest = next((i for i, mark in enumerate(ARGS_MARKS) if mark[0] in args), len(ARGS_MARKS))
    at_least = ARGS_MARKS[newest][1] if newest < len(ARGS_MARKS) else FIRST_RELEASE
    found = Window(at_least, ARGS_MARKS[newest - 1][1] if newest else None)
    rows = list(percentile_rows)
    row: Mapping[str, Any] = rows[0] if rows else {}

    if found.at_least == "0.8.0":
        if WALL_S1 in summary:
            found.written_before("0.8.1")
        else:
            found.written_since("0.8.1")
    elif found.at_least == "0.14.0":
        if RESULT_DB not in summary:
            found.written_since("0.16.0")
        else:
            found.written_before("0.16.0")
            if OUTPUT_P4 in row:
                found.written_since("0.15.0")
            elif ITL_SECONDS in row and TPOT_SECONDS not in row:
                found.written_before("0.15.0")
    elif found.at_least == "1.4.1" and EMBEDDING_INPUT in summary:
        found.written_since("1.4.2")
    elif found.at_least == "1.9.1":
        if "is_stream" in database_columns or STREAM_REQUESTS in summary:
            found.written_since("1.10.0")
            if failed_without_end:
                found.written_before("1.11.1")
        else:
            found.written_before("1.10.0")
    elif found.at_least == "1.12.0":
        numbers = [v for r in rows for v in r.values() if isinstance(v, float) and math.isfinite(v)]
        if any(round(v, 2) != v for v in numbers):
            found.written_since("1.13.0")
        elif numbers:  # a run without a success has only NaN, in both releases
            found.written_before("1.13.0")
    return found


def throughput_is_wrong(found: Window) -> bool:
    """Whether the run's throughputs were divided by the wall time of the previous result (1.1.1 to 1.3.0)."""
    return found.certainly_since("1.1.1") and found.certainly_before("1.4.0")


# --- percentiles, as each release computed them from its request rows --------------------------------------------

NEAREST_RANK_SINCE = "1.11.1"


def percentile_decimals(found: Window) -> int:
    """Decimals to which the release rounded percentiles, in the unit of its file."""
    return 2 if found.certainly_since("1.7.0") and not found.certainly_since("1.13.0") else 4


def percentile_scale(found: Window) -> float:
    """What the release multiplied seconds by for TTFT, ITL and TPOT percentiles: 1000 from 1.7.0 on."""
    return 1000.0 if found.certainly_since("1.7.0") else 1.0


def rank(count: int, percent: int, nearest: bool) -> int:
    """The index of a percentile in an ascending list of `count` values (no interpolation in any release).

    Up to 1.11.0 the floor of `count * percent / 100`, one rank too high; from 1.11.1 the nearest rank.
    """
    if percent >= 100:
        return count - 1
    return max(0, math.ceil(count * percent / 100) - 1) if nearest else int(count * percent / 100)


# --- the same name, other meaning ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Break:
    """A release from which on a metric means something else.

    Attributes:
        release: the first release with the new meaning.
        change: what changed.
        measured: the client measures something else, so that recomputing from the request rows does not help.
    """

    release: str
    change: str
    measured: bool = False


@dataclass(frozen=True)
class Definition:
    """A metric and its breaks.

    Attributes:
        name: what messages call it.
        columns: its averages in `SUMMARY_KEYS`.
        percentiles: its percentiles in `PERCENTILE_KEYS`.
        breaks: oldest first.
    """

    name: str
    columns: tuple[str, ...]
    percentiles: tuple[str, ...]
    breaks: tuple[Break, ...]

    def covers(self, column: str, metric: str) -> bool:
        """Whether a column is of this metric; `metric` is that of a percentile column, else empty."""
        return metric in self.percentiles if metric else column in self.columns


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "throughput",
        ("output_throughput", "total_throughput", "request_throughput"),
        (),
        (
            # 1.4.0 mended the wrong time of 1.1.1 to 1.3.0, which is corrected here: see `throughput_is_wrong`
            Break("1.1.1", "the duration ends with the last completed request, not when its result was consumed"),
            Break("1.11.1", "failed requests extend the duration"),
        ),
    ),
    Definition(
        "TTFT",
        ("ttft", "first_turn_ttft", "subsequent_turn_ttft"),
        ("ttft",),
        (
            Break("0.14.0", "streaming became the default; without it TTFT is the latency"),
            Break("1.1.1", "first chunk with choices, not first line of any kind; one HTTP session", measured=True),
            Break("1.10.0", "over streamed requests only"),
            Break("1.11.1", "first chunk with content", measured=True),
            Break("1.12.0", "reasoning counts as content", measured=True),
            Break("1.13.0", "tool calls count as content", measured=True),
        ),
    ),
    Definition(
        "TPOT",
        ("token_latency",),
        ("tpot", "decode"),
        (
            Break("0.12.0", "mean of latency / output tokens, not duration / output tokens of all requests"),
            Break("0.15.0", "time between first and last chunk / output tokens"),
            Break("0.16.1", "time between first and last chunk / chunks"),
            Break("0.17.1", "(latency - TTFT) / (output tokens - 1)"),
            Break("1.10.0", "over streamed requests only"),
            Break("1.13.0", "without replies of one token"),
        ),
    ),
    Definition(
        "ITL",
        ("inter_token_latency", "steady_itl"),
        ("itl",),
        (
            Break("0.17.1", "mean of all intervals, not time between first and last chunk / chunks"),
            Break("1.1.1", "an interval per token, not one more", measured=True),
            Break("1.10.0", "over streamed requests only"),
            Break("1.11.1", "an interval less than tokens", measured=True),
        ),
    ),
    Definition(
        "latency",
        ("latency",),
        ("latency", "output", "total", "input"),
        (
            Break("0.13.2", "a new HTTP session for each request", measured=True),
            Break("1.1.1", "up to the last chunk with data, in one HTTP session", measured=True),
        ),
    ),
    Definition(
        "percentiles",
        (),
        tuple(PERCENTILE_KEYS),
        (
            Break("1.7.0", "two decimals, so that latency has steps of 10 ms"),
            Break("1.11.1", "nearest rank, not one rank above it"),
            Break("1.13.0", "four decimals"),
        ),
    ),
    Definition(
        "counts of multi-turn runs",
        ("turns",),
        (),
        (Break("1.7.0", "`number` is conversations, not turns"),),
    ),
)
"""Where runs of different releases don't compare, for the warning `mixed-definitions` and the documentation."""

# --- arguments that change the workload --------------------------------------------------------------------------

LIMITS = ("min_tokens", "min_prompt_length", "max_prompt_length", "prefix_length")
"""Arguments that are labels, which `dataset_args` (from 1.9.1) may hold too."""

CHAT_TEMPLATE = "apply_chat_template"

WORKLOAD_ARGUMENTS: Mapping[str, Any] = {
    # argument that changes what is sent or how, and is in no label: its default since the release that added it
    "temperature": None,  # up to 0.13.1 none was sent (null), since then 0.0: these are two workloads
    "top_p": None,
    "top_k": None,
    "frequency_penalty": None,
    "repetition_penalty": None,
    "n_choices": None,
    "logprobs": None,
    "stop": None,
    "stop_token_ids": None,
    "extra_args": None,
    CHAT_TEMPLATE: None,  # written as decided from the URL: see `labels.workload_arguments`
    "tokenize_prompt": False,
    "tokenizer_path": None,
    "prompt": None,
    "query_template": None,
    "image_width": 224,
    "image_height": 224,
    "image_format": "RGB",
    "image_num": 1,
    "image_patch_size": 28,
    "prefix_count": 1,
    "multi_turn": False,
    "min_turns": 1,
    "max_turns": None,
    "open_loop": False,
    "warmup_num": 0,
    "duration": None,
    "dataset_args": None,
}
"""Left out on purpose: `seed` (its default moved, and repeats with several seeds are one test), `dataset_offset`
(evalscope sets it for each level of a sweep), paths and addresses, timeouts and settings of the client."""

DATASET_ARGUMENTS: Mapping[str, Any] = {
    # what `multi_turn_args` (from 1.7.0) writes for what was not given; later releases fold it into `dataset_args`
    "first_turn_length": 65000,
    "subsequent_turn_length": 500,
    "chars_per_token": 3.0,
}

OTHER_DATASET_ARGUMENTS = frozenset({*LIMITS, "num_workers"})
"""What `dataset_args` may hold besides and is no difference here: labels, and a setting of the client."""
