"""AgentX scenarios of evalscope: cells worked out by hand from the files of a level, and what they are traps for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import records
from evalscope_summary import readers
from evalscope_summary.record import Record

FILES = Path(__file__).parent / "fixtures" / "tools" / "agentx" / "1.14.1"
LEVEL = "smoke_sweep/20261124_194440/mock-7b/agentx_256k/parallel_2"
SUMMARY = "agentx_summary.json"
ROWS = "aiperf/profile_export.jsonl"

ALL = records(FILES)
RUN = ALL[f"{LEVEL}/{SUMMARY}"]


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    """Copies the level, whose summary then has some other values."""

    def copy(folder: str = "20261124_194440/mock-7b/agentx_256k/parallel_2", **values: Any) -> Path:
        target = tmp_path / "results" / folder
        shutil.copytree(FILES / LEVEL, target)
        made = json.loads((target / SUMMARY).read_text()) | values
        (target / SUMMARY).write_text(json.dumps(made))
        return tmp_path / "results"

    return copy


def only(root: Path) -> Record:
    (record,) = records(root).values()
    return record


def codes(record: Record) -> list[str]:
    return [problem.code for part in (record.common, *record.derived.values()) for problem in part.problems]


def test_a_level_gives_the_row_worked_out_by_hand() -> None:
    reported = {name: value for name, value in RUN.values.items() if not name[0].isdigit()}
    assert reported == {
        "timestamp": "20261124_194440",
        "config": "smoke_sweep",
        "model": "mock-7b",
        "api": "chat",
        "parallel": 2,
        "dataset": "agentx_256k",
        "dataset_file": "traces.jsonl",
        "stream": True,
        "succeeded": 59,
        "failed": 0,  # no error_request_count
        "requests": 59,
        # 59 / 4.916147303562213; `duration` is the 12 s that were asked for, `benchmark_duration` 11.794
        "time_taken": pytest.approx(12.001267732),
        "output_throughput": 106.98869725040477,
        "total_throughput": 1612.6629646295437,
        "request_throughput": 4.916147303562213,
        "input_throughput": 1505.6742673791389,
        "latency": 178.5230724576271 / 1000,
        "ttft": 43.099759593220334 / 1000,
        "token_latency": 6.495204537416045 / 1000,  # inter_token_latency
        "inter_token_latency": 6.5224289461224485 / 1000,  # inter_chunk_latency
        "input_tokens": 306.271186440678,
        "output_tokens": 21.76271186440678,
        "cache_hit_rate": 49.900387382401775,
        "run": f"{LEVEL}/{SUMMARY}",
        "tool": "aiperf",
        "tool_version": "0.12.0",
    }
    assert codes(RUN) == []


def test_rows_of_the_warm_up_are_in_nothing() -> None:
    rows = [json.loads(line) for line in (FILES / LEVEL / ROWS).read_text().splitlines()]
    assert [row["metadata"]["benchmark_phase"] for row in rows].count("warmup") == 2
    ((_, given),) = readers.reader("agentx").requests(str(FILES), f"{LEVEL}/{SUMMARY}", ())
    assert sum(len(part.start) for part in given) == 59
    made = RUN.derived["recomputed"].values
    for column in ("latency", "ttft", "token_latency", "inter_token_latency", "input_tokens", "output_tokens"):
        assert made[column] == pytest.approx(RUN.values[column], rel=1e-12), column
    assert made["time_taken"] == pytest.approx(11.7947585, abs=1e-6), "from the first request to the last response"


def test_a_level_is_one_run_and_not_aiperfs_again() -> None:
    assert (FILES / LEVEL / "aiperf" / "profile_export_aiperf.json").is_file()
    assert [run for run in ALL if run.startswith("smoke_sweep")] == [f"{LEVEL}/{SUMMARY}"]


def test_the_folder_of_aiperf_alone_is_the_same_run(tmp_path: Path) -> None:
    shutil.copytree(FILES / LEVEL / "aiperf", tmp_path / "aiperf")
    record = only(tmp_path)
    same = RUN.values.keys() - {"run", "timestamp", "config", "dataset", "dataset_file"}
    assert {name: record.values.get(name) for name in same} == {name: RUN.values[name] for name in same}
    assert record.derived["recomputed"].values == RUN.derived["recomputed"].values


@pytest.mark.parametrize("scenario", ["failed", "warmup_failed"])
def test_a_level_that_failed_is_incomplete(scenario: str) -> None:
    (record,) = (record for run, record in ALL.items() if run.startswith(f"{scenario}/"))
    assert record.skipped
    assert codes(record) == ["incomplete"]


def test_a_level_that_was_cancelled_is_incomplete(copied: Callable[..., Path]) -> None:
    assert codes(only(copied(status="cancelled"))) == ["incomplete"]


def test_a_state_that_is_not_known_is_no_run(copied: Callable[..., Path]) -> None:
    assert codes(only(copied(status="paused"))) == ["unknown-format"]


def test_a_name_is_the_folder_that_is_not_the_models(copied: Callable[..., Path]) -> None:
    record = only(copied("20261124_194440/agx/agentx_full/parallel_2"))
    assert (record.values["name"], record.values["config"]) == ("agx", "agx")
    assert "name" not in RUN.values


def test_a_summary_alone_has_all_that_was_reported(copied: Callable[..., Path]) -> None:
    root = copied()
    shutil.rmtree(next(root.rglob("aiperf")))
    record = only(root)
    assert record.values["ttft"] == RUN.values["ttft"]
    assert codes(record) == ["no-request-rows"]


def test_a_format_that_is_not_known_is_read_with_one_warning(copied: Callable[..., Path]) -> None:
    record = only(copied(schema_version="2.0"))
    assert codes(record) == ["unknown-format"]
    assert record.values["ttft"] == RUN.values["ttft"]


def test_nothing_secret_of_the_command_is_taken(copied: Callable[..., Path]) -> None:
    command = [
        "python",
        "--url",
        "http://me:sk-FAKEKEY@host",
        "--api-key",
        "sk-FAKEKEY",
        "--model",
        "mock-7b",
        "--model",
    ]
    record = only(copied(command=command, error_summary=[{"message": "sk-FAKEKEY"}]))
    assert "sk-FAKEKEY" not in repr(record)
    assert record.values["model"] == "mock-7b"
