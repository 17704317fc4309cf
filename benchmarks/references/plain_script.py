"""What somebody writes who needs the tables once: reads everything each time, in one process, with the standard
library, and knows the files of evalscope 0.17.1 to 1.4.0 in folders `config/timestamp/model` only.

plain_script.py TREE PREFIX
"""

import csv
import json
import sqlite3
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

KEYS = {
    "time_taken": "Time taken for tests (s)",
    "output_throughput": "Output token throughput (tok/s)",
    "total_throughput": "Total token throughput (tok/s)",
    "request_throughput": "Request throughput (req/s)",
    "latency": "Average latency (s)",
    "ttft": "Average time to first token (s)",
    "token_latency": "Average time per output token (s)",
    "inter_token_latency": "Average inter-token latency (s)",
    "input_tokens": "Average input tokens per request",
    "output_tokens": "Average output tokens per request",
}
GPU = "SELECT AVG(max_gpu_memory_cost), MAX(max_gpu_memory_cost), MIN(max_gpu_memory_cost) FROM result"


def read(run: Path) -> dict[str, Any]:
    """The row of a run."""
    summary = json.loads((run / "benchmark_summary.json").read_text())
    args = json.loads((run / "benchmark_args.json").read_text())
    row = {"timestamp": run.parent.name, "config": run.parent.parent.name}
    row |= {key: args[key] for key in ("model", "parallel", "max_tokens")}
    row |= {column: summary.get(key) for column, key in KEYS.items()}
    connection = sqlite3.connect(run / "benchmark_data.db")
    row["avg_gpu_memory"], row["max_gpu_memory"], row["min_gpu_memory"] = connection.execute(GPU).fetchone()
    connection.close()
    for percentile in json.loads((run / "benchmark_percentile.json").read_text()):
        label = percentile.pop("Percentiles").replace("%", "p")
        row |= {f"{label}_{metric.lower()}": value for metric, value in percentile.items()}
    return row


def group(config: str, rows: list[dict[str, Any]], columns: list[str]) -> dict[str, Any]:
    """The statistics of the runs of a config."""
    result: dict[str, Any] = {"config": config, "count": len(rows)}
    for column in columns:
        values = [row[column] for row in rows if isinstance(row.get(column), (int, float))]
        if values:
            result[f"{column}_avg"] = statistics.mean(values)
            result[f"{column}_std"] = statistics.stdev(values) if len(values) > 1 else 0
            result[f"{column}_min"], result[f"{column}_max"] = min(values), max(values)
    return result


def write(path: str, rows: list[dict[str, Any]]) -> None:
    """Write a CSV table."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(column for row in rows for column in row)))
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Read all runs, write both tables."""
    tree, prefix = Path(sys.argv[1]), sys.argv[2]
    rows = [read(path.parent) for path in sorted(tree.glob("*/*/*/benchmark_summary.json"))]
    write(f"{prefix}_raw.csv", rows)
    groups = defaultdict(list)
    for row in rows:
        groups[row["config"]].append(row)
    columns = [column for column in rows[0] if column not in ("timestamp", "config", "model", "parallel", "max_tokens")]
    write(f"{prefix}_stats.csv", [group(config, members, columns) for config, members in groups.items()])


if __name__ == "__main__":
    main()
