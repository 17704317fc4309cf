"""Pack what a job that shares no files with Snakemake needs to read a batch's runs. Run by rule `pack`."""

import argparse
import sys
from pathlib import Path

from evalscope_summary.inventory import Inventory
from evalscope_summary.packs import pack
from evalscope_summary.progress import is_quiet
from evalscope_summary.records import Records


def main() -> None:
    """Pack the runs of a batch that have no record yet, or an old one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inventory", type=Path, help="inventory of the batch, in <work folder of the tree>/inventory/")
    parser.add_argument("pack", type=Path, help="the pack to write")
    parser.add_argument("--ship-files", action="store_true", help="pack the files of the runs as well")
    options = parser.parse_args()
    inventory = Inventory.load(options.inventory)
    records = Records(options.inventory.parent.parent / "records")
    packed = pack(inventory, records, options.pack, options.ship_files)
    if not is_quiet():
        print(f"{packed} of {len(inventory.sources)} runs are for a job", file=sys.stderr)


if __name__ == "__main__":
    main()
