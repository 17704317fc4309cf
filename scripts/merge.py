"""Merge the records of all batches into summary_raw and summary_problems. Run by rule `merge`."""

import argparse
import gc
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from evalscope_summary.columns import raw_columns
from evalscope_summary.groups import PatternMatchesNothing, check_patterns, warnings
from evalscope_summary.inventory import Inventory
from evalscope_summary.progress import Progress, is_quiet, shown
from evalscope_summary.records import Records
from evalscope_summary.run import Record
from evalscope_summary.tables import merge, sort_problems, write_csv, write_problems


def all_records(records: Records, inventories: list[Inventory], progress: Progress) -> Iterator[Record]:
    """The records of all runs, counted."""
    for inventory in inventories:
        for run in inventory.runs:
            yield records.get(inventory, run)[0]
            progress.done += 1


def main() -> None:
    """Take exactly the runs of the inventories; a record that is missing or stale is made on the spot."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("inventories", type=Path, nargs="+", help="inventories of all batches")
    parser.add_argument("--raw", type=Path, required=True, help="summary_raw.csv to write")
    parser.add_argument("--problems", type=Path, required=True, help="summary_problems.csv to write")
    options = parser.parse_args()
    gc.disable()  # it ends soon, and leaves next to no garbage
    settings = json.loads(options.settings.read_bytes())
    records = Records(options.inventories[0].parent.parent / "records")
    inventories = [Inventory.load(path) for path in options.inventories]
    with shown(Progress("merging", sum(len(inventory.runs) for inventory in inventories))) as progress:
        made = merge(all_records(records, inventories, progress), settings)
    try:
        check_patterns(made.rows, settings)
    except PatternMatchesNothing as error:
        parser.exit(1, f"{error}\n")
    found = [problem for inventory in inventories for problem in inventory.problems]
    problems = sort_problems([*made.problems, *warnings(made, settings), *found])
    write_csv(options.raw, raw_columns(settings), made.rows)
    write_problems(options.problems, problems)
    skipped = sum(problem.severity == "skipped" for problem in problems)
    if problems or not is_quiet():
        wrong = f"; {len(problems)} problems ({skipped} skipped), see {options.problems}" if problems else ""
        print(f"{len(made.rows)} runs{wrong}", file=sys.stderr)


if __name__ == "__main__":
    main()
