"""Write a CSV table in another format, which the new file's ending names. Run by rule `export`."""

import argparse
import json
from pathlib import Path

from evalscope_summary import garbage, made
from evalscope_summary.older import note_sources
from evalscope_summary.tables.csv import read_csv_by_parts
from evalscope_summary.tables.errors import TooLarge, WrongTable
from evalscope_summary.tables.files import columns_of
from evalscope_summary.tables.writers import write_table


def main() -> None:
    """Read a table, write it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("source", type=Path, help="the CSV table: summary_raw.csv or summary_stats.csv")
    parser.add_argument("target", type=Path, help="the file to write")
    options = parser.parse_args()
    garbage.pass_over_what_is_there()
    settings = json.loads(options.settings.read_bytes())
    _, columns = columns_of(options.source, settings)
    try:
        write_table(options.target, columns, read_csv_by_parts(options.source, columns), language=settings["language"])
    except (WrongTable, TooLarge) as error:
        parser.exit(1, f"{error}\n")
    made.note(options.settings)
    note_sources(options.settings, [options.target], [options.source])


if __name__ == "__main__":
    main()
