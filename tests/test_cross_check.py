"""One load, measured by every tool: the same replies, so that what the tools mean by a metric shows, and what is
recomputed from the request rows of each is the same quantity."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CHECKOUT, records

ROOT = Path(__file__).parent / "fixtures" / "cross_check"
RECORDS = {run.partition("/")[0]: record for run, record in records(ROOT).items()}
TOOLS = sorted(RECORDS)


def reported(tool: str) -> dict[str, Any]:
    record = RECORDS[tool]
    return {**record.derived["filled"].values, **record.reported.values, **record.common.values}


def recomputed(tool: str) -> dict[str, Any]:
    return {**RECORDS[tool].derived["recomputed"].values, **RECORDS[tool].common.values}


def requests(tool: str) -> list[tuple[float, float, list[float], int]]:
    """Latency, TTFT, intervals (seconds) and output tokens of each request, straight from the tool's files."""
    folder = ROOT / tool
    if tool == "evalscope":
        with sqlite3.connect(next(folder.rglob("*.db"))) as database:
            rows = database.execute(
                "SELECT latency, first_chunk_latency, inter_token_latencies, completion_tokens FROM result"
            ).fetchall()
        return [(latency, first, json.loads(intervals), tokens) for latency, first, intervals, tokens in rows]
    if tool == "aiperf":
        lines = [json.loads(line)["metrics"] for line in (folder / "profile_export.jsonl").open()]
        return [
            (
                line["request_latency"]["value"] / 1000,
                line["time_to_first_token"]["value"] / 1000,
                [value / 1000 for value in line["inter_chunk_latency"]["value"]],
                line["output_sequence_length"]["value"],
            )
            for line in lines
        ]
    if tool == "guidellm":
        rows = json.loads((folder / "benchmarks.json").read_text())["benchmarks"][0]["requests"]["successful"]
        return [
            (row["request_latency"], row["time_to_first_token_ms"] / 1000, [], row["output_tokens"]) for row in rows
        ]
    run = json.loads(next(folder.glob("*.json*")).read_text())
    latencies = run.get("latencies") or [t + sum(own) for t, own in zip(run["ttfts"], run["itls"], strict=True)]
    return list(zip(latencies, run["ttfts"], run["itls"], run["output_lens"], strict=True))


def test_every_tool_measured_the_same_replies() -> None:
    assert TOOLS == ["aiperf", "evalscope", "guidellm", "sglang", "sglang_usage", "vllm"]
    lengths = {tool: sorted(tokens for *_, tokens in requests(tool)) for tool in TOOLS if tool != "sglang"}
    assert all(own == lengths["evalscope"] for own in lengths.values())
    assert {row[3] for row in requests("sglang")} == {24}, "which counts what was asked for"
    assert all(record.common.values["requests"] == 24 and not record.skipped for record in RECORDS.values())


@pytest.mark.parametrize("tool", TOOLS)
def test_what_is_recomputed_is_what_numpy_makes_of_the_tools_rows(tool: str) -> None:
    rows, made = requests(tool), recomputed(tool)
    latencies, firsts = ([row[i] for row in rows] for i in (0, 1))
    assert made["latency"] == pytest.approx(np.mean(latencies), rel=1e-6)
    assert made["ttft"] == pytest.approx(np.mean(firsts), rel=1e-6)
    assert made["50p_ttft_"] == pytest.approx(sorted(firsts)[11], rel=1e-6), "nearest rank"
    assert made["99p_latency_"] == pytest.approx(max(latencies), rel=1e-6)
    intervals = [interval for row in rows for interval in row[2]]
    assert made.get("inter_token_latency") == (pytest.approx(np.mean(intervals), rel=1e-6) if intervals else None)
    own = [(latency - first) / (tokens - 1) for latency, first, _, tokens in rows if tokens > 1]
    assert made.get("token_latency") == (pytest.approx(np.mean(own), rel=1e-6) if tool != "sglang" else None)


@pytest.mark.parametrize("tool", ["aiperf", "evalscope", "sglang_usage", "vllm"])
def test_tpot_and_itl_of_these_tools_are_the_same_quantities(tool: str) -> None:
    for column in ("token_latency", "inter_token_latency", "ttft"):
        assert reported(tool)[column] == pytest.approx(recomputed(tool)[column], rel=2e-2), column


def test_only_one_run_has_a_problem_and_it_is_the_requested_tokens() -> None:
    told = {tool: sorted({problem.code for problem in record.common.problems}) for tool, record in RECORDS.items()}
    assert {tool: codes for tool, codes in told.items() if codes} == {"sglang": ["requested-tokens"]}
    assert reported("sglang")["output_tokens"] == 24
    assert reported("sglang")["token_latency"] < reported("sglang")["inter_token_latency"]


def test_the_page_names_the_files_that_are_there() -> None:
    page = (CHECKOUT / "docs" / "cross-check.md").read_text("utf-8")
    for tool in TOOLS:
        assert page.count(f"| `{tool}` ") == 2, "in the heads of both tables"
