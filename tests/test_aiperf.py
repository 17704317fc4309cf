"""Results of AIPerf: cells worked out by hand from its files, and what its files are traps for."""

import json
import math
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import clean_tables, records
from evalscope_summary import readers
from evalscope_summary.columns import BY_NAME, FILLED, PERCENTILE_COLUMNS
from evalscope_summary.discovery import discover
from evalscope_summary.readers.aiperf import rows
from evalscope_summary.readers.cells import is_type
from evalscope_summary.record import Record

FILES = Path(__file__).parent / "fixtures" / "tools" / "aiperf"
SUMMARY, ROWS = "profile_export_aiperf.json", "profile_export.jsonl"
FLAKY = "0.13.0/flaky/artifacts/flaky5-openai-chat-concurrency4"
OLD = "0.2.0/single/artifacts/mock-7b-openai-chat-concurrency4"
REPEAT = "0.9.0/repeats/artifacts/mock-7b-openai-chat-concurrency2/profile_runs/run_0001"
SWEPT = "0.13.0/concurrency_sweep/artifacts/mock-7b-openai-chat-concurrency1/concurrency_2"

ALL = records(FILES)
RUNS = {run: record for run, record in ALL.items() if not record.skipped}
WITH_ROWS = [run for run in RUNS if run.endswith(SUMMARY)]


def at(folder: str) -> Record:
    return ALL[f"{folder}/{SUMMARY}"]


def content(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FILES / folder / SUMMARY).read_text())
    return found


def all_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / ROWS).read_text().splitlines()]


def codes(record: Record, part: str = "filled") -> list[str]:
    derived = {name: one.problems for name, one in record.derived.items()}
    return [problem.code for problem in (*record.problems, *derived[part])]


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    """Copies a run, whose summary then has some other values, and whose lines were changed."""

    def copy(folder: str = FLAKY, change: Callable[[list[str]], list[str]] | None = None, **values: Any) -> Path:
        target = tmp_path / "results"
        shutil.copytree(FILES / folder, target)
        made = content(folder) | values
        (target / SUMMARY).write_text(json.dumps({key: value for key, value in made.items() if value is not ...}))
        if change:
            lines = (target / ROWS).read_text().splitlines(keepends=True)
            (target / ROWS).write_text("".join(change(lines)))
        return target

    return copy


def only(root: Path) -> Record:
    (record,) = records(root).values()
    return record


# --- cells worked out by hand --------------------------------------------------------------------------------------


def test_a_run_with_failures_gives_the_row_worked_out_by_hand() -> None:
    record = at(FLAKY)
    reported = {name: value for name, value in record.values.items() if not name[0].isdigit()}
    assert reported == {
        "timestamp": "20261124_210020",
        "config": "0.13.0/flaky/artifacts/flaky5-openai-chat",  # without `-concurrency4`
        "model": "flaky5",
        "api": "chat",
        "parallel": 4,
        "number": 24,
        "stream": True,
        "dataset": "synthetic",
        "max_tokens": 20,
        "min_prompt_length": 32,
        "max_prompt_length": 32,
        "succeeded": 20,
        "failed": 4,  # error_request_count; error_summary has one kind of error
        "requests": 24,  # 20 + 4
        # 20 / 18.901746832624596; 21:00:20.303882 to 21:00:21.361985 is 1.058103, while benchmark_duration is 1.049925
        "time_taken": pytest.approx(1.058103, abs=1e-6),
        "output_throughput": 940.3619049230737,
        "total_throughput": 1545.2178035670606,
        "request_throughput": 18.901746832624596,
        "input_throughput": 604.8558986439871,
        "latency": 179.7013059 / 1000,
        "ttft": 42.1725377 / 1000,
        "token_latency": 2.827688601172997 / 1000,  # its inter_token_latency
        "inter_token_latency": 7.726335292134832 / 1000,  # its inter_chunk_latency
        "input_tokens": 32.0,
        "output_tokens": 49.75,
        "cache_hit_rate": 46.41909814323608,
        "run": f"{FLAKY}/{SUMMARY}",
        "tool": "aiperf",
        "tool_version": "0.13.0",
    }
    percentiles = {name: value for name, value in record.values.items() if name.startswith(("90p", "100p"))}
    assert percentiles == {
        "90p_ttft_": 58.45421029999999 / 1000,
        "90p_itl_": 16.577666 / 1000,
        "90p_tpot_": 3.118268468638298 / 1000,
        "90p_latency_": 210.84341609999998 / 1000,
        "90p_output_(tok/s)": 317.2178440373165,
        "90p_input_tokens": 32.0,
        "90p_output_tokens": 56.0,
        "90p_decode_(tok/s)": 423.26153367231734,
        "100p_ttft_": 77.162785 / 1000,
        "100p_itl_": 67.778986 / 1000,
        "100p_tpot_": 4.870449785714285 / 1000,
        "100p_latency_": 257.785214 / 1000,
        "100p_output_(tok/s)": 351.05104555383895,
        "100p_input_tokens": 32.0,
        "100p_output_tokens": 57.0,
        "100p_decode_(tok/s)": 469.7625075893746,
    }
    assert record.values["10p_itl_"] == 0.0, "several chunks that came at once are a measured interval"
    assert codes(record) == []


def test_a_run_of_the_oldest_release_gives_the_row_worked_out_by_hand() -> None:
    record = at(OLD)
    reported = {name: value for name, value in record.values.items() if not name[0].isdigit()}
    assert reported == {
        "timestamp": "20261124_211018",
        "config": "0.2.0/single/artifacts/mock-7b-openai-chat",
        "model": "mock-7b",
        "api": "chat",
        "parallel": 4,
        "number": 16,
        "stream": True,
        "max_tokens": 20,
        "min_prompt_length": 32,
        "max_prompt_length": 32,
        "succeeded": 16,
        "failed": 0,  # error_request_count is null
        "requests": 16,
        "time_taken": pytest.approx(0.8020613280000001),  # 16 / 19.948599242276394, which is benchmark_duration
        "output_throughput": 953.79240127134,
        "total_throughput": pytest.approx((512 + 765) / 0.8020613280000001),  # total_isl, total_osl
        "request_throughput": 19.948599242276394,
        "latency": 170.998685 / 1000,
        "ttft": 44.962203249999995 / 1000,
        "token_latency": 2.7317596303127853 / 1000,
        "inter_token_latency": 7.176454476868328 / 1000,
        "input_tokens": 32.0,
        "output_tokens": 47.8125,
        "run": f"{OLD}/{SUMMARY}",
        "tool": "aiperf",
    }


def test_percentiles_that_are_missing_are_filled_in_by_hand_from_eight_requests() -> None:
    """P66 of eight is at 0.66 * 7 = 4.62 of 0 to 7."""
    filled = at(REPEAT).derived["filled"].values
    # latencies in order: 91.192287 147.744709 155.045991 157.88725 160.154853 167.380083 175.913047 211.067557
    assert filled["66p_latency_"] == pytest.approx((160.154853 + 0.62 * (167.380083 - 160.154853)) / 1000, rel=1e-9)
    # TTFT in order: 23.677747 28.019369 28.158099 30.312199 31.269615 47.104662 56.135319 61.859304
    assert filled["66p_ttft_"] == pytest.approx((31.269615 + 0.62 * (47.104662 - 31.269615)) / 1000, rel=1e-9)
    # its inter_token_latency: 1.875403889 2.073704418 2.267887127 2.478193489 2.49745925 2.538399115 2.797102814 3.29…
    expected = (2.49745925 + 0.62 * (2.5383991153846153 - 2.49745925)) / 1000
    assert filled["66p_tpot_"] == pytest.approx(expected, rel=1e-9)
    # total: (32 + tokens) / latency, the smallest of which is (32 + 48) / 0.211067557, the next (32 + 44) / 0.167380083
    low, high = 80 / 0.211067557, 76 / 0.167380083
    assert filled["10p_total_(tok/s)"] == pytest.approx(low + 0.7 * (high - low), rel=1e-9)


def test_recomputed_is_worked_out_by_hand_from_eight_requests() -> None:
    made = at(REPEAT).derived["recomputed"].values
    # the first start ends in …388.954349, the last end in …9.085675135
    seconds = 1795554859.085675135 - 1795554858.388954349
    assert made["time_taken"] == pytest.approx(0.696720786, abs=1e-9)
    assert made["time_taken"] == pytest.approx(seconds, abs=1e-6)
    tokens = 53 + 37 + 48 + 48 + 56 + 56 + 53 + 44
    assert made["output_throughput"] == pytest.approx(tokens / 0.696720786)
    assert made["total_throughput"] == pytest.approx((tokens + 8 * 32) / 0.696720786)
    assert made["50p_latency_"] == pytest.approx(0.15788725), "nearest rank: the 4th smallest of 8"
    assert made["90p_latency_"] == pytest.approx(0.211067557), "the ceil(7.2) = 8th"


# --- what is recomputed, and filled in, against what AIPerf says -----------------------------------------------------


@pytest.mark.parametrize("run", WITH_ROWS)
def test_what_is_recomputed_is_what_aiperf_reports_where_both_define_the_same(run: str) -> None:
    record = ALL[run]
    made, reported = record.derived["recomputed"].values, record.values
    for column in ("latency", "ttft", "token_latency", "inter_token_latency", "input_tokens", "output_tokens"):
        assert made[column] == pytest.approx(reported[column], rel=1e-12), column
    if reported["tool_version"] == "0.13.0" if "tool_version" in reported else False:
        assert made["time_taken"] < reported["time_taken"], "from the first start to the last end alone"
    else:
        assert made["output_throughput"] == pytest.approx(reported["output_throughput"], rel=1e-3)


@pytest.mark.parametrize("run", WITH_ROWS)
def test_what_is_filled_in_has_the_rule_of_what_is_reported(run: str) -> None:
    found = json.loads((FILES / run).read_text())
    made = rows.filled(rows.read(str(FILES / run).replace(SUMMARY, ROWS), True, found["request_count"]["avg"]), {})
    compared = [column for pair in FILLED if (column := PERCENTILE_COLUMNS[pair]) in ALL[run].values and column in made]
    assert len(compared) >= 28
    for column in compared:
        if run.startswith("0.9.0") and column.endswith("_itl_"):  # by another rule: see `differences`
            assert made[column] == pytest.approx(ALL[run].values[column], rel=0.06), column
        else:
            assert made[column] == pytest.approx(ALL[run].values[column], rel=1e-12), column


def test_intervals_of_one_release_have_percentiles_by_hazens_rule() -> None:
    intervals = sorted(
        one for row in all_rows(FILES / REPEAT) for one in row["metrics"]["inter_chunk_latency"]["value"]
    )
    assert len(intervals) == 144
    # P10 of 144 by Hazen is at 14.4 - 0.5 = 13.9, while by linear interpolation it is at 0.1 * 143 = 14.3
    expected = intervals[13] + 0.9 * (intervals[14] - intervals[13])
    assert at(REPEAT).values["10p_itl_"] == pytest.approx(expected / 1000)


def test_failed_requests_count_and_are_in_no_mean() -> None:
    ((run, given),) = readers.reader("aiperf").requests(str(FILES), f"{FLAKY}/{SUMMARY}", ())
    (part,) = given
    assert run == f"{FLAKY}/{SUMMARY}"
    assert (len(part.succeeded), sum(part.succeeded)) == (24, 20)
    failed = [place for place, one in enumerate(part.succeeded) if not one]
    assert all(math.isnan(part.latency[place]) and part.start[place] > 0 for place in failed)
    assert len(part.intervals) == sum(part.interval_counts)


def test_requests_of_the_warm_up_are_in_nothing(copied: Callable[..., Path]) -> None:
    before = at(FLAKY)

    def warm(lines: list[str]) -> list[str]:
        row = json.loads(lines[0])
        row["metadata"] |= {"benchmark_phase": "warmup", "request_start_ns": 1}
        return [json.dumps(row) + "\n", *lines]

    record = only(copied(change=warm))
    assert record.derived["recomputed"].values == before.derived["recomputed"].values
    assert record.derived["filled"].values == before.derived["filled"].values


# --- layouts, repeats, sweeps, aborted runs ------------------------------------------------------------------------


def test_means_of_several_runs_are_no_runs() -> None:
    folder = FILES / SWEPT.rpartition("/")[0]
    assert list(folder.rglob("*_aggregate.json"))
    assert list(folder.rglob("*_sweep.json"))
    assert list(records(folder)) == [f"concurrency_2/{SUMMARY}"]


def test_means_of_several_runs_are_no_runs_under_any_name(tmp_path: Path) -> None:
    for place, file in enumerate(FILES.rglob("*_[as]*e*.json")):
        if file.name != SUMMARY:
            shutil.copy(file, tmp_path / f"{place}.json")
    assert len(list(tmp_path.iterdir())) == 2
    assert records(tmp_path) == {}


def test_repeats_and_levels_have_one_config(tmp_path: Path) -> None:
    assert {at(REPEAT).values["config"], at(REPEAT.replace("0001", "0002")).values["config"]} == {
        "0.9.0/repeats/artifacts/mock-7b-openai-chat"
    }
    assert at(SWEPT).values["config"] == "0.13.0/concurrency_sweep/artifacts/mock-7b-openai-chat"
    trial = at("0.13.0/sweep_repeats/artifacts/mock-7b-openai-chat-concurrency1/profile_runs/trial_0001/concurrency_2")
    assert trial.values["config"] == "0.13.0/sweep_repeats/artifacts/mock-7b-openai-chat"
    stats = clean_tables(FILES / "0.9.0", {"tables": ["stats"]}, tmp_path)["summary_stats.csv"].decode()
    assert [line.split(",")[:2] for line in stats.splitlines()[1:]] == [["repeats/artifacts/mock-7b-openai-chat", "2"]]


def test_an_open_loop_has_a_rate_and_no_concurrency() -> None:
    record = at("0.13.0/rate/artifacts/mock-7b-openai-chat-request_rate10.0")
    assert record.values["rate"] == 10.0
    assert "parallel" not in record.values
    assert record.values["config"] == "0.13.0/rate/artifacts/mock-7b-openai-chat"
    assert record.arguments["arrival"] != at(FLAKY).arguments["arrival"]


def test_a_test_without_a_summary_is_incomplete() -> None:
    found = {run: record for run, record in ALL.items() if record.skipped}
    assert [run.split("/")[1] for run in found] == ["dead", "sweep_killed"]
    for record in found.values():
        (problem,) = record.problems
        assert (problem.code, problem.file) == ("incomplete", ROWS)
        assert "no summary" in problem.message


@pytest.mark.parametrize("values", [{"was_cancelled": True}, {"is_complete": False, "incomplete_reason": "stalled"}])
def test_a_test_that_was_stopped_is_incomplete_though_it_has_a_summary(
    copied: Callable[..., Path], values: dict[str, Any]
) -> None:
    record = only(copied(**values))
    assert record.skipped
    assert [problem.code for problem in record.problems] == ["incomplete"]


def test_a_prefix_renames_all_files_and_becomes_the_name(tmp_path: Path) -> None:
    shutil.copy(FILES / FLAKY / SUMMARY, tmp_path / "foo.json")
    shutil.copy(FILES / FLAKY / ROWS, tmp_path / "foo.jsonl")
    record = only(tmp_path)
    assert record.values["name"] == "foo"
    assert record.derived["recomputed"].values == at(FLAKY).derived["recomputed"].values


def test_rows_without_a_summary_are_told_by_what_they_hold(tmp_path: Path) -> None:
    shutil.copy(FILES / FLAKY / ROWS, tmp_path / "foo.jsonl")
    (tmp_path / "other.jsonl").write_text('{"metadata": {}, "metrics": {}}\n')
    (tmp_path / "empty.jsonl").touch()
    assert list(records(tmp_path)) == ["foo.jsonl"]


def test_rows_are_files_of_their_run() -> None:
    sources = discover(str(FILES / FLAKY)).sources
    assert set(sources[SUMMARY].signature) == {ROWS, SUMMARY}
    assert ROWS not in sources or sources[ROWS].readers == ("sglang",)


# --- versions, units, damage ---------------------------------------------------------------------------------------


def test_a_format_that_is_not_known_is_read_with_one_warning(copied: Callable[..., Path]) -> None:
    record = only(copied(schema_version="2.1", aiperf_version="1.0.0", request_latency=...))
    assert codes(record) == ["unknown-format"]
    assert "2.1" in record.problems[0].message
    assert record.values["ttft"] == 42.1725377 / 1000
    assert "latency" not in record.values
    assert record.values["tool_version"] == "1.0.0"


def test_units_are_read_and_not_taken_for_granted(copied: Callable[..., Path]) -> None:
    block = {"unit": "sec", "avg": 0.25, "p90": 0.5}
    strange = {"unit": "fortnights", "avg": 0.25}
    record = only(copied(request_latency=block, time_to_first_token=strange))
    assert (record.values["latency"], record.values["90p_latency_"]) == (0.25, 0.5)
    assert "ttft" not in record.values
    assert codes(record) == ["value-out-of-range"]


def test_embeddings_generate_nothing(copied: Callable[..., Path]) -> None:
    config = content(FLAKY)["input_config"] | {"endpoint": {"type": "embeddings"}}
    record = only(copied(input_config=config))
    for values in (record.values, record.derived["filled"].values, record.derived["recomputed"].values):
        assert not [name for name in values if BY_NAME[name].generation]
    assert record.values["latency"] == 179.7013059 / 1000
    assert "stream" not in record.values


def test_without_rows_nothing_can_be_recomputed(copied: Callable[..., Path]) -> None:
    root = copied()
    (root / ROWS).unlink()
    record = only(root)
    assert record.derived["recomputed"].values == record.derived["filled"].values == {}
    assert codes(record, "recomputed") == ["no-request-rows"]
    assert codes(record, "filled") == []
    assert record.values["ttft"] == 42.1725377 / 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-3],
        lambda lines: [*lines[:-1], lines[-1][:50]],
        lambda lines: [*lines, "[]\n"],
        lambda _: [],
    ],
    ids=["some are missing", "the last is cut off", "one is none", "all are missing"],
)
def test_rows_that_are_not_all_there_give_nothing(
    copied: Callable[..., Path], change: Callable[[list[str]], list[str]]
) -> None:
    record = only(copied(change=change))
    assert record.derived["filled"].values == record.derived["recomputed"].values == {}
    assert codes(record, "filled") == ["counts-disagree"]
    assert codes(record, "recomputed") == ["no-request-rows"]
    assert record.values["ttft"] == 42.1725377 / 1000, "the summary is as good as before"


def test_damaged_rows_give_no_exception_and_no_wrong_type(copied: Callable[..., Path]) -> None:
    root = copied()
    data = (root / ROWS).read_bytes()
    chance = random.Random(1)
    for _ in range(40):
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'0",}]-e\xff')
        (root / ROWS).write_bytes(damaged)
        for part in only(root).derived.values():
            for name, value in part.values.items():
                assert is_type(value, BY_NAME[name].type), name
                assert 0 <= value < math.inf, name


SILLY: tuple[Any, ...] = (None, True, -1, 1e400, 10**400, float("nan"), "", "sk-FAKEKEY", [], [None], {}, {"value": -1})


def test_silly_values_in_rows_are_left_out_and_never_quoted(copied: Callable[..., Path]) -> None:
    chance = random.Random(2)
    lines = (FILES / FLAKY / ROWS).read_text().splitlines()
    root = copied()
    for _ in range(40):
        made = [json.loads(line) for line in lines]
        for row in chance.sample(made, 3):
            place = chance.choice((row["metadata"], row["metrics"], *row["metrics"].values()))
            place[chance.choice(list(place))] = chance.choice(SILLY)
        (root / ROWS).write_text("\n".join(map(json.dumps, made)))
        record = only(root)
        for part in record.derived.values():
            assert "sk-FAKEKEY" not in str(part.problems)
            for name, value in part.values.items():
                assert is_type(value, BY_NAME[name].type), name
                assert 0 <= value < math.inf, name


def test_nothing_secret_of_the_configuration_is_taken(copied: Callable[..., Path]) -> None:
    config = content(FLAKY)["input_config"]
    config["endpoint"] |= {
        "urls": ["https://me:sk-FAKEKEY@host/v1"],
        "api_key": "sk-FAKEKEY",
        "headers": {"Authorization": "Bearer sk-FAKEKEY"},
        "extra": {"token": "sk-FAKEKEY"},
    }
    config["datasets"][0]["path"] = "https://me:sk-FAKEKEY@host/set.jsonl?key=sk-FAKEKEY"
    errors = [{"error_details": {"message": "wrong key sk-FAKEKEY"}, "count": 4}]
    record = only(
        copied(input_config=config, error_summary=errors, run_info={"cli_command": "aiperf --api-key sk-FAKEKEY"})
    )
    assert "sk-FAKEKEY" not in repr(record)
    assert record.values["dataset_file"] == "set.jsonl"
    assert record.arguments["extra"] != at(FLAKY).arguments["extra"]


# --- genai-perf -------------------------------------------------------------------------------------------------------

GENAI = "genai-perf-0.0.16/mock-7b-openai-chat-concurrency4/profile_export_genai_perf.json"
"""Written by genai-perf's own exporter, of the requests that AIPerf measured in fixtures/cross_check: its measuring
program is in no package."""


def test_a_run_of_genai_perf_gives_the_row_worked_out_by_hand() -> None:
    record = ALL[GENAI]
    common, reported = record.common.values, record.reported.values
    assert common == {
        "tool": "genai-perf",
        "run": GENAI,
        "config": "genai-perf-0.0.16/mock-7b-openai-chat",
        "model": "mock-7b",
        "parallel": 4,
        "number": 24,
        "api": "chat",
        "stream": True,
        "max_tokens": 24,
        "min_prompt_length": 32,
        "max_prompt_length": 32,
        "succeeded": 24,
        "requests": 24,
    }
    assert reported["time_taken"] == pytest.approx(24 / 19.401966869540907)
    assert reported["latency"] == pytest.approx(0.18401597716666665)
    assert reported["90p_latency_"] == pytest.approx(0.2244771088)
    assert reported["token_latency"] == pytest.approx(0.006892041291666666), "its inter-token latency is TPOT"
    assert "inter_token_latency" not in reported
    assert reported["total_throughput"] == pytest.approx((28.833333333 + 21.291666667) * 19.401966869540907)
    assert record.problems == []
    assert codes(record, "recomputed") == ["no-request-rows"]


def genai(tmp_path: Path, drop: tuple[str, ...] = (), **values: Any) -> Record | None:
    made = json.loads((FILES / GENAI).read_text()) | values
    (tmp_path / "any.json").write_text(json.dumps({key: value for key, value in made.items() if key not in drop}))
    return next(iter(records(tmp_path).values()), None)


def test_arguments_of_old_releases_of_genai_perf_are_flat_and_nothing_is_counted(tmp_path: Path) -> None:
    config = {
        "model": ["m"],
        "concurrency": None,
        "request_rate": 5.0,
        "endpoint_type": "completions",
        "streaming": True,
        "output_tokens_mean": 20,
        "output_tokens_stddev": 0,
        "synthetic_input_tokens_mean": 30,
        "synthetic_input_tokens_stddev": 2,
        "artifact_dir": "artifacts",
        "profile_export_file": "profile_export.json",
    }
    record = genai(tmp_path, ("request_count",), input_config=config)
    assert record
    values = record.common.values
    assert (values["model"], values["rate"], values["max_tokens"]) == ("m", 5.0, 20)
    assert (values["api"], values["stream"], values["name"]) == ("completions", True, "any")
    assert not values.keys() & {"parallel", "requests", "failed", "min_prompt_length", "timestamp"}
    assert record.reported.values["ttft"] == pytest.approx(0.043990197375)


def test_metrics_without_what_genai_perf_was_asked_are_nobodys(tmp_path: Path) -> None:
    assert genai(tmp_path, input_config={"model": "x"}) is None
    assert genai(tmp_path, ("input_config",)) is None
    assert genai(tmp_path, aggregation_type="confidence") is None
    assert genai(tmp_path, ("request_latency",)) is None
