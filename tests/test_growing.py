"""Runs that change while the workflow runs: no row mixes two states of a run, and the next start looks again."""

import errno
import itertools
import json
import os
import random
import shutil
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Project, frame_of, got, inventory_of, rows_of
from evalscope_summary import jsonfile
from evalscope_summary.discovery import discover
from evalscope_summary.inventory import Inventory
from evalscope_summary.layouts import raw_columns
from evalscope_summary.readers.evalscope import database
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.records import Due, Records, read_settled
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import assemble_all, merge
from evalscope_summary.tables.csv import write_csv

sys.path.insert(0, str(CHECKOUT / "benchmarks"))

from trees import make_tree

CONFIG = "1.4.2/p1_n5_dp_short"
RUN = f"{CONFIG}/20261124_021947/mock-7b"
OTHER = f"{CONFIG}/20261124_021949/mock-7b"
IN_ORDER = ("benchmark_data.db", "benchmark_args.json", "benchmark_summary.json", "benchmark_percentile.json")
"""The files of a run in the order in which evalscope writes them."""


# What happens to a run after it was found and before it is read, and after the tables were made; `kept` is a copy of
# the run as it was found, with its times.
def change(project: Project, _: Path) -> None:
    project.change(RUN)


def remove(project: Project, _: Path) -> None:
    shutil.rmtree(project.tree / RUN)


def remove_percentiles(project: Project, _: Path) -> None:
    (project.tree / RUN / "benchmark_percentile.json").unlink()


def restore(project: Project, kept: Path) -> None:
    shutil.rmtree(project.tree / RUN, ignore_errors=True)
    shutil.copytree(kept, project.tree / RUN)


def leave(project: Project, kept: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("meanwhile", "afterwards", "row_in_between", "read_next"),
    [
        (change, leave, "as it is meanwhile", set()),
        (change, restore, "as it is meanwhile", {RUN}),  # same sizes and times as when it was found
        (remove, leave, "none", set()),
        (remove, restore, "none", {RUN}),
        (remove_percentiles, restore, "as it is meanwhile", {RUN}),
    ],
)
def test_a_run_that_changes_between_finding_and_reading_is_as_the_tree_after_the_next_start(
    built: Project,
    tmp_path: Path,
    meanwhile: Callable[[Project, Path], None],
    afterwards: Callable[[Project, Path], None],
    row_in_between: str,
    read_next: set[str],
) -> None:
    built.change(RUN)
    kept = tmp_path / "kept"
    shutil.copytree(built.tree / RUN, kept)
    build = built.start("--cores", "1", stop_at=1)
    try:
        meanwhile(built, kept)
    finally:
        built.go.touch()
        assert build.wait(60) == 0
    if row_in_between != "none":
        assert built.tables() == built.clean_tables()
    assert (RUN in {row["run"] for row in rows_of(built.folder / "summary_raw.csv")}) == (row_in_between != "none")
    afterwards(built, kept)
    assert built.snakemake().read == read_next
    assert built.tables() == built.clean_tables()
    if read_next:
        assert NOTHING_TO_DO in built.snakemake("-n").text


@pytest.mark.parametrize("after", range(3))  # summary, args, percentiles
@pytest.mark.parametrize(("changes", "expected"), [(1, "other"), (2, "first"), (3, None)])
def test_a_run_that_is_replaced_while_it_is_read_is_read_again_or_skipped(
    built: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, changes: int, expected: str | None
) -> None:
    run = tmp_path / "tree" / RUN
    sources = {"first": built.tree / RUN, "other": built.tree / OTHER}
    shutil.copytree(sources["first"], run)
    claimed, names = discover(str(tmp_path / "tree")).sources[RUN], ["other", "first", "other"][:changes]
    states = {
        name: read_run(built.tree, str(p.relative_to(built.tree)), IN_ORDER, {"filled", "recomputed"})
        for name, p in sources.items()
    }
    read, count = jsonfile.read, 0

    def read_and_replace(path: str) -> object:
        nonlocal count
        content = read(path)
        if count % 3 == after and names:
            shutil.rmtree(run)
            shutil.copytree(sources[names.pop(0)], run, copy_function=shutil.copyfile)  # dated now
        count += 1
        return content

    monkeypatch.setattr(jsonfile, "read", read_and_replace)
    (record,), seen = read_settled(str(tmp_path / "tree"), Due(RUN, claimed, {"filled", "recomputed"}))
    assert count == 3 * min(changes + 1, 3)
    if expected is None:
        assert (seen, record.values, record.skipped) == ({}, {}, True)
        assert [(p.severity, p.code) for p in record.problems] == [("skipped", "incomplete")]
        assert "run again" in record.problems[0].message
    else:
        assert seen == discover(str(tmp_path / "tree")).sources[RUN].signature
        assert record.fingerprint == states[expected].fingerprint
        place = {"run": "", "timestamp": "", "tool": ""}  # `tool` is set by who asks a reader
        assert record.values | place == states[expected].values | place


@dataclass
class Writer:
    """Adds, changes and removes runs in a tree as evalscope, or a copy of what it wrote, does: file after file.

    After each step it keeps a copy of the run: the states that the run really had.
    """

    tree: Path
    source: Path
    states: Path
    chance: random.Random
    busy: int = 6
    ended: threading.Event = field(default_factory=threading.Event)
    steps: int = 0

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self.write)

    def write(self) -> None:
        version = 0
        while not self.ended.is_set():
            version += 1
            run = f"busy{self.chance.randrange(self.busy)}/20260101_000000/mock-7b"
            exists = (self.tree / run).exists()
            if exists and self.chance.random() < 0.5:
                steps = self.replace(run, version)
            else:
                steps = itertools.chain(self.remove(run) if exists else (), self.add(run, version))
            for _ in steps:
                self.keep(run)
                if self.ended.is_set() and self.chance.random() < 0.3:
                    return  # killed

    def add(self, run: str, version: int) -> Iterator[None]:
        (self.tree / run).mkdir(parents=True, exist_ok=True)
        for name in IN_ORDER:
            content = self.content(name, version)
            with open(self.tree / run / name, "wb", buffering=0) as file:
                half = len(content) // 2
                for part in (content[:half], content[half:]):
                    file.write(part)
                    yield

    def replace(self, run: str, version: int) -> Iterator[None]:
        """As a copy does: each file whole, in the place of the one before."""
        for name in IN_ORDER[1:]:
            if (self.tree / run / name).exists():
                path = self.tree / f".{name}"
                path.write_bytes(self.content(name, version))
                path.replace(self.tree / run / name)
                yield

    def content(self, name: str, version: int) -> bytes:
        content = (self.source / name).read_bytes()
        if name.endswith(".json"):
            return json.dumps(numbered(json.loads(content), version), indent=4).encode()
        return content

    def remove(self, run: str) -> Iterator[None]:
        for name in self.chance.sample(IN_ORDER, len(IN_ORDER)):
            path = self.tree / run / name
            if path.exists():
                path.unlink()
                yield
        (self.tree / run).rmdir()

    def keep(self, run: str) -> None:
        if all((self.tree / run / name).exists() for name in IN_ORDER[1:3]):  # else it has no row
            shutil.copytree(self.tree / run, self.states / str(self.steps) / run)
        self.steps += 1
        time.sleep(0.01)

    def rows(self) -> set[tuple[str, ...]]:
        """The rows of all states that there were."""
        config = complete({})
        records = [
            record
            for state in self.states.iterdir()
            for run, claimed in discover(str(state)).sources.items()
            for record in read_settled(str(state), Due(run, claimed, {"filled"}))[0]
        ]
        path = self.states.with_name("states.csv")
        write_csv(path, raw_columns(config), frame_of(raw_columns(config), merge([assemble_all(records, config)]).rows))
        return {tuple(row.values()) for row in rows_of(path)}


def numbered(content: object, version: int) -> object:
    """The same JSON with measured values, and a concurrency, that tell the version."""
    if isinstance(content, dict):
        return {
            key: version if key in ("parallel", "Number of concurrency") else numbered(value, version)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return [numbered(value, version) for value in content]
    return round(content * (1 + version / 1000), 6) if isinstance(content, float) and content > 0 else content


# Imported by every Python that the workflow starts: a disk on which opening a file of a busy run takes a while.
_SLOW = """
import os, sys, time

def _slow(event, args):
    if event in ("open", "sqlite3.connect") and isinstance(args[0], str) and "/busy" in args[0]:
        time.sleep(0.03)

sys.addaudithook(_slow)
"""


@pytest.mark.parametrize(
    ("seed", "rounds"), [(1, 4), *(pytest.param(seed, 10, marks=pytest.mark.long) for seed in (2, 3))]
)
def test_no_table_of_a_growing_tree_has_a_torn_row_and_the_last_is_that_of_a_clean_run(
    checkout: Path, tmp_path: Path, seed: int, rounds: int
) -> None:
    watch = tmp_path / "slow"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(_SLOW)
    project = Project(tmp_path / "project", checkout, watch, ("--set-scatter", "evalscope_runs=2"))
    project.folder.mkdir()
    quiet = make_tree(project.tree, 10)
    writer = Writer(project.tree, quiet[0], tmp_path / "states", random.Random(seed))
    writer.states.mkdir()
    seen: set[tuple[str, ...]] = set()
    writer.thread.start()
    try:
        for _ in range(rounds):
            outcome = project.meanwhile()
            assert outcome.status == 0, outcome.text
            rows = rows_of(project.folder / "summary_raw.csv")
            skipped = {
                row["run"] for row in rows_of(project.folder / "summary_problems.csv") if row["severity"] == "skipped"
            }
            runs = {row["run"] for row in rows}
            assert {str(run.relative_to(project.tree)) for run in quiet} <= runs
            assert runs.isdisjoint(skipped)
            seen |= {tuple(row.values()) for row in rows if row["run"].startswith("busy")}
    finally:
        writer.ended.set()
        writer.thread.join()
    assert len(seen) >= rounds, "the writer was too slow to be seen"
    assert seen <= writer.rows()
    project.snakemake(succeeds=True)
    assert project.tables() == project.clean_tables()
    assert NOTHING_TO_DO in project.snakemake("-n").text


def io_error(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """The next read of a file of this name fails."""
    read_bytes, failures = jsonfile.read_bytes, [OSError(number, os.strerror(number))]

    def read(path: str) -> bytes:
        if path.endswith(name) and failures:
            raise failures.pop()
        return read_bytes(path)

    monkeypatch.setattr(jsonfile, "read_bytes", read)


@pytest.mark.parametrize("name", IN_ORDER[1:])
@pytest.mark.parametrize(("number", "passes"), [(errno.EIO, True), (errno.ESTALE, True), (errno.EISDIR, False)])
def test_a_run_that_a_disk_failed_to_give_is_read_again_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, passes: bool
) -> None:
    inventory, path = an_inventory(tmp_path)
    records = Records(tmp_path / "records")
    with monkeypatch.context() as failing:
        io_error(failing, name, number)
        assert [p.code for p in records.get(inventory, RUN)[0].problems] == ["unreadable-json"]
    records.correct(path)
    assert (Inventory.load(path).sources[RUN] == inventory.sources[RUN]) == (not passes)
    again, read = got(Records(tmp_path / "records"), inventory, RUN)
    assert (read, not again.problems) == (passes, passes)


def test_a_run_whose_database_was_locked_is_read_again_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.01)
    inventory, path = an_inventory(tmp_path)
    records = Records(tmp_path / "records")
    with closing(sqlite3.connect(tmp_path / "results" / RUN / IN_ORDER[0], isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        (problem,) = set(records.get(inventory, RUN)[0].problems)
    assert problem.code == "unreadable-database"
    assert "locked" in problem.message
    records.correct(path)
    assert Inventory.load(path).sources[RUN].signature == {}
    again, read = got(Records(tmp_path / "records"), inventory, RUN)
    assert read
    assert not again.problems


def an_inventory(folder: Path) -> tuple[Inventory, Path]:
    """A tree of one run, and its inventory."""
    run = folder / "results" / RUN
    shutil.copytree(MIXED / RUN, run)
    inventory = inventory_of(folder / "results")
    path = folder / "1-of-1.json"
    path.write_bytes(inventory.dump())
    return inventory, path
