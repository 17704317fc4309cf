"""Merge the records of all batches into summary_raw and summary_problems. Run by rule `merge`."""

import argparse
import gc
import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from evalscope_summary.columns import raw_columns
from evalscope_summary.inventory import Inventory
from evalscope_summary.progress import Progress, is_quiet, shown
from evalscope_summary.records import Records
from evalscope_summary.tables.applied_patterns import check_patterns
from evalscope_summary.tables.assembling import Merged, entries, merge, sort_problems
from evalscope_summary.tables.comparable import warnings
from evalscope_summary.tables.csv_lines import csv_cells, write_csv_lines, write_problems
from evalscope_summary.tables.errors import PatternMatchesNothing

_FEW = 1000  # runs that one process merges before another one has started


def part(records: Path, settings: Mapping[str, Any], path: Path) -> Merged:
    """The runs of an inventory, with their lines of CSV; a record that is missing or stale is made on the spot."""
    kept, inventory = Records(records), Inventory.load(path)
    found = (kept.get(inventory, run)[0] for run in inventory.runs)
    merged = entries(found, settings, csv_cells(raw_columns(settings)))
    kept.correct(path)
    return merged


def counted(parts: Iterator[Merged], inventories: list[Inventory], progress: Progress) -> Iterator[Merged]:
    """The parts, one for each inventory; counts their runs as done."""
    for made, inventory in zip(parts, inventories, strict=True):
        progress.done += len(inventory.runs)
        yield made


def main() -> None:
    """Take exactly the runs of the inventories."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("inventories", type=Path, nargs="+", help="inventories of all batches")
    parser.add_argument("--raw", type=Path, required=True, help="summary_raw.csv to write")
    parser.add_argument("--problems", type=Path, required=True, help="summary_problems.csv to write")
    parser.add_argument("--threads", type=int, default=1, help="how many batches to merge at a time (default: 1)")
    options = parser.parse_args()
    gc.disable()  # it ends soon, and leaves next to no garbage
    settings = json.loads(options.settings.read_bytes())
    inventories = [Inventory.load(path) for path in options.inventories]
    runs = sum(len(inventory.runs) for inventory in inventories)
    merge_part = partial(part, options.inventories[0].parent.parent / "records", settings)
    with ExitStack() as stack:
        some = options.threads > 1 and runs > _FEW
        pool = stack.enter_context(ProcessPoolExecutor(options.threads)) if some else None
        # before there is a thread that shows progress
        parts = (pool.map if pool else map)(merge_part, options.inventories)
        progress = stack.enter_context(shown(Progress("merging", runs)))
        made = merge(counted(iter(parts), inventories, progress))
    try:
        check_patterns([entry.labels for entry in made.entries], settings)
    except PatternMatchesNothing as error:
        parser.exit(1, f"{error}\n")
    found = [problem for inventory in inventories for problem in inventory.problems]
    problems = sort_problems([*made.problems, *warnings(made, settings), *found])
    write_csv_lines(options.raw, raw_columns(settings), made.rows)
    write_problems(options.problems, problems)
    skipped = sum(problem.severity == "skipped" for problem in problems)
    if problems or not is_quiet():
        wrong = f"; {len(problems)} problems ({skipped} skipped), see {options.problems}" if problems else ""
        print(f"{len(made.rows)} runs{wrong}", file=sys.stderr)


if __name__ == "__main__":
    main()
