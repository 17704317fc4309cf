"""Measure the page of the report: how large it is, and how soon it can be used.

    report.py                                   10,000 runs in 2,000 groups
    report.py --runs 1000 --keep FOLDER         leave tables and page there

The tables have all standard columns, filled with numbers of 17 digits, which is the worst case: evalscope's own are
rounded. Needs what pyproject.toml lists under `report` and `dev`, and Chromium.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parents[1]
sys.path[:0] = [str(HERE / "scripts"), str(HERE / "report")]

from evalscope_summary.columns import GROUP_LABELS, STANDARD  # noqa: E402
from evalscope_summary.layouts import raw_columns, stats_columns  # noqa: E402
from evalscope_summary.problems import Problem  # noqa: E402
from evalscope_summary.settings import complete  # noqa: E402
from evalscope_summary.tables.assembling import Row, cells_in  # noqa: E402
from evalscope_summary.tables.csv import write_csv  # noqa: E402
from evalscope_summary.tables.csv_lines import write_problems  # noqa: E402
from evalscope_summary.tables.frame import frame  # noqa: E402
from evalscope_summary.tables.stats import statistics as group_statistics  # noqa: E402

REPEATS, LEVELS = 5, (1, 2, 4, 8, 16, 32, 64, 128)
RELEASES = (("1.4.1", "1.5.0"), ("1.9.1", "1.10.0"), ("1.12.0", "1.13.0"), ("1.14.1", None))
METRICS = [column.name for column in STANDARD if column.type == "float" and column.name not in GROUP_LABELS]


def rows(runs: int) -> Iterator[Row]:
    """Runs of many configs, each with eight levels of load and five repeats of each level, over a year."""
    chance = random.Random(1)
    for number in range(runs):
        group, repeat = divmod(number, REPEATS)
        config, level = divmod(group, len(LEVELS))
        parallel = LEVELS[level]
        release = RELEASES[min(len(RELEASES) - 1, repeat)]
        yield {
            **{name: chance.lognormvariate(0, 0.2) * (parallel if "throughput" in name else 1) for name in METRICS},
            "timestamp": f"2026{1 + repeat * 2:02}{1 + config % 28:02}_{config % 24:02}{level:02}{repeat:02}",
            "config": f"cluster-{config % 7}/engine-{config % 5}/tp{2 ** (config % 4)}_config-{config}",
            "model": f"model-{config % 9}",
            "parallel": parallel,
            "prompt_length": ("short", "long")[config % 2],
            "max_tokens": (256, 1024)[config % 2],
            "requests": 10 * parallel,
            "succeeded": 10 * parallel,
            "failed": 0,
            "number": 10 * parallel,
            "api": "openai",
            "dataset": "line_by_line",
            "stream": True,
            "evalscope_at_least": release[0],
            "evalscope_below": release[1],
            "run": f"cluster-{config % 7}/{config}/2026{repeat:02}/parallel_{parallel}_number_{10 * parallel}",
        }


def write_tables(folder: Path, made: list[Row], problems: list[Problem]) -> list[Path]:
    """Write the tables of some runs as the data layer does, and the settings; returns what `write_page` reads."""
    settings = complete({})
    raw, stats, wrong, chosen = (folder / name for name in ("raw.csv", "stats.csv", "problems.csv", "settings.json"))
    table = frame(raw_columns(settings), map(cells_in(raw_columns(settings)), made))
    write_csv(raw, raw_columns(settings), table)
    write_csv(stats, stats_columns(settings), group_statistics(table, settings))
    write_problems(wrong, problems)
    chosen.write_text(json.dumps(settings))
    return [raw, stats, wrong, chosen]


def main() -> None:
    """Make the tables and the page, open it a few times, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5, help="how often the page is opened")
    parser.add_argument("--keep", type=Path, help="folder for tables and page")
    options = parser.parse_args()
    from page import write_page
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        made = list(rows(options.runs))
        problems = [Problem("warning", "mixed-definitions", row["run"], "", "of another release") for row in made[::50]]
        tables = write_tables(folder, made, problems)
        begin = time.perf_counter()
        write_page(*tables, output=folder / "summary_report.html")
        print(f"{len(made)} runs: page made in {time.perf_counter() - begin:.1f} s", end="")
        print(f", {(folder / 'summary_report.html').stat().st_size / 1e6:.2f} MB")
        ready, filtered = [], []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for _ in range(options.times):
                page = browser.new_page(viewport={"width": 1366, "height": 768})
                begin = time.perf_counter()
                page.goto((folder / "summary_report.html").absolute().as_uri())
                page.wait_for_selector("html[data-ready]", state="attached")
                ready.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                page.click("[data-filter=model] summary")
                page.check("[data-filter=model] input[value=model-1]")
                page.evaluate("report.drawn()")
                filtered.append(time.perf_counter() - begin)
                page.close()
            browser.close()
        for what, seconds in (("usable after", ready), ("a filter takes", filtered)):
            print(f"{what} {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
