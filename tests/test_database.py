"""Reading request databases of every release, and of runs that were killed or go on."""

import hashlib
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from evalscope_summary.readers.evalscope import database, formats
from evalscope_summary.readers.evalscope.database import Rows, Totals, UnreadableDatabase

_HEAD = "request TEXT, start_time REAL, {lists} TEXT, success INTEGER, response_messages TEXT, completed_time REAL,"
_HEAD += " latency REAL, first_chunk_latency REAL,"
_TAIL = " prompt_tokens INTEGER, completion_tokens INTEGER, max_gpu_memory_cost REAL"
DDL = {
    "0.2.5": "request, start_time, chunk_times, success, response_messages, completed_time, latency,"
    " first_chunk_latency, n_chunks, chunk_time, prompt_tokens, completion_tokens",
    "0.7.0": _HEAD.format(lists="chunk_times") + " n_chunks INTEGER, chunk_time REAL," + _TAIL,
    "0.17.1": _HEAD.format(lists="chunk_times") + _TAIL + ", time_per_output_token REAL",
    "1.1.1": _HEAD.format(lists="inter_token_latencies") + _TAIL + ", time_per_output_token REAL",
    "1.9.1": _HEAD.format(lists="inter_token_latencies") + _TAIL + ", time_per_output_token REAL, request_id TEXT",
    "1.10.0": _HEAD.format(lists="inter_token_latencies")
    + _TAIL
    + ", time_per_output_token REAL, request_id TEXT, is_stream INTEGER",
}
each_ddl = pytest.mark.parametrize("release", DDL)

OK: dict[str, Any] = {
    "request": "{}",
    "start_time": 100.0,
    "chunk_times": "[100.5, 100.75, 101.25]",
    "inter_token_latencies": "[0.25, 0.5]",
    "success": 1,
    "response_messages": "x" * 50_000,
    "completed_time": 102.0,
    "latency": 2.0,
    "first_chunk_latency": 0.5,
    "n_chunks": 1,
    "chunk_time": 0.25,
    "prompt_tokens": 10,
    "completion_tokens": 4,
    "max_gpu_memory_cost": 0.0,
    "time_per_output_token": 0.5,
    "request_id": "a",
    "is_stream": 1,
}
FAILED: dict[str, Any] = {"request": "{}", "start_time": 100.0, "success": 0, "completed_time": 101.0, "is_stream": 1}


def make(folder: Path, release: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Make a database with the columns of a release."""
    with closing(sqlite3.connect(folder / formats.DATABASE)) as connection:
        connection.execute(f"CREATE TABLE result({DDL[release]})")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(result)")]
        marks = ", ".join("?" * len(columns))
        values = [[row.get(column) for column in columns] for row in rows]
        connection.executemany(f"INSERT INTO result VALUES ({marks})", values)
        connection.commit()
    return folder


def read(folder: Path) -> tuple[Totals, Rows]:
    with database.connect(folder) as connection:
        found = database.totals(connection)
        (part,) = database.rows(connection, found.columns, database.FOR_PERCENTILES, True)
        return found, part


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """What lies in a folder: name → digest and modification time."""
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in sorted(folder.iterdir())
    }


def reason(folder: Path) -> str:
    with pytest.raises(UnreadableDatabase) as caught:
        read(folder)
    return str(caught.value)


# --- every release's columns ---


@each_ddl
def test_requests_are_counted_in_every_release(tmp_path: Path, release: str) -> None:
    found, rows = read(make(tmp_path, release, [OK, FAILED, OK]))
    assert (found.requests, found.succeeded) == (3, 2)
    assert list(rows.latency) == [2.0, 2.0]
    assert list(rows.ttft) == [0.5, 0.5]
    assert list(rows.input_tokens) == [10.0, 10.0]
    assert list(rows.output_tokens) == [4.0, 4.0]
    assert list(rows.intervals) == [0.25, 0.5] * 2


@each_ddl
def test_a_column_that_a_release_lacks_reads_as_missing(tmp_path: Path, release: str) -> None:
    found, rows = read(make(tmp_path, release, [OK]))
    for column, (value,) in {"time_per_output_token": rows.token_latency, "chunk_time": rows.chunk_time}.items():
        assert value == OK[column] if column in found.columns else math.isnan(value)
    assert list(rows.stream) == [1.0], "where there is no column, as was asked for"


@each_ddl
def test_success_as_text_counts(tmp_path: Path, release: str) -> None:
    texts = [OK | {"success": "True"}, FAILED | {"success": "False"}, OK | {"success": "True"}]
    found, rows = read(make(tmp_path, release, texts))
    assert (found.requests, found.succeeded) == (3, 2)
    assert len(rows.latency) == 2


@each_ddl
def test_a_database_without_rows_is_no_error(tmp_path: Path, release: str) -> None:
    found, rows = read(make(tmp_path, release, []))
    assert (found.requests, found.succeeded, found.gpu_memory, found.failed_without_end) == (0, 0, None, False)
    assert not any(vars(rows).values())


def test_only_failures_leave_no_rows(tmp_path: Path) -> None:
    found, rows = read(make(tmp_path, "1.10.0", [FAILED] * 3))
    assert (found.requests, found.succeeded) == (3, 0)
    assert len(rows.latency) == 0


def test_success_null_is_a_failure(tmp_path: Path) -> None:
    found, _ = read(make(tmp_path, "1.10.0", [OK | {"success": None}, OK]))
    assert (found.requests, found.succeeded) == (2, 1)


def test_real_databases_of_all_releases_hold_what_their_summaries_count() -> None:
    runs = Path(__file__).parent / "fixtures" / "runs"
    files = sorted(runs.rglob(formats.DATABASE))
    assert len({file.relative_to(runs).parts[0] for file in files}) == 34
    for file in files:
        summary = json.loads((file.parent / formats.SUMMARY).read_text())
        counts = [
            next(summary[key] for key in formats.SUMMARY_KEYS[column] if key in summary)
            for column in ("requests", "succeeded")
        ]
        found, rows = read(file.parent)
        assert [found.requests, found.succeeded] == counts
        assert len(rows.latency) == found.succeeded


# --- GPU memory, ends of failed requests ---


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ([0.0, 0.0], None),
        ([None, None], None),
        ([None, 0.0], None),
        ([1.5, 2.5], (2.0, 2.5, 1.5)),
        ([1.5, None, 2.5], (2.0, 2.5, 1.5)),
        ([0.0, 4.0], (2.0, 4.0, 0.0)),
        (["much"], None),
    ],
)
def test_gpu_memory_over_the_rows_that_have_it(tmp_path: Path, costs: list[Any], expected: Any) -> None:
    rows = [OK | {"max_gpu_memory_cost": cost} for cost in costs]
    found, _ = read(make(tmp_path, "1.1.1", rows))
    assert found.gpu_memory == expected


def test_releases_without_gpu_memory_have_none(tmp_path: Path) -> None:
    assert read(make(tmp_path, "0.2.5", [OK]))[0].gpu_memory is None


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([OK, FAILED], False),
        ([OK, FAILED | {"completed_time": 0.0}, FAILED], True),
        ([OK | {"completed_time": 0.0}], False),
        ([FAILED | {"completed_time": None}], False),
        ([FAILED | {"completed_time": 0.0, "success": "False"}], True),
    ],
)
def test_only_failed_requests_can_lack_an_end(tmp_path: Path, rows: list[dict[str, Any]], expected: bool) -> None:
    assert read(make(tmp_path, "1.1.1", rows))[0].failed_without_end is expected


# --- values that can't be ---


@pytest.mark.parametrize("value", [None, "fast", b"\x00", -1.0, math.inf, -math.inf])
@pytest.mark.parametrize("column", ["latency", "prompt_tokens", "time_per_output_token"])
def test_what_is_no_number_reads_as_missing(tmp_path: Path, column: str, value: Any) -> None:
    _, rows = read(make(tmp_path, "1.10.0", [OK, OK | {column: value}]))
    good, bad = getattr(rows, database._NUMBERS[column])
    assert good == OK[column]
    assert math.isnan(bad)


def test_zero_is_a_number(tmp_path: Path) -> None:
    _, rows = read(make(tmp_path, "1.10.0", [OK | {"latency": 0.0, "completion_tokens": 0}]))
    assert (list(rows.latency), list(rows.output_tokens)) == ([0.0], [0.0])


@pytest.mark.parametrize("text", ["", "[1", "{}x", "1", "null", '["a"]', "[null]", "[[1]]", 5, b"[1]"])
def test_intervals_that_are_no_list_of_numbers_make_the_database_unreadable(tmp_path: Path, text: Any) -> None:
    make(tmp_path, "1.10.0", [OK | {"inter_token_latencies": text}])
    assert "inter_token_latencies" in reason(tmp_path)


@pytest.mark.parametrize(
    ("text", "intervals"), [(None, []), ("[]", []), ("[0.5]", [0.5]), ("[1, 2.5]", [1.0, 2.5]), (" [0.5]\n", [0.5])]
)
def test_lists_of_intervals(tmp_path: Path, text: str | None, intervals: list[float]) -> None:
    _, rows = read(make(tmp_path, "1.10.0", [OK | {"inter_token_latencies": text}]))
    assert list(rows.intervals) == intervals


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", "[-Infinity]", "[1e400]"])
def test_intervals_that_are_not_finite_are_handed_over_as_they_are(tmp_path: Path, text: str) -> None:
    _, rows = read(make(tmp_path, "1.10.0", [OK | {"inter_token_latencies": text}]))
    (interval,) = rows.intervals
    assert not math.isfinite(interval)


def test_an_interval_of_four_hundred_digits_does_not_end_the_program(tmp_path: Path) -> None:
    make(tmp_path, "1.10.0", [OK | {"inter_token_latencies": f"[1{'0' * 400}]"}])
    try:
        _, rows = read(tmp_path)
    except UnreadableDatabase:
        return
    assert [math.isnan(interval) for interval in rows.intervals] == [True]


@pytest.mark.parametrize(
    ("text", "intervals"), [("[]", []), ("[7.0]", []), ("[1.0, 1.5, 3.5]", [0.5, 2.0]), (None, [])]
)
def test_times_of_chunks_become_intervals(tmp_path: Path, text: str | None, intervals: list[float]) -> None:
    _, rows = read(make(tmp_path, "0.7.0", [OK | {"chunk_times": text}]))
    assert list(rows.intervals) == intervals


# --- nothing is written, replies are not read ---


@each_ddl
def test_nothing_is_written_into_the_folder(tmp_path: Path, release: str) -> None:
    make(tmp_path, release, [OK, FAILED])
    before = contents(tmp_path)
    with database.connect(tmp_path) as connection:
        list(database.rows(connection, database.totals(connection).columns, database.FOR_PERCENTILES, True))
        assert contents(tmp_path) == before
    assert contents(tmp_path) == before


def test_a_database_without_a_journal_can_not_be_written_to(tmp_path: Path) -> None:
    make(tmp_path, "1.10.0", [OK])
    with pytest.raises(UnreadableDatabase, match="readonly"), database.connect(tmp_path) as connection:
        connection.execute("DELETE FROM result")


def test_replies_and_requests_are_never_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "1.10.0", [OK])
    statements: list[str] = []
    with database.connect(tmp_path) as connection:
        connection.set_trace_callback(statements.append)
        list(database.rows(connection, database.totals(connection).columns, database.FOR_PERCENTILES, True))
    assert len(statements) >= 3
    for statement in statements:
        assert "response_messages" not in statement
        assert "*" not in statement.replace("COUNT(*)", "")


@pytest.mark.parametrize(
    "name", ["a b", "per%20cent", "question?mark", "hash#tag", "中文", "it's", "two\nlines", "-wal"]
)
def test_folders_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    assert read(make(folder, "1.10.0", [OK]))[0].requests == 1


def test_a_folder_whose_name_is_no_utf8(tmp_path: Path) -> None:
    plain = make(tmp_path, "1.10.0", [OK])
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (plain / formats.DATABASE).rename(folder / formats.DATABASE)
    assert read(folder)[0].requests == 1


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m").mkdir()
    make(tmp_path / "m", "1.10.0", [OK])
    monkeypatch.chdir(tmp_path)
    assert read(Path("m"))[0].requests == 1


# --- runs that were killed or go on ---

# As evalscope >= 1.1.1 writes: one transaction per 1000 rows; here 3 rows are committed and 3000 are not. The small
# cache makes SQLite write pages of the open transaction to the disk, so that a hot journal stays behind.
_WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
if sys.argv[2] == "wal":
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
connection.execute("PRAGMA cache_size=10")
row = "INSERT INTO result(success, latency, response_messages, start_time) VALUES (1, 2.0, ?, 1.0)"
connection.execute("BEGIN")
for _ in range(3):
    connection.execute(row, ("x" * 1000,))
connection.execute("COMMIT")
connection.execute("BEGIN")
for _ in range(3000):
    connection.execute(row, ("x" * 1000,))
print("written", flush=True)
time.sleep(600)
"""


def start_writer(folder: Path, mode: str) -> "subprocess.Popen[str]":
    make(folder, "1.10.0", [])
    command = [sys.executable, "-c", _WRITER, str(folder / formats.DATABASE), mode]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    return process


def end(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(("mode", "side"), [("delete", formats.JOURNAL), ("wal", formats.WAL)])
def test_of_a_killed_run_only_committed_requests_are_seen(tmp_path: Path, mode: str, side: str) -> None:
    end(start_writer(tmp_path, mode))
    assert (tmp_path / side).stat().st_size > 0
    if mode == "delete":
        assert (tmp_path / formats.DATABASE).stat().st_size > 1_000_000  # the uncommitted rows are in the file
    before = contents(tmp_path)
    found, rows = read(tmp_path)
    assert (found.requests, found.succeeded, list(rows.latency)) == (3, 3, [2.0] * 3)
    assert contents(tmp_path) == before


def test_a_copy_is_removed_when_it_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = tmp_path / "run"
    run.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    end(start_writer(run, "delete"))
    with database.connect(run) as connection:
        assert database.totals(connection).requests == 3
        assert len(list(scratch.iterdir())) == 1
    assert list(scratch.iterdir()) == []


def test_a_wal_database_that_was_closed_is_read_without_writing(tmp_path: Path) -> None:
    make(tmp_path, "1.10.0", [OK])
    with closing(sqlite3.connect(tmp_path / formats.DATABASE)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    before = contents(tmp_path)
    assert list(before) == [formats.DATABASE]
    assert read(tmp_path)[0].requests == 1
    assert contents(tmp_path) == before


def test_an_empty_journal_beside_a_database_does_no_harm(tmp_path: Path) -> None:
    make(tmp_path, "1.10.0", [OK])
    (tmp_path / formats.JOURNAL).write_bytes(b"")
    before = contents(tmp_path)
    assert read(tmp_path)[0].requests == 1
    assert contents(tmp_path) == before


def test_a_locked_database_is_said_to_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.01)
    make(tmp_path, "1.10.0", [OK])
    with closing(sqlite3.connect(tmp_path / formats.DATABASE, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert "locked" in reason(tmp_path)
        writer.execute("ROLLBACK")
    assert read(tmp_path)[0].requests == 1


# --- what is no database ---


def test_an_empty_file_has_no_table(tmp_path: Path) -> None:
    (tmp_path / formats.DATABASE).write_bytes(b"")
    assert "no table `result`" in reason(tmp_path)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE TABLE other(success)", "no table `result`"),
        ("CREATE VIEW result AS SELECT 1 AS success", "no table `result`"),
        ("CREATE TABLE result(latency)", "no column `success`"),
    ],
)
def test_another_database_says_what_it_lacks(tmp_path: Path, statement: str, expected: str) -> None:
    with closing(sqlite3.connect(tmp_path / formats.DATABASE)) as connection:
        connection.execute(statement)
    assert expected in reason(tmp_path)


# --- journals and links that lead elsewhere ---


def hostile_journal(folder: Path, named: str) -> None:
    """Leave a hot journal that names a super-journal, as SQLite writes one: name, length, checksum, magic number."""
    end(start_writer(folder, "delete"))
    name = os.fsencode(named)
    total = sum(byte - 256 if byte > 127 else byte for byte in name) % 2**32
    marks = b"\xff\xff\xff\xff", len(name).to_bytes(4), total.to_bytes(4), bytes.fromhex("d9d505f920a163d7")
    with open(folder / formats.JOURNAL, "ab") as journal:
        journal.write(marks[0] + name + b"".join(marks[1:]))


@pytest.mark.parametrize("relative", [False, True])
def test_a_journal_that_names_another_file_never_has_it_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    canary, run = tmp_path / "canary", tmp_path / "run"
    run.mkdir()
    canary.write_text("mine")
    monkeypatch.chdir(tmp_path)
    hostile_journal(run, "canary" if relative else str(canary))
    before = contents(run)
    assert "super-journal" in reason(run)
    assert canary.read_text() == "mine"
    assert contents(run) == before


def test_a_fifo_that_a_journal_names_is_not_waited_for(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    os.mkfifo(tmp_path / "fifo")
    hostile_journal(run, str(tmp_path / "fifo"))
    assert "super-journal" in reason(run)


def linked(tmp_path: Path) -> tuple[Path, Path]:
    """A folder with the database, and one with a link to it."""
    store, run = tmp_path / "store", tmp_path / "run"
    store.mkdir()
    run.mkdir()
    (run / formats.DATABASE).symlink_to(store / formats.DATABASE)
    return store, run


@pytest.mark.parametrize(("mode", "side"), [("delete", formats.JOURNAL), ("wal", formats.WAL)])
@pytest.mark.parametrize("beside", ["target", "link"])
def test_of_a_link_to_a_killed_run_only_committed_requests_are_seen(
    tmp_path: Path, mode: str, side: str, beside: str
) -> None:
    store, run = linked(tmp_path)
    end(start_writer(store, mode))
    if beside == "link":
        (store / side).rename(run / side)
    before = contents(store)
    assert read(run)[0].requests == 3
    assert contents(store) == before


@pytest.mark.parametrize("side", [formats.JOURNAL, formats.WAL])
def test_a_side_file_of_a_links_target_that_is_none_is_not_waited_for(tmp_path: Path, side: str) -> None:
    store, run = linked(tmp_path)
    make(store, "1.10.0", [OK])
    os.mkfifo(store / side)
    assert "not a regular file" in reason(run)


def test_a_path_that_is_too_long_for_sqlite(tmp_path: Path) -> None:
    folder = make(tmp_path, "1.10.0", [OK])
    for _ in range(4):
        folder /= "d" * 200
    folder.mkdir(parents=True)
    (tmp_path / formats.DATABASE).rename(folder / formats.DATABASE)
    assert read(folder)[0].requests == 1
    (tmp_path / "short").symlink_to(folder)
    assert read(tmp_path / "short")[0].requests == 1
