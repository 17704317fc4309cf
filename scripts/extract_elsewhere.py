"""Read the runs of a pack, where Snakemake's files can't be seen. Run by rule `extract_elsewhere`."""

import argparse
from pathlib import Path

from evalscope_summary import garbage
from evalscope_summary.packs import extract
from evalscope_summary.progress import Progress, shown


def main() -> None:
    """Make the records of a pack's runs, and pack them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", type=Path, help="what rule `pack` packed")
    parser.add_argument("records", type=Path, help="the pack of records to write")
    options = parser.parse_args()
    garbage.never_look()
    steps = extract(options.pack, options.records)
    with shown(Progress("reading", next(steps))) as progress:
        for step in steps:
            progress.done += step


if __name__ == "__main__":
    main()
