"""Measure how tables are written as CSV: by our own writer, and by pandas'.

csv_writers.py               10,000 rows of summary_stats, each with all cells, a third of them floats of 17 digits
csv_writers.py --rows 1000
"""

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parents[1]
sys.path.insert(0, str(HERE / "scripts"))

from evalscope_summary.layouts import stats_columns  # noqa: E402
from evalscope_summary.settings import complete  # noqa: E402
from evalscope_summary.tables.csv import read_csv, write_csv  # noqa: E402
from evalscope_summary.tables.frame import frame  # noqa: E402


def main() -> None:
    """Write one table in turn with both, check that they hold the same, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=3, help="how often each is measured")
    options = parser.parse_args()
    columns, chance = stats_columns(complete({})), random.Random(1)
    kinds: dict[str, Callable[[], object]] = {
        "text": lambda: f"config-{chance.randrange(1000)}",
        "integer": lambda: chance.randrange(1000),
        "float": lambda: chance.choice((chance.random(), round(chance.random(), 4), float(chance.randrange(1000)))),
        "boolean": lambda: chance.random() < 0.5,
    }
    table = frame(columns, ([kinds[column.type]() for column in columns] for _ in range(options.rows)))
    seconds: dict[str, list[float]] = {"own": [], "pandas": []}
    with tempfile.TemporaryDirectory() as folder:
        own, pandas = Path(folder, "own.csv"), Path(folder, "pandas.csv")
        for _ in range(options.times):
            begin = time.process_time()
            write_csv(own, columns, table)
            seconds["own"].append(time.process_time() - begin)
            begin = time.process_time()
            table.assign(stream=table["stream"].map({True: "true", False: "false"})).to_csv(pandas, index=False)
            seconds["pandas"].append(time.process_time() - begin)
        assert read_csv(own, columns).equals(read_csv(pandas, columns))
    medians = {writer: statistics.median(measured) for writer, measured in seconds.items()}
    print(f"{len(table)} rows of {len(columns)} columns: own {medians['own']:.2f} s, pandas {medians['pandas']:.2f} s")
    print(f"pandas / own: {medians['pandas'] / medians['own']:.1f}")


if __name__ == "__main__":
    main()
