"""Several results trees in one summary: names, records of each, and what is missing."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Project, rows_of
from evalscope_summary import command, options, several
from evalscope_summary.settings import WrongConfiguration, complete

PARTS = {"july": ("1.4.2", "1.12.0"), "june": ("1.9.1", "0.8.0"), "may": ("1.0.0",)}
FOUND = {"july": 5, "june": 2, "may": 2}  # sources, of which one has no run in the table
COMPLETE = {"july": 4, "june": 2, "may": 2}


@pytest.fixture
def project(new_project: Callable[..., Project]) -> Project:
    """Three trees beside each other, which are the parts of `mixed`."""
    made = new_project(tree=None, results=".")
    for tree, releases in PARTS.items():
        for release in releases:
            shutil.copytree(MIXED / release, made.folder / tree / release)
    return made


def start(project: Project, *arguments: str, succeeds: bool = True) -> tuple[str, set[str]]:
    """Start Snakemake; returns what it said, and the trees of the runs whose files were opened."""
    project.log.unlink(missing_ok=True)
    outcome = project.meanwhile(*arguments)
    assert (outcome.status == 0) == succeeds, outcome.text
    return outcome.text, {run.split("/")[0] for run in project.opened()}


def in_tables(project: Project) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows_of(project.folder / "summary_raw.csv"):
        tree = row["run"].split("/")[0]
        found[tree] = found.get(tree, 0) + 1
    return found


def plainly(project: Project, *trees: str) -> dict[str, bytes]:
    """The tables of the plain command, which remembers nothing."""
    program = [sys.executable, str(CHECKOUT / "scripts" / "evalscope_aggregator.py"), "--output", "plain"]
    arguments = [argument for tree in trees for argument in ("--results-dir", tree)]
    subprocess.run([*program, *arguments], cwd=project.folder, check=True, capture_output=True)
    tables = ("raw", "stats", "problems")
    return {f"summary_{table}.csv": (project.folder / f"plain_{table}.csv").read_bytes() for table in tables}


def test_each_tree_keeps_its_own_records(project: Project) -> None:
    project.configure(results_dir="july")
    assert start(project)[1] == {"july"}
    project.configure(results_dir=["july"])
    assert NOTHING_TO_DO in start(project)[0]
    assert project.tables() == plainly(project, "july")

    project.configure(results_dir=["july", "june"])
    assert start(project)[1] == {"june"}, "adding a tree reads nothing of the others"
    assert in_tables(project) == {"july": 4, "june": 2}
    assert project.tables() == plainly(project, "july", "june")
    problems = {row["run"].split("/")[0] for row in rows_of(project.folder / "summary_problems.csv")}
    assert problems == {"july", "june"}
    assert NOTHING_TO_DO in start(project, "-n")[0]

    project.configure(results_dir=["may", "july", "june"])
    assert start(project)[1] == {"may"}
    assert in_tables(project) == COMPLETE

    run = "july/1.4.2/p4_n3_flaky/20261124_020527/flaky"
    project.change(run)
    text, _ = start(project)
    assert set(project.opened()) == {run}
    assert project.tables() == plainly(project, "may", "july", "june")
    assert text.count("1 runs read") == 1

    shutil.rmtree(project.folder / run)
    assert start(project)[1] == set()
    assert in_tables(project) == {**COMPLETE, "july": 3}
    project.configure(results_dir=["june", "may"])
    assert start(project)[1] == set(), "removing one neither"
    project.configure(results_dir="june")
    assert start(project)[1] == set()
    assert project.tables() == plainly(project, "june")


def test_all_tables_know_the_trees(project: Project) -> None:
    (project.folder / "june" / "labels.yaml").write_text("gpu: A100\n")
    (project.folder / "july" / "1.4.2" / "labels.yaml").write_text("gpu: H100\n")
    project.configure(
        results_dir=["july", "june"],
        tables=["raw", "stats", "overview", "requests", "long"],
        labels_file="labels.yaml",
        label_pattern="^(?P<tree>[^/]+)/",
        group_by=["tree", "gpu"],
        ship_files=True,
    )
    start(project)
    labels = {(row["tree"], row["gpu"]): row["count"] for row in rows_of(project.folder / "summary_stats.csv")}
    assert labels == {("july", "H100"): "3", ("july", ""): "1", ("june", "A100"): "2"}
    query = f"select distinct run, gpu from '{project.folder}/summary_requests.parquet/*.parquet' order by run"
    requests = dict(duckdb.sql(query).fetchall())
    raw = {row["run"]: row["gpu"] or None for row in rows_of(project.folder / "summary_raw.csv")}
    assert requests == {run: gpu for run, gpu in raw.items() if run in requests}
    assert len(requests) == len(raw)
    (project.folder / "june" / "labels.yaml").write_text("gpu: B200\n")
    text, read = start(project)
    assert read == set()
    assert "rule request_rows" in text
    assert NOTHING_TO_DO in start(project, "-n")[0]
    tables = project.tables()
    shutil.rmtree(project.folder / ".evalscope-summary")
    start(project, "--forceall", "--shared-fs-usage", "persistence", "source-cache", "software-deployment", "sources")
    assert project.tables() == tables, "where jobs share no files with Snakemake"


def test_exclude_begins_with_the_name_of_the_tree(project: Project) -> None:
    project.configure(results_dir=["july", "june"])
    start(project)
    project.configure(results_dir=["july", "june"], exclude=["july/1.4.2/*", "june", "nothing"], allow_empty=True)
    text, read = start(project)
    assert (in_tables(project), read) == ({"july": 1}, set())
    assert "'exclude' 'nothing' matches nothing (else) below 'july' and 'june'" in text
    assert text.count("matches nothing") == 1
    project.configure(results_dir=["july", "june"], since="20261124_020000")
    assert start(project)[1] == set(), "what was left out is kept"
    assert in_tables(project) == {"july": 4, "june": 1}


def test_a_tree_that_is_away_is_named_and_changes_nothing(project: Project) -> None:
    project.configure(results_dir=["july", "june"])
    start(project)
    tables = project.tables()
    (project.folder / "june").rename(project.folder / "away")
    text, _ = start(project, succeeds=False)
    assert "the results tree 'june' does not exist" in text
    (project.folder / "june").mkdir()
    text, _ = start(project, succeeds=False)
    assert "no run was found below 'june', but there were runs before" in text
    assert project.tables() == tables
    (project.folder / "june" / "shared").symlink_to("x" * 300)  # nobody can look at it
    text, _ = start(project, succeeds=False)
    assert "but there were runs before: some of it can't be read (shared: it can't be looked at: " in text
    (project.folder / "june" / "shared").unlink()
    project.configure(results_dir=["july", "june"], allow_empty=True)
    text, read = start(project)
    assert "no run was found below 'june'" in text
    assert (in_tables(project), read) == ({"july": 4}, set())
    (project.folder / "new").mkdir()
    project.configure(results_dir=["july", "new"])
    start(project)  # there never was a run in it
    assert in_tables(project) == {"july": 4}


def test_another_start_with_one_of_the_trees_waits_for_nobody(project: Project) -> None:
    project.configure(results_dir=["july", "june"])
    start(project)
    start(project, "--config", "results_dir=june", "output=alone")
    assert project.opened() == {}
    assert NOTHING_TO_DO in start(project, "-n")[0]
    rows = rows_of(project.folder / "alone_raw.csv")
    assert [row["run"].split("/")[0] for row in rows] == ["0.8.0", "1.9.1"]


MODULE = """
module bench:
    snakefile: {snakefile!r}
    config: {{"results_dir": ["july", "june"], "batches": 2}}
    prefix: "below"

use rule * from bench as bench_*

rule all:
    default_target: True
    input: rules.bench_stats.output
"""


def test_in_a_module(project: Project) -> None:
    (project.folder / "Snakefile").write_text(MODULE.format(snakefile=str(project.checkout / "Snakefile")))
    project.checkout = project.folder
    project.arguments = ()
    start(project)
    assert len(rows_of(project.folder / "below" / "summary_raw.csv")) == 6
    assert NOTHING_TO_DO in start(project, "-n")[0]


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trees", "names"),
    [
        ("a/b", [""]),
        (["a/b"], [""]),
        (["a/b", "c"], ["b", "c"]),
        (["a/b/", "./c/../c"], ["b", "c"]),
        (["n1/results", "n2/results"], ["n1/results", "n2/results"]),
        (["x/n1/results", "y/n1/results", "z/july"], ["x/n1/results", "y/n1/results", "july"]),
        (["x/a", "y/a/b", "z/c/b"], ["x/a", "y/a/b", "c/b"]),  # not `a`: a/b/… could be a run of both
        (["{a}", "b c"], ["{a}", "b c"]),
    ],
)
def test_names_tell_trees_apart(trees: str | list[str], names: list[str]) -> None:
    assert list(several.names(trees).values()) == names


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    ("trees", "words"),
    [
        (["a", "a/"], "one folder"),
        (["a", "link"], "one folder"),
        (["a", "a/b"], "'a/b' lies in 'a'"),
        (["link/b", "a"], "'link/b' lies in 'a'"),
        ([".", "a"], "'a' lies in '.'"),
        (["a", "/"], "'a' lies in '/'"),
        ([], "results_dir"),
        ([1], "results_dir"),
        ([""], "results_dir"),
    ],
)
def test_trees_that_can_not_be_together_are_refused(tmp_path: Path, trees: list[str], words: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("a")
    with inside(tmp_path), pytest.raises(WrongConfiguration, match="'results_dir'") as raised:
        complete({"results_dir": trees})
    assert words in str(raised.value)


def test_folders_behind_the_first_are_further_trees_of_the_command(project: Project) -> None:
    (project.folder / "stats").mkdir()  # called as a table is
    with inside(project.folder):
        given, own, _ = options.parse(["july", "june", "stats", "raw.json"])
        call = command.prepare(given, own)
        assert call.settings["results_dir"] == ["july", "june"]
        assert call.command[-2:] == ["--config", 'results_dir=["july", "june"]']
        assert {"summary_stats.csv", "summary_raw.json"} < set(call.command)
        given, own, _ = options.parse(["--results-dir", "may", "--results-dir", "june", "--output", "x"])
        assert command.prepare(given, own).settings["results_dir"] == ["may", "june"]
        given, own, _ = options.parse(["july", "nowhere"])
        with pytest.raises(command.WrongUsage, match="there is no table 'nowhere'"):
            command.prepare(given, own)
