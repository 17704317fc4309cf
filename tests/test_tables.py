"""Order, bytes and types of the tables."""

import csv
import io
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import frame_of, rows_in
from evalscope_summary import columns
from evalscope_summary.columns import BY_NAME, SLO, Column, Type
from evalscope_summary.layouts import raw_columns
from evalscope_summary.problems import Problem
from evalscope_summary.readers.cells import is_type
from evalscope_summary.record import Part, Record
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import Row, assemble, assemble_all, merge, sort_problems
from evalscope_summary.tables.csv import read_csv, read_csv_by_parts
from evalscope_summary.tables.csv import write_csv as write_frame_as_csv
from evalscope_summary.tables.csv_lines import csv_line, write_problems
from evalscope_summary.tables.errors import WrongTable
from evalscope_summary.tables.json import write_json as write_frame_as_json
from evalscope_summary.tables.order import natural
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

AGREED = Path(__file__).parent / "fixtures" / "columns.csv"
ALL = raw_columns(complete({"columns": "all"}))

patient = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
"""For property tests: files are overwritten by each example, and a busy machine is no failure."""


def write_csv(path: Path, columns: Sequence[Column], rows: list[Row]) -> None:
    write_frame_as_csv(path, columns, frame_of(columns, rows))


def write_json(path: Path, columns: Sequence[Column], rows: list[Row]) -> None:
    write_frame_as_json(path, columns, frame_of(columns, rows))


# --- columns ---


def agreed() -> list[dict[str, str]]:
    with open(AGREED, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_columns_are_those_agreed_on_in_their_order() -> None:
    assert [(column.name, column.type) for column in ALL] == [(row["column"], row["type"]) for row in agreed()]


def test_standard_has_111_columns_and_all_191() -> None:
    standard = [row["column"] for row in agreed() if row["set"] == "standard"]
    assert [column.name for column in raw_columns(complete({}))] == standard
    assert (len(standard), len(ALL)) == (111, 191)


def test_the_first_80_columns_are_those_of_the_original_tool() -> None:
    original = [row["column"] for row in agreed() if row["contract"] == "original"]
    assert len(original) == 80
    assert [column.name for column in ALL[:80]] == original


def test_no_column_has_the_name_of_another_and_each_says_what_it_is() -> None:
    assert len(BY_NAME) == len((*ALL, *SLO))
    assert all(column.description for column in (*ALL, *SLO))


# --- order ---

texts = st.text(st.sampled_from("0123456789ab_-./ \n²٣中"), max_size=8)  # also digits that are none of 0 to 9


@pytest.mark.parametrize(
    "ordered",
    [
        ["", "1", "2", "10", "a"],
        ["p2", "p10", "pa"],
        ["p2_n9", "p2_n10", "p10_n1"],
        ["a", "a1", "a1b", "a2", "aa", "b"],
        ["7", "007b"],
        ["p٣", "p中"],
        ["r2.5", "r2.10", "r10.1"],
        ["x" + "9" * 5000, "x1" + "0" * 5000],  # more digits than Python converts
    ],
)
def test_digits_compare_as_numbers_and_stand_before_other_characters(ordered: list[str]) -> None:
    for seed in range(5):
        shuffled = random.Random(seed).sample(ordered, len(ordered))
        assert sorted(shuffled, key=natural) == ordered


def test_none_sorts_as_an_empty_text() -> None:
    assert natural(None) == natural("")


@patient
@given(texts, texts)
def test_only_equal_texts_have_equal_keys(one: str, other: str) -> None:
    assert (natural(one) == natural(other)) == (one == other)


@patient
@given(texts, texts, texts)
def test_texts_can_always_be_compared(one: str, other: str, third: str) -> None:
    assert (natural(one) < natural(other)) + (natural(other) < natural(one)) + (one == other) == 1
    if natural(one) < natural(other) < natural(third):
        assert natural(one) < natural(third)


@patient
@given(st.integers(0, 10**30), st.integers(0, 10**30), st.sampled_from(["", "p", "a-"]), st.sampled_from(["", "x"]))
def test_numbers_in_texts_sort_as_numbers(one: int, other: int, before: str, after: str) -> None:
    keys = [natural(f"{before}{number}{after}") for number in (one, other)]
    assert (keys[0] < keys[1]) == (one < other)


@patient
@given(texts, st.integers(0, 99), texts)
def test_a_number_stands_before_any_other_character(before: str, number: int, after: str) -> None:
    plain = before.rstrip("0123456789")
    assert natural(f"{plain}{number}{after}") < natural(f"{plain}a{after}")
    assert natural(plain) < natural(f"{plain}{number}{after}")


# --- CSV bytes ---


def one_row(*cells: Any) -> bytes:
    """The bytes of a row, without the header."""
    types: dict[type, Type] = {bool: "boolean", int: "integer", float: "float"}
    return csv_line([Column("h", types.get(type(cell), "text"), "", "") for cell in cells])(cells) + b"\n"


@pytest.mark.parametrize(
    ("cell", "data"),
    [
        (None, b"x,\n"),
        (True, b"x,true\n"),
        (False, b"x,false\n"),
        (0, b"x,0\n"),
        (18.0, b"x,18.0\n"),
        (0.1 + 0.2, b"x,0.30000000000000004\n"),
        (1e-07, b"x,1e-7\n"),
        (1e22, b"x,1e+22\n"),
        (2**62, b"x,4611686018427387904\n"),
        ("plain", b"x,plain\n"),
        ("a b", b"x,a b\n"),
        ("a,b", b'x,"a,b"\n'),
        ('say "hi"', b'x,"say ""hi"""\n'),
        ("it's", b"x,it's\n"),
        ("two\nlines", b'x,"two\nlines"\n'),
        ("two\rlines", b'x,"two\rlines"\n'),
        ("two\r\nlines", b'x,"two\r\nlines"\n'),
        ("nul\x00", b"x,nul\x00\n"),
        ("中文🚀", "x,中文🚀\n".encode()),
        ("@cf/model", b"x,@cf/model\n"),
        ("=1+1", b"x,=1+1\n"),
        ("\ufeff", b"x,\xef\xbb\xbf\n"),
        ("{x}", b"x,{x}\n"),
    ],
)
def test_cells_in_csv(cell: Any, data: bytes) -> None:
    assert one_row("x", cell) == data


def test_a_table_without_rows_has_its_header(tmp_path: Path) -> None:
    columns = [Column("a", "text", "", ""), Column("b (tok/s)", "float", "", "")]
    write_csv(tmp_path / "t.csv", columns, [])
    assert (tmp_path / "t.csv").read_bytes() == b"a,b (tok/s)\n"


def test_csv_is_what_other_readers_expect(tmp_path: Path) -> None:
    columns = [Column("a", "text", "", ""), Column("b", "float", "", "")]
    write_csv(tmp_path / "t.csv", columns, [{"a": 'x"\r\n,'}, {"a": "y", "b": 2.5}])
    text = (tmp_path / "t.csv").read_bytes().decode()
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["a", "b"], ['x"\r\n,', ""], ["y", "2.5"]]


def test_cells_of_a_row_stand_under_their_columns(tmp_path: Path) -> None:
    write_csv(tmp_path / "t.csv", [BY_NAME["latency"], BY_NAME["stream"]], [{"stream": True, "other": 1}])
    assert (tmp_path / "t.csv").read_bytes() == b"latency,stream\n,true\n"


def test_problems_are_a_table_of_five_columns(tmp_path: Path) -> None:
    problem = Problem("skipped", "incomplete", "a,b/m", "benchmark_args.json", 'is "missing"')
    write_problems(tmp_path / "p.csv", [problem])
    assert (tmp_path / "p.csv").read_text() == (
        'severity,code,run,file,message\nskipped,incomplete,"a,b/m",benchmark_args.json,"is ""missing"""\n'
    )


def test_without_problems_the_header_is_written(tmp_path: Path) -> None:
    write_problems(tmp_path / "p.csv", [])
    assert (tmp_path / "p.csv").read_bytes() == b"severity,code,run,file,message\n"


# --- round trip ---

CELLS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
}
OF_EACH_TYPE = [
    BY_NAME[name] for name in ("config", "name", "parallel", "latency", "99p_total_(tok/s)", "stream", "run")
]
rows_of_each_type = st.lists(
    st.fixed_dictionaries({column.name: st.none() | CELLS[column.type] for column in OF_EACH_TYPE}), max_size=3
)


@patient
@given(rows_of_each_type)
@example([{column.name: None for column in OF_EACH_TYPE}])
@example([{column.name: None for column in OF_EACH_TYPE} | {"config": "\r", "name": "\x00\n", "run": '"'}])
def test_what_was_written_as_csv_is_read_back(tmp_path: Path, rows: list[Row]) -> None:
    write_csv(tmp_path / "t.csv", OF_EACH_TYPE, rows)
    found = rows_in(read_csv(tmp_path / "t.csv", OF_EACH_TYPE), OF_EACH_TYPE)
    assert found == rows
    assert [{name: type(cell) for name, cell in row.items()} for row in found] == [
        {name: type(cell) for name, cell in row.items()} for row in rows
    ]


def test_a_long_text_is_read_back(tmp_path: Path) -> None:
    row = {column.name: None for column in OF_EACH_TYPE} | {"name": "x" * 1_000_000}
    write_csv(tmp_path / "t.csv", OF_EACH_TYPE, [row])
    assert rows_in(read_csv(tmp_path / "t.csv", OF_EACH_TYPE), OF_EACH_TYPE) == [row]
    # after rows that were read in smaller blocks
    rows: list[Row] = [
        *({**row, "name": None, "run": str(number) * 50} for number in range(20_000)),
        row,
        {**row, "run": "z"},
    ]
    write_csv(tmp_path / "t.csv", OF_EACH_TYPE, rows)
    parts = list(read_csv_by_parts(tmp_path / "t.csv", OF_EACH_TYPE))
    assert len(parts) > 3
    assert [run for part in parts for run in part["run"].dropna()] == [row["run"] for row in rows if row["run"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latency\n0.5\n",
        "latency,stream,more\n",
        "stream,latency\n",
        "latency,stream\nfast,true\n",
        "latency,stream\n0.5,true,1\n",
    ],
)
def test_another_table_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(WrongTable, match=r"t\.csv.*delete it"):
        read_csv(tmp_path / "t.csv", [BY_NAME["latency"], BY_NAME["stream"]])


# --- JSON ---


@patient
@given(rows_of_each_type)
def test_json_holds_the_same_keys_and_values(tmp_path: Path, rows: list[Row]) -> None:
    write_json(tmp_path / "t.json", OF_EACH_TYPE, rows)
    found = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert found == rows
    assert all(list(row) == [column.name for column in OF_EACH_TYPE] for row in found)


def test_json_has_null_for_empty_cells_and_no_other_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "t.json", [BY_NAME["latency"], BY_NAME["stream"]], [{"stream": False, "other": 1}])
    assert json.loads((tmp_path / "t.json").read_text()) == [{"latency": None, "stream": False}]


def test_json_has_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "t.json", [BY_NAME["latency"]], [{"latency": math.nan}])
    assert json.loads((tmp_path / "t.json").read_text(), parse_constant=pytest.fail) == [{"latency": None}]


def test_a_table_without_rows_is_an_empty_list(tmp_path: Path) -> None:
    write_json(tmp_path / "t.json", ALL, [])
    assert json.loads((tmp_path / "t.json").read_text()) == []


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_a_table_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path, write: Any) -> None:
    (tmp_path / "t").write_text("old" * 1000)
    write(tmp_path / "t", [BY_NAME["latency"]], [{"latency": 0.5}])
    assert "old" not in (tmp_path / "t").read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_a_table_that_can_not_be_made_leaves_the_old_one(tmp_path: Path, write: Any) -> None:
    (tmp_path / "t").write_text("old")
    with pytest.raises((UnicodeEncodeError, TypeError)):
        write(tmp_path / "t", [BY_NAME["config"]], [{"config": "\ud800"}])
    assert (tmp_path / "t").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["t"]


# --- merging records ---


def record(
    run: str, config: str = "c", timestamp: str = "20250101_000000", fingerprint: str = "", **more: Any
) -> Record:
    values = {"run": run, "config": config, "timestamp": timestamp, "succeeded": 1} | more
    return Record(run, Part(values), fingerprint=fingerprint or run)


def merged(records: list[Record], fill: bool = True) -> tuple[list[Any], list[Problem]]:
    made = merge([assemble_all(records, complete({"fill_percentiles": fill}))])
    return [row["run"] for row in made.rows], sort_problems(made.problems)


def test_rows_are_sorted_by_config_timestamp_and_run_whatever_the_order_of_records() -> None:
    ordered = [
        record("r", config="p2", timestamp="20250101_000000"),
        record("r9", config="p10", timestamp="20240101_000000"),
        record("r1", config="p10", timestamp="20250101_000000"),
        record("r9", config="p10", timestamp="20250101_000000"),
        record("r10", config="p10", timestamp="20250101_000000"),
        record("a", config="pa", timestamp="20230101_000000"),
    ]
    runs = [item.run for item in ordered]
    for seed in range(20):
        shuffled = random.Random(seed).sample(ordered, len(ordered))
        assert merged(shuffled)[0] == runs


def test_a_run_without_config_or_timestamp_comes_first() -> None:
    bare = Record("z", Part({"run": "z"}), fingerprint="z")
    assert merged([record("a"), bare])[0] == ["z", "a"]


def test_a_run_of_another_period_is_no_row_even_if_only_its_file_says_when_it_was() -> None:
    records = [
        record(run, "c", stamp) for run, stamp in (("a", "20251128_235959"), ("b", "20251129_000000"), ("c", None))
    ]
    found = assemble_all(records, complete({"since": "2025-11-29"}))
    assert [entry.labels["run"] for entry in found.runs] == ["b", "c"]


def test_a_skipped_run_is_a_problem_and_no_row() -> None:
    skipped = Record("gone")
    skipped.note("skipped", "incomplete", "benchmark_args.json", "missing")
    runs, problems = merged([skipped, record("a")])
    assert runs == ["a"]
    assert problems == skipped.problems


def test_a_run_with_a_warning_is_both() -> None:
    warned = record("a")
    warned.note("warning", "counts-disagree", "benchmark_summary.json", "odd")
    runs, problems = merged([warned])
    assert runs == ["a"]
    assert problems == warned.problems


def test_skipped_runs_come_first_then_problems_by_run() -> None:
    problems = [
        Problem("warning", "counts-disagree", "r10", "b", ""),
        Problem("warning", "counts-disagree", "r2", "b", ""),
        Problem("warning", "counts-disagree", "r2", "a", ""),
        Problem("warning", "corrected-throughput", "r2", "z", ""),
        Problem("skipped", "incomplete", "r99", "", ""),
    ]
    assert sort_problems(problems) == list(reversed(problems))


def test_of_two_equal_runs_the_later_is_named() -> None:
    same = [record("r10", fingerprint="x"), record("r9", fingerprint="x"), record("r1", fingerprint="y")]
    for order in (same, same[::-1]):
        runs, problems = merged(order)
        assert runs == ["r1", "r9", "r10"]
        (problem,) = problems
        assert problem[:4] == ("warning", "duplicate-run", "r10", "")
        assert "'r9'" in problem.message


def test_of_three_equal_runs_both_later_ones_name_the_first() -> None:
    runs, problems = merged([record(run, fingerprint="x") for run in ("c", "b", "a")])
    assert runs == ["a", "b", "c"]
    assert [(problem.code, problem.run) for problem in problems] == [("duplicate-run", "b"), ("duplicate-run", "c")]
    assert all("'a'" in problem.message for problem in problems)


def test_of_equal_runs_the_table_decides_which_is_later_not_the_path() -> None:
    later = record("a", config="z", fingerprint="x")
    earlier = record("b", config="y", fingerprint="x")
    (problem,) = merged([later, earlier])[1]
    assert problem.run == "a"


def test_runs_that_were_skipped_are_no_duplicates() -> None:
    broken = [Record(run) for run in ("a", "b")]
    for item in broken:
        item.note("skipped", "unreadable-json", "benchmark_args.json", "empty")
    assert {problem.code for problem in merged(broken)[1]} == {"unreadable-json"}


def test_filled_cells_and_their_problems_only_count_where_filling_is_on() -> None:
    item = record("a", evalscope_at_least="1.10.0")
    problem = Problem("warning", "percentiles-disagree", "a", "benchmark_percentile.json", "odd")
    item.derived["filled"] = Part({"66p_latency_": 0.5, "evalscope_at_least": "1.11.1"}, [problem])
    made = merge([assemble_all([item], complete({}))])
    (with_fill,), problems = made.rows, made.problems
    assert (with_fill["66p_latency_"], with_fill["evalscope_at_least"], problems) == (0.5, "1.11.1", [problem])
    made = merge([assemble_all([item], complete({"fill_percentiles": False}))])
    (without,), problems = made.rows, made.problems
    assert (without.get("66p_latency_"), without["evalscope_at_least"], problems) == (None, "1.10.0", [])


def test_assembling_a_row_leaves_the_record_alone() -> None:
    item = record("a")
    item.derived["filled"] = Part({"66p_latency_": 0.5})
    before = dict(item.values)
    assemble(item, complete({}))
    assert item.values == before


def test_the_limit_of_a_long_prompt_is_a_setting_of_the_table() -> None:
    item = record("a")
    item.prompt_characters = 60
    assert [assemble(item, complete({"prompt_long_chars": limit}))["prompt_length"] for limit in (50, 60)] == [
        "long",
        "short",
    ]


# --- types of cells ---


@pytest.mark.parametrize(
    ("value", "types"),
    [
        ("x", {"text"}),
        (True, {"boolean"}),
        (5, {"integer", "float"}),
        (5.0, {"integer", "float"}),
        (5.5, {"float"}),
        (math.nan, {"float"}),
        (math.inf, {"float"}),
        (2**63, {"float"}),
        (-(2**63) + 1, {"integer", "float"}),
        (None, set()),
        ([], set()),
        ({}, set()),
        (b"x", set()),
    ],
)
def test_what_a_cell_may_hold(value: Any, types: set[str]) -> None:
    kinds: tuple[columns.Type, ...] = ("text", "boolean", "integer", "float")
    assert {kind for kind in kinds if is_type(value, kind)} == types


def test_percentile_columns_know_their_metric() -> None:
    def parts(column: Column) -> tuple[int | None, str]:
        return column.percent, column.metric

    assert parts(BY_NAME["10p_ttft_"]) == (10, "ttft")
    assert parts(BY_NAME["0p_decode_(tok/s)"]) == (0, "decode")
    assert parts(BY_NAME["100p_input_tokens"]) == (100, "input_tokens")
    assert parts(BY_NAME["ttft"]) == (None, "")
