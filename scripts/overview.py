"""Make summary_overview from summary_raw: the main metrics of each group, as CSV and as Markdown for a report. Run by
rule `overview`."""

import argparse
import json
from pathlib import Path

from evalscope_summary import garbage, made
from evalscope_summary.jsonfile import write_atomically
from evalscope_summary.layouts import raw_columns
from evalscope_summary.older import note_sources
from evalscope_summary.tables.csv import read_csv, read_problems, write_csv
from evalscope_summary.tables.errors import WrongTable
from evalscope_summary.tables.overview import inputs, markdown, overview


def main() -> None:
    """Group the runs, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("raw", type=Path, help="summary_raw.csv")
    parser.add_argument("problems", type=Path, help="summary_problems.csv")
    parser.add_argument("table", type=Path, help="summary_overview.csv to write")
    parser.add_argument("report", type=Path, help="summary_overview.md to write")
    options = parser.parse_args()
    garbage.pass_over_what_is_there()
    settings = json.loads(options.settings.read_bytes())
    try:
        raw = read_csv(options.raw, raw_columns(settings), inputs(settings))
        problems = read_problems(options.problems)
    except WrongTable as error:
        parser.exit(1, f"{error}\n")
    shown = overview(raw, settings, problems)
    write_csv(options.table, shown.columns, shown.table, settings["csv_bom"])
    lines = markdown(shown, len(raw), problems, settings["metrics"], settings["language"])
    write_atomically(options.report, (f"{line}\n".encode() for line in lines))
    made.note(options.settings, [options.table])
    note_sources(options.settings, [options.table, options.report], [options.raw, options.problems])


if __name__ == "__main__":
    main()
