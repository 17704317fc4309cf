"""Count the requests of one batch's runs that kept the bounds of `slo`. Run by rule `slo`.

The rows of new and changed runs are read, and kept in the work folder; those of the others are there."""

import argparse
import json
import sys
from pathlib import Path

from evalscope_summary import garbage, slo
from evalscope_summary.jsonfile import write_atomically, writing
from evalscope_summary.progress import is_quiet
from evalscope_summary.request_rows import RequestRows


def main() -> None:
    """Read what changed, then count in all runs of the batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory", type=Path, help="inventory of the batch, in <work folder of the tree>/inventory/")
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("batch", help="name of the batch, such as 1-of-8")
    parser.add_argument("target", type=Path, help="the JSON file to write: run → its cells")
    options = parser.parse_args()
    garbage.never_look()
    bounds = json.loads(options.settings.read_bytes())["slo"]
    kept, inventory, read = RequestRows.of_batch(options.inventory, options.batch)
    by_run = {run.name: slo.cells(run, rows, bounds) for source in inventory.sources for run, rows in kept.runs(source)}
    with writing(options.target.parent):
        options.target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.target, json.dumps(by_run).encode("ascii"))
    if not is_quiet():
        print(f"batch {options.batch}: bounds of {len(by_run)} runs; {read} were read", file=sys.stderr)


if __name__ == "__main__":
    main()
