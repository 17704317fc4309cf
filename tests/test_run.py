"""Reading one run folder: labels, values, and what can be wrong with them."""

import json
import math
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from evalscope_summary.columns import BY_NAME
from evalscope_summary.problems import CODES, Problem
from evalscope_summary.readers.evalscope import formats
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.record import Record
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import assemble

RUNS = Path(__file__).parent / "fixtures" / "runs"
TS = "20251129_135846"
RUN = f"cfg/{TS}/mock-7b/parallel_3_number_20"

SUMMARY: dict[str, Any] = {  # as 1.14.1 writes it
    "Test Duration (s)": 0.6609,
    "Concurrency": 3,
    "Request Rate (req/s)": -1.0,
    "Total Requests": 20,
    "Success Requests": 18,
    "Failed Requests": 2,
    "Stream Requests": 20,
    "Non-Stream Requests": 0,
    "Req Throughput (req/s)": 30.2626,
    "Avg Latency (s)": 0.0937,
    "Avg Input Tokens": 19.0,
    "Output Throughput (tok/s)": 242.1011,
    "Total Throughput (tok/s)": 817.0913,
    "Avg TTFT (ms)": 42.03,
    "Avg TPOT (ms)": 7.38,
    "Avg ITL (ms)": 6.41,
    "Avg Output Tokens": 8.0,
    "Input Throughput (tok/s)": 0.0,
    "KV Cache Hit Rate (%)": 15.7895,
}
ARGS: dict[str, Any] = {field: None for field, _ in formats.ARGS_MARKS} | {
    "model": "org/model",
    "api": "openai",
    "dataset": "openqa",
    "dataset_path": "/data/prompts.txt",
    "number": 20,
    "parallel": 3,
    "rate": -1.0,
    "max_tokens": 64,
    "stream": True,
}
PERCENTILES: list[dict[str, Any]] = [
    {"Percentiles": label, "Latency (s)": 0.1, "TTFT (ms)": 40.0, "ITL (ms)": 6.0, "TPOT (ms)": 7.0}
    for label in ("min", "50%", "max")
]


HUGE = pytest.param(10**400, id="an integer of 401 digits")


def without(content: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in keys}


class Tree:
    """A results tree with one run; contents are given as JSON values or as bytes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(
        self,
        summary: Any = SUMMARY,
        args: Any = ARGS,
        percentiles: Any = None,
        run: str = RUN,
    ) -> Path:
        folder = self.root / run
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in ((formats.SUMMARY, summary), (formats.ARGS, args), (formats.PERCENTILE, percentiles)):
            if content is not None:
                data = content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode()
                (folder / name).write_bytes(data)
        return folder

    def read(self, run: str = RUN, fill: bool = True) -> Record:
        return read_run(self.root, run, os.listdir(self.root / run), {"filled"} if fill else set())

    def record(self, summary: Any = SUMMARY, args: Any = ARGS, percentiles: Any = None, run: str = RUN) -> Record:
        self.write(summary, args, percentiles, run)
        return self.read(run)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def copy_run(tree: Tree, release: str, scenario: str) -> Path:
    """Copy the first run of a fixture into the tree."""
    source = sorted((RUNS / release / scenario).rglob(formats.SUMMARY))[0].parent
    shutil.copytree(source, tree.root / RUN)
    return tree.root / RUN


def change(file: Path, edit: Callable[[Any], None]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def only_problem(record: Record) -> Problem:
    (problem,) = [*record.problems, *record.derived["filled"].problems, *record.reported.problems]
    assert problem.code in CODES
    assert problem.message
    return problem


# --- a run without anything wrong ---


def test_a_run_of_summary_and_args_alone_is_complete(tree: Tree) -> None:
    record = tree.record()
    assert not record.skipped
    assert record.problems == []
    assert record.values == {
        "timestamp": TS,
        "config": "cfg",
        "model": "org/model",
        "parallel": 3,
        "max_tokens": 64,
        "requests": 20,
        "time_taken": 0.6609,
        "output_throughput": 242.1011,
        "total_throughput": 817.0913,
        "request_throughput": 30.2626,
        "latency": 0.0937,
        "ttft": 42.03 / 1000,
        "token_latency": 7.38 / 1000,
        "inter_token_latency": 6.41 / 1000,
        "input_tokens": 19.0,
        "output_tokens": 8.0,
        "number": 20,
        "api": "openai",
        "dataset": "openqa",
        "dataset_file": "prompts.txt",
        "stream": True,
        "succeeded": 18,
        "failed": 2,
        "stream_requests": 20,
        "non_stream_requests": 0,
        "cache_hit_rate": 15.7895,
        "evalscope_at_least": formats.ARGS_MARKS[0][1],
        "run": RUN,
    }


def test_an_unknown_key_changes_nothing(tree: Tree) -> None:
    plain = tree.record().values
    extended = tree.record(SUMMARY | {"Avg Wonder (ms)": "x"}, ARGS | {"wonder": [1]}).values
    assert extended == plain


def test_the_newest_spelling_of_a_key_wins(tree: Tree) -> None:
    record = tree.record(SUMMARY | {"TTFT (ms)": 1.0, "Average time to first token (s)": 2.0})
    assert record.values["ttft"] == 42.03 / 1000


def test_a_missing_key_is_an_empty_cell(tree: Tree) -> None:
    record = tree.record(without(SUMMARY, "Avg Latency (s)", "Avg TTFT (ms)"))
    assert record.values.keys() & {"latency", "ttft"} == set()
    assert record.problems == []


# --- incomplete, unreadable, unknown ---


@pytest.mark.parametrize(
    ("present", "named"),
    [
        ([formats.SUMMARY], [formats.ARGS]),
        ([formats.ARGS], [formats.SUMMARY]),
        ([formats.DATABASE], [formats.SUMMARY, formats.ARGS]),
        ([formats.ARGS, formats.PERCENTILE, formats.DATABASE], [formats.SUMMARY]),
    ],
)
def test_a_run_without_summary_or_args_is_one_incomplete(tree: Tree, present: list[str], named: list[str]) -> None:
    (tree.root / RUN).mkdir(parents=True)
    for name in present:
        (tree.root / RUN / name).write_text("{}")
    record = tree.read()
    problem = only_problem(record)
    assert problem[:4] == ("skipped", "incomplete", RUN, named[0])
    assert all(name in problem.message for name in named)
    assert record.skipped
    assert (record.values, record.fingerprint) == ({}, "")


BROKEN = {
    "empty": b"",
    "cut off": json.dumps(SUMMARY).encode()[:-30],
    "not JSON": b"hello",
    "two values": b"{}{}",
    "NUL bytes": b"\x00" * 100,
    "UTF-16": json.dumps(SUMMARY).encode("utf-16"),
    "neither UTF-8 nor GB18030": b'{"model": "\xff\xff"}',
    "nested too deeply": b"[" * 200_000,
    "an integer of 5000 digits": b'{"Total Requests": 1' + b"0" * 5000 + b"}",
    "comma at the end": b'{"Total Requests": 1,}',
}


def test_a_file_that_vanished_since_the_walk_is_unreadable(tree: Tree) -> None:
    (tree.write() / formats.ARGS).unlink()
    record = read_run(tree.root, RUN, [formats.SUMMARY, formats.ARGS], {"filled"})
    assert only_problem(record)[:4] == ("skipped", "unreadable-json", RUN, formats.ARGS)


@pytest.mark.parametrize("content", [[], [SUMMARY], "text", 5, True, None], ids=lambda content: type(content).__name__)
@pytest.mark.parametrize("name", [formats.SUMMARY, formats.ARGS])
def test_json_that_is_no_object_is_an_unknown_format(tree: Tree, name: str, content: Any) -> None:
    (tree.write() / name).write_text(json.dumps(content))
    assert only_problem(tree.read())[:4] == ("skipped", "unknown-format", RUN, name)


@pytest.mark.parametrize("count", [None, "20", -1, 20.5, math.nan, math.inf, True, [20], 2**63, HUGE])
def test_a_summary_without_a_count_of_requests_is_an_unknown_format(tree: Tree, count: Any) -> None:
    record = tree.record(SUMMARY | {"Total Requests": count})
    assert only_problem(record)[:4] == ("skipped", "unknown-format", RUN, formats.SUMMARY)


def test_no_request_at_all_is_a_count_too(tree: Tree) -> None:
    record = tree.record(SUMMARY | {"Total Requests": 0, "Success Requests": 0, "Failed Requests": 0})
    assert only_problem(record).code == "no-successful-requests"
    assert record.values["requests"] == 0


def test_an_empty_object_is_an_unknown_format(tree: Tree) -> None:
    assert only_problem(tree.record({}))[:4] == ("skipped", "unknown-format", RUN, formats.SUMMARY)


def test_counts_may_be_written_as_floats(tree: Tree) -> None:
    values = tree.record(SUMMARY | {"Total Requests": 20.0, "Success Requests": 18.0}).values
    assert (values["requests"], type(values["requests"])) == (20, int)
    assert (values["succeeded"], type(values["succeeded"])) == (18, int)


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_percentiles_that_can_not_be_parsed_leave_the_run(tree: Tree, data: bytes) -> None:
    copy_run(tree, "1.9.1", "spec")
    before = tree.read(fill=False).values
    (tree.root / RUN / formats.PERCENTILE).write_bytes(data)
    record = tree.read()
    assert only_problem(record)[:4] == ("warning", "unreadable-json", RUN, formats.PERCENTILE)
    assert not record.skipped
    percentile_cells = {name for name in before if name[0].isdigit()}
    assert record.values == {name: value for name, value in before.items() if name not in percentile_cells}
    assert not record.derived["filled"].values


@pytest.mark.parametrize(
    "content",
    [
        {"Percentiles": "50%"},
        "50%",
        None,
        [1],
        [["50%"]],
        [{"Latency (s)": 0.1}],
        [{"Percentiles": 50}],
        [{"Percentiles": "50%", "Latency (s)": 0.1}, {"Latency (s)": 0.2}],
    ],
    ids=repr,
)
def test_percentiles_of_another_shape_are_an_unknown_format(tree: Tree, content: Any) -> None:
    (copy_run(tree, "1.9.1", "spec") / formats.PERCENTILE).write_text(json.dumps(content))
    record = tree.read()
    assert only_problem(record)[:4] == ("warning", "unknown-format", RUN, formats.PERCENTILE)
    assert not any(name[0].isdigit() for name in record.values)
    assert not record.derived["filled"].values


def test_an_empty_list_of_percentiles_is_nothing_to_speak_of(tree: Tree) -> None:
    assert tree.record(percentiles=[]).problems == []


@pytest.mark.parametrize("data", [b"", b"no database at all", b"SQLite format 3\x00" + b"\x00" * 500])
def test_an_unreadable_database_leaves_the_run(tree: Tree, data: bytes) -> None:
    before = tree.record().values
    (tree.root / RUN / formats.DATABASE).write_bytes(data)
    record = tree.read()
    assert only_problem(record)[:4] == ("warning", "unreadable-database", RUN, formats.DATABASE)
    assert record.values == before
    assert not record.derived["filled"].values


@pytest.fixture
def database(tree: Tree) -> Callable[[str], Record]:
    """Runs a statement on the database of a run of 1.14.1, and reads the run."""

    def run(statement: str) -> Record:
        with closing(sqlite3.connect(copy_run(tree, "1.14.1", "single") / formats.DATABASE)) as connection:
            connection.execute(statement)
            connection.commit()
        return tree.read()

    return run


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE result SET inter_token_latencies = 'x' WHERE rowid = 7",
        "UPDATE result SET inter_token_latencies = CAST(x'ff' AS TEXT) WHERE rowid = 7",
        "ALTER TABLE result RENAME TO other",
        "ALTER TABLE result RENAME COLUMN success TO other",
    ],
)
def test_a_database_that_is_not_evalscopes_leaves_the_run(database: Callable[[str], Record], statement: str) -> None:
    record = database(statement)
    assert only_problem(record)[:4] == ("warning", "unreadable-database", RUN, formats.DATABASE)
    assert record.values["requests"] == 20
    assert not record.derived["filled"].values


def test_gpu_memory_comes_from_the_database(database: Callable[[str], Record]) -> None:
    values = database("UPDATE result SET max_gpu_memory_cost = rowid").values
    assert (values["avg_gpu_memory"], values["max_gpu_memory"], values["min_gpu_memory"]) == (10.5, 20.0, 1.0)


def test_gpu_memory_of_a_run_without_a_success_is_empty(tree: Tree) -> None:
    folder = copy_run(tree, "1.13.0", "dead")
    with closing(sqlite3.connect(folder / formats.DATABASE)) as connection:
        connection.execute("UPDATE result SET max_gpu_memory_cost = 5.0")
        connection.commit()
    assert not any("gpu" in name for name in tree.read().values)


def test_gpu_memory_that_can_not_be_is_named_with_the_database(database: Callable[[str], Record]) -> None:
    record = database("UPDATE result SET max_gpu_memory_cost = 9e999")
    assert only_problem(record)[:4] == ("warning", "value-out-of-range", RUN, formats.DATABASE)
    assert not any("gpu" in name for name in record.values)


def test_requests_without_a_latency_take_no_part_in_filled_percentiles(database: Callable[[str], Record]) -> None:
    record = database("UPDATE result SET latency = NULL WHERE rowid <= 10")
    filled = record.derived["filled"].values
    assert math.isfinite(filled["66p_latency_"])
    assert {problem.code for problem in record.derived["filled"].problems} == {"percentiles-disagree"}


def test_an_unreadable_database_says_nothing_about_the_release(tree: Tree) -> None:
    (copy_run(tree, "1.10.0", "single") / formats.DATABASE).write_bytes(b"no database at all")
    values = tree.read().values
    assert (values["evalscope_at_least"], values["evalscope_below"]) == ("1.10.0", "1.12.0")


# --- counts ---


def test_counts_of_the_summary_that_disagree(tree: Tree) -> None:
    record = tree.record(SUMMARY | {"Failed Requests": 3})
    assert only_problem(record)[:4] == ("warning", "counts-disagree", RUN, formats.SUMMARY)
    assert record.values["failed"] == 3


@pytest.mark.parametrize(("requests", "succeeded"), [(21, 21), (21, 20)])
def test_a_database_of_other_counts_disagrees(tree: Tree, requests: int, succeeded: int) -> None:
    folder = copy_run(tree, "1.14.1", "single")
    counts = {"Total Requests": requests, "Success Requests": succeeded, "Failed Requests": requests - succeeded}
    change(folder / formats.SUMMARY, lambda summary: summary.update(counts))
    record = tree.read()
    problem = only_problem(record)
    assert problem[:4] == ("warning", "counts-disagree", RUN, formats.DATABASE)
    assert "20" in problem.message
    assert str(requests) in problem.message


# --- no request succeeded ---

DEAD: dict[str, Any] = SUMMARY | {"Success Requests": 0, "Failed Requests": 20}


def test_without_a_success_only_counts_labels_and_duration_stay(tree: Tree) -> None:
    record = tree.record(DEAD, percentiles=PERCENTILES)
    assert only_problem(record)[:4] == ("warning", "no-successful-requests", RUN, formats.SUMMARY)
    assert set(record.values) == {
        *(
            "timestamp",
            "config",
            "model",
            "parallel",
            "max_tokens",
            "requests",
            "time_taken",
            "number",
            "api",
            "dataset",
        ),
        *("dataset_file", "stream", "succeeded", "failed", "stream_requests", "non_stream_requests"),
        *("evalscope_at_least", "run"),
    }
    assert record.values["time_taken"] == 0.6609


@pytest.mark.parametrize("seconds", [0.0, 0, -1, -1.0, None])
def test_without_a_success_a_duration_of_zero_is_none(tree: Tree, seconds: Any) -> None:
    record = tree.record(DEAD | {"Test Duration (s)": seconds})
    assert "time_taken" not in record.values
    assert only_problem(record).code == "no-successful-requests"


def test_with_a_success_a_duration_of_zero_stays(tree: Tree) -> None:
    assert tree.record(SUMMARY | {"Test Duration (s)": 0.0}).values["time_taken"] == 0.0


def test_without_a_success_odd_performance_values_are_not_worth_a_word(tree: Tree) -> None:
    record = tree.record(DEAD | {"Avg Latency (s)": -7, "Avg TTFT (ms)": "x"})
    assert only_problem(record).code == "no-successful-requests"


@pytest.mark.parametrize(("release", "scenario"), [("1.0.0", "dead"), ("1.9.1", "dead"), ("1.13.0", "dead")])
def test_real_runs_without_a_success_are_not_filled(tree: Tree, release: str, scenario: str) -> None:
    copy_run(tree, release, scenario)
    record = tree.read()
    assert only_problem(record).code == "no-successful-requests"
    assert not record.derived["filled"].values


def test_a_run_of_the_releases_with_wrong_throughput_is_not_corrected_without_a_success(tree: Tree) -> None:
    folder = copy_run(tree, "1.2.0", "single")
    change(folder / formats.SUMMARY, lambda summary: summary.update({"Succeed requests": 0, "Failed requests": 20}))
    record = tree.read()
    codes = {problem.code for problem in (*record.problems, *record.reported.problems)}
    assert "corrected-throughput" not in codes
    assert "no-successful-requests" in codes


# --- throughput ---


def test_wrong_throughput_is_corrected_and_the_written_values_are_kept_in_the_problem(tree: Tree) -> None:
    copy_run(tree, "1.1.1", "n1")
    record = tree.read()
    problem = only_problem(record)
    assert problem[:4] == ("warning", "corrected-throughput", RUN, formats.SUMMARY)
    for written in ("33.0", "76.0", "1.0"):
        assert written in problem.message
    assert record.values["output_throughput"] == 33.0 / 0.3251


def test_total_throughput_is_computed_where_the_release_lacks_it(tree: Tree) -> None:
    record = tree.record(without(SUMMARY, "Total Throughput (tok/s)"))
    assert record.values["total_throughput"] == (19.0 + 8.0) * 18 / 0.6609
    assert record.problems == []


@pytest.mark.parametrize("gone", ["Avg Input Tokens", "Avg Output Tokens", "Test Duration (s)", "Success Requests"])
def test_total_throughput_is_not_computed_from_what_is_missing(tree: Tree, gone: str) -> None:
    record = tree.record(without(SUMMARY, "Total Throughput (tok/s)", gone))
    assert "total_throughput" not in record.values


def test_a_duration_of_zero_is_not_divided_by(tree: Tree) -> None:
    record = tree.record(without(SUMMARY, "Total Throughput (tok/s)") | {"Test Duration (s)": 0.0})
    assert "total_throughput" not in record.values


def test_a_total_throughput_that_is_a_sentinel_is_not_computed(tree: Tree) -> None:
    assert "total_throughput" not in tree.record(SUMMARY | {"Total Throughput (tok/s)": -1.0}).values


# --- values that can't be ---

METRICS = [
    ("latency", "Avg Latency (s)"),
    ("ttft", "Avg TTFT (ms)"),
    ("output_throughput", "Output Throughput (tok/s)"),
    ("cache_hit_rate", "KV Cache Hit Rate (%)"),
    ("time_taken", "Test Duration (s)"),
]
each_metric = pytest.mark.parametrize(("column", "key"), METRICS)


@each_metric
@pytest.mark.parametrize("text", ["-2", "-0.001", "NaN", "Infinity", "-Infinity", "1e400", '"5"', "[5]", "{}", "true"])
def test_a_value_that_can_not_be_is_an_empty_cell_and_a_warning(tree: Tree, column: str, key: str, text: str) -> None:
    data = json.dumps(SUMMARY | {key: 987654321}).replace("987654321", text).encode()
    record = tree.record(data)
    problem = only_problem(record)
    assert problem[:4] == ("warning", "value-out-of-range", RUN, formats.SUMMARY)
    assert key in problem.message
    assert column not in record.values


@each_metric
def test_an_integer_beyond_all_floats_is_an_empty_cell_and_a_warning(tree: Tree, column: str, key: str) -> None:
    record = tree.record(SUMMARY | {key: 10**400})
    assert only_problem(record)[:4] == ("warning", "value-out-of-range", RUN, formats.SUMMARY)
    assert column not in record.values


@each_metric
@pytest.mark.parametrize("value", [None, -1, -1.0])
def test_sentinels_and_null_are_empty_cells_without_a_warning(tree: Tree, column: str, key: str, value: Any) -> None:
    record = tree.record(SUMMARY | {key: value})
    assert record.problems == []
    assert column not in record.values


@pytest.mark.parametrize(("column", "key"), [("ttft", "Avg TTFT (ms)"), ("token_latency", "Avg TPOT (ms)")])
def test_minus_a_thousand_is_a_sentinel_in_milliseconds(tree: Tree, column: str, key: str) -> None:
    record = tree.record(SUMMARY | {key: -1000.0})
    assert record.problems == []
    assert column not in record.values


@pytest.mark.parametrize("key", ["Avg Latency (s)", "Output Throughput (tok/s)"])
def test_minus_a_thousand_is_no_sentinel_elsewhere(tree: Tree, key: str) -> None:
    assert only_problem(tree.record(SUMMARY | {key: -1000.0})).code == "value-out-of-range"


def test_all_odd_values_of_a_file_are_one_row(tree: Tree) -> None:
    problem = only_problem(tree.record(SUMMARY | {"Avg Latency (s)": -5, "Avg TTFT (ms)": "x", "Failed Requests": -2}))
    assert problem.code == "value-out-of-range"
    for key in ("Avg Latency (s)", "Avg TTFT (ms)", "Failed Requests"):
        assert key in problem.message


@pytest.mark.parametrize("value", [-0.5, math.inf, "fast", [1], True])
def test_a_percentile_that_can_not_be_is_named_with_its_file(tree: Tree, value: Any) -> None:
    rows = [PERCENTILES[0] | {"Latency (s)": value}, *PERCENTILES[1:]]
    record = tree.record(percentiles=rows)
    assert only_problem(record)[:4] == ("warning", "value-out-of-range", RUN, formats.PERCENTILE)
    assert "0p_latency_" not in record.values
    assert record.values["50p_latency_"] == 0.1


@pytest.mark.parametrize("value", [math.nan, None, -1, -1.0])
def test_a_percentile_without_a_value_is_an_empty_cell(tree: Tree, value: Any) -> None:
    record = tree.record(percentiles=[PERCENTILES[0] | {"Latency (s)": value}])
    assert record.problems == []
    assert "0p_latency_" not in record.values
    assert record.values["0p_ttft_"] == 0.04


@pytest.mark.parametrize("field", ["number", "max_tokens", "min_tokens", "prefix_length", "max_prompt_length"])
@pytest.mark.parametrize("value", ["64", -5, 64.5, math.nan, math.inf, True, {}, 2**70, HUGE])
def test_an_argument_that_is_no_count_is_an_empty_cell_and_a_warning(tree: Tree, field: str, value: Any) -> None:
    record = tree.record(args=ARGS | {field: value})
    assert field not in record.values
    problem = only_problem(record)
    assert problem[:4] == ("warning", "value-out-of-range", RUN, formats.ARGS)
    assert field in problem.message


@pytest.mark.parametrize("field", ["model", "name", "alias", "api", "dataset", "dataset_path"])
@pytest.mark.parametrize("value", [5, True, ["x"], {}])
def test_a_label_that_is_no_text_is_an_empty_cell_and_a_warning(tree: Tree, field: str, value: Any) -> None:
    record = tree.record(args=ARGS | {field: value})
    assert only_problem(record)[:4] == ("warning", "value-out-of-range", RUN, formats.ARGS)
    assert str(value) not in [record.values.get(column) for column in ("model", "name", "api", "dataset")]


# --- values that do not apply ---


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("ttft", "Avg TTFT (ms)"),
        ("token_latency", "Avg TPOT (ms)"),
        ("inter_token_latency", "Avg ITL (ms)"),
        ("first_turn_ttft", "Avg First-Turn TTFT (ms)"),
        ("subsequent_turn_ttft", "Avg Subsequent-Turn TTFT (ms)"),
        ("steady_itl", "Avg Steady ITL (ms)"),
        ("input_throughput", "Input Throughput (tok/s)"),
    ],
)
def test_an_average_of_zero_that_means_nothing_to_average(tree: Tree, column: str, key: str) -> None:
    assert column not in tree.record(SUMMARY | {key: 0.0}).values
    assert column in tree.record(SUMMARY | {key: 5.0}).values


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("output_tokens", "Avg Output Tokens"),
        ("output_throughput", "Output Throughput (tok/s)"),
        ("cache_hit_rate", "KV Cache Hit Rate (%)"),
        ("spec_accept_rate", "Spec. Accept Rate"),
        ("pd_handoff_overhead", "Avg PD Handoff Overhead (ms)"),
        ("latency", "Avg Latency (s)"),
    ],
)
def test_other_zeros_are_zeros(tree: Tree, column: str, key: str) -> None:
    assert tree.record(SUMMARY | {key: 0.0}).values[column] == 0.0


def test_percentiles_of_zero(tree: Tree) -> None:
    zeros = {"TTFT (ms)": 0.0, "TPOT (ms)": 0.0, "ITL (ms)": 0.0, "Latency (s)": 0.0, "Output (tok/s)": 0.0}
    values = tree.record(percentiles=[{"Percentiles": "50%"} | zeros]).values
    found = {name: value for name, value in values.items() if name.startswith("50p_")}
    assert found == {"50p_itl_": 0.0, "50p_latency_": 0.0, "50p_output_(tok/s)": 0.0}


def test_metrics_that_the_summary_says_do_not_apply_are_empty(tree: Tree) -> None:
    record = tree.record(SUMMARY | {formats.NOT_APPLICABLE: ["Avg TTFT (ms)", "Avg Latency (s)", 5, "Other"]})
    assert record.values.keys() & {"ttft", "latency"} == set()
    assert "token_latency" in record.values
    assert record.problems == []


@pytest.mark.parametrize("listed", [None, "Avg TTFT (ms)", {"Avg TTFT (ms)": 1}, 5])
def test_a_list_of_metrics_that_is_no_list_is_ignored(tree: Tree, listed: Any) -> None:
    assert "ttft" in tree.record(SUMMARY | {formats.NOT_APPLICABLE: listed}).values


@pytest.mark.parametrize("api", ["embedding", "openai_embedding", "rerank", "systemone", "autotrust"])
def test_an_input_only_run_has_no_generation_metrics(tree: Tree, api: str) -> None:
    summary = SUMMARY | {"Input Throughput (tok/s)": 100.0, "Avg Steady ITL (ms)": 3.0, "Avg First-Turn TTFT (ms)": 3.0}
    rows = [PERCENTILES[0] | {"Input tokens": 5.0, "Output tokens": 1.0, "Decode (tok/s)": 3.0, "Input (tok/s)": 9.0}]
    values = tree.record(summary, ARGS | {"api": api}, rows).values
    assert not [name for name in values if BY_NAME[name].generation]
    assert {name for name in values if name[0].isdigit()} == {"0p_latency_", "0p_input_tokens", "0p_input_(tok/s)"}
    assert values["input_throughput"] == 100.0
    assert (values["stream_requests"], values["max_tokens"], values["request_throughput"]) == (20, 64, 30.2626)


def test_an_input_only_run_keeps_an_input_throughput_of_zero(tree: Tree) -> None:
    assert tree.record(args=ARGS | {"api": "rerank"}).values["input_throughput"] == 0.0


def test_total_throughput_of_an_input_only_run_is_not_computed(tree: Tree) -> None:
    record = tree.record(without(SUMMARY, "Total Throughput (tok/s)"), ARGS | {"api": "embedding"})
    assert "total_throughput" not in record.values


# --- labels ---


@pytest.mark.parametrize(
    ("limit", "values"),
    [
        (64, {"max_tokens": 64}),
        (64.0, {"max_tokens": 64}),
        ([16, 48], {"max_tokens": 48, "max_tokens_low": 16}),
        ([0, 48], {"max_tokens": 48, "max_tokens_low": 0}),
        ([None, 48], {"max_tokens": 48}),
        (0, {"max_tokens": 0}),
        (None, {}),
    ],
)
def test_max_tokens_may_be_a_range(tree: Tree, limit: Any, values: dict[str, int]) -> None:
    record = tree.record(args=ARGS | {"max_tokens": limit})
    assert {name: value for name, value in record.values.items() if name.startswith("max_tokens")} == values
    assert record.problems == []


@pytest.mark.parametrize("limit", [[], [16], [16, 32, 48], ["16", "48"], [-16, -48]])
def test_a_range_of_another_shape_is_noted(tree: Tree, limit: Any) -> None:
    record = tree.record(args=ARGS | {"max_tokens": limit})
    assert only_problem(record).code == "value-out-of-range"
    assert "max_tokens" not in record.values


@pytest.mark.parametrize(
    ("field", "value", "cell"),
    [
        ("max_prompt_length", 131072, None),
        ("max_prompt_length", 2**63 - 1, None),
        ("max_prompt_length", 131071, 131071),
        ("max_prompt_length", 0, None),
        ("min_prompt_length", 0, None),
        ("min_prompt_length", 131072, 131072),
        ("prefix_length", 0, None),
        ("prefix_length", 100, 100),
        ("min_tokens", 0, None),
        ("min_tokens", 7, 7),
        ("min_tokens", None, None),
    ],
)
def test_no_limit_is_an_empty_cell(tree: Tree, field: str, value: Any, cell: int | None) -> None:
    record = tree.record(args=ARGS | {field: value})
    assert record.values.get(field) == cell
    assert record.problems == []


def test_data_set_arguments_override_the_general_ones(tree: Tree) -> None:
    general = {"min_tokens": 1, "prefix_length": 2, "min_prompt_length": 3, "max_prompt_length": 4}
    own = {"prefix_length": 20, "max_prompt_length": 131072, "min_prompt_length": None}
    values = tree.record(args=ARGS | general | {"dataset_args": own}).values
    assert (values["min_tokens"], values["prefix_length"], values["min_prompt_length"]) == (1, 20, 3)
    assert "max_prompt_length" not in values


@pytest.mark.parametrize(
    ("summary", "args", "cell"),
    [(3, 5, 3), (None, 5, 5), (-1, 5, None), (-1.0, 5, None), (None, -1, None), (None, None, None), (4.0, 5, 4)],
)
def test_concurrency_is_the_summarys_else_the_arguments(tree: Tree, summary: Any, args: Any, cell: int | None) -> None:
    record = tree.record(SUMMARY | {"Concurrency": summary}, ARGS | {"parallel": args})
    assert record.values.get("parallel") == cell
    assert record.problems == []


@pytest.mark.parametrize(
    ("summary", "args", "cell"),
    [(2.5, 9, 2.5), (None, 4, 4.0), (-1.0, 4, None), (-1, None, None), (None, -1, None), (None, -1.0, None)],
)
def test_the_rate_is_the_summarys_else_the_arguments(tree: Tree, summary: Any, args: Any, cell: float | None) -> None:
    record = tree.record(SUMMARY | {"Request Rate (req/s)": summary}, ARGS | {"rate": args})
    assert record.values.get("rate") == cell
    assert isinstance(record.values.get("rate"), float | None)


@pytest.mark.parametrize("column", ["parallel", "rate"])
@pytest.mark.parametrize("value", ["4", -3, math.nan, [4], HUGE])
def test_a_concurrency_or_rate_that_can_not_be_is_noted(tree: Tree, column: str, value: Any) -> None:
    keys = {"parallel": "Concurrency", "rate": "Request Rate (req/s)"}
    record = tree.record(SUMMARY | {keys[column]: value})
    assert column not in record.values
    assert only_problem(record)[:4] == ("warning", "value-out-of-range", RUN, formats.SUMMARY)


@pytest.mark.parametrize(
    ("stream", "cell"), [(True, True), (False, False), (None, False), ("true", False), (1, False), ("gone", False)]
)
def test_a_run_streamed_where_the_arguments_say_so(tree: Tree, stream: Any, cell: bool) -> None:
    args = without(ARGS, "stream") if stream == "gone" else ARGS | {"stream": stream}
    assert tree.record(args=args).values["stream"] is cell


@pytest.mark.parametrize(
    ("prompt", "characters", "length"),
    [
        ("x" * 50, 50, "short"),
        ("x" * 51, 51, "long"),
        ("中" * 51, 51, "long"),
        ("   ", None, "medium"),
        ("@long.txt", None, "medium"),
        (None, None, "medium"),
        (["x"], None, "medium"),
    ],
)
def test_the_prompt_or_else_names_say_how_long_prompts_are(
    tree: Tree, prompt: Any, characters: int | None, length: str
) -> None:
    run = f"p1_medium/{TS}/m"
    record = tree.record(args=ARGS | {"prompt": prompt}, run=run)
    assert record.prompt_characters == characters
    assert assemble(record, complete({}))["prompt_length"] == length


def test_the_text_of_a_prompt_is_not_kept(tree: Tree) -> None:
    assert "CANARY" not in repr(vars(tree.record(args=ARGS | {"prompt": "CANARY" * 20})))


@pytest.mark.parametrize(
    ("run", "own", "config"),
    [
        (f"cfg/{TS}/m", {"alias": "A", "name": "N"}, "cfg"),
        (f"{TS}/m", {"alias": "A", "name": "N"}, "A"),
        (f"{TS}/m", {"name": "N"}, "N"),
        (f"{TS}/m", {"name": "", "alias": ""}, "m"),
        (f"{TS}/m", {}, "m"),
        (f"{TS}/m/parallel_1_number_5", {}, "m"),
        (TS, {}, "org/model"),
        ("m", {}, "m"),
        ("", {}, "org/model"),
    ],
)
def test_config_is_the_path_or_else_a_name(tree: Tree, run: str, own: dict[str, str], config: str) -> None:
    assert tree.record(args=ARGS | own, run=run).values["config"] == config


def test_config_may_be_empty_where_nothing_has_a_name(tree: Tree) -> None:
    assert "config" not in tree.record(args=ARGS | {"model": None}, run=TS).values


@pytest.mark.parametrize(
    ("own", "name"), [({"alias": "A", "name": "N"}, "A"), ({"name": "N"}, "N"), ({"alias": "", "name": "N"}, "N")]
)
def test_the_alias_is_the_name_before_the_name(tree: Tree, own: dict[str, str], name: str) -> None:
    assert tree.record(args=ARGS | own).values["name"] == name


def test_the_model_is_never_taken_from_a_folder(tree: Tree) -> None:
    assert "model" not in tree.record(args=ARGS | {"model": None, "model_id": "openqa"}).values


def test_no_timestamp_folder_is_no_timestamp(tree: Tree) -> None:
    values = tree.record(run="cfg/m/parallel_1_number_5").values
    assert "timestamp" not in values
    assert values["config"] == "cfg"


# --- encodings and names ---


def test_arguments_in_gb18030_are_read(tree: Tree) -> None:
    args = json.dumps(ARGS | {"model": "通义千问-7B", "dataset_path": "C:\\数据\\短.txt"}, ensure_ascii=False)
    values = tree.record(args=args.encode("gb18030")).values
    assert (values["model"], values["dataset_file"]) == ("通义千问-7B", "短.txt")


def test_a_byte_order_mark_is_no_content(tree: Tree) -> None:
    record = tree.record(json.dumps(SUMMARY).encode("utf-8-sig"), json.dumps(ARGS).encode("utf-8-sig"))
    assert record.problems == []
    assert record.values["requests"] == 20


def test_line_ends_of_windows_are_read(tree: Tree) -> None:
    record = tree.record(json.dumps(SUMMARY, indent=4).replace("\n", "\r\n").encode())
    assert record.values["requests"] == 20


def test_half_a_character_is_shown_as_an_escape(tree: Tree) -> None:
    record = tree.record(args=json.dumps(ARGS).replace("org/model", "m\\ud800").encode())
    assert record.values["model"] == "m\\ud800"


def test_a_path_that_is_no_utf8_is_shown_with_escapes(tree: Tree) -> None:
    run = os.fsdecode(b"caf\xe9/") + f"{TS}/m"
    record = tree.record(SUMMARY | {"Failed Requests": 9}, run=run)
    assert record.values["run"] == f"caf\\udce9/{TS}/m"
    assert record.values["config"] == "caf\\udce9"
    assert only_problem(record).run == f"caf\\udce9/{TS}/m"


# --- percentiles from the request rows ---


def test_percentiles_that_the_file_lacks_come_from_the_rows(tree: Tree) -> None:
    copy_run(tree, "1.9.1", "spec")
    record = tree.read()
    filled = record.derived["filled"].values
    assert {name.partition("p_")[0] for name in filled if name[0].isdigit()} == {"66", "80", "98"}
    assert record.values.keys() & {name for name in filled if name[0].isdigit()} == set()


def test_rows_are_not_read_where_that_is_not_asked_for(tree: Tree) -> None:
    copy_run(tree, "1.9.1", "spec")
    record = tree.read(fill=False)
    assert "filled" not in record.derived


def test_what_the_file_says_is_nan_is_not_filled(tree: Tree) -> None:
    folder = copy_run(tree, "1.9.1", "spec")

    def no_latency(rows: list[dict[str, Any]]) -> None:
        rows.append({"Percentiles": "66%", "Latency (s)": math.nan})

    change(folder / formats.PERCENTILE, no_latency)
    record = tree.read()
    row = assemble(record, complete({}))
    assert "66p_latency_" not in row
    assert "66p_ttft_" in row
    assert "80p_latency_" in row


def test_without_a_percentile_file_all_come_from_the_rows(tree: Tree) -> None:
    folder = copy_run(tree, "1.9.1", "spec")
    before = assemble(tree.read(), complete({}))
    (folder / formats.PERCENTILE).unlink()
    after = assemble(tree.read(), complete({}))
    standard = [name for name in before if name[0].isdigit() and name.split("p_")[0] not in ("1", "5", "0", "100")]
    six = ("ttft_", "itl_", "tpot_", "latency_", "output_(tok/s)", "total_(tok/s)")
    filled = [name for name in standard if name.split("p_")[1] in six]
    assert len(filled) == 60
    assert {name: after[name] for name in filled} == {name: before[name] for name in filled}


def test_percentiles_of_another_run_disagree(tree: Tree) -> None:
    folder = copy_run(tree, "1.9.1", "spec")

    def slower(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["Latency (s)"] += 1.0

    change(folder / formats.PERCENTILE, slower)
    record = tree.read()
    problem = only_problem(record)
    assert record.problems == []  # it only holds together with what was filled
    assert problem[:4] == ("warning", "percentiles-disagree", RUN, formats.PERCENTILE)
    assert "latency" in problem.message
    assert "ttft" not in problem.message


def test_floor_rank_narrows_the_release_below_1_11_1(tree: Tree) -> None:
    copy_run(tree, "1.10.0", "single")
    record = tree.read()
    assert (record.values["evalscope_at_least"], record.values["evalscope_below"]) == ("1.10.0", "1.12.0")
    filled = record.derived["filled"].values
    assert (filled["evalscope_at_least"], filled["evalscope_below"]) == ("1.10.0", "1.11.1")


def test_nearest_rank_narrows_the_release_to_1_11_1(tree: Tree) -> None:
    copy_run(tree, "1.11.1", "single")
    filled = tree.read().derived["filled"].values
    assert (filled["evalscope_at_least"], filled["evalscope_below"]) == ("1.11.1", "1.12.0")


def test_a_rank_rule_that_was_only_assumed_narrows_nothing(tree: Tree) -> None:
    (copy_run(tree, "1.10.0", "single") / formats.PERCENTILE).unlink()
    filled = tree.read().derived["filled"].values
    assert (filled["evalscope_at_least"], filled["evalscope_below"]) == ("1.10.0", "1.12.0")


# --- fingerprint ---


def test_the_fingerprint_is_that_of_the_three_files_wherever_they_lie(tree: Tree) -> None:
    first = tree.record(percentiles=PERCENTILES, run="a/m")
    second = tree.record(percentiles=PERCENTILES, run="b/m")
    assert first.fingerprint == second.fingerprint != ""


@pytest.mark.parametrize("name", [formats.SUMMARY, formats.ARGS, formats.PERCENTILE])
def test_one_more_byte_in_any_of_the_three_files_is_another_fingerprint(tree: Tree, name: str) -> None:
    folder = tree.write(percentiles=PERCENTILES)
    before = tree.read().fingerprint
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    assert tree.read().fingerprint != before


def test_a_missing_percentile_file_is_another_fingerprint(tree: Tree) -> None:
    folder = tree.write(percentiles=PERCENTILES)
    before = tree.read().fingerprint
    (folder / formats.PERCENTILE).unlink()
    assert tree.read().fingerprint != before
