"""Groups of runs, and the warnings that guard their averages."""

import itertools
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import frame_of, rows_in
from evalscope_summary import discovery
from evalscope_summary.columns import PERFORMANCE
from evalscope_summary.layouts import label_columns
from evalscope_summary.problems import Problem
from evalscope_summary.readers.evalscope import definitions, formats
from evalscope_summary.readers.evalscope.labels import workload_arguments
from evalscope_summary.readers.evalscope.read import read_run
from evalscope_summary.readers.releases import release as as_numbers
from evalscope_summary.record import Part, Record
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import AssembledRun, Row, assemble_all, merge
from evalscope_summary.tables.comparable import mixed_arguments, mixed_definitions, warnings
from evalscope_summary.tables.errors import PatternMatchesNothing
from evalscope_summary.tables.groups import Groups, groups
from evalscope_summary.tables.repeats import check_patterns

RUNS = Path(__file__).parent / "fixtures" / "runs"


def group(*rows: Row) -> list[Row]:
    return [row | {"run": f"r{number}"} for number, row in enumerate(rows)]


def run_of(at_least: str, below: str | None, *columns: str) -> Row:
    return {"evalscope_at_least": at_least, "evalscope_below": below} | dict.fromkeys(columns, 1.0)


# --- mixed definitions ---

BREAKS = {
    # as the documentation of the formats lists them; throughput at 1.4.0 is corrected
    "throughput": ("1.1.1", "1.11.1"),
    "TTFT": ("0.14.0", "1.1.1", "1.10.0", "1.11.1", "1.12.0", "1.13.0"),
    "TPOT": ("0.12.0", "0.15.0", "0.16.1", "0.17.1", "1.10.0", "1.13.0"),
    "ITL": ("0.17.1", "1.1.1", "1.10.0", "1.11.1"),
    "latency": ("0.13.2", "1.1.1"),
    "percentiles": ("1.7.0", "1.11.1", "1.13.0"),
    "counts of multi-turn runs": ("1.7.0",),
}
MEASURED = {
    "TTFT": ("1.1.1", "1.11.1", "1.12.0", "1.13.0"),
    "ITL": ("1.1.1", "1.11.1"),
    "latency": ("0.13.2", "1.1.1"),
}
COLUMNS = {
    "throughput": ("output_throughput", "total_throughput", "request_throughput"),
    "TTFT": ("ttft", "first_turn_ttft", "90p_ttft_"),
    "TPOT": ("token_latency", "50p_tpot_"),
    "ITL": ("inter_token_latency", "99p_itl_"),
    "latency": ("latency", "10p_latency_"),
    "percentiles": ("66p_total_(tok/s)", "25p_itl_"),
    "counts of multi-turn runs": ("turns",),
}


def test_the_breaks_are_those_of_the_formats() -> None:
    found = {d.name: tuple(b.release for b in d.breaks) for d in definitions.DEFINITIONS}
    assert found == BREAKS
    measured = {d.name: tuple(b.release for b in d.breaks if b.measured) for d in definitions.DEFINITIONS}
    assert {name: releases for name, releases in measured.items() if releases} == MEASURED


@pytest.mark.parametrize(
    ("name", "release", "column"),
    [(name, release, column) for name in BREAKS for release in BREAKS[name] for column in COLUMNS[name]],
)
def test_runs_on_both_sides_of_a_break_are_a_warning(name: str, release: str, column: str) -> None:
    before, after = run_of("0.7.0", release, column), run_of(release, None, column)
    problem = mixed_definitions(group(before, after, before), recomputed=False)
    assert problem is not None
    assert problem[:4] == ("warning", "mixed-definitions", "r0", "")
    named = [part for part in problem.message.split(": ", 1)[0].split("; ") if f"{name} (" in part]
    assert len(named) == 1
    assert release in named[0]
    recomputed = mixed_definitions(group(before, after, before), recomputed=True)
    assert (recomputed is not None and f"{name} (" in recomputed.message) == (release in MEASURED.get(name, ()))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([run_of("1.10.0", "1.11.1", "ttft"), run_of("1.10.0", "1.11.1", "ttft")], "the same releases"),
        ([run_of("1.10.0", "1.12.0", "ttft"), run_of("1.11.1", "1.12.0", "ttft")], "the first may be 1.11.1 too"),
        ([run_of("1.9.1", "1.10.0", "turns"), run_of("1.10.0", "1.11.1", "turns")], "no break of that metric"),
        ([run_of("1.9.1", "1.10.0", "ttft"), run_of("1.10.0", "1.11.1", "latency")], "no metric on both sides"),
        ([run_of("1.3.0", "1.4.0", "output_throughput"), run_of("1.4.0", "1.4.1", "output_throughput")], "corrected"),
        ([run_of("1.14.1", None, *PERFORMANCE), run_of("1.13.0", "1.14.0", *PERFORMANCE)], "no break after 1.13.0"),
    ],
)
def test_runs_that_compare_or_may_compare_are_none(rows: list[Row], why: str) -> None:
    assert mixed_definitions(group(*rows), recomputed=False) is None, why


def test_a_metric_is_named_once_with_all_its_breaks() -> None:
    columns = ("ttft", "90p_ttft_", "latency")
    problem = mixed_definitions(group(run_of("0.8.1", "0.12.0", *columns), run_of("1.14.1", None, *columns)), False)
    assert problem is not None
    assert "TTFT (0.14.0, 1.1.1, 1.10.0, 1.11.1, 1.12.0, 1.13.0)" in problem.message
    assert "latency (0.13.2, 1.1.1)" in problem.message
    assert "percentiles (1.7.0, 1.11.1, 1.13.0)" in problem.message
    assert "TPOT" not in problem.message


# --- mixed arguments ---


def digests(**args: Any) -> dict[str, str]:
    return workload_arguments(args)


def entry(run: str, **args: Any) -> AssembledRun:
    return AssembledRun({"run": run, "tool": "evalscope"}, frozenset(), None, "", digests(**args))


CHAT = {"url": "http://host/v1/chat/completions"}
COMPLETIONS = {"url": "http://user:secret@host/v1/completions?key=secret"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"stop": [], "stop_token_ids": None, "extra_args": {}, "dataset_args": None, "multi_turn_args": None}),
        ({}, {"warmup_num": 0, "multi_turn": False, "min_turns": 1, "image_width": 224, "prefix_count": 1}),
        ({}, {"warmup_num": 0.0, "tokenize_prompt": False, "open_loop": False, "image_format": "RGB"}),
        ({}, {"seed": 42, "dataset_offset": 15, "log_every_n_query": 100, "total_timeout": 21600, "num_workers": 4}),
        ({"temperature": 1}, {"temperature": 1.0}),
        (CHAT, CHAT | {"apply_chat_template": True}),
        (COMPLETIONS, COMPLETIONS | {"apply_chat_template": False}),
        (CHAT, {"url": "http://host/v1/chat/completions/", "apply_chat_template": True}),
        ({"tokenizer_path": "/a/tok"}, {"tokenizer_path": "/b/c/tok/"}),
        ({"prompt": "@/a/p.txt"}, {"prompt": "@b/p.txt"}),
        ({"image_width": 512}, {"dataset_args": {"image_width": 512}}),
        ({"multi_turn_args": {"first_turn_length": 9}}, {"dataset_args": {"first_turn_length": 9}}),
        ({}, {"multi_turn_args": {"first_turn_length": 65000, "chars_per_token": 3.0, "num_workers": 4}}),
        ({}, {"dataset_args": {"min_prompt_length": 5, "prefix_length": 3}}),  # are labels
        ({"extra_args": {"a": 1, "b": 2}}, {"extra_args": {"b": 2.0, "a": 1.0}}),
        ({"top_k": None}, {"top_p": None}),
    ],
)
def test_what_releases_write_differently_for_one_thing_is_one_thing(one: Any, other: Any) -> None:
    assert digests(**one) == digests(**other)


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [
        ({"temperature": 0.0}, {"temperature": 0.7}, "temperature"),
        ({"temperature": None}, {"temperature": 0.0}, "temperature"),  # not sent: the server's default
        ({}, {"top_p": 0.9}, "top_p"),
        ({}, {"stop": ["x"]}, "stop"),
        ({}, {"extra_args": {"ignore_eos": True}}, "extra_args"),
        ({"extra_args": {"a": True}}, {"extra_args": {"a": 1}}, "extra_args"),
        (CHAT, CHAT | {"apply_chat_template": False}, "apply_chat_template"),
        (COMPLETIONS, COMPLETIONS | {"apply_chat_template": True}, "apply_chat_template"),
        ({"prompt": "a"}, {"prompt": "b"}, "prompt"),
        ({}, {"image_width": 448}, "image_width"),
        ({"image_width": 448}, {"image_width": 448, "dataset_args": {"image_width": 512}}, "image_width"),
        ({}, {"multi_turn": True}, "multi_turn"),
        ({}, {"warmup_num": 0.1}, "warmup_num"),
        ({}, {"duration": 60}, "duration"),
        ({}, {"dataset_args": {"x": 1}}, "dataset_args"),
        ({"dataset_args": {"x": 1}}, {"dataset_args": {"x": 2}}, "dataset_args"),
        ({}, {"multi_turn_args": {"first_turn_length": 8}}, "dataset_args"),
    ],
)
def test_what_changes_the_workload_is_named(one: Any, other: Any, field: str) -> None:
    problem = mixed_arguments([entry("r0", **one), entry("r1", **other), entry("r2", **one)])
    assert problem is not None
    assert problem[:4] == ("warning", "mixed-arguments", "r0", formats.ARGS)
    assert f"differs in {field}: " in problem.message


def test_no_value_gets_into_a_record_or_a_message() -> None:
    runs = [entry("r0", extra_args={"key": "FAKEKEY"}, prompt="FAKEKEY", **COMPLETIONS), entry("r1")]
    problem = mixed_arguments(runs)
    assert problem is not None
    assert "extra_args" in problem.message
    assert "FAKEKEY" not in repr(runs) + problem.message
    assert "secret" not in repr(runs) + problem.message


# --- real runs ---


def real(release: str, scenario: str = "single") -> Record:
    tree = RUNS / release / scenario / "results"
    run = min(discovery.discover(str(tree)).sources)
    record = read_run(tree, run, [file.name for file in (tree / run).iterdir()], {"filled", "recomputed"})
    record.common.values["tool"] = "evalscope"
    record.common.values["run"] = f"{release}/{record.values['run']}"  # so that runs of all releases are told apart
    return record


def warned(records: list[Record], **config: Any) -> list[Problem]:
    settings = complete({"group_by": ["model", "parallel"], **config})
    return warnings(merge([assemble_all(records, settings)]), settings)


SINGLE = sorted((path.parent.name for path in RUNS.glob("*/single")), key=as_numbers)


def test_an_upgrade_of_evalscope_alone_changes_no_argument() -> None:
    for upgraded in (("0.16.1", "1.4.0", "1.9.0", "1.14.0"), SINGLE[SINGLE.index("0.13.2") :]):
        records = [real(release) for release in upgraded]
        (problem,) = warned(records)
        assert problem.code == "mixed-definitions"
        assert problem.run == merge([assemble_all(records, complete({}))]).rows[0]["run"]


def test_up_to_0_13_1_no_temperature_was_sent() -> None:
    found = warned([real("0.13.0"), real("0.13.2")])
    (problem,) = (problem for problem in found if problem.code == "mixed-arguments")
    assert "differs in temperature: " in problem.message


@pytest.mark.parametrize("metrics", ["reported", "recomputed"])
@pytest.mark.parametrize(("one", "other"), [*itertools.pairwise(SINGLE)])
def test_two_releases_in_a_row_are_a_warning_where_a_definition_changed_between_them(
    one: str, other: str, metrics: str
) -> None:
    found = warned([real(one), real(other)], metrics=metrics)
    messages = [problem.message for problem in found if problem.code == "mixed-definitions"]
    wanted = BREAKS if metrics == "reported" else MEASURED
    between = {
        name
        for name, releases in wanted.items()
        if name != "counts of multi-turn runs"
        for release in releases
        if as_numbers(one) < as_numbers(release) <= as_numbers(other)
    }
    if (one, other) == ("0.15.0", "0.16.1"):
        between.discard("TPOT")  # it may be a 0.16.0, which writes the same files and has the old definition
    named = {name for message in messages for name in wanted if f"{name} (" in message}
    assert named == between


def test_one_command_of_every_release_makes_one_warning_of_each_kind() -> None:
    records = [real(release) for release in SINGLE]
    assert sorted(problem.code for problem in warned(records)) == ["mixed-arguments", "mixed-definitions"]
    apart = warned(records, group_by=["model", "parallel", "config"])
    assert {problem.code for problem in apart} == {"mixed-arguments", "mixed-definitions"}
    settings = complete({"label_pattern": r"^(?P<release>[^/]+)/", "group_by": ["release"]})
    assert warnings(merge([assemble_all(records, settings)]), settings) == []


# --- patterns ---


def rows(*pairs: tuple[str, str | None]) -> list[Row]:
    return [{"config": config, "name": name, "run": f"run-{i}"} for i, (config, name) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("pattern", "given", "labels_"),
    [
        (r"repeat-\d+", [("q/repeat-01/p64", None), ("q/repeat-02/p64", None)], [("q/p64", None)]),
        (r"/repeat-\d+", [("q/repeat-01", None), ("q/repeat-12", None), ("q", None)], [("q", None)]),
        (r"-\d+$", [("a", "n-1"), ("a", "n-2")], [("a", "n")]),
        (r"-\d+$", [("a-1", "n-1"), ("a-2", "n-2"), ("b-1", None)], [("a", "n"), ("b", None)]),
        (r"^repeat-\d+$", [("repeat-1", None), ("repeat-2", None)], [(None, None)]),
        ("", [("a-1", None), ("a-2", None)], [("a-1", None), ("a-2", None)]),
        ("x", [("a//x//b", None), ("c//d", None)], [("a/b", None), ("c//d", None)]),
    ],
)
def test_repeats_are_grouped_without_their_number(
    pattern: str, given: list[tuple[str, str | None]], labels_: list[tuple[str | None, str | None]]
) -> None:
    found = grouped(rows(*given), complete({"repeat_pattern": pattern}))
    assert [(row["config"], row["name"]) for row in labels_in(found)] == labels_
    assert sum(found.sizes) == len(found.of_run) == len(given)
    assert [found.of_run.tolist().count(number) for number in range(len(labels_))] == found.sizes.tolist()


def grouped(runs: list[Row], settings: dict[str, Any]) -> Groups:
    return groups(frame_of(label_columns(settings), runs), settings)


def labels_in(found: Groups) -> list[Row]:
    names = [column for column in label_columns(complete({})) if column.name in found.labels]
    return rows_in(found.labels, names)


def test_a_label_that_does_not_group_is_common_or_empty() -> None:
    both: list[Row] = [{"config": "a", "parallel": 1, "model": "m"}, {"config": "a", "parallel": 2, "model": "m"}]
    (found,) = labels_in(grouped(both, complete({"group_by": ["config"]})))
    assert (found["model"], found["parallel"]) == ("m", None)


def test_columns_of_a_label_pattern_come_from_the_path() -> None:
    pattern = r"(?P<gpu>[^/]+)x(?P<gpus>\d+)_(?P<engine>[^/]+)(?:/(?P<note>note))?"
    records = [
        Record(run, Part({"run": run, "config": "c"}))
        for run in ("qwen3/h100x8_vllm/repeat-01/r", "qwen3/a100x4_sglang/note", "other")
    ]
    settings = complete({"label_pattern": pattern, "group_by": ["gpus", "engine"]})
    found = {row["run"]: row for row in merge([assemble_all(records, settings)]).rows}
    names = ("gpu", "gpus", "engine", "note")
    assert [[row.get(name) for name in names] for row in (found[record.run] for record in records)] == [
        ["h100", "8", "vllm", None],
        ["a100", "4", "sglang", "note"],
        [None, None, None, None],
    ]
    table = grouped(list(found.values()), settings).labels[["gpus", "gpu"]]
    order = [tuple(None if pd.isna(cell) else cell for cell in row) for row in table.itertuples(index=False)]
    assert order == [(None, None), ("4", "a100"), ("8", "h100")]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"repeat_pattern": "repeat"}, ["'repeat_pattern'", "'repeat'", "'a-1'"]),
        ({"label_pattern": "(?P<gpu>h100)"}, ["'label_pattern'", "h100", "'run-0'"]),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(config: dict[str, Any], words: list[str]) -> None:
    settings = complete(config)
    with pytest.raises(PatternMatchesNothing) as caught:
        check_patterns(rows(("a-1", "n")), settings)
    assert all(word in str(caught.value) for word in words)
    check_patterns([], settings)  # a tree without runs says nothing about a pattern


def test_what_is_stored_of_arguments_is_small() -> None:
    record = real("1.14.1")
    assert set(record.arguments) == {"temperature"}
    assert len(json.dumps(record.arguments)) < 100
