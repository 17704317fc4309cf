"""Results of GuideLLM: cells worked out by hand from its files, and what its files are traps for.

The fixtures are files of real runs. All but that of 0.3.1/single are without texts of prompts and replies, counts of
images, sounds and videos, tracebacks, and, most of them, statistics of requests that failed."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import records
from evalscope_summary import readers
from evalscope_summary.columns import PERCENTILE_COLUMNS
from evalscope_summary.layouts import raw_columns
from evalscope_summary.readers.cells import is_type
from evalscope_summary.record import Record
from evalscope_summary.settings import complete

FILES = Path(__file__).parent / "fixtures" / "tools" / "guidellm"
ALL = records(FILES)
COMPLETE = [run for run in ALL if not any(scenario in run for scenario in ("sampled", "warmup", "dead"))]
LABELS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)


def content(scenario: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FILES / scenario / "benchmarks.json").read_text())
    return found


def one(run: str) -> dict[str, Any]:
    """The benchmark of a run."""
    path, _, index = run.partition("#")
    found: dict[str, Any] = content(path.removesuffix("/benchmarks.json"))["benchmarks"][int(index)]
    return found


def run_of(scenario: str, index: int = 0) -> Record:
    return ALL[f"{scenario}/benchmarks.json#{index}"]


def codes(record: Record) -> list[str]:
    return [problem.code for part in (record.common, record.reported) for problem in part.problems]


def read(root: Path, made: Any, name: str = "benchmarks.json") -> dict[str, Record]:
    (root / name).write_text(json.dumps(made))
    return records(root)


def changed(root: Path, scenario: str, changes: dict[str, Any]) -> Record:
    """The first run of a file with some other values, by their paths from the benchmark; `...` removes a key."""
    made = content(scenario)
    for path, value in changes.items():
        *steps, last = path.split(".")
        place = (
            made if steps and steps[0] in ("metadata", "args", "config") and path[0] != "c" else made["benchmarks"][0]
        )
        if steps and steps[0] == "report":
            place, steps = made, steps[1:]
        for step in steps:
            place = place[int(step) if step.isdigit() else step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return next(iter(read(root, made).values()))


def percentiles(metric: str, values: tuple[float, ...], divisor: float = 1) -> dict[str, float]:
    """Columns of a metric's minimum, P1 to P99, and maximum."""
    return {PERCENTILE_COLUMNS[label, metric]: v / divisor for label, v in zip(LABELS, values, strict=True)}


# --- by hand -------------------------------------------------------------------------------------------------------


def test_a_run_of_the_oldest_format_gives_the_row_worked_out_by_hand() -> None:
    record = run_of("0.3.1/single")
    # output_tokens of its 12 rows: 14 + 6 * 24 + 10 + 24 + 13 + 2 * 24 = 253
    # prompt_tokens: 20 + 22 + 25 + 17 + 21 + 21 + 23 + 20 + 21 + 20 + 19 + 22 = 251
    seconds = 1795553953.7990355 - 1795553952.3998265
    assert seconds == pytest.approx(1.3992090225219727, rel=1e-6)
    first, last = 31.319141387939453, 578.3276557922363
    assert record.values == {
        "timestamp": "20261124_205912",  # date -u -d @1795553952
        "config": "0.3.1/single",
        "model": "mock-7b",
        "parallel": 4,
        "max_tokens": 24,
        "min_prompt_length": 32,
        "max_prompt_length": 32,
        "number": 12,
        "api": "openai_http",
        "dataset": "synthetic_text",  # prompt_tokens=32,output_tokens=24
        "stream": True,
        "requests": 12,
        "succeeded": 12,
        "failed": 0,
        "time_taken": 1.3992090225219727,
        "request_throughput": 8.576274028286976,  # 12 / 1.3992
        "output_throughput": 253 / 1.3992090225219727,
        "total_throughput": (253 + 251) / 1.3992090225219727,
        "latency": 0.302984337011973,
        "ttft": 144.7652777036031 / 1000,
        "token_latency": 7.82408259221627 / 1000,
        "input_tokens": 20.916666666666668,  # 251 / 12
        "output_tokens": 21.083333333333332,  # 253 / 12
        **percentiles(
            "ttft",
            (
                first,
                first,
                first,
                42.07491874694824,
                54.66103553771973,
                115.7069206237793,
                154.8926830291748,
                175.60243606567383,
                last,
                last,
                last,
            ),
            1000,
        ),
        **percentiles(
            "tpot",
            (
                5.6976546411928926,
                5.6976546411928926,
                5.6976546411928926,
                6.548487621804942,
                6.712498872176461,
                7.819870243901792,
                8.594274520874023,
                9.429613749186197,
                10.073267895242441,
                10.073267895242441,
                10.073267895242441,
            ),
            1000,
        ),
        **percentiles(
            "latency",
            (
                0.14470505714416504,
                0.14470505714416504,
                0.14470505714416504,
                0.17454957962036133,
                0.19467854499816895,
                0.3003361225128174,
                0.30997419357299805,
                0.33019328117370605,
                0.810211181640625,
                0.810211181640625,
                0.810211181640625,
            ),
        ),
        **percentiles("input_tokens", (17, 17, 17, 19, 20, 21, 22, 23, 25, 25, 25)),
        **percentiles("output_tokens", (10, 10, 10, 13, 14, 24, 24, 24, 24, 24, 24)),
        "run": "0.3.1/single/benchmarks.json#0",
        "tool": "guidellm",
    }
    (problem,) = record.reported.problems
    assert problem.code == "corrected-throughput"
    assert "output_throughput 180.1017545940265, total_throughput 359.48881968569583" in problem.message


def test_rates_of_0_4_0_are_corrected_as_worked_out_by_hand() -> None:
    record = run_of("0.4.0/single")
    # output_tokens: 24 + 24 + 24 + 24 + 11 + 13 + 18 + 24 + 24 + 24 + 23 + 24 = 257
    # prompt_tokens: 16 + 19 + 18 + 20 + 18 + 16 + 17 + 17 + 16 + 20 + 19 + 19 = 215
    known, seconds = record.values, 0.8072428703308105
    assert known["time_taken"] == seconds
    assert known["output_throughput"] == 257 / seconds  # 318.4; it had written 365.3, which is 14.7 % more
    assert known["total_throughput"] == (257 + 215) / seconds
    assert known["input_throughput"] == 215 / seconds
    assert known["request_throughput"] == 14.86541466149136  # 12 / 0.80724
    (problem,) = record.reported.problems
    assert problem.code == "corrected-throughput"
    assert "output_throughput 365.29199437864315, total_throughput 670.8864643841229" in problem.message
    assert "input_throughput 422.5206967237118" in problem.message
    assert (known["timestamp"], known["model"], known["number"]) == ("20261124_211421", "mock-7b", 12)
    assert (known["parallel"], known["api"], known["max_tokens"]) == (4, "openai_http", 24)
    assert (known["ttft"], known["90p_ttft_"]) == (55.553615093231194 / 1000, 78.369140625 / 1000)
    assert "tool_version" not in known, "no file says it before 0.5.4"


def test_a_run_of_the_newest_format_gives_the_row_worked_out_by_hand() -> None:
    known = run_of("0.8.1/rate_constant", 1).values
    expected = {
        "tool_version": "0.8.1",
        "name": "gpu=H100,exp=a",  # --label gpu=H100 --label exp=a
        "config": "0.8.1/rate_constant",
        "timestamp": "20261124_205243",  # date -u -d @1795553563
        "model": "mock-7b",
        "rate": 20.0,
        "number": 6,
        "dataset": "synthetic_text",
        "max_tokens": 24,
        "requests": 6,
        "time_taken": 0.46865391731262207,
        "request_throughput": 12.802624235823076,  # 6 / 0.46865
        "output_throughput": 256.05248471646155,  # 120 / 0.46865
        "input_throughput": 230.44723624481543,  # 108 / 0.46865
        "total_throughput": 486.499720961277,
        "latency": 0.20772254467010495,
        "ttft": 42.370518048604325 / 1000,
        "token_latency": 8.655516724837453 / 1000,
        "output_tokens": 20.0,
    }
    assert expected.items() <= known.items()
    assert {"parallel", "inter_token_latency", "99p_itl_"}.isdisjoint(known), "10240 streams are no limit"
    assert codes(run_of("0.8.1/rate_constant", 1)) == []


# --- loads ---------------------------------------------------------------------------------------------------------


def test_a_sweep_is_a_run_for_each_of_its_loads() -> None:
    sweep = [run_of("0.8.1/sweep_sampled", index).values for index in range(4)]
    assert [(each.get("parallel"), each.get("rate")) for each in sweep] == [
        (1, None),  # synchronous
        (None, None),  # throughput, with 512 streams at most
        (None, 42.92447138576173),
        (None, 80.34894277152345),
    ]
    assert len({record.fingerprint for record in ALL.values()}) == len(ALL), "none is a copy of another"
    assert len({tuple(run_of("0.8.1/sweep_sampled", index).arguments.items()) for index in range(4)}) == 3


def test_requests_that_the_end_cut_off_are_neither_succeeded_nor_failed() -> None:
    assert one("0.8.1/sweep_sampled/benchmarks.json#2")["metrics"]["request_totals"]["incomplete"] == 6
    record = run_of("0.8.1/sweep_sampled", 2)
    assert [record.values[name] for name in ("requests", "succeeded", "failed")] == [78, 78, 0]
    assert codes(record) == []


@pytest.mark.parametrize(("scenario", "failed", "succeeded"), [("0.3.1/flaky", 5, 19), ("0.8.1/flaky", 2, 22)])
def test_requests_that_failed_have_no_part_in_latencies(scenario: str, failed: int, succeeded: int) -> None:
    record = run_of(scenario)
    assert [record.values[name] for name in ("requests", "succeeded", "failed")] == [24, succeeded, failed]
    rows = one(record.run)["requests"]["successful"]
    mean = sum(row["request_latency"] for row in rows) / succeeded
    assert record.values["latency"] == pytest.approx(mean, rel=1e-12)
    assert record.values["request_throughput"] == pytest.approx(succeeded / record.values["time_taken"], rel=1e-12)


def test_a_run_without_a_success_has_counts_alone() -> None:
    record = run_of("0.8.1/dead")
    assert codes(record) == ["no-successful-requests"]
    assert record.values["failed"] == 8
    assert {"latency", "ttft", "output_throughput", "99p_ttft_", "output_tokens"}.isdisjoint(record.values)
    assert record.values["time_taken"] == 0.0996243953704834


def test_a_file_of_a_test_that_came_to_no_benchmark_is_incomplete(tmp_path: Path) -> None:
    (record,) = read(tmp_path, content("0.8.1/dead") | {"benchmarks": []}).values()
    assert [(problem.severity, problem.code) for problem in record.problems] == [("skipped", "incomplete")]


def test_a_benchmark_without_metrics_is_incomplete_beside_one_that_has_them(tmp_path: Path) -> None:
    made = content("0.8.1/rate_constant")
    del made["benchmarks"][0]["metrics"]
    first, second = read(tmp_path, made).values()
    assert (first.run, codes(first)) == ("benchmarks.json#0", ["incomplete"])
    assert (second.run, codes(second)) == ("benchmarks.json#1", [])


# --- versions ------------------------------------------------------------------------------------------------------


def test_a_format_that_is_not_known_is_read_with_one_warning(tmp_path: Path) -> None:
    made = content("0.8.1/rate_constant")
    made["metadata"] |= {"version": 3, "guidellm_version": "1.0.0"}
    first, second = read(tmp_path, made).values()
    assert (codes(first), codes(second)) == (["unknown-format"], [])
    assert first.values["tool_version"] == "1.0.0"
    assert first.values["latency"] == run_of("0.8.1/rate_constant").values["latency"]


def test_a_benchmark_of_a_kind_that_is_not_known_is_a_problem_of_this_tool_alone(tmp_path: Path) -> None:
    made = content("0.8.1/dead")
    made["benchmarks"] = [{"type_": "embeddings_benchmark", "metrics": {}}]
    (record,) = read(tmp_path, made).values()
    assert codes(record) == ["unknown-format"]
    del made["metadata"]
    assert read(tmp_path, made) == {}


@pytest.mark.parametrize(
    ("version", "corrected"),
    [("0.6.1", True), ("0.7.3", True), ("0.7.4", False), ("0.10.0", False), ("0.7.0.dev3+g12", True), ("x", False)],
)
def test_rates_are_corrected_of_releases_that_have_them_wrong(tmp_path: Path, version: str, corrected: bool) -> None:
    made = content("0.4.0/single")
    (record,) = read(tmp_path, {"metadata": {"version": 1, "guidellm_version": version}} | made).values()
    assert codes(record) == (["corrected-throughput"] if corrected else [])
    assert record.values["output_throughput"] == (257 / 0.8072428703308105 if corrected else 365.29199437864315)


def test_rates_of_a_run_with_a_warm_up_that_are_wrong_are_empty(tmp_path: Path) -> None:
    made = content("0.8.1/warmup")
    made["metadata"]["guidellm_version"] = "0.6.1"
    (record,) = read(tmp_path, made).values()
    assert {"output_throughput", "total_throughput", "input_throughput"}.isdisjoint(record.values)
    assert record.values["request_throughput"] == 15.958366672640157
    (problem,) = record.reported.problems
    assert problem.code == "corrected-throughput"
    assert "output_throughput 357.4674134671395" in problem.message


# --- labels --------------------------------------------------------------------------------------------------------


def test_a_file_that_somebody_named_gives_its_runs_the_name(tmp_path: Path) -> None:
    (record,) = read(tmp_path, content("0.3.1/single"), "night.json").values()
    assert record.values["name"] == "night"
    assert "name" not in run_of("0.3.1/single").values


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        ("prompt_tokens=10,output_tokens=20,output_tokens_min=5,output_tokens_max=30", (10, 10, 30, 5, None)),
        ('{"prompt_tokens": 10, "prompt_tokens_stdev": 3, "output_tokens": 20}', (None, None, 20, None, None)),
        ("https://me:sk-FAKEKEY@host/data/chats.json?token=sk-FAKEKEY", (None, None, None, None, "chats.json")),
        ('[{"prompt": "x"}]', (None, None, None, None, None)),
    ],
)
def test_what_is_said_of_the_data_set_is_labels(tmp_path: Path, data: str, labels: tuple[Any, ...]) -> None:
    record = changed(tmp_path, "0.3.1/single", {"request_loader.data": data})
    names = ("min_prompt_length", "max_prompt_length", "max_tokens", "max_tokens_low", "dataset_file")
    assert tuple(record.values.get(name) for name in names) == labels
    assert "FAKEKEY" not in repr(record)


@pytest.mark.parametrize(
    ("path", "value", "names"),
    [
        ("config.strategy.type_", "poisson", {"strategy"}),
        ("config.strategy.rampup_duration", 2.0, {"rampup_duration"}),
        ("config.warmup", {"percent": 0.1, "value": None}, {"warmup"}),
        ("config.backend.request_format", "/v1/completions", {"request_format"}),
        ("report.config.spec.data.0.prompt_tokens_stdev", 4, {"data"}),
        ("config.strategy.rampup_duration", None, set()),
        ("report.config.spec.data.0.load_kwargs", ..., set()),
        ("config.constraints.max_requests.current_index", 9, set()),
    ],
)
def test_what_changes_the_load_and_is_in_no_label_sets_runs_apart(
    tmp_path: Path, path: str, value: Any, names: set[str]
) -> None:
    before = run_of("0.8.1/rate_constant").arguments
    after = changed(tmp_path, "0.8.1/rate_constant", {path: value}).arguments
    assert {name for name in before if before[name] != after[name]} == names
    assert before.keys() == readers.reader("guidellm").workload_arguments.keys()


def test_the_same_load_is_the_same_in_all_formats() -> None:
    old, new = run_of("0.4.0/single").arguments, run_of("0.8.1/flaky").arguments
    assert {name for name in old if old[name] != new[name]} == set()


def test_an_api_key_stays_where_it_is(tmp_path: Path) -> None:
    record = changed(tmp_path, "0.8.1/flaky", {"config.backend.api_key": "sk-FAKEKEY-0123"})
    assert "FAKEKEY" not in repr(record)


def test_a_label_that_may_be_a_secret_is_not_in_the_name(tmp_path: Path) -> None:
    given = {"gpu": "H100", "api_key": "sk-FAKEKEY", "at": "http://me:sk-FAKEKEY@host"}
    record = changed(tmp_path, "0.8.1/rate_constant", {"report.config.metadata.labels": given})
    assert record.values["name"] == "gpu=H100"
    assert "FAKEKEY" not in repr(record)


def test_arguments_that_are_nested_without_end_do_no_harm(tmp_path: Path) -> None:
    text = json.dumps(content("0.8.1/dead")).replace('"warmup": {', '"warmup": {"x": ' + "[" * 900 + "]" * 900 + ", ")
    (tmp_path / "benchmarks.json").write_text(text)
    (record,) = records(tmp_path).values()
    assert codes(record) == ["no-successful-requests"]


# --- request rows --------------------------------------------------------------------------------------------------


def by_numpy(values: list[tuple[float, int]], percent: int) -> float:
    """As the source of 0.3.1 has it: `cdf[np.argmax(cdf[:, 1] >= 0.95), 0]`."""
    ordered, weights = np.array(sorted(values)).T
    return float(ordered[np.argmax(np.cumsum(weights / weights.sum()) >= percent / 100)])


@pytest.mark.parametrize("run", COMPLETE)
def test_its_percentiles_are_those_of_its_rows_by_the_rule_that_fills_in_the_others(run: str) -> None:
    record, rows = ALL[run], one(run)["requests"]["successful"]
    given = {
        "ttft": [(row["time_to_first_token_ms"] / 1000, 1) for row in rows],
        "latency": [(row["request_latency"], 1) for row in rows],
        "tpot": [(row["inter_token_latency_ms"] / 1000, row["output_tokens"] - 1) for row in rows],
        "output": [(row["output_tokens"] / row["request_latency"], 1) for row in rows],
    }
    made = record.derived["filled"].values
    assert made.keys().isdisjoint(record.values)
    for metric, values in given.items():
        for percent in (10, 25, 50, 66, 75, 80, 90, 95, 98, 99):
            column = PERCENTILE_COLUMNS[percent, metric]
            in_file = percent not in (66, 80, 98) and metric != "output"
            assert (record.values if in_file else made)[column] == by_numpy(values, percent), column
    totals = [made[f"{p}p_total_(tok/s)"] for p in (10, 25, 50, 66, 75, 80, 90, 95, 98, 99)]
    assert totals == sorted(totals)


@pytest.mark.parametrize("run", COMPLETE)
def test_what_is_recomputed_is_what_it_reports_where_both_define_the_same(run: str) -> None:
    record = ALL[run]
    made, known, benchmark = record.derived["recomputed"].values, record.values, one(run)
    rows = benchmark["requests"]["successful"]
    for name in ("latency", "ttft", "input_tokens", "output_tokens"):
        assert made[name] == pytest.approx(known[name], rel=1e-9), name
    means = [
        (row["request_latency"] - row["time_to_first_token_ms"] / 1000) / (row["output_tokens"] - 1) for row in rows
    ]
    assert made["token_latency"] == pytest.approx(sum(means) / len(means))
    assert "inter_token_latency" not in made
    # it measures from when it starts; the first request is sent a little later
    assert 0.9 < made["time_taken"] / known["time_taken"] <= 1.001
    tokens = sum(row["output_tokens"] for row in rows)
    assert made["output_throughput"] == pytest.approx(tokens / made["time_taken"])


@pytest.mark.parametrize("scenario", ["0.8.1/sweep_sampled", "0.8.1/warmup"])
def test_rows_that_are_not_those_of_the_measured_time_are_not_taken(scenario: str) -> None:
    record = run_of(scenario)
    part = record.derived["recomputed"]
    assert part.values == {}
    (problem,) = part.problems
    assert problem.code == "no-request-rows"
    assert ("11 requests" in problem.message) == ("sampled" in scenario)
    assert record.derived["filled"].values == {}
    assert list(readers.reader("guidellm").requests(str(FILES), f"{scenario}/benchmarks.json", ())) == []


def test_rows_with_a_warm_up_are_not_taken_even_if_they_are_as_many(tmp_path: Path) -> None:
    record = changed(tmp_path, "0.8.1/flaky", {"warmup_duration": 0.5})
    (problem,) = record.derived["recomputed"].problems
    assert "warm-up" in problem.message


def test_the_rows_of_a_run_are_its_requests() -> None:
    ((run, given),) = readers.reader("guidellm").requests(str(FILES), "0.3.1/flaky/benchmarks.json", ())
    (part,) = given
    assert run == run_of("0.3.1/flaky").run
    assert (len(part.start), sum(part.succeeded)) == (24, 19)
    assert all(math.isnan(value) for value in part.latency[19:]), "of one that failed, only start and end count"
    assert all(0 < end - start < 1 for start, end in zip(part.start, part.end, strict=True))


@pytest.mark.parametrize("record", ALL.values(), ids=ALL.keys())
def test_every_cell_is_of_its_columns_type(record: Record) -> None:
    types = {column.name: column.type for column in raw_columns(complete({"columns": "all"}))}
    for part in (record.common, record.reported, *record.derived.values()):
        for name, value in part.values.items():
            assert is_type(value, types[name]), name
