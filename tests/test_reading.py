"""What docs/reading.md shows keeps text labels and declared types, with every library."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from conftest import CHECKOUT, MIXED, Project
from evalscope_summary.columns import Column
from evalscope_summary.layouts import long_columns, raw_columns, request_columns, stats_columns
from evalscope_summary.settings import complete

BLOCKS = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "reading.md").read_text("utf-8"), re.DOTALL)
TABLES = {"raw": raw_columns, "stats": stats_columns, "long": long_columns}
LABELS = {"version": "1.10", "gpu": "007", "flag": "true"}

DUCKDB = {"text": "VARCHAR", "integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN"}
POLARS = {"text": pl.String, "integer": pl.Int64, "float": pl.Float64, "boolean": pl.Boolean}


def columns_of(table: str) -> tuple[Column, ...]:
    settings = complete({"labels_file": "labels.yaml"}) | {"labels": sorted(LABELS)}
    return request_columns(settings) if table == "requests" else TABLES[table](settings)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory, checkout: Path, watch: Path) -> Path:
    """A folder with the tables of a tree with labels that look like numbers and truth values."""
    project = Project(tmp_path_factory.mktemp("reading") / "project", checkout, watch)
    shutil.copytree(MIXED / "1.4.2", project.tree / "1.4.2")
    (project.tree / "labels.yaml").write_text("".join(f"{name}: {text}\n" for name, text in LABELS.items()))
    project.configure(
        labels_file="labels.yaml",
        tables=["raw", "stats", "long", "requests"],
        formats=["csv", "parquet", "json"],
        batches=1,
    )
    done = project.meanwhile()
    assert done.status == 0, done.text
    return project.folder


@pytest.fixture(autouse=True)
def beside(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tables)


def test_all_ways_are_found() -> None:
    assert [block.split()[1] for block in BLOCKS] == ["pandas", "polars", "duckdb", "json"]


def texts(table: Any, name: str) -> set[Any]:
    if isinstance(table, duckdb.DuckDBPyRelation):
        return {row[0] for row in table.select(name).fetchall()}
    return set(table[name].to_list())


def statements(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.startswith(("runs =", "requests ="))]


@pytest.mark.parametrize(
    ("block", "line"),
    [(block, line) for block in BLOCKS for line in statements(block)],
    ids=lambda value: value if value.startswith(("runs", "requests")) else "",
)
def test_every_way_that_is_shown_keeps_a_text_as_it_is(block: str, line: str) -> None:
    others = [text for text in block.splitlines() if text not in statements(block)]
    found: dict[str, Any] = {}
    exec("\n".join([*others, line]), found)
    assert texts(found[line.split()[0]], "version") == {"1.10"}


@pytest.mark.skipif(not shutil.which("Rscript"), reason="R is not installed")
def test_r_keeps_a_text_as_it_is() -> None:
    (script,) = re.findall(r"```r\n(.*?)```", (CHECKOUT / "docs" / "reading.md").read_text("utf-8"), re.DOTALL)
    shown = "cat(class(runs$version), unique(runs$version), class(runs$ttft), class(runs[['99p_ttft_']]))"
    done = subprocess.run(["Rscript", "-e", script + shown], capture_output=True, text=True, check=True)
    assert done.stdout == "character 1.10 numeric numeric"


def test_the_helper_gives_every_column_its_declared_type() -> None:
    found: dict[str, Any] = {}
    exec(BLOCKS[-1], found)
    types = {"text": "string", "integer": "Int64", "float": "Float64", "boolean": "boolean"}
    for table in TABLES:
        read = found["read_csv"](table)
        assert {name: str(kind) for name, kind in read.dtypes.items()} == {
            column.name: types[column.type] for column in columns_of(table)
        }
        for name, text in LABELS.items():
            assert texts(read, name) == {text}


@pytest.mark.parametrize("table", [*TABLES, "requests"])
def test_parquet_has_the_declared_types_for_everybody(table: str) -> None:
    path = f"summary_{table}.parquet" + ("/*.parquet" if table == "requests" else "")
    columns = columns_of(table)
    relation = duckdb.sql(f"from '{path}'")
    assert dict(zip(relation.columns, map(str, relation.types), strict=True)) == {
        column.name: DUCKDB[column.type] for column in columns
    }
    assert dict(pl.read_parquet(path).schema) == {column.name: POLARS[column.type] for column in columns}
    read = pd.read_parquet(path.removesuffix("/*.parquet"))
    for name, text in LABELS.items():
        assert texts(relation, name) == texts(pl.read_parquet(path), name) == texts(read, name) == {text}


@pytest.mark.parametrize("table", TABLES)
def test_json_has_texts_in_quotes(table: str) -> None:
    rows = json.loads(Path(f"summary_{table}.json").read_bytes())
    read = pd.read_json(f"summary_{table}.json", dtype=False)
    for name, text in LABELS.items():
        assert {row[name] for row in rows} == {text}
        assert texts(read, name) == {text}


def test_the_data_package_says_that_labels_are_text() -> None:
    package = json.loads(Path("summary.datapackage.json").read_bytes())
    for resource in package["resources"]:
        if resource["name"] in (*TABLES, "requests"):
            kinds = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
            assert {kinds[name] for name in LABELS} == {"string"}
