"""Results of vLLM's benchmark: cells worked out by hand from its files, and what its files are traps for."""

import json
import math
import re
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import records
from evalscope_summary import readers
from evalscope_summary.layouts import raw_columns
from evalscope_summary.readers.cells import is_type
from evalscope_summary.record import Record
from evalscope_summary.settings import complete

FILES = Path(__file__).parent / "fixtures" / "tools" / "vllm"
SINGLE = "0.33.0/single/openai-chat-infqps-concurrency4-mock-7b-20261124-200159.json"


ALL = records(FILES)


def only(scenario: str) -> Record:
    (record,) = (record for run, record in ALL.items() if run.startswith(f"{scenario}/"))
    return record


def content(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FILES / record.run).read_text())
    return found


def codes(record: Record) -> list[str]:
    return [problem.code for problem in (*record.problems, *record.derived["filled"].problems)]


def write(root: Path, values: Mapping[str, Any], name: str = "x.json") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(values))
    return root


def changed(root: Path, scenario: str = "0.33.0/single", **values: Any) -> Record:
    """The record of a run with some other values; `...` removes a key."""
    made = content(only(scenario)) | values
    (record,) = records(write(root, {key: value for key, value in made.items() if value is not ...})).values()
    return record


# --- cells worked out by hand --------------------------------------------------------------------------------------


def test_a_run_of_the_newest_release_gives_the_row_worked_out_by_hand() -> None:
    record = ALL[SINGLE]
    assert record.values == {
        "timestamp": "20261124_200158",  # it ended at 20:01:59, after 0.86 s
        "config": "0.33.0/single",
        "model": "mock-7b",
        "api": "openai-chat",
        "parallel": 4,
        "number": 20,
        "stream": True,
        "requests": 20,  # completed 20 + failed 0
        "succeeded": 20,
        "failed": 0,
        "time_taken": 0.8621482290000131,
        "output_throughput": 423.3610737951124,
        "total_throughput": 1139.0152725117819,
        "request_throughput": 23.197867057266432,
        "ttft": 37.19435574998897 / 1000,
        "token_latency": 6.823894333771784 / 1000,
        "inter_token_latency": 6.803220449261932 / 1000,
        "input_tokens": 617 / 20,
        "output_tokens": 365 / 20,
        "50p_ttft_": 37.322241000310896 / 1000,
        "99p_ttft_": 63.1409898298807 / 1000,
        "50p_tpot_": 6.737583739126953 / 1000,
        "99p_tpot_": 8.071242843824702 / 1000,
        "50p_itl_": 6.773504000193498 / 1000,
        "99p_itl_": 12.610433720365108 / 1000,
        "run": SINGLE,
        "tool": "vllm",
    }
    # the mean latency is not in the file, but each latency is: the 10th and 11th of 20 in order are 0.14667 and 0.14828
    filled = record.derived["filled"].values
    assert filled["latency"] == pytest.approx(3.090998169995146 / 20)
    assert filled["50p_latency_"] == pytest.approx((0.14667008299966255 + 0.14828129400029866) / 2)
    # P90 lies at 0.9 * 19 = 17.1: the 18th smallest, and a tenth of the way to the 19th
    assert filled["90p_latency_"] == pytest.approx(0.20484590900014155 + 0.1 * (0.21698979 - 0.20484591), abs=1e-8)
    assert codes(record) == []


def test_a_run_of_an_old_release_gives_the_row_worked_out_by_hand() -> None:
    record = only("0.10.2/single")
    known = record.values
    assert (known["api"], known["parallel"], known["number"]) == ("openai-chat", 4, 20), "`endpoint_type` there"
    assert (known["succeeded"], known["failed"], known["requests"]) == (20, 0, 20), "20 prompts, 20 completed"
    assert (known["time_taken"], known["output_throughput"]) == (1.068991332999758, 405.0547339658347)
    assert (known["ttft"], known["99p_ttft_"]) == (46.64595614999598 / 1000, 72.57518782036641 / 1000)
    assert (known["input_tokens"], known["output_tokens"]) == (637 / 20, 433 / 20)
    assert known["timestamp"] == "20261124_203528", "ended at 20:35:30, after 1.07 s"
    assert "latency" not in known
    assert record.derived["filled"].values == {}, "there are no request rows"


@pytest.mark.parametrize("record", ALL.values(), ids=ALL.keys())
def test_every_cell_is_of_its_columns_type(record: Record) -> None:
    types = {column.name: column.type for column in raw_columns(complete({"columns": "all"}))}
    for part in (record.common, record.reported, *record.derived.values()):
        for name, value in part.values.items():
            assert is_type(value, types[name]), name


# --- what its files are traps for ----------------------------------------------------------------------------------


def test_a_sweep_which_stores_each_run_three_times_gives_each_once() -> None:
    runs = [run for run in ALL if run.startswith("0.33.0/bench_sweep/")]
    assert sorted(run.rpartition("/")[2] for run in runs) == ["run=0.json", "run=0.json", "run=1.json", "run=1.json"]
    configs = {ALL[run].values["config"] for run in runs}
    assert configs == {
        f"0.33.0/bench_sweep/SERVE--tp1-BENCH--max_concurrency={concurrency}-num_prompts={number}"
        for concurrency, number in ((1, 6), (4, 16))
    }, "repeats share it, and the time of the sweep is not in it"
    (first, second) = (ALL[run] for run in runs if "=6/" in run)
    assert first.arguments == second.arguments
    assert first.values["latency"] == 151.9936033328122 / 1000, "a sweep asks for it"


def test_the_warm_up_of_a_sweep_is_no_run_and_what_failed_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, content(ALL[SINGLE]) | {"run_number": -1}, "warmup.json")
    write(
        tmp_path, {"run_number": 1, "error_type": "E", "error": "sk-FAKE", "serve_overrides": {}}, "run=1.failure.json"
    )
    (record,) = records(tmp_path).values()
    (problem,) = record.problems
    assert (problem.severity, problem.code, problem.run) == ("skipped", "incomplete", "run=1.failure.json")
    assert "sk-FAKE" not in problem.message


def test_runs_appended_to_a_file_are_numbered() -> None:
    for release in ("0.10.2", "0.33.0"):
        found = [record for run, record in ALL.items() if run.startswith(f"{release}/repeats_append/")]
        assert [record.run for record in found] == [f"{release}/repeats_append/results.json#{i}" for i in range(3)]
        assert len({record.fingerprint for record in found}) == 3
        lines = (FILES / release / "repeats_append" / "results.json").read_text().splitlines()
        for record, line in zip(found, lines, strict=True):
            assert record.values["ttft"] == json.loads(line)["mean_ttft_ms"] / 1000


def test_without_a_success_there_is_no_performance() -> None:
    record = only("0.33.0/dead")
    assert (record.values["succeeded"], record.values["failed"], record.values["requests"]) == (0, 8, 8)
    assert record.values["time_taken"] == 0.04064876499978709
    assert record.values.keys().isdisjoint({"ttft", "token_latency", "output_throughput", "request_throughput"})
    assert record.derived["filled"].values == {}, "latencies of failed requests are 0.0"
    assert codes(record) == ["no-successful-requests"]


@pytest.mark.parametrize(("release", "none"), [("0.10.2", ("tpot",)), ("0.33.0", ("tpot", "itl"))])
def test_replies_of_one_token_have_no_time_between_tokens(release: str, none: tuple[str, ...]) -> None:
    record = only(f"{release}/one_token")
    assert {content(record)[f"mean_{metric}_ms"] for metric in none} == {0.0}
    columns = {"tpot": "token_latency", "itl": "inter_token_latency"}
    found = record.values.keys() | record.derived["filled"].values.keys()
    assert {"ttft", "latency", "99p_latency_"} <= found
    assert not any(metric in name or name == columns[metric] for name in found for metric in none)


@pytest.mark.parametrize("release", ["0.10.2", "0.33.0"])
def test_failed_requests_are_counted_and_not_averaged(release: str) -> None:
    record = only(f"{release}/flaky")
    held = content(record)
    failed = sum(1 for error in held["errors"] if error)
    assert failed > 0
    assert (record.values["failed"], record.values["requests"]) == (failed, len(held["errors"]))
    assert record.values["input_tokens"] == held["total_input_tokens"] / held["completed"], "not / num_prompts"
    ttfts = [ttft for ttft, error in zip(held["ttfts"], held["errors"], strict=True) if not error]
    assert record.derived["filled"].values["10p_ttft_"] == float(np.percentile(ttfts, 10))


def test_old_releases_without_details_have_failed_what_did_not_complete(tmp_path: Path) -> None:
    record = changed(tmp_path, "0.10.2/single", completed=17)
    assert (record.values["failed"], record.values["requests"]) == (3, 20)


@pytest.mark.parametrize("release", ["0.10.2", "0.33.0"])
def test_pooling_backends_generate_nothing(release: str) -> None:
    record = only(f"{release}/embeddings")
    held = content(record)
    assert record.values["input_throughput"] == held["total_token_throughput"], "it counts input tokens there"
    assert record.values["latency"] == held["mean_e2el_ms"] / 1000
    assert (record.values["succeeded"], record.values["failed"]) == (12, 0)
    absent = {"total_throughput", "output_throughput", "ttft", "output_tokens", "stream"}
    assert record.values.keys().isdisjoint(absent)


def test_a_ramp_has_no_rate_and_differs_from_unlimited_load() -> None:
    ramp, single = only("0.33.0/ramp_up"), ALL[SINGLE]
    assert "rate" not in ramp.values
    assert "parallel" not in ramp.values
    assert {name for name in ramp.arguments if ramp.arguments[name] != single.arguments[name]} == {
        "ramp_up_strategy",
        "ramp_up_start_rps",
        "ramp_up_end_rps",
    }


def test_metadata_sets_runs_apart_and_shadows_no_count() -> None:
    record = only("0.33.0/detailed")
    assert {"tensor_parallel_size", "gpu"} <= content(record).keys(), "given as KEY=VALUE"
    assert record.arguments["metadata"] != ALL[SINGLE].arguments["metadata"]
    assert record.values["name"] == "myexp", "the label"


def test_metadata_in_place_of_a_number_is_not_taken_for_it(tmp_path: Path) -> None:
    record = changed(tmp_path, max_concurrency="many")
    assert "parallel" not in record.values
    assert codes(record) == ["value-out-of-range"]


def test_files_older_than_burstiness_and_backends_of_old_are_read(tmp_path: Path) -> None:
    old = {"burstiness": ..., "endpoint_type": ..., "backend": "vllm", "max_concurrency": ..., "request_goodput": ...}
    record = changed(tmp_path, "0.10.2/single", best_of=1, use_beam_search=False, **old)
    assert (record.values["api"], record.values["ttft"]) == ("vllm", 46.64595614999598 / 1000)
    assert codes(record) == []


def test_a_name_that_somebody_chose_tells_tests_apart(tmp_path: Path) -> None:
    (tmp_path / "h100.json").write_text(json.dumps(content(ALL[SINGLE])))
    (record,) = records(tmp_path).values()
    assert (record.values["name"], record.values["config"]) == ("h100", "h100"), "there is no folder"
    assert "name" not in ALL[SINGLE].values, "not the one that vLLM makes up of the load and the time"


def test_a_limited_rate_is_a_label(tmp_path: Path) -> None:
    assert changed(tmp_path, request_rate=20.5, max_concurrency=None).values["rate"] == 20.5


def test_speculative_decoding_is_a_share(tmp_path: Path) -> None:
    made = changed(tmp_path, spec_decode_acceptance_length=2.5, spec_decode_acceptance_rate=75.0).values
    assert (made["decoded_tokens_per_iter"], made["spec_accept_rate"]) == (2.5, 0.75)


@pytest.mark.parametrize(
    "name",
    [run for run in ALL if "#" not in run and "mean_tpot_ms" in content(ALL[run]) and "itls" in content(ALL[run])],
)
def test_what_is_filled_in_has_the_rule_of_what_is_reported(tmp_path: Path, name: str) -> None:
    held, record = content(ALL[name]), ALL[name]
    kept = {key: value for key, value in held.items() if not re.match(r"(median|p[0-9]+)_", key)}
    again = next(iter(records(write(tmp_path, kept)).values()))
    filled = again.derived["filled"].values
    reported = [column for column in record.values if column[:4] in ("50p_", "99p_")]
    assert reported
    for column in reported:
        if ("tpot" in column or "latency" in column) and "latencies" not in held:
            assert column not in filled, "the latency of each request is not known"
        else:
            assert filled[column] == pytest.approx(record.values[column], rel=1e-12), column


def test_percentiles_of_rates_are_of_requests() -> None:
    record = only("0.33.0/detailed")
    held = content(record)
    assert "latencies" in held
    rates = [tokens / latency for tokens, latency in zip(held["output_lens"], held["latencies"], strict=True)]
    filled = record.derived["filled"].values
    assert filled["50p_output_(tok/s)"] == pytest.approx(statistics.median(rates))
    assert math.isclose(filled["90p_output_(tok/s)"], np.percentile(rates, 90), rel_tol=1e-12)


# --- recomputed ----------------------------------------------------------------------------------------------------


def test_what_is_recomputed_is_what_vllm_reports_where_both_define_the_same() -> None:
    record = only("0.33.0/detailed")
    held, made = content(record), record.derived["recomputed"].values
    for column, key in {
        "ttft": "mean_ttft_ms",
        "token_latency": "mean_tpot_ms",
        "inter_token_latency": "mean_itl_ms",
    }.items():
        assert made[column] == pytest.approx(held[key] / 1000, rel=1e-12), column
    assert made["input_tokens"] == held["total_input_tokens"] / 20
    assert made["output_tokens"] == held["total_output_tokens"] / 20
    assert made["latency"] == pytest.approx(held["mean_e2el_ms"] / 1000, rel=1e-12)
    starts, latencies = held["start_times"], held["latencies"]
    seconds = max(map(float.__add__, starts, latencies)) - min(starts)
    assert made["time_taken"] == seconds
    assert made["time_taken"] < held["duration"], "from the first request's start to the last one's end"
    assert made["output_throughput"] == held["total_output_tokens"] / seconds
    # nearest rank: the ceil(20 * 0.9) = 18th smallest of 20
    assert made["90p_ttft_"] == sorted(held["ttfts"])[17]


def test_old_releases_kept_no_start_and_a_latency_in_parts() -> None:
    record = only("0.10.2/detailed")
    held, made = content(record), record.derived["recomputed"].values
    assert {"start_times", "latencies"}.isdisjoint(held)
    assert {"time_taken", "output_throughput", "request_throughput"}.isdisjoint(made)
    assert made["ttft"] == pytest.approx(held["mean_ttft_ms"] / 1000, rel=1e-12)
    assert made["inter_token_latency"] == pytest.approx(held["mean_itl_ms"] / 1000, rel=1e-12)
    latencies = [ttft + sum(own) for ttft, own in zip(held["ttfts"], held["itls"], strict=True)]
    assert made["latency"] == pytest.approx(statistics.mean(latencies))
    assert made["token_latency"] < held["mean_tpot_ms"] / 1000, "theirs has the chunk with the usage inside"


@pytest.mark.parametrize("release", ["0.10.2", "0.33.0"])
def test_failed_requests_take_no_part_in_what_is_recomputed(release: str) -> None:
    record = only(f"{release}/flaky")
    held, made = content(record), record.derived["recomputed"].values
    assert made["ttft"] == pytest.approx(held["mean_ttft_ms"] / 1000, rel=1e-12)
    assert made["input_tokens"] == held["total_input_tokens"] / held["completed"]
    assert not record.derived["recomputed"].problems


def test_without_details_nothing_can_be_recomputed() -> None:
    part = ALL[SINGLE].derived["recomputed"]
    assert part.values == {}
    assert [problem.code for problem in part.problems] == ["no-request-rows"]
    assert "--save-detailed" in part.problems[0].message


def test_the_rows_of_a_run_are_its_requests() -> None:
    record = only("0.33.0/flaky")
    reader = readers.reader("vllm")
    ((run, given),) = reader.requests(str(FILES), record.run, ())
    (part,) = given
    held = content(record)
    assert run == record.run
    assert sum(part.succeeded) == held["completed"]
    assert len(part.start) == len(part.ttft) == len(part.interval_counts) == len(held["errors"])
    assert len(part.intervals) == sum(part.interval_counts)
    assert not list(reader.requests(str(FILES), SINGLE, ()))
