"""Results of SGLang's benchmark: cells worked out by hand from its files, and what its files are traps for."""

import json
import math
import statistics
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

FILES = Path(__file__).parent / "fixtures" / "tools" / "sglang"
ALL = records(FILES)
SINGLE = "0.5.23/single/sglang-oai-chat_1124_20_32_24.jsonl"
NEW, OLD = "0.5.23", "0.4.6.post5"


def lines(scenario: str) -> list[dict[str, Any]]:
    (file,) = (FILES / scenario).iterdir()
    return [json.loads(line) for line in file.read_text().splitlines()]


def found(scenario: str) -> list[Record]:
    return [record for run, record in ALL.items() if run.startswith(f"{scenario}/")]


def codes(record: Record) -> list[str]:
    return [problem.code for problem in record.problems]


def changed(root: Path, scenario: str = f"{NEW}/include_usage", **values: Any) -> Record:
    """The record of a run with some other values; `...` removes a key."""
    (made,) = lines(scenario)
    made |= values
    (root / "sglang_0101_12_32_24.jsonl").write_text(json.dumps({k: v for k, v in made.items() if v is not ...}))
    (record,) = records(root).values()
    return record


def test_a_run_of_the_newest_release_gives_the_row_worked_out_by_hand() -> None:
    record = ALL[f"{SINGLE}#0"]
    assert record.values == {
        "config": "0.5.23/single",
        "api": "sglang-oai-chat",
        "dataset": "random-ids",
        "parallel": 4,
        "max_tokens": 24,
        "min_prompt_length": 32,  # 32 * 1.0
        "max_prompt_length": 32,
        "stream": True,
        "number": 20,  # the third part of its name
        "requests": 20,  # completed; how many failed is not known
        "succeeded": 20,
        "time_taken": 1.2663568429998122,
        "output_throughput": 379.04008072712816,
        "total_throughput": 884.4268550299657,
        "request_throughput": 15.793336696963674,
        "input_throughput": 505.3867743028376,
        "latency": 238.42031095018683 / 1000,
        "ttft": 61.87078820012175 / 1000,
        "token_latency": 7.67606620652457 / 1000,
        "inter_token_latency": 9.983026348440262 / 1000,
        "input_tokens": 640 / 20,
        "output_tokens": 480 / 20,
        "50p_ttft_": 60.093888499977766 / 1000,
        "90p_ttft_": 84.49425780054298 / 1000,
        "95p_ttft_": 87.084198300272 / 1000,
        "99p_ttft_": 121.79916365907042 / 1000,
        "50p_tpot_": 8.162864260829457 / 1000,
        "90p_tpot_": 9.286678652176267 / 1000,
        "95p_tpot_": 9.313504426083217 / 1000,
        "99p_tpot_": 9.340571528730083 / 1000,
        "50p_itl_": 8.375748999242205 / 1000,
        "90p_itl_": 15.629067600457347 / 1000,
        "95p_itl_": 20.546728199406058 / 1000,
        "99p_itl_": 68.06569491920527 / 1000,
        "50p_latency_": 242.60574550044112 / 1000,
        "90p_latency_": 290.6842909998886 / 1000,
        "95p_latency_": 296.40810390073966 / 1000,
        "99p_latency_": 303.53103517953053 / 1000,
        "run": f"{SINGLE}#0",
        "tool": "sglang",
    }


def test_a_run_of_an_old_release_gives_the_row_worked_out_by_hand() -> None:
    (record,) = found(f"{OLD}/single")
    known = record.values
    assert (known["api"], known["parallel"], known["succeeded"]) == ("sglang-oai", 4, 20)
    assert (known["latency"], known["99p_latency_"]) == (231.94722764983453 / 1000, 276.2076183305544 / 1000)
    assert known["total_throughput"] == (640 + 480) / 1.2266997669994453, "it has no key there"
    assert (known["95p_itl_"], known["99p_tpot_"]) == (16.35889070075791 / 1000, 10.030704391308815 / 1000)
    assert {"90p_ttft_", "95p_ttft_", "model", "timestamp", "failed", "name"}.isdisjoint(known)


@pytest.mark.parametrize("record", ALL.values(), ids=ALL.keys())
def test_every_cell_is_of_its_columns_type(record: Record) -> None:
    types = {column.name: column.type for column in raw_columns(complete({"columns": "all"}))}
    for part in (record.common, record.reported, *record.derived.values()):
        for name, value in part.values.items():
            assert is_type(value, types[name]), name


@pytest.mark.parametrize("release", [OLD, NEW])
def test_one_file_holds_runs_of_several_loads(release: str) -> None:
    sweep = found(f"{release}/concurrency_sweep")
    assert [record.run.partition("#")[2] for record in sweep] == ["0", "1", "2"]
    assert [record.values["parallel"] for record in sweep] == [1, 2, 4]
    rates = found(f"{release}/rate_sweep")
    assert [record.values["rate"] for record in rates] == [5.0, 20.0]
    assert not any("parallel" in record.values for record in rates)
    assert {record.values["name"] for record in rates} == {"rates"}, "what somebody called the file"


@pytest.mark.parametrize("release", [OLD, NEW])
def test_an_unlimited_rate_which_is_a_bare_infinity_is_empty(release: str) -> None:
    (record,) = found(f"{release}/single")
    (file,) = (FILES / release / "single").iterdir()
    assert '"request_rate": Infinity' in file.read_text()
    assert "rate" not in record.values
    assert "value-out-of-range" not in codes(record)


def test_the_trace_that_is_replayed_has_no_rate_and_sets_a_run_apart(tmp_path: Path) -> None:
    record = changed(tmp_path, request_rate="trace")
    assert "rate" not in record.values
    assert record.arguments != ALL[f"{SINGLE}#0"].arguments
    assert codes(record) == []


@pytest.mark.parametrize("release", [OLD, NEW])
def test_tokens_that_were_asked_for_and_did_not_come_are_a_problem(release: str) -> None:
    (record,) = found(f"{release}/one_token")
    (held,) = lines(f"{release}/one_token")
    assert record.values["output_tokens"] == 24, "each reply has one"
    assert record.values["output_throughput"] == 144 / held["duration"], "24 times what came"
    assert codes(record) == ["requested-tokens"]
    assert "include_usage" in record.problems[0].message
    absent = {"inter_token_latency", "99p_itl_"}
    assert absent.isdisjoint(record.values), "they are 0.0 in the file, as there is nothing between"


def test_tokens_that_the_server_counted_are_none() -> None:
    (record,) = found(f"{NEW}/include_usage")
    assert codes(record) == []
    assert record.values["output_tokens"] == 248 / 12


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"total_output_tokens": 288, "total_output_tokens_retokenized": 287}, False),  # all came, some in one chunk
        ({"total_output_tokens": 288, "total_output_tokens_retokenized": 600}, True),  # a foreign tokenizer
        ({"total_output_tokens": 288, "total_output_tokens_retokenized": 600, "mean_tpot_ms": 11.0}, False),
        ({"total_output_tokens": 288, "total_output_tokens_retokenized": 600, "random_range_ratio": 0.5}, False),
        ({"total_output_tokens": 288, "total_output_tokens_retokenized": 100, "random_range_ratio": 0.5}, True),
    ],
)
def test_whether_tokens_came_shows_in_the_replies_and_in_the_times(
    tmp_path: Path, values: dict[str, Any], said: bool
) -> None:
    assert codes(changed(tmp_path, **values)) == (["requested-tokens"] if said else [])


@pytest.mark.parametrize("release", [OLD, NEW])
def test_failed_requests_are_counted_where_details_show_them(release: str) -> None:
    (record,) = found(f"{release}/flaky")
    (held,) = lines(f"{release}/flaky")
    failed = sum(1 for error in held["errors"] if error)
    assert failed == 30 - held["completed"] > 0
    assert (record.values["failed"], record.values["requests"], record.values["number"]) == (failed, 30, 30)
    ttfts = [ttft for ttft, error in zip(held["ttfts"], held["errors"], strict=True) if not error]
    assert record.derived["filled"].values["10p_ttft_"] == pytest.approx(np.percentile(ttfts, 10), rel=1e-12)
    made = record.derived["recomputed"].values
    assert made["ttft"] == pytest.approx(held["mean_ttft_ms"] / 1000, rel=1e-12)
    assert made["inter_token_latency"] == pytest.approx(held["mean_itl_ms"] / 1000, rel=1e-12)


@pytest.mark.parametrize("release", [OLD, NEW])
def test_what_is_recomputed_is_what_sglang_reports_where_both_define_the_same(release: str) -> None:
    (record,) = found(f"{release}/detailed")
    (held,) = lines(f"{release}/detailed")
    made = record.derived["recomputed"].values
    assert made["ttft"] == pytest.approx(held["mean_ttft_ms"] / 1000, rel=1e-12)
    assert made["inter_token_latency"] == pytest.approx(held["mean_itl_ms"] / 1000, rel=1e-12)
    assert made["input_tokens"] == 384 / 12
    latencies = [ttft + sum(own) for ttft, own in zip(held["ttfts"], held["itls"], strict=True)]
    assert made["latency"] == pytest.approx(statistics.mean(latencies), rel=1e-12)
    assert made["latency"] <= record.values["latency"], "theirs has the end of the stream inside"
    absent = {"output_tokens", "token_latency", "output_throughput", "time_taken"}
    assert absent.isdisjoint(made), "the tokens are those that were asked for, and no start was recorded"
    reported = [name for name in record.values if name.endswith(("p_ttft_", "p_itl_"))]
    assert reported
    for name in reported:
        values = held["ttfts"] if "ttft" in name else [each for own in held["itls"] for each in own]
        assert record.values[name] == pytest.approx(np.percentile(values, int(name.partition("p")[0])), rel=1e-9), name


def test_where_the_server_counted_tokens_they_take_part_in_what_is_recomputed(tmp_path: Path) -> None:
    (held,) = lines(f"{NEW}/detailed")
    lengths = [len(own) + 1 for own in held["itls"]]
    total = sum(lengths)
    made = (
        changed(
            tmp_path,
            f"{NEW}/detailed",
            output_lens=lengths,
            total_output_tokens=total,
            total_output_tokens_retokenized=total,
        )
        .derived["recomputed"]
        .values
    )
    assert made["output_tokens"] == total / 12
    tpots = [sum(own) / len(own) for own in held["itls"] if own]
    assert made["token_latency"] == pytest.approx(statistics.mean(tpots))


def test_the_configuration_of_the_server_stays_where_it_is(tmp_path: Path) -> None:
    secret = "sk-FAKEKEY-0123"
    record = changed(tmp_path, server_info={"model_path": "m/7b", "api_key": secret, "launch_command": f"x {secret}"})
    assert record.values["model"] == "m/7b"
    assert secret not in repr(record)


def test_lengths_that_are_drawn_from_a_range_are_labels(tmp_path: Path) -> None:
    made = changed(tmp_path, random_range_ratio=0.25).values
    limits = ("max_tokens", "max_tokens_low", "min_prompt_length", "max_prompt_length")
    assert [made[name] for name in limits] == [24, 6, 8, 32]
    others = changed(tmp_path, dataset_name="sharegpt", sharegpt_output_len=50).values
    assert others["max_tokens"] == 50
    assert {"max_tokens_low", "min_prompt_length", "max_prompt_length"}.isdisjoint(others)


def test_a_number_that_is_none_is_empty(tmp_path: Path) -> None:
    record = changed(tmp_path, mean_itl_ms=math.nan, total_input_tokens=0)
    assert {"inter_token_latency", "input_tokens"}.isdisjoint(record.values)
    assert codes(record) == []


@pytest.mark.parametrize("duration", [..., None, 0, math.nan])
def test_a_run_without_a_duration_has_its_other_cells(tmp_path: Path, duration: Any) -> None:
    kept, (held,) = changed(tmp_path, duration=duration), lines(f"{NEW}/include_usage")
    assert kept.values["ttft"] == held["mean_ttft_ms"] / 1000
    assert kept.values["output_throughput"] == held["output_throughput"], "as the tool says it"
    assert kept.values.keys().isdisjoint({"time_taken", "timestamp"})
    assert codes(kept) == []
    without = changed(tmp_path, duration=duration, total_throughput=...)
    assert "total_throughput" not in without.values, "tokens over no time"


def test_the_rows_of_a_run_are_its_requests() -> None:
    (record,) = found(f"{NEW}/flaky")
    path, _, _ = record.run.partition("#")
    ((run, given),) = readers.reader("sglang").requests(str(FILES), path, ())
    (part,) = given
    assert run == record.run
    assert (len(part.ttft), sum(part.succeeded)) == (30, record.values["succeeded"])


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("vllm-chat_0102_1000_sharegpt.jsonl", 1000),
        ("sglang_1231_64_32_24_2imgs_1080p.jsonl", 64),
        ("rates.jsonl", None),
        ("my_1231_64_32.jsonl", None),
    ],
)
def test_the_number_that_was_asked_for_stands_in_a_name_that_sglang_makes_up(
    tmp_path: Path, name: str, number: int | None
) -> None:
    (line, *_) = (FILES / NEW / "single").iterdir()
    (tmp_path / name).write_bytes(line.read_bytes())
    (record,) = records(tmp_path).values()
    assert record.values.get("number") == number
