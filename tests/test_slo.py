"""`slo`: which requests kept their bounds, and what is read to tell."""

import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import CHECKOUT, MIXED, NOTHING_TO_DO, Project, clean_tables
from evalscope_summary import options, slo
from evalscope_summary.layouts import REQUEST_MEASURES, raw_columns, stats_columns
from evalscope_summary.request_rows import Run
from evalscope_summary.settings import WrongConfiguration, complete

FIXTURES = Path(__file__).parent / "fixtures"
TOOLS = (
    *(
        "vllm/0.33.0",
        "vllm/0.10.2",
        "sglang/0.5.23",
        "aiperf/0.9.0",
        "aiperf/0.13.0",
        "guidellm/0.8.1",
        "guidellm/0.3.1",
    ),
    "agentx/1.14.1",
)
BOUNDS = {"ttft": 0.07, "token_latency": 0.012, "latency": 2.0}


def rows_of(*requests: tuple[float, float, float, bool]) -> np.ndarray:
    """Rows as they are kept, of (ttft, token latency, latency, succeeded)."""
    made = np.full((len(requests), len(REQUEST_MEASURES)), math.nan)
    for name, place in (("ttft", 0), ("token_latency", 1), ("latency", 2), ("succeeded", 3)):
        made[:, REQUEST_MEASURES.index(name)] = [request[place] for request in requests]
    return made


NONE = math.nan


@pytest.mark.parametrize(
    ("requests", "bounds", "share"),
    [
        ([(0.5, 0.1, 9.0, True), (0.6, 0.1, 9.0, True)], {"ttft": 0.5}, 0.5),  # a bound is kept by what equals it
        ([(0.5, 0.1, 9.0, True), (0.1, 0.2, 9.0, True)], {"ttft": 0.5, "token_latency": 0.1}, 0.5),
        ([(0.5, 0.1, 9.0, True), (NONE, NONE, NONE, False)], {"latency": 10}, 0.5),  # failed ones are of all
        ([(0.5, NONE, 0.5, True), (0.1, 0.1, 9.0, True)], {"token_latency": 1}, 0.5),  # one token has no TPOT
        ([(NONE, NONE, 0.5, True)] * 2, {"ttft": 1, "latency": 1}, None),  # TTFT was not measured at all
        ([(NONE, NONE, 0.5, True)] * 2, {"latency": 1}, 1),
        ([(NONE, NONE, NONE, False)] * 2, {"latency": 1, "ttft": 1}, 0),
        ([], {"latency": 1}, None),
    ],
)
def test_a_request_keeps_bounds_if_all_bounded_values_were_measured_and_are_not_above_them(
    requests: list[tuple[float, float, float, bool]], bounds: dict[str, float], share: float | None
) -> None:
    rows = rows_of(*requests)
    parts = [rows[:1], rows[1:]]
    run = Run("run", len(rows), 4.0)
    expected = {} if share is None else {"slo_share": share, "goodput": share * len(rows) / 4}
    assert slo.cells(run, parts, bounds) == expected
    expected.pop("goodput", None)
    assert slo.cells(run._replace(seconds=None), parts, bounds) == expected


def test_the_columns_are_the_last_metrics_and_only_there_with_a_bound() -> None:
    for columns in ("standard", "all"):
        without, given = complete({"columns": columns}), complete({"columns": columns, "slo": {"latency": 10}})
        names = [column.name for column in raw_columns(given)]
        place = names.index("pd_handoff_overhead") + 1
        assert names[place : place + 2] == ["slo_share", "goodput"]
        del names[place : place + 2]
        assert names == [column.name for column in raw_columns(without)]
        added = {column.name for column in stats_columns(given)} - {column.name for column in stats_columns(without)}
        assert added == {f"{name}_{s}" for name in ("slo_share", "goodput") for s in ("avg", "std", "min", "max")}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ttft": 0}, "slo.ttft"),
        ({"latency": -1}, "slo.latency"),
        ({"ttft": "500ms"}, "slo.ttft must be number"),
        ({"tpot": 0.05}, "tpot"),
        (None, "'slo' is null"),
    ],
)
def test_what_is_no_bound_is_named(given: object, said: str) -> None:
    with pytest.raises(WrongConfiguration, match=re.escape(said)):
        complete({"slo": given})


def test_the_command_and_snakemake_take_bounds_in_one_argument() -> None:
    rule = json.loads((CHECKOUT / "config" / "config.schema.json").read_text("utf-8"))["properties"]["slo"]
    assert options.value_of("ttft=0.5,latency=10", rule) == {"ttft": 0.5, "latency": 10}
    assert options.value_of("{ttft: 0.5}", rule) == {"ttft": 0.5}
    assert complete({"slo": {"ttft": "0.5"}})["slo"] == {"ttft": 0.5}, "as Snakemake hands over --config"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of many releases of evalscope, and of four other tools."""
    folder = tmp_path_factory.mktemp("slo") / "tree"
    for release in sorted((FIXTURES / "runs").iterdir()):
        for run in sorted(release.iterdir()):
            if (run / "results").is_dir():
                shutil.copytree(run / "results", folder / f"evalscope-{release.name}" / run.name)
    for tool in TOOLS:
        shutil.copytree(FIXTURES / "tools" / tool, folder / tool.replace("/", "-"))
    return folder


def test_the_cells_are_what_pandas_makes_of_the_request_rows(
    new_project: Callable[..., Project], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project(tree)
    given = {"tables": ["overview", "raw", "stats", "long", "requests"], "metrics": "recomputed"}
    project.configure(**given, slo=BOUNDS)
    first = project.meanwhile()
    assert first.status == 0, first.text
    assert first.jobs["slo"] == 2
    raw = pd.read_csv(project.folder / "summary_raw.csv").set_index("run")
    requests = pd.read_parquet(project.folder / "summary_requests.parquet")

    def check(raw: pd.DataFrame, bounds: dict[str, float]) -> None:
        kept = requests["succeeded"] & (requests[[*bounds]] <= [*bounds.values()]).all(axis="columns")
        known = requests[requests["succeeded"]].groupby("run")[[*bounds]].count().gt(0).all(axis="columns")
        tells = known.reindex(requests["run"].unique(), fill_value=True)  # where all failed, none kept a bound
        share = kept.groupby(requests["run"]).mean()[tells].reindex(raw.index)
        goodput = kept.groupby(requests["run"]).sum()[tells].reindex(raw.index) / raw["time_taken"]
        pd.testing.assert_series_equal(raw["slo_share"], share, check_names=False, check_dtype=False)
        pd.testing.assert_series_equal(raw["goodput"], goodput, check_names=False, check_dtype=False)

    check(raw, BOUNDS)
    some = raw[(raw["slo_share"] > 0) & (raw["slo_share"] < 1)]
    assert some["tool"].nunique() >= 3, "the bounds tell requests apart"
    measured = raw.loc[raw["slo_share"].notna(), "tool"]
    assert set(measured) == {"evalscope", "vllm", "aiperf", "guidellm"}, "SGLang's rows have no TPOT"
    assert raw["slo_share"].isna().any(), "not all runs have what is bounded"
    assert (raw.loc[raw["succeeded"] == 0, "slo_share"].dropna() == 0).all()

    long = pd.read_csv(project.folder / "summary_long.csv").query("metric == 'slo_share'").set_index("run")["value"]
    pd.testing.assert_series_equal(long, raw["slo_share"].dropna(), check_names=False)
    stats = pd.read_csv(project.folder / "summary_stats.csv")
    assert {"slo_share_avg", "goodput_std"} <= set(stats)
    overview = pd.read_csv(project.folder / "summary_overview.csv")
    assert list(overview.columns)[-5:-1] == ["slo_share_avg", "slo_share_std", "goodput_avg", "goodput_std"]
    report = (project.folder / "summary_overview.md").read_text("utf-8")
    assert re.search(r"\| +success \| +in SLO \| +goodput \(req/s\) \|", report)
    package = json.loads((project.folder / "summary.datapackage.json").read_bytes())
    fields = {f["name"]: f for r in package["resources"] if r["name"] == "raw" for f in r["schema"]["fields"]}
    assert fields["goodput"]["unit"] == "req/s"

    # other bounds, and none, read no run
    for bounds in ({"latency": 1.0}, {}):
        project.configure(**given, slo=bounds)
        project.log.unlink(missing_ok=True)
        assert project.meanwhile().status == 0
        assert project.opened() == {}
        raw = pd.read_csv(project.folder / "summary_raw.csv").set_index("run")
        if bounds:
            check(raw, bounds)
            assert raw.loc[raw["slo_share"].notna(), "tool"].nunique() == 5
    assert not {"slo_share", "goodput"} & set(raw)
    assert NOTHING_TO_DO in project.meanwhile("-n").text

    monkeypatch.chdir(project.folder)
    (example,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs" / "slo.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert len(names["slo_share"]) == requests["run"].nunique()  # type: ignore[arg-type]


def test_a_new_run_is_the_only_one_that_is_read(new_project: Callable[..., Project]) -> None:
    project = new_project(MIXED / "1.0.0")
    project.configure(slo={"latency": 2})
    assert project.meanwhile().status == 0
    before = pd.read_csv(project.folder / "summary_raw.csv")
    assert before["slo_share"].notna().all()
    shutil.copytree(MIXED / "1.9.1", project.tree / "new")
    project.log.unlink()
    assert project.meanwhile().status == 0
    (opened,) = project.opened()
    assert opened.startswith("new/")
    after = pd.read_csv(project.folder / "summary_raw.csv")
    assert after["slo_share"].notna().sum() == len(before) + 1


def test_without_a_bound_nothing_is_done_for_it(new_project: Callable[..., Project]) -> None:
    project = new_project(MIXED / "1.0.0")
    done = project.snakemake()
    assert "slo" not in done.jobs
    assert not list(project.folder.glob("*/*/requests"))
    assert project.tables() == clean_tables(project.tree, {}, project.watch)
