"""Make summary_long from summary_raw: a row per run, metric and statistic. Run by rule `long`."""

import argparse
import json
from pathlib import Path

from evalscope_summary import garbage, made
from evalscope_summary.layouts import long_columns, raw_columns
from evalscope_summary.older import note_sources
from evalscope_summary.tables.csv import read_csv_by_parts
from evalscope_summary.tables.csv_lines import write_csv_lines
from evalscope_summary.tables.errors import WrongTable
from evalscope_summary.tables.long import long_lines


def main() -> None:
    """Write the measured cells of each run below each other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("raw", type=Path, help="summary_raw.csv")
    parser.add_argument("long", type=Path, help="summary_long.csv to write")
    options = parser.parse_args()
    garbage.pass_over_what_is_there()
    settings = json.loads(options.settings.read_bytes())
    raw = read_csv_by_parts(options.raw, raw_columns(settings))
    try:
        write_csv_lines(options.long, long_columns(settings), long_lines(raw, settings), settings["csv_bom"])
    except WrongTable as error:
        parser.exit(1, f"{error}\n")
    made.note(options.settings, [options.long])
    note_sources(options.settings, [options.long], [options.raw])


if __name__ == "__main__":
    main()
