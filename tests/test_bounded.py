"""Reading that would take all time or memory ends, and costs one run alone."""

import faulthandler
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from conftest import CHECKOUT, MIXED, inventory_of, rows_of
from evalscope_summary import bounded, records
from evalscope_summary.bounded import Failure, Worker
from evalscope_summary.readers.evalscope.formats import DATABASE
from evalscope_summary.records import Records, extract
from evalscope_summary.request_rows import RequestRows

RUN = "1.4.2/p1_n5_dp_short/20261124_021947/mock-7b"
OTHER = "1.4.2/p1_n5_dp_short/20261124_021949/mock-7b"


def spin(item: str) -> str:
    """What a run may do: end well, or not."""
    if item == "forever":
        while True:
            pass
    if item == "all memory":
        return str(len(bytes(2**34)))
    if item.startswith("SIG"):
        faulthandler.disable()  # pytest's, that would show an end that is meant to happen
        with tempfile.TemporaryDirectory(prefix=bounded.scratch_prefix):
            os.kill(os.getpid(), signal.Signals[item])
    return item.upper()


@pytest.mark.parametrize(
    ("item", "message", "passing"),
    [
        ("forever", "takes more than 1 s of computing", False),
        ("all memory", "takes more than 512 MiB of memory", False),
        ("SIGSEGV", "ends the process that reads it (SIGSEGV)", False),
        ("SIGABRT", "ends the process that reads it (SIGABRT)", False),
        ("SIGKILL", "perhaps for lack of memory", True),
        ("SIGBUS", "ends the process that reads it (SIGBUS)", True),
    ],
)
def test_the_end_of_a_process_costs_one_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, item: str, message: str, passing: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker = Worker(spin, lambda item: 1)
    first, failure, last = worker(["a", item, "b"])
    assert (first, last) == ("A", "B")
    assert isinstance(failure, Failure)
    assert message in failure.message
    assert failure.passing == passing
    assert worker(["c"]) == ["C"]
    assert list(tmp_path.iterdir()) == []
    worker.close()


def test_what_a_limit_of_this_machine_ended_may_go_well_at_the_next_start() -> None:
    program = """
import resource
from evalscope_summary.bounded import Worker
resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
print(*Worker(lambda size: len(bytes(size)), lambda size: 5)([1, 2**29, 2]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("1 Failure(message='takes more than 256 MiB of memory', passing=True) 2"), done.stderr


def test_an_error_of_ours_is_raised_here() -> None:
    def fail(item: str) -> None:
        raise SystemExit(item) if item == "full" else ValueError(item)

    worker = Worker(fail, lambda item: 5)
    with pytest.raises(SystemExit, match="full"):
        worker(["full"])
    with pytest.raises(ValueError, match="ours") as caught:
        worker(["ours"])
    assert "in fail" in caught.value.__notes__[0]
    worker.close()


def packed(path: Path) -> None:
    """A database of 4 MB: 10**18 rows, and a chain of 8,000 pages to walk for each, within the bound on steps."""
    path.unlink()
    size = 512
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={size}")
        connection.execute("CREATE TABLE result(request, success, completed_time, latency, max_gpu_memory_cost)")
        connection.execute("INSERT INTO result VALUES (?, 1, 2.0, 1.0, 0.0)", ("x" * 4_000_000,))
    data = path.read_bytes()
    root, pages = data[size : 2 * size], len(data) // size
    leaf = pages + 8  # the row's page moves behind inner ones, which all name the next one fifty times
    inner = []
    for number in (2, *range(pages + 1, leaf)):
        child = (leaf if number == leaf - 1 else max(number, pages) + 1).to_bytes(4)
        cells = 50
        start = size - 5 * cells
        pointers = b"".join((start + 5 * i).to_bytes(2) for i in range(cells))
        page = b"\x05\0\0" + cells.to_bytes(2) + start.to_bytes(2) + b"\0" + child + pointers
        inner.append(page.ljust(start, b"\0") + (child + b"\x01") * cells)
    content = data[:28] + leaf.to_bytes(4) + data[32:size] + inner[0] + data[2 * size :] + b"".join(inner[1:]) + root
    path.write_bytes(content)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of two runs, one of which never ends."""
    for run in (RUN, OTHER):
        shutil.copytree(MIXED / run, tmp_path / "results" / run)
    packed(tmp_path / "results" / RUN / DATABASE)
    return tmp_path / "results"


def test_a_database_that_takes_hours_is_a_problem_of_its_run_for_good(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_SECONDS", 1)
    inventory = inventory_of(tree, metrics="recomputed")
    kept = Records(tmp_path / "records")
    assert list(extract(inventory, kept)) == [True, True]
    assert list(extract(inventory, kept)) == [False, False]
    (bad,), (good,) = kept.get(inventory, RUN), kept.get(inventory, OTHER)
    (problem,) = bad.problems
    assert (problem.severity, problem.code, problem.file) == ("warning", "unreadable-database", DATABASE)
    assert "takes more than 1 s of computing" in problem.message
    assert bad.values["latency"] > 0, "what the JSON files say is there"
    assert not good.problems


def test_a_database_that_takes_hours_costs_only_its_own_requests(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_SECONDS", 1)
    inventory = inventory_of(tree)
    for again in (False, True):
        rows = RequestRows(tmp_path / "requests", str(tree), inventory)
        messages = dict(zip(inventory.sources, rows.refresh(), strict=True))
        rows.close()
        if again:
            assert list(messages.values()) == [None, None], "for good"
        else:
            (message,) = messages[RUN] or [""]
            assert "takes more than 1 s of computing" in message
            assert messages[OTHER] == []
    assert list(rows.runs(RUN)) == []
    assert [sum(map(len, blocks)) > 0 for _, blocks in rows.runs(OTHER)] == [True]


def test_files_that_take_all_time_without_a_database_skip_the_run(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_source(root: str, path: str, *rest: object) -> object:
        return spin("forever") if path == RUN else real(root, path, *rest)  # type: ignore[arg-type]

    real = records.read_source
    monkeypatch.setattr(records, "read_source", read_source)
    monkeypatch.setattr(records, "_SECONDS", 1)
    inventory = inventory_of(tree, metrics="recomputed")
    kept = Records(tmp_path / "records")
    assert list(extract(inventory, kept)) == [True, True]
    (problem,) = kept.get(inventory, RUN)[0].problems
    assert (problem.severity, problem.code) == ("skipped", "unreadable-json")
    assert not kept.get(inventory, OTHER)[0].problems


def test_the_plain_command_reads_within_the_same_bounds(tmp_path: Path, tree: Path) -> None:
    program = CHECKOUT / "scripts" / "evalscope_aggregator.py"
    run = "import runpy, sys; from evalscope_summary import records; records._SECONDS = 1; sys.argv[:] = sys.argv[1:]"
    start = "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{run}; {start}",
            program,
            "--results-dir",
            tree,
        ],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "scripts")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(rows_of(tmp_path / "summary_raw.csv")) == 2
    (problem,) = rows_of(tmp_path / "summary_problems.csv")
    assert (problem["run"], problem["code"]) == (RUN, "unreadable-database")
