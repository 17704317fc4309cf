"""`summary_compare`: groups of runs beside those of a baseline."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
from conftest import CHECKOUT, MIXED, Project
from evalscope_summary import options
from evalscope_summary.layouts import OVERVIEW_AVERAGES, OVERVIEW_PERCENTILES, compare_columns, raw_columns
from evalscope_summary.settings import WrongConfiguration, complete
from evalscope_summary.tables.compare import Side, compare, pairs, ratio_interval, why_alone
from evalscope_summary.tables.comparison_sheets import sheets_of
from evalscope_summary.tables.csv import read_csv, write_csv
from evalscope_summary.tables.errors import NothingToCompare
from evalscope_summary.tables.frame import frame
from scipy import optimize, stats

SETTINGS: dict[str, Any] = {
    "label_pattern": "^(?P<engine>[^/]*)/",
    "group_by": ["model", "parallel"],
    "compare": {"by": "engine", "baseline": "a"},
}


def raw_of(runs: list[dict[str, Any]], settings: dict[str, Any]) -> pd.DataFrame:
    columns = raw_columns(settings)
    return frame(columns, ([run.get(column.name) for column in columns] for run in runs))


def compared(runs: list[dict[str, Any]], **more: object) -> pd.DataFrame:
    settings = complete(SETTINGS | more)
    raw = raw_of(runs, settings)
    made = pd.concat(list(compare(raw, pairs(raw, settings), settings)), ignore_index=True)
    assert list(made) == [column.name for column in compare_columns(settings)]
    return made


def run(engine: str | None, parallel: int, ttft: float | None, **more: object) -> dict[str, Any]:
    return {"engine": engine, "parallel": parallel, "model": "m", "ttft": ttft} | more


def test_each_group_is_set_beside_the_baseline_that_differs_in_the_label_alone() -> None:
    runs = [
        *(run("a", 1, 1.0), run("a", 1, 2.0), run("b", 1, 3.0), run("b", 1, None), run("c", 1, 6.0)),
        *(run("a", 2, 5.0), run("b", 10, 7.0), run(None, 10, 8.0)),
    ]
    made = compared(runs)
    metrics = [*OVERVIEW_AVERAGES, *OVERVIEW_PERCENTILES]
    assert list(made["metric"]) == metrics * 5
    ttft = made[made["metric"] == "ttft"].drop(columns=["model", "metric", "ratio_low", "ratio_high"])
    rows = ttft.astype(object).where(ttft.notna(), None).to_numpy().tolist()
    assert rows == [
        [1, "a", "b", "s", 2, 1, 1.5, 3.0, 2.0],
        [1, "a", "c", "s", 2, 1, 1.5, 6.0, 4.0],
        [2, "a", None, "s", 1, 0, 5.0, None, None],
        [10, "a", None, "s", 0, 1, None, 8.0, None],
        [10, "a", "b", "s", 0, 1, None, 7.0, None],
    ]
    assert made["ratio_low"].isna().all()
    assert (made.loc[made["metric"] == "latency", ["baseline_runs", "other_runs"]] == 0).all(axis=None)


def test_a_ratio_to_zero_is_empty() -> None:
    made = compared([run("a", 1, 0.0), run("b", 1, 1.0)])
    assert made["ratio"].isna().all()


def test_labels_of_any_type_are_compared_as_text() -> None:
    runs = [run("a", 4, 1.0, stream=True, rate=2.0), run("a", 16, 2.0, stream=False, rate=10.0)]
    for by, baseline, other in (("parallel", "4", "16"), ("stream", True, "false"), ("rate", "2", "10.0")):
        made = compared(runs, compare={"by": by, "baseline": baseline}, group_by=["model"])
        (row,) = made[made["metric"] == "ttft"].to_dict("records")
        assert (row["other"], row["ratio"]) == (other, 2)


def sides(*samples: list[float]) -> list[Side]:
    spreads = [np.std(s, ddof=1) if len(s) > 1 else np.nan for s in samples]
    return [
        Side(np.array([np.mean(s)]), np.array([spread]), np.array([float(len(s))]))
        for s, spread in zip(samples, spreads, strict=True)
    ]


def test_the_interval_is_fiellers_with_satterthwaites_degrees_of_freedom() -> None:
    baseline, other = [10.0, 12.0], [20.0, 26.0]
    # by hand: means 11 and 23, variances of the means 1 and 9; df = (9 + r² 1)² / (9² + r⁴ 1²) at r = 23 / 11
    r = 23 / 11
    freedom = (9 + r**2) ** 2 / (81 + r**4)
    quantile = stats.t.ppf(0.975, freedom)

    def distance(ratio: float) -> float:
        return float((23 - ratio * 11) ** 2 - quantile**2 * (9 + ratio**2))

    expected = [optimize.brentq(distance, r - 5, r), optimize.brentq(distance, r, r + 5)]
    found = [end[0] for end in ratio_interval(*sides(baseline, other))]
    assert found == pytest.approx(expected)


def test_an_interval_without_ends_is_empty_and_one_without_spread_is_the_ratio() -> None:
    assert np.isnan(ratio_interval(*sides([0.1, 20.0], [5.0, 6.0]))).all()
    assert np.isnan(ratio_interval(*sides([1.0, 2.0], [5.0]))).all()
    assert [end[0] for end in ratio_interval(*sides([2.0, 2.0], [5.0, 5.0, 5.0]))] == [2.5, 2.5]


@pytest.mark.parametrize(("ratio", "spreads", "sizes"), [(1.0, (0.1, 0.1), (5, 5)), (1.5, (0.05, 0.2), (3, 8))])
def test_95_of_100_intervals_hold_the_true_ratio(
    ratio: float, spreads: tuple[float, float], sizes: tuple[int, int]
) -> None:
    random = np.random.default_rng(1)
    tests = 20_000
    samples = [
        random.normal(mean, spread * mean, (tests, size))
        for mean, spread, size in zip((10, 10 * ratio), spreads, sizes, strict=True)
    ]
    low, high = ratio_interval(*(Side(s.mean(1), s.std(1, ddof=1), np.full(tests, float(s.shape[1]))) for s in samples))
    held = np.mean((low <= ratio) & (ratio <= high))
    assert 0.94 < held < 0.965


def test_where_no_group_has_a_partner_the_labels_and_a_grouping_are_named() -> None:
    runs = [
        {"engine": engine, "config": f"{engine}/c", "model": model, "parallel": parallel, "ttft": 1.0}
        for engine in ("a", "b")
        for model in ("m", "n")
        for parallel in (1, 2)
    ]
    settings = complete(SETTINGS | {"group_by": ["config", "model", "parallel", "tool"]})
    raw = raw_of(runs, settings)
    found = pairs(raw, settings)
    assert found.are_alone
    said = why_alone(found, settings)
    assert "differ in config;" in said
    assert "group_by: [model, parallel, engine]" in said
    proposed = complete(SETTINGS | {"group_by": ["model", "parallel", "engine"]})
    assert not pairs(raw, proposed).are_alone


def test_a_baseline_that_no_run_has_is_an_error_with_those_that_there_are() -> None:
    with pytest.raises(NothingToCompare, match="'c', but no run has it as engine; there are 'a', 'b'"):
        compared([run("a", 1, 1.0), run("b", 1, 1.0)], compare={"by": "engine", "baseline": "c"})
    assert compared([]).empty


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"compare": {"by": "engin", "baseline": "a"}}, "did you mean 'engine'"),
        ({"compare": {"by": "engine"}}, "'compare' has by alone"),
        ({"compare": {"by": "engine", "baseline": 1.10}}, "compare.baseline"),
        ({"compare": {}, "tables": ["compare"]}, "'tables' names compare, but"),
        ({"label_pattern": "(?P<ratio>x)", "compare": {"by": "model", "baseline": "a"}}, "'ratio'"),
    ],
)
def test_what_cant_be_compared_is_named(given: dict[str, object], said: str) -> None:
    with pytest.raises(WrongConfiguration, match=re.escape(said)):
        complete(SETTINGS | given)


def test_options_of_the_command() -> None:
    given, settings, _ = options.parse(["compare", "tree", "--by", "engine", "--baseline", "1.10"])
    assert (given.command, given.results) == ("compare", "tree")
    assert settings["compare"] == {"by": "engine", "baseline": "1.10"}
    rule = json.loads((CHECKOUT / "config" / "config.schema.json").read_text("utf-8"))["properties"]["compare"]
    assert options.value_of("by=engine,baseline=1.10", rule) == {"by": "engine", "baseline": "1.10"}


@pytest.mark.parametrize("others", [2, 20, 21])
def test_each_value_has_a_sheet_unless_there_are_many(others: int, tmp_path: Path) -> None:
    made = compared([run("a", 1, 1.0), *(run(f"[{'x' * 40}]/{n}", 1, 2.0) for n in range(others))])
    columns = compare_columns(complete(SETTINGS))
    write_csv(tmp_path / "s_compare.csv", columns, made)
    sheets = sheets_of(tmp_path / "s_compare.csv", columns)
    assert len(sheets) == (others if others <= 20 else 1)
    assert len({name.casefold() for name in sheets}) == len(sheets)
    assert all(len(name) <= 31 and not set("[]:*?/\\") & set(name) for name in sheets)
    rows = pd.concat([part for _, table in sheets.values() for part in table])
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), read_csv(tmp_path / "s_compare.csv", columns))


def test_it_is_made_of_a_real_tree_in_all_formats(
    new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(MIXED)
    engine = "^(?P<engine>[0-9.]+)/"
    chosen = {"label_pattern": engine, "compare": {"by": "engine", "baseline": "1.0.0"}}
    project.configure(**chosen, tables=["compare"], formats=["csv", "json", "parquet", "xlsx"])
    alone = project.snakemake()
    assert "evalscope-summary: compare: no group has a partner that differs in engine alone" in alone.text
    proposed = re.search(r"group_by: \[(.*?)\]", alone.text)
    assert proposed
    project.configure(**chosen, tables=["compare"], formats=["csv", "json", "parquet", "xlsx"], group_by=["api"])
    again = project.snakemake()
    assert again.read == set()
    made = pd.read_parquet(project.folder / "summary_compare.parquet")
    assert set(made["baseline"]) == {"1.0.0"}
    assert made["ratio"].notna().any()
    assert len(json.loads((project.folder / "summary_compare.json").read_bytes())) == len(made)
    stats_ = pd.read_csv(project.folder / "summary_raw.csv", dtype={"engine": str}).groupby("engine")["latency"].mean()
    for row in made[made["metric"] == "latency"].to_dict("records"):
        if row["ratio"] == row["ratio"]:
            assert row["ratio"] == pytest.approx(stats_[row["other"]] / stats_["1.0.0"])
    book = openpyxl.load_workbook(project.folder / "summary.xlsx", read_only=True)
    assert [name for name in book.sheetnames if name.startswith("compare")] == [
        f"compare {other}" for other in made["other"].unique()
    ]
    package = json.loads((project.folder / "summary.datapackage.json").read_bytes())
    (described,) = (resource for resource in package["resources"] if resource["name"] == "compare")
    assert [field["name"] for field in described["schema"]["fields"]] == list(made)
    monkeypatch.chdir(project.folder)
    (example,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "compare.md").read_text("utf-8"), re.DOTALL)
    exec(example, {})

    project.configure(**chosen | {"compare": {"by": "engine", "baseline": "3.0"}})
    wrong = project.meanwhile("summary_compare.csv")
    wrong.fails_with("'compare' names the baseline '3.0'", "'0.13.0'")
    project.configure()
    project.meanwhile("summary_compare.csv").fails_with("'compare' has to say the label")
