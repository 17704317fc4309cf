"""Rewrite what is generated: what `make example` shows in both READMEs, the columns and problem codes in docs/, the
keys in config/README.md, config/config.yaml, and the conda environments. They come from a run of the workflow on
example/results, the column table, what the readers know, the configuration's schema, and the lock files.

    document.py           rewrite them
    document.py --check   exit with 1 if one of them is out of date
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evalscope_documents import ROOT
from evalscope_documents.environments import ENVIRONMENTS, environment
from evalscope_summary import dictionary
from evalscope_summary.columns import (
    BY_NAME,
    FURTHER_METRICS,
    PERCENTILE_COLUMNS,
    PERCENTILE_METRICS,
    PERCENTS,
    PERFORMANCE,
    SLO,
    STANDARD,
)
from evalscope_summary.discovery import discover
from evalscope_summary.languages import translated
from evalscope_summary.layouts import PROBLEM_COLUMNS, STATISTIC_MEANINGS, measured_columns
from evalscope_summary.problems import CODES
from evalscope_summary.readers import READERS
from evalscope_summary.readers.base import Reader
from evalscope_summary.record import Part
from evalscope_summary.records import read_source
from evalscope_summary.settings import schema

_BEGIN, _END = "<!-- generated: {} -->", "<!-- end of generated -->"

EXCERPTS = {
    "overview": ("config", "parallel", "rate", "runs", "success", "requests/s", "output tok/s", "TTFT (s)"),
    "raw": ("timestamp", "config", "parallel", "rate", "failed", "output_throughput", "ttft", "99p_ttft_"),
    "stats": ("config", "count", "parallel", "output_throughput_avg", "output_throughput_std", "ttft_avg", "ttft_std"),
    "problems": ("severity", "code", "run", "message"),
}
"""The columns of each table that the READMEs show."""

EXCERPT_ROWS = 5

_SHOWN_PERCENT = 90


def columns_table(translations: dict[str, str], head: str, pattern: str) -> str:
    """The columns as a Markdown table; the 60 percentile columns are six lines with a `P`.

    Args:
        translations: description → translated description; empty for English.
        head: the header cells, separated by ` | `.
        pattern: what a percentile's description begins with.
    """
    first = next(number for number, column in enumerate(STANDARD) if column.metric)
    rows = [
        (f"`{column.name}`", column.type, column.unit, translations.get(column.description, column.description))
        for column in (*STANDARD, *SLO)
        if not column.metric
    ]
    rows[first:first] = [
        (
            f"`10p_{metric.suffix}` … `99p_{metric.suffix}`",
            "float",
            metric.unit,
            pattern + translations.get(metric.description, metric.description),
        )
        for metric in PERCENTILE_METRICS
    ]
    return table(head, rows)


def keys_table() -> str:
    """The configuration's keys as a Markdown table."""
    lines = ["| key | default | what it does |", "| --- | --- | --- |"]
    for key, rule in schema()["properties"].items():
        if "default" not in rule:
            continue
        default = json.dumps(rule["default"])
        values = rule.get("enum") or rule.get("items", {}).get("enum")
        allowed = f" Values: {', '.join(f'`{value}`' for value in values)}." if values else ""
        lines.append(f"| `{key}` | {default} | {rule['description'].replace('|', '&#124;')}{allowed} |")
    return "\n".join(lines)


def configuration() -> str:
    """An example configuration file: every key with its default, commented out."""
    lines = [
        "# Every key with its default. Copy this file to config/config.yaml of the folder that you work in (or pass it",
        "# with --configfile), and uncomment what you change. config/README.md says more.",
        "",
    ]
    for key, rule in schema()["properties"].items():
        if "default" not in rule:
            continue
        words, line = rule["description"].split(), "#"
        for word in words:
            if len(line) + len(word) > 115:
                lines.append(line)
                line = "#"
            line += f" {word}"
        value = f"{key}: {json.dumps(rule['default'])}"
        lines += [line, value if key == "results_dir" else f"# {value}", ""]
    return "\n".join(lines)


def table(head: str, rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table.

    Args:
        head: the header cells, separated by ` | `.
        rows: the cells of each row.
    """
    lines = [f"| {head} |", "|" + " --- |" * (head.count("|") + 1)]
    return "\n".join(lines + [f"| {' | '.join(cell.replace('|', '&#124;') for cell in row)} |" for row in rows])


def codes_table(translations: dict[str, str], head: str) -> str:
    """The codes of `summary_problems` as a Markdown table.

    Args:
        translations: meaning → translated meaning; empty for English.
        head: the header cells, separated by ` | `.
    """
    return table(head, ((f"`{code}`", translations.get(meaning, meaning)) for code, meaning in CODES.items()))


def example() -> dict[str, dict[str, str]]:
    """What `make example` prints, and some rows and columns of each table, as Markdown, for each README. Runs the
    workflow.

    Raises:
        SystemExit: the workflow failed; the text is what it said.
    """
    with TemporaryDirectory() as folder:
        results = ROOT / "example" / "results"
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", folder]
        settings = ["--cores", "2", "--config", f"results_dir={results}", "batches=2"]
        outcome = subprocess.run([*command, *settings], capture_output=True, text=True, check=False)
        if outcome.returncode:
            raise SystemExit(outcome.stderr)
        counts = re.findall(r"^\d+ runs? found.*$", outcome.stderr, re.MULTILINE)
        last = re.findall(r'^\t  "(.*)"(?: \\)?$', (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        lines = ["…", *counts, "…", *last]
        excerpts = {name: _excerpt(Path(folder), name) for name in EXCERPTS}
        return {
            readme: {"printed": "\n".join(["```", *(translated(line, to) for line in lines), "```"]), **excerpts}
            for readme, to in (("README.md", "en"), ("README.zh-CN.md", "zh"))
        }


def _excerpt(folder: Path, name: str) -> str:
    """Rows of a table of the example: five that lie as far apart as they can, or all if there are fewer."""
    if name == "overview":  # as it is shown: the Markdown
        lines = (folder / "summary_overview.md").read_text("utf-8").splitlines()
        cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if line.startswith("| ")]
        rows = [dict(zip(cells[0], row, strict=True)) for row in cells[1:]]
    else:
        with (folder / f"summary_{name}.csv").open(newline="", encoding="utf-8") as file:
            rows = [{key: _short(value) for key, value in row.items()} for row in csv.DictReader(file)]
    last = len(rows) - 1
    wanted = (
        range(len(rows)) if last < EXCERPT_ROWS else [round(i * last / (EXCERPT_ROWS - 1)) for i in range(EXCERPT_ROWS)]
    )
    return table(" | ".join(EXCERPTS[name]), ([rows[row][column] for column in EXCERPTS[name]] for row in wanted))


def _short(cell: str) -> str:
    """A cell with a fraction in four significant digits, like those of the overview; any other cell as it is."""
    return f"{float(cell):.4g}" if re.fullmatch(r"-?\d+\.\d+(e-?\d+)?", cell) else cell


def columns_document() -> dict[str, str]:
    """The tables of docs/columns.md."""
    return {
        "raw": table(
            "column | type | unit | meaning | reported | recomputed",
            (
                (
                    f"`{column.name}`",
                    column.type,
                    column.unit,
                    column.description,
                    dictionary.source_in(READERS[0], column),
                    column.recomputed or ("empty" if column.name in PERFORMANCE else "the same"),
                )
                for column in (*STANDARD, *SLO)
                if not column.metric
            ),
        ),
        "percentiles": table(
            "columns | unit | meaning | reported | values that are ranked when recomputed",
            (
                (
                    f"`{{P}}p_{metric.suffix}`",
                    metric.unit,
                    metric.description,
                    dictionary.source_in(READERS[0], BY_NAME[PERCENTILE_COLUMNS[PERCENTS[0], metric.name]]),
                    metric.recomputed,
                )
                for metric in (*PERCENTILE_METRICS, *FURTHER_METRICS)
            ),
        ),
        "statistics": table(
            "statistic | meaning", ((f"`{name}`", meaning) for name, (meaning, _) in STATISTIC_MEANINGS.items())
        ),
        "problems": table("column | meaning", ((f"`{column.name}`", column.description) for column in PROBLEM_COLUMNS)),
        "codes": codes_table({}, "code | meaning"),
        "breaks": table(
            "metric | since | change | measured",
            (
                (definition.name, change.release, change.change, "yes" if change.measured else "")
                for reader, definition, change in dictionary.breaks()
                if reader is READERS[0]
            ),
        ),
        "arguments": table(
            "argument | default",
            ((f"`{name}`", default) for name, default in READERS[0].workload_arguments.items()),
        ),
    }


def long_document() -> dict[str, str]:
    """The table of docs/long.md: metrics of summary_long, and the columns of summary_raw that they are made of."""
    metrics: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name, (metric, statistic, unit) in measured_columns("all").items():
        metrics.setdefault((metric, unit), []).append((statistic, name))
    return {
        "metrics": table(
            "metric | unit | statistics | from",
            (
                (f"`{metric}`", unit, ", ".join(f"`{name}`" for name, _ in own), _columns([name for _, name in own]))
                for (metric, unit), own in metrics.items()
            ),
        )
    }


def _columns(names: Sequence[str]) -> str:
    """Columns of summary_raw; percentiles under one name."""
    return ", ".join(dict.fromkeys(f"`{re.sub('^[0-9]+p_', '{P}p_', name)}`" for name in names))


def tools_document() -> dict[str, str]:
    """The tables of docs/tools.md: of every tool but the first, which docs/columns.md is about."""
    others = READERS[1:]
    return {
        "tools": table(
            "`tool` | its files | request rows",
            (
                (
                    f"`{reader.name}`",
                    ", ".join(f"`*{ending}`" for ending in reader.endings) or f"`{reader.arguments_file}`",
                    reader.rows_file,
                )
                for reader in others
            ),
        ),
        "differences": table(
            "tool | about | what it means | where",
            (
                (f"`{reader.name}`", one.metric, one.meaning, one.basis)
                for reader in others
                for one in reader.differences
            ),
        ),
        "keys": "\n\n".join(f"### {reader.name}\n\n{_keys_of(reader)}" for reader in others),
        "arguments": table(
            "tool | argument | default",
            (
                (f"`{reader.name}`", f"`{name}`", default)
                for reader in others
                for name, default in reader.workload_arguments.items()
            ),
        ),
    }


def _keys_of(reader: Reader) -> str:
    """Where a tool's cells come from; of percentiles, P90 stands for all."""
    shown = [column for column in STANDARD if not column.metric or column.percent == _SHOWN_PERCENT]
    rows = [(f"`{column.name}`", dictionary.source_in(reader, column)) for column in shown]
    return table("column | from", [row for row in rows if row[1]])


CROSS_CHECK = {
    "requests": "requests",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "time_taken": "duration, s",
    "request_throughput": "requests/s",
    "output_throughput": "output tok/s",
    "total_throughput": "total tok/s",
    "latency": "latency, ms",
    "ttft": "TTFT, ms",
    "token_latency": "TPOT, ms",
    "inter_token_latency": "ITL, ms",
    "50p_ttft_": "P50 TTFT, ms",
    "90p_ttft_": "P90 TTFT, ms",
    "99p_latency_": "P99 latency, ms",
}
"""Columns that docs/cross-check.md compares → how it calls them."""


def cross_check_document() -> dict[str, str]:
    """The tables of docs/cross-check.md: what the readers make of the results that were kept of one load."""
    root = str(ROOT / "tests" / "fixtures" / "cross_check")
    runs: dict[str, dict[str, dict[str, Any]]] = {"reported": {}, "recomputed": {}}
    for path, (names, signature) in sorted(discover(root).sources.items()):
        for record in read_source(root, path, names, signature, {"filled", "recomputed"}):
            tool = record.run.partition("/")[0]
            common = record.common.values
            filled, recomputed = (record.derived.get(part, Part()).values for part in ("filled", "recomputed"))
            runs["reported"][tool] = {**filled, **record.reported.values, **common}
            runs["recomputed"][tool] = {**recomputed, **common}
    tools = ("evalscope", *sorted(runs["reported"].keys() - {"evalscope"}))
    return {
        metrics: table(
            " | ".join(("", *(f"`{tool}`" for tool in tools))),
            (
                (name, *(_compared(column, results[tool].get(column)) for tool in tools))
                for column, name in CROSS_CHECK.items()
            ),
        )
        for metrics, results in runs.items()
    }


def _compared(column: str, value: Any) -> str:
    """A cell of docs/cross-check.md; durations but that of the test in milliseconds."""
    if value is None:
        return ""
    in_ms = BY_NAME[column].unit == "s" and column != "time_taken"
    return f"{value * 1000:.1f}" if in_ms else f"{value}" if isinstance(value, int) else f"{value:.2f}"


def between_markers(name: str, content: str) -> Callable[[str], str]:
    """A function that replaces what stands between the markers of `name` in a text."""
    begin = _BEGIN.format(name)
    section = re.compile(f"{re.escape(begin)}.*?{re.escape(_END)}", re.DOTALL)
    return lambda text: section.sub(lambda _: f"{begin}\n\n{content}\n\n{_END}", text)


def main() -> None:
    """Rewrite or check all generated parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if something would change")
    check = parser.parse_args().check
    chinese = json.loads((ROOT / "config" / "columns.zh.json").read_text("utf-8"))
    generated: list[tuple[str, Callable[[str], str]]] = [
        *(
            (readme, between_markers(name, content))
            for readme, contents in example().items()
            for name, content in contents.items()
        ),
        (
            "docs/columns.zh-CN.md",
            between_markers("columns", columns_table(chinese, "列 | 类型 | 单位 | 含义", "百分位数：")),
        ),
        ("docs/columns.zh-CN.md", between_markers("codes", codes_table(chinese, "代码 | 含义"))),
        ("config/README.md", between_markers("keys", keys_table())),
        ("config/config.yaml", lambda _: configuration()),
        *(("docs/columns.md", between_markers(name, content)) for name, content in columns_document().items()),
        *(("docs/long.md", between_markers(name, content)) for name, content in long_document().items()),
        *(("docs/tools.md", between_markers(name, content)) for name, content in tools_document().items()),
        *(("docs/cross-check.md", between_markers(name, content)) for name, content in cross_check_document().items()),
        *((file, lambda _, file=file: environment(file)) for file in ENVIRONMENTS),
    ]
    stale = []
    for name, change in generated:
        path = ROOT / name
        old = path.read_text("utf-8") if path.exists() else ""
        new = change(old)
        if new != old:
            stale.append(name)
            if not check:
                path.write_text(new, "utf-8")
    if stale:
        print(f"{'out of date, run `make docs`' if check else 'rewritten'}: {', '.join(dict.fromkeys(stale))}")
    parser.exit(bool(stale) and check)


if __name__ == "__main__":
    main()
