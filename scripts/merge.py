"""Merge the records of all batches into summary_raw and summary_problems. Run by rule `merge`."""

import argparse
import gc
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from evalscope_summary import made
from evalscope_summary.inventory import Inventory
from evalscope_summary.layouts import raw_columns
from evalscope_summary.progress import Progress, is_quiet, shown
from evalscope_summary.records import Records
from evalscope_summary.tables.assembling import Merged, entries, merge, sort_problems
from evalscope_summary.tables.comparable import warnings
from evalscope_summary.tables.csv_lines import csv_cells, write_csv_lines, write_problems
from evalscope_summary.tables.errors import PatternMatchesNothing
from evalscope_summary.tables.repeats import check_patterns

_FEW = 1000  # runs that one process merges before another one has started


def part(records: Path, settings: Mapping[str, Any], path: Path) -> tuple[Merged, bytes]:
    """The runs of an inventory, with their lines of CSV, and a digest of what was read.

    A record that is missing or stale is made on the spot.
    """
    kept, inventory = Records(records), Inventory.load(path)
    found = (record for source in inventory.sources for record in kept.get(inventory, source))
    merged = entries(found, settings, csv_cells(raw_columns(settings)))
    kept.correct(path)
    return merged, hashlib.sha256(kept.as_read(inventory)).digest()


def counted(
    parts: Iterator[tuple[Merged, bytes]], inventories: list[Inventory], progress: Progress, digests: list[bytes]
) -> Iterator[Merged]:
    """The parts, one for each inventory; counts their sources as done, and collects the digests."""
    for (merged, digest), inventory in zip(parts, inventories, strict=True):
        progress.done += len(inventory.sources)
        digests.append(digest)
        yield merged


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
    runs = sum(len(inventory.sources) for inventory in inventories)
    merge_part = partial(part, options.inventories[0].parent.parent / "records", settings)
    with ExitStack() as stack:
        some = options.threads > 1 and runs > _FEW
        pool = stack.enter_context(ProcessPoolExecutor(options.threads)) if some else None
        # before there is a thread that shows progress
        parts = (pool.map if pool else map)(merge_part, options.inventories)
        progress = stack.enter_context(shown(Progress("merging", runs)))
        digests: list[bytes] = []
        merged = merge(counted(iter(parts), inventories, progress, digests))
    try:
        check_patterns([entry.labels for entry in merged.entries], settings)
    except PatternMatchesNothing as error:
        parser.exit(1, f"{error}\n")
    found = [problem for inventory in inventories for problem in inventory.problems]
    problems = sort_problems([*merged.problems, *warnings(merged, settings), *found])
    write_csv_lines(options.raw, raw_columns(settings), merged.rows)
    write_problems(options.problems, problems)
    made.note(options.settings, [options.raw, options.problems], made.digest_of(digests))
    skipped = sum(problem.severity == "skipped" for problem in problems)
    if problems or not is_quiet():
        wrong = f"; {len(problems)} problems ({skipped} skipped), see {options.problems}" if problems else ""
        print(f"{len(merged.rows)} runs{wrong}", file=sys.stderr)


if __name__ == "__main__":
    main()
