"""Measure the page of the report: how large it is, and how soon it can be used.

    report.py                                   10,000 runs in 10,000 groups, as sweeps are
    report.py --repeats 5                       10,000 runs in 2,000 groups
    report.py --runs 1000 --keep FOLDER         leave tables and page there
    report.py --tree sweep --keep FOLDER        10 engines at 8 loads, 3 runs each, of which some are missing
    report.py --tree mixed --keep FOLDER        500 runs in 350 configs, of several tools and models
    report.py --tree sweep --times 1 --picture docs/report.png      the picture of the READMEs

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
from functools import partial
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

LEVELS = (1, 2, 4, 8, 16, 32, 64, 128)
RELEASES = (("1.4.1", "1.5.0"), ("1.9.1", "1.10.0"), ("1.12.0", "1.13.0"), ("1.14.1", None))
METRICS = [column.name for column in STANDARD if column.type == "float" and column.name not in GROUP_LABELS]


def measured(chance: random.Random, load: float, speed: float = 1) -> Row:
    """Values of all metrics at a load, of an engine that is faster or slower than others."""
    made = {}
    for name in METRICS:
        grows = speed * load / (1 + load / 60) if "throughput" in name else (1 + load / 40) / speed
        tail = 1 + int(name.partition("p_")[0]) / 100 if name[0].isdigit() else 1
        made[name] = chance.lognormvariate(0, 0.05) * grows * tail * (80 if "throughput" in name else 0.2)
    return made


def rows(runs: int, repeats: int = 5) -> Iterator[Row]:
    """Runs of many configs, each with eight levels of load and some repeats of each level, over a year."""
    chance = random.Random(1)
    for number in range(runs):
        group, repeat = divmod(number, repeats)
        config, level = divmod(group, len(LEVELS))
        release = RELEASES[min(len(RELEASES) - 1, repeat if repeats > 1 else config % 4)]
        yield {
            **measured(chance, LEVELS[level], 1 + config % 5 / 5),
            "timestamp": f"2026{1 + repeat * 2:02}{1 + config % 28:02}_{config % 24:02}{level:02}{repeat:02}",
            "config": f"cluster-{config % 7}/engine-{config % 5}/tp{2 ** (config % 4)}_config-{config}",
            "prompt_length": ("short", "long")[config % 2],
            "max_tokens": (256, 1024)[config % 2],
            "model": f"model-{config % 9}",
            "evalscope_at_least": release[0],
            "evalscope_below": release[1],
            "run": f"cluster-{config % 7}/{config}/2026{repeat:02}/p{LEVELS[level]}_n{10 * LEVELS[level]}",
            **_requests(LEVELS[level]),
        }


def _requests(parallel: int) -> Row:
    counted = {"requests": 10 * parallel, "succeeded": 10 * parallel, "failed": 0, "number": 10 * parallel}
    common = {"api": "openai", "dataset": "line_by_line", "stream": True, "tool": "evalscope"}
    return {"parallel": parallel, **counted, **common}


SWEEP_PATTERN = "(?P<engine>[a-z-]+)_h100x(?P<gpus>[0-9]+)"


def sweep() -> Iterator[Row]:
    """Ten engines at eight loads with three runs each; four runs are missing."""
    chance = random.Random(2)
    engines = ("vllm", "sglang", "tensorrt-llm", "lmdeploy", "mii", "tgi", "llama-cpp", "ktransformers", "mlc", "ours")
    for place, engine in enumerate(engines):
        for parallel in LEVELS:
            for repeat in range(3):
                if (engine, parallel) == ("tgi", 128) or (engine, parallel, repeat) == ("mlc", 64, 2):
                    continue
                config = f"qwen3-32b/{engine}_h100x{(4, 8)[place % 2]}/p{parallel}_n{10 * parallel}_dp_short"
                stamp = f"202607{1 + repeat:02}_{place:02}{parallel % 60:02}00"
                yield {
                    **measured(chance, parallel, 1 + (place * 7 % 10) / 12),
                    "timestamp": stamp,
                    "config": config,
                    "engine": engine,
                    "gpus": str((4, 8)[place % 2]),
                    "model": "qwen3-32b",
                    "prompt_length": "short",
                    "max_tokens": 1024,
                    "evalscope_at_least": "1.14.1",
                    "evalscope_below": None,
                    "run": f"{config}/{stamp}/qwen3-32b",
                    **_requests(parallel),
                }


def mixed() -> Iterator[Row]:
    """Five hundred runs in 350 configs, of models, GPUs and engines that were not all tried with each other."""
    chance = random.Random(3)
    for number in range(506):
        test = number if number < 350 else chance.randrange(350)
        own = random.Random(test)
        gpu, engine = own.choice(("a100", "h100", "h200", "mi300x")), own.choice(("vllm", "sglang", "lmdeploy"))
        model = own.choice(("qwen3-32b", "qwen3-235b-a22b-instruct-2507-fp8", "llama-3.3-70b-instruct", "deepseek-r1"))
        parallel = own.choice(LEVELS)
        folders = f"{gpu}/{engine}-v0.{own.randrange(6, 11)}.{test % 9}/{model}_tp{own.choice((2, 4, 8))}"
        config = f"{folders}/p{parallel}_n{10 * parallel}_dp_{own.choice(('short', 'long'))}_{test}"
        release = RELEASES[number * len(RELEASES) // 506]
        stamp = f"2026{1 + number // 50:02}{1 + number % 27:02}_{number % 24:02}{number % 60:02}00"
        yield {
            **measured(chance, parallel, own.uniform(0.5, 2)),
            "timestamp": stamp,
            "config": config,
            "model": model,
            "prompt_length": "long" if "long" in config else "short",
            "max_tokens": own.choice((256, 1024)),
            "evalscope_at_least": release[0],
            "evalscope_below": release[1],
            "run": f"{config}/{stamp}/{model}",
            **_requests(parallel),
            "tool": own.choice(("evalscope", "evalscope", "vllm")),
        }


def write_tables(folder: Path, made: list[Row], problems: list[Problem], pattern: str = "") -> list[Path]:
    """Write the tables of some runs as the data layer does, and the settings with a `label_pattern`; returns what
    `write_page` reads."""
    settings = complete({"label_pattern": pattern})
    raw, stats, wrong, chosen = (folder / name for name in ("raw.csv", "stats.csv", "problems.csv", "settings.json"))
    table = frame(raw_columns(settings), map(cells_in(raw_columns(settings)), made))
    write_csv(raw, raw_columns(settings), table)
    write_csv(stats, stats_columns(settings), group_statistics(table, settings))
    write_problems(wrong, problems)
    chosen.write_text(json.dumps(settings | {"trees": {"tree": ""}}))
    return [raw, stats, wrong, chosen]


def main() -> None:
    """Make the tables and the page, open it a few times, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=1, help="runs of each test")
    parser.add_argument("--tree", choices=("many", "sweep", "mixed"), default="many", help="what runs there are")
    parser.add_argument("--times", type=int, default=5, help="how often the page is opened")
    parser.add_argument("--keep", type=Path, help="folder for tables and page")
    parser.add_argument("--picture", type=Path, help="where the first screen is kept as PNG")
    options = parser.parse_args()
    from page import write_page
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        made = list({"sweep": sweep, "mixed": mixed}.get(options.tree, partial(rows, options.runs, options.repeats))())
        problems = [Problem("warning", "mixed-definitions", row["run"], "", "of another release") for row in made[::50]]
        if options.tree == "sweep":
            run = next(
                row["run"] for row in made if row["config"].startswith("qwen3-32b/mlc") and row["parallel"] == 64
            )
            stopped = run.replace("20260701", "20260703").replace("20260702", "20260703")
            problems.append(Problem("skipped", "incomplete", stopped, "benchmark.log", "the test left no summary"))
        tables = write_tables(folder, made, problems, SWEEP_PATTERN if options.tree == "sweep" else "")
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
                page.wait_for_timeout(500)  # what is drawn when there is time
                if options.picture:
                    page.screenshot(path=options.picture, clip={"x": 0, "y": 0, "width": 1366, "height": 730})
                begin = time.perf_counter()
                page.evaluate("set_ => report.set(...set_)", ["is.model", [made[-1]["model"]]])
                page.evaluate("report.drawn()")
                filtered.append(time.perf_counter() - begin)
                page.close()
            browser.close()
        for what, seconds in (("usable after", ready), ("a filter takes", filtered)):
            print(f"{what} {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
