"""Every kind of damage to every source file: what is said of it, and that nothing else suffers.

The tables say which problem each kind of damage gives (severity and code; nothing where it can't be seen, or does no
harm). Reading ends in bounded time and memory, leaves the other runs' rows as they are, and writes nothing.
"""

import codecs
import faulthandler
import json
import math
import os
import pickle
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

import pytest
from conftest import CHECKOUT, MIXED, Project, clean_tables, rows_of, tree_state
from evalscope_summary.discovery import discover
from evalscope_summary.layouts import raw_columns
from evalscope_summary.readers.cells import is_type
from evalscope_summary.readers.evalscope import database
from evalscope_summary.readers.evalscope.formats import ARGS, DATABASE, JOURNAL, PERCENTILE, SUMMARY, WAL
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.records import _as_json
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import assemble
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RUNS = Path(__file__).parent / "fixtures" / "runs"
SOUND = MIXED / "1.4.2" / "p1_n5_dp_short" / "20261124_021947"
NEIGHBOURS = ("1.4.2/p4_n3_flaky", "1.9.1/p1_n1")
VICTIM = "damaged/20261124_021947/mock-7b"
JSON_FILES = (SUMMARY, ARGS, PERCENTILE)
COUNTS = ("Total requests", "Succeed requests", "Failed requests")
METRICS = ("reported", "recomputed")

NONE = ""
SKIPPED, WARNING = "skipped unreadable-json", "warning unreadable-json"
UNREADABLE = {SUMMARY: SKIPPED, ARGS: SKIPPED, PERCENTILE: WARNING}
UNKNOWN = {SUMMARY: "skipped unknown-format", ARGS: "skipped unknown-format", PERCENTILE: "warning unknown-format"}
HARMLESS = dict.fromkeys(JSON_FILES, NONE)
RANGE = "warning value-out-of-range"
NO_DATABASE = "warning unreadable-database"
DISAGREE = "warning counts-disagree"

Damage = Callable[[Path, ExitStack], None]
"""Damages the file at a path; the stack holds what has to be open while the tree is read."""


# --- trees, and what has to hold of all of them ---


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where something hangs; what no signal can interrupt ends the process later."""

    def fail(signum: int, frame: FrameType | None) -> None:
        raise AssertionError(f"it takes more than {seconds} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    faulthandler.dump_traceback_later(3 * seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Tree:
    """A results tree of two sound runs and one that a test damages."""

    alone: ClassVar[dict[str, dict[str, bytes]]] = {}
    """The tables of the sound runs alone."""

    def __init__(self, root: Path) -> None:
        self.root = root / "results"
        self.scratch = root
        self.state: dict[str, tuple[object, ...]] = {}
        for run in NEIGHBOURS:
            shutil.copytree(MIXED / run, self.root / run, copy_function=shutil.copyfile)
        if not Tree.alone:
            Tree.alone.update(self.tables())
        self.folder = self.root / VICTIM
        shutil.copytree(SOUND / "mock-7b", self.folder, copy_function=shutil.copyfile)

    def tables(self) -> dict[str, dict[str, bytes]]:
        return {
            metrics: clean_tables(self.root, {"results_dir": str(self.root), "metrics": metrics}, self.scratch)
            for metrics in METRICS
        }

    def outcome(self) -> dict[str, str]:
        """Read the tree under both settings; what is said of the damaged run."""
        self.state = tree_state(self.root)
        with within(20), warnings.catch_warnings():
            warnings.simplefilter("error")
            tables = self.tables()
        found = {}
        for metrics in METRICS:
            for name, data in tables[metrics].items():
                others = [line for line in data.splitlines() if b"damaged" not in line]
                assert others == self.alone[metrics][name].splitlines(), f"{name} changed for other runs"
            (self.scratch / "problems.csv").write_bytes(tables[metrics]["summary_problems.csv"])
            rows = [row for row in rows_of(self.scratch / "problems.csv") if row["run"] == VICTIM]
            for row in rows:
                assert row["message"]
                assert str(self.root) not in row["message"], "a message names a path of this machine"
            found[metrics] = "; ".join(f"{row['severity']} {row['code']}" for row in rows)
            in_table = VICTIM.encode() in tables[metrics]["summary_raw.csv"]
            assert in_table == ("skipped" not in found[metrics])
        check_cells(self.root, VICTIM)
        return found

    def named_files(self) -> set[str]:
        return {row["file"] for row in rows_of(self.scratch / "problems.csv") if row["run"] == VICTIM}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    """A tree that is left exactly as it was when it was read."""
    made = Tree(tmp_path)
    yield made
    assert made.state, "the test reads nothing"
    assert tree_state(made.root) == made.state


def check_cells(root: Path, run: str) -> None:
    """Check that a run's record can be written, and that no cell has a wrong type or holds a sentinel."""
    record = read_run(root, run, discover(str(root)).sources[run].signature, {"filled", "recomputed"})
    json.dumps(_as_json(record), allow_nan=False)
    if record.skipped:
        return
    for metrics in METRICS:
        config = complete({"metrics": metrics, "columns": "all"})
        for column in raw_columns(config):
            value = assemble(record, config).get(column.name)
            if value is None:
                continue
            assert is_type(value, column.type), (column.name, value)
            if column.type == "text":
                value.encode()
            if column.type in ("float", "integer"):
                assert math.isfinite(value), (column.name, value)
                assert math.copysign(1, value) == 1, (column.name, value)


# --- bytes of JSON files ---


def as_bytes(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path, stack: (path.write_bytes(change(path.read_bytes())), None)[1]


def as_value(change: Callable[[Any], Any]) -> Damage:
    def damage(path: Path, stack: ExitStack) -> None:
        path.write_text(json.dumps(change(json.loads(path.read_bytes()))), "ascii")

    return damage


def everywhere(value: Any) -> Damage:
    """Put a value in the place of every other."""

    def change(content: Any) -> Any:
        if isinstance(content, list):
            return [change(row) for row in content]
        return dict.fromkeys(content, value)

    return as_value(change)


def metrics_only(text: str) -> Damage:
    """Put JSON text in the place of every number that is no count of requests."""

    def change(content: Any) -> Any:
        if isinstance(content, list):
            return [change(row) for row in content]
        return {
            key: "@here@" if isinstance(value, int | float) and key not in COUNTS else value
            for key, value in content.items()
        }

    def damage(path: Path, stack: ExitStack) -> None:
        path.write_text(json.dumps(change(json.loads(path.read_bytes()))).replace('"@here@"', text))

    return damage


def numbers_as_text(content: Any) -> Any:
    if isinstance(content, list):
        return [numbers_as_text(row) for row in content]
    return {key: str(v) if type(v) in (int, float) else v for key, v in content.items()}


def with_member(key: str, text: str) -> Damage:
    """Add a member to the object, or to the first row, in front of the others."""
    return as_bytes(lambda data: data.replace(b"{", b'{"%s": %s,' % (key.encode(), text.encode()), 1))


def workload_argument(text: str) -> Damage:
    """Change an argument that is compared between runs."""
    return as_bytes(lambda data: data.replace(b'"temperature": 0.0', b'"temperature": ' + text.encode()))


def duplicate_members(data: bytes) -> bytes:
    return re.sub(rb'^( *"[^"]+": [^\n{[]*?),?$', rb"\1,\n\1,", data, count=3, flags=re.MULTILINE)


MILLION = "[" + ", ".join(["1.5"] * 10**6) + "]"
HALF_A_MILLION = "[" + ", ".join(["1.5"] * (10**6 // 2)) + "]"
NOISE = random.Random(1).randbytes(3000)


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


JSON_DAMAGE: dict[str, tuple[Damage, Mapping[str, str]]] = {
    "empty": (as_bytes(lambda data: b""), UNREADABLE),
    **{
        f"cut at {i}/16": (as_bytes(lambda data, i=i: data[: len(data) * i // 16]), UNREADABLE)  # type: ignore[misc]
        for i in range(1, 16)
    },
    "random bytes": (as_bytes(lambda data: NOISE), UNREADABLE),
    "NUL bytes": (as_bytes(lambda data: bytes(len(data))), UNREADABLE),
    "two values": (as_bytes(lambda data: data * 2), UNREADABLE),
    "a comma at the end": (as_bytes(lambda data: data.rstrip()[:-1] + b"," + data.rstrip()[-1:]), UNREADABLE),
    "an integer of 5000 digits": (metrics_only("1" * 5000), UNREADABLE),
    "null": (as_bytes(lambda data: b"null"), UNKNOWN),
    "a number": (as_bytes(lambda data: b"1"), UNKNOWN),
    "a text": (as_bytes(lambda data: b'"text"'), UNKNOWN),
    "an object in a list": (as_bytes(lambda data: b"[{}]"), UNKNOWN),
    "an empty list": (as_bytes(lambda data: b"[]"), UNKNOWN | {PERCENTILE: NONE}),
    "an empty object": (as_bytes(lambda data: b"{}"), UNKNOWN | {ARGS: NONE}),
    "objects everywhere": (everywhere({"a": [1]}), UNKNOWN | {ARGS: RANGE}),
    "null everywhere": (everywhere(None), UNKNOWN | {ARGS: NONE}),
    "true everywhere": (everywhere(True), UNKNOWN | {ARGS: RANGE}),
    "-1 everywhere": (everywhere(-1), UNKNOWN | {ARGS: RANGE}),
    "-5 everywhere": (everywhere(-5), UNKNOWN | {ARGS: RANGE}),
    "Infinity everywhere": (everywhere(math.inf), UNKNOWN | {ARGS: RANGE}),
    "numbers as text": (as_value(numbers_as_text), {SUMMARY: UNKNOWN[SUMMARY], ARGS: RANGE, PERCENTILE: RANGE}),
    "metrics as text": (metrics_only('"1.5"'), dict.fromkeys(JSON_FILES, RANGE)),
    "metrics null": (metrics_only("null"), HARMLESS),
    "metrics 1e400": (metrics_only("1e400"), dict.fromkeys(JSON_FILES, RANGE)),
    "metrics of 400 digits": (metrics_only("1" * 400), dict.fromkeys(JSON_FILES, RANGE)),
    "metrics NaN": (metrics_only("NaN"), {SUMMARY: RANGE, ARGS: RANGE, PERCENTILE: NONE}),  # evalscope writes that one
    "metrics Infinity": (metrics_only("Infinity"), dict.fromkeys(JSON_FILES, RANGE)),
    "metrics -Infinity": (metrics_only("-Infinity"), dict.fromkeys(JSON_FILES, RANGE)),
    "metrics -1": (metrics_only("-1"), {SUMMARY: NONE, ARGS: RANGE, PERCENTILE: NONE}),  # a sentinel, but in arguments
    "metrics -5": (metrics_only("-5"), dict.fromkeys(JSON_FILES, RANGE)),
    "metrics objects": (metrics_only("{}"), dict.fromkeys(JSON_FILES, RANGE)),
    "a million numbers": (as_bytes(lambda data: MILLION.encode()), UNREADABLE),
    "a million numbers in an unknown key": (with_member("unknown", MILLION), UNREADABLE),
    "half a million numbers": (as_bytes(lambda data: HALF_A_MILLION.encode()), UNKNOWN),
    "half a million numbers in an unknown key": (with_member("unknown", HALF_A_MILLION), HARMLESS),
    "half a million numbers as an argument": (workload_argument(HALF_A_MILLION), {ARGS: NONE}),
    "a data set's path of a million question marks": (with_member("dataset_path", f'"{"?" * 10**6}"'), {ARGS: NONE}),
    "an argument nested 1,010 deep": (workload_argument(deep(1010)), {ARGS: SKIPPED}),
    "metrics of a thousand numbers": (metrics_only(str([1.5] * 1000)), dict.fromkeys(JSON_FILES, RANGE)),
    "nested 100,000 deep": (as_bytes(lambda data: deep(100_000).encode()), UNREADABLE),
    "a value nested 100,000 deep": (with_member("unknown", deep(100_000)), UNREADABLE),
    "a value nested 1,010 deep": (with_member("unknown", deep(1010)), HARMLESS),
    "invalid UTF-8": (as_bytes(lambda data: data.replace(b'"', b'"\xff\xff', 1)), UNREADABLE),
    "UTF-16": (as_bytes(lambda data: data.decode().encode("utf-16")), UNREADABLE),
    "UTF-16 without a mark": (as_bytes(lambda data: data.decode().encode("utf-16-le")), UNREADABLE),
    "byte order mark": (as_bytes(lambda data: codecs.BOM_UTF8 + data), HARMLESS),
    "GB18030": (as_bytes(lambda data: data.replace(b"{", '{"名": "测试",'.encode("gb18030"), 1)), HARMLESS),
    "duplicate keys": (as_bytes(duplicate_members), HARMLESS),
    "15 MiB of spaces": (as_bytes(lambda data: data + b" " * (15 * 2**20)), HARMLESS),
    "17 MiB of spaces": (as_bytes(lambda data: data + b" " * (17 * 2**20)), UNREADABLE),
}
"""Kind of damage → how it is done, and what is said; files that are not named are not damaged so."""


def matrix(damages: Mapping[str, tuple[Damage, Mapping[str, str]]]) -> Any:
    cases = [
        pytest.param(name, damage, expected, id=f"{name.split('_')[1].split('.')[0]}-{kind}")
        for kind, (damage, outcomes) in damages.items()
        for name, expected in outcomes.items()
    ]
    return pytest.mark.parametrize(("name", "damage", "expected"), cases)


@matrix(JSON_DAMAGE)
def test_damage_to_json_gives_its_problem_and_no_other(tree: Tree, name: str, damage: Damage, expected: str) -> None:
    with ExitStack() as stack:
        damage(tree.folder / name, stack)
        assert tree.outcome() == dict.fromkeys(METRICS, expected)
        assert tree.named_files() == ({name} if expected else set())


# --- what is no file ---


def in_place(make: Callable[[Path], object]) -> Damage:
    def damage(path: Path, stack: ExitStack) -> None:
        path.unlink()
        make(path)

    return damage


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is a hundred characters at most
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this user can't make devices")


NO_FILE: dict[str, Damage] = {
    "folder": in_place(lambda path: path.mkdir()),
    "FIFO": in_place(os.mkfifo),
    "socket": in_place(make_socket),
    "link to a device": in_place(lambda path: path.symlink_to("/dev/zero")),
    "device": in_place(make_device),
    "link to nowhere": in_place(lambda path: path.symlink_to("nowhere")),
    "link to itself": in_place(lambda path: path.symlink_to(path.name)),
    "link to a folder": in_place(lambda path: path.symlink_to("..")),
}


@matrix({kind: (damage, UNREADABLE | {DATABASE: NO_DATABASE}) for kind, damage in NO_FILE.items()})
def test_what_is_no_file_is_not_waited_for(tree: Tree, name: str, damage: Damage, expected: str) -> None:
    with ExitStack() as stack:
        damage(tree.folder / name, stack)
        assert tree.outcome() == dict.fromkeys(METRICS, expected)
        assert tree.named_files() == {name}


@pytest.mark.parametrize("side", [JOURNAL, WAL])
@pytest.mark.parametrize("kind", NO_FILE)
def test_a_journal_that_is_no_file_is_not_waited_for(tree: Tree, kind: str, side: str) -> None:
    with ExitStack() as stack:
        (tree.folder / side).write_bytes(b"")
        NO_FILE[kind](tree.folder / side, stack)
        gone = kind in ("link to nowhere", "link to itself")  # there is none, then
        assert tree.outcome() == dict.fromkeys(METRICS, NONE if gone else NO_DATABASE)


# --- databases ---


def with_sql(*statements: str) -> Damage:
    def damage(path: Path, stack: ExitStack) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return damage


def new_database(*statements: str) -> Damage:
    def damage(path: Path, stack: ExitStack) -> None:
        path.unlink()
        with_sql(*statements)(path, stack)

    return damage


def with_definition(*statements: str) -> Damage:
    """Change what the schema says, which SQLite would never write."""
    return with_sql("PRAGMA writable_schema=ON", *statements)


def grown(size: int) -> Damage:
    return lambda path, stack: os.truncate(path, size)


def all_zero(size: int) -> Damage:
    def damage(path: Path, stack: ExitStack) -> None:
        os.truncate(path, 0)
        os.truncate(path, size)

    return damage


def locked(path: Path, stack: ExitStack) -> None:
    writer = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
    writer.execute("BEGIN EXCLUSIVE")


def copy_of_open(mode: str, *sides: str) -> Damage:
    """What a killed writer leaves: some of its files, copied while it has rows that are not committed."""

    def damage(path: Path, stack: ExitStack) -> None:
        source = path.with_name("writer.db")
        path.rename(source)
        with closing(sqlite3.connect(source, isolation_level=None)) as writer:
            writer.execute(f"PRAGMA journal_mode={mode}")
            writer.execute("PRAGMA wal_autocheckpoint=0")
            writer.execute("PRAGMA cache_size=5")  # so that rows get into the file before they are committed
            row = "INSERT INTO result(success, request, start_time, completed_time, latency) VALUES (1, ?, 1, 2, 1)"
            if mode == "WAL":
                writer.execute("UPDATE result SET response_messages = 'committed'")
            writer.execute("BEGIN")
            for _ in range(300):
                writer.execute(row, ("x" * 1000,))
            for side in ("", *sides):
                end = side.removeprefix(DATABASE)
                shutil.copyfile(f"{source}{end}", f"{path}{end}")
        for left in path.parent.glob("writer.db*"):
            left.unlink()

    return damage


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS success FROM n"
SET_SQL = "UPDATE sqlite_master SET type = 'table', sql = '{}' WHERE name = 'result'"
SET_ALL = "UPDATE result SET {} = {}"


def shared_pages(path: Path, stack: ExitStack) -> None:
    """A table whose inner pages name the next one four hundred times each: 10**18 rows in ten pages."""
    new_database("PRAGMA page_size=4096", "CREATE TABLE result(success, latency)", "INSERT INTO result VALUES (1, 1)")(
        path, stack
    )
    data = path.read_bytes()
    head, leaf = data[:4096], data[4096:]
    cells, first, last = 400, 2, 8
    pages = []
    for number in range(first, last + 1):
        child = (number + 1).to_bytes(4)
        start = 4096 - 5 * cells
        pointers = b"".join((start + 5 * i).to_bytes(2) for i in range(cells))
        page = b"\x05\0\0" + cells.to_bytes(2) + start.to_bytes(2) + b"\0" + child + pointers
        pages.append(page.ljust(start, b"\0") + (child + b"\x01") * cells)
    path.write_bytes(head[:28] + (last + 1).to_bytes(4) + head[32:] + b"".join(pages) + leaf)


class _Plants:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


def pickled(path: Path, stack: ExitStack) -> None:
    data = pickle.dumps(_Plants(path.with_name("planted")))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE result SET response_messages = ?, request = ?", (data, data))


ENDS_READABLE = (NONE, NONE)
ENDS_UNREADABLE = (NO_DATABASE, NO_DATABASE)
ENDS_RANGE = (RANGE, RANGE)
DATABASE_DAMAGE: dict[str, tuple[Damage, tuple[str, str]]] = {
    "empty": (as_bytes(lambda data: b""), ENDS_UNREADABLE),
    **{
        f"cut at {i}/16": (as_bytes(lambda data, i=i: data[: len(data) * i // 16]), ENDS_UNREADABLE)  # type: ignore[misc]
        for i in range(1, 16)
    },
    "random bytes": (as_bytes(lambda data: NOISE), ENDS_UNREADABLE),
    "random bytes behind the header": (as_bytes(lambda data: data[:100] + NOISE * 14), ENDS_UNREADABLE),
    "JSON": (as_bytes(lambda data: b"{}"), ENDS_UNREADABLE),
    "zeros": (all_zero(45056), ENDS_UNREADABLE),
    "1 GiB of zeros": (all_zero(2**30), ENDS_UNREADABLE),
    "1 GiB behind the last page": (grown(2**30), ENDS_READABLE),
    "no table": (new_database("CREATE TABLE other(success)"), ENDS_UNREADABLE),
    "endless view": (new_database(f"CREATE VIEW result AS {ENDLESS}"), ENDS_UNREADABLE),
    "endless view that says it is a table": (
        new_database(
            f"CREATE VIEW result AS {ENDLESS}",
            "PRAGMA writable_schema=ON",
            "UPDATE sqlite_master SET type = 'table'",
        ),
        ENDS_UNREADABLE,
    ),
    "endless view behind a table's name": (
        new_database(
            "CREATE TABLE aside(success)",
            f"CREATE VIEW result AS {ENDLESS}",
            "PRAGMA writable_schema=ON",
            "UPDATE sqlite_master SET name = 'aside' WHERE type = 'view'",
            "UPDATE sqlite_master SET name = 'result', tbl_name = 'result' WHERE type = 'table'",
        ),
        ENDS_UNREADABLE,
    ),
    "pages that share their children": (shared_pages, ENDS_UNREADABLE),
    "virtual table": (new_database("CREATE VIRTUAL TABLE result USING fts5(success, latency)"), ENDS_UNREADABLE),
    "definition that can't be parsed": (with_definition(SET_SQL.format("CREATE TABLE result(")), ENDS_UNREADABLE),
    "definition of another table": (with_definition(SET_SQL.format("CREATE TABLE other(success)")), ENDS_UNREADABLE),
    "definition that is no text": (
        with_definition("UPDATE sqlite_master SET sql = x'00ff' WHERE name = 'result'"),
        ENDS_UNREADABLE,
    ),
    "page beyond the file": (
        with_definition("UPDATE sqlite_master SET rootpage = 9999 WHERE name = 'result'"),
        ENDS_UNREADABLE,
    ),
    "`success` is computed": (
        new_database("CREATE TABLE result(latency, success AS (length(hex(zeroblob(latency)))))"),
        ENDS_UNREADABLE,
    ),
    "further columns": (
        with_sql("ALTER TABLE result ADD COLUMN new TEXT DEFAULT 'x'", "ALTER TABLE result ADD COLUMN `a b` REAL"),
        ENDS_READABLE,
    ),
    "computed column": (
        with_sql(
            "ALTER TABLE result DROP COLUMN max_gpu_memory_cost",
            "ALTER TABLE result ADD COLUMN max_gpu_memory_cost AS (length(hex(zeroblob(500000000))))",
        ),
        ENDS_READABLE,
    ),
    "check that fails": (
        with_definition(
            "UPDATE sqlite_master SET sql = substr(sql, 1, length(sql) - 1) || ', CHECK (0))' WHERE name = 'result'"
        ),
        ENDS_READABLE,
    ),
    "triggers": (
        with_sql("CREATE TRIGGER t AFTER INSERT ON result BEGIN DELETE FROM result; END"),
        ENDS_READABLE,
    ),
    "no column `latency`": (with_sql("ALTER TABLE result DROP COLUMN latency"), ENDS_READABLE),
    "no column `success`": (with_sql("ALTER TABLE result DROP COLUMN success"), ENDS_UNREADABLE),
    "no column of intervals": (with_sql("ALTER TABLE result DROP COLUMN inter_token_latencies"), ENDS_READABLE),
    "no rows": (with_sql("DELETE FROM result"), (DISAGREE, DISAGREE)),
    "a row twice": (with_sql("INSERT INTO result SELECT * FROM result LIMIT 1"), (DISAGREE, DISAGREE)),
    "`success` null": (with_sql(SET_ALL.format("success", "NULL")), (DISAGREE, DISAGREE)),
    "`success` text": (with_sql(SET_ALL.format("success", "'yes'")), (DISAGREE, DISAGREE)),
    "latency null": (with_sql(SET_ALL.format("latency", "NULL")), ENDS_READABLE),
    "latency text": (with_sql(SET_ALL.format("latency", "'fast'")), ENDS_RANGE),
    "latency bytes": (with_sql(SET_ALL.format("latency", "x'0001'")), ENDS_RANGE),
    "latency -1": (with_sql(SET_ALL.format("latency", "-1")), ENDS_RANGE),
    "latency infinite": (with_sql(SET_ALL.format("latency", "1e999")), ENDS_RANGE),
    "latency enormous": (with_sql(SET_ALL.format("latency", "1.7e308")), ENDS_READABLE),
    "tokens text": (with_sql(SET_ALL.format("completion_tokens", "'many'")), ENDS_RANGE),
    "tokens -5": (with_sql(SET_ALL.format("prompt_tokens", "-5")), ENDS_RANGE),
    "tokens 2**63 - 1": (with_sql(SET_ALL.format("completion_tokens", str(2**63 - 1))), ENDS_READABLE),
    "times text": (with_sql(SET_ALL.format("start_time", "'noon'")), (NONE, RANGE)),  # no percentile needs them
    "times swapped": (with_sql("UPDATE result SET start_time = 2e9"), ENDS_READABLE),
    "memory text": (with_sql(SET_ALL.format("max_gpu_memory_cost", "'much'")), ENDS_READABLE),
    "memory -5": (with_sql(SET_ALL.format("max_gpu_memory_cost", "-5")), ENDS_RANGE),
    "intervals no JSON": (with_sql(SET_ALL.format("inter_token_latencies", "'[1'")), ENDS_UNREADABLE),
    "intervals text": (with_sql(SET_ALL.format("inter_token_latencies", "'[\"1\"]'")), ENDS_UNREADABLE),
    "intervals deep": (with_sql(SET_ALL.format("inter_token_latencies", f"'{deep(100_000)}'")), ENDS_UNREADABLE),
    "intervals no text": (
        with_sql("UPDATE result SET inter_token_latencies = CAST(x'ff' AS TEXT)"),
        ENDS_UNREADABLE,
    ),
    "intervals NaN": (with_sql(SET_ALL.format("inter_token_latencies", "'[NaN]'")), ENDS_RANGE),
    "intervals 1e400": (with_sql(SET_ALL.format("inter_token_latencies", "'[1e400]'")), ENDS_RANGE),
    "intervals -1": (with_sql(SET_ALL.format("inter_token_latencies", "'[-1]'")), ENDS_RANGE),
    "a million intervals": (
        with_sql(f"UPDATE result SET inter_token_latencies = '{MILLION}' WHERE rowid = 1"),
        ENDS_READABLE,
    ),
    "pickled columns": (pickled, ENDS_READABLE),
    "locked by a writer": (locked, ENDS_UNREADABLE),
    "hot journal": (copy_of_open("DELETE", JOURNAL), ENDS_READABLE),
    "WAL with its side file": (copy_of_open("WAL", WAL), ENDS_READABLE),
    "WAL without its side file": (copy_of_open("WAL"), ENDS_READABLE),  # what was only there is lost unseen
    "WAL that was closed": (with_sql("PRAGMA journal_mode=WAL"), ENDS_READABLE),
    "journal that is none": (lambda path, stack: (path.with_name(JOURNAL).write_bytes(NOISE), None)[1], ENDS_READABLE),
    "WAL that is none": (lambda path, stack: (path.with_name(WAL).write_bytes(NOISE), None)[1], ENDS_READABLE),
}
"""Kind of damage → how it is done, and what is said with `metrics` reported and recomputed, where the run has no
percentile file, so that all its rows are read."""


@pytest.mark.parametrize(("damage", "expected"), DATABASE_DAMAGE.values(), ids=DATABASE_DAMAGE)
def test_damage_to_a_database_gives_its_problem_and_no_other(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, damage: Damage, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.01)
    (tree.folder / PERCENTILE).unlink()
    with ExitStack() as stack:
        damage(tree.folder / DATABASE, stack)
        assert tree.outcome() == dict(zip(METRICS, expected, strict=True))
        assert tree.named_files() <= {DATABASE}
    assert not (tree.folder / "planted").exists()


@pytest.mark.parametrize("side", ["", JOURNAL, WAL])
def test_a_database_is_opened_for_nothing_but_reading(tree: Tree, side: str) -> None:
    if side:
        (tree.folder / side).write_bytes(b"")  # a copy is opened, then
    tree.outcome()
    with database.connect(tree.folder) as connection:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("DELETE FROM result")
        with pytest.raises(sqlite3.OperationalError, match="not authorized"):
            connection.execute("SELECT load_extension('x')")
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)


# --- changed bits and values ---


def damaged_copy(folder: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target / "run", copy_function=shutil.copyfile)
    return target


@contextmanager
def only_read(root: Path) -> Iterator[None]:
    before = tree_state(root)
    with within(20), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert tree_state(root) == before


@pytest.mark.parametrize("seed", [*range(30), *(pytest.param(n, marks=pytest.mark.long) for n in range(30, 1000))])
def test_flipped_bits_of_a_database_never_give_a_wrong_cell(tmp_path: Path, seed: int) -> None:
    """Most flips can't be seen; those of structure may show as any problem with the database."""
    chance = random.Random(seed)
    root = damaged_copy(SOUND / "mock-7b", tmp_path / "results")
    path = root / "run" / DATABASE
    data = bytearray(path.read_bytes())
    page = chance.randrange(len(data) // 4096) * 4096
    for _ in range(chance.choice([1, 4, 64])):
        data[page + chance.randrange(chance.choice([100, 4096]))] ^= 1 << chance.randrange(8)
    path.write_bytes(data)
    if chance.random() < 0.5:
        (root / "run" / PERCENTILE).unlink()
    with only_read(root):
        record = read_run(root, "run", discover(str(root)).sources["run"].signature, {"filled", "recomputed"})
        check_cells(root, "run")
    assert not record.skipped
    found = [*record.problems, *record.derived["filled"].problems, *record.derived["recomputed"].problems]
    about_rows = {"unreadable-database", "counts-disagree", "value-out-of-range", "percentiles-disagree"}
    assert {problem.code for problem in found} <= about_rows


NUMBERS = st.one_of(
    st.sampled_from([-1, -1.0, -1000, -1000.0, 0, 0.0, -0.0, 2**53, 2**63, -(2**63), 10**400, math.nan, math.inf]),
    st.integers(-10, 10**6),
    st.floats(width=64),
)
VALUES: st.SearchStrategy[Any] = st.one_of(
    NUMBERS,
    st.none(),
    st.booleans(),
    st.text(max_size=5),
    st.just("\ud800"),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
METRIC_KEYS = {
    "Average latency (s)": "latency",
    "Average time to first token (s)": "ttft",
    "Output token throughput (tok/s)": "output_throughput",
    "Average input tokens per request": "input_tokens",
}


def in_range(value: Any) -> bool:
    """Whether a metric may have this value; an integer that no float can hold is infinite."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    with suppress(OverflowError):
        return math.isfinite(float(value)) and value >= 0
    return False


quick = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
thorough = settings(quick, max_examples=3000)


def check_a_metric(root: Path, key: str, value: Any) -> None:
    path = damaged_copy(SOUND / "mock-7b", root) / "run" / SUMMARY
    content = json.loads(path.read_bytes())
    assert key in content
    path.write_text(json.dumps(content | {key: value}))
    column = METRIC_KEYS[key]
    with only_read(root):
        record = read_run(root, "run", discover(str(root)).sources["run"].signature, {"filled", "recomputed"})
        check_cells(root, "run")
    if in_range(value):
        zero = value == 0 and column == "ttft"  # then there was nothing to average
        assert record.values.get(column) == (None if zero else value)
    else:
        assert column not in record.values
    silent = in_range(value) or value is None or (type(value) in (int, float) and value == -1)
    assert [problem.code for problem in record.problems] == ([] if silent else ["value-out-of-range"])
    assert column in record.derived["recomputed"].values, "the rows have it"


@given(key=st.sampled_from(sorted(METRIC_KEYS)), value=VALUES)
@quick
def test_a_metric_is_its_value_or_empty(tmp_path: Path, key: str, value: Any) -> None:
    check_a_metric(tmp_path / "results", key, value)


@pytest.mark.long
@given(key=st.sampled_from(sorted(METRIC_KEYS)), value=VALUES)
@thorough
def test_a_metric_is_its_value_or_empty_for_thousands_of_values(tmp_path: Path, key: str, value: Any) -> None:
    check_a_metric(tmp_path / "results", key, value)


CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),  # SQLite has none
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    st.binary(max_size=4),
)
ROW_METRICS = {"latency": "latency", "prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}


def check_a_row_value(root: Path, column: str, value: Any) -> None:
    folder = damaged_copy(SOUND / "mock-7b", root) / "run"
    (folder / PERCENTILE).unlink()
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as connection:
        connection.execute(f"UPDATE result SET {column} = ? WHERE rowid = 2", (value,))
        stored = [row[0] for row in connection.execute(f"SELECT {column} FROM result")]  # a text may become a number
    with only_read(root):
        record = read_run(root, "run", discover(str(root)).sources["run"].signature, {"filled", "recomputed"})
        check_cells(root, "run")
    good = [float(cell) for cell in stored if in_range(cell)]
    mean = sum(good) / len(good)
    recomputed = record.derived["recomputed"].values.get(ROW_METRICS[column])
    assert recomputed == (pytest.approx(mean) if math.isfinite(mean) else None)
    seen = any(cell is not None and not in_range(cell) for cell in stored)
    expected = ["value-out-of-range"] if seen else []
    assert [problem.code for problem in record.derived["filled"].problems] == expected
    assert [problem.code for problem in record.derived["recomputed"].problems] == expected


@given(column=st.sampled_from(sorted(ROW_METRICS)), value=CELLS)
@quick
def test_a_request_counts_with_its_value_or_not_at_all(tmp_path: Path, column: str, value: Any) -> None:
    check_a_row_value(tmp_path / "results", column, value)


@pytest.mark.long
@given(column=st.sampled_from(sorted(ROW_METRICS)), value=CELLS)
@thorough
def test_a_request_counts_or_not_for_thousands_of_values(tmp_path: Path, column: str, value: Any) -> None:
    check_a_row_value(tmp_path / "results", column, value)


ALL_RUNS = sorted(discover(str(RUNS)).sources)


def check_any_damage(root: Path, run: str, data: st.DataObject) -> None:
    folder = damaged_copy(RUNS / run, root) / "run"
    for name in JSON_FILES:
        path = folder / name
        if path.exists() and data.draw(st.booleans()):
            content = json.loads(path.read_bytes())
            for part in content if isinstance(content, list) else [content]:
                for key in data.draw(st.lists(st.sampled_from(sorted(part)), max_size=4)):
                    part[key] = data.draw(VALUES)
            path.write_text(json.dumps(content))
    with only_read(root):
        check_cells(root, "run")


@given(run=st.sampled_from(ALL_RUNS), data=st.data())
@quick
def test_no_value_in_a_run_of_any_release_gives_a_wrong_cell(tmp_path: Path, run: str, data: st.DataObject) -> None:
    check_any_damage(tmp_path / "results", run, data)


@pytest.mark.long
@given(run=st.sampled_from(ALL_RUNS), data=st.data())
@thorough
def test_no_values_in_thousands_of_runs_give_a_wrong_cell(tmp_path: Path, run: str, data: st.DataObject) -> None:
    check_any_damage(tmp_path / "results", run, data)


# --- bounds of memory and time, users, mounts ---

_READ = """
import json, os, resource, sys
from evalscope_summary.discovery import discover
from evalscope_summary.readers.evalscope.read import read_run
import evalscope_summary.readers.evalscope.from_rows  # so that its libraries don't count
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
root = sys.argv[1]
found = {}
for run, (_, signature) in discover(root).sources.items():
    record = read_run(root, run, signature, {"filled", "recomputed"})
    problems = [*record.problems, *record.derived["recomputed"].problems]
    found[run] = sorted({f"{problem.severity} {problem.code}" for problem in problems})
print(json.dumps([(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, found]))
"""


def read_elsewhere(root: Path) -> tuple[int, dict[str, list[str]]]:
    """Read a tree in a process of its own: how many MiB more it took at its peak, and run → problems."""
    before = tree_state(root)
    done = subprocess.run(
        [sys.executable, "-B", "-c", _READ, str(root)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT / "scripts")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert tree_state(root) == before
    mebibytes, found = json.loads(done.stdout)
    return mebibytes, found


def long_intervals(each: str, size: int) -> Damage:
    def damage(path: Path, stack: ExitStack) -> None:
        text = f"[{each * (size // len(each))}0]"
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE result SET inter_token_latencies = ? WHERE rowid = 1", (text,))

    return damage


def objects_everywhere(path: Path, stack: ExitStack) -> None:
    """All three JSON files as large as any that is read, of nothing but objects."""
    for name in JSON_FILES:
        path.with_name(name).write_bytes(b"[" + b'{"a":[]},' * (2**24 // 9 - 1) + b"{}]")


HUGE: dict[str, tuple[str, Damage, str]] = {
    "200 MB of summary": (SUMMARY, grown(200_000_000), SKIPPED),
    "1 TB of args": (ARGS, grown(10**12), SKIPPED),
    "14 MiB of empty lists": (
        PERCENTILE,
        as_bytes(lambda data: b"[" + b"[]," * 5_000_000 + b"[]]"),
        WARNING,
    ),
    "1 GiB behind a database": (DATABASE, grown(2**30), NONE),
    "1 GiB of zeros": (DATABASE, all_zero(2**30), NO_DATABASE),
    "16 MiB of objects in each file": (SUMMARY, objects_everywhere, SKIPPED),
    "intervals of 64 MiB": (DATABASE, long_intervals("0,", 2**26), NO_DATABASE),
    "16 million intervals": (DATABASE, long_intervals("1.5,", 2**26 - 10), NONE),
    "33 million intervals": (DATABASE, long_intervals("0,", 2**26 - 10), NONE),
    "intervals nested deeply": (
        DATABASE,
        with_sql(SET_ALL.format("inter_token_latencies", f"'{deep(10**6)}'")),
        NO_DATABASE,
    ),
}


@pytest.mark.parametrize(("name", "damage", "expected"), HUGE.values(), ids=HUGE)
def test_huge_files_take_no_huge_memory(tmp_path: Path, name: str, damage: Damage, expected: str) -> None:
    root = damaged_copy(SOUND / "mock-7b", tmp_path / "results")
    with ExitStack() as stack:
        damage(root / "run" / name, stack)
    mebibytes, found = read_elsewhere(root)
    assert found == {"run": [expected] if expected else []}
    assert mebibytes < 600


def read_problems(root: Path) -> dict[str, list[str]]:
    """Run → what is said of it."""
    found = {}
    for run, (_, signature) in discover(str(root)).sources.items():
        record = read_run(root, run, signature, {"filled", "recomputed"})
        problems = {*record.problems, *record.derived["filled"].problems, *record.derived["recomputed"].problems}
        found[run] = sorted(f"{problem.severity} {problem.code}" for problem in problems)
    return found


def as_another_user_than_root(function: Callable[[], Any]) -> Any:
    """What a function returns, as JSON, where nobody may read everything."""
    if os.geteuid() != 0:
        return function()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writer, json.dumps(function()).encode())
        os._exit(0)
    os.close(writer)
    with within(20), open(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that every user can enter; those of pytest are the user's own."""
    with tempfile.TemporaryDirectory(prefix="evalscope-summary-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(SUMMARY, SKIPPED), (ARGS, SKIPPED), (PERCENTILE, WARNING), (DATABASE, NO_DATABASE)],
)
def test_a_file_that_may_not_be_read_is_unreadable(open_to_all: Path, name: str, expected: str) -> None:
    root = damaged_copy(SOUND / "mock-7b", open_to_all / "results")
    shutil.copytree(root / "run", root / "other")
    read_problems(root)  # what is imported on the way may be in a folder that is not for all
    (root / "run" / name).chmod(0)
    before = tree_state(root)
    assert as_another_user_than_root(lambda: read_problems(root)) == {"run": [expected], "other": []}
    assert tree_state(root) == before


def damaged_project(project: Project) -> dict[str, list[str]]:
    """Put a run with each kind of damage into the project's tree; run → what is said of it."""
    expected = {}

    def add(name: str, kind: str, damage: Damage, outcome: str, gone: tuple[str, ...] = ()) -> None:
        run = f"damaged/{len(expected):04}/20261124_021947/mock-7b"
        folder = project.tree / run
        shutil.copytree(SOUND / "mock-7b", folder, copy_function=shutil.copyfile)
        number = len(expected) + 1000  # a label of its own, so that runs are not copies, nor repeats, of others
        args = folder / ARGS
        args.write_bytes(args.read_bytes().replace(b'"mock-7b"', b'"mock-%d"' % number))
        for left_out in gone:
            (folder / left_out).unlink()
        with ExitStack() as stack:
            damage(folder / name, stack)
        expected[run] = sorted(filter(None, [outcome]))

    for kind, (damage, outcomes) in JSON_DAMAGE.items():
        if "million" not in kind and "MiB" not in kind:
            for name, outcome in outcomes.items():
                add(name, kind, damage, outcome)
    for kind, damage in NO_FILE.items():
        if kind != "device":
            for name, outcome in {**UNREADABLE, DATABASE: NO_DATABASE}.items():
                add(name, kind, damage, outcome)
    for kind, (damage, (reported, _)) in DATABASE_DAMAGE.items():
        if kind != "locked by a writer":  # nothing is, any more
            add(DATABASE, kind, damage, reported, gone=(PERCENTILE,))
    return expected


def test_all_damage_in_one_tree_leaves_the_workflow_and_the_other_runs_alone(
    new_project: Callable[..., Project],
) -> None:
    project = new_project()
    project.snakemake()
    before = project.tables()
    assert not any(b"damaged" in data for data in before.values())
    expected = damaged_project(project)
    outcome = project.snakemake()
    assert "Traceback" not in outcome.text
    assert outcome.read == set(expected)
    tables = project.tables()
    for name, data in tables.items():
        others = [line for line in data.splitlines() if b"damaged" not in line]
        assert others == before[name].splitlines()
    found: dict[str, list[str]] = {run: [] for run in expected}
    for row in rows_of(project.folder / "summary_problems.csv"):
        if row["run"] in found:
            found[row["run"]].append(f"{row['severity']} {row['code']}")
    assert found == expected
    assert tables == project.clean_tables()


def test_a_tree_that_is_mounted_for_reading_only_gives_tables_on_another_disk(
    new_project: Callable[..., Project],
) -> None:
    project = new_project()
    shared = Path("/dev/shm")
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ! touch "$0/x" 2>/dev/null'
    inside = ["unshare", "--mount", "sh", "-c"]  # the mount ends with the process
    if not shared.is_dir() or not shutil.which("unshare"):
        pytest.skip("there is no /dev/shm, or no unshare")
    if subprocess.run([*inside, mount, str(project.tree)], capture_output=True).returncode:
        pytest.skip("this user can't mount")
    before = tree_state(project.tree)
    with tempfile.TemporaryDirectory(prefix="evalscope-summary-test-", dir=shared) as elsewhere:
        places = (f"output={elsewhere}/summary", f"work_dir={elsewhere}/work")
        command = project.command("--config", *places)
        done = subprocess.run(
            [*inside, f'{mount} && shift 0 && exec "$@"', str(project.tree), *command],
            cwd=project.folder,
            env=project.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        made = {path.name: path.read_bytes() for path in Path(elsewhere).glob("summary_*.csv")}
    clean = project.clean_tables()
    assert {name: made[name] for name in clean} == clean
    assert tree_state(project.tree) == before
    assert not os.path.ismount(project.tree)
