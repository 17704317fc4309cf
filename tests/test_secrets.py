"""Keys, headers, prompts and replies of a run get into nothing that is written or said, damaged runs included."""

import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from conftest import CHECKOUT, MIXED, Project
from evalscope_summary.discovery import discover
from evalscope_summary.readers.evalscope import labels
from evalscope_summary.readers.evalscope.formats import ARGS, DATABASE, LOG, PERCENTILE, SUMMARY
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.record import Record

RUN = Path(__file__).parent / "fixtures" / "runs" / "1.9.1" / "spec"
MARK = "CANARY"  # each place has one of its own, so that a failure says where it came from

ARGUMENTS: dict[str, Any] = {
    "api_key": "CANARY-api-key",
    "headers": {"Authorization": "Bearer CANARY-bearer", "X-Other": "CANARY-header", "X-CANARY-header-name": "x"},
    "url": "https://CANARY-user:CANARY-password@CANARY.host/CANARY-path/v1?key=CANARY-query#CANARY-fragment",
    "extra_args": {"token": "CANARY-extra", "CANARY-extra-key": [{"CANARY-deep": "CANARY-deeper"}]},
    "wandb_api_key": "CANARY-wandb",
    "swanlab_api_key": "CANARY-swanlab",
    "swanlab_host": "https://CANARY-swanlab-user@host",
    "tokenizer_path": "/home/CANARY-home/CANARY-tokenizer",
    "outputs_dir": "/home/CANARY-home/results",
    "query_template": '{"key": "CANARY-template"}',
    "prompt": "CANARY-prompt",
    "stop": ["CANARY-stop"],
    "data_source": "https://CANARY-source:CANARY@host",
    "dataset_path": "https://CANARY-user:CANARY-password@host/CANARY-folder/set.jsonl?key=CANARY-query#CANARY-fragment",
    "dataset_args": {"hub_token": "CANARY-data-set-argument", "CANARY-data-set-key": 1},
    "multi_turn_args": {"token": "CANARY-turns"},
    "key_of_a_later_release": "CANARY-later",
    "CANARY-argument": "x",
}


def change(folder: Path, name: str, /, **changes: Any) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes), "utf-8")


def sql(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def plant(folder: Path) -> None:
    """Put secrets into every file of a run in which evalscope, or what it calls, may leave some."""
    if (folder / ARGS).exists():
        change(folder, ARGS, **ARGUMENTS)
        change(folder, SUMMARY, **{"Error CANARY-summary-key": "CANARY-summary"})
    if (folder / PERCENTILE).exists():
        rows = json.loads((folder / PERCENTILE).read_bytes())
        (folder / PERCENTILE).write_text(json.dumps([row | {"CANARY-row-key": "CANARY-row"} for row in rows]))
    if (folder / DATABASE).exists() and not (folder / f"{DATABASE}-journal").exists():
        sql(folder, "UPDATE result SET request = 'CANARY-request', response_messages = 'CANARY-response'")
    for name in (LOG, "perf_report.html", "CANARY-file.txt"):
        (folder / name).write_text("Authorization: Bearer CANARY-other-file")


def bytes_of(name: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(edit((folder / name).read_bytes())) and None


def values_of(name: str, /, **changes: Any) -> Callable[[Path], None]:
    return lambda folder: change(folder, name, **changes)


def rows_with(**changes: Any) -> Callable[[Path], None]:
    def edit(data: bytes) -> bytes:
        return json.dumps([row | changes for row in json.loads(data)]).encode()

    return bytes_of(PERCENTILE, edit)


def schema(statement: str) -> Callable[[Path], None]:
    """A database whose only table is declared like this, whether SQLite would allow it or not."""

    def damage(folder: Path) -> None:
        (folder / DATABASE).unlink()
        made = statement.replace("'", "''")
        sql(folder, "CREATE TABLE result(success)", f"UPDATE sqlite_master SET sql = '{made}'")

    return damage


def column(name: str, value: str) -> Callable[[Path], None]:
    return lambda folder: sql(folder, f"UPDATE result SET {name} = {value}")


def load_as_text(folder: Path) -> None:
    """Say nothing of the load in the summary, and nonsense in the arguments."""
    change(folder, SUMMARY, **{"Concurrency": None, "Request Rate (req/s)": None})
    change(folder, ARGS, parallel="CANARY", rate=["CANARY"])


NO_UTF8 = "CAST(x'43414e415259ff' AS TEXT)"  # SQLite quotes it where Python can't decode it

DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    # what → how, and the code of the problem that it makes
    "args cut in a header": (bytes_of(ARGS, lambda data: data[: data.index(b"CANARY-header") + 9]), "unreadable-json"),
    "args cut in a key": (bytes_of(ARGS, lambda data: data[: data.index(b"CANARY-argument") + 9]), "unreadable-json"),
    "args cut at the end": (bytes_of(ARGS, lambda data: data[:-1]), "unreadable-json"),
    "args with more behind": (bytes_of(ARGS, lambda data: data + b" CANARY-behind"), "unreadable-json"),
    "args with a wrong escape": (bytes_of(ARGS, lambda data: b'{"api_key": "\\CANARY"}'), "unreadable-json"),
    "args with a control character": (bytes_of(ARGS, lambda data: b'{"api_key": "\1CANARY"}'), "unreadable-json"),
    "args without quotes": (bytes_of(ARGS, lambda data: b'{"api_key": CANARY}'), "unreadable-json"),
    "args in no encoding": (bytes_of(ARGS, lambda data: b'{"api_key": "CANARY\xff"}'), "unreadable-json"),
    "args nested too deeply": (bytes_of(ARGS, lambda data: b'{"CANARY": ' * 99999), "unreadable-json"),
    "args with a long number": (bytes_of(ARGS, lambda data: b'{"CANARY": ' + b"7" * 9999 + b"}"), "unreadable-json"),
    "args that are the key": (bytes_of(ARGS, lambda data: b'"CANARY"'), "unknown-format"),
    "args that are a list": (bytes_of(ARGS, lambda data: b'["CANARY"]'), "unknown-format"),
    "summary cut": (bytes_of(SUMMARY, lambda data: data[: data.index(b"CANARY-summary")]), "unreadable-json"),
    "summary of one key": (bytes_of(SUMMARY, lambda data: b'{"CANARY": "CANARY"}'), "unknown-format"),
    "count of requests": (values_of(SUMMARY, **{"Total requests": "CANARY", "Total Requests": "CANARY"}), ""),
    "averages": (bytes_of(SUMMARY, lambda data: re.sub(rb": \d+\.\d+", b': "CANARY"', data)), "value-out-of-range"),
    "not applicable": (values_of(SUMMARY, **{"Not Applicable Metrics": ["CANARY", {"CANARY": 1}]}), ""),
    "percentiles cut": (bytes_of(PERCENTILE, lambda data: data[: data.index(b"CANARY")]), "unreadable-json"),
    "percentiles of a text": (bytes_of(PERCENTILE, lambda data: b'"CANARY"'), "unknown-format"),
    "percentiles' labels": (rows_with(Percentiles="CANARY"), "unknown-format"),
    "percentiles' values": (rows_with(**{"Latency (s)": "CANARY", "TTFT (s)": ["CANARY"]}), "value-out-of-range"),
    **{
        f"{field} is {kind}": (values_of(ARGS, **{field: value}), "value-out-of-range")
        for field in ("model", "name", "alias", "api", "dataset", "dataset_path", "number", "max_tokens")
        for kind, value in (("a list", ["CANARY"]), ("an object", {"CANARY": "CANARY"}))
    },
    "limits that are texts": (values_of(ARGS, max_tokens=["CANARY-1", "CANARY-2"]), "value-out-of-range"),
    "load that is a text": (
        load_as_text,
        "value-out-of-range",
    ),
    "a prompt that is a list": (values_of(ARGS, prompt=["CANARY"]), ""),
    "no database": (bytes_of(DATABASE, lambda data: b"CANARY" * 999), "unreadable-database"),
    "database cut": (bytes_of(DATABASE, lambda data: data[:6000]), "unreadable-database"),
    "database of another table": (
        lambda folder: sql(folder, "DROP TABLE result", "CREATE TABLE CANARY(CANARY)"),
        "unreadable-database",
    ),
    "database of other columns": (schema("CREATE TABLE result(CANARY)"), "unreadable-database"),
    "database cut in a declaration": (schema("CREATE TABLE result(success, CANARY"), "unreadable-database"),
    "database with a wrong word": (schema("CREATE TABLE result(success) CANARY"), "unreadable-database"),
    "database with an unknown function": (
        schema("CREATE TABLE result(success, max_gpu_memory_cost AS (CANARY(success)))"),
        "",
    ),
    "database with an unknown module": (
        schema("CREATE VIRTUAL TABLE result USING CANARY(success)"),
        "unreadable-database",
    ),
    "database of a view without a table": (schema("CREATE VIEW result AS SELECT * FROM CANARY"), "unreadable-database"),
    "intervals that are no list": (column("inter_token_latencies", "'CANARY'"), "unreadable-database"),
    "intervals of texts": (column("inter_token_latencies", """'["CANARY"]'"""), "unreadable-database"),
    "tokens that are no text": (column("prompt_tokens", NO_UTF8), "unreadable-database"),
    "tokens that are a text": (column("prompt_tokens", "'CANARY'"), "value-out-of-range"),
    "memory that is no text": (column("max_gpu_memory_cost", NO_UTF8), "unreadable-database"),
    "memory that is a text": (column("max_gpu_memory_cost", "'CANARY'"), ""),
    "success that is a text": (column("success", NO_UTF8), ""),
}


def planted(folder: Path, damage: Callable[[Path], None] | None = None) -> Path:
    source = next(RUN.rglob(SUMMARY)).parent
    shutil.copytree(source, folder, copy_function=shutil.copyfile)
    plant(folder)
    if damage:
        damage(folder)
    return folder


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file below a folder; packed ones unpacked too."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        name, data = str(path.relative_to(folder)), path.read_bytes()
        yield name, name.encode() + data
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from ((f"{name}: {member}", archive.read(member)) for member in archive.namelist())
        if path.suffix == ".parquet":
            table = pyarrow.parquet.read_table(path)
            yield f"{name}: unpacked", repr((table.to_pylist(), table.schema.metadata, table.schema)).encode()


def leaks(folder: Path, text: str = "") -> list[str]:
    """Where a secret is found: the files (those of results trees left aside), and the text around it."""
    found = []
    for name, data in (*contents(folder), ("what was said", text.encode())):
        at = data.lower().find(MARK.lower().encode())
        if at >= 0 and not name.startswith("results/"):
            found.append(f"{name}: …{data[max(0, at - 60) : at + 40]!r}…")
    return found


# --- records ---


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_run_is_described_without_quoting_it(tmp_path: Path, what: str) -> None:
    damage, code = DAMAGE[what]
    folder = planted(tmp_path / "run", damage)
    record = read_run(tmp_path, "run", os.listdir(folder), {"filled", "recomputed"})
    assert MARK not in repr(vars(record))
    assert not code or code in codes(record)


def codes(record: Record) -> set[str]:
    parts = (record.common, record.reported, *record.derived.values())
    return {problem.code for part in parts for problem in part.problems}


@pytest.mark.parametrize("name", [ARGS, SUMMARY, PERCENTILE])
def test_a_file_cut_anywhere_is_described_without_quoting_it(tmp_path: Path, name: str) -> None:
    folder = planted(tmp_path / "run")
    data = (folder / name).read_bytes()
    present = os.listdir(folder)
    for end in range(0, len(data), max(1, len(data) // 60)):
        (folder / name).write_bytes(data[:end])
        record = read_run(tmp_path, "run", present, set())
        assert MARK not in repr(vars(record)), end
        assert codes(record) & {"unreadable-json"}, end


# --- paths of data sets ---


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("https://CANARY:CANARY@host/CANARY/a.jsonl?key=CANARY#CANARY", "a.jsonl"),
        ("https://CANARY@host/a.jsonl;CANARY?CANARY", "a.jsonl"),
        ("https://CANARY:CANARY@host", ""),
        ("https://CANARY:CANARY@host/?key=CANARY", ""),
        ("https://host?key=CANARY/b://CANARY", ""),
        ("//CANARY:CANARY@host", ""),
        ("s3://CANARY:CANARY@bucket", ""),
        ("s3://CANARY:CANARY@bucket/sets/", "sets"),
        ("HTTPS://CANARY@host/a.jsonl?X-Amz-Signature=CANARY&x=/b/CANARY", "a.jsonl"),
        ("host/a.jsonl?key=CANARY", "a.jsonl"),
        ("//host/a.jsonl?key=x/CANARY", "a.jsonl"),
        ("a.jsonl?sv=1&sig=CANARY%2F", "a.jsonl"),
        ("what?.jsonl", "what?.jsonl"),
        ("sets//a.jsonl", "a.jsonl"),
        ("C#.jsonl", "C#.jsonl"),
    ],
)
def test_of_a_data_sets_path_only_the_files_name_is_shown(path: str, file: str) -> None:
    found = labels.file_name(path)
    assert MARK not in found
    assert found == file


# --- whatever is written or said ---


def tree_of_secrets(tree: Path) -> None:
    """Real runs of six releases, and every damage, all with secrets in them."""
    shutil.copytree(MIXED, tree, copy_function=shutil.copyfile)
    for path in list(tree.rglob(DATABASE)):
        plant(path.parent)
    for number, (damage, _) in enumerate(DAMAGE.values()):
        planted(tree / f"damaged-{number}" / "20260101_000000" / "m", damage)


EVERYTHING = {
    "tables": ["overview", "raw", "stats"],
    "formats": ["csv", "json", "parquet", "xlsx"],
    "columns": "all",
}


@pytest.mark.parametrize("metrics", ["reported", "recomputed"])
def test_no_file_of_the_workflow_and_nothing_it_says_holds_a_secret(
    new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, metrics: str
) -> None:
    project = new_project(tree=None)
    tree_of_secrets(project.tree)
    temporary = project.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    project.configure(**EVERYTHING, metrics=metrics)
    said = project.snakemake("-p", "--verbose").text
    said += project.snakemake("--config", "strict=true", "-p", "--verbose", "--show-failed-logs", succeeds=False).text
    said += project.snakemake("--detailed-summary").text
    said += project.snakemake("--report", "report.html", succeeds=None).text
    names = {path.name for path in project.folder.rglob("*")}
    assert {"summary.xlsx", "summary_raw.parquet", "summary_overview.md", "summary_problems.csv"} <= names
    assert (project.folder / ".snakemake" / "metadata").is_dir()
    assert leaks(project.folder, said) == []


@pytest.mark.parametrize("locale", ["C.UTF-8", "zh_CN.UTF-8"])
@pytest.mark.parametrize("format_", ["csv", "json"])
def test_no_file_of_the_plain_command_and_nothing_it_says_holds_a_secret(
    tmp_path: Path, locale: str, format_: str
) -> None:
    tree_of_secrets(tmp_path / "results")
    command = [sys.executable, str(CHECKOUT / "scripts" / "evalscope_aggregator.py"), "--format", format_]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    assert leaks(tmp_path, done.stdout) == []


def test_the_search_for_secrets_sees_into_every_format(new_project: Callable[..., Project]) -> None:
    project = new_project(tree=None)
    folder = planted(project.tree / "c" / "20260101_000000" / "m")
    change(folder, ARGS, model="CANARY-model", alias="CANARY-alias", api=["no text"])
    project.configure(**EVERYTHING)
    project.snakemake()
    found = {line.partition(":")[0] for line in leaks(project.folder)}
    tables = {f"summary_{table}.{format_}" for table in ("raw", "stats") for format_ in ("csv", "json", "parquet")}
    assert {*tables, "summary.xlsx", "summary_overview.md"} <= found
    assert len(discover(str(project.tree)).sources) == 1
