"""Put all tables into one workbook for spreadsheets, a sheet for each. Run by rule `workbook`."""

import argparse
import json
from pathlib import Path

from evalscope_summary import garbage, made
from evalscope_summary.headers import MEANING, meanings
from evalscope_summary.older import note_sources
from evalscope_summary.tables.csv import read_csv_by_parts
from evalscope_summary.tables.errors import TooLarge, WrongTable
from evalscope_summary.tables.files import columns_of
from evalscope_summary.tables.frame import frame
from evalscope_summary.tables.xlsx import write_workbook


def main() -> None:
    """Read the CSV tables, write the workbook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("tables", type=Path, nargs="+", help="CSV tables, a sheet for each: summary_raw.csv and so on")
    parser.add_argument("workbook", type=Path, help="summary.xlsx to write")
    options = parser.parse_args()
    garbage.pass_over_what_is_there()
    settings = json.loads(options.settings.read_bytes())
    sheets = {}
    try:
        for path in options.tables:
            table, columns = columns_of(path, settings)
            sheets[table] = (columns, read_csv_by_parts(path, columns))
        explained = meanings({name: columns for name, (columns, _) in sheets.items()}, settings["language"])
        sheets["columns"] = (MEANING, frame(MEANING, (tuple(row.values()) for row in explained)))
        write_workbook(options.workbook, sheets, settings["language"])
    except (WrongTable, TooLarge) as error:
        parser.exit(1, f"{error}\n")
    made.note(options.settings)
    note_sources(options.settings, [options.workbook], options.tables)


if __name__ == "__main__":
    main()
