"""Make summary_compare from summary_raw: groups of runs beside those of a baseline. Run by rule `compare`."""

import argparse
import json
import sys
from pathlib import Path

from evalscope_summary import garbage, made
from evalscope_summary.comparison import NOTHING_TO_COMPARE
from evalscope_summary.layouts import compare_columns, raw_columns
from evalscope_summary.older import note_sources
from evalscope_summary.tables.compare import compare, inputs, pairs, why_alone
from evalscope_summary.tables.csv import read_csv, write_csv
from evalscope_summary.tables.errors import NothingToCompare, WrongTable


def main() -> None:
    """Group the runs, and write one row per pair of groups and metric."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("raw", type=Path, help="summary_raw.csv")
    parser.add_argument("compare", type=Path, help="summary_compare.csv to write")
    options = parser.parse_args()
    garbage.pass_over_what_is_there()
    settings = json.loads(options.settings.read_bytes())
    if not settings["compare"]:
        parser.exit(1, f"{options.compare}: {NOTHING_TO_COMPARE}\n")
    try:
        raw = read_csv(options.raw, raw_columns(settings), inputs(settings))
        paired = pairs(raw, settings)
    except (WrongTable, NothingToCompare) as error:
        parser.exit(1, f"{error}\n")
    write_csv(options.compare, compare_columns(settings), compare(raw, paired, settings), settings["csv_bom"])
    if paired.are_alone:
        print(f"evalscope-summary: compare: {why_alone(paired, settings)}", file=sys.stderr)
    made.note(options.settings, [options.compare])
    note_sources(options.settings, [options.compare], [options.raw])


if __name__ == "__main__":
    main()
