"""`summary_stats`: groups, statistics, order."""

import itertools
import math
import random
import statistics as python
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import frame_of, rows_in
from evalscope_summary.columns import BY_NAME, GROUP_LABELS, Column
from evalscope_summary.discovery import discover
from evalscope_summary.layouts import STATISTIC_MEANINGS, metric_columns
from evalscope_summary.layouts import raw_columns as raw_columns_of
from evalscope_summary.layouts import stats_columns as stats_columns_of
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.settings import complete
from evalscope_summary.tables import stats
from evalscope_summary.tables.assembling import Row, assemble_all, merge
from evalscope_summary.tables.csv import read_csv, write_csv
from evalscope_summary.tables.groups import groups as groups_of
from evalscope_summary.tables.stats import statistics as statistics_of
from hypothesis import given, settings
from hypothesis import strategies as st

FIXTURES = Path(__file__).parent / "fixtures"
STATISTICS = ("avg", "std", "min", "max")


def raw_columns(which: str) -> tuple[Column, ...]:
    return raw_columns_of(complete({"columns": which}))


def stats_columns(which: str) -> tuple[Column, ...]:
    return stats_columns_of(complete({"columns": which}))


def statistics(rows: Iterable[Row], which: str, group_by: Sequence[str], **more: object) -> list[Row]:
    settings_ = complete({"columns": which}) | {"group_by": list(group_by)} | more
    return rows_in(statistics_of(frame_of(raw_columns_of(settings_), rows), settings_), stats_columns_of(settings_))


# --- columns ---


def test_standard_has_359_columns_and_all_679() -> None:
    for which, count in (("standard", 359), ("all", 679)):
        names = [column.name for column in stats_columns(which)]
        assert len(names) == len(set(names)) == count


def test_columns_begin_and_end_with_labels() -> None:
    names = [column.name for column in stats_columns("standard")]
    assert names[:6] == ["config", "count", "model", "parallel", "prompt_length", "max_tokens"]
    assert names[6:10] == [f"output_throughput_{statistic}" for statistic in ("avg", "std", "min", "max")]
    assert names[-13:] == [
        *("rate", "number", "name", "max_tokens_low", "min_tokens", "api", "dataset", "dataset_file"),
        *("min_prompt_length", "max_prompt_length", "prefix_length", "stream", "tool"),
    ]


def test_metrics_are_in_the_agreed_order() -> None:
    names = [column.name for column in metric_columns("standard")]
    assert names[:13] == [
        *("output_throughput", "total_throughput", "request_throughput", "latency", "ttft", "token_latency"),
        *("inter_token_latency", "input_tokens", "output_tokens", "time_taken"),
        *("avg_gpu_memory", "max_gpu_memory", "min_gpu_memory"),
    ]
    assert names[13:73] == [column.name for column in raw_columns("standard")[20:80]]
    assert names[73:] == [
        *("succeeded", "failed", "input_throughput", "turns", "cache_hit_rate", "first_turn_ttft"),
        *("subsequent_turn_ttft", "decoded_tokens_per_iter", "spec_accept_rate", "steady_itl"),
        *("pd_handoff_latency", "pd_handoff_overhead"),
    ]


def test_all_adds_the_further_percentiles_at_the_end_of_the_metrics() -> None:
    standard, further = metric_columns("standard"), metric_columns("all")
    assert further[: len(standard)] == standard
    assert [column.name for column in further[len(standard) :]] == [c.name for c in raw_columns("all")[111:]]


def test_every_statistic_is_a_float_in_the_unit_of_its_metric() -> None:
    by_name = {column.name: column for column in stats_columns("all")}
    for metric in metric_columns("all"):
        for statistic in STATISTICS:
            column = by_name[f"{metric.name}_{statistic}"]
            assert (column.type, column.unit) == ("float", metric.unit)


def test_every_label_that_can_group_is_a_column() -> None:
    names = {column.name for column in stats_columns("standard")}
    assert set(GROUP_LABELS) <= names
    assert len(set(GROUP_LABELS)) == len(GROUP_LABELS) == 18


def test_rows_have_no_other_columns() -> None:
    for which in ("standard", "all"):
        (row,) = statistics([{"config": "a", "latency": 1.0}], which, GROUP_LABELS)
        assert set(row) == {column.name for column in stats_columns(which)}


# --- statistics ---


def one_group(*values: float | None, metric: str = "latency") -> Row:
    (row,) = statistics([{metric: value} for value in values], "standard", ["config"])
    return row


def cells(row: Row, metric: str = "latency") -> tuple[Any, ...]:
    return tuple(row[f"{metric}_{statistic}"] for statistic in ("avg", "std", "min", "max"))


def test_the_standard_deviation_is_that_of_a_sample() -> None:
    assert cells(one_group(2.0, 4.0, 9.0)) == (5.0, pytest.approx(math.sqrt(13)), 2.0, 9.0)


def test_one_value_has_no_standard_deviation() -> None:
    assert cells(one_group(2.0)) == (2.0, None, 2.0, 2.0)


def test_two_equal_values_have_a_standard_deviation_of_zero() -> None:
    assert cells(one_group(2.0, 2.0)) == (2.0, 0.0, 2.0, 2.0)


def test_without_a_value_all_statistics_are_empty_and_runs_count() -> None:
    row = one_group(None, None)
    assert cells(row) == (None, None, None, None)
    assert row["count"] == 2


def test_empty_cells_take_no_part() -> None:
    row = one_group(None, 1.0, None, 3.0)
    assert cells(row) == (2.0, pytest.approx(math.sqrt(2)), 1.0, 3.0)
    assert row["count"] == 4


def test_one_value_among_empty_cells_has_no_standard_deviation() -> None:
    assert cells(one_group(None, 3.0)) == (3.0, None, 3.0, 3.0)


def test_zero_is_a_value() -> None:
    assert cells(one_group(0.0, 1.0))[0] == 0.5


def test_statistics_of_counts_are_floats_and_the_count_is_an_integer() -> None:
    row = one_group(10, 20, metric="succeeded")
    assert cells(row, "succeeded") == (15.0, pytest.approx(math.sqrt(50)), 10.0, 20.0)
    assert {type(cell) for cell in cells(row, "succeeded")} == {float}
    assert type(row["count"]) is int


metric_values = st.just(0.0) | st.floats(1e-100, 1e9)  # squares of smaller ones are 0


@settings(deadline=None)
@given(st.lists(st.none() | metric_values, min_size=1, max_size=12))
def test_statistics_are_those_of_pythons_library(values: list[float | None]) -> None:
    row = one_group(*values)
    there = [value for value in values if value is not None]
    average, deviation, smallest, largest = cells(row)
    assert row["count"] == len(values)
    assert (smallest, largest) == ((min(there), max(there)) if there else (None, None))
    assert average == (pytest.approx(python.fmean(there), rel=1e-12) if there else None)
    expected = python.stdev(there) if len(there) > 1 else None
    # two-pass and one-pass formulas differ by rounding of the largest value
    assert deviation == (pytest.approx(expected, rel=1e-6, abs=max(there) * 1e-7) if expected is not None else None)


@settings(deadline=None)
@given(st.lists(st.none() | metric_values, min_size=1, max_size=6))
def test_every_cell_is_a_plain_float_or_empty(values: list[float | None]) -> None:
    row = one_group(*values)
    for name, cell in row.items():
        if name.endswith(STATISTICS):
            assert cell is None or (type(cell) is float and math.isfinite(cell))


# --- groups ---


def groups(rows: list[Row], *group_by: str) -> list[tuple[Any, ...]]:
    found = statistics(rows, "standard", group_by)
    return [(*(row[label] for label in group_by), row["count"]) for row in found]


def test_no_runs_are_no_groups() -> None:
    assert statistics([], "standard", GROUP_LABELS) == []


def test_runs_of_equal_labels_are_one_group() -> None:
    rows: list[Row] = [{"config": "a", "parallel": 1}, {"config": "b", "parallel": 1}, {"config": "a", "parallel": 1}]
    assert groups(rows, "config", "parallel") == [("a", 1, 2), ("b", 1, 1)]


@pytest.mark.parametrize("label", GROUP_LABELS)
def test_runs_that_differ_in_one_label_are_two_groups_by_default(label: str) -> None:
    values: dict[str, tuple[Any, Any]] = {
        "text": ("a", "b"),
        "integer": (1, 2),
        "float": (1.5, 2.5),
        "boolean": (False, True),
    }
    one, other = values[BY_NAME[label].type]
    found = statistics([{label: one}, {label: other}, {}], "standard", GROUP_LABELS)
    assert [(row[label], row["count"]) for row in found] == [(None, 1), (one, 1), (other, 1)]


@pytest.mark.parametrize("column", ["timestamp", "run", "requests", "evalscope_at_least", "latency"])
def test_runs_that_differ_elsewhere_are_one_group(column: str) -> None:
    value: Any = "x" if BY_NAME[column].type == "text" else 5
    assert len(statistics([{column: value}, {}], "standard", GROUP_LABELS)) == 1


def test_an_empty_label_is_a_value_too() -> None:
    rows: list[Row] = [{"config": None}, {"config": "a"}, {}]
    assert groups(rows, "config") == [(None, 2), ("a", 1)]


def test_not_streamed_is_not_unknown() -> None:
    rows: list[Row] = [{"stream": True}, {"stream": False}, {"stream": None}]
    assert groups(rows, "stream") == [(None, 1), (False, 1), (True, 1)]


def test_a_label_that_does_not_group_has_the_common_value_or_none() -> None:
    rows: list[Row] = [
        {"config": "a", "model": "m", "parallel": 1, "name": "x"},
        {"config": "a", "model": "m", "parallel": 2, "name": None},
    ]
    (row,) = statistics(rows, "standard", ["config"])
    assert (row["config"], row["model"], row["parallel"], row["name"], row["api"]) == ("a", "m", None, None, None)


def test_grouping_by_nothing_is_one_group() -> None:
    (row,) = statistics([{"latency": 1.0}, {"latency": 3.0}], "standard", [])
    assert (row["count"], row["latency_avg"]) == (2, 2.0)


def test_a_value_of_one_group_does_not_get_into_another() -> None:
    rows: list[Row] = [{"config": c, "latency": v} for c, v in (("a", 1.0), ("b", 10.0), ("a", 3.0), ("b", 30.0))]
    found = statistics(rows, "standard", ["config"])
    assert [(row["config"], row["latency_avg"], row["latency_max"]) for row in found] == [
        ("a", 2.0, 3.0),
        ("b", 20.0, 30.0),
    ]


# --- order ---


@pytest.mark.parametrize(
    ("label", "ordered"),
    [
        ("config", [None, "1", "2", "10", "p2", "p10", "pa"]),
        ("parallel", [None, 1, 2, 10, 128]),
        ("rate", [None, 0.5, 2.0, 10.0]),
        ("stream", [None, False, True]),
    ],
)
def test_groups_are_sorted_with_numbers_as_numbers_and_empty_first(label: str, ordered: list[Any]) -> None:
    for seed in range(5):
        shuffled = random.Random(seed).sample(ordered, len(ordered))
        assert [value for value, _ in groups([{label: value} for value in shuffled], label)] == ordered


def test_groups_are_sorted_by_the_labels_in_the_order_of_group_by() -> None:
    rows: list[Row] = [{"config": c, "parallel": p} for c, p in itertools.product(("p10", "p2"), (8, 16, None))]
    pairs = [(row["config"], row["parallel"]) for row in statistics(rows, "standard", ["config", "parallel"])]
    assert pairs == [("p2", None), ("p2", 8), ("p2", 16), ("p10", None), ("p10", 8), ("p10", 16)]
    pairs = [(row["parallel"], row["config"]) for row in statistics(rows, "standard", ["parallel", "config"])]
    assert pairs == [(None, "p2"), (None, "p10"), (8, "p2"), (8, "p10"), (16, "p2"), (16, "p10")]


# --- real runs ---


@pytest.fixture(scope="module")
def real_rows() -> list[Row]:
    """The rows of all fixture runs."""
    records = []
    for tree in FIXTURES.glob("runs/*/*/results"):
        for run, (_, signature) in discover(str(tree)).sources.items():
            records.append(read_run(tree, run, signature, {"filled"}))
    rows = merge([assemble_all(records, complete({}))]).rows
    assert len(rows) > 70
    return rows


@pytest.mark.parametrize("group_by", [["config"], ["model", "parallel"], ["api"], list(GROUP_LABELS)], ids="-".join)
def test_groups_of_real_runs_have_the_statistics_of_their_rows(real_rows: list[Row], group_by: list[str]) -> None:
    found = statistics(real_rows, "all", group_by)
    sizes = Counter(tuple(row.get(label) for label in group_by) for row in real_rows)
    assert {tuple(row[label] for label in group_by): row["count"] for row in found} == sizes
    for row in found:
        own = [r for r in real_rows if all(r.get(label) == row[label] for label in group_by)]
        for metric in ("output_throughput", "ttft", "99p_latency_", "80p_itl_", "succeeded", "50p_decode_(tok/s)"):
            values = [r[metric] for r in own if r.get(metric) is not None]
            average, deviation, smallest, largest = cells(row, metric)
            assert (smallest, largest) == ((min(values), max(values)) if values else (None, None))
            assert average == (pytest.approx(python.fmean(values)) if values else None)
            assert deviation == (pytest.approx(python.stdev(values), abs=1e-12) if len(values) > 1 else None)


def test_statistics_are_the_same_from_the_table_that_was_written(real_rows: list[Row], tmp_path: Path) -> None:
    write_csv(tmp_path / "raw.csv", raw_columns("all"), frame_of(raw_columns("all"), real_rows))
    read_back = rows_in(read_csv(tmp_path / "raw.csv", raw_columns("all")), raw_columns("all"))
    assert statistics(read_back, "all", GROUP_LABELS) == statistics(real_rows, "all", GROUP_LABELS)


def test_the_average_of_equal_values_is_that_value() -> None:
    (row,) = statistics([{"latency": 0.1}] * 3, "standard", ["config"])
    assert row["latency_avg"] == row["latency_min"] == row["latency_max"] == 0.1


def test_a_statistic_beyond_all_floats_is_empty() -> None:
    (row,) = statistics([{"latency": 1e200}, {"latency": 3e200}], "standard", ["config"])
    assert row["latency_std"] is None


def test_an_empty_cell_moves_no_digit_of_another_metric() -> None:
    metrics = [column.name for column in metric_columns("standard") if column.type == "float"]
    rows: list[Row] = [dict.fromkeys(metrics, value) for value in (0.1, 0.4, 0.9, 1.6)]
    averages = {
        statistics([*rows[:-1], rows[-1] | {"ttft": last}], "standard", ["config"])[0]["latency_avg"]
        for last in (2.0, None)
    }
    assert averages == {python.fmean(row["latency"] for row in rows)}


@pytest.mark.parametrize("runs_at_once", [1, 7])
@pytest.mark.parametrize("group_by", [["api"], ["config", "parallel"], list(GROUP_LABELS)], ids="-".join)
def test_the_statistics_are_the_same_however_many_groups_are_in_memory(
    real_rows: list[Row], group_by: list[str], runs_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = {"statistics": list(STATISTIC_MEANINGS)}
    at_once = statistics(real_rows, "all", group_by, **every)
    monkeypatch.setattr(stats, "_AT_ONCE", runs_at_once)
    assert statistics(real_rows, "all", group_by, **every) == at_once


def test_statistics_are_those_of_pandas_to_the_last_digit(real_rows: list[Row]) -> None:
    settings_ = complete({"statistics": ["avg", "std", "min", "max", "median"]})
    raw = frame_of(raw_columns("standard"), real_rows)
    found = statistics_of(raw, settings_)
    of_run = groups_of(raw, settings_).of_run
    for metric in metric_columns("standard"):
        by_group = raw[metric.name].astype("Float64").groupby(of_run)
        for name, function in {"std": "std", "min": "min", "max": "max", "median": "median"}.items():
            expected = by_group.agg(function).astype("float64")
            pd.testing.assert_series_equal(
                found[f"{metric.name}_{name}"], expected, check_names=False, check_exact=True
            )
        average = by_group.mean().clip(by_group.min(), by_group.max()).astype("float64")
        pd.testing.assert_series_equal(found[f"{metric.name}_avg"], average, check_names=False, check_exact=True)
