"""Read the new and changed runs of one batch into records. Run by rule `extract`."""

import argparse
import gc
import sys
import time
from pathlib import Path

from evalscope_summary.inventory import Inventory
from evalscope_summary.records import Records, extract

_SAY_EVERY = 2.0  # seconds


def main() -> None:
    """Read a batch's inventory, make its records, and remove those of runs that are gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory", type=Path, help="inventory of the batch, in <work folder of the tree>/inventory/")
    parser.add_argument("batch", help="name of the batch, such as 1-of-8")
    options = parser.parse_args()
    gc.disable()  # it ends soon, and leaves next to no garbage
    inventory = Inventory.load(options.inventory)
    records = Records(options.inventory.parent.parent / "records")
    number, batches = (int(part) for part in options.batch.split("-of-"))
    read = 0
    said = time.monotonic()
    for done, was_read in enumerate(extract(inventory, records), 1):
        read += was_read
        if time.monotonic() - said > _SAY_EVERY:
            said = time.monotonic()
            print(f"batch {options.batch}: {done} of {len(inventory.runs)} runs", file=sys.stderr)
    removed = records.remove_others(inventory, number - 1, batches)
    kept = len(inventory.runs) - read
    print(f"batch {options.batch}: {read} runs read, {kept} unchanged, {removed} gone", file=sys.stderr)


if __name__ == "__main__":
    main()
