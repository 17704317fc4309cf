"""Write the requests of the runs of one batch as a Parquet file. Run by rule `request_rows`.

The rows of new and changed runs are read, and kept in the work folder; those of the others are there."""

import argparse
import json
import sys
from collections import deque
from contextlib import closing
from pathlib import Path

from evalscope_summary import garbage
from evalscope_summary.folder_labels import NO_LABELS, FolderLabels
from evalscope_summary.inventory import labels_beside, part_of
from evalscope_summary.jsonfile import replacing
from evalscope_summary.layouts import request_columns
from evalscope_summary.problems import in_tree
from evalscope_summary.progress import Progress, is_quiet, shown
from evalscope_summary.records import Records
from evalscope_summary.request_rows import RequestRows
from evalscope_summary.tables.assembling import assemble
from evalscope_summary.tables.request_table import RequestTable


def main() -> None:
    """Read what changed, then write the requests of all runs of the batch, run by run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory", type=Path, help="inventory of the batch, in <work folder of the tree>/inventory/")
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("batch", help="name of the batch, such as 1-of-8")
    parser.add_argument("table", type=Path, help="the Parquet file to write")
    options = parser.parse_args()
    garbage.never_look()
    settings = json.loads(options.settings.read_bytes())
    kept, inventory, read = RequestRows.of_batch(options.inventory, options.batch)
    folders = NO_LABELS
    if settings["labels_file"]:
        folders = FolderLabels.load(
            labels_beside(options.settings, part_of(options.inventory, settings["trees"])).read_bytes()
        )
    folder = options.inventory.parent.parent
    tree = settings["trees"][folder.name]
    records = Records(folder / "records")
    count = len(inventory.sources)
    columns, bar = request_columns(settings), Progress(f"requests of batch {options.batch}", count)
    with shown(bar) as progress, replacing(options.table) as temp, closing(RequestTable(temp, columns)) as table:
        for source in inventory.sources:
            labels = {}
            for record in records.get(inventory, source):
                if not record.skipped:
                    assembled = assemble(
                        record, {**settings, "metrics": "reported", "fill_percentiles": False}, folders, tree
                    )
                    labels[assembled["run"]] = assembled
            for run, blocks in kept.runs(source):
                row = labels.get(in_tree(tree, run.name))
                if row:
                    table.add(row, blocks)
                else:  # its files changed since its record was made
                    print(f"{run.name}: it is left out, as it is not in summary_raw", file=sys.stderr)
                    deque(blocks, 0)
            progress.done += 1
    records.extractor(inventory).close()
    if not is_quiet():
        print(f"batch {options.batch}: {table.rows} requests; {read} of {count} runs were read", file=sys.stderr)


if __name__ == "__main__":
    main()
