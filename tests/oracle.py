"""`metrics: recomputed` worked out a second time: plain Python, written from the definitions alone, by somebody who
did not look at the code that it checks. Lists and sums, no numpy, nothing clever."""

import itertools
import json
import math
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path
from typing import Any

LABELS = (1, 5, 10, 25, 50, 66, 75, 80, 90, 95, 98, 99, 0, 100)
WANTED = (
    *("success", "start_time", "completed_time", "latency", "first_chunk_latency", "prompt_tokens"),
    *("completion_tokens", "is_stream", "inter_token_latencies", "chunk_times"),
)


def read_rows(run: Path) -> list[dict[str, Any]]:
    """All request rows, without the columns that the release does not have."""
    with closing(sqlite3.connect(run / "benchmark_data.db")) as connection:
        there = {row[1] for row in connection.execute("PRAGMA table_info(result)")}
        names = [name for name in WANTED if name in there]
        rows = connection.execute(f"SELECT {', '.join(names)} FROM result").fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def number(value: Any) -> float | None:
    """A value that can be a time or a count, else None."""
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    return None


def intervals(row: dict[str, Any]) -> list[float]:
    """The intervals between the chunks of one reply."""
    if "inter_token_latencies" in row:
        return [float(value) for value in json.loads(row["inter_token_latencies"] or "[]")]
    times = json.loads(row["chunk_times"] or "[]")
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def percentile(values: list[float], label: int) -> float:
    """The nearest rank."""
    return sorted(values)[max(math.ceil(len(values) * label / 100), 1) - 1]


def recomputed(run: Path) -> dict[str, float]:
    """The performance cells of a run; empty ones are left out."""
    args = json.loads((run / "benchmark_args.json").read_bytes())
    rows = read_rows(run)
    result: dict[str, float] = {}

    starts = [start for row in rows if (start := number(row.get("start_time")))]
    ends = [end for row in rows if (end := number(row.get("completed_time")))]
    time_taken = max(ends) - min(starts) if starts and ends else 0.0
    if time_taken > 0:
        result["time_taken"] = time_taken
    succeeded = [row for row in rows if row.get("success") in (1, "True")]
    if not succeeded:
        return result

    latencies, ttfts, tpots, itls = [], [], [], []
    inputs, outputs, totals = [], [], []
    input_speeds, output_speeds, total_speeds = [], [], []
    for row in succeeded:
        latency, ttft = number(row.get("latency")), number(row.get("first_chunk_latency"))
        prompt, completion = number(row.get("prompt_tokens")), number(row.get("completion_tokens"))
        streamed = row["is_stream"] == 1 if "is_stream" in row else args.get("stream") is True
        if latency is not None:
            latencies.append(latency)
        if prompt is not None:
            inputs.append(prompt)
            if latency:
                input_speeds.append(prompt / latency)
        if completion is not None:
            outputs.append(completion)
            if latency:
                output_speeds.append(completion / latency)
        if prompt is not None and completion is not None:
            totals.append(prompt + completion)
            if latency:
                total_speeds.append((prompt + completion) / latency)
        if streamed and ttft is not None:
            if ttft > 0:
                ttfts.append(ttft)
            if latency is not None and completion is not None and completion > 1 and latency > ttft:
                tpots.append((latency - ttft) / (completion - 1))
        itls.extend(intervals(row))

    api = args.get("api") or ""
    averages = {"latency": latencies, "input_tokens": inputs}
    lists = {"latency_": latencies, "input_tokens": inputs, "input_(tok/s)": input_speeds}
    sums = {"input_throughput": inputs}
    if "embedding" not in api and "rerank" not in api and api not in ("systemone", "autotrust"):
        averages |= {"ttft": ttfts, "token_latency": tpots, "inter_token_latency": itls, "output_tokens": outputs}
        lists |= {"ttft_": ttfts, "itl_": itls, "tpot_": tpots, "output_tokens": outputs}
        lists |= {"output_(tok/s)": output_speeds, "total_(tok/s)": total_speeds}
        lists |= {"decode_(tok/s)": [1 / tpot for tpot in tpots]}
        sums |= {"output_throughput": outputs, "total_throughput": inputs + outputs}
    for column, values in averages.items():
        if values:
            result[column] = statistics.fmean(values)
    if time_taken > 0:
        result["request_throughput"] = len(succeeded) / time_taken
        result |= {column: math.fsum(values) / time_taken for column, values in sums.items() if values}
    for metric, values in lists.items():
        if values:
            result |= {f"{label}p_{metric}": percentile(values, label) for label in LABELS}
    return result
