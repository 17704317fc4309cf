"""Measure the memory that making tables takes, beside what a job of it asks a scheduler for (`resources.table_memory`).

    memory.py                                   20,000 runs, each its own group, all columns, all statistics
    memory.py --runs 5000 --columns standard --statistics avg std

Prints the largest resident memory of each program.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evalscope_summary import resources
from evalscope_summary.columns import FURTHER
from evalscope_summary.layouts import STATISTICS, raw_columns
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import Row, cells_in
from evalscope_summary.tables.csv import write_csv
from evalscope_summary.tables.csv_lines import write_problems
from evalscope_summary.tables.frame import frame

import report

SCRIPTS = report.HERE / "scripts"


def rows(runs: int) -> Iterator[Row]:
    """Runs of `report.rows`, each with a config of its own and all percentiles."""
    for number, row in enumerate(report.rows(runs)):
        yield row | {"config": f"{row['config']}-{number}"} | {c.name: row["latency"] * 1.1 for c in FURTHER}


def peak(program: str, *arguments: Path) -> float:
    """MB of memory that a program of ours took at most."""
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", _PEAK, sys.executable, SCRIPTS / program, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout) / 1024


_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def main() -> None:
    """Make a table of runs, then all that is made of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--columns", choices=["standard", "all"], default="all")
    parser.add_argument("--statistics", nargs="+", choices=STATISTICS, default=list(STATISTICS))
    options = parser.parse_args()
    settings = complete({"columns": options.columns, "statistics": options.statistics})
    columns = raw_columns(settings)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        chosen, raw, problems = folder / "settings.json", folder / "s_raw.csv", folder / "s_problems.csv"
        chosen.write_text(json.dumps(settings))
        write_csv(raw, columns, frame(columns, map(cells_in(columns), rows(options.runs))))
        write_problems(problems, [])
        stats, overview = folder / "s_stats.csv", [folder / "s_overview.csv", folder / "s_overview.md"]
        asked = resources.table_memory(options.runs, settings, 1) - resources.SNAKEMAKE_MB
        print(f"{options.runs} runs and groups, {options.columns} columns, {len(options.statistics)} statistics")
        print(f"{'asked for, beside Snakemake':40} {asked:6.0f} MB")
        for program, arguments in {
            "stats.py": (raw, stats),
            "overview.py": (raw, problems, *overview),
            "export.py": (stats, folder / "s_stats.parquet"),
            "export.py ": (stats, folder / "s_stats.json"),
            "workbook.py": (overview[0], raw, stats, problems, folder / "s.xlsx"),
        }.items():
            used = peak(program.strip(), chosen, *arguments)
            print(f"{program.strip() + ' → ' + arguments[-1].name:40} {used:6.0f} MB")


if __name__ == "__main__":
    main()
