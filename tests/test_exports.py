"""The further formats: Parquet, workbooks, and the data package that describes the tables."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import frictionless
import openpyxl
import pandas as pd
import polars as pl
import pyarrow.parquet
import pytest
from conftest import MIXED, Project, copy_checkout, frame_of, rows_in, rows_of
from evalscope_summary.columns import BY_NAME, PERFORMANCE, Column
from evalscope_summary.layouts import COUNT, NONE_ADDED, PROBLEM_COLUMNS, STATISTICS, raw_columns, stats_columns
from evalscope_summary.settings import complete
from evalscope_summary.tables import xlsx
from evalscope_summary.tables.assembling import Row
from evalscope_summary.tables.csv import read_csv
from evalscope_summary.tables.errors import TooLarge
from evalscope_summary.tables.files import overview_columns
from evalscope_summary.tables.parquet import write_parquet
from evalscope_summary.tables.xlsx import write_workbook

FORMATS = ["csv", "json", "parquet", "xlsx"]
CONFIG: dict[str, Any] = {
    "formats": FORMATS,
    "columns": "all",
    "statistics": ["avg", "std", "min", "max", "median", "cv", "ci95"],
    "label_pattern": r"^(?P<release>[^/]+)/",
}


@pytest.fixture(scope="module", params=["reported", "recomputed"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, checkout: Path, watch: Path) -> Any:
    """A project in which everything there is was made."""
    project = Project(tmp_path_factory.mktemp("made") / "project", checkout, watch)
    shutil.copytree(MIXED, project.tree)
    project.configure(**CONFIG, metrics=request.param)
    project.snakemake()
    assert project.tables() == project.clean_tables()
    project.snakemake("summary_raw.xlsx", "summary_stats.xlsx")
    return project


def columns_of(project: Project, table: str) -> tuple[Column, ...]:
    settings = complete(project.settings)
    if table == "overview":
        return overview_columns(project.folder / "summary_overview.csv", settings)
    if table == "problems":
        return PROBLEM_COLUMNS
    return {"raw": raw_columns, "stats": stats_columns}[table](settings)


def typed(project: Project, table: str) -> list[Row]:
    columns = columns_of(project, table)
    return rows_in(read_csv(project.folder / f"summary_{table}.csv", columns), columns)


# --- what there is ---


def test_the_default_target_makes_what_the_configuration_names(made: Project) -> None:
    assert {path.name for path in made.folder.glob("summary*")} == {
        *(f"summary_{table}.{ending}" for table in ("raw", "stats") for ending in ("csv", "json", "parquet", "xlsx")),
        *("summary_overview.csv", "summary_overview.md", "summary_problems.csv"),
        *("summary.xlsx", "summary.datapackage.json", "summary_status.json"),
    }


def test_made_again_the_files_have_the_same_bytes(made: Project, tmp_path: Path) -> None:
    again = Project(tmp_path / "again", made.checkout, made.watch)
    shutil.copytree(made.tree, again.tree)
    again.configure(**made.settings)
    again.snakemake()
    for path in set(again.folder.glob("summary*")) - {again.folder / "summary_status.json"}:
        assert path.read_bytes() == (made.folder / path.name).read_bytes(), path.name
    status, before = (json.loads((p.folder / "summary_status.json").read_bytes()) for p in (again, made))
    of_the_start = {"start", "seconds", "new_runs", "gone_runs", "new_skipped", "new_problems"}
    assert {key: status[key] for key in status if key not in of_the_start} == {
        key: before[key] for key in before if key not in of_the_start
    }


# --- Parquet ---

ARROW = {"text": "string", "integer": "int64", "float": "double", "boolean": "bool"}


@pytest.mark.parametrize("table", ["raw", "stats"])
def test_parquet_columns_are_typed_and_described(made: Project, table: str) -> None:
    schema = pyarrow.parquet.read_schema(made.folder / f"summary_{table}.parquet")
    columns = columns_of(made, table)
    assert [(field.name, str(field.type)) for field in schema] == [(c.name, ARROW[c.type]) for c in columns]
    for field, column in zip(schema, columns, strict=True):
        assert field.metadata[b"unit"].decode() == column.unit
        assert field.metadata[b"description"].decode() == column.description


@pytest.mark.parametrize("table", ["raw", "stats"])
@pytest.mark.parametrize("reader", ["pandas", "polars", "duckdb"])
def test_parquet_reads_the_same_everywhere(made: Project, table: str, reader: str) -> None:
    path = str(made.folder / f"summary_{table}.parquet")
    names = [column.name for column in columns_of(made, table)]
    if reader == "pandas":
        frame = pd.read_parquet(path)
        types = {"text": "string", "integer": "Int64", "float": "float64", "boolean": "boolean"}
        assert [str(dtype) for dtype in frame.dtypes] == [types[column.type] for column in columns_of(made, table)]
        found = [[None if pd.isna(cell) else cell for cell in row] for row in frame.itertuples(index=False)]
        assert list(frame) == names
    elif reader == "polars":
        table_ = pl.read_parquet(path)
        found = [list(row) for row in table_.iter_rows()]
        assert table_.columns == names
    else:
        result = duckdb.sql(f"SELECT * FROM '{path}'")
        found = [list(row) for row in result.fetchall()]
        assert result.columns == names
    assert found == [[row[name] for name in names] for row in typed(made, table)]


def test_parquet_of_many_rows_and_of_none(tmp_path: Path) -> None:
    columns = (Column("n", "integer", "", "a number"), Column("t", "text", "", "a text"))
    rows: list[Row] = [{"n": number, "t": None if number % 2 else "x"} for number in range(10)]
    write_parquet(tmp_path / "t.parquet", columns, frame_of(columns, rows))
    assert pl.read_parquet(tmp_path / "t.parquet").to_dicts() == rows
    write_parquet(tmp_path / "t.parquet", columns, frame_of(columns, []))
    assert pl.read_parquet(tmp_path / "t.parquet").schema == {"n": pl.Int64, "t": pl.String}


# --- workbooks ---


def sheet_rows(sheet: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_the_workbook_has_every_table_as_a_sheet(made: Project) -> None:
    book = openpyxl.load_workbook(made.folder / "summary.xlsx")
    assert book.sheetnames == ["overview", "raw", "stats", "problems", "columns"]
    header, *explained = sheet_rows(book["columns"])
    assert header == ["sheet", "column", "unit", "meaning"]
    assert ["raw", "ttft", "s", BY_NAME["ttft"].description] in explained
    for table in book.sheetnames[:-1]:
        check_sheet(book[table], columns_of(made, table), typed(made, table))


@pytest.mark.parametrize("table", ["raw", "stats"])
def test_each_table_is_a_workbook_by_name(made: Project, table: str) -> None:
    book = openpyxl.load_workbook(made.folder / f"summary_{table}.xlsx")
    assert len(book.sheetnames) == 1
    check_sheet(book.worksheets[0], columns_of(made, table), typed(made, table))


def check_sheet(sheet: Any, columns: tuple[Column, ...], rows: list[Row]) -> None:
    header, *cells = sheet_rows(sheet)
    assert header == [column.name for column in columns]
    assert sheet.freeze_panes == "B2"
    assert len(cells) == len(rows)
    for found, row in zip(cells, rows, strict=True):
        for cell, column in zip(found, columns, strict=True):
            value = row[column.name]
            if isinstance(value, float):
                assert not isinstance(cell, str)
                assert math.isclose(cell, value, rel_tol=1e-15)
            else:
                assert cell == value
                assert isinstance(cell, bool) == isinstance(value, bool)


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+1", "-1", "http://x", "{=1}", "1.0", "true", "#N/A", " a "])
def test_text_is_text_in_a_workbook(tmp_path: Path, text: str) -> None:
    column = Column("t", "text", "", "a text")
    write_workbook(tmp_path / "t.xlsx", {"s": ((column,), frame_of([column], [{"t": text}]))})
    cell = openpyxl.load_workbook(tmp_path / "t.xlsx")["s"]["A2"]
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


def test_text_that_no_cell_can_hold_is_cut_visibly(tmp_path: Path) -> None:
    column = Column("t", "text", "", "a text")
    rows: list[Row] = [{"t": "x" * 70000}, {"t": "a\x00\x1b\u202e🚀"}]
    write_workbook(tmp_path / "t.xlsx", {"s": ((column,), frame_of([column], rows))})
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["s"]
    assert (len(sheet["A2"].value), sheet["A2"].value[-1]) == (32767, "…")
    assert sheet["A3"].value.endswith("\u202e🚀")


def test_a_sheet_is_read_as_a_frame_with_the_names_of_the_columns(made: Project) -> None:
    found = pd.read_excel(made.folder / "summary.xlsx", sheet_name="raw")
    assert list(found.columns) == [column.name for column in columns_of(made, "raw")]
    assert found["ttft"].dtype == "float64"
    assert found["ttft"].tolist() == pytest.approx([row["ttft"] or math.nan for row in typed(made, "raw")], nan_ok=True)


def test_numbers_have_the_digits_of_their_unit_and_columns_the_width_of_their_cells(tmp_path: Path) -> None:
    columns = tuple(BY_NAME[name] for name in ("run", "ttft", "output_throughput", "parallel", "slo_share"))
    row = {"run": "x" * 45, "ttft": 0.123456, "output_throughput": 1234.567, "parallel": 8, "slo_share": 0.875}
    write_workbook(tmp_path / "t.xlsx", {"s": (columns, frame_of(columns, [row]))})
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx")["s"]
    assert [cell.number_format for cell in sheet[2]] == ["General", "0.0000", "0.00", "General", "0.0%"]
    assert sheet["E2"].value == 0.875
    widths = [sheet.column_dimensions[letter].width for letter in "ABCD"]
    assert 45 < widths[0] < 50
    assert widths[1] < 12 < widths[2] < 25


def test_headers_are_chinese_with_units_if_the_settings_say_so(tmp_path: Path) -> None:
    settings = {"columns": "all", **NONE_ADDED, "label_pattern": "(?P<gpu>x)", "statistics": STATISTICS, "slo": {}}
    raw, stats = raw_columns(settings), stats_columns(settings)
    problem = {"severity": "skipped", "message": "it is empty; copy it again, or run the test again"}
    sheets = {
        "raw": (raw, frame_of(raw, [])),
        "stats": (stats, frame_of(stats, [])),
        "problems": (PROBLEM_COLUMNS, frame_of(PROBLEM_COLUMNS, [problem])),
    }
    write_workbook(tmp_path / "t.xlsx", sheets, "zh")
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    for name, (columns, _) in sheets.items():
        heads = [cell.value for cell in book[name][1]]
        assert len(set(heads)) == len(columns)
        english = [head for head in heads if not re.search("[\u4e00-\u9fff]", head)]
        assert all(re.match(r"P\d+ (TTFT|ITL|TPOT) \(s\)$|gpu$", head) for head in english), english
    assert {"P99 TTFT (s)", "最大 输出速度 (tok/s)", "开始时间"} <= {cell.value for cell in book["raw"][1]}
    assert "P99 TTFT 均值 (s)" in {cell.value for cell in book["stats"][1]}
    assert book["problems"]["E2"].value == "文件为空；请重新复制，或重新测试"


def test_a_table_that_is_too_long_for_a_sheet_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "XLSX_ROWS", 3)
    rows: list[Row] = [{"count": number} for number in range(4)]
    write_workbook(tmp_path / "t.xlsx", {"s": ((COUNT,), frame_of([COUNT], rows[:3]))})
    with pytest.raises(TooLarge, match=r"3 rows.*csv or parquet"):
        write_workbook(tmp_path / "u.xlsx", {"s": ((COUNT,), frame_of([COUNT], rows))})
    assert not (tmp_path / "u.xlsx").exists()


# --- data package ---


def test_the_tables_are_valid_by_their_data_package(made: Project) -> None:
    report = frictionless.validate(str(made.folder / "summary.datapackage.json"))
    assert report.valid, report.flatten(["type", "message"])
    assert [task.name for task in report.tasks] == ["overview", "raw", "stats", "problems"]
    assert [task.stats["rows"] for task in report.tasks] == [
        len(rows_of(made.folder / f"summary_{task.name}.csv")) for task in report.tasks
    ]


def test_a_wrong_cell_is_found_by_the_data_package(made: Project, tmp_path: Path) -> None:
    shutil.copytree(made.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("results", ".*"))
    raw = tmp_path / "copy" / "summary_raw.csv"
    raw.write_text(raw.read_text("utf-8").replace(",true,", ",perhaps,", 1), "utf-8")
    report = frictionless.validate(str(tmp_path / "copy" / "summary.datapackage.json"))
    assert [error[0] for error in report.flatten(["type"])] == ["type-error"]


def test_every_column_is_described(made: Project) -> None:
    package = json.loads((made.folder / "summary.datapackage.json").read_bytes())
    metrics = made.settings["metrics"]
    for resource in package["resources"]:
        columns = columns_of(made, resource["name"])
        assert [field["name"] for field in resource["schema"]["fields"]] == [column.name for column in columns]
        for field, column in zip(resource["schema"]["fields"], columns, strict=True):
            assert field["description"]
            assert field["definition"]
            assert field.get("unit", "") == column.unit
            if resource["name"] != "problems" and not (metrics == "recomputed" and column.name in PERFORMANCE):
                assert field["source"], field
    raw = {field["name"]: field for field in package["resources"][1]["schema"]["fields"]}
    if metrics == "recomputed":
        assert raw["ttft"]["definition"] == "mean of first_chunk_latency of streamed requests, without 0"
        assert raw["ttft"]["source"].startswith("evalscope: benchmark_data.db; vllm: ")
        assert raw["turns"]["definition"].startswith("not derivable")
        assert "ceil(n * 66 / 100)" in raw["66p_latency_"]["definition"]
    else:
        assert "1.11.1: first chunk with content" in raw["ttft"]["definition"]
        assert "`Avg TTFT (ms)` / 1000" in raw["ttft"]["source"]
        assert "benchmark_data.db" in raw["66p_latency_"]["source"]
    assert raw["release"]["source"] == "path of the run: `^(?P<release>[^/]+)/`"


# --- changes ---


def test_a_further_format_reads_no_run_and_repeats_no_merge(built: Project) -> None:
    for targets, rules in (
        (["summary_raw.parquet", "summary_stats.parquet"], {"export": 2}),
        (["summary_raw.xlsx"], {"export": 1}),
        (["summary.xlsx"], {"workbook": 1}),
    ):
        outcome = built.snakemake(*targets)
        assert outcome.read == set()
        assert outcome.jobs == rules
        assert all((built.folder / target).exists() for target in targets)


def test_a_checkout_of_its_own_makes_every_format(watch: Path, tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path / "a {b} 'c'")
    project = Project(tmp_path / "project", checkout, watch)
    shutil.copytree(MIXED / "1.9.1", project.tree)
    project.snakemake("--config", "output=out 1/x", "formats=[csv,json,parquet,xlsx]")
    assert len(list((project.folder / "out 1").glob("x*"))) == 4 * 2 - 2 + 6
