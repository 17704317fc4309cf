"""Fail if summary_problems names a skipped run. Run by rule `strict`."""

import argparse
import csv
from pathlib import Path

from evalscope_summary.problems import printable


def main() -> None:
    """Exit with 1, naming the first skipped runs, if there are any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", type=Path, help="summary_problems.csv")
    options = parser.parse_args()
    with open(options.problems, encoding="utf-8", newline="") as file:
        skipped = [row for row in csv.DictReader(file) if row["severity"] == "skipped"]
    if skipped:
        named = "".join(f"\n  {printable(row['run'])}: {row['code']} ({row['file']})" for row in skipped[:10])
        more = f"\n  and {len(skipped) - 10} more" if len(skipped) > 10 else ""
        parser.exit(1, f"strict: {len(skipped)} runs were skipped, all listed in {options.problems}{named}{more}\n")


if __name__ == "__main__":
    main()
