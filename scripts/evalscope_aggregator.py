#!/usr/bin/env python3
"""Summarize a tree of `evalscope perf` results into tables, without Snakemake.

Reads every run each time, with all cores; the Snakemake workflow beside it writes the same files and reads only what
changed. Exit status: 0 when tables were written, 1 when no run was readable, 2 for wrong usage.
"""

import argparse
import io
import locale
import os
import sys
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from evalscope_summary.discovery import Claimed, MissingTree, discover
from evalscope_summary.inventory import wanted_of
from evalscope_summary.layouts import TABLES
from evalscope_summary.problems import printable
from evalscope_summary.record import Record, Wanted
from evalscope_summary.records import Due, Extractor
from evalscope_summary.settings import complete
from evalscope_summary.tables.assembling import Merged, cells_in, entries, merge, sort_problems
from evalscope_summary.tables.comparable import warnings
from evalscope_summary.tables.csv_lines import write_problems

MESSAGES = {
    "en": {
        "description": "Summarize a tree of evalscope perf results: one row per run, and statistics per repeated test",
        "results_dir": "the results tree (default: ./results)",
        "format": "format of the tables: csv or json (default: csv)",
        "output": "beginning of the tables' paths (default: summary)",
        "data_type": "raw: one row per run, stats: statistics per repeated test, both (default: both)",
        "epilog": "Writes OUTPUT_raw and OUTPUT_stats, and OUTPUT_problems.csv with what was left out and why."
        " Exit status: 0 tables were written, 1 no run was readable, 2 wrong usage.",
        "no_tree": "Error: {0}",
        "none_found": "No valid test result folder found",
        "found": "Found {0} test result folders",
        "processed": "Processed: {0}",
        "failed": "Error processing folder {0}: {1}",
        "collected": "Collected {0} raw data records",
        "exported": "Exported {0} data to: {1}",
        "problems": "{0} problems, see {1}",
        "no_data": "No data found, exiting",
        "done": "Data summary complete!",
        "reading": "reading",
    },
    "zh": {
        "description": "Evalscope测试结果数据汇总脚本",
        "results_dir": "results目录路径 (默认: ./results)",
        "format": "输出格式 (默认: csv)",
        "output": "输出文件名前缀 (默认: summary)",
        "data_type": "数据类型：raw=原始数据, stats=统计数据, both=两者 (默认: both)",
        "epilog": "输出 OUTPUT_raw、OUTPUT_stats，以及列出未能读取的内容和原因的 OUTPUT_problems.csv。"
        "退出状态：0 已写出表格，1 没有可读的测试结果，2 用法错误。",
        "no_tree": "错误：results目录不存在: {1}",
        "none_found": "未找到任何有效的测试结果目录",
        "found": "发现 {0} 个测试结果目录",
        "processed": "已处理: {0}",
        "failed": "处理目录 {0} 时出错: {1}",
        "collected": "成功收集 {0} 条原始数据记录",
        "exported": "已导出 {0} 数据到: {1}",
        "problems": "{0} 个问题，详见 {1}",
        "no_data": "没有找到任何数据，脚本退出",
        "done": "数据汇总完成！",
        "reading": "读取中",
    },
}
"""The messages of the original tool, word for word under a `zh` locale, and in English."""

_CHUNK = 16  # runs that a process takes at a time


def language() -> str:
    """`zh` under a Chinese locale, else `en`."""
    name = next((os.environ[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(key)), "")
    name = name or locale.getlocale()[0] or ""
    return "zh" if name.lower().startswith(("zh", "chinese")) else "en"


def read_all(root: str, sources: dict[str, Claimed], wanted: Set[Wanted]) -> Iterator[Record]:
    """Read sources with all cores; yields the records of their runs in the order of `sources`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1  # not on macOS
    due = [Due(path, claimed, wanted) for path, claimed in sources.items()]
    chunks = [due[i : i + _CHUNK] for i in range(0, len(due), _CHUNK)]
    extractors = [Extractor(root, lambda due, records, signature: records) for _ in range(min(cores, len(chunks)))]
    free: SimpleQueue[Extractor[list[Record]]] = SimpleQueue()
    for extractor in extractors:
        extractor.start()  # before there are threads
        free.put(extractor)

    def read(chunk: list[Due]) -> list[list[Record]]:
        extractor = free.get()
        try:
            return extractor(chunk)
        finally:
            free.put(extractor)

    with ThreadPoolExecutor(max(len(extractors), 1)) as pool:
        for found in pool.map(read, chunks):
            yield from (record for records in found for record in records)
    for extractor in extractors:
        extractor.close()


def main() -> int:
    """Parse the arguments, read the tree, write the tables; returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names may hold what its encoding lacks
    say = MESSAGES[language()]
    parser = argparse.ArgumentParser(description=say["description"], epilog=say["epilog"])
    parser.add_argument("--results-dir", default="./results", help=say["results_dir"])
    parser.add_argument("--format", choices=["csv", "json"], default="csv", help=say["format"])
    parser.add_argument("--output", default="summary", help=say["output"])
    parser.add_argument("--data-type", choices=[*TABLES, "both"], default="both", help=say["data_type"])
    options = parser.parse_args()
    settings = complete({})
    try:
        tree = discover(options.results_dir, own=(settings["work_dir"],))
    except MissingTree as error:
        print(say["no_tree"].format(error, options.results_dir), file=sys.stderr)
        return 1
    if not tree.sources:
        print(say["none_found"])
    else:
        print(say["found"].format(len(tree.sources)))
    sources = dict(sorted(tree.sources.items()))
    records = []
    wanted = set(wanted_of(settings))
    for record in _with_progress(read_all(options.results_dir, sources, wanted), len(sources), say):
        records.append(record)
    merged = merge([entries(records, settings, cells_in(TABLES["raw"](settings)))])
    problems = sort_problems([*merged.problems, *warnings(merged, settings), *tree.problems.values()])
    path = Path(f"{options.output}_problems.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_problems(path, problems)
    print(say["collected"].format(len(merged.rows)))
    if problems:
        print(say["problems"].format(len(problems), path))
    if not merged.rows:
        print(say["no_data"])
        return 1
    for table in TABLES if options.data_type == "both" else (options.data_type,):
        path = Path(f"{options.output}_{table}.{options.format}")
        write(path, table, merged, settings)
        print(say["exported"].format(table, path))
    print(say["done"])
    return 0


def write(path: Path, table: str, merged: Merged, settings: dict[str, Any]) -> None:
    """Write one of the tables of runs that were merged as cells in the order of the columns of `summary_raw`."""
    # these import pandas, which the processes that read runs need not
    from evalscope_summary.tables.frame import frame
    from evalscope_summary.tables.stats import statistics
    from evalscope_summary.tables.writers import write_table

    raw = frame(TABLES["raw"](settings), merged.rows)
    write_table(path, TABLES[table](settings), raw if table == "raw" else statistics(raw, settings))


def _with_progress(records: Iterator[Record], count: int, say: dict[str, str]) -> Iterator[Record]:
    """Say what was read: a bar on a terminal, else a line per run, as the original did."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        records = iter(tqdm(records, total=count, desc=say["reading"], unit="run"))
    for record in records:
        run = printable(record.run)
        if record.skipped:
            reasons = "; ".join(problem.message for problem in record.problems if problem.severity == "skipped")
            print(say["failed"].format(run, reasons), file=sys.stderr)
        elif not sys.stderr.isatty():
            where = f"{record.values.get('config', '')}/{record.values.get('timestamp', '')}"
            print(say["processed"].format(printable(where)))
        yield record


if __name__ == "__main__":
    sys.exit(main())
