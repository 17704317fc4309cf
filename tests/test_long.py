"""`summary_long`: a row per run, metric and statistic."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest
from conftest import CHECKOUT, MIXED, Project, clean_tables
from evalscope_summary.columns import BY_NAME, Column
from evalscope_summary.layouts import label_names, long_columns, measured_columns, raw_columns
from evalscope_summary.settings import complete
from evalscope_summary.tables.csv import read_csv

PATTERN = "/(?P<day>[0-9]{8})_"


@pytest.fixture(scope="module", params=["standard", "all"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Settings, and a folder with summary_raw and what is made of it."""
    given = {"columns": request.param, "label_pattern": PATTERN}
    settings = complete(given)
    folder = tmp_path_factory.mktemp("long")
    scratch = tmp_path_factory.mktemp("scratch")
    (folder / "summary_raw.csv").write_bytes(clean_tables(MIXED, given, scratch)["summary_raw.csv"])
    (folder / "settings.json").write_text(json.dumps(settings))
    run("long.py", folder, "summary_raw.csv", "summary_long.csv")
    run("export.py", folder, "summary_long.csv", "summary_long.parquet")
    run("export.py", folder, "summary_long.csv", "summary_long.json")
    return settings, folder


def run(program: str, folder: Path, *files: str) -> None:
    """Run a rule's program with the settings of the folder."""
    command = [sys.executable, CHECKOUT / "scripts" / program, "settings.json", *files]
    subprocess.run(command, cwd=folder, check=True)


def test_it_pivots_back_to_the_wide_table_cell_by_cell(made: tuple[dict[str, Any], Path]) -> None:
    settings, folder = made
    raw = read_csv(folder / "summary_raw.csv", raw_columns(settings))
    long = read_csv(folder / "summary_long.csv", long_columns(settings))
    labels = ["run", *label_names(settings)]
    pd.testing.assert_frame_equal(long[labels].drop_duplicates(ignore_index=True), raw[labels])
    wide = long.pivot(index="run", columns=["metric", "statistic"], values="value").reindex(raw["run"])
    measured = measured_columns(settings["columns"])
    assert len({(metric, statistic) for metric, statistic, _ in measured.values()}) == len(measured)
    for name, (metric, statistic, unit) in measured.items():
        cells = raw[name].astype("float64")
        if cells.notna().any():
            found = wide.pop((metric, statistic)).reset_index(drop=True)
            pd.testing.assert_series_equal(found, cells, check_names=False, check_exact=True)
        rows = long[(long["metric"] == metric) & (long["statistic"] == statistic)]
        assert (rows["unit"].fillna("") == unit).all()
    assert wide.empty or not len(wide.columns)
    assert len(long) == sum(int(raw[name].notna().sum()) for name in measured)


def test_every_column_of_the_wide_table_is_in_it_or_says_where_the_run_is_from() -> None:
    settings = complete({"columns": "all"})
    left = {c.name for c in raw_columns(settings)} - set(measured_columns("all")) - set(label_names(settings))
    assert {BY_NAME[name].role for name in left} == {"place"}


def test_metrics_have_the_statistics_that_their_names_say() -> None:
    measured = measured_columns("all")
    assert measured["ttft"] == ("ttft", "mean", "s")
    assert measured["99p_tpot_"] == ("token_latency", "p99", "s")
    assert measured["0p_itl_"] == ("inter_token_latency", "min", "s")
    assert measured["100p_output_(tok/s)"] == ("output_speed", "max", "tok/s")
    assert measured["output_throughput"] == ("output_throughput", "value", "tok/s")
    assert measured["avg_gpu_memory"] == ("gpu_memory", "mean", "GiB")
    for name, (_, statistic, _) in measured.items():
        described = BY_NAME[name].description.startswith("mean ")
        assert not BY_NAME[name].metric == described == (statistic != "mean")


def test_all_readers_find_the_same_in_all_formats(made: tuple[dict[str, Any], Path]) -> None:
    settings, folder = made
    columns: tuple[Column, ...] = long_columns(settings)
    names = [column.name for column in columns]
    expected = read_csv(folder / "summary_long.csv", columns)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "summary_long.parquet"), expected)
    rows = [
        {name: None if pd.isna(cell) else cell for name, cell in row.items()} for row in expected.to_dict("records")
    ]
    assert json.loads((folder / "summary_long.json").read_bytes()) == rows
    assert pl.read_parquet(folder / "summary_long.parquet").to_dicts() == rows
    found = duckdb.sql(f"select * from '{folder / 'summary_long.parquet'}'").fetchall()
    assert [dict(zip(names, row, strict=True)) for row in found] == rows
    assert {type(row["day"]) for row in rows} == {str}


def test_the_examples_of_the_page_run(made: tuple[dict[str, Any], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    examples = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "long.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(made[1])
    for example in examples:
        names: dict[str, Any] = {}
        exec(example, names)
        assert len(list(names.values())[-1]) > 0
    assert len(examples) == 2


def test_it_is_made_by_its_name_and_as_one_of_the_tables(new_project: Callable[..., Project]) -> None:
    project = new_project(MIXED / "1.9.1")
    project.configure(tables=["raw", "long"], formats=["parquet"])
    project.snakemake()
    runs = pd.read_parquet(project.folder / "summary_raw.parquet")["run"]
    assert set(pd.read_parquet(project.folder / "summary_long.parquet")["run"]) == set(runs)
    package = json.loads((project.folder / "summary.datapackage.json").read_bytes())
    described = {resource["name"]: resource for resource in package["resources"]}
    assert [field["name"] for field in described["long"]["schema"]["fields"]][-4:] == [
        *("metric", "statistic", "value", "unit")
    ]
