"""Labels from files in the tree: what such a file may hold, which runs it is about, and what a change of one costs."""

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest
import yaml
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Project, rows_of
from evalscope_summary import discovery
from evalscope_summary.discovery import discover
from evalscope_summary.folder_labels import FolderLabels, Found, WrongLabels, parsed, read
from evalscope_summary.layouts import NONE_ADDED, request_columns, taken_names
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import assemble
from evalscope_summary.trees import labels_in
from hypothesis import given
from hypothesis import strategies as st

NAME = "labels.yaml"
RUN = "1.9.1/p1_n1/20261124_020130/mock-7b/parallel_1_number_1"
TOOLS = CHECKOUT / "tests" / "fixtures" / "tools"


@pytest.fixture(params=["libyaml", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers that PyYAML may have."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CBaseLoader")


def labels_of(*texts: str | bytes) -> dict[str, dict[str, str]]:
    """The labels in files of nested folders: the first in the tree itself, the next in `a`, then in `a/b`, …"""
    folders = ["/".join("abcdef"[:depth]) for depth in range(len(texts))]
    files = {
        folder: (os.path.join("results", folder, NAME), Found(text.encode() if isinstance(text, str) else text))
        for folder, text in zip(folders, texts, strict=True)
    }
    return dict(parsed(files, taken_names()).folders)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("H100", "H100"),
        ("vllm 0.11  # of Friday", "vllm 0.11"),
        ("1.10", "1.10"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("007", "007"),
        (".inf", ".inf"),
        ("2025-11-29", "2025-11-29"),
        ("true", "true"),
        ("Yes", "Yes"),
        ("'null'", "null"),
        ('"two: parts"', "two: parts"),
        ("' 1.10 '", " 1.10 "),
        ("昇腾 910B", "昇腾 910B"),
        ("=1+1", "=1+1"),
        ('""', ""),
    ],
)
def test_a_value_is_the_text_that_is_written(text: str, value: str) -> None:
    assert labels_of(f"key: {text}\n") == {"": {"key": value}}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "content", [b"", b"# nothing\n", b"---\n", b"---\n...\n", b"{}", b"\xef\xbb\xbf", "{}".encode("utf-16")]
)
def test_a_file_may_be_empty(content: bytes) -> None:
    if content == b"---\n" or content == b"---\n...\n":
        with pytest.raises(WrongLabels, match="no names"):
            labels_of(content)
    else:
        assert labels_of(content) == {}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn"]), max_size=100))
def test_any_text_that_can_be_seen_comes_back(text: str) -> None:
    assert labels_of(json.dumps({"key": text}, ensure_ascii=False)) == {"": {"key": text}}


@given(st.binary(max_size=200))
def test_any_bytes_are_labels_or_one_message(content: bytes) -> None:
    found: object = None
    with contextlib.suppress(WrongLabels):
        found = labels_of(content)
    assert found is None or json.dumps(found).encode("utf-8")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- gpu", ["line 1", "the file is a list", "`name: value`"]),
        ("H100", ["line 1", "no names"]),
        ("gpu: H100\nengines: [vllm, sglang]", ["line 2", "'engines' is a list"]),
        ("gpu: {name: H100}", ["line 1", "'gpu' is a mapping"]),
        ("gpu:\n  name: H100", ["'gpu' is a mapping"]),
        ("gpu:", ["line 1", "'gpu' has no value", '""']),
        ("gpu: ~", ["'gpu' has no value"]),
        ("gpu: null", ["'gpu' has no value"]),
        ("gpu: H100\ngpu: H100", ["line 2", "'gpu' stands there twice"]),
        ("gpu: &a H100\nother: *a", ["line 1", "'gpu' is an anchor"]),
        ("gpu: *a", ["'gpu' is an anchor or refers to one"]),
        ("gpu: !!python/object/apply:os.system [ls]", ["'gpu' has a tag"]),
        ("gpu: !!float 1.10", ["'gpu' has a tag"]),
        ("<<: {gpu: H100}", ["'<<' can't name a column"]),
        ("gpu: H100\n---\ngpu: A100", ["line 2", "a second document"]),
        ("gpu name: H100", ["'gpu name' can't name a column", "letters, digits and underscores"]),
        ("8gpu: H100", ["'8gpu' can't name"]),
        ('"": H100', ["'' can't name"]),
        (f"{'x' * 65}: H100", ["can't name", "at most 64"]),
        ("? [gpu]\n: H100", ["a label's name is a list"]),
        ("gpu: |\n  two\n  lines", ["line 1", "'gpu' has line breaks"]),
        (f"gpu: {'x' * 1001}", ["'gpu' has 1001 characters", "at most 1000"]),
        ('gpu: "\\e[31m"', ["characters that can't be seen"]),
        ("gpu: H100\nengine: vllm: 0.11", ["line 2", "no YAML"]),
        (b"gpu: \xff", ["no text in UTF-8"]),
        ("model: mine", ["line 1", "a column 'model'", "another name"]),
        ("Model: mine", ["a column 'model'", "'Model'"]),
        ("latency_ci95: x", ["a column 'latency_ci95'"]),
        ("start: x", ["a column 'start'"]),
        ("problems: x", ["a column 'problems'"]),
        ("statistic: x", ["a column 'statistic'"]),
        ("[" * 60_000, ["is a list"]),
        ("a: [" + "*x," * 10_000, ["is a list"]),
        ("# " + "x" * 70_000, ["more than 64 KiB"]),
    ],
)
def test_what_is_no_label_is_named_with_file_line_and_key(text: str | bytes, words: list[str]) -> None:
    with pytest.raises(WrongLabels) as raised:
        labels_of("further: fine", text)
    assert str(raised.value).startswith(f"results/a/{NAME}")
    for word in words:
        assert word in str(raised.value)


def test_one_label_is_written_one_way_in_all_files() -> None:
    with pytest.raises(WrongLabels) as raised:
        labels_of("gpu: A100", "engine: x\nGPU: H100")
    assert str(raised.value) == (
        f"results/a/{NAME}, line 2: 'GPU' is called 'gpu' in results/{NAME}, line 1: write it one way"
    )


def test_a_message_names_the_first_errors_of_all_files() -> None:
    with pytest.raises(WrongLabels) as raised:
        labels_of("model: x", "1: x", "model: x\nrun: y", "gpu:\ntool: z", "[x]")
    lines = str(raised.value).splitlines()
    assert len(lines) == 6
    assert lines[2].startswith(f"results/a/b/{NAME}, line 1: ")
    assert lines[-1] == "and 2 more"


def test_the_nearest_file_wins_label_by_label() -> None:
    labels = FolderLabels(labels_of("gpu: A100\nengine: vllm 0.10", "engine: vllm 0.11\nnode: n1", 'gpu: ""'))
    assert labels.names == ("engine", "gpu", "node")
    assert labels.of("elsewhere/run") == {"gpu": "A100", "engine": "vllm 0.10"}
    assert labels.of("a") == {"gpu": "A100", "engine": "vllm 0.11", "node": "n1"}
    assert labels.of("a/run.json#3") == labels.of("a")
    assert labels.of("a/b") == {"gpu": None, "engine": "vllm 0.11", "node": "n1"}
    assert labels.of("a/b/c/d/run") == labels.of("a/b")
    assert labels.of("ab/run") == labels.of("run") == labels.of("elsewhere/run")
    deep = "a/" + "x/" * 5000 + "run"
    assert labels.of(deep) == labels.of("a")
    assert FolderLabels.load(labels.dump()).folders == labels.folders
    assert set(labels.about(["elsewhere/run"]).folders) == {""}
    assert set(labels.about(["a/run.json", "x"]).folders) == {"", "a"}
    assert labels.about(["a/run.json", "a/b"]).of("a/b/c") == labels.of("a/b/c")


def test_what_label_pattern_finds_wins_over_files() -> None:
    config = complete({"label_pattern": "(?P<gpu>h100)|(?P<node>n[0-9])", "labels_file": NAME})
    config["labels"] = ["engine", "gpu"]
    labels = FolderLabels({"": {"gpu": "A100", "engine": "vllm"}})
    tree = TOOLS / "vllm"
    source, claimed = next(iter(discover(str(tree)).sources.items()))
    from evalscope_summary.records import read_source

    (record,) = read_source(str(tree), source, *claimed, frozenset())
    cells = {}
    for run in ("h100/x", "n3/x", "x"):
        record.common.values["run"] = run
        row = assemble(record, config, labels)
        cells[run] = (row.get("gpu"), row.get("node"), row.get("engine"))
    assert cells == {
        "h100/x": ("h100", None, "vllm"),
        "n3/x": ("A100", "n3", "vllm"),
        "x": ("A100", None, "vllm"),
    }
    names = [column.name for column in request_columns(config)]
    assert names.index("gpu") < names.index("node") < names.index("engine") < names.index("request")


# --- finding them -----------------------------------------------------------------------------------------------------


def write(tree: Path, files: Mapping[str, str]) -> None:
    for folder, text in files.items():
        (tree / folder).mkdir(parents=True, exist_ok=True)
        (tree / folder / NAME).write_text(text, "utf-8")


@pytest.mark.parametrize("slow", [False, True])
def test_files_are_found_where_runs_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool) -> None:
    if slow:
        monkeypatch.setattr(discovery, "_SLOW", -1.0)
    tree = tmp_path / "results"
    folders = ["", "a", "a/b", "a/b/c", "old", "old/x", "linked/y", ".hidden", "wandb", "kept"]
    write(tree, dict.fromkeys(folders, "gpu: A100"))
    (tree / "link").symlink_to(tree / "linked" / "y")
    (tree / "loop").symlink_to(tree)
    (tree / "d" / NAME).mkdir(parents=True)  # a folder
    (tree / "e").mkdir()
    (tree / "e" / NAME).symlink_to(tree / NAME)
    found = discover(str(tree), ["old*", f"kept/{NAME}"], labels_file=NAME)
    assert set(found.labels) == {"", "a", "a/b", "a/b/c", "linked/y", "link", "e"}
    assert found.unmatched == ()
    assert discover(str(tree)).labels == {}


def test_a_file_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    for folder in "abc":
        (tmp_path / folder).mkdir()
    os.mkfifo(tmp_path / "a" / NAME)
    (tmp_path / "b" / NAME).symlink_to("nowhere")
    (tmp_path / "c" / NAME).write_text("gpu: x")
    (tmp_path / "c" / NAME).chmod(0)
    with pytest.raises(WrongLabels) as raised:
        labels_in([discover(str(tmp_path), labels_file=NAME)], complete({"labels_file": NAME, "results_dir": "r"}))
    lines = str(raised.value).splitlines()
    assert lines[:2] == [
        f"r/a/{NAME}: it can't be read: it is no regular file",
        f"r/b/{NAME}: it can't be read: No such file or directory",
    ]
    if os.geteuid():
        assert "Permission denied" in lines[2]
    assert read(str(tmp_path / "nothing")).unreadable


def test_a_labels_file_is_nobodys_result(tmp_path: Path) -> None:
    source = next((TOOLS / "vllm").rglob("*.json"))
    shutil.copy(source, tmp_path / "run.json")
    (tmp_path / "labels.json").write_text('{"gpu": "H100"}')
    found = discover(str(tmp_path), labels_file="labels.json")
    assert set(found.sources) == {"run.json"}
    assert set(found.labels) == {""}


# --- in a workflow ----------------------------------------------------------------------------------------------------


FILES = {"": "gpu: H100\nversion: 1.10\n", "1.4.2": "gpu: A100\nnode: n1\n"}


def column(project: Project, name: str, table: str = "raw") -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows_of(project.folder / f"summary_{table}.csv"):
        found[row[name]] = found.get(row[name], 0) + 1
    return found


def test_a_change_of_labels_reads_no_run_and_makes_tables_again(new_project: Callable[..., Project]) -> None:
    project = new_project(batches=8)
    write(project.tree, FILES)
    wanted = {"labels_file": NAME, "group_by": ["gpu", "config"], "tables": ["raw", "stats", "overview", "requests"]}
    project.configure(**wanted, label_pattern="^(?P<release>[^/]+)/")
    assert project.meanwhile().status == 0  # it reads each run twice: for its record, and for its requests
    assert project.tables() == project.clean_tables()
    header = list(rows_of(project.folder / "summary_raw.csv")[0])
    assert header[header.index("tool_version") + 1 :] == ["release", "gpu", "node", "version"]
    assert column(project, "gpu") == {"A100": 3, "H100": 6}
    assert column(project, "version") == {"1.10": 9}
    assert column(project, "node") == {"n1": 3, "": 6}
    parts = {path.name: path.stat().st_ino for path in project.folder.glob("summary_requests.parquet/*.parquet")}
    assert NOTHING_TO_DO in project.snakemake("-n").text

    (project.tree / "1.4.2" / NAME).write_text("gpu: H200\nnode: n1\n")
    outcome = project.refresh()
    assert outcome.read == set()
    assert outcome.jobs["merge"] == 1
    assert outcome.jobs["extract"] == 0
    assert outcome.jobs["request_rows"] == 2, "those of the batches with its runs"
    assert "0 of 2 runs were read" in outcome.text
    assert column(project, "gpu") == {"H200": 3, "H100": 6}
    again = {path.name: path.stat().st_ino for path in project.folder.glob("summary_requests.parquet/*.parquet")}
    assert sum(again[name] != parts[name] for name in parts) == 2
    requests = (
        f"select gpu, version, count(*) n from '{project.folder}/summary_requests.parquet/*.parquet' group by all"
    )
    assert set(duckdb.sql(requests).fetchall()) == {("H200", "1.10", 13), ("H100", "1.10", 63)}

    (project.tree / "1.4.2" / NAME).unlink()
    assert project.refresh().read == set()
    assert column(project, "gpu") == {"H100": 9}
    assert "node" not in rows_of(project.folder / "summary_raw.csv")[0]
    project.configure(**{**project.settings, "labels_file": "", "group_by": ["config"]})
    assert project.refresh().read == set()
    assert "gpu" not in rows_of(project.folder / "summary_raw.csv")[0]


def test_a_run_that_brings_its_labels_makes_only_its_batch_again(new_project: Callable[..., Project]) -> None:
    project = new_project(batches=8)
    write(project.tree, {"": "gpu: H100\n", RUN: "gpu: A100\n"})
    project.configure(labels_file=NAME, tables=["raw", "requests"])
    assert project.meanwhile().status == 0
    assert column(project, "gpu") == {"A100": 1, "H100": 8}
    before = {path: path.read_bytes() for path in project.folder.glob(".evalscope-summary/output-*/rows/*")}
    write(project.tree, {RUN: "gpu: B200\n"})
    outcome = project.snakemake()
    assert outcome.read == set()
    assert outcome.jobs["request_rows"] == 1
    assert sum(path.read_bytes() != data for path, data in before.items()) == 1
    assert column(project, "gpu") == {"B200": 1, "H100": 8}


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        ({"1.9.1": "gpu: H100\nmodel: x\n"}, {}, [f"results/1.9.1/{NAME}, line 2", "a column 'model'"]),
        ({"": "gpu: H100\n"}, {"group_by": ["gpus"]}, ["'group_by' names 'gpus'", "did you mean 'gpu'?"]),
        ({}, {"group_by": ["gpu"]}, ["no labels file 'labels.yaml' in any folder", "'group_by' names 'gpu'"]),
    ],
)
def test_what_can_not_be_meant_stops_the_start_and_changes_nothing(
    built: Project, files: dict[str, str], settings: dict[str, object], words: list[str]
) -> None:
    tables = built.tables()
    write(built.tree, files)
    built.configure(labels_file=NAME, **settings)
    outcome = built.snakemake(succeeds=False)
    outcome.fails_with(*words)
    assert built.tables() == tables
    assert outcome.read == set()


def test_a_label_needs_a_labels_file_to_come_from() -> None:
    with pytest.raises(Exception, match="'group_by' names 'gpu'"):
        complete({"group_by": ["gpu"]})
    assert complete({"group_by": ["gpu"], "labels_file": NAME})["labels"] == []
    with pytest.raises(Exception, match="'labels_file'"):
        complete({"labels_file": "a/labels.yaml"})


def test_runs_of_every_tool_have_labels(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    for tool in ("vllm", "sglang", "guidellm", "aiperf", "agentx"):
        shutil.copytree(TOOLS / tool, project.tree / tool)
        write(project.tree, {tool: f"stand: bench of {tool}\n"})
    project.configure(labels_file=NAME, group_by=["stand"])
    project.snakemake()
    assert project.tables() == project.clean_tables()
    rows = rows_of(project.folder / "summary_raw.csv")
    assert {row["stand"] for row in rows} == {f"bench of {row['run'].split('/')[0]}" for row in rows}
    assert any("#" in row["run"] for row in rows)


MODULE = """
module bench:
    snakefile: {snakefile!r}
    config: {{"labels_file": "labels.yaml", "group_by": ["gpu"], "batches": 3}}
    prefix: "below"

use rule * from bench as bench_*

rule all:
    default_target: True
    input: rules.bench_stats.output, rules.bench_requests.output
"""


def test_in_a_module_with_a_prefix(new_project: Callable[..., Project]) -> None:
    project = new_project(batches=0)
    write(project.tree, FILES)
    (project.folder / "Snakefile").write_text(MODULE.format(snakefile=str(project.checkout / "Snakefile")))
    project.checkout = project.folder
    assert project.meanwhile().status == 0
    found = {row["gpu"]: row["count"] for row in rows_of(project.folder / "below" / "summary_stats.csv")}
    assert found == {"A100": "3", "H100": "6"}
    assert NOTHING_TO_DO in project.snakemake("-n").text
    (project.tree / "1.4.2" / NAME).write_text("gpu: H200\n")
    assert project.snakemake().read == set()
    found = {row["gpu"]: row["count"] for row in rows_of(project.folder / "below" / "summary_stats.csv")}
    assert found == {"H200": "3", "H100": "6"}


def test_where_jobs_share_no_files_with_snakemake(new_project: Callable[..., Project]) -> None:
    project = new_project()
    write(project.tree, FILES)
    project.configure(labels_file=NAME, ship_files=True)
    project.meanwhile("--shared-fs-usage", "persistence", "source-cache", "software-deployment", "sources")
    assert project.tables() == project.clean_tables()


def test_the_plain_command_writes_the_same_tables(new_project: Callable[..., Project]) -> None:
    import subprocess
    import sys

    project = new_project()
    write(project.tree, FILES)
    project.configure(labels_file=NAME)
    command = [sys.executable, str(CHECKOUT / "scripts" / "evalscope_aggregator.py"), "--labels-file", NAME]
    subprocess.run(command, cwd=project.folder, check=True, capture_output=True)
    assert project.tables() == project.clean_tables()
    write(project.tree, {"": "gpu: [H100]"})
    done = subprocess.run(command, cwd=project.folder, check=False, capture_output=True, encoding="utf-8")
    assert done.returncode == 1
    assert f"./results/{NAME}, line 1: the value of 'gpu' is a list" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_columns_are_added_without_the_setting() -> None:
    assert MIXED.is_dir()
    assert [column.name for column in request_columns({**NONE_ADDED})] == [
        column.name for column in request_columns(complete({}))
    ]
