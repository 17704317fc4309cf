#!/usr/bin/env python3
"""Summarize a tree of `evalscope perf` results into tables, without Snakemake.

Reads every run each time, with all cores; the Snakemake workflow beside it writes the same files and reads only what
changed. Exit status: 0 when tables were written, 1 when no run was readable, 2 for wrong usage.
"""

import sys
from collections.abc import Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from evalscope_summary import several
from evalscope_summary.bounded import processors
from evalscope_summary.discovery import Claimed, MissingTree, Tree, discover
from evalscope_summary.folder_labels import WrongLabels
from evalscope_summary.inventory import wanted_of
from evalscope_summary.languages import counts, say, translated
from evalscope_summary.layouts import TABLES
from evalscope_summary.options import Parser
from evalscope_summary.problems import printable, storable
from evalscope_summary.record import Record, Wanted
from evalscope_summary.records import Due, Extractor
from evalscope_summary.settings import WrongConfiguration, complete
from evalscope_summary.tables.assembling import Assembled, assemble_all, cells_in, merge, of_tree, sort_problems
from evalscope_summary.tables.comparable import warnings
from evalscope_summary.tables.csv_lines import write_problems
from evalscope_summary.terminal import put_up_with_closed_pipes
from evalscope_summary.trees import labels_in

_TABLES = ("raw", "stats")
_CHUNK = 16  # runs that a process takes at a time


def read_all(root: str, sources: dict[str, Claimed], wanted: Set[Wanted]) -> Iterator[Record]:
    """Read sources with all cores; yields the records of their runs in the order of `sources`."""
    due = [Due(path, claimed, wanted) for path, claimed in sources.items()]
    chunks = [due[i : i + _CHUNK] for i in range(0, len(due), _CHUNK)]
    extractors = [
        Extractor(root, lambda due, records, signature: records) for _ in range(min(processors(), len(chunks)))
    ]
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
        for some in pool.map(read, chunks):
            yield from (record for records in some for record in records)
    for extractor in extractors:
        extractor.close()


def _parser() -> Parser:
    parser = Parser(
        description=say(
            "Summarize a tree of evalscope perf results: one row per run, and statistics per repeated test"
        ),
        epilog=say(
            "Writes OUTPUT_raw and OUTPUT_stats, and OUTPUT_problems.csv with what was left out and why. Exit status: 0"
            " tables were written, 1 no run was readable, 2 wrong usage."
        ),
    )
    trees = say("the results tree; again for a further one (default: ./results)")
    parser.add_argument("--results-dir", action="append", help=trees)
    formats = say("format of the tables: csv or json (default: csv)")
    parser.add_argument("--format", choices=["csv", "json"], default="csv", help=formats)
    parser.add_argument("--output", default="summary", help=say("beginning of the tables' paths (default: summary)"))
    types = say("raw: one row per run, stats: statistics per repeated test, both (default: both)")
    parser.add_argument("--data-type", choices=[*_TABLES, "both"], default="both", help=types)
    files = say("name of files with labels in the tree, as the workflow's setting labels_file (default: none)")
    parser.add_argument("--labels-file", metavar="NAME", default="", help=files)
    parser.add_argument("--bom", action="store_true", help=say("begin CSV files with a byte order mark, for Excel"))
    return parser


def main() -> int:
    """Parse the arguments, read the tree, write the tables; returns the exit status."""
    put_up_with_closed_pipes()
    options = _parser().parse_args()
    roots: list[str] = options.results_dir or ["./results"]
    given = {"results_dir": roots, "output": options.output, "csv_bom": options.bom, "labels_file": options.labels_file}
    root = roots[0]
    trees: dict[str, Tree] = {}
    try:
        settings = complete(given)
        names = several.names(roots)
        for root, name in names.items():
            trees[root] = discover(root, own=(settings["work_dir"],), labels_file=settings["labels_file"], name=name)
        labels = labels_in(list(trees.values()), settings)
    except MissingTree as error:
        print(say("Error: there is no results folder: {root}", root=root), file=sys.stderr)
        print(translated(str(error)), file=sys.stderr)
        return 1
    except (WrongLabels, WrongConfiguration) as error:
        print(translated(str(error)), file=sys.stderr)
        return 1
    settings["labels"] = list(labels.names)
    total = sum(len(tree.sources) + len(tree.problems) for tree in trees.values())
    print(
        say("Found {number} test result folders", number=total) if total else say("No valid test result folder found")
    )
    wanted = set(wanted_of(settings))
    parts, problems = [], []
    for root, tree in trees.items():
        name = storable(names[root])
        lost = of_tree(tree.problems.values(), name)
        for problem in lost:
            _say_lost(problem.run, problem.message)
        sources = dict(sorted(tree.sources.items()))
        records = list(_with_progress(read_all(root, sources, wanted), len(sources)))
        parts.append(assemble_all(records, settings, cells_in(TABLES["raw"](settings)), labels, name))
        problems += lost
    merged = merge(parts)
    problems = sort_problems([*merged.problems, *warnings(merged, settings), *problems])
    path = Path(f"{settings['output']}_problems.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_problems(path, problems, options.bom)
    print(say("Collected {number} raw data records", number=len(merged.rows)))
    skipped = len({problem.run for problem in problems if problem.severity == "skipped"})
    if problems:
        print(counts(len(merged.rows), skipped, len(problems), str(path)))
    if not merged.rows:
        print(say("No data found, exiting"))
        return 1
    for table in _TABLES if options.data_type == "both" else (options.data_type,):
        path = Path(f"{settings['output']}_{table}.{options.format}")
        write(path, table, merged, settings)
        print(say("Exported {table} data to: {path}", table=table, path=path))
    print(say("Data summary complete!"))
    return 0


def write(path: Path, table: str, merged: Assembled, settings: dict[str, Any]) -> None:
    """Write one of the tables of runs that were merged as cells in the order of the columns of `summary_raw`."""
    # these import pandas, which the processes that read runs need not
    from evalscope_summary.tables.frame import frame
    from evalscope_summary.tables.stats import statistics
    from evalscope_summary.tables.writers import write_table

    raw = frame(TABLES["raw"](settings), merged.rows)
    write_table(
        path, TABLES[table](settings), raw if table == "raw" else statistics(raw, settings), settings["csv_bom"]
    )


def _say_lost(run: str, *messages: str) -> None:
    reason = "; ".join(map(translated, messages))
    print(say("Error processing folder {run}: {reason}", run=printable(run), reason=reason), file=sys.stderr)


def _with_progress(records: Iterator[Record], count: int) -> Iterator[Record]:
    """Say what was read: a bar on a terminal, else a line per run, as the original did."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        records = iter(tqdm(records, total=count, desc=say("reading"), unit="run"))
    for record in records:
        if record.skipped:
            skipped = [problem for problem in record.problems if problem.severity == "skipped"]
            _say_lost(record.run, *(problem.message for problem in skipped))
        elif not sys.stderr.isatty():
            where = f"{record.values.get('config', '')}/{record.values.get('timestamp', '')}"
            print(say("Processed: {run}", run=printable(where)))
        yield record


if __name__ == "__main__":
    sys.exit(main())
