"""Put all tables into one workbook for spreadsheets, a sheet for each. Run by rule `workbook`."""

import argparse
import json
from pathlib import Path

from evalscope_summary.columns import raw_columns, stats_columns
from evalscope_summary.overview import overview_columns
from evalscope_summary.tables import PROBLEM_COLUMNS, TooLarge, WrongTable, read_csv, write_workbook


def main() -> None:
    """Read the CSV tables, write the workbook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("settings", type=Path, help="JSON file with the settings of this rule")
    parser.add_argument("overview", type=Path, help="summary_overview.csv")
    parser.add_argument("raw", type=Path, help="summary_raw.csv")
    parser.add_argument("stats", type=Path, help="summary_stats.csv")
    parser.add_argument("problems", type=Path, help="summary_problems.csv")
    parser.add_argument("workbook", type=Path, help="summary.xlsx to write")
    options = parser.parse_args()
    settings = json.loads(options.settings.read_bytes())
    columns = {
        "overview": overview_columns(options.overview, settings["label_pattern"]),
        "raw": raw_columns(settings),
        "stats": stats_columns(settings),
        "problems": PROBLEM_COLUMNS,
    }
    try:
        write_workbook(
            options.workbook,
            {name: (own, read_csv(getattr(options, name), own).iter_rows(named=True)) for name, own in columns.items()},
        )
    except (WrongTable, TooLarge) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
