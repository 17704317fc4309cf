"""Compute summary_stats from summary_raw. Run by rule `stats`."""

import argparse
import json
from pathlib import Path

from evalscope_summary import garbage, made
from evalscope_summary.layouts import raw_columns, stats_columns
from evalscope_summary.older import note_sources
from evalscope_summary.tables.csv import read_csv, write_csv
from evalscope_summary.tables.errors import WrongTable
from evalscope_summary.tables.stats import statistics_by_parts


def main() -> None:
    """Group the runs, and write one row per group."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("raw", type=Path, help="summary_raw.csv")
    parser.add_argument("stats", type=Path, help="summary_stats.csv to write")
    options = parser.parse_args()
    garbage.never_look()
    settings = json.loads(options.settings.read_bytes())
    try:
        table = statistics_by_parts(read_csv(options.raw, raw_columns(settings)), settings)
    except WrongTable as error:
        parser.exit(1, f"{error}\n")
    write_csv(options.stats, stats_columns(settings), table, settings["csv_bom"])
    made.note(options.settings, [options.stats])
    note_sources(options.settings, [options.stats], [options.raw])


if __name__ == "__main__":
    main()
