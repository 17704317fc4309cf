"""Read the new and changed runs of one batch into records. Run by rule `extract`."""

import argparse
import sys
from pathlib import Path

from evalscope_summary import garbage
from evalscope_summary.inventory import Inventory, left_out_beside
from evalscope_summary.progress import Progress, is_quiet, shown
from evalscope_summary.records import Records, extract


def main() -> None:
    """Read a batch's inventory, make its records, and remove those of runs that are gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory", type=Path, help="inventory of the batch, in <work folder of the tree>/inventory/")
    parser.add_argument("batch", help="name of the batch, such as 1-of-8")
    parser.add_argument("records", type=Path, nargs="?", help="pack of records that a job made elsewhere")
    options = parser.parse_args()
    garbage.never_look()
    inventory = Inventory.load(options.inventory)
    records = Records(options.inventory.parent.parent / "records")
    number, batches = (int(part) for part in options.batch.split("-of-"))
    if options.records:
        from evalscope_summary.packs import unpack  # imports what nobody else needs

        received = unpack(options.records, inventory, records)
        print(f"batch {options.batch}: {received} runs read by a job elsewhere", file=sys.stderr)
    records.extractor(inventory).start()  # before there is a thread that shows progress
    read = 0
    with shown(Progress(f"batch {options.batch}", len(inventory.sources))) as progress:
        for claimed, was_read in zip(inventory.sources.values(), extract(inventory, records), strict=True):
            progress.done += 1
            if was_read:
                read += 1
                progress.size += sum(status[0] for status in claimed.signature.values() if status)
    records.extractor(inventory).close()
    removed = records.remove_others(inventory, number - 1, batches, left_out_beside(options.inventory))
    records.correct(options.inventory)
    if not is_quiet():
        kept = len(inventory.sources) - read
        print(f"batch {options.batch}: {read} runs read, {kept} unchanged, {removed} gone", file=sys.stderr)


if __name__ == "__main__":
    main()
