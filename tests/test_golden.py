"""Real runs of every evalscope release: rows worked out by hand, releases, and percentiles from request rows."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from evalscope_summary import discovery
from evalscope_summary.layouts import raw_columns
from evalscope_summary.readers import releases
from evalscope_summary.readers.base import Signature
from evalscope_summary.readers.evalscope import database, formats, percentiles
from evalscope_summary.record import Record
from evalscope_summary.records import read_source
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import assemble

FIXTURES = Path(__file__).parent / "fixtures"
DEFAULTS = complete({})
TREES = sorted(FIXTURES.glob("runs/*/*/results"))
RUNS = [(tree, run) for tree in TREES for run in sorted(discovery.discover(str(tree)).sources)]
EXPECTED = sorted(FIXTURES.glob("expected/*.json"))

each_run = pytest.mark.parametrize(
    ("tree", "run"), RUNS, ids=[f"{tree.relative_to(FIXTURES / 'runs').parent}/{run}" for tree, run in RUNS]
)


def read(tree: Path, run: str, fill: bool = True) -> Record:
    present: Signature = {file.name: [] for file in (tree / run).iterdir()}
    (record,) = read_source(str(tree), run, ["evalscope"], present, {"filled"} if fill else set())
    return record


def release_of(tree: Path) -> str:
    return tree.parents[1].name


def release_after(known: str) -> str | None:
    """The next release that added an argument."""
    later = [release for _, release in formats.ARGS_MARKS if releases.release(release) > releases.release(known)]
    return min(later, key=releases.release, default=None)


def test_every_release_that_added_an_argument_has_a_run_but_for_four() -> None:
    written = {read(tree, run).values["evalscope_at_least"] for tree, run in RUNS}
    assert {release for _, release in formats.ARGS_MARKS} - written == {"0.13.1", "1.0.2", "1.5.1", "1.6.0"}


@pytest.mark.parametrize("file", EXPECTED, ids=[file.stem for file in EXPECTED])
def test_a_run_gives_the_row_worked_out_by_hand(file: Path) -> None:
    case: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    record = read(FIXTURES / "runs" / case["release"] / case["scenario"] / "results", case["run"])
    row = assemble(record, DEFAULTS)

    expected: dict[str, Any] = case["expected"]
    if expected.get("evalscope_below", "") is None:  # it was of the newest release when the row was worked out
        expected["evalscope_below"] = release_after(expected["evalscope_at_least"])
    names = [column.name for column in raw_columns(DEFAULTS | {"columns": "all"})]
    assert set(row) <= set(names)
    if not case.get("partial"):
        assert list(expected) == names
    found = {name: row.get(name) for name in expected}
    close = "total_throughput"  # where it is computed, the order of the operations may cost one bit
    if expected.get(close) is not None:
        assert found[close] is not None
        assert abs(found[close] - expected[close]) <= math.ulp(expected[close])
        found[close] = expected[close]
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in expected.items()}


@each_run
def test_the_release_lies_in_the_window(tree: Path, run: str) -> None:
    true = releases.release(release_of(tree))
    row = assemble(read(tree, run), DEFAULTS)
    assert releases.release(row["evalscope_at_least"]) <= true
    assert row.get("evalscope_below") is None or true < releases.release(row["evalscope_below"])


@each_run
def test_a_run_without_fill_has_a_window_that_holds_the_filled_one(tree: Path, run: str) -> None:
    wide = assemble(read(tree, run, fill=False), DEFAULTS)
    narrow = assemble(read(tree, run), DEFAULTS)
    assert releases.release(wide["evalscope_at_least"]) <= releases.release(narrow["evalscope_at_least"])
    if wide.get("evalscope_below") is not None:
        assert releases.release(narrow["evalscope_below"]) <= releases.release(wide["evalscope_below"])


@each_run
def test_a_real_run_has_no_problem_but_those_of_its_scenario(tree: Path, run: str) -> None:
    record = read(tree, run)
    codes = {
        problem.code for problem in (*record.problems, *record.derived["filled"].problems, *record.reported.problems)
    }
    expected = set()
    if record.values["succeeded"] == 0:
        expected.add("no-successful-requests")
    elif (1, 1, 1) <= releases.release(release_of(tree)) < (1, 4):
        expected.add("corrected-throughput")
    assert codes == expected


def reported_percentiles(folder: Path) -> dict[tuple[int, str], float]:
    """(percentile, metric) → the number in a run's percentile file."""
    file = folder / formats.PERCENTILE
    if not file.exists():
        return {}
    found = {}
    for row in json.loads(file.read_text()):
        percent = formats.percentile_label(row[next(key for key in formats.PERCENTILE_LABELS if key in row)])
        assert percent is not None
        for metric in formats.PERCENTILE_KEYS:
            key = formats.percentile_key(metric, row)
            if key is not None and math.isfinite(row[key]):
                found[percent, metric] = float(row[key])
    return found


@each_run
def test_reported_percentiles_are_reproduced_from_the_request_rows(tree: Path, run: str) -> None:
    reported = reported_percentiles(tree / run)
    values = read(tree, run).values
    window = releases.Window(values["evalscope_at_least"], values.get("evalscope_below"))
    with database.connect(tree / run) as connection:
        columns = database.totals(connection).columns
        measured = percentiles.Measured(columns, window)
        for part in database.rows(connection, columns, database.FOR_PERCENTILES, True):
            measured.add(part)
    own = measured.by_release()
    rule = percentiles.rank_rule(own, reported, window)
    assert rule.disagreeing == ()
    if rule.decided:
        assert rule.nearest == (releases.release(release_of(tree)) >= (1, 11, 1))

    before = releases.release(release_of(tree)) < (1, 13, 0)
    scrambled = {metric for metric, pool in own.items() if before and pool.dropped}
    compared = {pair: number for pair, number in reported.items() if pair[1] not in scrambled}
    assert {
        (percent, metric): percentiles.as_reported(own[metric], percent, rule.nearest, window, metric)
        for percent, metric in compared
    } == pytest.approx(compared, rel=1e-9, abs=0)


def test_all_but_five_runs_report_percentiles_to_compare_with() -> None:
    silent = {
        str(tree.relative_to(FIXTURES / "runs").parent) for tree, run in RUNS if not reported_percentiles(tree / run)
    }
    assert silent == {"0.8.0/sweep", "0.13.0/n1", "1.0.0/dead", "1.9.1/dead", "1.13.0/dead"}


@each_run
def test_a_filled_percentile_lies_between_its_neighbours(tree: Path, run: str) -> None:
    record = read(tree, run)
    row = assemble(record, DEFAULTS)
    for metric in ("ttft_", "itl_", "tpot_", "latency_", "output_(tok/s)", "total_(tok/s)"):
        ladder = [row[f"{p}p_{metric}"] for p in (10, 25, 50, 66, 75, 80, 90, 95, 98, 99) if f"{p}p_{metric}" in row]
        assert ladder == sorted(ladder)


@each_run
def test_no_secret_of_a_run_gets_into_its_record(tree: Path, run: str) -> None:
    record = read(tree, run)
    text = repr(vars(record))
    assert "FAKEKEY" not in text
    assert "Bearer" not in text
    assert "127.0.0.1" not in text
