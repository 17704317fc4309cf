"""`metrics: recomputed`: against a second implementation, and against what releases report where they agree."""

import json
import math
import sqlite3
import tempfile
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evalscope_summary import discovery
from evalscope_summary.columns import BY_NAME, GROUP_LABELS, PERFORMANCE
from evalscope_summary.layouts import raw_columns
from evalscope_summary.readers import recompute, releases, sample
from evalscope_summary.readers.evalscope import database, formats
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.record import Record
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import assemble, assemble_all
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import recomputed

RUNS = Path(__file__).parent / "fixtures" / "runs"
REAL = [
    (tree, run) for tree in sorted(RUNS.glob("*/*/results")) for run in sorted(discovery.discover(str(tree)).sources)
]
CONFIG = complete({"metrics": "recomputed", "columns": "all"})
each_run = pytest.mark.parametrize(
    ("tree", "run"), REAL, ids=[f"{tree.relative_to(RUNS).parent}/{run}" for tree, run in REAL]
)


def read(tree: Path, run: str, recompute: bool = True) -> Record:
    return read_run(
        tree, run, [file.name for file in (tree / run).iterdir()], {"filled", "recomputed"} if recompute else {"filled"}
    )


# --- against the second implementation ---


@each_run
def test_every_cell_of_a_real_run_is_that_of_the_second_implementation(tree: Path, run: str) -> None:
    assert read(tree, run).derived["recomputed"].values == pytest.approx(recomputed(tree / run), rel=1e-9, abs=0)


NEW = (
    "request TEXT, start_time REAL, inter_token_latencies TEXT, success INTEGER, response_messages TEXT,"
    " completed_time REAL, latency REAL, first_chunk_latency REAL, prompt_tokens INTEGER, completion_tokens INTEGER,"
    " max_gpu_memory_cost REAL, time_per_output_token REAL, request_id TEXT, is_stream INTEGER"
)
OLD = NEW.replace("inter_token_latencies", "chunk_times").replace(", request_id TEXT, is_stream INTEGER", "")

seconds = st.just(0.0) | st.none() | st.floats(0.001, 100)
a_row = st.fixed_dictionaries(
    {
        "success": st.sampled_from([1, 1, 1, 0]),
        "start_time": st.just(0.0) | st.none() | st.floats(1000, 1010),
        "completed_time": st.just(0.0) | st.none() | st.floats(1005, 1100),
        "latency": seconds,
        "first_chunk_latency": seconds,
        "prompt_tokens": st.none() | st.integers(0, 50),
        "completion_tokens": st.none() | st.integers(0, 50),
        "is_stream": st.sampled_from([1, 1, 0, None]),
        "lists": st.none() | st.lists(st.floats(0, 0.1), max_size=5).map(lambda times: json.dumps(sorted(times))),
    }
)


def make_run(folder: Path, ddl: str, rows: list[dict[str, Any]], args: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    succeeded = sum(row["success"] for row in rows)
    counts = {"Total requests": len(rows), "Succeed requests": succeeded, "Failed requests": len(rows) - succeeded}
    (folder / formats.SUMMARY).write_text(json.dumps(counts))
    (folder / formats.ARGS).write_text(json.dumps(args))
    with closing(sqlite3.connect(folder / formats.DATABASE)) as connection:
        connection.execute(f"CREATE TABLE result({ddl})")
        names = [row[1] for row in connection.execute("PRAGMA table_info(result)")]
        for row in rows:
            values = row | {"inter_token_latencies": row["lists"], "chunk_times": row["lists"]}
            connection.execute(
                f"INSERT INTO result VALUES ({', '.join('?' * len(names))})", [values.get(name) for name in names]
            )
        connection.commit()


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([NEW, OLD]),
    st.lists(a_row, min_size=1, max_size=12),
    st.sampled_from([True, False, None]),
    st.sampled_from(["openai", "openai", "embedding", "systemone"]),
)
def test_every_cell_of_made_up_rows_is_that_of_the_second_implementation(
    ddl: str, rows: list[dict[str, Any]], stream: bool | None, api: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_run(Path(folder) / "run", ddl, rows, {"model": "m", "stream": stream, "api": api})
        assert read(Path(folder), "run").derived["recomputed"].values == pytest.approx(
            recomputed(Path(folder) / "run"), rel=1e-9, abs=0
        )


# --- against what releases report ---

TIMES = ("latency", "ttft", "input_tokens", "output_tokens")
PER_TOKEN = ("token_latency", "inter_token_latency")
PER_SECOND = ("time_taken", "output_throughput", "total_throughput", "request_throughput")
# From release on: the averages whose definition is that of the recomputed ones, the decimals of the summary in its
# own unit, and whether percentiles are nearest ranks (then their decimals). Before 0.17.1 TPOT and ITL are others,
# before 1.1.1 the duration ends when the client consumed the last result; the throughput of 1.1.1 to 1.3.0 is wrong.
ERAS: list[tuple[str, tuple[str, ...], int, int | None]] = [
    ("1.13.0", (*TIMES, *PER_TOKEN, *PER_SECOND), 4, 4),
    ("1.11.1", (*TIMES, *PER_TOKEN, *PER_SECOND), 4, 2),
    ("1.4.0", (*TIMES, *PER_TOKEN, *PER_SECOND), 4, None),
    ("1.1.1", (*TIMES, *PER_TOKEN, "time_taken"), 4, None),
    ("0.17.1", (*TIMES, *PER_TOKEN), 4, None),
    ("0.14.0", TIMES, 4, None),
    ("0.7.0", TIMES, 3, None),
]
MILLISECONDS_SINCE = (1, 7, 0)
OF_STREAMED = ("ttft", *PER_TOKEN)


def both(tree: Path, run: str) -> tuple[dict[str, Any], dict[str, Any]]:
    record = read(tree, run)
    return (
        assemble(record, CONFIG | {"metrics": "reported", "fill_percentiles": False}),
        assemble(record, CONFIG),
    )


@each_run
def test_reported_and_recomputed_agree_where_the_definitions_do(tree: Path, run: str) -> None:
    release = releases.release(tree.parents[1].name)
    columns, decimals, percentile_decimals = next(rest for since, *rest in ERAS if release >= releases.release(since))
    reported, own = both(tree, run)
    if reported["succeeded"] == 0:
        assert not [column for column in columns if column in own and column != "time_taken"]
        return
    names = list(columns)
    if percentile_decimals is not None:
        names += [name for name in BY_NAME if BY_NAME[name].metric and name in reported]
    streamed = reported.get("stream") is not False
    compared = 0
    for name in names:
        metric = BY_NAME[name].metric
        if not streamed and (name in OF_STREAMED or metric in ("ttft", "itl", "tpot", "decode")):
            assert name not in own  # evalscope reports the latency, or 0
            continue
        if reported.get(name) is None or (own.get(name) is None and reported[name] == 0):
            continue
        in_milliseconds = release >= MILLISECONDS_SINCE and (name in OF_STREAMED or metric in ("ttft", "itl", "tpot"))
        places = percentile_decimals if metric else 2 if in_milliseconds else decimals
        assert places is not None
        half_a_step = 0.5 * 10**-places / (1000 if in_milliseconds else 1)
        assert own[name] == pytest.approx(reported[name], rel=1e-9, abs=half_a_step * (1 + 1e-6)), name
        compared += 1
    assert compared >= 3


@each_run
def test_labels_and_counts_are_the_same_in_both_modes(tree: Path, run: str) -> None:
    record = read(tree, run)
    reported, own = (assemble(record, CONFIG | {"metrics": mode}) for mode in ("reported", "recomputed"))
    for column in raw_columns(CONFIG):
        if column.name not in PERFORMANCE:
            assert own.get(column.name) == reported.get(column.name)
    assert not set(GROUP_LABELS) & PERFORMANCE


@pytest.mark.parametrize("release", ["1.1.1", "1.3.0"])
def test_the_throughput_of_a_single_request_was_tokens_by_one_second_from_1_1_1_to_1_3_0(release: str) -> None:
    (run,) = discovery.discover(str(RUNS / release / "n1" / "results")).sources
    tree = RUNS / release / "n1" / "results"
    written = json.loads((tree / run / formats.SUMMARY).read_bytes())
    reported, own = both(tree, run)
    assert written["Output token throughput (tok/s)"] == written["Average output tokens per request"]
    assert own["output_throughput"] == pytest.approx(reported["output_tokens"] / own["time_taken"], rel=1e-9)
    assert own["output_throughput"] > 2.5 * written["Output token throughput (tok/s)"]
    assert reported["output_throughput"] == pytest.approx(own["output_throughput"], rel=3e-4)  # corrected


@pytest.mark.parametrize(("release", "scenario"), [("1.1.1", "sweep"), ("1.2.0", "single"), ("1.3.0", "single")])
def test_the_throughput_of_several_requests_was_too_high_from_1_1_1_to_1_3_0(release: str, scenario: str) -> None:
    tree = RUNS / release / scenario / "results"
    for run in discovery.discover(str(tree)).sources:
        written = json.loads((tree / run / formats.SUMMARY).read_bytes())
        reported, own = both(tree, run)
        assert written["Output token throughput (tok/s)"] > 1.01 * own["output_throughput"]
        for column in PER_SECOND:
            assert reported[column] == pytest.approx(own[column], rel=3e-4)


# --- what can't be recomputed ---


def test_without_a_database_the_cells_are_empty_and_a_problem_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "run", NEW, [], {"model": "m"})
    (tmp_path / "run" / formats.DATABASE).unlink()
    record = read(tmp_path, "run", recompute=False)
    assert record.derived["recomputed"].values == {}
    assert [problem.code for problem in record.derived["recomputed"].problems] == ["unreadable-database"]
    reported, own = (assemble_all([record], CONFIG | {"metrics": mode}).problems for mode in ("reported", "recomputed"))
    assert len(own) - len(reported) == 1


def test_an_unreadable_database_leaves_the_cells_empty_and_the_counts_there(tmp_path: Path) -> None:
    make_run(tmp_path / "run", NEW, [], {"model": "m"})
    (tmp_path / "run" / formats.DATABASE).write_bytes(b"no database at all" * 100)
    (tmp_path / "run" / formats.SUMMARY).write_text(
        '{"Total requests": 3, "Succeed requests": 3, "Failed requests": 0, "Average latency (s)": 2.0}'
    )
    record = read(tmp_path, "run")
    assert record.derived["recomputed"].values == {}
    assert [problem.code for problem in record.problems] == ["unreadable-database"]
    row = assemble(record, CONFIG)
    assert (row["succeeded"], row.get("latency")) == (3, None)


ROW: dict[str, Any] = {
    "success": 1,
    "start_time": 10.0,
    "completed_time": 12.0,
    "latency": 2.0,
    "first_chunk_latency": 0.5,
    "prompt_tokens": 7,
    "completion_tokens": 4,
    "is_stream": 1,
    "lists": "[0.5, 0.5]",
}


def test_values_that_can_be_none_are_left_out_and_counted_in_a_problem(tmp_path: Path) -> None:
    wrong = [{"latency": -1.0}, {"latency": "soon"}, {"lists": "[0.25, -0.5, Infinity]"}, {"completed_time": math.inf}]
    make_run(tmp_path / "run", NEW, [ROW, *(ROW | bad for bad in wrong)], {"model": "m"})
    record = read(tmp_path, "run")
    assert "recomputed" in record.derived
    assert record.derived["recomputed"].values["latency"] == 2.0
    assert record.derived["recomputed"].values["100p_itl_"] == 0.5
    assert record.derived["recomputed"].values["time_taken"] == 2.0
    (problem,) = record.derived["recomputed"].problems
    assert problem.code == "value-out-of-range"
    assert "1 of completed_time, 2 of intervals, 2 of latency" in problem.message


def test_a_list_that_is_none_is_an_unreadable_database(tmp_path: Path) -> None:
    make_run(tmp_path / "run", NEW, [ROW, ROW | {"lists": '{"a": 1}'}], {"model": "m"})
    record = read(tmp_path, "run")
    assert record.derived["recomputed"].values == {}
    assert [problem.code for problem in record.derived["recomputed"].problems] == ["unreadable-database"]


# --- many values ---


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 1e300) | st.sampled_from([0.0, -0.0, 0.25, math.inf, math.nan]), max_size=200), st.data())
def test_a_pool_ranks_like_a_sorted_list_also_when_most_of_it_lies_in_a_file(
    values: list[float], data: st.DataObject
) -> None:
    limit, sample._IN_MEMORY = sample._IN_MEMORY, 16
    try:
        own = sample.Sample()
        for begin in range(0, len(values), 7):
            own.add(np.array(values[begin : begin + 7]))
        finite = sorted(value for value in values if math.isfinite(value))
        assert (own.count, own.dropped) == (len(finite), len(values) - len(finite))
        assert [own.smallest(rank) for rank in range(len(finite))] == finite
        assert own.mean == (pytest.approx(sum(finite) / len(finite), rel=1e-9) if finite else None)
    finally:
        sample._IN_MEMORY = limit


def test_the_memory_for_a_database_does_not_grow_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_IN_MEMORY", 2**15)
    monkeypatch.setattr(database, "_PART", 2**13)
    one = ROW | {"lists": json.dumps([round(0.001 * i, 3) for i in range(1000)])}
    peaks = []
    for size in (200, 1600):
        folder = tmp_path / str(size)
        make_run(folder, NEW, [one] * size, {"model": "m"})
        tracemalloc.start()
        assert "recomputed" in read(tmp_path, str(size)).derived
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]  # 200,000 and 1,600,000 intervals


@pytest.mark.parametrize(
    ("fill", "recompute", "wanted"),
    [
        (True, False, database.FOR_PERCENTILES),
        (False, True, database.FOR_RECOMPUTING),
        (True, True, database.FOR_PERCENTILES | database.FOR_RECOMPUTING),
    ],
)
def test_only_the_columns_that_are_needed_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill: bool, recompute: bool, wanted: frozenset[str]
) -> None:
    make_run(tmp_path / "run", NEW, [ROW], {"model": "m"})
    seen: set[str] = set()

    def watch(action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ and first == "result" and second:
            seen.add(second)
        return sqlite3.SQLITE_OK

    connect = sqlite3.connect

    def connect_and_watch(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **more)
        connection.set_authorizer(watch)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_and_watch)
    parts = {part for part, is_wanted in {"filled": fill, "recomputed": recompute}.items() if is_wanted}
    read_run(tmp_path, "run", [file.name for file in (tmp_path / "run").iterdir()], parts)
    there = {"success", "max_gpu_memory_cost", "completed_time"} | wanted
    assert seen == there & set(
        NEW.replace("REAL", "").replace("TEXT", "").replace("INTEGER", "").replace(" ", "").split(",")
    )


def test_percentiles_are_unrounded_nearest_ranks() -> None:
    values = sample.Sample()
    values.add(np.array([0.123456789 * i for i in range(10, 0, -1)]))
    found = [recompute.percentile(values, percent) for percent in (0, 1, 50, 51, 99, 100)]
    assert found == [0.123456789 * i for i in (1, 1, 5, 6, 10, 10)]
