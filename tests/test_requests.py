"""The table of requests: what is in it, what is read for it, and how others read it."""

import ast
import json
import math
import os
import re
import shutil
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Project, inventory_of
from evalscope_summary import discovery, request_rows
from evalscope_summary.layouts import NONE_ADDED, REQUEST_MEASURES, request_columns
from evalscope_summary.readers import evalscope
from evalscope_summary.readers.base import Reader
from evalscope_summary.readers.requests import Requests, UnreadableRequests
from evalscope_summary.record import Values
from evalscope_summary.records import read_source
from evalscope_summary.request_rows import RequestRows
from evalscope_summary.settings import complete
from evalscope_summary.tables.request_table import RequestTable
from pyarrow import parquet

RUNS = Path(__file__).parent / "fixtures" / "runs"
DATABASE = "benchmark_data.db"


def tables_of(tree: Path, kept: Path) -> dict[str, pd.DataFrame]:
    """Run → its requests, read as the program does."""
    rows = RequestRows(kept, str(tree), inventory_of(tree))
    assert not any(rows.refresh()), "a reader had something to say"
    rows.close()
    found = {}
    for source in discovery.discover(str(tree)).sources:
        for run, blocks in rows.runs(source):
            found[run.name] = pd.DataFrame(np.concatenate([np.empty((0, 9)), *blocks]), columns=list(REQUEST_MEASURES))
    return found


def recomputed(tree: Path) -> dict[str, tuple[Values, Values]]:
    """Run in the table → its labels and counts, and its recomputed cells."""
    sources = discovery.discover(str(tree)).sources
    records = [r for path, claimed in sources.items() for r in read_source(str(tree), path, *claimed, {"recomputed"})]
    return {r.run: (r.common.values, r.derived["recomputed"].values) for r in records if not r.skipped}


@pytest.mark.parametrize("tree", sorted(RUNS.glob("*/*/results")), ids=lambda tree: str(tree.relative_to(RUNS).parent))
def test_the_requests_of_a_run_make_its_recomputed_cells(tree: Path, tmp_path: Path) -> None:
    tables = tables_of(tree, tmp_path)
    runs = recomputed(tree)
    assert tables.keys() == {run for run in runs if (tree / run / DATABASE).exists()}
    for run, table in tables.items():
        counts, cells = runs[run]
        assert (len(table), table["succeeded"].sum()) == (counts["requests"], counts["succeeded"])
        assert table["start"].is_monotonic_increasing
        assert table["start"].min() == 0
        for column, suffix in {"latency": "latency_", "ttft": "ttft_", "token_latency": "tpot_"}.items():
            values = np.sort(table[column].dropna())
            assert cells.get(column) == (pytest.approx(values.mean(), rel=1e-12) if len(values) else None), column
            for percent in (50, 99):
                ranked = values[math.ceil(len(values) * percent / 100) - 1] if len(values) else None
                assert cells.get(f"{percent}p_{suffix}") == ranked, (column, percent)
        for column, throughput in {"input_tokens": "input_throughput", "output_tokens": "output_throughput"}.items():
            total = table[column].sum(min_count=1)
            expected = pytest.approx(total / cells["time_taken"]) if "time_taken" in cells and total == total else None
            assert cells.get(throughput) == expected


# --- many requests, in order ---


def part(starts: list[float], intervals: list[list[float]], continued: tuple[float, ...] = ()) -> Requests:
    """Some successful requests; the first intervals are of a request of the part before."""
    made = Requests(continued=len(continued))
    count = len(starts)
    made.start.extend(starts)
    for name in ("end", "latency", "ttft", "input_tokens", "output_tokens", "stream"):
        getattr(made, name).extend([1.0] * count)
    made.latency = array("d", [time * 2 for time in starts])  # tells requests apart
    made.succeeded.extend([1] * count)
    made.intervals.extend(continued)
    for own in intervals:
        made.intervals.extend(own)
        made.interval_counts.append(len(own))
    return made


def in_order(parts: list[Requests], path: Path) -> list[list[float]]:
    with open(path, "wb+") as file:
        count = request_rows._in_order(iter(parts), file)
        file.seek(0)
        blocks = list(request_rows._blocks(file, count))
    rows = np.concatenate([np.empty((0, 9)), *blocks])
    assert len(rows) == count
    return rows[:, [REQUEST_MEASURES.index(name) for name in ("start", "latency", "inter_token_latency")]].tolist()


def test_intervals_of_a_request_that_come_in_two_parts_are_those_of_one(tmp_path: Path) -> None:
    one = part([3.0, 1.0], [[1.0, math.nan], [0.5]])
    two = part([], [], (1.5, 2.0))
    three = part([2.0], [[]], (4.0,))
    found = in_order([one, two, three], tmp_path / "rows")
    assert found[0] == [0.0, 2.0, 2.0]  # (0.5 + 1.5 + 2 + 4) / 4
    assert found[1][:2] == [1.0, 4.0]
    assert math.isnan(found[1][2])
    assert found[2] == [2.0, 6.0, 1.0]


@pytest.mark.parametrize("seed", range(5))
def test_more_requests_than_fit_into_memory_come_in_the_same_order(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(seed)
    starts = random.choice([0.0, 1.0, 1.0, 2.5, 3.0, 1e9, 7.25, math.nan], 300)  # equal ones, and some not recorded
    sizes = random.integers(1, 60, 40).cumsum()
    parts = [part(list(some), [[0.25]] * len(some)) for some in np.split(starts, sizes[sizes < 300])]
    whole = in_order(parts, tmp_path / "whole")
    monkeypatch.setattr(request_rows, "_AT_ONCE", 16)
    assert str(in_order(parts, tmp_path / "merged")) == str(whole)
    recorded = starts[starts > 0]
    assert [start for start, *_ in whole if not math.isnan(start)] == list(np.sort(recorded) - recorded.min())
    assert all(math.isnan(start) for start, *_ in whole[len(recorded) :])


def test_labels_stay_text_and_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalscope_summary.tables.request_table._ROW_GROUP", 4)
    columns = request_columns(complete({"label_pattern": "(?P<engine>v.*)"}))
    rows = np.full((10, 9), 1.0)
    rows[3] = np.nan
    with closing(RequestTable(str(tmp_path / "t.parquet"), columns)) as table:
        for run in ("a", "b"):
            table.add({"run": run, "engine": "1.10", "parallel": 4}, [rows[:7], rows[7:]])
    file = parquet.ParquetFile(tmp_path / "t.parquet")
    assert all(file.metadata.row_group(index).num_rows <= 8 for index in range(file.num_row_groups))
    for made in (pd.read_parquet(tmp_path / "t.parquet"), pl.read_parquet(tmp_path / "t.parquet").to_pandas()):
        assert list(made.columns) == [column.name for column in columns]
        assert set(made["engine"]) == {"1.10"}
        assert list(made["request"]) == [*range(1, 11)] * 2
        assert made["ttft"].isna().sum() == 2
        assert made["succeeded"].isna().sum() == 2


# --- what is read again ---


class Failing(type(evalscope.READER)):  # type: ignore[misc]
    """A reader that finds a database that is no better than none."""

    def requests(self, *arguments: object) -> Iterator[tuple[str, Iterator[Requests]]]:
        raise UnreadableRequests("it is damaged", self.passing)
        yield


@pytest.mark.parametrize("passing", [False, True])
def test_a_run_whose_requests_cant_be_read_has_none_and_is_named(
    passing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = RUNS / "1.10.0" / "single" / "results"
    reader = Failing()
    reader.passing = passing
    monkeypatch.setattr("evalscope_summary.request_rows.reader", lambda name: reader)
    for again in (False, True):
        rows = RequestRows(tmp_path, str(tree), inventory_of(tree))
        (messages,) = rows.refresh()
        rows.close()
        if again and not passing:
            assert messages is None, "it is what it was"
        else:
            assert messages
            assert "it is damaged; it has no requests in the table" in messages[0]
        assert [list(rows.runs(source)) for source in discovery.discover(str(tree)).sources] == [[]]


def test_a_tool_without_request_rows_has_none() -> None:
    class Quiet(evalscope.Evalscope):
        requests = Reader.requests

    assert list(Quiet().requests("", "", ())) == []


def opened_by_the_program(project: Path, watch: Path, tree: Path) -> tuple[set[str], str]:
    """Write the requests of a tree as one batch; the runs whose files were opened, and what was said."""
    inventory = project / "work" / "tree" / "inventory" / "1-of-1.json"
    inventory.parent.mkdir(parents=True, exist_ok=True)
    inventory.write_bytes(inventory_of(tree, fill_percentiles=False).dump())
    (project / "settings.json").write_text(json.dumps({**NONE_ADDED, "prompt_long_chars": 50, "trees": {"tree": ""}}))
    log = project / "opened"
    log.unlink(missing_ok=True)
    programs = [
        ["extract.py", str(inventory), "1-of-1"],
        ["request_rows.py", str(inventory), str(project / "settings.json"), "1-of-1", str(project / "t.parquet")],
    ]
    for program, *arguments in programs:  # the records first, as the workflow does
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, CHECKOUT / "scripts" / program, *arguments],
            env=os.environ | {"PYTHONPATH": str(watch), "WATCH_LOG": str(log)},
            capture_output=True,
            text=True,
            check=True,
        )
    lines = log.read_text().splitlines() if log.exists() else []
    return {os.path.relpath(ast.literal_eval(line)[1], tree) for line in lines}, done.stderr


def test_one_run_more_than_a_thousand_reads_one_database(tmp_path: Path, watch: Path) -> None:
    tree = tmp_path / "tree"
    run = MIXED / "1.0.0/p1-2-4_dp_short/20261124_020821/mock-7b/parallel_1_number_5"

    def add(number: int) -> None:
        (tree / f"run{number}").mkdir(parents=True)
        for file in run.iterdir():
            shutil.copy(file, tree / f"run{number}")

    for number in range(1000):
        add(number)
    opened, _ = opened_by_the_program(tmp_path, watch, tree)
    assert len(opened) == 1000
    assert opened_by_the_program(tmp_path, watch, tree)[0] == set()
    add(1000)
    opened, said = opened_by_the_program(tmp_path, watch, tree)
    assert opened == {"run1000"}
    assert "5005 requests; 1 of 1001 runs were read" in said
    assert parquet.read_metadata(tmp_path / "t.parquet").num_rows == 5005
    shutil.rmtree(tree / "run0")
    assert opened_by_the_program(tmp_path, watch, tree)[0] == set()
    assert len(list((tmp_path / "work/tree/requests").glob("*/*"))) == 1000


def test_the_table_is_made_by_name_and_as_the_documentation_reads_it(
    new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project()
    table = project.folder / "summary_requests.parquet"
    assert project.meanwhile(table.name).status == 0
    assert {file.name for file in table.glob("*.parquet")} == {"1-of-2.parquet", "2-of-2.parquet"}
    assert not (project.folder / "summary_raw.csv").exists()
    monkeypatch.chdir(project.folder)
    found: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "requests.md").read_text("utf-8"), re.DOTALL)
    for block in blocks:
        exec(block, found)
    requests, slowest, p99 = found["requests"], found["slowest"], found["p99"]
    assert isinstance(requests, pd.DataFrame)
    assert isinstance(slowest, pl.DataFrame)
    assert isinstance(p99, pd.DataFrame)
    longest = requests.groupby("run")["ttft"].max()
    assert {run: value for run, value in slowest.iter_rows() if value is not None} == longest.dropna().to_dict()
    assert len(p99) == len(longest) == requests["run"].nunique()
    kinds = {name: str(kind) for name, kind, *_ in duckdb.sql("describe from 'summary_requests.parquet'").fetchall()}
    names = {"text": "VARCHAR", "integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN"}
    assert kinds == {column.name: names[column.type] for column in request_columns(complete({}))}

    # other batches leave nothing of the old ones, and read nothing
    project.configure(tables=["raw", "requests"])
    project.arguments = ("--set-scatter", "evalscope_runs=3")
    project.log.unlink()
    assert project.meanwhile().status == 0
    assert {file.name for file in table.glob("*.parquet")} == {f"{n}-of-3.parquet" for n in (1, 2, 3)}
    assert project.opened() == {}
    again = pd.read_parquet(table)
    order = ["run", "request"]
    pd.testing.assert_frame_equal(
        again.sort_values(order, ignore_index=True), requests.sort_values(order, ignore_index=True)
    )
    package = json.loads((project.folder / "summary.datapackage.json").read_bytes())
    (described,) = (resource for resource in package["resources"] if resource["path"] == table.name)
    assert [one["name"] for one in described["schema"]["fields"]] == list(requests.columns)
    assert NOTHING_TO_DO in project.meanwhile("-n").text


def test_the_documentation_names_every_column_of_a_request() -> None:
    page = (CHECKOUT / "docs" / "requests.md").read_text("utf-8")
    assert all(f"`{name}`" in page for name in ("request", *REQUEST_MEASURES))
