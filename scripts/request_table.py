"""Put the requests of all batches into one folder, which is the table. Run by rule `requests`."""

import argparse
import os
import shutil
from pathlib import Path

from evalscope_summary import made
from evalscope_summary.jsonfile import writing


def main() -> None:
    """Link the files of the batches, or copy them where that can't be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("parts", type=Path, nargs="+", help="Parquet files of all batches")
    parser.add_argument("table", type=Path, help="folder to make")
    options = parser.parse_args()
    with writing(options.table):
        shutil.rmtree(options.table, ignore_errors=True)
        options.table.mkdir(parents=True)
        for part in options.parts:
            try:
                os.link(part, options.table / part.name)
            except OSError:  # another file system, or one without links
                shutil.copy2(part, options.table / part.name)
    made.note(options.settings)


if __name__ == "__main__":
    main()
