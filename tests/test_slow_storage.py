"""Storage that answers late is asked many questions at once, and nothing else is different."""

import concurrent.futures
import itertools
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHECKOUT, MIXED, inventory_of
from evalscope_summary import bounded, discovery
from evalscope_summary.bounded import Failure, Workers
from evalscope_summary.progress import Progress
from evalscope_summary.readers.base import Listing, Source, Trace
from evalscope_summary.readers.evalscope import Evalscope
from evalscope_summary.records import Records, extract

sys.path.insert(0, str(CHECKOUT / "benchmarks"))
from slow_storage import preload

LATE = pytest.mark.skipif(not shutil.which("cc") or sys.platform != "linux", reason="needs a C compiler, and Linux")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Folders count as slow; the threads that look at them."""
    monkeypatch.setattr(discovery, "_SLOW", -1.0)
    monkeypatch.setattr(discovery, "_PROCESSES", 1)
    used: set[str] = set()
    look = discovery._Walk.look

    def noted(walk: discovery._Walk, path: str) -> discovery._Folder:
        used.add(threading.current_thread().name)
        time.sleep(hash(path) % 7 / 1000)  # so that they end in another order than they began
        return look(walk, path)

    monkeypatch.setattr(discovery._Walk, "look", noted)
    return used


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree with runs, problems, a loop, and a log of a test that left nothing."""
    tree = tmp_path / "results"
    shutil.copytree(MIXED, tree)
    (tree / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "started" / "20260101_000000").mkdir(parents=True)
    (tree / "started" / "20260101_000000" / "benchmark.log").touch()
    (tree / "z" / "parallel_1_number_2").mkdir(parents=True)
    return tree


def test_threads_find_the_same_in_the_same_order(tree: Path, request: pytest.FixtureRequest) -> None:
    alone = discovery.discover(str(tree))
    used = request.getfixturevalue("threads")
    together = discovery.discover(str(tree))
    assert list(together.sources.items()) == list(alone.sources.items())
    assert list(together.problems.items()) == list(alone.problems.items())
    assert len(alone.problems) > 1
    assert len(used) > 2


@pytest.mark.parametrize(
    ("alone", "slow"), [(0, math.inf), (1, math.inf), (7, math.inf), (30, math.inf), (10**6, -1.0)]
)
def test_processes_find_the_same_in_the_same_order(
    tree: Path, monkeypatch: pytest.MonkeyPatch, alone: int, slow: float
) -> None:
    (tree / "excluded" / "20260101_000000").mkdir(parents=True)
    (tree / "labels.csv").write_text("gpu\nH100\n")
    (tree / "z" / "labels.csv").write_text("gpu\nA100\n")
    monkeypatch.setattr(discovery, "_SLOW", math.inf)
    patterns = ["exclude*", "z/nothing*", "not-there"]

    def found() -> tuple[discovery.Tree, int]:
        progress = Progress("")
        return discovery.discover(str(tree), patterns, progress=progress, labels_file="labels.csv"), progress.done

    by_one = found()
    monkeypatch.setattr(discovery, "_MANY", alone)
    monkeypatch.setattr(discovery, "_SLOW", slow)
    monkeypatch.setattr(discovery, "sleeps", itertools.count().__next__)
    monkeypatch.setattr(discovery, "processors", lambda: 3)
    began: list[list[str]] = []
    begin = discovery.Worker.begin
    monkeypatch.setattr(discovery.Worker, "begin", lambda worker, part: (began.append(part), begin(worker, part)))
    by_several = found()
    assert by_several == by_one
    for attribute in ("sources", "problems", "labels"):
        assert list(getattr(by_several[0], attribute)) == list(getattr(by_one[0], attribute))
    assert by_one[0].left_out
    assert by_one[0].unmatched == ("z/nothing*", "not-there")
    assert len(by_one[0].labels) == 2
    assert len(began) == (3 if slow < 0 else 2 if alone else 0)  # the tree itself is one folder


def test_a_process_that_ends_loses_no_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ending(Evalscope):
        def sources(self, listing: Listing) -> Iterator[Source | Trace]:
            if os.getpid() != own:
                os.kill(os.getpid(), signal.SIGKILL)
            asked.append(listing.path)
            return super().sources(listing)

    own, asked = os.getpid(), list[str]()
    alone = discovery.discover(str(tree), readers=[Ending()])
    before = sorted(asked)
    asked.clear()
    monkeypatch.setattr(discovery, "_MANY", 1)
    monkeypatch.setattr(discovery, "processors", lambda: 3)
    assert list(discovery.discover(str(tree), readers=[Ending()]).sources.items()) == list(alone.sources.items())
    assert sorted(asked) == before


def test_what_a_reader_raises_in_a_process_reaches_the_caller(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(Evalscope):
        def sources(self, listing: Listing) -> Iterator[Source | Trace]:
            if os.getpid() != own:
                raise ValueError("not here")
            return super().sources(listing)

    own = os.getpid()
    monkeypatch.setattr(discovery, "_MANY", 1)
    monkeypatch.setattr(discovery, "processors", lambda: 2)
    with pytest.raises(ValueError, match="not here"):
        discovery.discover(str(tree), readers=[Failing()])


def test_a_busy_processor_is_no_slow_storage(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_SLOW", -1.0)
    monkeypatch.setattr(discovery, "sleeps", lambda: 7)
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", None)
    assert discovery.discover(str(tree)).sources


def test_storage_that_answers_at_once_is_walked_without_threads(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_SLOW", 60.0)
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", None)
    assert discovery.discover(str(tree)).sources


def test_one_folder_that_took_long_does_not_make_a_storage_slow(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([0.0, 9.0, 0.0, 9.0, 0.0, 9.0, 0.0, 9.0, 0.0, 0.0] * 1000)
    monkeypatch.setattr(time, "perf_counter", lambda: next(answers))
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", None)
    assert discovery.discover(str(tree)).sources


@pytest.mark.usefixtures("threads")
def test_what_a_reader_raises_in_a_thread_reaches_the_caller(tree: Path) -> None:
    class Failing(Evalscope):
        def sources(self, listing: Listing) -> Iterator[Source | Trace]:
            if listing.name == "parallel_1_number_2":
                raise ValueError(listing.path)
            return super().sources(listing)

    with pytest.raises(ValueError, match="z/parallel_1_number_2"):
        discovery.discover(str(tree), readers=[Failing()])


def number_and_process(item: int) -> tuple[int, int]:
    """What a worker does; the third item ends it."""
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.003)
    return item, os.getpid()


def test_items_that_wait_are_worked_on_by_several_and_stay_in_order() -> None:
    workers = Workers(number_and_process, lambda item: 5)
    first = workers(range(10, 15))
    second = workers(range(20))
    workers.close()
    assert len({result[1] for result in first if not isinstance(result, Failure)}) == 1
    assert [index if isinstance(result, Failure) else result[0] for index, result in enumerate(second)] == [*range(20)]
    assert [index for index, result in enumerate(second) if isinstance(result, Failure)] == [3]
    assert len({result[1] for result in second if not isinstance(result, Failure)}) >= 8
    assert workers([]) == []


def test_items_that_do_not_wait_are_worked_on_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "_WAITING", math.inf)
    workers = Workers(lambda item: os.getpid(), lambda item: 5)
    assert len({*workers(range(20)), *workers(range(20))}) == 1
    workers.close()


def test_items_that_get_no_processor_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "_WAITING", -1.0)  # each took longer than it computed, but gave no processor away
    workers = Workers(lambda item: os.getpid(), lambda item: 5)
    assert len({*workers(range(20)), *workers(range(20))}) == 1
    workers.close()


def test_records_are_the_same_bytes_by_one_and_by_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalscope_summary.records._AT_FIRST", 5)

    def made(folder: Path, waiting: float) -> dict[Path, bytes]:
        monkeypatch.setattr(bounded, "_WAITING", waiting)
        monkeypatch.setattr(bounded, "sleeps", itertools.count().__next__)
        assert all(extract(inventory_of(MIXED), Records(folder / "a" / "b" / "records")))
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.json")}

    alone = made(tmp_path / "alone", math.inf)
    assert len(alone) == 10
    assert made(tmp_path / "several", -1.0) == alone


@LATE
def test_the_library_of_the_benchmark_delays_what_asks_about_the_tree_alone(tmp_path: Path) -> None:
    for name in ("tree", "tree2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    program = """
import os, sys, time
asked = (os.stat, os.lstat, os.scandir, os.listdir, lambda path: os.open(path, 0), lambda path: os.access(path, 4))
for path in sys.argv[1:]:
    begin = time.perf_counter()
    for ask in asked:
        ask(path)
    print(time.perf_counter() - begin)
"""
    environment = os.environ | preload(tmp_path, tmp_path / "tree", 300_000)
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "tree", tmp_path / "tree2"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    slow, fast = map(float, done.stdout.split())
    assert slow >= 6 * 0.3
    assert fast < 6 * 0.3


@LATE
def test_tables_of_late_storage_are_the_same_bytes(tmp_path: Path) -> None:
    def tables(folder: Path, environment: dict[str, str]) -> list[bytes]:
        folder.mkdir()
        program = CHECKOUT / "scripts" / "evalscope_aggregator.py"
        command = [sys.executable, program, "--results-dir", MIXED, "--data-type", "both"]
        subprocess.run(command, cwd=folder, env=os.environ | environment, check=True, capture_output=True)
        return [path.read_bytes() for path in sorted(folder.iterdir())]

    fast = tables(tmp_path / "fast", {})
    assert len(fast) > 1
    assert tables(tmp_path / "slow", preload(tmp_path, MIXED.resolve(), 2000)) == fast
